package agreement_test

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/peer"
	"github.com/kofo-network/kofo/internal/peer/wire"
)

// TestAgreementByTLS agrees over the direct connection that the ticket names,
// with real keys and certificates.
func TestAgreementByTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	participant, err := agreement.Participant(t)
	if err != nil {
		t.Fatal(err)
	}
	a, b, identity, check := agreement.Pair(t, peer.Client{Identity: participant, Address: "127.0.0.1:1"}, l.Addr().String())
	server, err := peer.NewServer(identity, wire.Services{Answerer: a, Addresses: a}, peer.DefaultLimits(), slog.New(slog.DiscardHandler))
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
	// The participant has proved who it is, so its address is kept.
	for name, s := range map[string]*agreement.Service{"127.0.0.1:1": a, l.Addr().String(): b} {
		r, err := s.Find(ctx, offer.ID())
		if to, known := r.Peer(); err != nil || !known || to.HostPort != name {
			t.Errorf("the other party is at %q, %t, want %q; %v", to.HostPort, known, name, err)
		}
	}
	stranger := [32]byte{9}
	for _, err := range []error{
		a.Reachable(ctx, offer.ID(), stranger, "127.0.0.1:2"), a.Reachable(ctx, offer.ID(), participant.PartyID(), "no address"),
		b.Reachable(ctx, offer.ID(), participant.PartyID(), "127.0.0.1:2"),
	} {
		if err == nil {
			t.Error("an address was kept that is none of the participant's")
		}
	}

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
