package node

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/backup"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/internal/vault"
	"github.com/kofo-network/kofo/internal/wallet"
	"github.com/kofo-network/kofo/monitor/engine"
)

// BackupOptions say what goes into a backup besides the data.
type BackupOptions struct {
	// ConfigFile is the configuration as it stands in the file.
	ConfigFile []byte
	// WithSeed puts the encrypted seed file in.
	WithSeed bool
	// Progress is told the rows that are written, and how many are known of. It
	// may be nil.
	Progress func(done, of int64)
}

// Backup writes a backup of a node's data. The node may run meanwhile: what is
// written is one moment of its database.
func Backup(ctx context.Context, cfg config.Config, seed *wallet.Seed, to io.Writer, version string, o BackupOptions) (_ backup.Summary, err error) {
	keys, v, err := vaultOf(seed)
	if err != nil {
		return backup.Summary{}, err
	}
	defer keys.Close()
	identity, err := keys.Identity()
	if err != nil {
		return backup.Summary{}, err
	}
	data, party, err := store.OpenForExport(ctx, storeDSN(cfg))
	if err != nil {
		return backup.Summary{}, err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	if id := identity.PartyID(); !bytes.Equal(party, id[:]) {
		return backup.Summary{}, &adapters.Error{
			Reason: store.ReasonWrongSeed, Op: fmt.Sprintf("back up the data of party %x with the seed of party %s", party, id),
			Advice: "use the seed that the data was made with", Err: store.ErrWrongSeed,
		}
	}
	h := backup.Header{
		Made: time.Now().UTC(), Party: hex.EncodeToString(party), Schema: int64(data.Version()), Dialect: data.Dialect(),
		Version: version, Config: o.ConfigFile,
	}
	if o.WithSeed {
		if h.SeedFile, err = os.ReadFile(cfg.Path(cfg.Keys.SeedFile)); err != nil {
			return backup.Summary{}, fmt.Errorf("read the seed file: %w", err)
		}
	}
	return backup.Write(ctx, to, v, h, data, o.Progress)
}

// VerifyBackup reads a backup to its end.
func VerifyBackup(ctx context.Context, seed *wallet.Seed, from io.Reader) (backup.Summary, error) {
	keys, v, err := vaultOf(seed)
	if err != nil {
		return backup.Summary{}, err
	}
	defer keys.Close()
	sum, err := backup.Read(ctx, from, v, nil)
	return sum, backupError(err)
}

func vaultOf(seed *wallet.Seed) (*wallet.Keys, *vault.Vault, error) {
	keys, err := seed.Keys()
	if err != nil {
		return nil, nil, err
	}
	v, err := vault.New(keys)
	return keys, v, err
}

// backupError gives the failures of reading their reasons.
func backupError(err error) error {
	code := ReasonCopyDamaged
	switch {
	case err == nil:
		return nil
	case errors.Is(err, vault.ErrForeign):
		code = ReasonCopyForeign
	case !errors.Is(err, vault.ErrDamaged) && !errors.Is(err, backup.ErrFormat):
		return err
	}
	return &adapters.Error{Reason: code, Op: "read the backup", Advice: "take another one", Err: err}
}

// importBackup fills an empty database. What an earlier try has brought in
// whole is left.
func importBackup(ctx context.Context, cfg config.Config, seed *wallet.Seed, o Options, path string) (sum backup.Summary, err error) {
	keys, v, err := vaultOf(seed)
	if err != nil {
		return sum, err
	}
	defer keys.Close()
	file, err := os.Open(path)
	if err != nil {
		return sum, fmt.Errorf("open the backup: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	var into *store.Importer
	sum, err = backup.Read(ctx, file, v, func(h backup.Header) (backup.Sink, error) {
		into, err = store.Import(ctx, store.Config{DSN: storeDSN(cfg), Log: o.Log}, h.Schema)
		return into, err
	})
	if into == nil {
		return sum, backupError(err)
	}
	if err == nil {
		err = into.Commit()
	}
	return sum, errors.Join(backupError(err), into.Close())
}

// forgive marks what a restored database must not do by itself, since what came
// after the backup is forgotten.
func (r *restorer) forgive(ctx context.Context) error {
	var batch engine.Batch
	var sent []engine.JournalTx
	err := r.core.store.Active(ctx, func(s htlc.Swap) error {
		txs, err := r.core.store.Txs(ctx, s.ID, s.Out(), htlc.PurposeFund)
		if err != nil {
			return err
		}
		sent = append(sent, txs...)
		if s.Phase == htlc.PhaseRevealing { // the gate had opened: the secret may be out
			if txs, err = r.core.store.Txs(ctx, s.ID, s.In(), htlc.PurposeRedeem); err != nil {
				return err
			}
			sent = append(sent, txs...)
		}
		if !slices.Contains(r.order, s.ID) { // a copy may have been found too
			r.order = append(r.order, s.ID)
		}
		if err := r.restoreLane(ctx, s.ID, s.Terms, s.Out()); err != nil {
			r.lacking[s.ID] = append(r.lacking[s.ID], err.Error())
		}
		restored := htlc.Restored{RevealOut: r.found[s.ID].Note == htlc.NoteOut}
		next, effects, err := htlc.Transition(s, restored)
		if errors.Is(err, htlc.ErrStale) {
			return nil // by an earlier try
		}
		if err != nil {
			return err
		}
		w := engine.SwapWrite{Swap: next, Expect: s.Version, Events: []engine.StoredEvent{{Seq: next.Version, At: time.Now(), Event: restored}}}
		for i, e := range effects {
			w.Effects = append(w.Effects, engine.StoredEffect{ID: engine.EffectID{Swap: s.ID, Seq: next.Version, Index: i}, Effect: e})
		}
		batch.Swaps = append(batch.Swaps, w)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the restored swaps: %w", err)
	}
	// They may have been sent after the backup.
	for _, tx := range sent {
		if err := r.core.store.MarkReleased(ctx, tx.Chain, tx.ID); err != nil {
			return fmt.Errorf("mark a transaction: %w", err)
		}
	}
	if len(batch.Swaps) > 0 {
		if err := r.core.store.Commit(ctx, batch); err != nil {
			return fmt.Errorf("mark the restored swaps: %w", err)
		}
	}
	return r.endWithdrawals(ctx)
}

// endWithdrawals gives up the withdrawals that were open at the backup and are
// in no block: they may have been signed again since, and would be paid twice.
func (r *restorer) endWithdrawals(ctx context.Context) error {
	open, err := r.core.store.OpenWithdrawals(ctx)
	if err != nil {
		return fmt.Errorf("open withdrawals: %w", err)
	}
	for _, w := range open {
		on, err := r.core.chains.find(w.Tx.Chain)
		if err != nil {
			return err
		}
		if _, mined, err := on.adapter.Paid(ctx, w.Tx.ID); err != nil {
			return fmt.Errorf("withdrawal %s: %w", w.RequestID, err)
		} else if mined {
			continue
		}
		if err := r.core.store.SettleWithdrawal(ctx, w.RequestID, w.Tx.ID, store.WithdrawalFailed); err != nil {
			return fmt.Errorf("withdrawal %s: %w", w.RequestID, err)
		}
		if w.Parts > 0 {
			r.report.Missing = append(r.report.Missing, fmt.Sprintf(
				"The split into %d coins of %s of %s (%s) was under way at the backup and is in no block. It isn't sent again: split anew.",
				w.Parts, w.Amount, w.Asset, w.Tx.ID))
			continue
		}
		r.report.Missing = append(r.report.Missing, fmt.Sprintf(
			"The withdrawal of %s of %s to %s (%s) was under way at the backup and is in no block. It isn't sent again, since it may have been paid otherwise: look at the chain, and withdraw anew if it wasn't.",
			w.Amount, w.Asset, w.To, w.Tx.ID))
	}
	return nil
}
