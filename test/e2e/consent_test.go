//go:build e2e

package e2e

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire/v2"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kofo-network/kofo/api/sdk"
)

// patient grants each other a long outage, so that there is time between the
// cut-off and the time lock in which a refund can come early.
func patient(s *settings) { s.MorePolicy = ", outage: 120s" }

// closedBy is the last status of the legs, in their order, with what the chain
// itself says of the first one's spend.
func (p pair) closedBy(ctx context.Context, id string, want ...sdk.LegStatus) *sdk.Swap {
	p.t.Helper()
	s := p.swap(ctx, id)
	for i, l := range s.GetLegs() {
		if l.GetStatus() != want[i] {
			p.t.Errorf("leg %d on %s ended %s, want %s; history of the participant:\n%s", i, l.GetChain(), l.GetStatus(), want[i],
				p.participant.history(ctx, id))
		}
	}
	return s
}

// TestConsentedRedeem: the participant redeems its bitcoin by the key path with
// the initiator's consent, to an output of its
// wallet, which is 12 bytes longer than P2WPKH's, with which it has 99 vB. The
// secret is on Ethereum alone.
func TestConsentedRedeem(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p := newPair(ctx, t, embedded)
	id := p.agree(ctx)
	p.swapped(ctx, id)
	s := p.closedBy(ctx, id, sdk.LegStatusClosedByConsent, sdk.LegStatusRedeemed)
	tx, err := p.initiator.chains.bitcoin.transaction(ctx, s.GetLegs()[0].GetSpendTxid())
	must(t, err)
	size := (3*tx.SerializeSizeStripped() + tx.SerializeSize() + 3) / 4
	if witness := tx.TxIn[0].Witness; size > 111 || len(tx.TxIn) != 1 || len(witness) != 1 || len(witness[0]) != 64 {
		t.Errorf("the spend has %d vB, %d inputs and the witness %x, want one signature in 111 vB", size, len(tx.TxIn), witness)
	}
	t.Logf("redeemed by consent in %d vB", size)
	for _, who := range []*party{p.initiator, p.participant} {
		if history := who.history(ctx, id); !strings.Contains(history, "consent") {
			t.Errorf("the %s tells nothing of the consent:\n%s", who.name, history)
		}
	}
}

// transaction is one that is in a block.
func (b *bitcoind) transaction(ctx context.Context, txid string) (*wire.MsgTx, error) {
	var raw string
	if err := b.call(ctx, &raw, "getrawtransaction", txid, 0); err != nil {
		return nil, err
	}
	tx := new(wire.MsgTx)
	err := tx.Deserialize(hex.NewDecoder(strings.NewReader(raw)))
	return tx, err
}

// participantCancels once the first leg is out, before it funds its own.
func (p pair) participantCancels(ctx context.Context, id string) {
	p.t.Helper()
	_, err := p.participant.client.Settlement.Cancel(ctx, &sdk.CancelRequest{Id: id})
	must(p.t, err)
}

// consented waits until the initiator has its leg on a chain back by consent,
// long before its time lock.
func (p pair) consented(ctx context.Context, id, chain string) {
	p.t.Helper()
	p.participant.ends(ctx, id, sdk.OutcomeCancelled)
	s := p.initiator.ends(ctx, id, sdk.OutcomeConsented)
	p.usedOnce(ctx, s, 0, 1)
	p.usedOnce(ctx, s, 1, 0)
	first := s.GetLegs()[0]
	if left := time.Until(sdk.Time(first.GetTimeLock())); first.GetChain() != chain || first.GetStatus() != sdk.LegStatusClosedByConsent || left < 0 {
		p.t.Errorf("leg on %s ended %s, %s before its time lock", first.GetChain(), first.GetStatus(), left)
	}
}

// TestEarlyRefundByConsent: the participant never funds; the initiator has its
// coins back before the time lock, on either chain.
func TestEarlyRefundByConsent(t *testing.T) {
	t.Parallel()
	t.Run("bitcoin", func(t *testing.T) {
		t.Parallel()
		ctx := swapContext(t)
		p := newPairOn(ctx, t, production, nodes.chains, patient)
		id := p.agree(ctx)
		p.participantCancels(ctx, id)
		p.consented(ctx, id, bitcoinChain)
		p.has(ctx, p.initiator, initiatorStart, mostFees)
	})
	t.Run("ethereum", func(t *testing.T) {
		t.Parallel()
		ctx := swapContext(t)
		p := newPairOn(ctx, t, embedded, nodes.chains, patient)
		turned := pair{t: t, initiator: p.participant, participant: p.initiator, since: p.since}
		id := agree(ctx, t, turned.initiator, turned.participant, &sdk.OfferRequest{
			Send:     &sdk.AssetAmount{Asset: eth, Amount: receiveETH.String()},
			Receive:  &sdk.AssetAmount{Asset: btc, Amount: sendBTC.String()},
			ValidFor: durationpb.New(10 * time.Second),
		})
		turned.participantCancels(ctx, id)
		turned.consented(ctx, id, ethereumChain)
		p.has(ctx, p.participant, participantStart, mostFees)
	})
}

// TestNoConsent: the initiator refuses, or the participant is not told where it
// could ask; the script path goes out and nobody notices.
func TestNoConsent(t *testing.T) {
	t.Parallel()
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		ctx := swapContext(t)
		p := newPair(ctx, t, embedded)
		alone(&p.initiator.set)
		p.initiator.restart(ctx)
		id := p.agree(ctx)
		p.swapped(ctx, id)
		p.closedBy(ctx, id, sdk.LegStatusRedeemed, sdk.LegStatusRedeemed)
	})
	t.Run("gone", func(t *testing.T) {
		t.Parallel()
		ctx := swapContext(t)
		p := newPair(ctx, t, embedded)
		id := p.agree(ctx)
		p.initiator.reaches(ctx, id, func(s *sdk.Swap) bool { return s.GetPhase() >= sdk.PhaseRedeeming })
		p.initiator.kill()
		p.participant.reaches(ctx, id, func(s *sdk.Swap) bool { return s.GetPhase() == sdk.PhaseClosed })
		p.initiator.start(ctx)
		p.swapped(ctx, id)
	})
}
