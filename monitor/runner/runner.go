package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/bus"
	"github.com/kofo-network/kofo/monitor/engine"
)

// Signer signs transactions of one chain and broadcasts stored ones; see the
// adaptation standard.
type Signer interface {
	Fund(ctx context.Context, owner string, terms htlc.Terms, leg int) (adapters.Funding, error)
	Redeem(ctx context.Context, spend adapters.Spend) (adapters.Tx, error)
	Refund(ctx context.Context, spend adapters.Spend) (adapters.Tx, error)
	Abandon(ctx context.Context, a adapters.Abandonment) (adapters.Abandoned, error)
	Broadcast(ctx context.Context, tx adapters.Tx) error
}

// Ledger is what else the runner asks of a chain's adapter.
type Ledger interface {
	Tip(ctx context.Context) (adapters.BlockRef, error)
	Contract(terms htlc.Terms, leg int) (adapters.Contract, error)
	Release(ctx context.Context, owner string) error
}

// Engine takes results and knows the open swaps.
type Engine interface {
	Apply(ctx context.Context, in engine.Input) error
	Swap(id htlc.SwapID) (htlc.Swap, bool)
}

// Swaps reads closed swaps, which the engine has forgotten.
type Swaps interface {
	Swap(ctx context.Context, id htlc.SwapID) (htlc.Swap, error)
}

// Gates observe the conditions of the two gates. NoteReveal keeps outside the
// database how far the showing of the secret is, for a node that has lost its own.
type Gates interface {
	Funding(ctx context.Context, s htlc.Swap) htlc.FundingFacts
	Reveal(ctx context.Context, s htlc.Swap) htlc.RevealFacts
	NoteReveal(ctx context.Context, s htlc.Swap, note htlc.RevealNote) error
}

// Watchers take requests for the watcher of a chain.
type Watchers interface {
	Ask(ctx context.Context, chain htlc.ChainID, r bus.Request) (bus.Reply, error)
}

// Secrets gives the Initiator's secret. It may be in another process, and be
// refused or late; then the redeem waits.
type Secrets interface {
	Secret(ctx context.Context, terms htlc.Terms) (htlc.Secret, error)
}

// Chain is one chain's adapter, as the runner sees it.
type Chain struct {
	ID     htlc.ChainID
	Signer Signer
	Ledger Ledger
	// Cosigner makes spends by consent; nil where there are none.
	Cosigner Cosigner
}

// Options of a Runner.
type Options struct {
	Chains   []Chain
	Engine   Engine
	Swaps    Swaps
	Journal  engine.Journal
	Gates    Gates
	Watchers Watchers
	Secrets  Secrets
	Consent  Consent
	// Budget is the most that a redeem or refund of the leg may cost, in the
	// chain's own coin.
	Budget func(leg htlc.Leg) htlc.Amount
	// Alarm tells a person.
	Alarm func(s htlc.Swap, leg int, reason string)
	// Observe is told when an effect begins, and by the function that it returns
	// how it ended; what it returns as context is that of the effect. It must not
	// block. It may be nil.
	Observe func(ctx context.Context, e engine.StoredEffect) (context.Context, func(error))
	Log     *slog.Logger
}

// Runner executes effects.
type Runner struct {
	o     Options
	lanes map[htlc.ChainID]*lanes
	// unplaced are effects whose chain is not known yet.
	unplaced *queue

	// unsent were marked as released and have provably not left the process,
	// or can never be mined. Forgotten at the end of the process: then they
	// count as released.
	mu     sync.Mutex
	unsent map[string]bool
	// unpaid are spends of which an alarm has told that they cannot be paid now.
	unpaid map[workKey]bool

	retried atomic.Uint64
}

type lanes struct {
	chain            Chain
	sign, watch, ask *queue
	// signing is held while something is signed, stored and broadcast.
	signing sync.Mutex
	// asking are the questions that wait for their answers.
	mu     sync.Mutex
	asking map[workKey]bool
}

