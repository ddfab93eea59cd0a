// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// The two calls and the view that Htlc needs of a token. Return values are read by hand, because
/// some tokens return nothing.
interface IToken {
    function balanceOf(address account) external view returns (uint256);
    function transfer(address to, uint256 amount) external;
    function transferFrom(address from, address to, uint256 amount) external;
}

/// Htlc holds contracts locked by the SHA-256 of a 32-byte secret and by a time lock, in the native
/// coin or in any plain ERC-20 token. It has no owner, no upgrade, no fee and no pause.
///
/// Every funder owns 2^64 lanes. A lane is one storage slot that is used again and again:
///
///     free  ->  sequence number (0 at first), top bit 0
///     open  ->  id of the contract,           top bit 1
///
/// fund turns a free lane into an open one, if the funder names the lane's present sequence number;
/// redeem and refund turn it back into a free one with the next number. So only the funder can occupy
/// its lanes, an old funding transaction sent again reverts, and no contract can be paid out twice. A
/// funder who needs a single contract takes a random lane at sequence 0; the 1 that stays behind
/// marks it as used for good.
///
/// Nothing of a contract but its id is stored: whoever redeems or refunds repeats the leg in the
/// call data and the id proves it. Anybody may do so, the coins only go to the addresses in the leg.
contract Htlc {
    struct Leg {
        address funder;
        uint64 lane;
        uint64 sequence;
        address payee;
        address refundTo; // zero for the funder
        address token; // zero for the native coin
        uint256 amount;
        uint64 timeLock; // unix seconds from which refund is allowed
    }

    struct Funding {
        uint64 lane;
        uint64 sequence;
        address payee;
        address refundTo;
        uint256 amount;
        bytes32 secretHash;
        uint64 timeLock;
    }

    struct Redemption {
        Leg leg;
        bytes32 secret;
    }

    struct Reclaim {
        Leg leg;
        bytes32 secretHash;
    }

    event Funded(bytes32 indexed id);
    event Redeemed(bytes32 indexed id, bytes32 secret);
    event Refunded(bytes32 indexed id);

    error LaneNotFree();
    error NotOpen();
    error TimeLocked();
    error PaymentFailed();
    error WrongAmountReceived();
    error Reentered();

    uint256 private constant OPEN = 1 << 255;

    /// Chain id and address, fixed at deployment: after a chain split that renames this chain, open
    /// contracts must still be payable, so the chain id is not read anew.
    bytes32 public immutable domain = keccak256(abi.encode(block.chainid, address(this)));

    /// One word per lane, found by laneKey. Read by slot().
    mapping(uint256 laneKey => uint256) private slots;

    bool private transient measuring;

    /// What the lane holds: its sequence number if free, the id of its contract if open.
    function slot(address funder, uint64 lane) external view returns (uint256) {
        return slots[laneKey(funder, lane)];
    }

    /// Locks msg.value.
    function fund(
        uint64 lane,
        uint64 sequence,
        address payee,
        address refundTo,
        bytes32 secretHash,
        uint64 timeLock
    ) external payable {
        Leg memory leg = Leg(msg.sender, lane, sequence, payee, refundTo, address(0), msg.value, timeLock);
        if (!open(leg, secretHash)) revert LaneNotFree();
    }

    /// Locks tokens that the sender has approved. A token that delivers less than the amount is
    /// refused; one that changes balances later cannot be recognised here.
    function fundToken(
        uint64 lane,
        uint64 sequence,
        address payee,
        address refundTo,
        address token,
        uint256 amount,
        bytes32 secretHash,
        uint64 timeLock
    ) external {
        // Without this a token that calls back could have one delivery counted by two fundings.
        if (measuring) revert Reentered();
        measuring = true;

        Leg memory leg = Leg(msg.sender, lane, sequence, payee, refundTo, token, amount, timeLock);
        if (!open(leg, secretHash)) revert LaneNotFree();
        uint256 before = IToken(token).balanceOf(address(this));
        callToken(token, abi.encodeCall(IToken.transferFrom, (msg.sender, address(this), amount)));
        if (IToken(token).balanceOf(address(this)) - before != amount) revert WrongAmountReceived();

        measuring = false;
    }

    /// Locks several amounts of the native coin. Members whose lane is not free are skipped and their
    /// coins returned, with any excess, to the sender.
    function fundMany(Funding[] calldata fundings) external payable {
        uint256 left = msg.value;
        for (uint256 i = 0; i < fundings.length; ++i) {
            Funding calldata f = fundings[i];
            if (f.amount > left) continue;
            Leg memory leg =
                Leg(msg.sender, f.lane, f.sequence, f.payee, f.refundTo, address(0), f.amount, f.timeLock);
            if (open(leg, f.secretHash)) left -= f.amount;
        }
        if (left > 0) pay(msg.sender, address(0), left);
    }

    /// Pays the contract to its payee. Allowed at any time until it is refunded.
    function redeem(Leg calldata leg, bytes32 secret) external {
        bytes32 id = close(leg, sha256(abi.encode(secret)));
        emit Redeemed(id, secret);
        pay(leg.payee, leg.token, leg.amount);
    }

    /// Pays the contract back. Allowed once the time lock has opened.
    function refund(Leg calldata leg, bytes32 secretHash) external {
        if (block.timestamp < leg.timeLock) revert TimeLocked();
        bytes32 id = close(leg, secretHash);
        emit Refunded(id);
        pay(leg.refundTo == address(0) ? leg.funder : leg.refundTo, leg.token, leg.amount);
    }

    /// Redeems each member in a call of its own with at most itemGas, so that a bad one is undone and
    /// skipped alone.
    function redeemMany(Redemption[] calldata items, uint256 itemGas) external {
        for (uint256 i = 0; i < items.length; ++i) {
            try this.redeem{gas: itemGas}(items[i].leg, items[i].secret) {} catch {}
        }
    }

    /// Refunds each member as redeemMany redeems it.
    function refundMany(Reclaim[] calldata items, uint256 itemGas) external {
        for (uint256 i = 0; i < items.length; ++i) {
            try this.refund{gas: itemGas}(items[i].leg, items[i].secretHash) {} catch {}
        }
    }

    /// Occupies the lane if it is free at the leg's sequence number. The type of sequence keeps its top
    /// bit 0, so that an open lane never equals it.
    function open(Leg memory leg, bytes32 secretHash) private returns (bool) {
        uint256 key = laneKey(leg.funder, leg.lane);
        if (slots[key] != leg.sequence) return false;
        bytes32 id = idOf(leg, secretHash);
        slots[key] = uint256(id);
        emit Funded(id);
        return true;
    }

    /// Frees the lane, before any coins move.
    function close(Leg calldata leg, bytes32 secretHash) private returns (bytes32 id) {
        id = bytes32(OPEN) | keccak256(abi.encode(domain, leg, secretHash));
        uint256 key = laneKey(leg.funder, leg.lane);
        if (slots[key] != uint256(id)) revert NotOpen();
        slots[key] = uint256(leg.sequence) + 1;
    }

    function laneKey(address funder, uint64 lane) private pure returns (uint256) {
        return uint256(uint160(funder)) << 64 | lane;
    }

    function idOf(Leg memory leg, bytes32 secretHash) private view returns (bytes32) {
        return keccak256(abi.encode(domain, leg, secretHash)) | bytes32(OPEN);
    }

    function pay(address to, address token, uint256 amount) private {
        if (token == address(0)) {
            (bool ok,) = to.call{value: amount}("");
            if (!ok) revert PaymentFailed();
        } else {
            callToken(token, abi.encodeCall(IToken.transfer, (to, amount)));
        }
    }

    /// Accepts true and, from an account that has code, nothing at all.
    function callToken(address token, bytes memory data) private {
        (bool ok, bytes memory result) = token.call(data);
        if (!ok) revert PaymentFailed();
        bool accepted = result.length == 0 ? token.code.length > 0 : abi.decode(result, (bool));
        if (!accepted) revert PaymentFailed();
    }
}
