// Package backend lets an adapter ask one of several nodes of its chain, and
// finds out which of them to believe.
//
// A Pool holds the back ends' names and what is known of each. Reads go to one
// healthy back end at a time, which stays the same until it fails; a context
// from Pin sends everything that is asked with it to one named back end, which
// is how agreement is asked for. Broadcasts go to all healthy ones. Run asks
// every back end for its head and compares:
//
//	unreachable    gives no answer; asked again with its first good answer
//	wrong chain    serves another genesis
//	stale          further behind the others than MaxLag for LagTime
//	ahead          it names a height and does not show the blocks, or is alone
//	               further ahead of all others than MaxLag, for LagTime
//	went back      its head fell on a branch that the others still have
//	contradicts    another block than most, where all have settled, or a block
//	               that it does not show, for LagTime
//	lied           an answer was proved to be false, see Accuse
//
// A height is only a number. Where heads are too far apart, or the blocks differ,
// everybody shows its own: nobody is stale because one other says so, but by two
// that agree, by the one other that shows its blocks on top of a block that both
// have, or by blocks that cost work, of which one is believed by itself. With two
// back ends of a chain whose blocks cost nothing, a made-up chain of linked blocks
// can't be told from the true one; such a chain wants three.
//
// All but the first are set aside, with the reason and the time, and come back
// once they have agreed with the others for Probation. With a single back end
// there is nobody to turn to: its faults are shown, and it is asked all the
// same. Where none is good, the least bad one is asked: a redeem of a known
// secret must go somewhere.
//
// The caller owes: Run for as long as the pool is used, and Close at its end;
// Accuse where it can prove an answer false, and only there; answers tied to block
// hashes, since the next question may go to another back end.
package backend
