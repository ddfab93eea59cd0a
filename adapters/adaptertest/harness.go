package adaptertest

import (
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Harness is an adapter and its chain as the suite sees them. The suite's
// cases share the chain and run one after the other; each makes parties of its
// own, so that none depends on what another left behind.
type Harness struct {
	Profile  Profile
	Parties  Parties
	Chain    Chain
	Endpoint Endpoint
}

// Profile is what differs between chains by nature and not by quality.
type Profile struct {
	// Asset is the chain's own coin.
	Asset htlc.AssetID
	// Amount of a leg; Coin pays one such leg with its fees, but not two.
	Amount, Coin htlc.Amount
	Timing       htlc.Timing
	// PayeeNeedsCoin: a redeem is paid by the payee's account, not out of the
	// contract.
	PayeeNeedsCoin bool
	// Consents are what the chain has a cooperative spend for; where there are
	// none, its adapter is no Cosigner.
	Consents []htlc.Intent
	// Nowhere are texts that are not addresses of this chain.
	Nowhere []string
}

// Party is a wallet that the harness made.
type Party int

// Parties makes wallets and runs adapters for them.
type Parties interface {
	// New makes a party that was never used, with keys and stores of its own
	// and, confirmed deeply enough to be spent, the given coins.
	New(t *testing.T, coins ...htlc.Amount) Party
	// Open runs an adapter for the party until the test ends. Opened again it is
	// the same party after a restart: the same keys and stores, nothing else.
	Open(t *testing.T, p Party) Adapter
}

// Chain controls the chain. Nothing is mined but on its command, and its clock
// stands between blocks.
type Chain interface {
	// Mine makes n blocks of what waits in the mempool.
	Mine(t *testing.T, n int)
	// Reorg replaces the last depth blocks by depth+1 others. With keep their
	// transactions stand at the same heights; without, they are in no block and,
	// where the node can forget them, not in the mempool either.
	Reorg(t *testing.T, depth int, keep bool)
	// AdvanceClock mines until the tip's Clock is exactly to.
	AdvanceClock(t *testing.T, to int64)
	// FeePaid is what a mined transaction has cost.
	FeePaid(t *testing.T, tx adapters.Tx) htlc.Amount
}

// Endpoint is the way from all adapters to their node.
type Endpoint interface {
	// Restore leads to the chain again.
	Restore()
	// Cut ends all connections and takes none.
	Cut()
	// Stall takes connections and requests and never answers.
	Stall()
	// Mislead ends all connections; later ones reach a node of another chain of
	// the same family.
	Mislead()
	// Sent returns and forgets what the adapters have sent since it was called
	// last, in clear.
	Sent() []byte
}
