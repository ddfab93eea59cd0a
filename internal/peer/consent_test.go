package peer

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/peer/wire"
	"github.com/kofo-network/kofo/monitor/runner"
)

// nobody keeps no addresses.
type nobody struct{}

func (nobody) Reachable(context.Context, htlc.Salt, htlc.PartyID, string) error { return nil }

type consentFunc func(from htlc.PartyID, q runner.Question) ([]byte, error)

func (f consentFunc) Answer(_ context.Context, from htlc.PartyID, q runner.Question) ([]byte, error) {
	return f(from, q)
}

// serveAll runs a server with every service until the test ends.
func serveAll(t *testing.T, k ed25519.PrivateKey, parts wire.Services) agreement.Address {
	t.Helper()
	s, err := NewServer(k, parts, limitsFor(parts), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return agreement.Address{HostPort: l.Addr().String(), Party: party(k)}
}

var question = runner.Question{
	Swap: htlc.SwapID{1}, Leg: 1, Intent: htlc.IntentRefund, Ref: "ref", FundTx: "tx", Message: []byte("message"),
}

// TestConsent: a question arrives whole, from who asks it, and its answer
// comes back; the caller's certificate is all that names it.
func TestConsent(t *testing.T) {
	to := serveAll(t, key(1), wire.Services{Consenter: consentFunc(func(from htlc.PartyID, q runner.Question) ([]byte, error) {
		same := q.Swap == question.Swap && q.Leg == question.Leg && q.Intent == question.Intent && q.Ref == question.Ref &&
			q.FundTx == question.FundTx && bytes.Equal(q.Message, question.Message)
		if from != party(key(2)) || !same {
			return nil, errors.New("something else arrived")
		}
		return []byte("answer"), nil
	})})
	for range 2 {
		got, err := Client{Identity: key(2)}.Consent(ctxOf(t), to, question)
		if err != nil || string(got) != "answer" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	_, err := Client{}.Consent(ctxOf(t), to, question)
	if status.Code(errors.Unwrap(errors.Unwrap(err))) != codes.Unauthenticated {
		t.Errorf("a caller without a certificate: %v", err)
	}
	to.Party = party(key(3))
	if _, err := (Client{Identity: key(2)}).Consent(ctxOf(t), to, question); err == nil {
		t.Error("a node with another key was asked")
	}
}

// TestConsentRefused: refusals come back as such, printable; what failed is
// told without details.
func TestConsentRefused(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		reason string
	}{
		"held":   {&runner.Refusal{Reason: runner.RefusedHeld, Text: "not\x1b[31m yet"}, runner.RefusedHeld},
		"failed": {errors.New("/var/lib detail"), ""},
	} {
		to := serveAll(t, key(1), wire.Services{Consenter: consentFunc(func(htlc.PartyID, runner.Question) ([]byte, error) { return nil, c.err })})
		_, err := Client{Identity: key(2)}.Consent(ctxOf(t), to, question)
		var no *runner.Refusal
		if errors.As(err, &no) != (c.reason != "") || no != nil && no.Reason != c.reason {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(err.Error(), "detail") || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s shows what it must not: %v", name, err)
		}
	}
}

// TestConsentBounds: what is missing or too long is judged by nobody.
func TestConsentBounds(t *testing.T) {
	to := serveAll(t, key(1), wire.Services{Consenter: consentFunc(func(htlc.PartyID, runner.Question) ([]byte, error) {
		t.Error("judged")
		return nil, nil
	})})
	for name, change := range map[string]func(*runner.Question){
		"no message": func(q *runner.Question) { q.Message = nil },
		"message":    func(q *runner.Question) { q.Message = make([]byte, 16<<10+1) },
		"no ref":     func(q *runner.Question) { q.Ref = "" },
		"ref":        func(q *runner.Question) { q.Ref = strings.Repeat("r", 256) },
		"leg":        func(q *runner.Question) { q.Leg = 256 },
	} {
		q := question
		change(&q)
		if _, err := (Client{Identity: key(2)}).Consent(ctxOf(t), to, q); status.Code(errors.Unwrap(errors.Unwrap(err))) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
}
