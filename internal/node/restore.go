package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/copies"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/internal/vault"
	"github.com/kofo-network/kofo/internal/wallet"
)

// Reasons of a restore, as the table of reasons has them.
const (
	ReasonDataExists  = "DATA_EXISTS"
	ReasonCopyDamaged = "COPY_DAMAGED"
	ReasonCopyForeign = "COPY_FOREIGN"
)

// ErrDataExists: a restore overwrites nothing.
var ErrDataExists = errors.New("there is a database already")

// restoreMark stands in the data folder while a restore is under way, so that
// one which was interrupted can be repeated.
const (
	restoreMark = "restore-unfinished"
	markBackup  = "backup\n"
)

// ErrRestoreUnfinished: the data are those of a restore that was interrupted.
var ErrRestoreUnfinished = errors.New("a restore into this data folder was interrupted")

// mayRun refuses data of which a restore has not finished: what a backup does
// not remember is not marked as forgotten yet.
func mayRun(dataDir string) error {
	if _, err := os.Lstat(filepath.Join(dataDir, restoreMark)); err == nil {
		return fmt.Errorf("%w: call kofo restore again, as before", ErrRestoreUnfinished)
	}
	return nil
}

// restorePoll is how often a restore looks how far the search is.
const restorePoll = 100 * time.Millisecond

// Sources of a restore, besides the folders of copies that the configuration
// names.
type Sources struct {
	Folders []string // of copies
	Texts   []string // copies of signed Terms, as text
	// Backup is a file that kofo backup wrote; empty for none.
	Backup string
	// Progress is told what is being done, for people. It may be nil.
	Progress func(text string)
}

// SourceReport says what one source gave.
type SourceReport struct {
	Name     string   `json:"name"`
	Swaps    []string `json:"swaps"`              // ids
	Problems []string `json:"problems,omitempty"` // what could not be read, and why
}

// SwapReport says what became of one swap, as far as the chains tell.
type SwapReport struct {
	ID        string      `json:"id"`
	Initiator bool        `json:"initiator"`
	Phase     string      `json:"phase"`
	Outcome   string      `json:"outcome"`
	Legs      []LegReport `json:"legs"`
	// Missing is what is not known, and what follows from that.
	Missing []string `json:"missing,omitempty"`
}

// LegReport is one leg of a restored swap.
type LegReport struct {
	Chain     string `json:"chain"`
	Ours      bool   `json:"ours"` // we pay it
	Status    string `json:"status"`
	FundingTx string `json:"fundingTx,omitempty"`
	SpendTx   string `json:"spendTx,omitempty"`
	TimeLock  int64  `json:"timeLock"`
}

// RestoreReport is the result of a restore.
type RestoreReport struct {
	Party   string         `json:"party"`
	Sources []SourceReport `json:"sources"`
	Swaps   []SwapReport   `json:"swaps"`
	Missing []string       `json:"missing,omitempty"`
}

// Restore builds a database anew: from a backup where there is one, and from
// copies of Terms and the chains. It returns when the chains have told what
// became of every swap; a node that is started then goes on with them. While
// it runs it acts for them already: a secret that is out is used at once.
//
// It refuses to work on data that are there. One that was interrupted may be
// repeated, and takes up what it had.
func Restore(ctx context.Context, cfg config.Config, o Options, from Sources) (RestoreReport, error) {
	if from.Progress == nil {
		from.Progress = func(string) {}
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return RestoreReport{}, fmt.Errorf("data folder: %w", err)
	}
	unlock, err := lock(cfg.DataDir)
	if err != nil {
		return RestoreReport{}, err
	}
	defer unlock()
	seed, err := openSeed(cfg, o)
	if err != nil {
		return RestoreReport{}, err
	}
	defer seed.Close()
	mark := filepath.Join(cfg.DataDir, restoreMark)
	_, interrupted := os.Lstat(mark)
	if err := beginRestore(ctx, cfg, mark, from.Backup != ""); err != nil {
		return RestoreReport{}, err
	}
	r := &restorer{from: from, found: map[htlc.SwapID]copies.Copy{}, lacking: map[htlc.SwapID][]string{}, resumed: interrupted == nil, patience: readTime}
	if from.Backup != "" {
		if err := r.takeBackup(ctx, cfg, seed, o); err != nil {
			return r.report, err
		}
	}
	c, err := openCore(ctx, cfg, o.Environ, seed, o.Log, o.Version)
	if err != nil {
		return RestoreReport{}, err
	}
	defer c.close()
	r.core, r.report.Party = c, c.identity.PartyID().String()
	if err := r.run(ctx); err != nil {
		return r.report, err
	}
	if err := os.Remove(mark); err != nil {
		return r.report, fmt.Errorf("end the restore: %w", err)
	}
	return r.report, nil
}

