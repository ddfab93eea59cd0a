package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/monitor/engine"
)

// twin is the production store on SQLite, beside the one in memory: each call
// goes to both, and a difference breaks the world. It is opened anew with
// every life of the process.
type twin struct {
	*memory
	n    *node
	path string
	real *store.Store
}

// sealer is AES-GCM under a fixed key.
type sealer struct{ aead cipher.AEAD }

func (s sealer) Seal(plain, ad []byte) ([]byte, error) { return s.aead.Seal(nil, nil, plain, ad), nil }

func (s sealer) Open(sealed, ad []byte) ([]byte, error) { return s.aead.Open(nil, nil, sealed, ad) }

func newTwin(n *node) *twin {
	return &twin{memory: newMemory(), n: n, path: filepath.Join(n.w.dir, fmt.Sprintf("node%d.db", n.self))}
}

// reopen is the store's part of a restart.
func (t *twin) reopen(ctx context.Context) error {
	if t.real != nil {
		if err := t.real.Close(); err != nil {
			return err
		}
	}
	block, err := aes.NewCipher(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		return err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return err
	}
	party := htlc.PartyID(t.n.key.Public().(ed25519.PublicKey))
	t.real, err = store.Open(ctx, store.Config{DSN: t.path, Party: party, Sealer: sealer{aead}, Log: t.n.w.logs})
	return err
}

// differ breaks the world where the two stores do not answer alike.
func (t *twin) differ(what string, model, real any, modelErr, realErr error) {
	if (modelErr == nil) != (realErr == nil) || modelErr != nil && !errors.Is(realErr, modelErr) {
		t.n.w.fail("node %d: %s fails with %v in memory, with %v on SQLite", t.n.self, what, modelErr, realErr)
		return
	}
	if modelErr == nil && !reflect.DeepEqual(model, real) {
		t.n.w.fail("node %d: %s is %+v in memory, %+v on SQLite", t.n.self, what, model, real)
	}
}

func (t *twin) Active(ctx context.Context, visit func(htlc.Swap) error) error {
	gather := func(from engine.Store) (map[htlc.SwapID]htlc.Swap, error) {
		out := map[htlc.SwapID]htlc.Swap{}
		err := from.Active(ctx, func(s htlc.Swap) error {
			out[s.ID] = s
			return nil
		})
		return out, err
	}
	model, modelErr := gather(t.memory)
	real, realErr := gather(t.real)
	t.differ("the set of open swaps", model, real, modelErr, realErr)
	return t.memory.Active(ctx, visit)
}

func (t *twin) Pending(ctx context.Context) ([]engine.StoredEffect, error) {
	model, modelErr := t.memory.Pending(ctx)
	real, realErr := t.real.Pending(patient(ctx))
	if len(model)+len(real) > 0 {
		t.differ("the list of pending effects", model, real, modelErr, realErr)
	}
	return real, realErr
}

func (t *twin) Cursor(ctx context.Context, chain htlc.ChainID) (engine.Cursor, error) {
	model, modelErr := t.memory.Cursor(ctx, chain)
	real, realErr := t.real.Cursor(patient(ctx), chain)
	t.differ("the cursor", model, real, modelErr, realErr)
	return real, realErr
}

func (t *twin) Commit(ctx context.Context, b engine.Batch) error {
	modelErr, realErr := t.memory.Commit(ctx, b), t.real.Commit(patient(ctx), b)
	t.differ("a commit", nil, nil, modelErr, realErr)
	return realErr
}

func (t *twin) Swap(ctx context.Context, id htlc.SwapID) (htlc.Swap, error) {
	model, modelErr := t.memory.Swap(ctx, id)
	real, realErr := t.real.Get(patient(ctx), id)
	t.differ("a swap", model, real.Swap, modelErr, realErr)
	return real.Swap, realErr
}

func (t *twin) SaveTxs(ctx context.Context, txs []engine.JournalTx) error {
	modelErr, realErr := t.memory.SaveTxs(ctx, txs), t.real.SaveTxs(patient(ctx), txs)
	t.differ("saving transactions", nil, nil, modelErr, realErr)
	return realErr
}

func (t *twin) Txs(ctx context.Context, swap htlc.SwapID, leg int, p htlc.Purpose) ([]engine.JournalTx, error) {
	model, modelErr := t.memory.Txs(ctx, swap, leg, p)
	real, realErr := t.real.Txs(patient(ctx), swap, leg, p)
	if len(model)+len(real) > 0 {
		t.differ("the journal", model, real, modelErr, realErr)
	}
	return real, realErr
}

func (t *twin) MarkReleased(ctx context.Context, chain htlc.ChainID, txid string) error {
	modelErr, realErr := t.memory.MarkReleased(ctx, chain, txid), t.real.MarkReleased(patient(ctx), chain, txid)
	t.differ("marking a transaction", nil, nil, modelErr, realErr)
	return realErr
}

func (t *twin) close() error {
	if t.real == nil {
		return nil
	}
	return t.real.Close()
}

// patient takes the deadline away: those of the runner run by a real clock, and
// the model beside the database knows none.
func patient(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }
