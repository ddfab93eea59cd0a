package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/copies"
	"github.com/kofo-network/kofo/internal/devnet"
	"github.com/kofo-network/kofo/internal/vault"
	"github.com/kofo-network/kofo/internal/wallet"
)

// desk is a party of a swap: a folder, and a core while it runs.
type desk struct {
	t    *testing.T
	cfg  config.Config
	core *core
	stop func()
}

// swapped amounts, in base units: 0.05 BTC for 0.2 ETH.
var (
	deskBTC = uint64(5_000_000)
	deskETH = big.NewInt(2e17)
)

// twoDesks are two running parties with money on chains of their own.
func twoDesks(ctx context.Context, t *testing.T) (*devnet.Network, [2]*desk) {
	t.Helper()
	var seeds [2]*wallet.Seed
	var o devnet.Options
	for i := range seeds {
		seeds[i] = newSeed(t)
		account := accountOf(t, seeds[i])
		o.PayEVM = append(o.PayEVM, devnet.Payment{Address: account.Address().Hex(), Amount: big.NewInt(1e18)})
	}
	o.Bitcoin.Interval, o.EVM.Interval = 500*time.Millisecond, time.Second
	n, err := devnet.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Log("the chains did not close in time:", err)
		}
	})
	deployer := accountOf(t, seeds[0])
	if _, _, err := evm.Deploy(ctx, htlc.ChainID(n.Endpoints().EVM.ChainID), n.Endpoints().EVM.HTTP, deployer); err != nil {
		t.Fatal(err)
	}
	var out [2]*desk
	for i := range out {
		cfg := settings(t, n, "")
		file := wallet.SeedFile{Path: cfg.Path(cfg.Keys.SeedFile)}
		if err := os.Remove(file.Path); err != nil {
			t.Fatal(err)
		}
		if err := file.Create(seeds[i], wallet.KeyFile(cfg.Path("seed.key"))); err != nil {
			t.Fatal(err)
		}
		out[i] = &desk{t: t, cfg: cfg}
		out[i].start(ctx)
	}
	out[0].pay(ctx, n)
	return n, out
}

func accountOf(t *testing.T, seed *wallet.Seed) wallet.EVMAccount {
	t.Helper()
	keys, err := seed.Keys()
	if err != nil {
		t.Fatal(err)
	}
	account, err := keys.EVMAccount(0)
	if err != nil {
		t.Fatal(err)
	}
	return account
}

// pay gives the desk bitcoins, and waits until it can spend them.
func (d *desk) pay(ctx context.Context, n *devnet.Network) {
	d.t.Helper()
	on := d.core.chains[0]
	text, err := on.adapter.Address(ctx, htlc.AssetID(on.ID+"/slip44:0"))
	if err != nil {
		d.t.Fatal(err)
	}
	addr, err := address.DecodeAddress(text, n.Bitcoin().Params())
	if err != nil {
		d.t.Fatal(err)
	}
	script, err := txscript.PayToAddrScript(addr)
	if err != nil {
		d.t.Fatal(err)
	}
	for range 2 {
		if _, err := n.Bitcoin().Pay(ctx, script, 10_000_000); err != nil {
			d.t.Fatal(err)
		}
	}
	d.until(ctx, "it can spend 0.2 BTC", func() bool {
		balances, err := on.adapter.Balances(ctx)
		return err == nil && balances[0].Spendable == htlc.NewAmount(20_000_000)
	})
}

// open opens the core; nothing runs.
func (d *desk) open(ctx context.Context) {
	d.t.Helper()
	seed, err := wallet.SeedFile{Path: d.cfg.Path(d.cfg.Keys.SeedFile)}.Open(wallet.KeyFile(d.cfg.Path("seed.key")))
	if err != nil {
		d.t.Fatal(err)
	}
	defer seed.Close()
	if d.core, err = openCore(ctx, d.cfg, nil, seed, slog.New(slog.DiscardHandler), "test"); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) start(ctx context.Context) {
	d.t.Helper()
	d.open(ctx)
	runCtx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- d.core.run(runCtx) }()
	running := true
	d.stop = func() {
		if !running {
			return
		}
		running = false
		cancel()
		if err := <-ended; err != nil {
			d.t.Errorf("ended with %v", err)
		}
		d.core.close()
	}
	d.t.Cleanup(d.stop)
	if err := d.core.waitForCursors(ctx); err != nil {
		d.t.Fatal(err)
	}
}

