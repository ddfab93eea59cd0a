package node

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/internal/wallet"
)

func (d *desk) seed() *wallet.Seed {
	d.t.Helper()
	seed, err := wallet.SeedFile{Path: d.cfg.Path(d.cfg.Keys.SeedFile)}.Open(wallet.KeyFile(d.cfg.Path("seed.key")))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(seed.Close)
	return seed
}

func (d *desk) backup(ctx context.Context) string {
	d.t.Helper()
	var out bytes.Buffer
	o := BackupOptions{ConfigFile: []byte("x"), WithSeed: true}
	if _, err := Backup(ctx, d.cfg, d.seed(), &out, "test", o); err != nil {
		d.t.Fatal(err)
	}
	path := filepath.Join(d.t.TempDir(), "backup")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// TestRestoreFromOldBackup restores from a backup that was made before the
// initiator had funded, while the node ran: what followed the backup is on the
// chain, and nothing is sent a second time.
func TestRestoreFromOldBackup(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	n, d := twoDesks(ctx, t)
	n.Bitcoin().Pause()
	id := agreeDesks(ctx, t, d)
	path := d[0].backup(ctx)
	sum, err := VerifyBackup(ctx, d[0].seed(), open(t, path))
	if err != nil || sum.Open != 1 || string(sum.Header.Config) != "x" || len(sum.Header.SeedFile) == 0 {
		t.Fatalf("%+v, %v", sum, err)
	}
	d[0].reach(ctx, id, "its lock is sent", func(s htlc.Swap) bool { return s.FundingSent })
	d[0].lose()
	if err := os.RemoveAll(d[0].cfg.Path(d[0].cfg.Policy.CopiesDir)); err != nil {
		t.Fatal(err)
	}
	n.Bitcoin().Resume()
	if _, err := n.Bitcoin().Mine(ctx, 1); err != nil {
		t.Fatal(err)
	}
	report := d[0].restore(ctx, Sources{Backup: path})
	if len(report.Swaps) != 1 || len(report.Sources) != 2 || !strings.Contains(report.Sources[0].Name, "1 open swaps") {
		t.Fatalf("report %+v", report)
	}
	d[0].start(ctx)
	if got := d[0].ends(ctx, id); got != htlc.OutcomeSwapped {
		t.Errorf("ends %s; %+v", got, report)
	}
	fundedOnce(ctx, t, d[0], id)
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// A withdrawal that was under way at the backup may have been signed again
// since: it is not sent by a restored node.
func TestRestoredWithdrawalIsNotSentAgain(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, _, ether := paidCore(ctx, t)
	on := p.core.chains[1]
	w := adapters.Withdrawal{RequestID: "one", Asset: ether, To: "0x00000000000000000000000000000000000000aa", Amount: htlc.NewAmount(1000)}
	tx, err := on.adapter.Withdraw(ctx, w)
	if err != nil {
		t.Fatal(err)
	}
	stored := store.Withdrawal{RequestID: w.RequestID, Tx: tx, Asset: w.Asset, To: w.To, Amount: w.Amount}
	if _, err := p.core.store.SaveWithdrawal(ctx, stored); err != nil {
		t.Fatal(err)
	}
	r := &restorer{core: p.core}
	for range 2 {
		if err := r.endWithdrawals(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if open, err := p.core.store.OpenWithdrawals(ctx); err != nil || len(open) != 0 || len(r.report.Missing) != 1 {
		t.Errorf("open %+v, told %v: %v", open, r.report.Missing, err)
	}
}

func TestBackupErrors(t *testing.T) {
	ctx := t.Context()
	cfg := settings(t, network(ctx, t), "")
	var out bytes.Buffer
	if _, err := Backup(ctx, cfg, newSeed(t), &out, "test", BackupOptions{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no data: %v", err)
	}
	d := &desk{t: t, cfg: cfg}
	d.open(ctx)
	d.core.close()
	_, err := Backup(ctx, cfg, newSeed(t), &out, "test", BackupOptions{})
	if code, _ := Reason(err); code != store.ReasonWrongSeed {
		t.Errorf("another seed: %v", err)
	}
	path := d.backup(ctx)
	for name, test := range map[string]struct {
		seed *wallet.Seed
		cut  int
		code string
	}{
		"another seed": {newSeed(t), 0, ReasonCopyForeign}, "cut": {d.seed(), 3, ReasonCopyDamaged},
	} {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = VerifyBackup(ctx, test.seed, bytes.NewReader(raw[:len(raw)-test.cut]))
		if code, _ := Reason(err); code != test.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.lose()
	if _, err := Restore(ctx, cfg, Options{Log: slog.New(slog.DiscardHandler)}, Sources{Backup: path}); err != nil {
		t.Errorf("an empty one: %v", err)
	}
}
