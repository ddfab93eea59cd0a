package servertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/server"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/monitor/engine"
)

// book keeps swaps and agreements, and applies events as the engine does.
type book struct {
	feed *server.Feed
	now  func() time.Time

	mu      sync.Mutex
	records map[htlc.Salt]agreement.Record
	swaps   map[htlc.SwapID]htlc.Swap
	created map[htlc.SwapID]time.Time
	events  map[htlc.SwapID][]engine.StoredEvent
	txs     []engine.JournalTx
	moves   []server.Movement
	paid    map[string]adapters.Tx
	cursors map[htlc.ChainID]engine.Cursor

	fees     map[string]htlc.Amount // of mined transactions
	asked    int                    // how often FeeOf was
	slowFees bool
}

func newBook(feed *server.Feed, now func() time.Time) *book {
	return &book{
		feed: feed, now: now, records: map[htlc.Salt]agreement.Record{}, swaps: map[htlc.SwapID]htlc.Swap{},
		created: map[htlc.SwapID]time.Time{}, events: map[htlc.SwapID][]engine.StoredEvent{},
		paid: map[string]adapters.Tx{}, cursors: map[htlc.ChainID]engine.Cursor{},
	}
}

// Insert implements agreement.Store.
func (b *book) Insert(_ context.Context, r agreement.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, old := range b.records {
		if old.ID() == r.ID() || old.Offer.SecretHash == r.Offer.SecretHash {
			return agreement.ErrHashUsed
		}
		if r.Request != "" && old.Request == r.Request {
			return agreement.ErrConflict
		}
	}
	b.records[r.ID()] = r
	return nil
}

// Update implements agreement.Store.
func (b *book) Update(_ context.Context, r agreement.Record, from agreement.State) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if old, ok := b.records[r.ID()]; !ok || old.State != from {
		return agreement.ErrConflict
	}
	b.records[r.ID()] = r
	return nil
}

// Find implements agreement.Store.
func (b *book) Find(_ context.Context, key agreement.Key) (agreement.Record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.records {
		if key.Offer != (htlc.Salt{}) && r.ID() == key.Offer || key.Swap != (htlc.SwapID{}) && r.Swap() == key.Swap ||
			key.Request != "" && r.Request == key.Request {
			return r, nil
		}
	}
	return agreement.Record{}, agreement.ErrNotFound
}

// Unsettled implements agreement.Store.
func (b *book) Unsettled(context.Context) ([]agreement.Record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []agreement.Record
	for _, r := range b.records {
		if !r.Settled {
			out = append(out, r)
		}
	}
	return out, nil
}

// records finds by either id, as server.Records asks.
type recordsOf struct {
	*book
	service *agreement.Service
}

func (r recordsOf) Find(ctx context.Context, id [32]byte) (agreement.Record, error) {
	return r.service.Find(ctx, id)
}

// Recent implements server.Records.
func (r recordsOf) Recent(_ context.Context, before time.Time, id htlc.Salt, limit int) ([]agreement.Record, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []agreement.Record
	for _, record := range r.records {
		own := record.ID()
		if record.CreatedAt.Before(before) || record.CreatedAt.Equal(before) && bytes.Compare(own[:], id[:]) < 0 {
			out = append(out, record)
		}
	}
	slices.SortFunc(out, func(a, b agreement.Record) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		x, y := a.ID(), b.ID()
		return bytes.Compare(y[:], x[:])
	})
	return out[:min(limit, len(out))], nil
}

// Open implements agreement.Swaps: it is what the engine does with TermsSigned.
type swapsOf struct{ *book }

func (s swapsOf) Open(ctx context.Context, signed htlc.TermsSigned) error {
	id := signed.Terms.ID()
	s.mu.Lock()
	_, known := s.swaps[id]
	s.mu.Unlock()
	if known {
		return nil
	}
	return s.Apply(ctx, engine.Input{Swap: id, Event: signed})
}

func (s swapsOf) Cancel(ctx context.Context, swap htlc.SwapID) error {
	err := s.Apply(ctx, engine.Input{Swap: swap, Event: htlc.CancelRequested{}})
	if errors.Is(err, htlc.ErrStale) { // the end is past
		return fmt.Errorf("%w: it is closed", htlc.ErrNotCancellable)
	}
	return err
}