// lose stops the desk and deletes all that it has stored but its seed,
// configuration and copies of Terms.
func (d *desk) lose() {
	d.t.Helper()
	if d.stop != nil {
		d.stop()
	}
	entries, err := os.ReadDir(d.cfg.DataDir)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "kofo.db") || e.Name() == "nats" {
			if err := os.RemoveAll(filepath.Join(d.cfg.DataDir, e.Name())); err != nil {
				d.t.Fatal(err)
			}
		}
	}
}

func (d *desk) restore(ctx context.Context, from Sources) RestoreReport {
	d.t.Helper()
	report, err := Restore(ctx, d.cfg, Options{Log: slog.New(slog.DiscardHandler)}, from)
	if err != nil {
		d.t.Fatalf("restore: %v", err)
	}
	return report
}

func (d *desk) until(ctx context.Context, what string, done func() bool) {
	d.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			d.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// agreeDesks takes all steps by hand. The first is the initiator.
func agreeDesks(ctx context.Context, t *testing.T, d [2]*desk) htlc.SwapID {
	t.Helper()
	var services [2]*agreement.Service
	for i := range d {
		var err error
		if services[i], err = d[i].core.newAgreements(""); err != nil {
			t.Fatal(err)
		}
	}
	wei, err := htlc.AmountFromBig(deskETH)
	if err != nil {
		t.Fatal(err)
	}
	chains := d[0].core.chains
	offer, err := services[0].Offer(ctx, agreement.OfferRequest{
		Send:    agreement.AssetAmount{Asset: htlc.AssetID(chains[0].ID + "/slip44:0"), Amount: htlc.NewAmount(deskBTC)},
		Receive: agreement.AssetAmount{Asset: htlc.AssetID(chains[1].ID + "/slip44:60"), Amount: wei},
		ByHand:  true,
	})
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := services[1].Accept(ctx, agreement.AcceptRequest{Ticket: offer.Ticket()})
	if err != nil {
		t.Fatal(err)
	}
	bound, err := services[0].Countersign(ctx, accepted.Record.Acceptance())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := services[1].Complete(ctx, bound.Countersignature()); err != nil {
		t.Fatal(err)
	}
	return bound.Swap()
}

// ends waits for the end of the swap.
func (d *desk) ends(ctx context.Context, id htlc.SwapID) htlc.Outcome {
	d.t.Helper()
	var s htlc.Swap
	d.until(ctx, "the swap ends", func() bool {
		record, err := d.core.store.Get(ctx, id)
		s = record.Swap
		return err == nil && s.Phase == htlc.PhaseClosed
	})
	return s.Outcome
}

// cancel ends a restored swap as its owner does, once both chains are searched.
func (d *desk) cancel(ctx context.Context, id htlc.SwapID) {
	d.t.Helper()
	d.until(ctx, "the swap can be cancelled", func() bool { return d.core.opener().Cancel(ctx, id) == nil })
}

// reach waits until the swap is as wanted.
func (d *desk) reach(ctx context.Context, id htlc.SwapID, what string, done func(htlc.Swap) bool) {
	d.t.Helper()
	d.until(ctx, what, func() bool {
		record, err := d.core.store.Get(ctx, id)
		return err == nil && (done(record.Swap) || record.Swap.Phase == htlc.PhaseClosed)
	})
}

// lossCase says in which state who loses the database, and what must come of it.
type lossCase struct {
	name  string
	who   int
	done  func(htlc.Swap) bool
	other bool // the other party vanishes, so that this one refunds
	// cancels: its owner ends the swap, which funds nothing any more.
	cancels bool
	ends    htlc.Outcome
}

// outBlock: our leg was funded in a block, whatever became of it.
func outBlock(s htlc.Swap) bool { return s.Legs[s.Out()].Status >= htlc.LegInBlock }

func lossCases() []lossCase {
	swapped, back := htlc.OutcomeSwapped, htlc.OutcomeRefunded
	agreed := func(s htlc.Swap) bool { return s.Phase == htlc.PhaseAgreed }
	sent := func(s htlc.Swap) bool { return s.FundingSent }
	return []lossCase{
		// A lock that may have been sent is not sent again; it is found.
		{name: "initiator/funding-sent", who: 0, done: sent, ends: swapped},
		{name: "initiator/revealed", who: 0, done: func(s htlc.Swap) bool { return s.Released }, ends: swapped},
		{name: "initiator/refunding", who: 0, done: func(s htlc.Swap) bool { return s.RefundTx != "" }, other: true, ends: back},
		// Consent may have been given and forgotten: nothing new is locked.
		{name: "participant/agreed", who: 1, done: agreed, cancels: true, ends: htlc.OutcomeCancelled},
		{name: "participant/secret-seen", who: 1, done: func(s htlc.Swap) bool { return s.Secret != nil }, ends: swapped},
	}
}

// TestSafety_D2_RestoreOnLocalChains deletes the database of one party in a
// state of a swap, restores it from the seed, the copy of the Terms and the
// chains, and expects the end that the swap would have had: every contract
// funded once at most. test/e2e does it in every state, on real nodes.
func TestSafety_D2_RestoreOnLocalChains(t *testing.T) {
	t.Parallel()
	for _, c := range lossCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			n, d := twoDesks(ctx, t)
			id := agreeDesks(ctx, t, d)
			loser, other := d[c.who], d[1-c.who]
			if c.other {
				loser.reach(ctx, id, "its lock is in a block", outBlock)
				other.stop()
				passTime(ctx, t, n, loser, id)
			}
			loser.reach(ctx, id, c.name, c.done)
			s := loser.view(ctx, id)
			if noted := copied(loser, id); s.Initiator() && s.Released && !noted || !s.Initiator() && noted {
				t.Errorf("the copy of the Terms says of a reveal: %t, released: %t", noted, s.Released)
			}
			loser.lose()
			report := loser.restore(ctx, Sources{})
			if len(report.Swaps) != 1 || report.Swaps[0].ID != id.String() {
				t.Fatalf("report %+v", report)
			}
			loser.start(ctx)
			if c.cancels {
				loser.cancel(ctx, id)
			}
			if got := loser.ends(ctx, id); got != c.ends {
				t.Errorf("ends %s, want %s; %+v", got, c.ends, report)
			}
			fundedOnce(ctx, t, loser, id)
		})
	}
}

