package adapters

// Answer is what a back end says to a question that it may not understand.
type Answer uint8

// The answers.
const (
	Untold Answer = iota
	Yes
	No
)

// Settings are what a back end says of itself, for people who set it up. What
// it does not tell stays Untold, and Peers -1.
type Settings struct {
	Peers int
	// Pruned: it has thrown old blocks away.
	Pruned Answer
	// Indexed: it finds any transaction by its id.
	Indexed Answer
}
