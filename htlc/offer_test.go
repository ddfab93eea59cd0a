package htlc_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/htlc"
)

const (
	sampleBTC = htlc.AssetID("bip122:0f9188f13cb7b2c71f2a335e3a4fc328/slip44:0")
	sampleETH = htlc.AssetID("eip155:1337/slip44:60")
)

func keyOf(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func partyOf(key ed25519.PrivateKey) htlc.PartyID {
	return htlc.PartyID(key.Public().(ed25519.PublicKey))
}

func sampleOffer() htlc.Offer {
	secret, err := htlc.NewSecret(bytes.Repeat([]byte{7}, htlc.SecretSize))
	if err != nil {
		panic(err)
	}
	o := htlc.NewOffer(partyOf(keyOf(1)), secret.Hash(), htlc.Salt{1, 2, 3})
	o.Outage, o.AcceptBy, o.ReplyTo = 3600, 1_800_000_000, "node.example:9735"
	timing := htlc.Timing{
		ClockLead: 7200, ClockLag: 7200, FundWindow: 1800, BuryFund: 7200,
		BuryRedeem: 7200, BuryRefund: 7200, Sighting: 600,
	}
	g, w := &o.Gives, &o.Wants
	g.Asset, g.Amount, g.MinConfirmations, g.Timing = sampleBTC, htlc.NewAmount(5_000_000), 3, timing
	g.PayerKey = bytes.Repeat([]byte{2}, 33)
	w.Asset, w.Amount, w.MinConfirmations, w.Timing = sampleETH, htlc.NewAmount(1e18), 12, timing
	w.PayeeKey = bytes.Repeat([]byte{3}, 20)
	return o
}

func sampleHalf(party htlc.PartyID) htlc.ParticipantHalf {
	return htlc.ParticipantHalf{
		Participant: party, PayeeKey: bytes.Repeat([]byte{4}, 33), PayerKey: bytes.Repeat([]byte{5}, 20),
		Deployment: bytes.Repeat([]byte{6}, 20), Lane: 4, Sequence: 9,
	}
}

func signOffer(o htlc.Offer, key ed25519.PrivateKey) htlc.SignedOffer {
	return htlc.SignedOffer{Offer: o, Signature: htlc.Signature(ed25519.Sign(key, htlc.OfferMessage(o)))}
}

func sampleAcceptance(t testing.TB, o htlc.Offer) htlc.Acceptance {
	t.Helper()
	key := keyOf(2)
	terms, err := o.Complete(sampleHalf(partyOf(key)))
	if err != nil {
		t.Fatal(err)
	}
	return htlc.Acceptance{Terms: terms, Signature: htlc.SignTerms(key, terms)}
}

func sampleCountersignature(t testing.TB) (htlc.Countersignature, htlc.Terms) {
	t.Helper()
	a := sampleAcceptance(t, sampleOffer())
	return htlc.Countersignature{
		Swap: a.Terms.ID(), Signatures: [2]htlc.Signature{htlc.SignTerms(keyOf(1), a.Terms), a.Signature},
	}, a.Terms
}

func TestOfferCompletesToValidTerms(t *testing.T) {
	o := sampleOffer()
	if err := signOffer(o, keyOf(1)).Verify(); err != nil {
		t.Fatal(err)
	}
	a := sampleAcceptance(t, o)
	if err := a.Terms.Validate(); err != nil {
		t.Fatal(err)
	}
	if err := o.CheckAcceptance(a); err != nil {
		t.Fatal(err)
	}
	if a.Terms.Legs[1].TimeLock >= a.Terms.Legs[0].TimeLock {
		t.Error("time locks do not fall")
	}
	c, terms := sampleCountersignature(t)
	if err := c.Check(terms); err != nil {
		t.Fatal(err)
	}
}

func TestSigningMessages(t *testing.T) {
	a := sampleAcceptance(t, sampleOffer())
	if sig := ed25519.Sign(keyOf(2), htlc.TermsMessage(a.Terms)); !bytes.Equal(sig, a.Signature[:]) {
		t.Error("TermsMessage is not what SignTerms signs")
	}
	o := sampleOffer()
	if bytes.HasPrefix(htlc.OfferMessage(o), htlc.TermsMessage(a.Terms)[:10]) {
		t.Error("an offer's signature could be taken for one of terms")
	}
}

func TestOfferValidateRefuses(t *testing.T) {
	cases := map[string]struct {
		change func(*htlc.Offer)
		want   error
	}{
		"version":            {func(o *htlc.Offer) { o.Version = 2 }, htlc.ErrVersion},
		"hash function":      {func(o *htlc.Offer) { o.Hash = 2 }, htlc.ErrHashFunction},
		"no hash":            {func(o *htlc.Offer) { o.SecretHash = htlc.SecretHash{} }, htlc.ErrZeroHash},
		"no salt":            {func(o *htlc.Offer) { o.Salt = htlc.Salt{} }, htlc.ErrZeroHash},
		"accept-by zero":     {func(o *htlc.Offer) { o.AcceptBy = 0 }, htlc.ErrTimeRange},
		"accept-by late":     {func(o *htlc.Offer) { o.AcceptBy = 1 << 32 }, htlc.ErrTimeRange},
		"accept-by negative": {func(o *htlc.Offer) { o.AcceptBy = -1 << 63 }, htlc.ErrTimeRange},
		"locks out of range": {func(o *htlc.Offer) { o.Outage = 1<<32 - 1 }, htlc.ErrTimeRange},
		"amount":             {func(o *htlc.Offer) { o.Gives.Amount = htlc.Amount{} }, htlc.ErrAmountZero},
		"service fee":        {func(o *htlc.Offer) { o.Wants.ServiceFee = htlc.NewAmount(1) }, htlc.ErrServiceFee},
		"asset":              {func(o *htlc.Offer) { o.Wants.Asset = "ETH" }, htlc.ErrBadAssetID},
		"depth":              {func(o *htlc.Offer) { o.Gives.MinConfirmations = 0 }, htlc.ErrConfirmations},
		"no payer key":       {func(o *htlc.Offer) { o.Gives.PayerKey = nil }, htlc.ErrKey},
		"no payee key":       {func(o *htlc.Offer) { o.Wants.PayeeKey = nil }, htlc.ErrKey},
		"long key":           {func(o *htlc.Offer) { o.Wants.PayeeKey = make([]byte, 65) }, htlc.ErrKey},
		"direction":          {func(o *htlc.Offer) { o.Gives.Payer = 1 }, htlc.ErrRing},
		"participant's key":  {func(o *htlc.Offer) { o.Gives.PayeeKey = []byte{1} }, htlc.ErrOffer},
		"participant's lane": {func(o *htlc.Offer) { o.Wants.Lane = 1 }, htlc.ErrOffer},
		"time lock":          {func(o *htlc.Offer) { o.Wants.TimeLock = 1_900_000_000 }, htlc.ErrOffer},
		"fund-by":            {func(o *htlc.Offer) { o.Gives.FundBy = 1 }, htlc.ErrOffer},
		"no port":            {func(o *htlc.Offer) { o.ReplyTo = "node.example" }, htlc.ErrOffer},
		"strange host":       {func(o *htlc.Offer) { o.ReplyTo = "a\nb:1" }, htlc.ErrOffer},
		"long host":          {func(o *htlc.Offer) { o.ReplyTo = strings.Repeat("a", 300) + ":1" }, htlc.ErrOffer},
	}
	for name, c := range cases {
		o := sampleOffer()
		c.change(&o)
		if err := o.Validate(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// leaves visits every scalar, array and byte string of a value with a name.
func leaves(name string, v reflect.Value, visit func(string, reflect.Value)) {
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			leaves(name+"."+v.Type().Field(i).Name, v.Field(i), visit)
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		for i := range v.Len() {
			leaves(fmt.Sprintf("%s[%d]", name, i), v.Index(i), visit)
		}
	default:
		visit(name, v)
	}
}

// mutate changes a leaf; pick chooses how.
func mutate(v reflect.Value, pick uint64) {
	switch v.Kind() {
	case reflect.Array:
		b := v.Index(int(pick % uint64(v.Len())))
		b.SetUint(b.Uint() ^ 1<<(pick%8))
	case reflect.Slice:
		raw := append([]byte(nil), v.Bytes()...)
		switch {
		case len(raw) == 0 || pick%3 == 0:
			raw = append(raw, byte(pick))
		case pick%3 == 1:
			raw = raw[:len(raw)-1]
		default:
			raw[pick%uint64(len(raw))] ^= 1 << (pick % 8)
		}
		v.SetBytes(raw)
	case reflect.String:
		v.SetString(v.String() + "0")
	case reflect.Int64:
		v.SetInt(v.Int() + 1 - 2*int64(pick%2))
	default:
		v.SetUint((v.Uint() + 1 + pick%3) & (1<<(8*v.Type().Size()) - 1))
	}
}

// free are the fields that are the participant's to choose.
var free = map[string]bool{
	".Parties[1]": true, ".Legs[0].PayeeKey": true, ".Legs[1].PayerKey": true,
	".Legs[1].Deployment": true, ".Legs[1].Lane": true, ".Legs[1].Sequence": true,
}

func cloneTerms(t *testing.T, terms htlc.Terms) htlc.Terms {
	t.Helper()
	out, err := htlc.DecodeTerms(terms.Encode())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSafety_A3_AcceptanceMutations changes every field of the Terms, once
// leaving the signature alone and once signing the result, as a dishonest
// participant would.
func TestSafety_A3_AcceptanceMutations(t *testing.T) {
	o := sampleOffer()
	good := sampleAcceptance(t, o)
	var names []string
	leaves("", reflect.ValueOf(&good.Terms).Elem(), func(name string, _ reflect.Value) { names = append(names, name) })
	if len(names) < 45 {
		t.Fatalf("only %d fields are visited: %v", len(names), names)
	}
	for _, name := range names {
		for pick := range uint64(64) {
			bad := htlc.Acceptance{Terms: cloneTerms(t, good.Terms), Signature: good.Signature}
			leaves("", reflect.ValueOf(&bad.Terms).Elem(), func(n string, v reflect.Value) {
				if n == name {
					mutate(v, pick)
				}
			})
			if err := o.CheckAcceptance(bad); err == nil {
				t.Fatalf("%s changed under the old signature: accepted", name)
			}
			bad.Signature = htlc.SignTerms(keyOf(2), bad.Terms)
			err := o.CheckAcceptance(bad)
			if err == nil && !free[name] {
				t.Fatalf("%s changed and signed again: accepted", name)
			}
		}
	}
}

// TestSafety_A3_AnyHalfFitsItsOffer: whatever the participant's half, its
// Terms pass, and fit no other offer.
func TestSafety_A3_AnyHalfFitsItsOffer(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		o := sampleOffer()
		o.AcceptBy = rapid.Int64Range(1_700_000_000, 3_000_000_000).Draw(r, "accept by")
		o.Gives.Amount = htlc.NewAmount(rapid.Uint64Range(1, 1<<63).Draw(r, "amount"))
		key := keyOf(rapid.Byte().Filter(func(b byte) bool { return b != 1 }).Draw(r, "party"))
		half := htlc.ParticipantHalf{
			Participant: partyOf(key),
			PayeeKey:    rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(r, "payee key"),
			PayerKey:    rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(r, "payer key"),
			Deployment:  rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(r, "deployment"),
			Lane:        rapid.Uint64().Draw(r, "lane"), Sequence: rapid.Uint64().Draw(r, "sequence"),
		}
		terms, err := o.Complete(half)
		if err != nil {
			r.Fatal(err)
		}
		a := htlc.Acceptance{Terms: terms, Signature: htlc.SignTerms(key, terms)}
		if err := o.CheckAcceptance(a); err != nil {
			r.Fatal(err)
		}
		back, err := htlc.ParseAcceptance(a.Text())
		if err != nil || back.Terms.ID() != terms.ID() || back.Signature != a.Signature {
			r.Fatalf("text does not come back: %v", err)
		}
		other := o
		leaves("", reflect.ValueOf(&other).Elem(), func(name string, v reflect.Value) {
			if name == rapid.SampledFrom([]string{".AcceptBy", ".Outage", ".Gives.Lane", ".Wants.Amount", ".Salt"}).Draw(r, "field") {
				mutate(v, 0)
			}
		})
		if !reflect.DeepEqual(other, o) && other.CheckAcceptance(a) == nil {
			r.Fatal("the acceptance fits another offer")
		}
	})
}

// TestSafety_A4_TighterAcceptanceRefused: an acceptance with tighter or wider
// locks than the offer's own schedule is refused with its reason.
func TestSafety_A4_TighterAcceptanceRefused(t *testing.T) {
	o := sampleOffer()
	for _, c := range []struct {
		change func(*htlc.Terms)
		want   error
	}{
		{func(t *htlc.Terms) { t.Legs[0].TimeLock-- }, htlc.ErrTooTight},
		{func(t *htlc.Terms) { t.Legs[1].TimeLock-- }, htlc.ErrTooTight},
		{func(t *htlc.Terms) { t.Legs[0].FundBy-- }, htlc.ErrFundBy},
		{func(t *htlc.Terms) { t.Legs[0].TimeLock++ }, htlc.ErrAcceptance},
	} {
		a := sampleAcceptance(t, o)
		c.change(&a.Terms)
		a.Signature = htlc.SignTerms(keyOf(2), a.Terms)
		if err := o.CheckAcceptance(a); !errors.Is(err, c.want) || !errors.Is(err, htlc.ErrAcceptance) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
}

func TestAcceptanceRefusals(t *testing.T) {
	o := sampleOffer()
	own := sampleAcceptance(t, o)
	own.Terms.Parties[1] = o.Initiator
	if err := o.CheckAcceptance(own); !errors.Is(err, htlc.ErrPartyTwice) {
		t.Errorf("own acceptance: %v", err)
	}
	unsigned := sampleAcceptance(t, o)
	unsigned.Signature = htlc.Signature{}
	if err := o.CheckAcceptance(unsigned); !errors.Is(err, htlc.ErrSignature) {
		t.Errorf("unsigned: %v", err)
	}
	if err := o.CheckAcceptance(htlc.Acceptance{}); !errors.Is(err, htlc.ErrAcceptance) {
		t.Errorf("empty: %v", err)
	}
	c, terms := sampleCountersignature(t)
	c.Signatures[0] = c.Signatures[1]
	if err := c.Check(terms); !errors.Is(err, htlc.ErrSignature) {
		t.Errorf("initiator's signature by the participant: %v", err)
	}
	c.Swap[0]++
	if err := c.Check(terms); !errors.Is(err, htlc.ErrCountersig) {
		t.Errorf("of another swap: %v", err)
	}
}

func FuzzDecodeOffer(f *testing.F) {
	f.Add(sampleOffer().Encode())
	f.Add([]byte("KOFOOFFR"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		o, err := htlc.DecodeOffer(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(o.Encode(), raw) {
			t.Fatal("two encodings of one offer")
		}
		if o.Validate() == nil && o.Salt == (htlc.Salt{}) {
			t.Fatal("valid without a salt")
		}
	})
}
