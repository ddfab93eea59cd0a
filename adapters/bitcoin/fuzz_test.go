package bitcoin

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
)

func FuzzParseRef(f *testing.F) {
	f.Add("0000000000000000000000000000000000000000000000000000000000000001:0")
	f.Add("ff:1")
	f.Add(":")
	f.Fuzz(func(t *testing.T, ref string) {
		point, err := parseRef(ref)
		if err == nil && refOf(point) != ref {
			t.Fatalf("%q is read as %s", ref, point)
		}
		if err != nil && !errors.Is(err, adapters.ErrMismatch) {
			t.Fatal(err)
		}
	})
}

func FuzzParseCoins(f *testing.F) {
	for _, s := range []string{"0", "0.05", "1e-05", "5E-8", "20999999.9769", "-1", "1e99", "0x1p-2", "1/3", "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sat, err := parseCoins(text)
		if err != nil {
			return
		}
		want, _, err := big.ParseFloat(text, 10, 512, big.ToZero)
		if err != nil {
			t.Fatalf("%q was read as %d: %v", text, sat, err)
		}
		want.Mul(want, big.NewFloat(1e8))
		diff := want.Sub(want, new(big.Float).SetInt64(sat))
		if diff.Abs(diff).Cmp(big.NewFloat(1.000001)) >= 0 {
			t.Fatalf("%q is read as %d", text, sat)
		}
	})
}

func TestParseCoins(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "0.05": 5_000_000, "1e-05": 1_000, "5e-8": 5, "20999999.9769": 2_099_999_997_690_000, "0.00000001": 1,
		"0.29": 29_000_000, "-1": -100_000_000, "1.1e1": 1_100_000_000,
	} {
		if got, err := parseCoins(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "e5", "1e99", "1e-99", "null", "1/2", "0x10", "1_000", "inf", "99999999999999999999"} {
		if got, err := parseCoins(bad); err == nil {
			t.Errorf("%q is read as %d", bad, got)
		}
	}
}

func FuzzReadHold(f *testing.F) {
	f.Add("swap", "", int64(0), false)
	f.Add("withdrawal:a#b#1", "00", int64(5_000_000), true)
	f.Add("#", "#", int64(-1), false)
	f.Fuzz(func(t *testing.T, owner, tx string, amount int64, used bool) {
		h := hold{owner: owner, tx: strings.ReplaceAll(tx, mark, ""), amount: amount, used: used, mixed: amount%2 == 0}
		if got := readHold(Hold{Owner: h.name()}); got != h {
			t.Fatalf("%+v is read as %+v", h, got)
		}
		h.used, h.old = true, true // as an earlier version stored it
		if got := readHold(Hold{Owner: h.name(), Used: true}); got != h {
			t.Fatalf("%+v is read as %+v", h, got)
		}
		_ = readHold(Hold{Owner: owner})
	})
}

func FuzzDecodeReply(f *testing.F) {
	f.Add([]byte(`{"result":{"value":0.1},"error":null,"id":1}`))
	f.Add([]byte(`{"result":"00ff","error":null,"id":1}`))
	f.Add([]byte(`{"result":null,"error":{"code":-5,"message":"no"},"id":1}`))
	f.Fuzz(func(t *testing.T, reply []byte) {
		var out struct {
			Value coinValue     `json:"value"`
			Hash  adapters.Hash `json:"hash"`
			List  []txidText    `json:"list"`
		}
		_ = decodeReply(reply, "200 OK", &out)
		var text string
		var raw rawHex
		slow := decodeReply(bytes.Clone(reply), "200 OK", &text)
		fast := decodeReply(bytes.Clone(reply), "200 OK", &raw)
		if slow == nil && fast == nil && !strings.EqualFold(hex.EncodeToString(raw), text) && !strings.Contains(string(reply), `"result":"`+hex.EncodeToString(raw)) {
			t.Fatalf("%q: %x", text, []byte(raw))
		}
	})
}

// Whatever stands in a block, reading it ends, and what it says of a contract
// is about that contract.
func FuzzBlock(f *testing.F) {
	v := vectors(f)[0]
	c := v.contract(f)
	payer, payee := v.keys(f)
	var block wire.MsgBlock
	lock := wire.NewMsgTx(txVersion)
	lock.AddTxIn(wire.NewTxIn(&wire.OutPoint{}, nil, nil))
	lock.AddTxOut(wire.NewTxOut(c.amount, c.script))
	lock.AddTxOut(wire.NewTxOut(c.amount+1, c.script))
	id := lock.TxHash()
	block.Transactions = []*wire.MsgTx{
		lock, signed(f, c.redeeming(wire.OutPoint{Hash: id}, v.secret(f), c.script), payee),
		signed(f, c.refunding(wire.OutPoint{Hash: id, Index: 1}, c.script), payer),
	}
	var raw bytes.Buffer
	if err := block.Serialize(&raw); err != nil {
		f.Fatal(err)
	}
	f.Add(raw.Bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := decodeBlock(raw)
		if err != nil {
			return
		}
		set := newWatchSet()
		set.add(c, nil)
		for _, fact := range set.matchBlock(b) {
			if fact.Contract != c.id || fact.TxID == "" || fact.Ref == "" || fact.Kind == adapters.Redeemed && !fact.Secret.Opens(c.hash) {
				t.Fatalf("fact %+v", fact)
			}
		}
		if w := set.scripts[string(c.script)]; len(w.points) > maxPoints {
			t.Fatalf("%d outputs are remembered", len(w.points))
		}
	})
}
