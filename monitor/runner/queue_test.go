package runner

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func effect(kind htlc.EffectKind, swap byte, seq uint64) engine.StoredEffect {
	return engine.StoredEffect{ID: engine.EffectID{Swap: htlc.SwapID{swap}, Seq: seq}, Effect: htlc.Effect{Kind: kind}}
}

func TestUrgentWorkGoesFirst(t *testing.T) {
	q := newQueue()
	for i, k := range []htlc.EffectKind{htlc.EffectPrepareFunding, htlc.EffectFundLeg, htlc.EffectRefundLeg, htlc.EffectRedeem, htlc.EffectRedeem} {
		q.push(effect(k, byte(i), 1))
	}
	want := []byte{3, 4, 2, 1, 0}
	for i, swap := range want {
		w, _ := q.take(time.Now())
		if w == nil || w.key.swap != (htlc.SwapID{swap}) {
			t.Fatalf("place %d: %+v, want swap %d", i, w, swap)
		}
	}
	if q.len() != len(want) {
		t.Errorf("%d works, all of them executed now", q.len())
	}
	for range want {
		q.finished()
	}
	if q.len() != 0 {
		t.Errorf("%d works left", q.len())
	}
}

func TestAskingAgainReplacesAndWakes(t *testing.T) {
	q := newQueue()
	now := time.Now()
	q.push(effect(htlc.EffectRedeem, 1, 1))
	w, _ := q.take(now)
	q.again(w, time.Hour)
	if w, wait := q.take(now); w != nil || wait < time.Minute {
		t.Fatalf("%+v after %s", w, wait)
	}
	q.push(effect(htlc.EffectRedeem, 1, 2))
	w, _ = q.take(now)
	if w == nil || w.id.Seq != 2 || w.tries != 1 {
		t.Fatalf("%+v", w)
	}
	// Asked for while it is executed: the newer one stands.
	q.push(effect(htlc.EffectRedeem, 1, 3))
	q.again(w, time.Hour)
	if w, _ = q.take(now); w == nil || w.id.Seq != 3 {
		t.Fatalf("%+v", w)
	}
	if w, _ = q.take(now); w != nil {
		t.Fatalf("it is there twice: %+v", w)
	}
}

func TestRestingWorkComesBackInTime(t *testing.T) {
	q := newQueue()
	now := time.Now()
	for i := range byte(50) {
		q.push(effect(htlc.EffectRedeem, i, 1))
	}
	for i := range 50 {
		w, _ := q.take(now)
		q.again(w, time.Duration(50-i)*time.Second)
	}
	if w, wait := q.take(now); w != nil || wait > 2*time.Second {
		t.Fatalf("%+v after %s", w, wait)
	}
	n := 0
	for w, _ := q.take(now.Add(26 * time.Second)); w != nil; w, _ = q.take(now.Add(26 * time.Second)) {
		n++
	}
	if n < 25 || n > 26 {
		t.Errorf("%d works are ready", n)
	}
}

func TestPopEndsWithItsContext(t *testing.T) {
	q := newQueue()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan *work)
	go func() { ended <- q.pop(ctx) }()
	cancel()
	if w := <-ended; w != nil {
		t.Errorf("%+v", w)
	}
}

// Every kind has its urgency and its lane.
func TestEveryKindHasALane(t *testing.T) {
	for _, k := range htlc.EffectKinds() {
		if _, ok := urgency[k]; !ok {
			t.Errorf("%s has no urgency", k)
		}
		spends := k == htlc.EffectRedeem || k == htlc.EffectRevealAndRedeem || k == htlc.EffectRefundLeg ||
			k == htlc.EffectFundLeg || k == htlc.EffectAbandonFunding || k == htlc.EffectPrepareRedeem || k == htlc.EffectPrepareFunding
		if signs(k) != spends {
			t.Errorf("%s is in the wrong lane", k)
		}
	}
}

func BenchmarkQueueOfTenThousand(b *testing.B) {
	q := newQueue()
	for i := range 10_000 {
		e := effect(htlc.EffectRedeem, byte(i), 1)
		e.ID.Swap[1] = byte(i >> 8)
		q.push(e)
	}
	now := time.Now()
	for b.Loop() {
		w, _ := q.take(now)
		q.push(engine.StoredEffect{ID: w.id, Effect: w.effect})
	}
}
