package bitcoin

import (
	"bytes"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
)

// Whatever a tower is handed, reading it ends, what is read is what was
// written, and what is complete runs.
func FuzzPresigned(f *testing.F) {
	for _, v := range vectors(f)[:2] {
		c := v.contract(f)
		payer, payee := v.keys(f)
		redeem, err := presigned(Regtest(), c.redeeming(wire.OutPoint{Index: 1}, v.secret(f), c.script), 1_000, payee)
		failed(f, err)
		refund, err := presigned(Regtest(), c.refunding(wire.OutPoint{Index: 1}, c.script), 1_000, payer)
		failed(f, err)
		for _, p := range []Presigned{redeem, refund} {
			raw, err := p.MarshalBinary()
			failed(f, err)
			f.Add(raw)
		}
	}
	f.Add([]byte{presignedVersion, presignedRedeem})
	secret := vectors(f)[0].secret(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := decodePresigned(raw)
		if err != nil {
			return
		}
		again, err := p.MarshalBinary()
		failed(t, err)
		if !bytes.Equal(again, raw) {
			t.Fatalf("%x is read as %x", raw, again)
		}
		if p.check() != nil {
			return
		}
		switch p.Kind {
		case adapters.Refunded:
			_, err = CompleteRefund(p)
		case adapters.Redeemed:
			if secret.Opens(p.Hash) {
				_, err = CompleteRedeem(p, secret)
			}
		default:
			t.Fatalf("a presigned %s", p.Kind)
		}
		failed(t, err)
	})
}
