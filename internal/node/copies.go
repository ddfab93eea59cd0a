package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/copies"
	"github.com/kofo-network/kofo/internal/doctor"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/internal/telemetry"
	"github.com/kofo-network/kofo/internal/vault"
	"github.com/kofo-network/kofo/monitor/killpoint"
)

// copyKeeper puts an encrypted copy of what a restore needs of each swap outside
// the database, before anything is funded. With the seed and one of them a swap
// can be settled without anything else.
type copyKeeper struct {
	places []*copyPlace
	store  *store.Store
	log    *slog.Logger
	// missing counts what could not be written when it was wanted.
	missing atomic.Uint64
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
	c.onClose(k.settle)
	return k, nil
}

// settle waits for what is being written, as long as for anything else.
func (k *copyKeeper) settle() {
	for _, place := range k.places {
		if err := place.look(context.Background(), func() error { return nil }); err != nil {
			k.log.Warn("left behind unwritten", "place", place.name, "error", err)
		}
	}
}

func (k *copyKeeper) folder(v *vault.Vault, dir string, required bool) {
	f := copies.Folder{Dir: dir, Vault: v}
	k.places = append(k.places, &copyPlace{
		name: dir, required: required, limit: copyTime, write: f.Write,
		noted: func(id htlc.SwapID) htlc.RevealNote {
			c, err := f.Read(id)
			if err != nil {
				return htlc.NoteInside
			}
			return c.Note
		},
	})
}

// EnsureCopy returns when the copy is durable at every required place. The
// others are tried too, and told of in the log. A note of the reveal stays: the
// swap does not know of one before its redeem was taken.
func (k *copyKeeper) EnsureCopy(ctx context.Context, s htlc.Swap) error {
	killpoint.At(killpoint.TermsBeforeCopy)
	note := htlc.NoteInside
	if s.Initiator() && s.Released {
		note = htlc.NoteOut
	}
	if err := k.write(ctx, s, note, false); err != nil {
		return err
	}
	killpoint.At(killpoint.TermsAfterCopy)
	return nil
}

// NoteReveal writes the copies anew, with how far the showing of the secret is.
// Back to NoteInside it only takes NoteBegun: what is out is out.
//
// It returns when the note is durable at every required place, of which the folder
// policy.copies_dir is always one: a required place that fails or hangs holds the
// reveal, any other one holds it up for copyTime at most, and is told of.
func (k *copyKeeper) NoteReveal(ctx context.Context, s htlc.Swap, note htlc.RevealNote) error {
	return k.write(ctx, s, note, note == htlc.NoteInside)
}

// write writes to all places at a time, so that none waits for another.
func (k *copyKeeper) write(ctx context.Context, s htlc.Swap, note htlc.RevealNote, back bool) error {
	c, err := k.copyOf(ctx, s)
	if err != nil {
		return err
	}
	c.Note = note
	began, answers := time.Now(), make([]<-chan error, len(k.places))
	for i, place := range k.places {
		answers[i] = place.put(c, back)
	}
	var missing []error
	for i, place := range k.places {
		err := place.wait(ctx, began, answers[i])
		if err != nil {
			k.missing.Add(1)
		}
		switch {
		case err == nil:
		case place.required:
			missing = append(missing, fmt.Errorf("folder %s: %w", place.name, err))
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

// folders are the places as the doctor sees them.
func (k *copyKeeper) folders() (out []doctor.Folder) {
	for _, place := range k.places {
		out = append(out, doctor.Folder{
			Dir: place.name, Required: place.required, Inside: place.look,
			Hangs: func() (time.Time, int) {
				s := place.state()
				return s.hangs, s.waiting
			},
		})
	}
	return out
}

// sources are numbers about the places.
func (k *copyKeeper) sources() []telemetry.Source {
	return []telemetry.Source{
		{
			Name: "copy_folders_hanging", Help: "Folders for copies of Terms that do not answer.",
			Value: func() float64 {
				n := 0
				for _, place := range k.places {
					n += toInt(!place.state().hangs.IsZero())
				}
				return float64(n)
			},
		},
		{
			Name: "copies_missing_total", Help: "Copies of Terms that could not be written when they were wanted, counted for each folder.", Counter: true,
			Value: func() float64 { return float64(k.missing.Load()) },
		},
	}
}
