package bench

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/internal/wallet"
	"github.com/kofo-network/kofo/monitor/engine"
)

// activeSwaps are open while the events are counted.
const activeSwaps = 1_000

// office is an engine over a store, and the effects that it asked for, which
// are reported as done with the next event of their swap.
type office struct {
	*market
	engine *engine.Engine
	swaps  atomic.Uint64

	mu    sync.Mutex
	asked map[htlc.SwapID][]engine.EffectID
}

func (o *office) dispatch(effects []engine.StoredEffect) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range effects {
		o.asked[e.ID.Swap] = append(o.asked[e.ID.Swap], e.ID)
	}
}

func (o *office) takeAsked(swap htlc.SwapID) []engine.EffectID {
	o.mu.Lock()
	defer o.mu.Unlock()
	asked := o.asked[swap]
	delete(o.asked, swap)
	return asked
}

func openOffice(b *testing.B, dsn string) *office {
	b.Helper()
	o := &office{market: newMarket(b), asked: map[htlc.SwapID][]engine.EffectID{}}
	seed, err := wallet.NewSeed(12)
	must(b, err)
	b.Cleanup(seed.Close)
	keys, err := seed.Keys()
	must(b, err)
	b.Cleanup(keys.Close)
	sealer, err := keys.Sealer()
	must(b, err)
	quiet := slog.New(slog.DiscardHandler)
	s, err := store.Open(b.Context(), store.Config{DSN: dsn, Party: o.party(1), Sealer: sealer, Log: quiet})
	must(b, err)
	b.Cleanup(func() { must(b, s.Close()) })
	o.engine = engine.New(engine.Options{
		Store: s, Contracts: o.contract, Now: time.Now, Log: quiet, Dispatch: o.dispatch, Changed: func([]htlc.Swap) {},
	})
	must(b, o.engine.Start(b.Context(), nil))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- o.engine.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		must(b, <-ended)
	})
	// Events are taken of chains that are followed.
	for _, chain := range []htlc.ChainID{bitcoin.Regtest().Chain, o.rig.adapter.NativeAsset().Chain()} {
		tip := adapters.Step{Kind: adapters.Connect, Block: adapters.BlockRef{Height: 99, Hash: adapters.Hash{99}, Time: began, Clock: began}}
		must(b, o.engine.Apply(ctx, engine.Input{Chain: chain, Step: &tip}))
	}
	return o
}

// client lives one swap after another.
type client struct {
	office *office
	swap   htlc.SwapID
	left   []htlc.Event
}

// next applies one event and returns when it is durable.
func (c *client) next(ctx context.Context) error {
	if len(c.left) == 0 {
		var err error
		if c.left, err = c.office.life(c.office.swaps.Add(1)); err != nil {
			return err
		}
		c.swap = c.left[0].(htlc.TermsSigned).Terms.ID()
	}
	event := c.left[0]
	c.left = c.left[1:]
	err := c.office.engine.Apply(ctx, engine.Input{Swap: c.swap, Event: event, Done: c.office.takeAsked(c.swap)})
	if err != nil {
		return fmt.Errorf("%s: %w", event.Kind(), err)
	}
	return nil
}

// BenchmarkEngineApplySQLite counts the durable events of swaps that live from
// their agreement to their end, each event with the results of the effects
// that the one before asked for.
func BenchmarkEngineApplySQLite(b *testing.B) {
	benchEngine(b, filepath.Join(b.TempDir(), "kofo.db"))
}

// benchEngine has one caller who waits for each event, then as many as fill
// the transactions.
func benchEngine(b *testing.B, dsn string) {
	o := openOffice(b, dsn)
	for range activeSwaps {
		c := &client{office: o}
		must(b, c.next(b.Context()))
	}
	b.Run("callers=1", func(b *testing.B) {
		c := &client{office: o}
		for b.Loop() {
			must(b, c.next(b.Context()))
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("callers=64", func(b *testing.B) {
		b.SetParallelism(max(1, 64/runtime.GOMAXPROCS(0)))
		b.RunParallel(func(pb *testing.PB) {
			c := &client{office: o}
			for pb.Next() {
				if err := c.next(b.Context()); err != nil {
					b.Error(err)
					return
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
}
