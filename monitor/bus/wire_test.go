package bus

import (
	"errors"
	"reflect"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

func secret(t testing.TB) *htlc.Secret {
	t.Helper()
	s, err := htlc.NewSecret(make([]byte, htlc.SecretSize))
	if err != nil {
		t.Fatal(err)
	}
	return &s
}

func sampleMessages(t testing.TB) []Message {
	block := adapters.BlockRef{Height: 7, Hash: adapters.Hash{1}, Parent: adapters.Hash{2}, Time: 3, Clock: 4}
	return []Message{
		stepAt(3, 2),
		{Chain: chainID, Step: &adapters.Step{Kind: adapters.Disconnect, Block: block, Facts: []adapters.Fact{}}},
		{Chain: chainID, Step: &adapters.Step{Kind: adapters.Connect, Block: block, Facts: []adapters.Fact{
			{Kind: adapters.Redeemed, Contract: "c", TxID: "t", Secret: secret(t)}, {Kind: adapters.Mismatched, Detail: "d"},
			{Kind: adapters.Funded, Contract: "c", TxID: "t", Ref: "r", Own: true},
		}}},
		{Chain: chainID, Sight: &adapters.Fact{Kind: adapters.Redeemed, Contract: "c", TxID: "t", Secret: secret(t)}},
		{
			Chain: chainID, Step: &adapters.Step{Kind: adapters.Connect, Block: block, Facts: []adapters.Fact{}},
			Recent: []adapters.BlockRef{{Height: 6, Hash: adapters.Hash{2}}, block},
		},
	}
}

func TestMessageEncoding(t *testing.T) {
	for i, m := range sampleMessages(t) {
		raw, err := EncodeMessage(m)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeMessage(raw)
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		if !reflect.DeepEqual(back, m) {
			t.Errorf("%d: %+v became %+v", i, m, back)
		}
	}
}

func TestBadMessages(t *testing.T) {
	for _, raw := range []string{
		"", "{}", "null", `{"V":2,"Chain":"a"}`, `{"V":1}`, `{"V":1,"Chain":"a"}`, `{"V":1,"Chain":"a","Kind":9,"Block":{}}`,
		`{"V":1,"Chain":"a","Facts":[{"Kind":2}]}`, `{"V":1,"Chain":"a","Facts":[{"Kind":2,"Secret":"00"}]}`,
		`{"V":1,"Chain":"a","Facts":[{},{}]}`,
		`{"V":1,"Chain":"a","Facts":[{}],"Recent":[{}]}`,
		`{"V":1,"Chain":"a","Kind":1,"Block":{"Height":2},"Recent":[{"Height":2},{"Height":1}]}`,
		`{"V":1,"Chain":"a","Kind":1,"Block":{"Height":2},"Recent":[{"Height":3},{"Height":2}]}`,
	} {
		if _, err := DecodeMessage([]byte(raw)); !errors.Is(err, ErrMessage) {
			t.Errorf("message %s: %v", raw, err)
		}
	}
	for _, raw := range []string{"", "{}", `{"V":1,"Facts":[{"Kind":1}]}`, `{"V":1,"Facts":[{"Kind":2,"Secret":"zz"}]}`} {
		if _, err := DecodeReply([]byte(raw)); !errors.Is(err, ErrMessage) {
			t.Errorf("reply %s: %v", raw, err)
		}
	}
	for _, raw := range []string{"", "{}", `{"V":1,"Op":"watch"}`, `{"V":1,"Op":"follow","Terms":"AA=="}`} {
		if _, err := DecodeRequest([]byte(raw)); !errors.Is(err, ErrMessage) {
			t.Errorf("request %s: %v", raw, err)
		}
	}
}

// What decodes, encodes to something that decodes to the same.
func FuzzDecodeMessage(f *testing.F) {
	for _, m := range sampleMessages(f) {
		raw, err := EncodeMessage(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := DecodeMessage(raw)
		if err != nil {
			return
		}
		again, err := EncodeMessage(m)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := DecodeMessage(again); err != nil || !reflect.DeepEqual(back, m) {
			t.Fatalf("%+v became %+v, %v", m, back, err)
		}
	})
}

func FuzzDecodeReply(f *testing.F) {
	raw, err := EncodeReply(Reply{
		Contract: adapters.Contract{ID: "c", Chain: chainID}, Position: adapters.BlockRef{Height: 1}, Epoch: Epoch{"s", 1},
		Facts: []adapters.Located{{Fact: adapters.Fact{Kind: adapters.Redeemed, Secret: secret(f)}, Block: adapters.BlockRef{Height: 1}}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := DecodeReply(raw)
		if err != nil {
			return
		}
		again, err := EncodeReply(r)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := DecodeReply(again); err != nil || !reflect.DeepEqual(back, r) {
			t.Fatalf("%+v became %+v, %v", r, back, err)
		}
	})
}

func FuzzDecodeRequest(f *testing.F) {
	cursor := adapters.BlockRef{Height: 5}
	terms := htlc.Terms{Version: htlc.Version, Legs: []htlc.Leg{{}, {}}}
	for _, r := range []Request{{Op: OpFollow, Cursor: &cursor}, {Op: OpWatch, Terms: &terms}, {Op: OpScan, Contract: "c"}} {
		raw, err := EncodeRequest(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := DecodeRequest(raw)
		if err != nil {
			return
		}
		if _, err := EncodeRequest(r); err != nil {
			t.Fatal(err)
		}
	})
}