// view is the swap as it is stored.
func (d *desk) view(ctx context.Context, id htlc.SwapID) htlc.Swap {
	d.t.Helper()
	record, err := d.core.store.Get(ctx, id)
	if err != nil {
		d.t.Fatal(err)
	}
	return record.Swap
}

// copied reads the copy, and says whether it notes a reveal.
func copied(d *desk, id htlc.SwapID) (noted bool) {
	d.t.Helper()
	v, err := vault.FromKey(d.core.storage.Recovery())
	if err != nil {
		d.t.Fatal(err)
	}
	c, err := copies.Folder{Dir: d.cfg.Path(d.cfg.Policy.CopiesDir), Vault: v}.Read(id)
	if err != nil {
		d.t.Fatalf("there is no copy: %v", err)
	}
	return c.Note == htlc.NoteOut
}

// passTime moves both chains past the time locks.
func passTime(ctx context.Context, t *testing.T, n *devnet.Network, d *desk, id htlc.SwapID) {
	t.Helper()
	record, err := d.core.store.Get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	var last int64
	for _, l := range record.Swap.Terms.Legs {
		last = max(last, l.TimeLock)
	}
	ahead := time.Until(time.Unix(last, 0)) + 30*time.Second
	if err := n.Bitcoin().AdvanceTime(ctx, ahead); err != nil {
		t.Fatal(err)
	}
	if err := n.EVM().AdvanceTime(ctx, ahead); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Bitcoin().Mine(ctx, 12); err != nil {
		t.Fatal(err)
	}
}

