package backend

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kofo-network/kofo/adapters"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hanging takes at a and never answers at b.
func (n *net) hanging(ctx context.Context) error {
	if n.pool.Pick(ctx) == 0 {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (n *net) health(name string) Health {
	for _, h := range n.pool.Health() {
		if h.Name == name {
			return h
		}
	}
	return Health{}
}

// The first that takes a broadcast ends the wait; the others are told all the
// same, until Close.
func TestABroadcastWaitsForNobodyOnceItIsTaken(t *testing.T) {
	n := newNet(t, "a", "b")
	n.pass(1)
	n.pool.o.Timeout = time.Hour
	for range maxSending + 3 {
		ctx, cancel := context.WithCancel(t.Context())
		if err := n.pool.Send(ctx, n.hanging, rankOfSends); err != nil {
			t.Fatal(err)
		}
		cancel() // the caller has gone on; b is told nevertheless
	}
	n.pool.mu.Lock()
	under := n.pool.members[1].sending
	n.pool.mu.Unlock()
	if under > maxSending {
		t.Errorf("%d broadcasts are under way to one back end", under)
	}
	n.pool.Close()
	if got := n.health("a").Broadcasts; got.Taken != maxSending+3 {
		t.Errorf("a: %+v", got)
	}
	if got := n.health("b").Broadcasts; got.Unanswered != maxSending+3 || got.Last == "" {
		t.Errorf("b: %+v", got)
	}
	n.want("b", Good, "") // the end of the pool is not its fault
	if err := n.pool.Send(t.Context(), n.hanging, rankOfSends); err != nil {
		t.Errorf("after Close the one that is asked is told: %v", err)
	}
}

// One that never answers is not waited for beyond Timeout, and is known for it.
func TestABackEndThatHangsIsUnreachable(t *testing.T) {
	n := newNet(t, "a", "b")
	n.pass(1)
	n.pool.o.Timeout = 10 * time.Millisecond
	refusing := func(ctx context.Context) error {
		if n.pool.Pick(ctx) == 0 {
			return errNo
		}
		return n.hanging(ctx)
	}
	if err := n.pool.Send(t.Context(), refusing, rankOfSends); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("b may have it: %v", err)
	}
	n.want("b", Unreachable, NoAnswer)
	if got := n.health("a").Broadcasts; got.Refused != 1 || got.Last != errNo.Error() {
		t.Errorf("a: %+v", got)
	}
	n.pool.Close()
}

// A caller that cannot wait any longer knows nothing of what became of it.
func TestABroadcastEndsWithItsCaller(t *testing.T) {
	n := newNet(t, "a", "b")
	n.pass(1)
	n.pool.o.Timeout = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{}, 2)
	go func() { <-asked; <-asked; cancel() }()
	err := n.pool.Send(ctx, func(ctx context.Context) error {
		asked <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}, rankOfSends)
	if !errors.Is(err, adapters.ErrUnreachable) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	n.pool.Close()
}

func rankOfSends(err error) Answer {
	switch {
	case err == nil:
		return Taken
	case errors.Is(err, errNo):
		return Definite
	}
	return NoAnswerTo
}