// Apply implements server.Engine.
func (b *book) Apply(_ context.Context, in engine.Input) error {
	b.mu.Lock()
	swap, effects, err := htlc.Transition(b.swaps[in.Swap], in.Event)
	if err == nil {
		if _, ok := b.created[swap.ID]; !ok {
			b.created[swap.ID] = b.now()
		}
		b.swaps[swap.ID] = swap
		b.events[swap.ID] = append(b.events[swap.ID], engine.StoredEvent{Seq: swap.Version, At: b.now(), Event: in.Event})
	}
	b.mu.Unlock()
	_ = effects // nothing executes them here
	if err != nil {
		return err
	}
	b.feed.SwapsChanged([]htlc.Swap{swap})
	return nil
}

// Open implements server.Engine.
func (b *book) Open() []htlc.Swap {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []htlc.Swap
	for _, s := range b.swaps {
		if s.Phase != htlc.PhaseClosed {
			out = append(out, s)
		}
	}
	return out
}

// Cursor implements server.Engine.
func (b *book) Cursor(chain htlc.ChainID) (engine.Cursor, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, ok := b.cursors[chain]
	return c, ok
}

// Get implements server.Swaps.
func (b *book) Get(_ context.Context, id htlc.SwapID) (store.Record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.swaps[id]
	if !ok {
		return store.Record{}, store.ErrNotFound
	}
	events := b.events[id]
	return store.Record{Swap: s, Created: b.created[id], Updated: events[len(events)-1].At}, nil
}

// History implements server.Swaps.
func (b *book) History(_ context.Context, id htlc.SwapID, after uint64, limit int) ([]engine.StoredEvent, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []engine.StoredEvent
	for _, e := range b.events[id] {
		if e.Seq > after && (limit <= 0 || len(out) < limit) {
			out = append(out, e)
		}
	}
	return out, nil
}

// Txs implements server.Journal.
func (b *book) Txs(_ context.Context, swap htlc.SwapID, leg int, purpose htlc.Purpose) ([]engine.JournalTx, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []engine.JournalTx
	for _, tx := range b.txs {
		if tx.Swap == swap && tx.Leg == leg && tx.Purpose == purpose {
			out = append(out, tx)
		}
	}
	return out, nil
}

// Withdraw implements server.Payments.
func (b *book) Withdraw(_ context.Context, w adapters.Withdrawal) (adapters.Tx, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if tx, ok := b.paid[w.RequestID]; ok {
		return tx, nil
	}
	fee := htlc.NewAmount(1100)
	if !w.MaxFee.IsZero() && fee.Cmp(w.MaxFee) > 0 {
		return adapters.Tx{}, fmt.Errorf("%w: %s", adapters.ErrBudget, fee)
	}
	tx := adapters.Tx{Chain: w.Asset.Chain(), ID: fmt.Sprintf("%064x", 0xd00+len(b.paid)), Fee: fee}
	b.paid[w.RequestID] = tx
	move := server.Movement{
		Chain: tx.Chain, TxID: tx.ID, Kind: server.Withdrawn, Asset: w.Asset, Amount: w.Amount,
		FeeAsset: htlc.AssetID(string(tx.Chain) + nativeSuffix(tx.Chain)), Fee: fee, To: w.To, Time: b.now(),
	}
	if w.Parts > 0 {
		move.Kind, move.To, move.Parts = server.Split, "", w.Parts
	}
	b.moves = append(b.moves, move)
	return tx, nil
}

// Activity implements server.Payments.
func (b *book) Activity(_ context.Context, chain htlc.ChainID, _ string, limit int) ([]server.Movement, string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []server.Movement
	for _, m := range slices.Backward(b.moves) {
		if (chain == "" || m.Chain == chain) && len(out) < limit {
			out = append(out, m)
		}
	}
	return out, "", nil
}

// FeeOf implements server.Payments.
func (b *book) FeeOf(ctx context.Context, _ htlc.ChainID, txid string) (htlc.Amount, bool) {
	b.mu.Lock()
	fee, known := b.fees[txid]
	b.asked++
	slow := b.slowFees
	b.mu.Unlock()
	if slow {
		<-ctx.Done()
		return htlc.Amount{}, false
	}
	return fee, known
}
