package bitcoin

import (
	"bytes"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
)

// What no owner signs is not even described, let alone completed.
func TestPresignedOfOtherShapes(t *testing.T) {
	v, other := vectors(t)[0], vectors(t)[1].contract(t)
	c := v.contract(t)
	payer, payee := v.keys(t)
	redeem := c.redeeming(wire.OutPoint{Index: 1}, v.secret(t), c.script)
	refund := c.refunding(wire.OutPoint{Index: 1}, c.script)
	byHeight, err := refundScript(schnorr.SerializePubKey(c.payer), 1)
	failed(t, err)
	if _, _, err := (leaf{tap: txscript.NewBaseTapLeaf(byHeight)}).read(false, 1); !errors.Is(err, errLeaf) {
		t.Errorf("a refund by height: %v", err)
	}
	for name, s := range map[string]struct {
		of     spending
		change func(p *Presigned)
		want   error
	}{
		"as it is":                {redeem, func(*Presigned) {}, nil},
		"a refund as it is":       {refund, func(*Presigned) {}, nil},
		"more out than in":        {redeem, func(p *Presigned) { p.fee = -1 }, errPayout},
		"dust":                    {redeem, func(p *Presigned) { p.fee = c.amount - 329 }, errPayout},
		"a script of no address":  {redeem, func(p *Presigned) { p.spending.payout = []byte{0x51} }, errPayout},
		"a redeem that waits":     {redeem, func(p *Presigned) { p.spending.lockTime = c.timeLock }, errPresigned},
		"a refund of another day": {refund, func(p *Presigned) { p.spending.lockTime++ }, errLeaf},
		"the refund's leaf":       {redeem, func(p *Presigned) { p.spending.leaf.tap = c.refund.tap }, errLeaf},
		"the redeem's leaf":       {refund, func(p *Presigned) { p.spending.leaf.tap = c.redeem.tap }, errLeaf},
		"another leaf's proof":    {refund, func(p *Presigned) { p.spending.leaf.control = other.refund.control }, nil},
	} {
		key := payee
		if s.of.secret == nil {
			key = payer
		}
		p, err := presignedBy(Regtest(), s.of, 1_000, key)
		failed(t, err)
		s.change(&p)
		raw, err := p.MarshalBinary()
		failed(t, err)
		got, err := decodePresigned(raw)
		if !errors.Is(err, s.want) {
			t.Errorf("%s: %v, want %v", name, err, s.want)
		}
		if err == nil && (got.check() == nil) != (got.Contract == c.id) {
			t.Errorf("%s: a signature for %s is taken for one of %s", name, c.id, got.Contract)
		}
	}
}

// Whatever a tower is handed, reading it ends, what is read is what was
// written, and what is complete runs.
func FuzzPresigned(f *testing.F) {
	for _, v := range vectors(f)[:2] {
		c := v.contract(f)
		payer, payee := v.keys(f)
		redeem, err := presignedBy(Regtest(), c.redeeming(wire.OutPoint{Index: 1}, v.secret(f), c.script), 1_000, payee)
		failed(f, err)
		refund, err := presignedBy(Regtest(), c.refunding(wire.OutPoint{Index: 1}, c.script), 1_000, payer)
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

// presignedBy signs with a key of the test.
func presignedBy(params Params, s spending, fee int64, key *btcec.PrivateKey) (Presigned, error) {
	tx := s.unsigned(fee)
	if err := s.sign(tx, key); err != nil {
		return Presigned{}, err
	}
	return presigned(params, s, fee, tx.TxIn[0].Witness[0])
}