// beginRestore makes sure that nothing is overwritten, and leaves the mark.
// The mark says whether a backup goes into the database: what a backup does not
// remember must be forgiven before anything runs on it.
func beginRestore(ctx context.Context, cfg config.Config, mark string, backup bool) error {
	if was, err := os.ReadFile(mark); err == nil { // ours, interrupted
		if string(was) == markBackup && !backup {
			return fmt.Errorf("%w: it took a backup; give the same one again", ErrRestoreUnfinished)
		}
		return nil
	}
	dsn := storeDSN(cfg)
	exists, err := store.Exists(ctx, dsn)
	if err != nil {
		return fmt.Errorf("look for data: %w", err)
	}
	if exists {
		// What to do stands in the table of reasons.
		return &adapters.Error{Reason: ReasonDataExists, Op: "restore into " + cfg.DataDir, Err: ErrDataExists}
	}
	content := ""
	if backup {
		content = markBackup
	}
	if err := os.WriteFile(mark, []byte(content), 0o600); err != nil {
		return fmt.Errorf("begin the restore: %w", err)
	}
	return nil
}

// storeDSN is where the configuration has the database.
func storeDSN(cfg config.Config) string {
	dsn := cfg.Store.DSN.Reveal()
	if cfg.Store.Driver != "sqlite" {
		return dsn
	}
	if dsn == "" {
		dsn = "kofo.db"
	}
	return cfg.Path(dsn)
}

// restorer is one restore.
type restorer struct {
	core   *core
	from   Sources
	order  []htlc.SwapID
	found  map[htlc.SwapID]copies.Copy
	report RestoreReport
	// lacking is what could not be made good, by swap.
	lacking map[htlc.SwapID][]string
	// resumed: an earlier try was interrupted.
	resumed bool
	// patience is how long one call into a folder of copies may take.
	patience time.Duration
}

func (r *restorer) run(ctx context.Context) error {
	if err := r.gather(ctx); err != nil {
		return err
	}
	if r.from.Backup != "" {
		if err := r.forgive(ctx); err != nil {
			return err
		}
	}
	runCtx, stop := context.WithCancel(ctx)
	defer stop()
	// Without the core nothing is found any more, so its end ends the waiting.
	rebuilding, give := context.WithCancel(ctx)
	defer give()
	ended := make(chan error, 1)
	go func() {
		err := r.core.run(runCtx)
		give()
		ended <- err
	}()
	err := r.rebuild(rebuilding)
	stop()
	if stopped := <-ended; !errors.Is(stopped, context.Canceled) {
		err = errors.Join(err, stopped)
	}
	return err
}

// takeBackup brings a backup into the empty database.
func (r *restorer) takeBackup(ctx context.Context, cfg config.Config, seed *wallet.Seed, o Options) error {
	r.from.Progress("reading the backup " + r.from.Backup)
	sum, err := importBackup(ctx, cfg, seed, o, r.from.Backup)
	if errors.Is(err, store.ErrImport) && r.resumed {
		err = nil // whole, by the try before this one
	}
	if err != nil {
		return err
	}
	r.report.Sources = append(r.report.Sources, SourceReport{
		Name: fmt.Sprintf("backup %s of %s: %d rows, %d open swaps", r.from.Backup, sum.Header.Made.Format(time.RFC3339), sum.Rows, sum.Open),
	})
	return nil
}

