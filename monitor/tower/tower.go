package tower

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Options of a Tower.
type Options struct {
	Chains []Chain
	Store  Store
	// Quota is what an owner may keep here; a zero Quota is a stranger's.
	Quota func(owner htlc.PartyID) Quota
	Now   func() time.Time // how long packages are kept; no spend depends on it
	Log   *slog.Logger
}

// Tower keeps and uses packages.
type Tower struct {
	o      Options
	chains map[htlc.ChainID]*followed
	index  index
	// keeping makes counting an owner's packages and storing one more one act.
	keeping sync.Mutex
}

// followed is one chain. mu is held while its open packages are worked on,
// which a sign on another chain asks for too.
type followed struct {
	Chain
	mu     sync.Mutex
	worked adapters.BlockRef // the tip at which all was done
}

// Load returns a tower with what its store has. It does nothing before Run.
func Load(ctx context.Context, o Options) (*Tower, error) {
	t := &Tower{o: o, chains: map[htlc.ChainID]*followed{}, index: index{known: map[Locator]bool{}}}
	for _, c := range o.Chains {
		t.chains[c.ID] = &followed{Chain: c}
	}
	if err := o.Store.Locators(ctx, t.index.add); err != nil {
		return nil, fmt.Errorf("load the tower's packages: %w", err)
	}
	return t, nil
}

// index knows under which locators anything stands, so that a block with
// thousands of signs asks the store about few.
type index struct {
	mu    sync.RWMutex
	known map[Locator]bool
}

func (x *index) add(l Locator) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.known[l] = true
}

func (x *index) has(l Locator) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.known[l]
}

// retryPause is the pause after a failure of a chain's node or of the store.
const retryPause = time.Second

// Run follows every chain until ctx ends.
func (t *Tower) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, c := range t.chains {
		g.Go(func() error { return t.follow(ctx, c) })
	}
	return g.Wait()
}

func (t *Tower) follow(ctx context.Context, c *followed) error {
	for ctx.Err() == nil {
		more, err := t.Step(ctx, c.ID)
		if err == nil && !more {
			err = c.Reader.Wait(ctx)
		}
		if err != nil && ctx.Err() == nil {
			t.o.Log.Warn("tower does not follow", "chain", string(c.ID), "error", err)
			rest(ctx, retryPause)
		}
	}
	return nil
}

func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Step looks at the block that follows on a chain, or, where none does, works
// at the tip and returns false. A block's signs count once its cursor is
// stored, so a crash looks at it again.
func (t *Tower) Step(ctx context.Context, chain htlc.ChainID) (bool, error) {
	c, ok := t.chains[chain]
	if !ok {
		return false, fmt.Errorf("%w: %s", adapters.ErrUnknownAsset, chain)
	}
	cursor, known, err := t.o.Store.TowerCursor(ctx, chain)
	if err != nil {
		return false, err
	}
	if !known {
		tip, err := c.Reader.Tip(ctx)
		if err != nil {
			return false, err
		}
		return true, t.o.Store.SaveTasks(ctx, nil, &Cursor{chain, tip})
	}
	step, err := c.Reader.Next(ctx, cursor.Block)
	if err != nil {
		return false, err
	}
	var opened []Stored
	switch step.Kind {
	case adapters.AtTip:
		return false, t.work(ctx, c, cursor.Block, false)
	case adapters.Connect:
		signs, err := c.Reader.Signs(ctx, step.Block)
		if err != nil {
			return false, err
		}
		if opened, err = t.open(ctx, signs); err != nil {
			return false, err
		}
	case adapters.Disconnect: // knowledge does not reverse: what is open stays open
	}
	if err := t.o.Store.SaveTasks(ctx, opened, &Cursor{chain, step.Block}); err != nil {
		return false, err
	}
	return true, t.workElsewhere(ctx, chain, opened)
}

// open finds the packages that a block's signs open.
func (t *Tower) open(ctx context.Context, signs adapters.Signs) ([]Stored, error) {
	var opened []Stored
	seen := map[Locator]bool{}
	look := func(o Opener, secret *htlc.Secret) error {
		l := o.Locator()
		if seen[l] || !t.index.has(l) {
			return nil
		}
		seen[l] = true
		found, err := t.o.Store.Packages(ctx, l)
		if err != nil {
			return err
		}
		for _, p := range found {
			if p.State != Opened && p.State != Failed {
				opened = append(opened, t.unseal(p, o, secret))
			}
		}
		return nil
	}
	for _, f := range signs.Fundings {
		if err := look(RefundOpener(f), nil); err != nil {
			return nil, err
		}
	}
	for _, s := range signs.Secrets {
		if err := look(RedeemOpener(s.Hash()), &s); err != nil {
			return nil, err
		}
	}
	return opened, nil
}

