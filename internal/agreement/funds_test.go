package agreement

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// sendETH pays the participant on the chain with accounts, where its redeem
// has to be paid for out of its own coins.
func sendETH() OfferRequest {
	return OfferRequest{Send: AssetAmount{eth, ethReward}, Receive: AssetAmount{btc, htlc.NewAmount(btcReward)}}
}

func metaOf(t *testing.T, err error) map[string]string {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no error of this package", err)
	}
	return e.Meta
}

// TestSafety_A13_RedeemFeeIsKept: what the redeem of an incoming leg can cost
// is kept back from the offer or acceptance on until the swap closes: no other
// swap and no withdrawal can take it.
func TestSafety_A13_RedeemFeeIsKept(t *testing.T) {
	w := newWorld(t)
	chain := w.b.chains[eth.Chain()]
	chain.balance[eth] = stressRedeem + 1000 // for one redeem
	first, second := w.a.offer(sendETH()), w.a.offer(sendETH())
	r := w.b.accept(first.Ticket(), true)
	if chain.kept[first.ID().String()] != stressRedeem {
		t.Fatalf("kept: %v", chain.kept)
	}

	// Another acceptance that needs the same gas, by inspection, call and quote.
	refused := func(err error) {
		t.Helper()
		wantReason(t, err, CoinsReserved)
		meta := metaOf(t, err)
		if meta["asset"] != string(eth) || meta["need"] != "2000" || meta["leg"] != "0" || !strings.Contains(err.Error(), "missing 1000") {
			t.Errorf("what is missing is not named: %v, %v", err, meta)
		}
	}
	in, err := w.b.service.Inspect(ctxOf(t), second.Ticket())
	if err != nil || len(in.Against) != 1 {
		t.Fatalf("%v %v", err, in.Against)
	}
	refused(in.Against[0])
	_, err = w.b.service.Accept(ctxOf(t), AcceptRequest{Ticket: second.Ticket(), ByHand: true})
	refused(err)
	_, err = w.b.service.Quote(ctxOf(t), QuoteRequest{Send: sendETH().Receive, Receive: sendETH().Send, Participant: true})
	refused(err)

	// What is kept for a ticket does not count against that ticket.
	if in, err = w.b.service.Inspect(ctxOf(t), first.Ticket()); err != nil || len(in.Against) > 0 {
		t.Errorf("the kept fee is counted twice: %v %v", err, in.Against)
	}
	if err := chain.withdraw(1500); !errors.Is(err, adapters.ErrReserved) {
		t.Errorf("a withdrawal takes the gas of a redeem: %v", err)
	}
	if err := chain.withdraw(1000); err != nil {
		t.Errorf("what is not kept cannot be withdrawn: %v", err)
	}

	// It comes free with a cancelled acceptance, and goes over to the swap.
	if _, err := w.b.service.Cancel(ctxOf(t), r.ID()); err != nil {
		t.Fatal(err)
	}
	agreed := w.b.accept(second.Ticket(), false)
	if agreed.State != StateAgreed || chain.kept[agreed.Swap().String()] != stressRedeem || len(chain.kept) != 1 {
		t.Fatalf("%s, kept %v", agreed.State, chain.kept)
	}
	if err := chain.withdraw(1); !errors.Is(err, adapters.ErrReserved) {
		t.Errorf("the swap's gas can be withdrawn: %v", err)
	}
}

