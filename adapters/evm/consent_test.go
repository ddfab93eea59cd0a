package evm_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
)

func (k *kit) proposal(p *party, terms htlc.Terms) adapters.Proposal {
	k.t.Helper()
	c, err := p.Contract(terms, 1)
	if err != nil {
		k.t.Fatal(err)
	}
	return adapters.Proposal{Terms: terms, Leg: 1, Ref: c.ID, Intent: htlc.IntentRefund}
}

func (k *kit) propose(terms htlc.Terms) adapters.CoSpend {
	k.t.Helper()
	s, err := k.payer.Propose(k.Context(), k.proposal(k.payer, terms))
	if err != nil {
		k.t.Fatalf("propose: %v", err)
	}
	return s
}

func (k *kit) answer(terms htlc.Terms, message []byte) []byte {
	k.t.Helper()
	answer, err := k.payee.Consent(k.Context(), k.proposal(k.payee, terms), message)
	if err != nil {
		k.t.Fatalf("consent: %v", err)
	}
	return answer
}

// The payer has its coins back before the time lock, and the follower says by what.
func TestRefundByConsent(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	k.watch(k.payer, terms)
	k.watch(k.payee, terms)
	_, err := k.payer.Propose(k.Context(), k.proposal(k.payer, terms))
	wantReason(t, err, adapters.ErrNotFunded, "NOT_FUNDED")
	k.fund("swap", terms)
	k.mine(k.payee, adapters.Funded)
	before := k.Balance(k.payer.account.Address)
	s := k.propose(terms)
	tx, err := s.Complete(k.answer(terms, s.Message()))
	if err != nil {
		t.Fatal(err)
	}
	k.broadcast(k.payer, tx)
	if f := k.sighting(k.payee, adapters.ClosedByConsent); f.TxID != tx.ID || f.Secret != nil {
		t.Fatalf("sighting %+v", f)
	}
	if f := k.mine(k.payee, adapters.ClosedByConsent); f.TxID != tx.ID || f.Secret != nil {
		t.Fatalf("fact %+v", f)
	}
	gain := new(big.Int).Sub(k.Balance(k.payer.account.Address), before)
	if short := new(big.Int).Sub(evmtest.Ether, gain); short.Sign() < 0 || short.Cmp(tx.Fee.Big()) > 0 {
		t.Fatalf("the payer gained %s, the fee is at most %s", gain, tx.Fee)
	}
	if k.funded(k.payer, terms) {
		t.Fatal("still funded")
	}
	_, err = k.payer.Propose(k.Context(), k.proposal(k.payer, terms))
	wantReason(t, err, adapters.ErrSpent, "ALREADY_SPENT")
	k.broadcast(k.payer, tx) // again: it is in a block
}

// A session takes one answer, and nothing but the payee's signature over this contract.
func TestConsentIsChecked(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	other := k.terms("other", 2, nativeAsset, evmtest.Ether)
	k.fund("swap", terms)
	k.mined(k.payer, k.fund("other", other).Txs[0].Nonce)
	good := k.answer(terms, k.propose(terms).Message())
	foreign := k.answer(other, k.propose(other).Message())
	bad := map[string][]byte{"nothing": nil, "short": good[:65], "long": append(bytes.Clone(good), 0), "for another contract": foreign}
	for at := range good {
		flipped := bytes.Clone(good)
		flipped[at] ^= 1
		bad["byte "+string(rune('A'+at))] = flipped
	}
	twin := bytes.Clone(good)
	s := new(big.Int).Sub(crypto.S256().Params().N, new(big.Int).SetBytes(good[33:65]))
	s.FillBytes(twin[33:65])
	twin[65] = 27 + 28 - twin[65]
	bad["high s"] = twin
	for name, answer := range bad {
		s := k.propose(terms)
		_, err := s.Complete(answer)
		if !errors.Is(err, adapters.ErrBadConsent) || adapters.Retryable(err) {
			t.Errorf("%s: %v", name, err)
		}
		_, err = s.Complete(good)
		wantReason(t, err, adapters.ErrSessionOver, "SESSION_OVER")
	}
	if _, err := k.propose(terms).Complete(good); err != nil {
		t.Fatal(err)
	}
}

