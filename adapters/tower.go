package adapters

import "github.com/kofo-network/kofo/htlc"

// Signs are what a block shows to somebody who watches for others and does not
// know their contracts: the ids of everything that may be a contract's funding,
// in the form of Fact.Ref, and everything that may be a secret.
type Signs struct {
	Fundings []string
	Secrets  []htlc.Secret
}
