package store_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"log/slog"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/monitor/engine"
)

const (
	chainA = htlc.ChainID("bip122:0f9188f13cb7b2c71f2a335e3a4fc328")
	chainB = htlc.ChainID("eip155:1337")
)

// seal is AES-GCM under a fixed key: real enough that bytes in the wrong row
// do not open.
type seal struct{ aead cipher.AEAD }

func newSeal(t rapid.TB) seal {
	t.Helper()
	block, err := aes.NewCipher(bytes.Repeat([]byte{7}, 32))
	must(t, err)
	aead, err := cipher.NewGCMWithRandomNonce(block)
	must(t, err)
	return seal{aead}
}

func (s seal) Seal(plain, ad []byte) ([]byte, error) { return s.aead.Seal(nil, nil, plain, ad), nil }

func (s seal) Open(sealed, ad []byte) ([]byte, error) { return s.aead.Open(nil, nil, sealed, ad) }

func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t rapid.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

// epoch is the time of every test.
var epoch = time.UnixMicro(1_900_000_000_000_000)

func config(t rapid.TB, dsn string) store.Config {
	t.Helper()
	return store.Config{
		DSN: dsn, Party: htlc.PartyID{1}, Sealer: newSeal(t), Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return epoch }, OutcomeTimeout: 20 * time.Second,
	}
}

func open(t testing.TB, dsn string) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), config(t, dsn))
	must(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func partyKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func secretOf(t rapid.TB, n uint64) htlc.Secret {
	t.Helper()
	raw := make([]byte, htlc.SecretSize)
	binary.BigEndian.PutUint64(raw, n+1)
	s, err := htlc.NewSecret(raw)
	must(t, err)
	return s
}

// signed makes the first event of the n-th swap.
func signed(t rapid.TB, n uint64) htlc.TermsSigned {
	t.Helper()
	timing := htlc.Timing{ClockLead: 60, ClockLag: 60, FundWindow: 600, BuryFund: 600, BuryRedeem: 600, BuryRefund: 600, Sighting: 60}
	leg := func(payer uint8, asset htlc.AssetID) htlc.Leg {
		return htlc.Leg{
			Payer: payer, Payee: 1 - payer, Asset: asset, Amount: htlc.NewAmount(1000),
			PayerKey: []byte{1}, PayeeKey: []byte{2}, MinConfirmations: 2, Timing: timing,
		}
	}
	terms := htlc.Terms{
		Version: htlc.Version, Hash: htlc.HashSHA256, SecretHash: secretOf(t, n).Hash(), Outage: 600, AcceptBy: 1_900_000_000,
		Parties: []htlc.PartyID{htlc.PartyID(partyKey(1).Public().(ed25519.PublicKey)), htlc.PartyID(partyKey(2).Public().(ed25519.PublicKey))},
		Legs:    []htlc.Leg{leg(0, htlc.AssetID(chainA+"/slip44:0")), leg(1, htlc.AssetID(chainB+"/slip44:60"))},
	}
	binary.BigEndian.PutUint64(terms.Salt[:], n+1)
	terms, err := terms.WithSchedule(1_900_000_000)
	must(t, err)
	return htlc.TermsSigned{
		Terms: terms, Self: 1,
		Signatures: []htlc.Signature{htlc.SignTerms(partyKey(1), terms), htlc.SignTerms(partyKey(2), terms)},
	}
}

// step applies events to a swap and makes the write of it.
func step(t rapid.TB, s htlc.Swap, events ...htlc.Event) engine.SwapWrite {
	t.Helper()
	w := engine.SwapWrite{Swap: s, Expect: s.Version}
	for _, e := range events {
		next, effects, err := htlc.Transition(w.Swap, e)
		must(t, err)
		w.Swap = next
		w.Events = append(w.Events, engine.StoredEvent{Seq: next.Version, At: epoch, Event: e})
		for i, effect := range effects {
			id := engine.EffectID{Swap: next.ID, Seq: next.Version, Index: i}
			w.Effects = append(w.Effects, engine.StoredEffect{ID: id, Effect: effect})
		}
	}
	return w
}

// fresh is the write that opens the n-th swap.
func fresh(t rapid.TB, n uint64) engine.SwapWrite { return step(t, htlc.Swap{}, signed(t, n)) }

func tip(height uint64) htlc.TipAdvanced {
	return htlc.TipAdvanced{Leg: 0, Height: height, Clock: 1_900_000_000}
}

func batch(w ...engine.SwapWrite) engine.Batch { return engine.Batch{Swaps: w} }

func block(height uint64) adapters.BlockRef {
	b := adapters.BlockRef{Height: height, Time: int64(height) * 10, Clock: int64(height)*10 - 5}
	binary.BigEndian.PutUint64(b.Hash[:], height)
	binary.BigEndian.PutUint64(b.Parent[:], height-1)
	return b
}

func active(t rapid.TB, s *store.Store) map[htlc.SwapID]htlc.Swap {
	t.Helper()
	out := map[htlc.SwapID]htlc.Swap{}
	must(t, s.Active(context.Background(), func(swap htlc.Swap) error {
		out[swap.ID] = swap
		return nil
	}))
	return out
}