// TestRedeemFeeOfTheInitiator: an offer keeps the fee of the redeem that will
// pay it, before the ticket is signed.
func TestRedeemFeeOfTheInitiator(t *testing.T) {
	w := newWorld(t)
	chain := w.a.chains[eth.Chain()]
	chain.balance[eth] = stressRedeem
	offer := w.a.offer(sendBTC())
	if chain.kept[offer.ID().String()] != stressRedeem {
		t.Fatalf("kept: %v", chain.kept)
	}
	_, err := w.a.service.Offer(ctxOf(t), sendBTC())
	wantReason(t, err, CoinsReserved)
	if meta := metaOf(t, err); meta["asset"] != string(eth) || meta["need"] != "2000" || meta["leg"] != "1" {
		t.Errorf("about %v", meta)
	}
	r := w.b.accept(offer.Ticket(), true)
	if _, err := w.a.service.Countersign(ctxOf(t), r.Acceptance()); err != nil {
		t.Errorf("the kept fee is counted against its own offer: %v", err)
	}
	chain.kept, chain.balance[eth] = map[string]uint64{}, stressRedeem-1
	_, err = w.a.service.Offer(ctxOf(t), sendBTC())
	wantReason(t, err, RedeemFeeMissing)
}

// blind is a chain whose look at the means sees what is there, but not what
// others are about to take: as for two calls at the same time.
type blind struct{ *fakeChain }

func (blind) CheckMeans(context.Context, string, htlc.Terms, int, bool) error { return nil }

// TestTwoAcceptancesForTheLastGas: of acceptances at the same time, of which
// each alone could pay for its redeem, one is signed; the others hold nothing.
func TestTwoAcceptancesForTheLastGas(t *testing.T) {
	w := newWorld(t)
	chain := w.b.chains[eth.Chain()]
	chain.balance[eth] = stressRedeem
	for i := range w.b.options.Chains {
		id := w.b.options.Chains[i].ID
		w.b.options.Chains[i].Prover = blind{w.b.chains[id]}
	}
	w.b.restart()
	var tickets []string
	for range 3 {
		tickets = append(tickets, w.a.offer(sendETH()).Ticket())
	}
	errs := make([]error, len(tickets))
	var wg sync.WaitGroup
	for i, ticket := range tickets {
		wg.Go(func() { _, errs[i] = w.b.service.Accept(ctxOf(t), AcceptRequest{Ticket: ticket, ByHand: true}) })
	}
	wg.Wait()
	slices.SortFunc(errs, func(a, b error) int {
		if a == nil {
			return -1
		}
		return 1
	})
	if errs[0] != nil || errs[1] == nil || errs[2] == nil {
		t.Fatalf("%v", errs)
	}
	wantReason(t, errs[1], CoinsReserved)
	wantReason(t, errs[2], CoinsReserved)
	signed := 0
	for _, r := range w.b.store.all() {
		if r.Acceptance() != "" {
			signed++
		}
	}
	if signed != 1 || len(chain.kept) != 1 || len(w.b.holds()) != 1 {
		t.Errorf("%d signed, held by %v", signed, w.b.holds())
	}
}

// TestReservedComesBeforeMissing: adapters say both of coins that other swaps
// hold.
func TestReservedComesBeforeMissing(t *testing.T) {
	w := newWorld(t)
	w.a.offer(OfferRequest{Send: AssetAmount{btc, htlc.NewAmount(2*btcReward + 1)}, Receive: sendBTC().Receive})
	_, err := w.a.service.Offer(ctxOf(t), sendBTC())
	wantReason(t, err, CoinsReserved)
	// The amount and both fees at the stress rate.
	if meta := metaOf(t, err); meta["asset"] != string(btc) || meta["need"] != "5004134" || meta["leg"] != "0" {
		t.Errorf("about %v", meta)
	}
	if _, err := w.a.service.Quote(ctxOf(t), QuoteRequest{Send: sendBTC().Send, Receive: sendBTC().Receive}); err != nil {
		t.Errorf("coins that come free are no reason not to quote: %v", err)
	}
}

// TestSwapsShowInTheLog at the level that nodes log at.
func TestSwapsShowInTheLog(t *testing.T) {
	w := newWorld(t)
	var out bytes.Buffer
	w.b.options.Log = slog.New(slog.NewTextHandler(&out, nil))
	w.b.restart()
	swap := w.b.accept(w.a.offer(sendBTC()).Ticket(), false).Swap().String()
	for _, want := range []string{"to=accepted", "to=agreed", "swap opened", "swap=" + swap} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, out.String())
		}
	}
}
