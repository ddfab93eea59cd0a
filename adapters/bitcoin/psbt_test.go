package bitcoin_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/psbt/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/htlc"
)

// between stands between an adapter and its signer.
type between struct {
	bitcoin.Signer
	asked []bitcoin.SignRequest
	alter func(answer *psbt.Packet)
	raw   func(answer []byte) []byte
	fail  error
}

func (b *between) SignPSBT(ctx context.Context, req bitcoin.SignRequest) ([]byte, error) {
	b.asked = append(b.asked, req)
	if b.fail != nil {
		return nil, b.fail
	}
	answer, err := b.Signer.SignPSBT(ctx, req)
	if err == nil && b.alter != nil {
		var packet *psbt.Packet
		if packet, err = psbt.NewFromRawBytes(bytes.NewReader(answer), false); err != nil {
			return nil, err
		}
		b.alter(packet)
		var out bytes.Buffer
		err = packet.Serialize(&out)
		answer = out.Bytes()
	}
	if b.raw != nil {
		answer = b.raw(answer)
	}
	return answer, err
}

// outside gives a party a signer that is asked over an interface only, as one in
// another process is.
func (k *kit) outside(p *party) *between {
	k.t.Helper()
	b := &between{Signer: bitcointest.Signer(p.name)}
	a, err := bitcoin.Open(k.ctx(), k.config(), b, p.book, p.book, slog.New(slog.DiscardHandler))
	if err != nil {
		k.t.Fatal(err)
	}
	p.Adapter = a
	return b
}

// last is what was asked for last, as its signer sees it.
func (b *between) last(t *testing.T, purpose bitcoin.SignPurpose) bitcoin.Inspection {
	t.Helper()
	if len(b.asked) == 0 {
		t.Fatal("nothing was asked for")
	}
	req := b.asked[len(b.asked)-1]
	seen, err := bitcoin.Inspect(req, b.AccountKey)
	if err != nil {
		t.Fatalf("%s: %v", req.Purpose, err)
	}
	if req.Purpose != purpose || seen.Purpose != purpose {
		t.Fatalf("asked for a %s, want a %s", req.Purpose, purpose)
	}
	return seen
}

func wantText(t *testing.T, i bitcoin.Inspection, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if text := i.String(); !strings.Contains(text, part) {
			t.Errorf("%q is missing in\n%s", part, text)
		}
	}
}

// Each spend goes through a PSBT that shows all of it, and no secret.
func TestEverySpendIsAPSBT(t *testing.T) {
	k := newKit(t)
	payer, payee := k.outside(k.payer), k.outside(k.payee)
	terms := k.terms("swap", 1, lockOf)
	ref := refOf(k.fund("swap", terms))
	refund := payer.last(t, bitcoin.ForRefund)
	payer.asked = payer.asked[:len(payer.asked)-1]
	fund := payer.last(t, bitcoin.ForFund)
	wantText(t, fund, "fund leg 1 of swap "+terms.ID().String(), "pays   0.05000000 BTC to "+k.watch(k.payer, terms).Address+", the contract", "this wallet")
	if refund.NotBefore != terms.Legs[leg].TimeLock || !refund.Outputs[0].Own || refund.Inputs[0].Ref != ref || refund.Swap != terms.ID() {
		t.Errorf("refund: %s", refund)
	}
	k.mine(1)
	k.broadcast(k.payee, k.redeem(terms, ref, 1))
	redeem := payee.last(t, bitcoin.ForRedeem)
	want := bitcoin.LegKeyRef{Salt: terms.Salt, Role: bitcoin.Payee, Leg: leg}
	if redeem.Until != terms.Legs[leg].TimeLock || !redeem.Outputs[0].Own || *redeem.Inputs[0].Key != want || redeem.Fee <= 0 {
		t.Errorf("redeem: %s", redeem)
	}
	raw := secret(1).Reveal()
	for _, req := range payee.asked {
		if bytes.Contains(req.PSBT, raw[:]) {
			t.Error("the secret is in a PSBT")
		}
	}
	k.mine(1)
	if _, err := k.payer.Withdraw(k.ctx(), adapters.Withdrawal{
		RequestID: "w", Asset: k.params.Asset, To: bitcoin.AddressOf(k.params, k.script(k.payee)), Amount: htlc.NewAmount(70_000),
	}); err != nil {
		t.Fatal(err)
	}
	paid := payer.last(t, bitcoin.ForWithdraw)
	wantText(t, paid, "pays   0.00070000 BTC to ", "somebody else", "fee    0.0000")
}

