package bitcoin

import (
	"bytes"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcec/v2/schnorr/musig2"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// roles are both parties' keys of a vector's contract.
func (v vector) roles(t testing.TB) map[Role]*btcec.PrivateKey {
	payer, payee := v.keys(t)
	return map[Role]*btcec.PrivateKey{Payer: payer, Payee: payee}
}

func failed(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// jointOf spends one contract, times several, to a script.
func jointOf(c *contract, inputs int, payout []byte) joint {
	var points []wire.OutPoint
	var spent []*wire.TxOut
	for i := range inputs {
		points = append(points, wire.OutPoint{Hash: chainhash.Hash{7}, Index: uint32(i)})
		spent = append(spent, wire.NewTxOut(c.amount, c.script))
	}
	return newJoint(points, spent, []*wire.TxOut{wire.NewTxOut(int64(inputs)*(c.amount-1_000), payout)})
}

// halfOf begins the proposer's half of an input.
func halfOf(t testing.TB, j joint, input int, c *contract, role Role, key *btcec.PrivateKey) half {
	t.Helper()
	digest, err := j.digest(input)
	failed(t, err)
	nonces, err := c.newNonces(key, digest)
	failed(t, err)
	return half{c: c, role: role, digest: digest, nonces: nonces}
}

// signJoint signs every input by both.
func signJoint(t testing.TB, j joint, c *contract, role Role, keys map[Role]*btcec.PrivateKey) {
	t.Helper()
	for i := range j.tx.TxIn {
		h := halfOf(t, j, i, c, role, keys[role])
		answer, err := c.consent(keys[h.other()], h.digest, h.nonces.PubNonce)
		failed(t, err)
		failed(t, h.check(answer))
		signature, err := h.combine(keys[role], answer)
		failed(t, err)
		j.tx.TxIn[i].Witness = wire.TxWitness{signature}
	}
	failed(t, verifyInputs(j.tx, j.fetcher, j.hashes))
}

// Sizes in weight units, a quarter of a virtual byte: 99 vB for one input and
// one P2WPKH output, 57.5 vB for every further input.
func TestCooperativeSizes(t *testing.T) {
	v := vectors(t)[0]
	c, keys := v.contract(t), v.roles(t)
	p2wpkh := append([]byte{txscript.OP_0, txscript.OP_DATA_20}, make([]byte, 20)...)
	for _, s := range []struct {
		name   string
		inputs int
		payout []byte
		want   int
	}{
		{"one to P2WPKH", 1, p2wpkh, 4 * 99},
		{"two to P2WPKH", 2, p2wpkh, 4*99 + 230},
		{"a hundred to P2WPKH", 100, p2wpkh, 4*99 + 99*230},
		{"one to an own address", 1, c.script, 4 * 111},
	} {
		j := jointOf(c, s.inputs, s.payout)
		planned := weight(j.padded())
		signJoint(t, j, c, Payee, keys)
		t.Logf("%-22s %7.2f vB, %.2f each", s.name, float64(weight(j.tx))/4, float64(weight(j.tx))/float64(4*s.inputs))
		if got := weight(j.tx); got != s.want || planned != got {
			t.Errorf("%s: %d weight units, priced as %d, want %d", s.name, got, planned, s.want)
		}
		if kind := (&watched{hash: c.hash, redeem: c.redeem.tap.Script, refund: c.refund.tap.Script}).classify(j.tx.TxIn[0].Witness).Kind; kind != adapters.ClosedByConsent {
			t.Errorf("%s is seen as %s", s.name, kind)
		}
	}
}

// Whatever the keys, and so whatever is odd or even: both halves together are
// the signature, in either role.
func TestCooperativeSpendOfAnyKeys(t *testing.T) {
	base := vectors(t)[0].terms(t, Regtest())
	rapid.Check(t, func(r *rapid.T) {
		keys := map[Role]*btcec.PrivateKey{}
		terms := base
		terms.Legs = append([]htlc.Leg(nil), base.Legs...)
		for _, role := range []Role{Payer, Payee} {
			raw := rapid.SliceOfN(rapid.Byte(), 31, 31).Draw(r, "key")
			keys[role], _ = btcec.PrivKeyFromBytes(append(raw, byte(role)))
		}
		terms.Legs[0].PayerKey = keys[Payer].PubKey().SerializeCompressed()
		terms.Legs[0].PayeeKey = keys[Payee].PubKey().SerializeCompressed()
		c, err := buildContract(Regtest(), terms, 0)
		if err != nil {
			r.Skip(err)
		}
		signJoint(t, jointOf(c, 1, c.script), c, rapid.SampledFrom([]Role{Payer, Payee}).Draw(r, "proposer"), keys)
	})
}

// A half is good for one contract, one digest, one pair of nonces and one key.
func TestHalvesDoNotFitElsewhere(t *testing.T) {
	v, other := vectors(t)[0], vectors(t)[1]
	c, keys := v.contract(t), v.roles(t)
	j := jointOf(c, 2, c.script)
	h := halfOf(t, j, 0, c, Payee, keys[Payee])
	good, err := c.consent(keys[Payer], h.digest, h.nonces.PubNonce)
	failed(t, err)
	failed(t, h.check(good))
	otherInput, err := j.digest(1)
	failed(t, err)
	strange := halfOf(t, j, 0, c, Payee, keys[Payee])
	for name, answer := range map[string]func() (coAnswer, error){
		"another input":   func() (coAnswer, error) { return c.consent(keys[Payer], otherInput, h.nonces.PubNonce) },
		"another session": func() (coAnswer, error) { return c.consent(keys[Payer], h.digest, strange.nonces.PubNonce) },
		"own key":         func() (coAnswer, error) { return c.consent(keys[Payee], h.digest, h.nonces.PubNonce) },
		"another contract": func() (coAnswer, error) {
			return other.contract(t).consent(other.roles(t)[Payer], h.digest, h.nonces.PubNonce)
		},
		"another nonce": func() (coAnswer, error) {
			fresh, err := c.newNonces(keys[Payer], h.digest)
			return coAnswer{nonce: fresh.PubNonce, partial: good.partial}, err
		},
	} {
		answer, err := answer()
		failed(t, err)
		if err := h.check(answer); !errors.Is(err, errPartial) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A consenter that sees the proposer's nonces first can make their sum nothing,
// or half of it: still only its own half is wrong.
func TestNoncesThatCancelOut(t *testing.T) {
	v := vectors(t)[0]
	c, keys := v.contract(t), v.roles(t)
	h := halfOf(t, jointOf(c, 1, c.script), 0, c, Payee, keys[Payee])
	good, err := c.consent(keys[Payer], h.digest, h.nonces.PubNonce)
	failed(t, err)
	for name, points := range map[string][]int{"both": {0, 33}, "first": {0}, "second": {33}} {
		bad := good
		for _, at := range points {
			copy(bad.nonce[at:at+33], h.nonces.PubNonce[at:at+33])
			bad.nonce[at] ^= 1 // the other y: the negative point
		}
		read, err := decodeCoAnswer(bad.encode())
		failed(t, err)
		if err := h.check(read); !errors.Is(err, errPartial) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// No two sessions share a nonce, and nothing of one is left behind.
func TestNoncesAreFreshAndForgotten(t *testing.T) {
	v := vectors(t)[0]
	c, keys := v.contract(t), v.roles(t)
	j := jointOf(c, 1, c.script)
	seen := map[pubNonce]bool{}
	for range 8 {
		h := halfOf(t, j, 0, c, Payee, keys[Payee])
		answer, err := c.consent(keys[Payer], h.digest, h.nonces.PubNonce)
		failed(t, err)
		for _, nonce := range []pubNonce{h.nonces.PubNonce, answer.nonce} {
			if seen[nonce] {
				t.Fatal("a nonce was drawn twice")
			}
			seen[nonce] = true
		}
		s := coSpend{joint: j, halves: []half{h}}
		if _, err := s.complete([][]byte{{coVersion}}); !errors.Is(err, adapters.ErrBadConsent) {
			t.Fatalf("a short answer: %v", err)
		}
		if h.nonces.SecNonce != [musig2.SecNonceSize]byte{} {
			t.Fatal("the secret nonces outlive the session")
		}
	}
}

// What the consenter refuses to sign.
func TestConsenterChecks(t *testing.T) {
	v := vectors(t)[0]
	c, keys := v.contract(t), v.roles(t)
	point := wire.OutPoint{Hash: chainhash.Hash{7}}
	propose := func(inputs int, change func(p *coProposal)) coProposal {
		j := jointOf(c, inputs, c.script)
		p := coProposal{nonce: halfOf(t, j, 0, c, Payee, keys[Payee]).nonces.PubNonce, spent: j.spent, tx: j.tx}
		change(&p)
		return p
	}
	none := func(*coProposal) {}
	for name, s := range map[string]struct {
		proposal coProposal
		intent   htlc.Intent
		good     bool
	}{
		"redeem":                  {propose(1, none), htlc.IntentRedeem, true},
		"refund":                  {propose(1, none), htlc.IntentRefund, true},
		"redeem in a sweep":       {propose(3, none), htlc.IntentRedeem, true},
		"refund in a sweep":       {propose(2, none), htlc.IntentRefund, false},
		"another's input":         {propose(2, func(p *coProposal) { p.input = 1 }), htlc.IntentRedeem, false},
		"another output":          {propose(1, func(p *coProposal) { p.tx.TxIn[0].PreviousOutPoint.Index++ }), htlc.IntentRedeem, false},
		"another amount":          {propose(1, func(p *coProposal) { p.spent[0].Value++ }), htlc.IntentRedeem, false},
		"another script":          {propose(1, func(p *coProposal) { p.spent[0].PkScript = []byte{txscript.OP_TRUE} }), htlc.IntentRedeem, false},
		"more out than in":        {propose(1, func(p *coProposal) { p.tx.TxOut[0].Value = c.amount + 1 }), htlc.IntentRedeem, false},
		"everything to the miner": {propose(1, func(p *coProposal) { p.tx.TxOut[0].Value = 0 }), htlc.IntentRedeem, true},
	} {
		p, err := decodeCoProposal(s.proposal.encode())
		failed(t, err)
		if err := p.check(c, point, s.intent); (err == nil) != s.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The decoders take nothing but what the encoders write.
func TestMessagesOfOtherShapes(t *testing.T) {
	v := vectors(t)[0]
	c, keys := v.contract(t), v.roles(t)
	j := jointOf(c, 2, c.script)
	h := halfOf(t, j, 0, c, Payee, keys[Payee])
	good := func() coProposal {
		p, err := decodeCoProposal(coProposal{nonce: h.nonces.PubNonce, spent: j.spent, tx: j.tx}.encode())
		failed(t, err)
		return p
	}
	for name, s := range map[string]struct {
		change func(p *coProposal)
		want   error
	}{
		"as it is":           {func(*coProposal) {}, nil},
		"no inputs":          {func(p *coProposal) { p.tx.TxIn = nil }, errCoShape},
		"an input too far":   {func(p *coProposal) { p.input = 2 }, errCoShape},
		"an input twice":     {func(p *coProposal) { p.tx.TxIn[1] = p.tx.TxIn[0] }, errCoShape},
		"no outputs":         {func(p *coProposal) { p.tx.TxOut = nil }, errCoShape},
		"too many outputs":   {func(p *coProposal) { p.tx.TxOut = make([]*wire.TxOut, 0); addOutputs(p.tx, maxCoOutputs+1) }, errCoShape},
		"more than there is": {func(p *coProposal) { p.spent[1].Value = btcutil.MaxSatoshi + 1 }, errCoShape},
		"less than nothing":  {func(p *coProposal) { p.tx.TxOut[0].Value = -1 }, errCoShape},
		"no script":          {func(p *coProposal) { p.tx.TxOut[0].PkScript = nil }, errCoShape},
		"a long script":      {func(p *coProposal) { p.tx.TxOut[0].PkScript = make([]byte, maxScriptSize+1) }, errCoShape},
		"no nonce":           {func(p *coProposal) { p.nonce = pubNonce{} }, errCoNonce},
		"half a nonce":       {func(p *coProposal) { clear(p.nonce[33:]) }, errCoNonce},
	} {
		p := good()
		s.change(&p)
		if _, err := decodeCoProposal(p.encode()); !errors.Is(err, s.want) {
			t.Errorf("%s: %v, want %v", name, err, s.want)
		}
	}
	raw := good().encode()
	raw[0]++
	if _, err := decodeCoProposal(raw); !errors.Is(err, errCoVersion) {
		t.Errorf("another version: %v", err)
	}
	answer, err := c.consent(keys[Payer], h.digest, h.nonces.PubNonce)
	failed(t, err)
	raw = answer.encode()
	copy(raw[len(raw)-partialSize:], bytes.Repeat([]byte{0xff}, partialSize))
	if _, err := decodeCoAnswer(raw); !errors.Is(err, errPartial) {
		t.Errorf("a partial signature beyond the group's order: %v", err)
	}
}

func addOutputs(tx *wire.MsgTx, n int) {
	for range n {
		tx.AddTxOut(wire.NewTxOut(1, []byte{txscript.OP_TRUE}))
	}
}

// Whatever the other party sends, reading it ends, and what is read is what was
// sent.
func FuzzCoProposal(f *testing.F) {
	v := vectors(f)[0]
	c, keys := v.contract(f), v.roles(f)
	for _, inputs := range []int{1, 3} {
		j := jointOf(c, inputs, c.script)
		h := halfOf(f, j, 0, c, Payee, keys[Payee])
		f.Add(coProposal{nonce: h.nonces.PubNonce, spent: j.spent, tx: j.tx}.encode())
	}
	f.Add([]byte{coVersion})
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := decodeCoProposal(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(p.encode(), raw) {
			t.Fatalf("%x is read as %x", raw, p.encode())
		}
		err = p.check(c, wire.OutPoint{Hash: chainhash.Hash{7}}, htlc.IntentRedeem)
		if err != nil {
			return
		}
		digest, err := p.joint().digest(p.input)
		failed(t, err)
		answer, err := c.consent(keys[Payer], digest, p.nonce)
		failed(t, err)
		if _, err := decodeCoAnswer(answer.encode()); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzCoAnswer(f *testing.F) {
	v := vectors(f)[0]
	c, keys := v.contract(f), v.roles(f)
	j := jointOf(c, 1, c.script)
	h := halfOf(f, j, 0, c, Payee, keys[Payee])
	good, err := c.consent(keys[Payer], h.digest, h.nonces.PubNonce)
	failed(f, err)
	f.Add(good.encode())
	f.Add([]byte{coVersion})
	f.Fuzz(func(t *testing.T, raw []byte) {
		answer, err := decodeCoAnswer(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(answer.encode(), raw) {
			t.Fatalf("%x is read as %x", raw, answer.encode())
		}
		if h.check(answer) == nil {
			signature, err := h.combine(keys[Payee], answer)
			failed(t, err)
			sig, err := schnorr.ParseSignature(signature)
			failed(t, err)
			output, err := schnorr.ParsePubKey(c.script[2:])
			failed(t, err)
			if !sig.Verify(h.digest[:], output) {
				t.Fatal("the halves are good and the whole is not")
			}
		}
	})
}
