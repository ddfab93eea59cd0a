package bitcoin_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/htlc"
)

var ladder = []uint64{2_000, 10_000, 50_000, 250_000}

// signedAhead are the packages of a leg as somebody else reads them.
func (k *kit) signedAhead(kind adapters.FactKind, spend adapters.Spend) []bitcoin.Presigned {
	k.t.Helper()
	sign := k.payee.PresignRedeem
	if kind == adapters.Refunded {
		sign = k.payer.PresignRefund
	}
	list, err := sign(k.ctx(), spend, ladder)
	if err != nil {
		k.t.Fatalf("sign ahead: %v", err)
	}
	for i, p := range list {
		raw, err := p.MarshalBinary()
		if err != nil {
			k.t.Fatal(err)
		}
		read, err := bitcoin.ParsePresigned(raw)
		if err != nil {
			k.t.Fatalf("read it: %v", err)
		}
		if again, err := read.MarshalBinary(); err != nil || !bytes.Equal(again, raw) {
			k.t.Fatalf("%x was read and is written as %x: %v", raw, again, err)
		}
		list[i] = read
	}
	return list
}

// wantLadder wants the packages of a leg to say what they are.
func (k *kit) wantLadder(list []bitcoin.Presigned, kind adapters.FactKind, terms htlc.Terms, ref string, size uint64) {
	k.t.Helper()
	contract := k.watch(k.payee, terms)
	if len(list) != len(ladder) {
		k.t.Fatalf("%d rungs, want %d", len(list), len(ladder))
	}
	for i, p := range list {
		fee := uint64(bitcoin.FeeFor(ladder[i], size))
		if p.Kind != kind || p.Contract != contract.ID || p.Ref != ref || p.Chain != k.params.Chain || p.PayTo != list[0].PayTo ||
			p.Fee != htlc.NewAmount(fee) || p.Payout != htlc.NewAmount(lockOf-fee) || p.FeeRate != ladder[i] {
			k.t.Errorf("rung %d: %+v", i, p)
		}
		if redeem := kind == adapters.Redeemed; redeem != (p.Hash == terms.SecretHash) || redeem != (p.TimeLock == 0) {
			k.t.Errorf("rung %d: hash %s, time lock %d", i, p.Hash, p.TimeLock)
		}
	}
}

// towerRedeems sends two rungs of a redeem, without adapter or key.
func towerRedeems(t *testing.T, k *kit) {
	terms, p := k.locked("swap", 1)
	spend := adapters.Spend{Terms: terms, Leg: leg, Ref: p.Ref}
	list := k.signedAhead(adapters.Redeemed, spend)
	k.wantLadder(list, adapters.Redeemed, terms, p.Ref, 155)
	if _, err := bitcoin.CompleteRedeem(list[0], secret(2)); !errors.Is(err, adapters.ErrMismatch) {
		t.Fatalf("another secret: %v", err)
	}
	if _, err := bitcoin.CompleteRefund(list[0]); !errors.Is(err, adapters.ErrMismatch) {
		t.Fatalf("without a secret: %v", err)
	}
	before := k.balanceOf(k.payee)
	var sent adapters.Tx
	for _, i := range []int{0, 2} {
		tx, err := bitcoin.CompleteRedeem(list[i], secret(1))
		if err != nil {
			t.Fatal(err)
		}
		if tx.Chain != list[i].Chain || tx.Fee != list[i].Fee || tx.FeeRate != ladder[i] || !slices.Equal(tx.Spends, []string{p.Ref}) {
			t.Fatalf("rung %d: %+v", i, tx)
		}
		if _, err := k.Submit(decode(t, tx.Raw)); err != nil {
			t.Fatalf("send rung %d: %v", i, err)
		}
		sent = tx
	}
	if fact := k.mineFact(k.payee, adapters.Redeemed); fact.TxID != sent.ID || !fact.Secret.Equal(secret(1)) {
		t.Fatalf("fact %+v, want %s", fact, sent.ID)
	}
	fee, _ := sent.Fee.Uint64()
	if got := k.balanceOf(k.payee) - before; got != lockOf-fee {
		t.Fatalf("the owner has %d satoshi more, want %d", got, lockOf-fee)
	}
}

func (k *kit) balanceOf(p *party) uint64 {
	k.t.Helper()
	all, err := p.Balances(k.ctx())
	if err != nil {
		k.t.Fatal(err)
	}
	n, _ := all[0].Spendable.Uint64()
	return n
}

func TestPresignedRedeem(t *testing.T) { towerRedeems(t, newKit(t)) }

