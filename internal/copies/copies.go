// Package copies keeps what a restore needs of a swap outside the database:
// the signed Terms, which party we are, how far back the chains must be read,
// and the ticket. With the seed, one copy is enough.
//
// A copy is encrypted to the seed by internal/vault and padded, under a name
// that says nothing: whoever finds it learns that a swap exists, no more.
//
// The caller owes it a folder that no other program writes to.
package copies

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/vault"
)

// Version of the content. Newer ones are refused, older ones are read.
const Version = 1

const (
	// padTo hides how long the Terms are.
	padTo = 2 << 10
	// MaxSize bounds a copy: two texts at their longest, and what is around
	// them.
	MaxSize = 3*htlc.MaxTextLen + 4<<10
)

// Errors of Open.
var (
	ErrVersion = errors.New("the copy was written by a newer version")
	ErrContent = errors.New("the copy opens, but what it says is not valid")
)

// Copy is what a restore needs.
type Copy struct {
	Signed htlc.SignedTerms // with Since: no funding is older
	Self   int              // which of the parties we are
	Ticket string           // the offer; empty where there is none
	// Note: we are the Initiator, and this far with showing the secret.
	Note htlc.RevealNote
}

// body is the encrypted form. Terms and ticket stand in it as the texts that
// travel, which carry checksums and versions of their own.
type body struct {
	Version int    `json:"version"`
	Self    int    `json:"self"`
	Terms   string `json:"terms"`
	Ticket  string `json:"ticket,omitempty"`
	// Neither is a secret, and both are padded like the rest.
	RevealBegun bool `json:"revealBegun,omitempty"`
	RevealOut   bool `json:"revealOut,omitempty"`
}

// Seal encrypts a copy. Terms that not all have signed are refused: such a
// copy would be worth nothing.
func Seal(v *vault.Vault, c Copy) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("copy of the terms: %w", err)
	}
	plain, err := json.Marshal(body{
		Version: Version, Self: c.Self, Terms: c.Signed.Text(), Ticket: c.Ticket,
		RevealBegun: c.Note >= htlc.NoteBegun, RevealOut: c.Note == htlc.NoteOut,
	})
	if err != nil {
		return nil, fmt.Errorf("copy of the terms: %w", err)
	}
	short := (padTo - len(plain)%padTo) % padTo
	return v.Seal(append(plain, bytes.Repeat([]byte{' '}, short)...))
}

// Open decrypts a copy and checks it: intact, of a known version, signed by
// all parties.
func Open(v *vault.Vault, sealed []byte) (Copy, error) {
	if len(sealed) > MaxSize {
		return Copy{}, fmt.Errorf("%w: %d bytes", vault.ErrDamaged, len(sealed))
	}
	plain, err := v.Open(sealed)
	if err != nil {
		return Copy{}, err
	}
	return decode(plain)
}

func decode(plain []byte) (Copy, error) {
	var b body
	if err := json.Unmarshal(plain, &b); err != nil {
		return Copy{}, fmt.Errorf("%w: %w", ErrContent, err)
	}
	if b.Version != Version {
		return Copy{}, fmt.Errorf("%w: version %d", ErrVersion, b.Version)
	}
	c := Copy{Self: b.Self, Ticket: b.Ticket}
	switch {
	case b.RevealOut: // alone where an earlier version wrote it, before the reveal
		c.Note = htlc.NoteOut
	case b.RevealBegun:
		c.Note = htlc.NoteBegun
	}
	var err error
	if c.Signed, err = htlc.ParseSignedTerms(b.Terms); err != nil {
		return Copy{}, fmt.Errorf("%w: %w", ErrContent, err)
	}
	if err := c.check(); err != nil {
		return Copy{}, fmt.Errorf("%w: %w", ErrContent, err)
	}
	return c, nil
}

func (c Copy) check() error {
	if err := c.Signed.Verify(); err != nil {
		return err
	}
	if c.Self < 0 || c.Self >= len(c.Signed.Terms.Parties) {
		return fmt.Errorf("there is no party %d", c.Self)
	}
	if c.Ticket == "" {
		return nil
	}
	offer, err := htlc.ParseTicket(c.Ticket)
	if err == nil && offer.Offer.Salt != c.Signed.Terms.Salt {
		err = errors.New("the ticket is that of another swap")
	}
	return err
}

// Opening is the event that opens the swap anew. Since says from where the
// chains must be read; without it, from their beginning.
func (c Copy) Opening() htlc.TermsSigned {
	return htlc.TermsSigned{
		Terms: c.Signed.Terms, Self: c.Self, Signatures: c.Signed.Signatures, Since: c.Signed.Since, Restored: true,
		RevealOut: c.Note == htlc.NoteOut,
	}
}

// FromText makes a copy of signed Terms as they are written for people. The
// party is found by its key.
func FromText(text string, party htlc.PartyID) (Copy, error) {
	signed, err := htlc.ParseSignedTerms(text)
	if err != nil {
		return Copy{}, err
	}
	self := slices.Index(signed.Terms.Parties, party)
	if self < 0 {
		return Copy{}, fmt.Errorf("%w: this seed is party %s, which has no part in swap %s", vault.ErrForeign, party, signed.Terms.ID())
	}
	return Copy{Signed: signed, Self: self}, nil
}
