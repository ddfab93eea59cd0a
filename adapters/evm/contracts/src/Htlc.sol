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
///
/// The payee may consent to a refund before the time lock: an EIP-712 signature by its key over the id,
/// under the domain of this deployment. A payee that is a contract has no key and cannot consent.
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
    event ClosedByConsent(bytes32 indexed id);

    error LaneNotFree();
    error NotOpen();
    error NoConsent();
    error TimeLocked();
    error PaymentFailed();
    error WrongAmountReceived();
    error Reentered();

    uint256 private constant OPEN = 1 << 255;

    /// Half of the order of secp256k1: every signature has a twin with s above it.
    uint256 private constant HIGHEST_S = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    bytes32 private constant EARLY_REFUND = keccak256("EarlyRefund(bytes32 id)");

    /// The EIP-712 separator of chain id and address, part of every id too. It is fixed at deployment:
    /// after a chain split that renames this chain, open contracts must still be payable, so the chain id
    /// is not read anew.
    bytes32 public immutable domain = keccak256(
        abi.encode(
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
            keccak256("Kofo Htlc"),
            keccak256("1"),
            block.chainid,
            address(this)
        )
    );

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

    /// Pays the contract back before its time lock, because its payee has signed that it may be.
    function refundByConsent(Leg calldata leg, bytes32 secretHash, uint8 v, bytes32 r, bytes32 s) external {
        bytes32 id = close(leg, secretHash);
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", domain, keccak256(abi.encode(EARLY_REFUND, id))));
        // ecrecover answers zero for what is no signature.
        if (leg.payee == address(0) || uint256(s) > HIGHEST_S || ecrecover(digest, v, r, s) != leg.payee) {
            revert NoConsent();
        }
        emit ClosedByConsent(id);
        pay(leg.refundTo == address(0) ? leg.funder : leg.refundTo, leg.token, leg.amount);
    }

    /// Redeems what can be redeemed and skips the rest. Members in a row with the same payee that carry
    /// the native coin are paid at once; a member with tokens is redeemed in a call of its own. Each payment,
    /// and each such call, gets at most itemGas; one that fails leaves its contracts open. The sender
    /// provides the gas for all of them.
    function redeemMany(Redemption[] calldata items, uint256 itemGas) external {
        bytes32[] memory ids = new bytes32[](items.length); // of what is closed and not yet paid
        uint256 i = 0;
        while (i < items.length) {
            if (items[i].leg.token == address(0)) {
                i = redeemRow(items, ids, i, itemGas);
            } else {
                try this.redeem{gas: itemGas}(items[i].leg, items[i].secret) {} catch {}
                ++i;
            }
        }
    }

    /// Refunds each member in a call of its own with at most itemGas, so that a bad one is undone and
    /// skipped alone.
    function refundMany(Reclaim[] calldata items, uint256 itemGas) external {
        for (uint256 i = 0; i < items.length; ++i) {
            try this.refund{gas: itemGas}(items[i].leg, items[i].secretHash) {} catch {}
        }
    }

    /// Redeems the members from start on that carry the native coin to one payee, and returns the place
    /// after them.
    function redeemRow(Redemption[] calldata items, bytes32[] memory ids, uint256 start, uint256 payGas)
        private
        returns (uint256 end)
    {
        address payee = items[start].leg.payee;
        uint256 sum = 0;
        bool some = false;
        end = start;
        unchecked {
            do {
                Redemption calldata item = items[end];
                bytes32 id = tryClose(item.leg, sha256(abi.encode(item.secret)));
                if (id != 0) {
                    ids[end] = id;
                    sum += item.leg.amount; // the deployment holds them all
                    some = true;
                }
                ++end;
            } while (end < items.length && items[end].leg.payee == payee && items[end].leg.token == address(0));
        }
        if (!some) return end;

        bool paid = payPlain(payee, sum, payGas);
        for (uint256 i = start; i < end; ++i) {
            bytes32 id = ids[i];
            if (id == 0) continue;
            Redemption calldata item = items[i];
            // A payment that failed has undone whatever happened in it, so the lane is still as closed
            // above.
            if (paid) emit Redeemed(id, item.secret);
            else slots[laneKey(item.leg.funder, item.leg.lane)] = uint256(id);
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
        id = tryClose(leg, secretHash);
        if (id == 0) revert NotOpen();
    }

    /// Is zero where the lane does not hold exactly this contract.
    function tryClose(Leg calldata leg, bytes32 secretHash) private returns (bytes32 id) {
        // idOf of call data. A word of it that is no address or number gives the id of no contract.
        bytes32 separator = domain;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, separator)
            calldatacopy(add(free, 32), leg, 256)
            mstore(add(free, 288), secretHash)
            id := or(keccak256(free, 320), OPEN)
        }
        uint256 key = laneKey(leg.funder, leg.lane);
        if (slots[key] != uint256(id)) return 0;
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

    /// Sends coins with a cap of gas, and reads nothing of what comes back: a long answer would be paid
    /// for by the sender of the batch.
    function payPlain(address to, uint256 amount, uint256 payGas) private returns (bool ok) {
        assembly ("memory-safe") {
            ok := call(payGas, to, amount, 0, 0, 0, 0)
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