// A refund is signed before its funding is sent, and waits for the time lock.
func TestPresignedRefund(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, lockOf)
	k.watch(k.payer, terms)
	funding, err := k.payer.Fund(k.ctx(), "swap", terms, leg)
	if err != nil {
		t.Fatal(err)
	}
	list := k.signedAhead(adapters.Refunded, adapters.Spend{Terms: terms, Leg: leg, Ref: refOf(funding)})
	k.wantLadder(list, adapters.Refunded, terms, refOf(funding), 138)
	if list[0].TimeLock != terms.Legs[leg].TimeLock {
		t.Fatalf("time lock %d", list[0].TimeLock)
	}
	if _, err := bitcoin.CompleteRedeem(list[0], secret(1)); !errors.Is(err, adapters.ErrMismatch) {
		t.Fatalf("a refund with a secret: %v", err)
	}
	tx, err := bitcoin.CompleteRefund(list[1])
	if err != nil {
		t.Fatal(err)
	}
	k.broadcast(k.payer, funding.Txs[0])
	k.mineFact(k.payer, adapters.Funded)
	if _, err := k.Submit(decode(t, tx.Raw)); err == nil {
		t.Fatal("a refund was taken before its time lock")
	}
	if err := k.AdvanceTime(k.ctx(), 2*lockAfter*time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Submit(decode(t, tx.Raw)); err != nil {
		t.Fatal(err)
	}
	if fact := k.mineFact(k.payer, adapters.Refunded); fact.TxID != tx.ID {
		t.Fatalf("fact %+v", fact)
	}
}

// What is not signed ahead.
func TestPresignRefusals(t *testing.T) {
	k := newKit(t)
	terms, p := k.locked("swap", 1)
	spend := adapters.Spend{Terms: terms, Leg: leg, Ref: p.Ref}
	for name, rates := range map[string][]uint64{
		"none": nil, "below the relay fee": {999}, "falling": {5_000, 4_000}, "too close": {5_000, 5_999}, "absurd": {200_000_000},
		"too many": make([]uint64, 33), "wrapping": {1<<64 - 1, 5_000},
	} {
		_, err := k.payee.PresignRedeem(k.ctx(), spend, rates)
		var e *adapters.Error
		if !errors.As(err, &e) || e.Reason != "FEE_LADDER" {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Rungs that the amount does not pay for are left out.
	list, err := k.payee.PresignRedeem(k.ctx(), spend, []uint64{1_000, 32_000_000, 33_000_000})
	if err != nil || len(list) != 2 || list[1].Payout.IsZero() {
		t.Errorf("%d rungs: %v", len(list), err)
	}
	_, err = k.payee.PresignRedeem(k.ctx(), spend, []uint64{33_000_000})
	wantReason(t, err, adapters.ErrDust, "DUST_AMOUNT")
	_, err = k.payer.PresignRedeem(k.ctx(), spend, ladder)
	wantReason(t, err, adapters.ErrMismatch, "CONTRACT_MISMATCH")
	_, err = k.payee.PresignRefund(k.ctx(), spend, ladder)
	wantReason(t, err, adapters.ErrMismatch, "CONTRACT_MISMATCH")
	spend.Ref = ""
	_, err = k.payee.PresignRedeem(k.ctx(), spend, ladder)
	wantReason(t, err, adapters.ErrMismatch, "CONTRACT_MISMATCH")
	if _, err := (bitcoin.Presigned{}).MarshalBinary(); err == nil {
		t.Error("nothing was written as something")
	}
}

// No byte of a package can be another: all that its holder can do with it is
// what the owner signed.
func TestPresignedAltered(t *testing.T) {
	k := newKit(t)
	terms, p := k.locked("swap", 1)
	spend := adapters.Spend{Terms: terms, Leg: leg, Ref: p.Ref}
	for _, kind := range []adapters.FactKind{adapters.Redeemed, adapters.Refunded} {
		raw, err := k.signedAhead(kind, spend)[0].MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		for i := range raw {
			bad := slices.Clone(raw)
			bad[i] ^= 1
			_, err := bitcoin.ParsePresigned(bad)
			if err == nil {
				t.Errorf("%s: byte %d of %d is another and nobody sees it", kind, i, len(raw))
				continue
			}
			wantReason(t, err, adapters.ErrMismatch, "PRESIGNED_INVALID")
		}
		for _, bad := range [][]byte{nil, raw[:len(raw)-1], append(slices.Clone(raw), 0)} {
			_, err := bitcoin.ParsePresigned(bad)
			wantReason(t, err, adapters.ErrMismatch, "PRESIGNED_INVALID")
		}
		t.Logf("a %s takes %d bytes", kind, len(raw))
	}
}
