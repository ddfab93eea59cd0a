package htlc

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// MaxTermsSize bounds the canonical encoding of Terms.
const MaxTermsSize = 8 << 10

// ErrEncoding is returned for bytes that are not the canonical encoding.
var ErrEncoding = errors.New("not the canonical encoding of terms")

// ErrSignature is returned for a signature that does not verify.
var ErrSignature = errors.New("the signature does not verify")

var termsMagic = [8]byte{'K', 'O', 'F', 'O', 'T', 'R', 'M', 'S'}

// Encode writes the canonical encoding: fields in the order of the structs,
// integers big-endian in their own width, byte strings after a 16-bit length,
// lists after an 8-bit count. Equal Terms give equal bytes and the reverse.
func (t Terms) Encode() []byte {
	b := append(make([]byte, 0, 512), termsMagic[:]...)
	b = binary.BigEndian.AppendUint16(b, t.Version)
	b = append(b, t.Hash)
	b = append(b, t.SecretHash[:]...)
	b = append(b, t.Salt[:]...)
	b = binary.BigEndian.AppendUint32(b, t.Outage)
	b = binary.BigEndian.AppendUint64(b, uint64(t.AcceptBy))
	b = append(b, uint8(len(t.Parties)))
	for _, p := range t.Parties {
		b = append(b, p[:]...)
	}
	b = append(b, uint8(len(t.Legs)))
	for _, l := range t.Legs {
		b = l.encode(b)
	}
	return b
}

func (l Leg) encode(b []byte) []byte {
	b = append(b, l.Payer, l.Payee)
	b = appendBytes(b, []byte(l.Asset))
	b = append(b, l.Amount[:]...)
	b = append(b, l.ServiceFee[:]...)
	b = appendBytes(b, l.PayerKey)
	b = appendBytes(b, l.PayeeKey)
	b = appendBytes(b, l.Deployment)
	b = binary.BigEndian.AppendUint64(b, l.Lane)
	b = binary.BigEndian.AppendUint64(b, l.Sequence)
	b = binary.BigEndian.AppendUint32(b, l.MinConfirmations)
	for _, v := range l.Timing.fields() {
		b = binary.BigEndian.AppendUint32(b, *v)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(l.FundBy))
	return binary.BigEndian.AppendUint64(b, uint64(l.TimeLock))
}

func (g *Timing) fields() []*uint32 {
	return []*uint32{&g.ClockLead, &g.ClockLag, &g.FundWindow, &g.BuryFund, &g.BuryRedeem, &g.BuryRefund, &g.Sighting}
}

func appendBytes(b, v []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(v)))
	return append(b, v...)
}

// DecodeTerms reads a canonical encoding and nothing else: no trailing bytes,
// no unknown version. It does not validate; see Terms.Validate.
func DecodeTerms(raw []byte) (Terms, error) {
	var t Terms
	if len(raw) > MaxTermsSize {
		return t, fmt.Errorf("%w: %d bytes, more than %d", ErrEncoding, len(raw), MaxTermsSize)
	}
	r := reader{b: raw}
	if magic := r.take(len(termsMagic)); string(magic) != string(termsMagic[:]) {
		return t, fmt.Errorf("%w: wrong first bytes", ErrEncoding)
	}
	t.Version = r.u16()
	if r.err == nil && t.Version != Version {
		return t, fmt.Errorf("%w: %d", ErrVersion, t.Version)
	}
	t.Hash = r.u8()
	copy(t.SecretHash[:], r.take(32))
	copy(t.Salt[:], r.take(32))
	t.Outage = r.u32()
	t.AcceptBy = int64(r.u64())
	for range r.count() {
		t.Parties = append(t.Parties, PartyID(r.array32()))
	}
	for range r.count() {
		t.Legs = append(t.Legs, r.leg())
	}
	if r.err == nil && len(r.b) != 0 {
		r.err = fmt.Errorf("%w: %d bytes too many", ErrEncoding, len(r.b))
	}
	return t, r.err
}

