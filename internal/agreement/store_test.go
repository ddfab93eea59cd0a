package agreement_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/store"
)

// open makes a store in a file of the test.
func open(t *testing.T, party htlc.PartyID, name string) agreement.Store {
	t.Helper()
	s, err := store.Open(context.Background(), store.Config{
		DSN: filepath.Join(t.TempDir(), name), Party: party, Sealer: plainSealer{}, Log: slog.New(slog.DiscardHandler),
		OutcomeTimeout: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.Agreements()
}

// plainSealer: nothing of an agreement is sealed.
type plainSealer struct{}

func (plainSealer) Seal(plain, _ []byte) ([]byte, error)  { return plain, nil }
func (plainSealer) Open(sealed, _ []byte) ([]byte, error) { return sealed, nil }

// TestScenariosOnTheRealStore runs what the other tests run in memory.
func TestScenariosOnTheRealStore(t *testing.T) {
	agreement.Scenarios(t, func(t *testing.T, party htlc.PartyID) agreement.Store { return open(t, party, "kofo.db") })
}
