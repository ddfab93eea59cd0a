package adapters

import "github.com/kofo-network/kofo/htlc"

// Signs are what a block shows to somebody who watches for others and does not
// know their contracts: the ids of everything that may be a contract's funding,
// in the form of Fact.Ref, and everything that may be a secret.
type Signs struct {
	Fundings []string
	Secrets  []htlc.Secret
}

// Entrusted is what somebody else needs to spend a contract of ours to our own
// address while we cannot: a watchtower. A redeem lacks its secret.
type Entrusted struct {
	// Target names the contract, for those who read whether it is locked.
	Target string
	// Funding is what a block shows of the funding, as in Signs.
	Funding string
	// Spends are signed already, by rising feerate; on chains where anybody may
	// spend to our address there are none, and Call is what is sent.
	Spends []EntrustedSpend
	Call   []byte
}

// EntrustedSpend is one of them, in the adapter's own form.
type EntrustedSpend struct {
	FeeRate uint64 // of the chain's usual unit, see Tx
	Raw     []byte
}
