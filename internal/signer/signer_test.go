package signer_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/kofo-network/kofo/internal/signer"
	"github.com/kofo-network/kofo/internal/signer/signertest"
)

func TestLocal(t *testing.T) { signertest.Run(t, signertest.Local(t)) }

// guarded has a journal of its own.
func guarded(t *testing.T, rules signer.Rules) *signer.Guarded {
	t.Helper()
	journal, err := signer.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := journal.Close(); err != nil {
			t.Error(err)
		}
	})
	return signer.NewGuarded(signertest.Local(t), rules, journal, time.Now)
}

func TestGuarded(t *testing.T) { signertest.Run(t, guarded(t, signertest.Rules())) }