// rebuild opens what was found and waits until the chains have told.
func (r *restorer) rebuild(ctx context.Context) error {
	if err := r.core.waitForCursors(ctx); err != nil {
		return err
	}
	open := r.core.opener()
	for _, id := range r.order {
		c, copied := r.found[id]
		if _, err := r.core.store.Get(ctx, id); err == nil || !copied {
			continue // the backup has it, and knows more
		}
		if err := r.prepare(ctx, c); err != nil {
			r.lacking[id] = append(r.lacking[id], err.Error())
		}
		if err := open.Open(ctx, c.Opening()); err != nil {
			r.lacking[id] = append(r.lacking[id], "it could not be opened: "+err.Error())
		}
	}
	return r.await(ctx)
}

// prepare reserves again what the swap had reserved, and stores the agreement.
// None of it decides about money: what fails is told, and the swap opened.
func (r *restorer) prepare(ctx context.Context, c copies.Copy) error {
	terms, owner := c.Signed.Terms, c.Signed.Terms.ID().String()
	errs := []error{r.restoreLane(ctx, terms.ID(), terms, terms.Outgoing(c.Self))}
	in := terms.Incoming(c.Self)
	if on, err := r.core.chains.find(terms.Legs[in].Chain()); err != nil {
		errs = append(errs, err)
	} else if err := on.adapter.ReserveRedeem(ctx, owner, terms.Legs[in].Asset, in); err != nil {
		errs = append(errs, fmt.Errorf("keep back what the redeem costs: %w", err))
	}
	return errors.Join(append(errs, r.keepAgreement(ctx, c))...)
}

// keepAgreement stores the agreement, so that neither salt nor hash is used
// again. Without a ticket there is none to store.
func (r *restorer) keepAgreement(ctx context.Context, c copies.Copy) error {
	if c.Ticket == "" {
		return nil
	}
	offer, err := htlc.ParseTicket(c.Ticket)
	if err != nil {
		return fmt.Errorf("ticket: %w", err)
	}
	now := time.Now()
	record := agreement.Record{
		State: agreement.StateAgreed, Initiator: c.Self == 0, Offer: offer.Offer, Signature: offer.Signature,
		Terms: c.Signed.Terms, Signatures: [2]htlc.Signature(c.Signed.Signatures), Since: c.Signed.Since,
		ByHand: true, Settled: true, CreatedAt: now, UpdatedAt: now,
	}
	err = r.core.store.Agreements().Insert(ctx, record)
	if errors.Is(err, agreement.ErrHashUsed) {
		return nil // by an earlier try
	}
	return err
}

// gather reads the copies of all sources.
func (r *restorer) gather(ctx context.Context) error {
	v, err := vault.FromKey(r.core.storage.Recovery())
	if err != nil {
		return err
	}
	policy := r.core.cfg.Policy
	folders := []string{r.core.cfg.Path(policy.CopiesDir)}
	for _, more := range policy.MoreCopies {
		folders = append(folders, r.core.cfg.Path(more.Dir))
	}
	for _, dir := range append(folders, r.from.Folders...) {
		r.gatherFolder(ctx, copies.Folder{Dir: dir, Vault: v})
	}
	for i, text := range r.from.Texts {
		s := SourceReport{Name: fmt.Sprintf("text %d", i+1)}
		c, err := copies.FromText(text, r.core.identity.PartyID())
		r.take(&s, c, err)
		r.report.Sources = append(r.report.Sources, s)
	}
	return nil
}