func TestCancelIsAPSBT(t *testing.T) {
	k := newKit(t)
	payer := k.outside(k.payer)
	terms := k.terms("swap", 1, lockOf)
	f, err := k.payer.Fund(k.ctx(), "swap", terms, leg)
	if err != nil {
		t.Fatal(err)
	}
	req := abandonment(terms, f.Txs[0])
	req.Fees = adapters.FeePolicy{Deadline: 100_000, Budget: htlc.NewAmount(lockOf / 2)}
	k.abandon(req, true, false)
	if seen := payer.last(t, bitcoin.ForCancel); len(seen.Outputs) != 1 || !seen.Outputs[0].Own {
		t.Errorf("cancel: %s", seen)
	}
}

// A signer elsewhere takes no part in cooperative spends; the script path stays.
func TestNoCosigningElsewhere(t *testing.T) {
	k := newKit(t)
	k.outside(k.payee)
	terms := k.terms("swap", 1, lockOf)
	ref := refOf(k.fund("swap", terms))
	k.mine(1)
	_, err := k.payee.Propose(k.ctx(), adapters.Proposal{Terms: terms, Leg: leg, Ref: ref, Intent: htlc.IntentRedeem})
	wantReason(t, err, adapters.ErrNoConsent, "SIGNER_CANNOT_COSIGN")
	k.broadcast(k.payee, k.redeem(terms, ref, 1))
}

// What comes back is not believed: nothing but the signatures is taken, and each
// must fit what was asked for.
func TestWrongAnswersAreRefused(t *testing.T) {
	k := newKit(t)
	payee := k.outside(k.payee)
	terms := k.terms("swap", 1, lockOf)
	ref := refOf(k.fund("swap", terms))
	k.mine(1)
	spend := adapters.Spend{Terms: terms, Leg: leg, Ref: ref, Secret: secret(1)}
	for name, alter := range map[string]func(*psbt.Packet){
		"pays less":       func(p *psbt.Packet) { p.UnsignedTx.TxOut[0].Value-- },
		"pays another":    func(p *psbt.Packet) { p.UnsignedTx.TxOut[0].PkScript = k.script(k.payer) },
		"another input":   func(p *psbt.Packet) { p.UnsignedTx.TxIn[0].PreviousOutPoint.Index++ },
		"another time":    func(p *psbt.Packet) { p.UnsignedTx.LockTime++ },
		"not replaceable": func(p *psbt.Packet) { p.UnsignedTx.TxIn[0].Sequence++ },
		"unsigned":        func(p *psbt.Packet) { p.Inputs[0].TaprootScriptSpendSig = nil },
		"a wrong bit":     func(p *psbt.Packet) { p.Inputs[0].TaprootScriptSpendSig[0].Signature[3] ^= 1 },
		"another leaf":    func(p *psbt.Packet) { p.Inputs[0].TaprootScriptSpendSig[0].LeafHash[0] ^= 1 },
		"all or nothing": func(p *psbt.Packet) {
			p.Inputs[0].TaprootScriptSpendSig[0].SigHash = txscript.SigHashNone
		},
	} {
		payee.alter = alter
		_, err := k.payee.Redeem(k.ctx(), spend)
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		wantReason(t, err, adapters.ErrMismatch, "SIGNER_ANSWER_WRONG")
	}
	payee.alter = nil
	for name, raw := range map[string]func([]byte) []byte{
		"nothing": func([]byte) []byte { return nil }, "half": func(a []byte) []byte { return a[:len(a)/2] },
		"the question": func([]byte) []byte { return payee.asked[len(payee.asked)-1].PSBT },
		"too long":     func(a []byte) []byte { return append(slices.Clone(a), make([]byte, 2<<20)...) },
	} {
		payee.raw = raw
		_, err := k.payee.Redeem(k.ctx(), spend)
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		wantReason(t, err, adapters.ErrMismatch, "SIGNER_ANSWER_WRONG")
	}
	payee.raw = nil
	k.broadcast(k.payee, k.redeem(terms, ref, 1))
}

