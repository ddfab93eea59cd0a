package htlc

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// OfferVersion is the only version of an offer that this package reads.
const OfferVersion uint16 = 1

// Bounds of an offer.
const (
	MaxOfferSize = 2 << 10
	MaxReplyLen  = 255
)

// Errors of the three steps of an agreement.
var (
	ErrOffer      = errors.New("the offer contradicts itself")
	ErrAcceptance = errors.New("the acceptance does not fit the offer")
	ErrCountersig = errors.New("the countersignature does not fit the terms")
)

var offerMagic = [8]byte{'K', 'O', 'F', 'O', 'O', 'F', 'F', 'R'}

// Offer is the Initiator's half of the Terms of a swap of two legs. Its Salt
// is its name: fresh randomness that stands in the Terms too, so the Terms
// tell which offer they answer.
type Offer struct {
	Version    uint16
	Hash       uint8
	Initiator  PartyID
	SecretHash SecretHash
	Salt       Salt
	Outage     uint32
	AcceptBy   int64

	// Gives is leg 0 and Wants leg 1, each without what is not the
	// Initiator's to say: the Participant's keys, the chain parameters of leg
	// 1, which its payer chooses, and the times, which follow from the rest.
	Gives, Wants Leg

	// ReplyTo is the host:port at which the Initiator's node takes the
	// acceptance, by TLS under the Initiator's own key. Empty: by hand.
	ReplyTo string
}

// ParticipantHalf is what an acceptance adds to an offer.
type ParticipantHalf struct {
	Participant PartyID
	PayeeKey    []byte // of leg 0
	// Of leg 1, of which the Participant is the payer.
	PayerKey       []byte
	Deployment     []byte
	Lane, Sequence uint64
}

// Acceptance is the full Terms with the Participant's signature.
type Acceptance struct {
	Terms     Terms
	Signature Signature
}

// Countersignature is the swap's id with the signatures of both parties, in
// the order of Terms.Parties.
type Countersignature struct {
	Swap       SwapID
	Signatures [2]Signature
}

// NewOffer fills in what is the same in every offer.
func NewOffer(initiator PartyID, hash SecretHash, salt Salt) Offer {
	return Offer{
		Version: OfferVersion, Hash: HashSHA256, Initiator: initiator, SecretHash: hash, Salt: salt,
		Gives: Leg{Payer: 0, Payee: 1}, Wants: Leg{Payer: 1, Payee: 0},
	}
}

// Complete joins the two halves and computes the times, counted from the
// accept-by time. The result has passed Terms.Validate.
func (o Offer) Complete(half ParticipantHalf) (Terms, error) {
	t := Terms{
		Version: Version, Hash: o.Hash, SecretHash: o.SecretHash, Salt: o.Salt,
		Outage: o.Outage, AcceptBy: o.AcceptBy,
		Parties: []PartyID{o.Initiator, half.Participant},
		Legs:    []Leg{o.Gives, o.Wants},
	}
	t.Legs[0].PayeeKey = half.PayeeKey
	t.Legs[1].PayerKey = half.PayerKey
	t.Legs[1].Deployment = half.Deployment
	t.Legs[1].Lane, t.Legs[1].Sequence = half.Lane, half.Sequence
	if o.AcceptBy <= 0 || o.AcceptBy > maxTime {
		return Terms{}, fmt.Errorf("%w: accept-by %d", ErrTimeRange, o.AcceptBy)
	}
	t, err := t.WithSchedule(o.AcceptBy)
	if err != nil {
		return Terms{}, err
	}
	return t, t.Validate()
}

// Validate checks everything that the offer alone can show. It says nothing
// of whether a chain or an asset is known.
func (o Offer) Validate() error {
	if o.Version != OfferVersion {
		return fmt.Errorf("%w: %d", ErrVersion, o.Version)
	}
	if !o.Gives.open(true) || !o.Wants.open(false) {
		return fmt.Errorf("%w: it states what is the participant's to say, or a time", ErrOffer)
	}
	if !validReply(o.ReplyTo) {
		return fmt.Errorf("%w: %q is no host:port", ErrOffer, o.ReplyTo)
	}
	// Any other half does; this one cannot be the Initiator's own.
	half := ParticipantHalf{Participant: o.Initiator, PayeeKey: []byte{0}, PayerKey: []byte{0}}
	half.Participant[0] ^= 0xff
	if _, err := o.Complete(half); err != nil {
		return fmt.Errorf("%w: %w", ErrOffer, err)
	}
	return nil
}

// open reports whether the leg states nothing but the Initiator's half.
func (l Leg) open(payer bool) bool {
	times := l.FundBy == 0 && l.TimeLock == 0
	if payer {
		return times && len(l.PayeeKey) == 0
	}
	return times && len(l.PayerKey) == 0 && len(l.Deployment) == 0 && l.Lane == 0 && l.Sequence == 0
}

// validReply checks the form only; whether the host exists is found out by
// calling it.
func validReply(s string) bool {
	if s == "" {
		return true
	}
	colon := bytes.LastIndexByte([]byte(s), ':')
	return colon > 0 && within(s[:colon], 1, MaxReplyLen-6, ".-_:[]%") && within(s[colon+1:], 1, 5, "")
}

// Digest is the SHA-256 of the canonical encoding.
func (o Offer) Digest() [32]byte { return sha256.Sum256(o.Encode()) }

