package node

import (
	"context"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/telemetry"
	"github.com/kofo-network/kofo/internal/wallet"
	"github.com/kofo-network/kofo/monitor/engine"
	"github.com/kofo-network/kofo/monitor/runner"
)

// openTraces makes the spans of this process, where the configuration names a
// collector. It is closed after everything that makes spans.
func (c *core) openTraces(ctx context.Context, _ *wallet.Seed) error {
	service := "kofod"
	if c.cfg.IsTower() {
		service = "kofod-tower"
	}
	traces, err := telemetry.OpenTraces(ctx, telemetry.TraceOptions{
		Endpoint: c.cfg.Traces.Endpoint, Insecure: c.cfg.Traces.Insecure, Permille: c.cfg.Traces.Permille,
		Service: service, Version: c.version, Instance: c.identity.PartyID().String(), Log: c.log,
	})
	if err != nil {
		return err
	}
	c.traces = traces
	c.onClose(func() {
		if err := traces.Close(); err != nil {
			c.log.Warn("the last traces are not sent", "error", err)
		}
	})
	return nil
}

// observed is nil where there are no traces, so that nothing is asked for them.
func (c *core) observed() func(context.Context, engine.StoredEffect) (context.Context, func(error)) {
	if c.traces == nil {
		return nil
	}
	return func(ctx context.Context, e engine.StoredEffect) (context.Context, func(error)) {
		about := telemetry.About{Chain: e.Chain, Effect: e.Effect.Kind, Leg: e.Effect.Leg}
		return c.traces.Start(ctx, fmt.Sprintf("effect %s", e.Effect.Kind), about, e.ID.Swap)
	}
}

// begin begins the span of a transaction of the engine. One that only moves a
// chain's cursor is none's concern.
func (s fencedStore) begin(ctx context.Context, b engine.Batch) (context.Context, func(error)) {
	if s.traces == nil || len(b.Swaps) == 0 {
		return ctx, func(error) {}
	}
	about := telemetry.About{}
	var swaps []htlc.SwapID
	for _, w := range b.Swaps {
		swaps = append(swaps, w.Swap.ID)
		about.Events += len(w.Events)
	}
	return s.traces.Start(ctx, "engine commit", about, swaps...)
}

// lane is a chain as the runner sees it.
func (c *core) lane(on chain) runner.Chain {
	out := runner.Chain{ID: on.id, Signer: on.adapter, Ledger: on.adapter, Cosigner: on.adapter}
	if c.traces != nil {
		out.Signer = tracedSigner{on.adapter, on.id, c.traces}
	}
	return out
}

// tracedSigner makes spans of what is signed and sent, below the effect's.
type tracedSigner struct {
	runner.Signer
	chain  htlc.ChainID
	traces *telemetry.Traces
}

func (s tracedSigner) start(ctx context.Context, name string) (context.Context, func(error)) {
	return s.traces.Start(ctx, name, telemetry.About{Chain: s.chain})
}

func (s tracedSigner) Fund(ctx context.Context, owner string, terms htlc.Terms, leg int) (_ adapters.Funding, err error) {
	ctx, end := s.start(ctx, "sign a funding")
	defer func() { end(err) }()
	return s.Signer.Fund(ctx, owner, terms, leg)
}

func (s tracedSigner) Redeem(ctx context.Context, spend adapters.Spend) (_ adapters.Tx, err error) {
	ctx, end := s.start(ctx, "sign a redeem")
	defer func() { end(err) }()
	return s.Signer.Redeem(ctx, spend)
}

func (s tracedSigner) Refund(ctx context.Context, spend adapters.Spend) (_ adapters.Tx, err error) {
	ctx, end := s.start(ctx, "sign a refund")
	defer func() { end(err) }()
	return s.Signer.Refund(ctx, spend)
}

func (s tracedSigner) Abandon(ctx context.Context, a adapters.Abandonment) (_ adapters.Abandoned, err error) {
	ctx, end := s.start(ctx, "take a funding back")
	defer func() { end(err) }()
	return s.Signer.Abandon(ctx, a)
}

func (s tracedSigner) Broadcast(ctx context.Context, tx adapters.Tx) (err error) {
	ctx, end := s.traces.Start(ctx, "broadcast", telemetry.About{Chain: s.chain, Tx: tx.ID})
	defer func() { end(err) }()
	return s.Signer.Broadcast(ctx, tx)
}
