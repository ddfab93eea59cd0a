// Package rescue redeems and refunds without a node: from the seed, the Terms,
// and what a person reads off a block explorer.
//
// It works on a machine that has no network. It computes every contract anew
// from the Terms, compares what was typed in with them, and signs. What it
// cannot see it says.
//
// The caller owes it care with two things. What it returns for a redeem holds
// the secret. And facts that were typed in are believed: a wrong clock or depth
// opens the gate of an initiator's reveal for nothing.
package rescue

import (
	"errors"
	"fmt"
	"slices"

	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/copies"
	"github.com/kofo-network/kofo/internal/signer"
	"github.com/kofo-network/kofo/internal/vault"
	"github.com/kofo-network/kofo/internal/wallet"
)

// Reasons of errors, as the table of reasons has them.
const (
	ReasonMismatch = "RESCUE_MISMATCH"
	ReasonHeld     = "RESCUE_HELD"
	ReasonForeign  = "COPY_FOREIGN"
	ReasonDamaged  = "COPY_DAMAGED"
	ReasonNotOpen  = "REFUND_NOT_OPEN"
)

// Error has a reason of the table.
type Error struct {
	reason string
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Reason is the stable code.
func (e *Error) Reason() string { return e.reason }

func mismatch(format string, args ...any) error {
	return &Error{ReasonMismatch, fmt.Errorf(format, args...)}
}

// Kit is a swap with the keys of one of its parties.
type Kit struct {
	Terms htlc.Terms
	Self  int
	keys  *wallet.Keys
	party htlc.PartyID
}

// Open reads the Terms from what is at hand: a copy that is encrypted to the
// seed, signed Terms as text, or an acceptance. A ticket alone is one half.
func Open(keys *wallet.Keys, content []byte) (*Kit, error) {
	identity, err := keys.Identity()
	if err != nil {
		return nil, err
	}
	k := &Kit{keys: keys, party: identity.PartyID()}
	if k.Terms, err = k.read(content); err != nil {
		return nil, err
	}
	if k.Self = slices.Index(k.Terms.Parties, k.party); k.Self < 0 {
		return nil, &Error{ReasonForeign, fmt.Errorf("this seed is party %s, which has no part in swap %s", k.party, k.Terms.ID())}
	}
	return k, nil
}

func (k *Kit) read(content []byte) (htlc.Terms, error) {
	text := string(content)
	kind, err := htlc.KindOfText(text)
	if err != nil {
		return k.readCopy(content, err)
	}
	switch kind {
	case htlc.TextTerms:
		signed, err := htlc.ParseSignedTerms(text)
		return signed.Terms, damaged(err)
	case htlc.TextAcceptance:
		a, err := htlc.ParseAcceptance(text)
		if err == nil {
			err = a.Terms.Validate()
		}
		return a.Terms, damaged(err)
	case htlc.TextOffer:
		return htlc.Terms{}, mismatch("this is a ticket, which has the initiator's half only; take the copy of the terms, or the acceptance that answered it")
	case htlc.TextCountersignature:
		return htlc.Terms{}, mismatch("this is a countersignature, which has no terms in it; take the copy of the terms, or the acceptance")
	}
	return htlc.Terms{}, mismatch("this is a text of an unknown kind")
}

func (k *Kit) readCopy(content []byte, notText error) (htlc.Terms, error) {
	v, err := vault.New(k.keys)
	if err != nil {
		return htlc.Terms{}, err
	}
	c, err := copies.Open(v, content)
	switch {
	case err == nil:
		return c.Signed.Terms, nil
	case errors.Is(err, vault.ErrForeign):
		return htlc.Terms{}, &Error{ReasonForeign, err}
	}
	return htlc.Terms{}, &Error{ReasonDamaged, fmt.Errorf("neither a copy of terms (%w) nor a text (%w)", err, notText)}
}

func damaged(err error) error {
	if err == nil {
		return nil
	}
	return &Error{ReasonDamaged, err}
}

// Party is this seed's.
func (k *Kit) Party() htlc.PartyID { return k.party }

// Initiator reports whether the secret is ours to derive.
func (k *Kit) Initiator() bool { return k.Self == 0 }

// In is the leg that pays us, Out the one that we pay.
func (k *Kit) In() int { return k.Terms.Incoming(k.Self) }

// Out is the leg that we pay.
func (k *Kit) Out() int { return k.Terms.Outgoing(k.Self) }

// Secret derives the initiator's.
func (k *Kit) Secret() (htlc.Secret, error) {
	secret, err := k.keys.Secret(k.Terms.Salt)
	if err != nil {
		return secret, err
	}
	if !k.Initiator() || !secret.Opens(k.Terms.SecretHash) {
		return htlc.Secret{}, mismatch("the secret is the initiator's: type in the one that the other chain shows")
	}
	return secret, nil
}

// Family tells how a leg's chain works.
type Family string

// The families.
const (
	Bitcoin Family = "bitcoin"
	EVM     Family = "evm"
)

// FamilyOf is by the namespace of the chain's id.
func (k *Kit) FamilyOf(leg int) (Family, error) {
	switch chain := k.Terms.Legs[leg].Chain(); chain.Namespace() {
	case "bip122":
		return Bitcoin, nil
	case "eip155":
		return EVM, nil
	default:
		return "", mismatch("chain %s is of no family that is known here", chain)
	}
}

func (k *Kit) bitcoin(leg int) (*bitcoin.Offline, error) {
	chain := k.Terms.Legs[leg].Chain()
	keys, err := signer.BitcoinKeysOf(k.keys, chain)
	if err != nil {
		return nil, err
	}
	return bitcoin.NewOffline(chain, keys)
}

func (k *Kit) evm(leg int) (*evm.Offline, error) {
	account, err := k.keys.EVMAccount(0)
	if err != nil {
		return nil, err
	}
	return evm.NewOffline(k.Terms.Legs[leg], account)
}