// A signer that fails leaves the coins as they were: they can be used as soon as
// it answers.
func TestSignerAbsentHoldsNothing(t *testing.T) {
	k := newKit(t)
	payer := k.outside(k.payer)
	terms := k.terms("swap", 1, lockOf)
	payer.fail = &adapters.Error{Reason: "SIGNER_UNREACHABLE", Op: "sign", Retryable: true, Err: adapters.ErrUnreachable}
	_, err := k.payer.Fund(k.ctx(), "swap", terms, leg)
	wantReason(t, err, adapters.ErrUnreachable, "SIGNER_UNREACHABLE")
	before, err := k.payer.Balances(k.ctx())
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.payer.Withdraw(k.ctx(), adapters.Withdrawal{
		RequestID: "w", Asset: k.params.Asset, To: bitcoin.AddressOf(k.params, k.script(k.payee)), Amount: htlc.NewAmount(70_000),
	})
	wantReason(t, err, adapters.ErrUnreachable, "SIGNER_UNREACHABLE")
	after, err := k.payer.Balances(k.ctx())
	if err != nil {
		t.Fatal(err)
	}
	if before[0] != after[0] {
		t.Errorf("balances %+v became %+v", before[0], after[0])
	}
	payer.fail = nil
	k.fund("swap", terms)
}

// A request that does something else than it says is refused before any key is
// used.
func TestInspectRefuses(t *testing.T) {
	k := newKit(t)
	payer, payee := k.outside(k.payer), k.outside(k.payee)
	terms := k.terms("swap", 1, lockOf)
	other := k.terms("other", 2, lockOf)
	ref := refOf(k.fund("swap", terms))
	k.mine(1)
	k.redeem(terms, ref, 1)
	if err := k.AdvanceTime(k.ctx(), 2*lockAfter*time.Second); err != nil {
		t.Fatal(err)
	}
	fund, refund := payer.asked[len(payer.asked)-2], payer.asked[len(payer.asked)-1]
	redeem := payee.asked[len(payee.asked)-1]
	for name, change := range map[string]func() (*between, bitcoin.SignRequest){
		"another purpose": func() (*between, bitcoin.SignRequest) { r := fund; r.Purpose = bitcoin.ForCancel; return payer, r },
		"no purpose":      func() (*between, bitcoin.SignRequest) { r := fund; r.Purpose = "sweep all"; return payer, r },
		"no terms":        func() (*between, bitcoin.SignRequest) { r := fund; r.Terms = nil; return payer, r },
		"other terms":     func() (*between, bitcoin.SignRequest) { r := fund; r.Terms = &other; return payer, r },
		"other's refund":  func() (*between, bitcoin.SignRequest) { r := refund; r.Terms = &other; return payer, r },
		"a redeem as a refund": func() (*between, bitcoin.SignRequest) {
			r := redeem
			r.Purpose = bitcoin.ForRefund
			return payee, r
		},
		"a contract withdrawn": func() (*between, bitcoin.SignRequest) {
			r := refund
			r.Purpose, r.Terms = bitcoin.ForWithdraw, nil
			return payer, r
		},
		"change of another": func() (*between, bitcoin.SignRequest) { return payee, fund },
		"another chain":     func() (*between, bitcoin.SignRequest) { r := fund; r.Chain = "bip122:00"; return payer, r },
	} {
		by, req := change()
		if seen, err := bitcoin.Inspect(req, by.AccountKey); err == nil {
			t.Errorf("%s: taken as %s", name, seen)
		}
	}
	if _, err := payer.Signer.SignPSBT(k.ctx(), redeem); err == nil {
		t.Error("the payer's keys signed the payee's redeem")
	}
}
