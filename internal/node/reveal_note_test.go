package node

import (
	"bytes"
	"crypto/ed25519"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/copies"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/internal/vault"
	"github.com/kofo-network/kofo/monitor/engine"
)

// The reveal is noted and under way: released, and not known to have been taken.
// Our own lock is undone meanwhile and sent again, for which the funding gate wants
// the copy of the Terms. The note stays.
func TestNoteOfARevealOutlivesTheFundingGate(t *testing.T) {
	ctx := t.Context()
	k, s, folder := noteKeeper(t)
	if err := k.NoteReveal(ctx, s, htlc.NoteBegun); err != nil {
		t.Fatal(err)
	}
	if err := k.EnsureCopy(ctx, s); err != nil {
		t.Fatal(err)
	}
	c, err := folder.Read(s.ID)
	if err != nil || c.Note != htlc.NoteBegun {
		t.Errorf("the secret may be out, and the copy says that it is not: %v", err)
	}
	if err := k.NoteReveal(ctx, s, htlc.NoteInside); err != nil {
		t.Fatal(err)
	}
	if c, err := folder.Read(s.ID); err != nil || c.Note != htlc.NoteInside {
		t.Errorf("the note is not taken back: %v", err)
	}
}

// TestSafety_D2_BegunRevealAsksTheGate: the node dies between the note of its
// reveal and the release, and its database is lost. Restored it has shown nothing:
// the gate is asked again, and past the cut-off no secret that nobody knows is
// shown (TestSafety_D2_ForgottenReveal). Once the secret was handed to a node no
// later note takes that back, and the restored node goes on without a gate.
func TestSafety_D2_BegunRevealAsksTheGate(t *testing.T) {
	ctx := t.Context()
	k, s, folder := noteKeeper(t)
	restored := func() (htlc.Swap, htlc.RevealNote) {
		c, err := folder.Read(s.ID)
		if err != nil {
			t.Fatal(err)
		}
		s, _, err := htlc.Transition(htlc.Swap{}, c.Opening())
		if err != nil {
			t.Fatal(err)
		}
		return s, c.Note
	}
	if err := k.NoteReveal(ctx, s, htlc.NoteBegun); err != nil {
		t.Fatal(err)
	}
	back, note := restored()
	if note != htlc.NoteBegun || back.Released || !back.Restored {
		t.Errorf("a secret that nobody knows counts as shown: note %d, phase %s", note, back.Phase)
	}
	back.Phase, back.Legs[back.In()].Status = htlc.PhaseFunded, htlc.LegConfirmed
	if told := forgotten(back, note); len(told) != 1 || !strings.Contains(told[0], "about to show") {
		t.Errorf("the owner is told %q", told)
	}
	for _, after := range []htlc.RevealNote{htlc.NoteOut, htlc.NoteBegun, htlc.NoteInside} {
		if err := k.NoteReveal(ctx, s, after); err != nil {
			t.Fatal(err)
		}
		if back, note := restored(); note != htlc.NoteOut || !back.Released {
			t.Errorf("after note %d: what is out is forgotten", after)
		}
	}
}

// noteKeeper keeps copies of one swap, which is about to show its secret, in one
// folder.
func noteKeeper(t *testing.T) (*copyKeeper, htlc.Swap, copies.Folder) {
	t.Helper()
	ctx, seed, dir := t.Context(), newSeed(t), t.TempDir()
	keys, err := seed.Keys()
	if err != nil {
		t.Fatal(err)
	}
	storage, err := keys.Storage()
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := storage.Sealer()
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.FromKey(storage.Recovery())
	if err != nil {
		t.Fatal(err)
	}
	signed := signedTerms(t)
	db, err := store.Open(ctx, store.Config{
		DSN: filepath.Join(dir, "kofo.db"), Party: signed.Terms.Parties[0], Sealer: sealer, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s, _, err := htlc.Transition(htlc.Swap{}, signed)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Commit(ctx, engine.Batch{Swaps: []engine.SwapWrite{{
		Swap: s, Events: []engine.StoredEvent{{Seq: s.Version, At: time.Now(), Event: signed}},
	}}}); err != nil {
		t.Fatal(err)
	}
	k := &copyKeeper{store: db, log: slog.New(slog.DiscardHandler)}
	folder := copies.Folder{Dir: filepath.Join(dir, "copies"), Vault: v}
	k.folder(v, folder.Dir, true)
	s.Phase = htlc.PhaseRevealing
	return k, s, folder
}

func signedTerms(t *testing.T) htlc.TermsSigned {
	t.Helper()
	const begin = 1_800_000_000
	secret, err := htlc.NewSecret(bytes.Repeat([]byte{7}, htlc.SecretSize))
	if err != nil {
		t.Fatal(err)
	}
	terms := htlc.Terms{
		Version: htlc.Version, Hash: htlc.HashSHA256, SecretHash: secret.Hash(), Salt: htlc.Salt{1}, Outage: 600, AcceptBy: begin,
	}
	var own []ed25519.PrivateKey
	for i, asset := range []htlc.AssetID{"eip155:1337/slip44:60", "bip122:0f9188f13cb7b2c71f2a335e3a4fc328/slip44:0"} {
		own = append(own, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, ed25519.SeedSize)))
		terms.Parties = append(terms.Parties, htlc.PartyID(own[i].Public().(ed25519.PublicKey)))
		terms.Legs = append(terms.Legs, htlc.Leg{
			Payer: uint8(i), Payee: uint8(1 - i), Asset: asset, Amount: htlc.NewAmount(100_000),
			PayerKey: bytes.Repeat([]byte{1}, 20), PayeeKey: bytes.Repeat([]byte{2}, 20), MinConfirmations: 3,
			Timing: htlc.Timing{ClockLead: 60, ClockLag: 120, FundWindow: 300, BuryFund: 180, BuryRedeem: 240, BuryRefund: 250, Sighting: 30},
		})
	}
	if terms, err = terms.WithSchedule(begin); err != nil {
		t.Fatal(err)
	}
	out := htlc.TermsSigned{Terms: terms, Since: []uint64{1, 1}}
	for _, key := range own {
		out.Signatures = append(out.Signatures, htlc.SignTerms(key, terms))
	}
	return out
}
