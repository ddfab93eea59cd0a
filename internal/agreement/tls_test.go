package agreement_test

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/peer"
)

// TestAgreementByTLS agrees over the direct connection that the ticket names,
// with real keys and certificates.
func TestAgreementByTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a, b, identity, check := agreement.Pair(t, peer.Client{}, l.Addr().String())
	server, err := peer.NewServer(identity, a, peer.DefaultLimits(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})

	offer, err := a.Offer(ctx, agreement.SendBTC())
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Accept(ctx, agreement.AcceptRequest{Ticket: offer.Ticket()})
	if err != nil || got.Undelivered != nil || got.Record.State != agreement.StateAgreed {
		t.Fatalf("%v, undelivered %v, state %s", err, got.Undelivered, got.Record.State)
	}
	check(offer.ID())

	// Refusals come back with their reason.
	offer, err = a.Offer(ctx, agreement.SendBTC())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Cancel(ctx, offer.ID()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Accept(ctx, agreement.AcceptRequest{Ticket: offer.Ticket()}); agreement.ReasonOf(err) != agreement.TicketCancelled {
		t.Errorf("a cancelled ticket: %v", err)
	}
}