// New returns a runner; nothing is executed before Run.
func New(o Options) *Runner {
	r := &Runner{o: o, lanes: map[htlc.ChainID]*lanes{}, unplaced: newQueue(), unsent: map[string]bool{}}
	for _, c := range o.Chains {
		r.lanes[c.ID] = &lanes{chain: c, sign: newQueue(), watch: newQueue(), ask: newQueue(), asking: map[workKey]bool{}}
	}
	return r
}

// Dispatch queues effects; it does not block. swapOf finds the swaps of
// effects that do not say their chain; where it does not know one, the store
// is asked once Run runs. It may be nil.
func (r *Runner) Dispatch(effects []engine.StoredEffect, swapOf func(htlc.SwapID) (htlc.Swap, bool)) {
	for _, e := range effects {
		chain := e.Chain
		if chain == "" && swapOf != nil {
			if s, ok := swapOf(e.ID.Swap); ok && e.Effect.Leg < len(s.Terms.Legs) {
				chain = s.Terms.Legs[e.Effect.Leg].Chain()
			}
		}
		if chain == "" {
			r.unplaced.push(e)
			continue
		}
		r.enqueue(chain, e)
	}
}

func (r *Runner) enqueue(chain htlc.ChainID, e engine.StoredEffect) {
	l, ok := r.lanes[chain]
	switch {
	case !ok:
		// It stays pending in the store, for a node that has the chain.
		r.o.Log.Error("effect on a chain that this node does not have", "chain", string(chain),
			"swap", e.ID.Swap.String(), "effect", string(e.Effect.Kind))
	case signs(e.Effect.Kind):
		l.sign.push(e)
	case asks(e.Effect.Kind):
		l.ask.push(e)
	default:
		l.watch.push(e)
	}
}

// Waiting is the number of effects that wait or are being executed.
func (r *Runner) Waiting() int {
	n := r.unplaced.len()
	for _, l := range r.lanes {
		n += l.sign.len() + l.watch.len() + l.ask.len()
	}
	return n
}

// Retried counts the effects that failed and were put back.
func (r *Runner) Retried() uint64 { return r.retried.Load() }

// Run executes effects until ctx ends.
func (r *Runner) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	serve := func(q *queue, execute func(*work)) {
		g.Go(func() error {
			for w := q.pop(ctx); w != nil; w = q.pop(ctx) {
				execute(w)
				q.finished()
			}
			return nil
		})
	}
	serve(r.unplaced, func(w *work) { r.findPlace(ctx, w) })
	for _, l := range r.lanes {
		serve(l.sign, func(w *work) { r.execute(ctx, l, l.sign, w) })
		serve(l.watch, func(w *work) { r.execute(ctx, l, l.watch, w) })
		for range askers {
			serve(l.ask, func(w *work) { r.ask(ctx, l, w) })
		}
	}
	return g.Wait()
}

// findPlace asks the store for the chain of an effect.
func (r *Runner) findPlace(ctx context.Context, w *work) {
	s, err := r.swap(ctx, w.key.swap)
	switch {
	case err == nil && w.effect.Leg < len(s.Terms.Legs):
		r.enqueue(s.Terms.Legs[w.effect.Leg].Chain(), engine.StoredEffect{ID: w.id, Effect: w.effect})
	case err == nil || errors.Is(err, engine.ErrNotFound):
		r.o.Log.Error("effect of an unknown swap or leg", "swap", w.key.swap.String(), "effect", string(w.key.kind), "leg", w.key.leg)
	case ctx.Err() == nil:
		r.unplaced.again(w, pause(w.tries))
	}
}

// executeTimeout bounds one effect, so that a hanging node does not hold a
// lane for ever.
const executeTimeout = 60 * time.Second

// soon is the pause before something that is only not yet possible.
const soon = 50 * time.Millisecond

// errAgain asks for another try after a short pause; nothing is wrong.
var errAgain = errors.New("not yet")