// take keeps a copy of a source. The first one that has a ticket wins: all say
// the same of the swap, since all parties signed it.
func (r *restorer) take(s *SourceReport, c copies.Copy, err error) {
	if err != nil {
		s.Problems = append(s.Problems, err.Error())
		return
	}
	if party := c.Signed.Terms.Parties[c.Self]; party != r.core.identity.PartyID() {
		s.Problems = append(s.Problems, fmt.Sprintf("swap %s is of party %s", c.Signed.Terms.ID(), party))
		return
	}
	id := c.Signed.Terms.ID()
	s.Swaps = append(s.Swaps, id.String())
	before, known := r.found[id]
	if !known && !slices.Contains(r.order, id) {
		r.order = append(r.order, id)
	}
	note := max(before.Note, c.Note) // one that was written before the reveal does not know
	if known && before.Ticket != "" {
		c = before
	}
	c.Note = note
	r.found[id] = c
}

// await waits until nothing is left to search.
func (r *restorer) await(ctx context.Context) error {
	ticker := time.NewTicker(restorePoll)
	defer ticker.Stop()
	told := map[string]bool{}
	tips, err := r.tips(ctx)
	if err != nil {
		return err
	}
	for {
		waiting := r.behind(tips)
		for _, id := range r.order {
			s, open := r.core.engine.Swap(id)
			if !open {
				continue
			}
			for _, leg := range []int{s.In(), s.Out()} {
				line := fmt.Sprintf("swap %s on %s", short(id), s.Terms.Legs[leg].Chain())
				switch {
				case s.Legs[leg].Unsearched:
					waiting++
					line = "searching " + line
				default:
					line = "searched " + line + ": " + s.Legs[leg].Status.String()
				}
				if !told[line] {
					told[line] = true
					r.from.Progress(line)
				}
			}
		}
		if waiting == 0 {
			return r.finish(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the chains were not read to the end: %w", context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

// tips are how far the chains are now.
func (r *restorer) tips(ctx context.Context) (map[htlc.ChainID]uint64, error) {
	out := map[htlc.ChainID]uint64{}
	for _, on := range r.core.chains {
		tip, err := on.adapter.Tip(ctx)
		if err != nil {
			return nil, fmt.Errorf("chain %s: %w", on.Name, err)
		}
		out[on.id] = tip.Height
	}
	return out, nil
}

// behind counts the chains of which blocks are still to be read: those since
// the backup.
func (r *restorer) behind(tips map[htlc.ChainID]uint64) (n int) {
	for id, height := range tips {
		if cursor, ok := r.core.engine.Cursor(id); !ok || cursor.Block.Height < height {
			n++
		}
	}
	return n
}

func short(id htlc.SwapID) string { return id.String()[:8] }

// finish writes what became of the swaps.
func (r *restorer) finish(ctx context.Context) error {
	for _, id := range r.order {
		record, err := r.core.store.Get(ctx, id)
		if err != nil {
			r.report.Swaps = append(r.report.Swaps, SwapReport{ID: id.String(), Phase: "new", Outcome: "none", Missing: r.lacking[id]})
			continue
		}
		r.report.Swaps = append(r.report.Swaps, reportOf(record.Swap, r.found[id].Note, r.lacking[id]))
	}
	if len(r.order) == 0 {
		r.report.Missing = append(r.report.Missing,
			"No copy of a swap's terms was found. Coins of the wallet come back by the seed alone; coins in open swaps need a copy.")
	}
	if r.from.Backup == "" {
		r.report.Missing = append(r.report.Missing,
			"Without a backup, the history of closed swaps, API tokens and the list of withdrawals are gone; no money hangs on them.")
	}
	return nil
}

func reportOf(s htlc.Swap, note htlc.RevealNote, lacking []string) SwapReport {
	out := SwapReport{
		ID: s.ID.String(), Initiator: s.Initiator(), Phase: s.Phase.String(), Outcome: s.Outcome.String(), Missing: lacking,
	}
	for i, l := range s.Legs {
		if i != s.In() && i != s.Out() {
			continue
		}
		out.Legs = append(out.Legs, LegReport{
			Chain: string(s.Terms.Legs[i].Chain()), Ours: i == s.Out(), Status: l.Status.String(),
			FundingTx: l.FundTx, SpendTx: l.SpendTx, TimeLock: s.Terms.Legs[i].TimeLock,
		})
	}
	out.Missing = append(out.Missing, forgotten(s, note)...)
	return out
}
