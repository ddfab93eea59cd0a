// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A plain token: returns true, and an infinite allowance is not reduced.
contract PlainToken {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    event Transfer(address indexed from, address indexed to, uint256 amount);
    event Approval(address indexed owner, address indexed spender, uint256 amount);

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
        emit Transfer(address(0), to, amount);
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        emit Approval(msg.sender, spender, amount);
        return true;
    }

    function transfer(address to, uint256 amount) external virtual returns (bool) {
        move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external virtual returns (bool) {
        spend(from, amount);
        move(from, to, amount);
        return true;
    }

    function spend(address from, uint256 amount) internal {
        uint256 allowed = allowance[from][msg.sender];
        if (allowed != type(uint256).max) allowance[from][msg.sender] = allowed - amount;
    }

    function move(address from, address to, uint256 amount) internal virtual {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        emit Transfer(from, to, amount);
    }
}

/// Returns nothing, as the largest dollar token does.
contract NoReturnToken {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// Keeps a fee, in hundredths of a percent, of everything moved. Starts without one.
contract FeeToken is PlainToken {
    uint256 public fee;

    function setFee(uint256 fee_) external {
        fee = fee_;
    }

    function move(address from, address to, uint256 amount) internal override {
        balanceOf[from] -= amount;
        balanceOf[to] += amount - amount * fee / 10000;
        balanceOf[address(0xfee)] += amount * fee / 10000;
        emit Transfer(from, to, amount);
    }
}

/// Reports failure by false instead of reverting, when told to.
contract FalseToken is PlainToken {
    bool public failing;

    function setFailing(bool failing_) external {
        failing = failing_;
    }

    function transfer(address to, uint256 amount) external override returns (bool) {
        if (failing) return false;
        move(msg.sender, to, amount);
        return true;
    }
}

/// Refuses to pay listed accounts, as tokens with block lists do.
contract BlockingToken is PlainToken {
    mapping(address => bool) public blocked;

    function setBlocked(address account, bool blocked_) external {
        blocked[account] = blocked_;
    }

    function move(address from, address to, uint256 amount) internal override {
        require(!blocked[from] && !blocked[to], "blocked");
        super.move(from, to, amount);
    }
}

/// Calls a target of its owner's choice in the middle of each transfer, and can move less than asked
/// so that a nested delivery would stand for the outer one.
contract HookToken is PlainToken {
    address public target;
    bytes public data;
    bool public skipOuter;
    bool public nestedSucceeded;

    function setHook(address target_, bytes calldata data_, bool skipOuter_) external {
        target = target_;
        data = data_;
        skipOuter = skipOuter_;
        nestedSucceeded = false;
    }

    /// Lets the token itself be a funder.
    function approveFrom(address owner, address spender, uint256 amount) external {
        allowance[owner][spender] = amount;
    }

    function move(address from, address to, uint256 amount) internal override {
        address t = target;
        if (t == address(0)) {
            super.move(from, to, amount);
            return;
        }
        target = address(0);
        (nestedSucceeded,) = t.call(data);
        if (!skipOuter) super.move(from, to, amount);
    }
}

/// Changes everybody's balance by a factor, in percent.
contract RebasingToken {
    mapping(address => uint256) private shares;
    mapping(address => mapping(address => uint256)) public allowance;
    uint256 public factor = 100;

    function setFactor(uint256 factor_) external {
        factor = factor_;
    }

    function balanceOf(address account) public view returns (uint256) {
        return shares[account] * factor / 100;
    }

    function mint(address to, uint256 amount) external {
        shares[to] += amount * 100 / factor;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        allowance[from][msg.sender] -= amount;
        move(from, to, amount);
        return true;
    }

    function move(address from, address to, uint256 amount) private {
        uint256 moved = amount * 100 / factor;
        shares[from] -= moved;
        shares[to] += moved;
    }
}
