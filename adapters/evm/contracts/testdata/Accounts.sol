// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Refuses the native coin until told otherwise.
contract RefusingAccount {
    bool public accepting;

    function setAccepting(bool accepting_) external {
        accepting = accepting_;
    }

    receive() external payable {
        require(accepting, "refused");
    }
}

/// Calls a target again whenever it is paid, and remembers whether the nested call succeeded.
contract ReenteringAccount {
    address public target;
    bytes public data;
    uint256 public received;
    uint256 public succeeded;

    function setHook(address target_, bytes calldata data_) external {
        target = target_;
        data = data_;
    }

    receive() external payable {
        received += 1;
        if (received < 3) {
            (bool ok,) = target.call(data);
            if (ok) succeeded += 1;
        }
    }
}

/// Calls a target while it is paid, with success, and refuses the coins all the same.
contract SpitefulAccount {
    address public target;
    bytes public data;
    bool private inside;

    function setHook(address target_, bytes calldata data_) external {
        target = target_;
        data = data_;
    }

    receive() external payable {
        if (inside) return;
        inside = true;
        (bool ok,) = target.call(data);
        require(ok, "nested call");
        revert("refused");
    }
}

/// Burns all gas that it is given.
contract BurningAccount {
    uint256 private sink;

    receive() external payable {
        for (uint256 i = 0;; ++i) sink = i;
    }
}

/// Returns as much data as the gas allows.
contract BombAccount {
    receive() external payable {
        assembly {
            revert(0, 1000000)
        }
    }
}

/// Takes coins until told to refuse them, to burn all gas, or to answer with as much data as the gas allows.
contract MoodyAccount {
    uint256 public mood;

    function setMood(uint256 mood_) external {
        mood = mood_;
    }

    receive() external payable {
        if (mood == 0) return;
        require(mood != 1, "refused");
        while (mood == 2) {}
        assembly {
            revert(0, 1000000)
        }
    }
}

/// What a delegated account points to: takes coins and counts them.
contract DelegateAccount {
    uint256 public payments;

    receive() external payable {
        payments += 1;
    }
}

/// Sends several calls in one transaction, so that their order inside a block is fixed.
contract Caller {
    function callAll(address target, bytes[] calldata data) external payable returns (bool[] memory ok) {
        ok = new bool[](data.length);
        for (uint256 i = 0; i < data.length; ++i) (ok[i],) = target.call(data[i]);
    }
}

/// Looks like the deployment in its events, keeps nothing.
contract LookAlike {
    event Funded(bytes32 indexed id);
    event Redeemed(bytes32 indexed id, bytes32 secret);
    event Refunded(bytes32 indexed id);

    function emitFunded(bytes32 id) external payable {
        emit Funded(id);
    }

    function emitRedeemed(bytes32 id, bytes32 secret) external {
        emit Redeemed(id, secret);
    }

    function emitRefunded(bytes32 id) external {
        emit Refunded(id);
    }
}
