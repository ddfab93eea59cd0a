package main

import (
	"crypto/sha256"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// kind is what a transaction of a model chain does.
type kind uint8

const (
	kindFund kind = iota + 1
	kindMismatch
	kindRedeem
	kindRefund
	kindConsent
	kindVoid // takes a coin or a nonce that something else needs
)

var kindNames = [...]string{"none", "fund", "mismatch", "redeem", "refund", "consent", "void"}

func (k kind) String() string { return kindNames[k] }

// eve is everybody who is not a node of ours.
const eve = 99

// tx is a transaction of a model chain. What a node stores and hands back as
// raw bytes is its id; nobody can change what stands behind one.
type tx struct {
	id       string
	kind     kind
	by       int // whose key signs it
	contract string
	amount   int64
	secret   []byte
	intent   htlc.Intent // of a spend by consent
	rate     int64       // pays for itself: a transaction has size one
	ins      []string
	outs     []output
	account  string // whose nonce it uses, on chains with accounts
	nonce    uint64
}

// output is a coin: of a party, or locked in a contract.
type output struct {
	owner    int
	contract string
	amount   int64
}

// contract is what the Terms make of a leg on its chain.
type contract struct {
	id           string
	hash         htlc.SecretHash
	timeLock     int64
	payer, payee int
	amount       int64
}

// opens is the contract's own check of a secret. loose is planted bug A1: a
// chain whose contract does not look at the size.
func (c *contract) opens(secret []byte, loose bool) bool {
	if len(secret) != htlc.SecretSize && !loose {
		return false
	}
	return sha256.Sum256(secret) == c.hash
}

// contractOf computes a leg's contract from the Terms, as an adapter does.
func contractOf(terms htlc.Terms, leg int) (adapters.Contract, error) {
	id := terms.ID()
	return adapters.Contract{ID: fmt.Sprintf("%x-%d", id[:6], leg), Swap: id, Leg: leg, Chain: terms.Legs[leg].Chain()}, nil
}

// mined is a transaction in a block; one that failed did nothing but cost.
type mined struct {
	tx *tx
	ok bool
}

// fact is what a mined or seen transaction says of its contract. Transactions
// that say nothing give no fact.
func (t *tx) fact(account bool) (adapters.Fact, bool) {
	f := adapters.Fact{Contract: t.contract, TxID: t.id}
	ref := t.contract
	if !account && len(t.ins) > 0 {
		ref = t.ins[0]
	}
	switch t.kind {
	case kindFund, kindMismatch:
		f.Kind, f.Ref = adapters.Funded, t.contract
		if !account {
			f.Ref = t.id + ":0"
		}
		if t.kind == kindMismatch {
			f.Kind, f.Detail = adapters.Mismatched, "another amount"
		}
		return f, true
	case kindRedeem:
		f.Kind, f.Ref = adapters.Redeemed, ref
		if secret, err := htlc.NewSecret(t.secret); err == nil {
			f.Secret = &secret
		}
		return f, true
	case kindRefund:
		f.Kind, f.Ref = adapters.Refunded, ref
		return f, true
	case kindConsent:
		f.Kind, f.Ref = adapters.ClosedByConsent, ref
		return f, true
	case kindVoid:
	}
	return f, false
}
