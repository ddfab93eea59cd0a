package htlc

import (
	"crypto/sha256"
	"errors"
	"fmt"
)

// Version is the only version of the Terms that this package reads.
const Version uint16 = 1

// HashSHA256 is the only hash function that the Terms may name.
const HashSHA256 uint8 = 1

// Bounds of the Terms.
const (
	MinLegs       = 2
	MaxLegs       = 8
	MaxKeyLen     = 64
	MaxDeployLen  = 64
	MaxAssetIDLen = 160
)

// Errors of Terms.Validate. Each is wrapped with the leg or field at fault.
var (
	ErrVersion       = errors.New("unknown version of the terms")
	ErrHashFunction  = errors.New("the hash function must be SHA-256")
	ErrRing          = errors.New("the legs must form a ring: party k pays party k+1 by leg k")
	ErrPartyTwice    = errors.New("a party stands in the ring twice")
	ErrAmountZero    = errors.New("the amount is zero")
	ErrKey           = errors.New("a leg needs both parties' keys or addresses of 1 to 64 bytes")
	ErrConfirmations = errors.New("min confirmations must be from 1 to 10,000")
	ErrServiceFee    = errors.New("terms of this version carry no service fee")
	ErrZeroHash      = errors.New("the secret hash or the salt is zero")
)

// Timing is what the time locks of one leg were computed from, in seconds. It
// stands in the Terms, so that two versions of the software judge one
// document alike. See Schedule for how the numbers are used.
type Timing struct {
	ClockLead  uint32 // most that the chain's clock runs ahead of real time
	ClockLag   uint32 // most that it runs behind
	FundWindow uint32 // to broadcast the funding and see it in a block
	BuryFund   uint32 // from the first block to MinConfirmations, at stress fees
	BuryRedeem uint32 // from broadcast to buried, at stress fees
	BuryRefund uint32
	Sighting   uint32 // to notice a spend of this leg
}

// Leg is one transfer of a swap: Payer pays Amount of Asset to Payee.
type Leg struct {
	Payer, Payee uint8 // indices into Terms.Parties
	Asset        AssetID
	Amount       Amount
	ServiceFee   Amount

	// PayerKey and PayeeKey are what the chain binds the refund and the
	// redeem to: compressed public keys (33 bytes) in the Bitcoin family,
	// addresses (20 bytes) on EVM chains, where the payer is also the funder.
	PayerKey, PayeeKey []byte

	// Deployment, Lane and Sequence are the chain parameters that the payer
	// chose; empty and zero on chains without deployments.
	Deployment []byte
	Lane       uint64
	Sequence   uint64

	MinConfirmations uint32
	Timing           Timing
	FundBy           int64 // unix seconds, by the leg's chain clock
	TimeLock         int64 // unix seconds: when refund opens, by the chain clock
}

// Chain is the chain of the leg's asset.
func (l Leg) Chain() ChainID { return l.Asset.Chain() }

// Terms is the one document that the parties agree on. From it alone each of
// them computes every contract on every chain.
type Terms struct {
	Version    uint16
	Hash       uint8
	SecretHash SecretHash
	Salt       Salt
	Outage     uint32 // seconds that a party may be offline between legs
	AcceptBy   int64  // unix seconds; no signature is given later
	Parties    []PartyID
	Legs       []Leg
}

// ID is the SHA-256 of the canonical encoding.
func (t Terms) ID() SwapID { return sha256.Sum256(t.Encode()) }

// Incoming is the index of the leg that pays the party.
func (t Terms) Incoming(party int) int { return (party + len(t.Legs) - 1) % len(t.Legs) }

// Outgoing is the index of the leg that the party pays.
func (t Terms) Outgoing(party int) int { return party }

// Party returns the index of a party, or -1.
func (t Terms) Party(id PartyID) int {
	for i, p := range t.Parties {
		if p == id {
			return i
		}
	}
	return -1
}

// Validate checks everything that the Terms alone can show, the schedule
// included. It says nothing of whether a chain or an asset is known.
func (t Terms) Validate() error {
	switch {
	case t.Version != Version:
		return fmt.Errorf("%w: %d", ErrVersion, t.Version)
	case t.Hash != HashSHA256:
		return fmt.Errorf("%w, not hash id %d", ErrHashFunction, t.Hash)
	case t.SecretHash == SecretHash{} || t.Salt == Salt{}:
		return ErrZeroHash
	}
	if err := t.validateRing(); err != nil {
		return err
	}
	for i, leg := range t.Legs {
		if err := leg.validate(); err != nil {
			return fmt.Errorf("leg %d: %w", i, err)
		}
	}
	return t.CheckSchedule()
}

func (t Terms) validateRing() error {
	n := len(t.Legs)
	if n < MinLegs || n > MaxLegs || len(t.Parties) != n {
		return fmt.Errorf("%w: %d legs, %d parties", ErrRing, n, len(t.Parties))
	}
	for i, leg := range t.Legs {
		if int(leg.Payer) != i || int(leg.Payee) != (i+1)%n {
			return fmt.Errorf("%w: leg %d goes from %d to %d", ErrRing, i, leg.Payer, leg.Payee)
		}
		if t.Party(t.Parties[i]) != i {
			return fmt.Errorf("%w: %s", ErrPartyTwice, t.Parties[i])
		}
	}
	return nil
}

func (l Leg) validate() error {
	if err := l.Asset.Validate(); err != nil {
		return err
	}
	switch {
	case len(l.Asset) > MaxAssetIDLen:
		return fmt.Errorf("%w: more than %d characters", ErrBadAssetID, MaxAssetIDLen)
	case l.Amount.IsZero():
		return ErrAmountZero
	case !l.ServiceFee.IsZero():
		return ErrServiceFee
	case len(l.PayerKey) == 0 || len(l.PayerKey) > MaxKeyLen,
		len(l.PayeeKey) == 0 || len(l.PayeeKey) > MaxKeyLen,
		len(l.Deployment) > MaxDeployLen:
		return ErrKey
	case l.MinConfirmations == 0 || l.MinConfirmations > 10_000:
		return fmt.Errorf("%w: %d", ErrConfirmations, l.MinConfirmations)
	}
	return nil
}
