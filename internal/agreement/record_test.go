package agreement

import (
	"errors"
	"reflect"
	"testing"

	"github.com/kofo-network/kofo/htlc"
)

// agreed returns a node's record of a swap that all have signed.
func agreed(t *testing.T, w *world) Record {
	t.Helper()
	offer := w.a.offer(sendBTC())
	w.b.accept(offer.Ticket(), false)
	return w.a.find(offer.ID())
}

func TestRecordCodec(t *testing.T) {
	w := newWorld(t)
	r := agreed(t, w)
	raw, err := EncodeRecord(r)
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeRecord(raw)
	if err != nil || !reflect.DeepEqual(back, r) {
		t.Fatalf("%v: %+v", err, back)
	}
	if r.Ticket() == "" || r.Acceptance() == "" || r.Countersignature() == "" {
		t.Error("an agreed record lacks a text")
	}
}

// TestRecordInvariants: what cannot be, is not read.
func TestRecordInvariants(t *testing.T) {
	w := newWorld(t)
	good := agreed(t, w)
	for name, change := range map[string]func(*Record){
		"unknown state":         func(r *Record) { r.State = "done" },
		"no signature":          func(r *Record) { r.Signatures[0] = htlc.Signature{} },
		"no terms":              func(r *Record) { r.Terms = htlc.Terms{} },
		"terms of another":      func(r *Record) { r.Offer.Salt[0]++ },
		"draft with terms":      func(r *Record) { r.State = StateDraft },
		"offered with terms":    func(r *Record) { r.State = StateOffered },
		"initiator accepted":    func(r *Record) { r.State = StateAccepted },
		"bound without terms":   func(r *Record) { r.State, r.Terms = StateBound, htlc.Terms{} },
		"bound participant":     func(r *Record) { r.State, r.Initiator = StateBound, false },
		"three legs":            func(r *Record) { r.Terms.Legs = append(r.Terms.Legs, r.Terms.Legs[0]) },
		"agreed, other's terms": func(r *Record) { r.Terms.Outage++ },
	} {
		r := good
		r.Terms.Legs = append([]htlc.Leg(nil), good.Terms.Legs...)
		change(&r)
		raw, err := EncodeRecord(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeRecord(raw); !errors.Is(err, ErrStored) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(States()) != 8 || StateAgreed.Ended() || !StateRefused.Ended() {
		t.Error("states")
	}
}

func FuzzDecodeRecord(f *testing.F) {
	o := htlc.NewOffer(htlc.PartyID{1}, htlc.SecretHash{2}, htlc.Salt{3})
	raw, err := EncodeRecord(Record{State: StateDraft, Initiator: true, Offer: o})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := DecodeRecord(raw)
		if err != nil {
			return
		}
		again, err := EncodeRecord(r)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := DecodeRecord(again); err != nil || back.ID() != r.ID() || back.Swap() != r.Swap() {
			t.Fatalf("does not come back: %v", err)
		}
	})
}
