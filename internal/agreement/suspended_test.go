package agreement

import (
	"testing"

	"github.com/kofo-network/kofo/htlc"
)

// suspend makes a node distrust a chain; the returned function ends that.
func suspend(n *node, id htlc.ChainID) func() {
	c := n.service.chains[id]
	why := "four blocks were undone"
	c.Suspended = func() string { return why }
	n.service.chains[id] = c
	return func() { why = "" }
}

// TestSafety_A8_DeepReorgStopsNewSwaps: while a chain is suspended no step
// towards a new swap on it is taken, on either side; what is asked again
// afterwards succeeds.
func TestSafety_A8_DeepReorgStopsNewSwaps(t *testing.T) {
	w := newWorld(t)
	ticket := w.a.offer(sendBTC()).Ticket()
	byHand := w.a.offer(sendBTC()).Ticket()
	acceptance := w.b.accept(byHand, true).Acceptance()
	resumeA, resumeB := suspend(w.a, btc.Chain()), suspend(w.b, eth.Chain())

	req := sendBTC()
	if _, err := w.a.service.Quote(ctxOf(t), QuoteRequest{Send: req.Send, Receive: req.Receive}); ReasonOf(err) != ChainSuspended {
		t.Errorf("quote: %v", err)
	}
	if _, err := w.a.service.Offer(ctxOf(t), req); ReasonOf(err) != ChainSuspended {
		t.Errorf("offer: %v", err)
	}
	in, err := w.b.service.Inspect(ctxOf(t), ticket)
	if err != nil || len(in.Against) == 0 || in.Against[0].Reason != ChainSuspended {
		t.Errorf("inspect: %+v %v", in.Against, err)
	}
	if _, err := w.b.service.Accept(ctxOf(t), AcceptRequest{Ticket: ticket, ByHand: true}); ReasonOf(err) != ChainSuspended {
		t.Errorf("accept: %v", err)
	}
	if _, err := w.a.service.Countersign(ctxOf(t), acceptance); ReasonOf(err) != ChainSuspended {
		t.Errorf("countersign: %v", err)
	}

	resumeA()
	resumeB()
	if _, err := w.a.service.Countersign(ctxOf(t), acceptance); err != nil {
		t.Errorf("countersign afterwards: %v", err)
	}
	w.b.accept(ticket, true)
}