func (r *Runner) execute(ctx context.Context, l *lanes, q *queue, w *work) {
	callCtx, cancel := context.WithTimeout(ctx, executeTimeout)
	defer cancel()
	in, err := r.observed(callCtx, l, q, w)
	if err == nil {
		in.Swap, in.Done = w.key.swap, []engine.EffectID{w.id}
		err = r.o.Engine.Apply(ctx, in)
		if err == nil && r.onlyOpen(w) {
			q.again(w, pause(w.tries))
			return
		}
		if err == nil || errors.Is(err, htlc.ErrStale) || errors.Is(err, htlc.ErrRejected) || errors.Is(err, engine.ErrNoSwap) {
			return
		}
	}
	if ctx.Err() != nil {
		return // the effect is pending in the store
	}
	log := r.o.Log.With("swap", w.key.swap.String(), "effect", string(w.key.kind), "leg", w.key.leg)
	switch {
	case errors.Is(err, errAgain), errors.Is(err, engine.ErrMoved):
		q.again(w, soon)
	case adapters.Retryable(err):
		r.alarmUnpayable(ctx, w, err)
		r.retried.Add(1)
		log.Warn("effect failed, will be tried again", "tries", w.tries+1, "error", err)
		q.again(w, pause(w.tries))
	default:
		log.Error("effect failed; the swap asks again with the next block", "error", err)
		done := engine.Input{Swap: w.key.swap, Done: []engine.EffectID{w.id}}
		if err := r.o.Engine.Apply(ctx, done); err != nil && ctx.Err() == nil {
			q.again(w, pause(w.tries))
		}
	}
}

// onlyOpen reports whether a gate is held by nothing but what could not be
// observed just now: the next block may be an hour away, so it is asked again.
func (r *Runner) onlyOpen(w *work) bool {
	if w.effect.Kind != htlc.EffectCheckFunding && w.effect.Kind != htlc.EffectCheckReveal {
		return false
	}
	s, ok := r.o.Engine.Swap(w.key.swap)
	if !ok || !s.Wants(w.effect) {
		return false
	}
	for _, f := range s.Held {
		if f.State == htlc.CheckBlocked {
			return false
		}
	}
	return true
}

// pause grows from a quarter of a second to 15 seconds.
func pause(tries int) time.Duration {
	return min(250*time.Millisecond<<min(tries, 6), 15*time.Second)
}

// observed tells who wants to know about the effect.
func (r *Runner) observed(ctx context.Context, l *lanes, q *queue, w *work) (engine.Input, error) {
	if r.o.Observe == nil {
		return r.carryOutIn(ctx, l, q, w)
	}
	ctx, ended := r.o.Observe(ctx, engine.StoredEffect{ID: w.id, Effect: w.effect, Chain: l.chain.ID})
	in, err := r.carryOutIn(ctx, l, q, w)
	if errors.Is(err, errAgain) {
		ended(nil) // what is only not yet possible is no failure
	} else {
		ended(err)
	}
	return in, err
}

// carryOutIn lets one thing be signed at a time on a chain.
func (r *Runner) carryOutIn(ctx context.Context, l *lanes, q *queue, w *work) (engine.Input, error) {
	if q == l.sign {
		l.signing.Lock()
		defer l.signing.Unlock()
	}
	return r.carryOut(ctx, l, w)
}

// ask executes an effect that waits for another node. Several do so at a time,
// but not for the same leg of a swap.
func (r *Runner) ask(ctx context.Context, l *lanes, w *work) {
	l.mu.Lock()
	busy := l.asking[w.key]
	l.asking[w.key] = true
	l.mu.Unlock()
	if busy {
		l.ask.again(w, askAgain)
		return
	}
	r.execute(ctx, l, l.ask, w)
	l.mu.Lock()
	delete(l.asking, w.key)
	l.mu.Unlock()
}