// reader takes fields off the front of b and remembers the first error.
type reader struct {
	b   []byte
	err error
}

func (r *reader) take(n int) []byte {
	if r.err == nil && len(r.b) < n {
		r.err = fmt.Errorf("%w: %d bytes missing", ErrEncoding, n-len(r.b))
	}
	if r.err != nil {
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) array32() (v [32]byte) { copy(v[:], r.take(32)); return v }

func (r *reader) u8() uint8 {
	if v := r.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if v := r.take(2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if v := r.take(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if v := r.take(8); v != nil {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

func (r *reader) count() int {
	n := int(r.u8())
	if n > MaxLegs && r.err == nil {
		r.err = fmt.Errorf("%w: %d members, more than %d", ErrEncoding, n, MaxLegs)
	}
	if r.err != nil {
		return 0
	}
	return n
}

func (r *reader) bytes(limit int) []byte {
	n := int(r.u16())
	if n > limit && r.err == nil {
		r.err = fmt.Errorf("%w: a field of %d bytes, more than %d", ErrEncoding, n, limit)
	}
	if r.err != nil || n == 0 {
		return nil
	}
	return append([]byte(nil), r.take(n)...)
}

func (r *reader) leg() Leg {
	l := Leg{Payer: r.u8(), Payee: r.u8()}
	l.Asset = AssetID(r.bytes(MaxAssetIDLen))
	l.Amount = r.array32()
	l.ServiceFee = r.array32()
	l.PayerKey = r.bytes(MaxKeyLen)
	l.PayeeKey = r.bytes(MaxKeyLen)
	l.Deployment = r.bytes(MaxDeployLen)
	l.Lane = r.u64()
	l.Sequence = r.u64()
	l.MinConfirmations = r.u32()
	for _, v := range l.Timing.fields() {
		*v = r.u32()
	}
	l.FundBy = int64(r.u64())
	l.TimeLock = int64(r.u64())
	return l
}

// Signature is an Ed25519 signature over the swap id with a prefix of its own.
type Signature [ed25519.SignatureSize]byte

// MarshalText writes hexadecimal digits.
func (s Signature) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(s[:])), nil }

// UnmarshalText reads 128 hexadecimal digits.
func (s *Signature) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != len(s) {
		return fmt.Errorf("%w: %d characters", ErrSignature, len(text))
	}
	copy(s[:], raw)
	return nil
}

// MarshalText writes the canonical encoding in base64.
func (t Terms) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, t.Encode()), nil
}

// UnmarshalText reads the canonical encoding in base64.
func (t *Terms) UnmarshalText(text []byte) error {
	raw, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	*t, err = DecodeTerms(raw)
	return err
}

const termsSigPrefix = "kofo terms v1\x00"

// SignTerms signs the Terms for the party that holds the key.
func SignTerms(key ed25519.PrivateKey, t Terms) Signature {
	id := t.ID()
	return Signature(ed25519.Sign(key, append([]byte(termsSigPrefix), id[:]...)))
}

// VerifyTerms checks one party's signature.
func VerifyTerms(party PartyID, t Terms, sig Signature) error {
	id := t.ID()
	if !ed25519.Verify(party[:], append([]byte(termsSigPrefix), id[:]...), sig[:]) {
		return fmt.Errorf("%w: party %s, swap %s", ErrSignature, party, id)
	}
	return nil
}

// VerifyAll checks that every party has signed, in the order of Parties.
func VerifyAll(t Terms, sigs []Signature) error {
	if len(sigs) != len(t.Parties) {
		return fmt.Errorf("%w: %d signatures for %d parties", ErrSignature, len(sigs), len(t.Parties))
	}
	for i, p := range t.Parties {
		if err := VerifyTerms(p, t, sigs[i]); err != nil {
			return err
		}
	}
	return nil
}
