package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/copies"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/internal/vault"
	"github.com/kofo-network/kofo/monitor/killpoint"
)

// copyKeeper puts an encrypted copy of what a restore needs of each swap outside
// the database, before anything is funded. With the seed and one of them a swap
// can be settled without anything else.
type copyKeeper struct {
	places []copyPlace
	store  *store.Store
	log    *slog.Logger
	// writing is held, by swap, from reading a note to writing it.
	writing [64]sync.Mutex
}

// copyPlace is where copies are kept. A required one holds up the funding
// while it fails.
type copyPlace struct {
	name     string
	required bool
	write    func(context.Context, copies.Copy) error
	// noted: the copy there says that the secret may be out.
	noted func(htlc.SwapID) bool
}

// openCopies makes the places of the configuration.
func (c *core) openCopies() (*copyKeeper, error) {
	v, err := vault.FromKey(c.storage.Recovery())
	if err != nil {
		return nil, err
	}
	k := &copyKeeper{store: c.store, log: c.log}
	k.folder(v, c.cfg.Path(c.cfg.Policy.CopiesDir), true)
	for _, dir := range c.cfg.Policy.MoreCopies {
		k.folder(v, c.cfg.Path(dir.Dir), dir.Required)
	}
	return k, nil
}

func (k *copyKeeper) folder(v *vault.Vault, dir string, required bool) {
	f := copies.Folder{Dir: dir, Vault: v}
	k.places = append(k.places, copyPlace{
		name: "folder " + dir, required: required,
		write: func(_ context.Context, c copies.Copy) error { return f.Write(c) },
		noted: func(id htlc.SwapID) bool {
			c, err := f.Read(id)
			return err == nil && c.RevealOut
		},
	})
}

// EnsureCopy returns when the copy is durable at every required place. The
// others are tried too, and told of in the log. A note of the reveal stays: the
// swap does not know of one before its redeem was taken.
func (k *copyKeeper) EnsureCopy(ctx context.Context, s htlc.Swap) error {
	killpoint.At(killpoint.TermsBeforeCopy)
	if err := k.write(ctx, s, s.Initiator() && s.Released, true); err != nil {
		return err
	}
	killpoint.At(killpoint.TermsAfterCopy)
	return nil
}

// NoteReveal writes the copies anew, with whether the secret may be out.
func (k *copyKeeper) NoteReveal(ctx context.Context, s htlc.Swap, out bool) error {
	return k.write(ctx, s, out, false)
}

func (k *copyKeeper) write(ctx context.Context, s htlc.Swap, revealOut, keep bool) error {
	c, err := k.copyOf(ctx, s)
	if err != nil {
		return err
	}
	one := &k.writing[int(s.ID[0])%len(k.writing)]
	one.Lock()
	defer one.Unlock()
	var missing []error
	for _, place := range k.places {
		c.RevealOut = revealOut || keep && place.noted(s.ID)
		err := place.write(ctx, c)
		switch {
		case err == nil:
		case place.required:
			missing = append(missing, fmt.Errorf("%s: %w", place.name, err))
		default:
			k.log.Warn("a copy of the terms is missing", "swap", s.ID.String(), "place", place.name, "error", err)
		}
	}
	return errors.Join(missing...)
}

// copyOf gathers what is copied. A swap that was restored from Terms alone has
// no ticket.
func (k *copyKeeper) copyOf(ctx context.Context, s htlc.Swap) (copies.Copy, error) {
	history, err := k.store.History(ctx, s.ID, 0, 1)
	if err != nil {
		return copies.Copy{}, fmt.Errorf("read the signatures of swap %s: %w", s.ID, err)
	}
	if len(history) == 0 {
		return copies.Copy{}, errors.New("the swap has no history yet")
	}
	signed, ok := history[0].Event.(htlc.TermsSigned)
	if !ok {
		return copies.Copy{}, fmt.Errorf("swap %s begins with %s", s.ID, history[0].Event.Kind())
	}
	c := copies.Copy{
		Signed: htlc.SignedTerms{Terms: signed.Terms, Signatures: signed.Signatures, Since: signed.Since}, Self: signed.Self,
	}
	record, err := k.store.Agreements().Find(ctx, agreement.Key{Swap: s.ID})
	switch {
	case err == nil:
		c.Ticket = record.Ticket()
	case !errors.Is(err, agreement.ErrNotFound):
		return copies.Copy{}, fmt.Errorf("read the ticket of swap %s: %w", s.ID, err)
	}
	return c, nil
}