// carryOut executes one effect and returns what to tell the engine.
func (r *Runner) carryOut(ctx context.Context, l *lanes, w *work) (engine.Input, error) {
	c := l.chain
	s, err := r.swap(ctx, w.key.swap)
	if err != nil {
		return engine.Input{}, err
	}
	if !s.Wants(w.effect) {
		return engine.Input{}, nil // time has passed it by
	}
	leg := w.effect.Leg
	switch w.effect.Kind {
	case htlc.EffectWatch:
		return r.watch(ctx, c, s, leg)
	case htlc.EffectUnwatch:
		return engine.Input{}, r.unwatch(ctx, c, s, leg)
	case htlc.EffectPrepareFunding:
		return asEvent(r.prepareFunding(ctx, c, s))
	case htlc.EffectCheckFunding:
		return asEvent(htlc.FundingChecked{Facts: r.o.Gates.Funding(ctx, s)}, nil)
	case htlc.EffectFundLeg:
		return asEvent(r.fund(ctx, c, s))
	case htlc.EffectAbandonFunding:
		return asEvent(r.abandon(ctx, c, s))
	case htlc.EffectPrepareRedeem:
		return asEvent(r.prepareRedeem(ctx, c, s))
	case htlc.EffectCheckReveal:
		return asEvent(htlc.RevealChecked{Facts: r.o.Gates.Reveal(ctx, s)}, nil)
	case htlc.EffectRevealAndRedeem:
		return asEvent(r.reveal(ctx, c, s))
	case htlc.EffectRedeem:
		return asEvent(r.redeem(ctx, c, s))
	case htlc.EffectRefundLeg:
		return asEvent(r.refund(ctx, c, s))
	case htlc.EffectAskRedeem:
		return asEvent(r.askRedeem(ctx, l, s))
	case htlc.EffectAskRefund:
		return asEvent(r.askRefund(ctx, l, s))
	case htlc.EffectAlarm:
		r.o.Alarm(s, leg, w.effect.Detail)
		return engine.Input{}, nil
	case htlc.EffectRelease:
		return engine.Input{}, r.freeReservations(ctx, s)
	}
	return engine.Input{}, &adapters.Error{Reason: "UNKNOWN_EFFECT", Op: "execute", Err: fmt.Errorf("effect kind %q", w.effect.Kind)}
}

func asEvent(e htlc.Event, err error) (engine.Input, error) { return engine.Input{Event: e}, err }

// swap is the state that an effect is executed for: the latest, not the one
// that asked for it.
func (r *Runner) swap(ctx context.Context, id htlc.SwapID) (htlc.Swap, error) {
	if s, ok := r.o.Engine.Swap(id); ok {
		return s, nil
	}
	return r.o.Swaps.Swap(ctx, id)
}

// watch registers a contract and looks for what happened to it before.
func (r *Runner) watch(ctx context.Context, c Chain, s htlc.Swap, leg int) (engine.Input, error) {
	if s.Phase == htlc.PhaseClosed {
		return engine.Input{}, nil
	}
	reply, err := r.o.Watchers.Ask(ctx, c.ID, bus.Request{Op: bus.OpWatch, Terms: &s.Terms, Leg: leg, Ref: s.Legs[leg].FundRef})
	if err != nil {
		return engine.Input{}, err
	}
	found, err := r.o.Watchers.Ask(ctx, c.ID, bus.Request{Op: bus.OpScan, Contract: reply.Contract.ID, From: s.Legs[leg].Since})
	if err != nil {
		return engine.Input{}, err
	}
	return engine.Input{Located: &engine.Found{Leg: leg, At: found.Position, Epoch: found.Epoch, Facts: found.Facts}}, nil
}

func (r *Runner) unwatch(ctx context.Context, c Chain, s htlc.Swap, leg int) error {
	contract, err := c.Ledger.Contract(s.Terms, leg)
	if err != nil {
		return err
	}
	_, err = r.o.Watchers.Ask(ctx, c.ID, bus.Request{Op: bus.OpUnwatch, Contract: contract.ID})
	return err
}

func (r *Runner) freeReservations(ctx context.Context, s htlc.Swap) error {
	var errs []error
	for _, l := range r.lanes {
		errs = append(errs, l.chain.Ledger.Release(ctx, s.ID.String()))
	}
	return errors.Join(errs...)
}
