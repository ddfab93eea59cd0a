// Package agreement brings two nodes to one set of signed Terms, in three
// steps: the initiator's Offer (a ticket), the participant's Accept, and the
// initiator's Countersign, which binds exactly one acceptance. The answer
// travels by the port Peers or by hand as text; both ways end in the same
// calls.
//
// What keeps it safe:
//
//   - Nothing that the other party sends is trusted. Terms are built anew from
//     the offer and compared in every byte.
//   - Durable before visible: a record is stored before what it says is sent,
//     and every step repeated gives the same bytes.
//   - A draft is stored before anything is reserved, so that a crash leaves no
//     reservation without a record to release it by.
//   - Before anything is signed, the coins of our leg are reserved and the fee
//     of the redeem that pays us is kept back, on both chains in one name,
//     until the swap closes or the agreement ends.
//   - The heights of both chains are noted before anything is let out of hand.
//   - A salt or secret hash is used once in the life of the store.
//   - Accept-by is wall time and decides on agreement only, never on money:
//     nobody funds without all signatures, and what a late or lost
//     countersignature can cost is decided by the gates on chain time.
//
// A participant that has sent its acceptance may be bound without knowing it,
// when the answer got lost. It asks again until a grace after accept-by and
// keeps its reservations for so long. Letting go then is safe: without the
// countersignature it has funded nothing, and never will.
//
// The caller owes it a call of Tick every second or so, which expires, asks
// again, releases and hands over what an earlier call could not, and a Store
// that is durable when it returns.
package agreement
