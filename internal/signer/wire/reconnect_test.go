package wire_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/signer"
	"github.com/kofo-network/kofo/internal/signer/signertest"
)

// A signer that was away is looked for every second or so, however long it was:
// ever longer pauses would reach a minute in the hour in which a redeem is due.
func TestReconnectsSoon(t *testing.T) {
	p := newProcess(t, guarded(t))
	c := p.dial()
	terms := signertest.Began(t, c, htlc.Salt{1})
	p.end()
	// In its place stands what takes connections and drops them.
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	tried := make(chan time.Time, 100)
	go func() {
		defer close(tried)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
			select {
			case tried <- time.Now():
			default:
			}
		}
	}()
	if _, err := c.Identity().SignTerms(t.Context(), terms); !errors.Is(err, signer.ErrUnreachable) {
		t.Fatalf("signed by nobody: %v", err)
	}
	const tries = 8 // with pauses that double, from one second on, two minutes
	late := time.After(25 * time.Second)
	for n := range tries {
		select {
		case <-tried:
		case <-late:
			t.Fatalf("it was looked for %d times", n)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for range tried { // until the listener has ended
		continue
	}
}
