package htlc

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// TextKind says which document a text carries.
type TextKind uint8

// The kinds of text.
const (
	TextOffer TextKind = iota + 1
	TextAcceptance
	TextCountersignature
	TextTerms
)

func (k TextKind) String() string {
	names := [...]string{"text of an unknown kind", "ticket", "acceptance", "countersignature", "copy of signed terms"}
	if int(k) < len(names) {
		return names[k]
	}
	return names[0]
}

// Errors of texts that travel by hand. A text that was cut off satisfies
// ErrTicketAltered as well.
var (
	ErrTicketAltered   = errors.New("the text was altered")
	ErrTicketTruncated = fmt.Errorf("%w: its end is missing", ErrTicketAltered)
	ErrTicketVersion   = errors.New("the text has a version that is not known here")
	ErrTicketKind      = errors.New("the text is of another kind")
)

// MaxTextLen bounds the texts of every kind.
const MaxTextLen = 16 << 10

// textPrefix ends in the version of the envelope.
const textPrefix = "kofo1"

// textAlphabet leaves out 1, b, i and o, which are mistaken for others. It is
// that of BIP-173.
const textAlphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// Of an envelope: the kind and the length of the payload before it, a
// checksum of all that after it.
const (
	textHeader   = 3
	textChecksum = 8
)

// seal wraps a payload in one line of text:
//
//	kofo1 base32( kind(1) length(2) payload checksum(8) )
//
// The checksum is the first eight bytes of the SHA-256 of a prefix and all
// before it, so that no alteration passes by chance; the length tells a text
// that was cut off from one that was altered.
func seal(kind TextKind, payload []byte) string {
	b := append(make([]byte, 0, textHeader+len(payload)+textChecksum), byte(kind))
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	b = append(b, payload...)
	sum := textSum(b)
	return textPrefix + encode32(append(b, sum[:]...))
}

func textSum(b []byte) [textChecksum]byte {
	sum := sha256.Sum256(append([]byte("kofo text v1\x00"), b...))
	return [textChecksum]byte(sum[:textChecksum])
}

// unseal checks the envelope and returns its payload. White space, which mail
// programs put into long lines, is passed over.
func unseal(text string, want TextKind) ([]byte, error) {
	text = strings.Join(strings.Fields(text), "")
	version := len(textPrefix) - 1
	switch {
	case len(text) > MaxTextLen:
		return nil, fmt.Errorf("%w: %d characters, more than %d", ErrTicketAltered, len(text), MaxTextLen)
	case strings.HasPrefix(textPrefix, text):
		return nil, fmt.Errorf("%w: only %q is there", ErrTicketTruncated, text)
	case !strings.HasPrefix(text, textPrefix[:version]):
		return nil, fmt.Errorf("%w: it does not begin with %s", ErrTicketAltered, textPrefix)
	case text[version] != textPrefix[version]:
		return nil, fmt.Errorf("%w: %q", ErrTicketVersion, text[version])
	}
	b, clean, err := decode32(text[len(textPrefix):])
	if err != nil {
		return nil, err
	}
	if len(b) < textHeader {
		return nil, ErrTicketTruncated
	}
	end := textHeader + int(binary.BigEndian.Uint16(b[1:textHeader]))
	switch {
	case len(b) < end+textChecksum:
		return nil, fmt.Errorf("%w: %d of %d bytes are there", ErrTicketTruncated, len(b), end+textChecksum)
	case len(b) > end+textChecksum || !clean:
		return nil, fmt.Errorf("%w: something stands behind its end", ErrTicketAltered)
	}
	sum := textSum(b[:end])
	if subtle.ConstantTimeCompare(sum[:], b[end:]) != 1 {
		return nil, fmt.Errorf("%w: the checksum is wrong", ErrTicketAltered)
	}
	if kind := TextKind(b[0]); kind != want {
		return nil, fmt.Errorf("%w: %s instead of %s", ErrTicketKind, kind, want)
	}
	return b[textHeader:end], nil
}

// KindOfText says what an intact text carries.
func KindOfText(text string) (TextKind, error) {
	for k := TextOffer; k <= TextTerms; k++ {
		if _, err := unseal(text, k); !errors.Is(err, ErrTicketKind) {
			return k, err
		}
	}
	return 0, ErrTicketKind
}

func encode32(b []byte) string {
	var out strings.Builder
	acc, bits := uint32(0), 0
	for _, v := range b {
		acc, bits = acc<<8|uint32(v), bits+8
		for bits >= 5 {
			bits -= 5
			out.WriteByte(textAlphabet[acc>>bits&31])
		}
	}
	if bits > 0 {
		out.WriteByte(textAlphabet[acc<<(5-bits)&31])
	}
	return out.String()
}