// unseal begins with a package, also with one that was done: its funding came
// anew.
func (t *Tower) unseal(p Stored, o Opener, secret *htlc.Secret) Stored {
	inside, err := Open(p.Bytes, o)
	if err == nil && t.chains[inside.Chain] == nil {
		err = fmt.Errorf("%w: chain %s is not followed here", ErrPackage, inside.Chain)
	}
	p.Task = Task{State: Opened, Chain: inside.Chain, Opener: o, Secret: secret}
	if err != nil {
		t.o.Log.Warn("a package is of no use", "owner", p.Owner.String(), "locator", p.Locator.String(), "error", err)
		p.State = Failed
	}
	return p
}

// workElsewhere acts at once on what a sign of this chain has opened on others.
func (t *Tower) workElsewhere(ctx context.Context, here htlc.ChainID, opened []Stored) error {
	var errs []error
	seen := map[htlc.ChainID]bool{here: true}
	for _, p := range opened {
		if p.State != Opened || seen[p.Chain] {
			continue
		}
		seen[p.Chain] = true
		c := t.chains[p.Chain]
		tip, err := c.Reader.Tip(ctx)
		if err == nil {
			err = t.work(ctx, c, tip, true)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// work pushes what is open on a chain, once at each tip. Depths are counted
// from the tip, never from a block that is being caught up with. One package
// that fails does not hold up the others.
func (t *Tower) work(ctx context.Context, c *followed, tip adapters.BlockRef, again bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.worked == tip && !again {
		return nil
	}
	open, err := t.o.Store.OpenPackages(ctx, c.ID)
	if err != nil {
		return err
	}
	var changed []Stored
	var failed error
	for _, p := range open {
		next, err := t.attend(ctx, c, p, tip)
		if err != nil {
			t.o.Log.Warn("a package waits", "owner", p.Owner.String(), "locator", p.Locator.String(), "error", err)
		}
		if err != nil && adapters.Retryable(err) {
			failed = err
		}
		if next != p.Task {
			p.Task = next
			changed = append(changed, p)
		}
	}
	if len(changed) > 0 {
		if err := t.o.Store.SaveTasks(ctx, changed, nil); err != nil {
			return err
		}
	}
	if failed == nil {
		c.worked = tip
	}
	return failed
}

// attend does what one open package needs at the chain's tip.
func (t *Tower) attend(ctx context.Context, c *followed, p Stored, tip adapters.BlockRef) (Task, error) {
	task := p.Task
	inside, err := Open(p.Bytes, p.Opener)
	if err != nil {
		return task, err
	}
	locked, err := c.Spender.Locked(ctx, inside.Target)
	if err != nil {
		return task, err
	}
	if !locked {
		if task.GoneAt == 0 || task.GoneAt > tip.Height {
			task.GoneAt = tip.Height
		}
		if tip.Height-task.GoneAt+1 >= inside.Confirmations {
			task.State = Done
		}
		return task, nil
	}
	task.GoneAt = 0
	if inside.Kind == Refund && tip.Clock <= inside.Opens+inside.Patience {
		return task, nil
	}
	if task.Since == 0 {
		task.Since, task.From = tip.Clock, tip.Height
	}
	if inside.Kind == Redeem && tip.Clock < task.Since+inside.Patience {
		return task, nil
	}
	txid, err := t.push(ctx, c, inside, task, tip)
	if err == nil {
		task.TxID = txid
	}
	return task, err
}

// push hands over the rung that the time asks for, or the first above it that
// the node takes.
func (t *Tower) push(ctx context.Context, c *followed, p Package, task Task, tip adapters.BlockRef) (string, error) {
	var secret htlc.Secret
	if task.Secret != nil {
		secret = *task.Secret
	}
	first := p.rung(task, tip)
	var err error
	for rung := first; rung < max(len(p.Ladder), first+1); rung++ {
		var txid string
		if txid, err = c.Spender.Push(ctx, p, rung, secret); err == nil {
			if txid != task.TxID {
				t.o.Log.Info("spend pushed", "kind", string(p.Kind), "chain", string(p.Chain), "target", p.Target, "txid", txid, "rung", rung)
			}
			return txid, nil
		}
		if !errors.Is(err, adapters.ErrRejected) {
			break // the next rung would fare no better
		}
	}
	return "", err
}

// rung is where on the ladder a spend stands: a redeem reaches the top half of
// the way to the time lock, a refund climbs by a rung with every block.
func (p Package) rung(task Task, tip adapters.BlockRef) int {
	top := len(p.Ladder) - 1
	if top <= 0 {
		return 0
	}
	if p.Kind == Refund {
		return int(min(tip.Height-min(task.From, tip.Height), uint64(top)))
	}
	window := (p.Opens - task.Since) / 2
	passed := tip.Clock - task.Since
	if window <= 0 || passed >= window {
		return top
	}
	return int(max(passed, 0) * int64(top) / window)
}