// fundedOnce reads on the chains how often our leg was funded. The desk is
// opened without running, so that nobody stops the watching meanwhile.
func fundedOnce(ctx context.Context, t *testing.T, d *desk, id htlc.SwapID) {
	t.Helper()
	d.stop()
	d.open(ctx)
	defer d.core.close()
	record, err := d.core.store.Get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	s := record.Swap
	on, err := d.core.chains.find(s.Terms.Legs[s.Out()].Chain())
	if err != nil {
		t.Fatal(err)
	}
	contract, err := on.adapter.Watch(ctx, s.Terms, s.Out(), "") // of a closed swap, which nobody else watches
	if err != nil {
		t.Fatal(err)
	}
	tip, err := on.adapter.Tip(ctx)
	if err != nil {
		t.Fatal(err)
	}
	facts, _, err := on.adapter.Scan(ctx, contract.ID, 0, tip.Height)
	if err != nil {
		t.Fatal(err)
	}
	fundings := 0
	for _, f := range facts {
		if f.Kind == adapters.Funded {
			fundings++
		}
	}
	if fundings > 1 {
		t.Errorf("our leg was funded %d times", fundings)
	}
}

// A restore overwrites nothing, can be repeated while it is not done, and says
// what a source did not give.
func TestRestoreRefusesAndReports(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cfg := settings(t, network(ctx, t), "")
	o := Options{Log: slog.New(slog.DiscardHandler)}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x"+copies.Suffix), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(cfg.DataDir, restoreMark)
	if err := beginRestore(ctx, cfg, mark, false); err != nil { // an earlier try died here
		t.Fatal(err)
	}
	report, err := Restore(ctx, cfg, o, Sources{Folders: []string{dir}, Texts: []string{"kofo1q"}})
	if err != nil || len(report.Swaps) != 0 || len(report.Sources) != 3 || len(report.Missing) != 2 {
		t.Fatalf("%+v, %v", report, err)
	}
	for _, s := range report.Sources {
		if len(s.Problems) != 1 {
			t.Errorf("source %s: %v", s.Name, s.Problems)
		}
	}
	_, err = Restore(ctx, cfg, o, Sources{})
	if !errors.Is(err, ErrDataExists) {
		t.Fatalf("over data: %v", err)
	}
	if code, _ := Reason(err); code != "DATA_EXISTS" {
		t.Errorf("reason %q", code)
	}
	if text := fmt.Sprint(err); !strings.Contains(text, cfg.DataDir) {
		t.Errorf("%q does not say where", text)
	}
}

// A restore whose core has ended says so, and does not wait for what nobody
// looks for.
func TestRestoreEndsWithItsCore(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	d := &desk{t: t, cfg: settings(t, network(ctx, t), "")}
	d.open(ctx)
	defer d.core.close()
	dead := errors.New("the store was taken over")
	d.core.fatal <- dead
	r := &restorer{core: d.core, from: Sources{Progress: func(string) {}}, found: map[htlc.SwapID]copies.Copy{}, lacking: map[htlc.SwapID][]string{}}
	if err := r.run(ctx); !errors.Is(err, dead) {
		t.Errorf("ended with %v", err)
	}
}

// A node does not run on data of which a restore has not finished, and a
// restore that took a backup is repeated with it.
func TestUnfinishedRestoreHoldsTheNode(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cfg := settings(t, network(ctx, t), "127.0.0.1:0")
	mark := filepath.Join(cfg.DataDir, restoreMark)
	if err := beginRestore(ctx, cfg, mark, true); err != nil {
		t.Fatal(err)
	}
	if err := beginRestore(ctx, cfg, mark, false); !errors.Is(err, ErrRestoreUnfinished) {
		t.Errorf("repeated without its backup: %v", err)
	}
	if err := beginRestore(ctx, cfg, mark, true); err != nil {
		t.Errorf("repeated with its backup: %v", err)
	}
	if err := Run(ctx, cfg, Options{Log: slog.New(slog.DiscardHandler)}); !errors.Is(err, ErrRestoreUnfinished) {
		t.Errorf("the node ran: %v", err)
	}
}