// decode32 returns the whole bytes of a text, and whether nothing stands
// behind them but fewer than five bits of zero: every text has one spelling.
func decode32(s string) (out []byte, clean bool, err error) {
	out = make([]byte, 0, len(s)*5/8)
	acc, bits := uint32(0), 0
	for i := range len(s) {
		v := strings.IndexByte(textAlphabet, s[i])
		if v < 0 {
			return nil, false, fmt.Errorf("%w: character %d cannot be part of it", ErrTicketAltered, i+len(textPrefix)+1)
		}
		acc, bits = acc<<5|uint32(v), bits+5
		if bits >= 8 {
			bits -= 8
			out = append(out, byte(acc>>bits))
		}
	}
	return out, bits < 5 && acc&(1<<bits-1) == 0, nil
}

// SignedOffer is an Offer with the Initiator's signature: a ticket.
type SignedOffer struct {
	Offer     Offer
	Signature Signature
}

// Verify validates the offer and checks the Initiator's signature.
func (s SignedOffer) Verify() error {
	if !ed25519.Verify(s.Offer.Initiator[:], OfferMessage(s.Offer), s.Signature[:]) {
		return fmt.Errorf("%w: offer of party %s", ErrSignature, s.Offer.Initiator)
	}
	return s.Offer.Validate()
}

// Text is the ticket.
func (s SignedOffer) Text() string {
	return seal(TextOffer, append(s.Offer.Encode(), s.Signature[:]...))
}

// ParseTicket reads a ticket that is intact, signed and valid.
func ParseTicket(text string) (SignedOffer, error) {
	var s SignedOffer
	raw, err := unseal(text, TextOffer)
	if err != nil {
		return s, err
	}
	if raw, err = cutSignature(raw, &s.Signature); err != nil {
		return s, err
	}
	if s.Offer, err = DecodeOffer(raw); err != nil {
		return s, err
	}
	return s, s.Verify()
}

// cutSignature takes the last 64 bytes off.
func cutSignature(raw []byte, sig *Signature) ([]byte, error) {
	if len(raw) < len(sig) {
		return nil, fmt.Errorf("%w: no signature", ErrEncoding)
	}
	end := len(raw) - len(sig)
	copy(sig[:], raw[end:])
	return raw[:end], nil
}

// Text is the acceptance as it travels.
func (a Acceptance) Text() string {
	return seal(TextAcceptance, append(a.Terms.Encode(), a.Signature[:]...))
}

// ParseAcceptance reads an acceptance that is intact. Offer.CheckAcceptance
// judges it.
func ParseAcceptance(text string) (Acceptance, error) {
	var a Acceptance
	raw, err := unseal(text, TextAcceptance)
	if err != nil {
		return a, err
	}
	if raw, err = cutSignature(raw, &a.Signature); err != nil {
		return a, err
	}
	a.Terms, err = DecodeTerms(raw)
	return a, err
}

// Text is the countersignature as it travels.
func (c Countersignature) Text() string {
	b := append([]byte(nil), c.Swap[:]...)
	for _, s := range c.Signatures {
		b = append(b, s[:]...)
	}
	return seal(TextCountersignature, b)
}

// ParseCountersignature reads a countersignature that is intact.
// Countersignature.Check judges it.
func ParseCountersignature(text string) (Countersignature, error) {
	var c Countersignature
	raw, err := unseal(text, TextCountersignature)
	if err != nil {
		return c, err
	}
	r := reader{b: raw}
	c.Swap = r.array32()
	for i := range c.Signatures {
		copy(c.Signatures[i][:], r.take(len(c.Signatures[i])))
	}
	return c, r.end()
}

// SignedTerms are Terms with every party's signature. Since has, per leg, a
// height that no funding can be older than, or is empty.
type SignedTerms struct {
	Terms      Terms
	Signatures []Signature
	Since      []uint64
}

// Verify validates the Terms and checks every signature.
func (s SignedTerms) Verify() error {
	if err := s.Terms.Validate(); err != nil {
		return err
	}
	return VerifyAll(s.Terms, s.Signatures)
}

// Text is the copy of the Terms that is kept outside the database.
func (s SignedTerms) Text() string {
	b := appendBytes(nil, s.Terms.Encode())
	b = append(b, uint8(len(s.Signatures)))
	for _, sig := range s.Signatures {
		b = append(b, sig[:]...)
	}
	b = append(b, uint8(len(s.Since)))
	for _, height := range s.Since {
		b = binary.BigEndian.AppendUint64(b, height)
	}
	return seal(TextTerms, b)
}

// ParseSignedTerms reads a copy that is intact, valid and signed by all.
func ParseSignedTerms(text string) (SignedTerms, error) {
	var s SignedTerms
	raw, err := unseal(text, TextTerms)
	if err != nil {
		return s, err
	}
	r := reader{b: raw}
	terms := r.bytes(MaxTermsSize)
	for range r.count() {
		var sig Signature
		copy(sig[:], r.take(len(sig)))
		s.Signatures = append(s.Signatures, sig)
	}
	for range r.count() {
		s.Since = append(s.Since, r.u64())
	}
	if err := r.end(); err != nil {
		return s, err
	}
	if s.Terms, err = DecodeTerms(terms); err != nil {
		return s, err
	}
	if len(s.Since) > len(s.Terms.Legs) {
		return s, fmt.Errorf("%w: %d heights for %d legs", ErrEncoding, len(s.Since), len(s.Terms.Legs))
	}
	return s, s.Verify()
}
