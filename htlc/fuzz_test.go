package htlc_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/kofo-network/kofo/htlc"
)

func FuzzDecodeTerms(f *testing.F) {
	for _, terms := range vectors() {
		f.Add(terms.Encode())
	}
	f.Add([]byte("KOFOTRMS"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		terms, err := htlc.DecodeTerms(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(terms.Encode(), raw) {
			t.Fatalf("two encodings of one document:\n%x\n%x", raw, terms.Encode())
		}
		_ = terms.Validate()
		text, err := terms.MarshalText()
		var back htlc.Terms
		if err != nil || back.UnmarshalText(text) != nil || !reflect.DeepEqual(back, terms) {
			t.Fatalf("text %s does not come back: %v", text, err)
		}
	})
}

func FuzzDecodeEvent(f *testing.F) {
	terms := testTerms(btc, eth)
	s := tellAllF(f, htlc.Swap{}, signed(terms, 0))
	for _, e := range append(sampleEvents(terms, s), signed(terms, 1)) {
		raw, err := htlc.EncodeEvent(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := htlc.DecodeEvent(raw)
		if err != nil {
			return
		}
		once, err := htlc.EncodeEvent(e)
		if err != nil {
			t.Fatal(err)
		}
		again, err := htlc.DecodeEvent(once)
		if err != nil {
			t.Fatalf("%s: %v", once, err)
		}
		if twice, err := htlc.EncodeEvent(again); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%s became %s, %v", once, twice, err)
		}
		// Whatever was read, the machine takes or refuses it.
		if next, _, err := htlc.Transition(s, e); err == nil && next.Check() != nil {
			t.Fatalf("%s led to %v", once, next.Check())
		}
	})
}

func FuzzDecodeSwap(f *testing.F) {
	terms := testTerms(btc, eth)
	for self := range 2 {
		s := tellAllF(f, htlc.Swap{}, signed(terms, self))
		for _, e := range append(swapStory(s), refundStory(s)...) {
			if next, _, err := htlc.Transition(s, e); err == nil {
				s = next
				f.Add(encode(f, s))
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := htlc.DecodeSwap(raw)
		if err != nil {
			return
		}
		once := encode(t, s)
		back, err := htlc.DecodeSwap(once)
		if err != nil || !bytes.Equal(encode(t, back), once) {
			t.Fatalf("%s does not come back: %v", once, err)
		}
		// A swap that was read can be used.
		s.Alarms()
		for _, e := range sampleEvents(terms, s) {
			if _, _, err := htlc.Transition(s, e); err == nil {
				break
			}
		}
	})
}

func tellAllF(f *testing.F, s htlc.Swap, e htlc.Event) htlc.Swap {
	f.Helper()
	next, _, err := htlc.Transition(s, e)
	if err != nil {
		f.Fatal(err)
	}
	return next
}

func FuzzParseAmount(f *testing.F) {
	for _, s := range []string{"0", "1", "00", "-1", "+1", "1e3", "115792089237316195423570985008687907853269984665640564039457584007913129639936", " 1", "१"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := htlc.ParseAmount(s)
		if err == nil && a.String() != s {
			t.Fatalf("%q prints %q", s, a)
		}
	})
}

func FuzzCAIP(f *testing.F) {
	for _, s := range []string{string(btc), string(eth), string(token), "eip155:1", "eip155:1/erc20:0xAB", "a:b", "::", "eip155:1/slip44:60/1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		chain := htlc.ChainID(s)
		if chain.Validate() == nil && chain.Namespace()+":"+chain.Reference() != s {
			t.Fatalf("%q has the parts %q and %q", s, chain.Namespace(), chain.Reference())
		}
		asset := htlc.AssetID(s)
		if asset.Validate() != nil {
			return
		}
		if asset.Chain().Validate() != nil || string(asset.Chain())+"/"+asset.Namespace()+":"+asset.Reference() != s {
			t.Fatalf("%q has the parts %q, %q and %q", s, asset.Chain(), asset.Namespace(), asset.Reference())
		}
	})
}