// Encode writes the canonical encoding, by the rules of Terms.Encode.
func (o Offer) Encode() []byte {
	b := append(make([]byte, 0, 512), offerMagic[:]...)
	b = binary.BigEndian.AppendUint16(b, o.Version)
	b = append(b, o.Hash)
	b = append(b, o.Initiator[:]...)
	b = append(b, o.SecretHash[:]...)
	b = append(b, o.Salt[:]...)
	b = binary.BigEndian.AppendUint32(b, o.Outage)
	b = binary.BigEndian.AppendUint64(b, uint64(o.AcceptBy))
	b = o.Gives.encode(b)
	b = o.Wants.encode(b)
	return appendBytes(b, []byte(o.ReplyTo))
}

// DecodeOffer reads a canonical encoding and nothing else. It does not
// validate; see Offer.Validate.
func DecodeOffer(raw []byte) (Offer, error) {
	var o Offer
	if len(raw) > MaxOfferSize {
		return o, fmt.Errorf("%w: %d bytes, more than %d", ErrEncoding, len(raw), MaxOfferSize)
	}
	r := reader{b: raw}
	if magic := r.take(len(offerMagic)); string(magic) != string(offerMagic[:]) {
		return o, fmt.Errorf("%w: wrong first bytes", ErrEncoding)
	}
	o.Version = r.u16()
	if r.err == nil && o.Version != OfferVersion {
		return o, fmt.Errorf("%w: %d", ErrVersion, o.Version)
	}
	o.Hash = r.u8()
	o.Initiator = r.array32()
	o.SecretHash = r.array32()
	o.Salt = r.array32()
	o.Outage = r.u32()
	o.AcceptBy = int64(r.u64())
	o.Gives = r.leg()
	o.Wants = r.leg()
	o.ReplyTo = string(r.bytes(MaxReplyLen))
	return o, r.end()
}

// end is the first error, or that of bytes left over.
func (r *reader) end() error {
	if r.err == nil && len(r.b) != 0 {
		r.err = fmt.Errorf("%w: %d bytes too many", ErrEncoding, len(r.b))
	}
	return r.err
}

// CheckAcceptance refuses an acceptance unless its Terms are, byte for byte,
// what this offer and some participant's half give, and that participant has
// signed them. Nothing of the Terms is taken on trust: they are built anew.
func (o Offer) CheckAcceptance(a Acceptance) error {
	if err := a.Terms.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrAcceptance, err)
	}
	if len(a.Terms.Legs) != 2 {
		return fmt.Errorf("%w: %d legs", ErrAcceptance, len(a.Terms.Legs))
	}
	want, err := o.Complete(halfOf(a.Terms))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAcceptance, err)
	}
	if !bytes.Equal(want.Encode(), a.Terms.Encode()) {
		return fmt.Errorf("%w: it changes %s", ErrAcceptance, firstDifference(want, a.Terms))
	}
	return VerifyTerms(a.Terms.Parties[1], a.Terms, a.Signature)
}

// halfOf takes the participant's half out of Terms of two legs.
func halfOf(t Terms) ParticipantHalf {
	return ParticipantHalf{
		Participant: t.Parties[1], PayeeKey: t.Legs[0].PayeeKey,
		PayerKey: t.Legs[1].PayerKey, Deployment: t.Legs[1].Deployment,
		Lane: t.Legs[1].Lane, Sequence: t.Legs[1].Sequence,
	}
}

// firstDifference names, for people, a field in which two Terms differ.
func firstDifference(want, got Terms) string {
	switch {
	case want.Parties[0] != got.Parties[0]:
		return "the initiator"
	case want.SecretHash != got.SecretHash:
		return "the secret hash"
	case want.Salt != got.Salt:
		return "the salt"
	case want.Outage != got.Outage:
		return "the outage allowance"
	case want.AcceptBy != got.AcceptBy:
		return "the accept-by time"
	}
	for i := range want.Legs {
		if name := want.Legs[i].differs(got.Legs[i]); name != "" {
			return fmt.Sprintf("the %s of leg %d", name, i)
		}
	}
	return "the version"
}

func (l Leg) differs(got Leg) string {
	switch {
	case l.Asset != got.Asset:
		return "asset"
	case l.Amount != got.Amount:
		return "amount"
	case !bytes.Equal(l.PayerKey, got.PayerKey), !bytes.Equal(l.PayeeKey, got.PayeeKey):
		return "initiator's key"
	case !bytes.Equal(l.Deployment, got.Deployment), l.Lane != got.Lane, l.Sequence != got.Sequence:
		return "lane"
	case l.MinConfirmations != got.MinConfirmations:
		return "depth"
	case l.Timing != got.Timing:
		return "timing"
	case l.FundBy != got.FundBy, l.TimeLock != got.TimeLock:
		return "schedule"
	}
	return ""
}

// Check verifies both signatures of the Terms.
func (c Countersignature) Check(t Terms) error {
	if c.Swap != t.ID() || len(t.Parties) != len(c.Signatures) {
		return fmt.Errorf("%w: it is of swap %s", ErrCountersig, c.Swap)
	}
	return VerifyAll(t, c.Signatures[:])
}

const offerSigPrefix = "kofo offer v1\x00"

// OfferMessage is what the Initiator signs.
func OfferMessage(o Offer) []byte {
	digest := o.Digest()
	return append([]byte(offerSigPrefix), digest[:]...)
}

// TermsMessage is what SignTerms signs, for signers that hold their key back.
func TermsMessage(t Terms) []byte {
	id := t.ID()
	return append([]byte(termsSigPrefix), id[:]...)
}
