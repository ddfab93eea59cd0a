package signer_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/signer"
	"github.com/kofo-network/kofo/internal/signer/signertest"
)

// A secret that was given may be out: the node builds its redeem again, for more,
// until the leg is gone. That is when the time lock is near, and after it.
func TestGivenSecretIsGivenAgain(t *testing.T) {
	rules := signertest.Rules()
	rules.Margin = time.Hour
	path := filepath.Join(t.TempDir(), "journal")
	now := time.Now()
	clock := func() time.Time { return now }
	g := signer.NewGuarded(signertest.Local(t), rules, openJournal(t, path), clock)
	terms := signertest.Began(t, g, htlc.Salt{1})
	if _, err := g.Identity().SignTerms(t.Context(), terms); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Secrets().Secret(t.Context(), terms); err != nil {
		t.Fatal(err)
	}
	lock := time.Unix(terms.Legs[1].TimeLock, 0)
	for _, now = range []time.Time{lock.Add(-time.Minute), lock.Add(time.Minute)} {
		g = signer.NewGuarded(signertest.Local(t), rules, openJournal(t, path), clock)
		if _, err := g.Secrets().Secret(t.Context(), terms); err != nil {
			t.Errorf("%s before the time lock: %v", lock.Sub(now), err)
		}
	}
}
