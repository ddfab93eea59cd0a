// Package tower is a watchtower: it holds sealed packages of nodes that may be
// down when it matters, and spends their contracts to their owners' addresses.
//
// A package carries everything that one spend needs and no key. It is sealed
// with something that the chains show only when the spend is due:
//
//	kind    found by             opened by            pushed
//	refund  the funding's id     the funding's id     once the time lock is open
//	redeem  the secret's hash    the secret's hash    at once, with the secret
//
// What a tower learns, and when: at registration the owner's identity, the
// size, the kind, until when it is kept, and 16 bytes that it can relate to
// nothing. When a refund package opens, the contract, its time lock and where
// a refund would go, which the chain shows soon after if it comes to that.
// When a redeem package opens, the contract and where the redeem goes, which
// the chain shows at once. It never learns the terms, the other leg, or a
// secret that was not public before. It can do harm only by doing nothing:
// every spend that it holds pays the owner alone.
//
// Whether a spend is done is read from the chain's state with every block, and
// only a contract that stays unlocked for the asked depth is left alone. So a
// reorganisation at any time makes the tower begin again.
//
//	      Register            the chains show what opens it
//	nothing ----> sealed ------------------------> open ----> done
//	                 |                              |   spent, and deep enough
//	                 +---> expired                  +--> pushed with every block
//
// The caller owes a Tower one Step at a time for each chain, with the blocks in
// order, and a Store that is durable when it returns: a package is
// acknowledged to its owner only then.
package tower