// Nobody signs what it was sent, for another role, or for a redeem.
func TestConsentComesFromTheTerms(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	other := k.terms("other", 2, nativeAsset, evmtest.Ether)
	k.fund("swap", terms)
	k.mined(k.payer, k.fund("other", other).Txs[0].Nonce)
	message := k.propose(terms).Message()
	for _, bad := range [][]byte{nil, {1}, message[1:], append(bytes.Clone(message), 0), k.propose(other).Message()} {
		_, err := k.payee.Consent(k.Context(), k.proposal(k.payee, terms), bad)
		wantReason(t, err, adapters.ErrBadConsent, "PROPOSAL_INVALID")
	}
	_, err := k.payer.Consent(k.Context(), k.proposal(k.payer, terms), message)
	wantReason(t, err, adapters.ErrMismatch, "CONTRACT_MISMATCH")
	_, err = k.payee.Propose(k.Context(), k.proposal(k.payee, terms))
	wantReason(t, err, adapters.ErrMismatch, "CONTRACT_MISMATCH")
	p := k.proposal(k.payee, terms)
	p.Ref = k.proposal(k.payee, other).Ref
	_, err = k.payee.Consent(k.Context(), p, message)
	wantReason(t, err, adapters.ErrMismatch, "CONTRACT_MISMATCH")
	for _, intent := range []htlc.Intent{htlc.IntentNone, htlc.IntentRedeem, htlc.IntentRefund + 1} {
		p := k.proposal(k.payee, terms)
		p.Intent = intent
		_, err := k.payee.Consent(k.Context(), p, message)
		wantReason(t, err, adapters.ErrNoConsent, "NO_CONSENT")
		_, err = k.payer.Propose(k.Context(), p)
		wantReason(t, err, adapters.ErrNoConsent, "NO_CONSENT")
	}
}

// A signer that gives what the deployment would refuse is noticed where it signs.
func TestConsentOfABadSigner(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	k.fund("swap", terms)
	k.Commit()
	message := k.propose(terms).Message()
	for name, sign := range map[string]func([]byte) []byte{
		"short":       func(raw []byte) []byte { return raw[:64] },
		"another key": func(raw []byte) []byte { raw[3] ^= 1; return raw },
	} {
		signer := alteringSigner{evmtest.Signer{Account: k.payee.account}, sign}
		p, err := evm.Open(k.Context(), k.config(), signer, k.payee.book, k.payee.book, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		if answer, err := p.Consent(k.Context(), k.proposal(k.payee, terms), message); err == nil {
			t.Errorf("%s: answered %x", name, answer)
		}
	}
}

type alteringSigner struct {
	evmtest.Signer
	alter func([]byte) []byte
}

func (s alteringSigner) SignConsent(ctx context.Context, terms htlc.Terms, leg int) ([]byte, error) {
	raw, err := s.Signer.SignConsent(ctx, terms, leg)
	return s.alter(raw), err
}

// A refund by consent that stands before an urgent redeem is raised like any spend, with the same consent.
func TestRefundByConsentIsRaised(t *testing.T) {
	k := newKit(t)
	in := k.incoming(1)
	out := k.terms("out", 2, nativeAsset, evmtest.Ether)
	k.fund("out", out)
	k.Commit()
	s := k.propose(out)
	tx, err := s.Complete(k.answer(out, s.Message()))
	if err != nil {
		t.Fatal(err)
	}
	k.spike(new(big.Int).Mul(big.NewInt(2), new(big.Int).SetUint64(tx.FeeRate)))
	k.broadcast(k.payer, tx)
	redeem := k.urgent(k.payer, in, 1, nil)
	if redeem.Nonce != tx.Nonce+1 {
		t.Fatalf("the redeem has nonce %d after %d", redeem.Nonce, tx.Nonce)
	}
	k.broadcast(k.payer, redeem)
	k.mined(k.payer, redeem.Nonce)
	if k.funded(k.payer, in) || k.funded(k.payer, out) {
		t.Fatal("not redeemed, or not refunded by consent")
	}
	wantReason(t, k.payer.Broadcast(k.Context(), tx), adapters.ErrSpent, "ALREADY_SPENT")
}
