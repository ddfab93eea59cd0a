package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kofo-network/kofo/api/sdk"
)

func (a *app) watchCommand() *cobra.Command {
	var until, cursor string
	cmd := &cobra.Command{
		Use: "watch [ID]", Short: "Watch one swap, or all", Args: args(0, 1),
		Long: `watch shows what happens on each chain with confirmations and transaction ids,
what happens next by itself and when, and whether funds are at risk. On a terminal
one swap is drawn anew with every change; else each change is a line. Times are UTC.

It ends when the one swap is closed (--until closed), after the state as it is
(--until now), or never (--until never; the default without an id). Interrupting
it changes nothing for the swaps.`,
		Example: "  kofo swap watch 3f9a21\n  kofo swap watch\n  kofo swap watch 3f9a21 --json --until closed",
		RunE: func(cmd *cobra.Command, given []string) error {
			if until == "" {
				until = map[bool]string{true: "closed", false: "never"}[len(given) == 1]
			}
			if until != "closed" && until != "now" && until != "never" {
				return usage("--until is closed, now or never, not %q", until)
			}
			if until == "closed" && len(given) == 0 {
				return usage("--until closed needs the id of a swap")
			}
			return a.watch(cmd.Context(), given, until, cursor)
		},
	}
	cmd.Flags().StringVar(&until, "until", "", "closed, now or never")
	cmd.Flags().StringVar(&cursor, "cursor", "", "go on behind this cursor of an earlier watch (with --json)")
	return cmd
}

func (a *app) watch(ctx context.Context, given []string, until, cursor string) error {
	client, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	o := sdk.WatchOptions{Cursor: cursor}
	w := &watcher{a: a, until: until, client: client, told: map[string]*told{}}
	if len(given) == 1 {
		id, err := resolve(ctx, client, given[0])
		if err != nil {
			return err
		}
		o.IDs, w.id = []string{id}, id
	}
	o.OnBreak = func(err error) {
		_, _ = fmt.Fprintln(a.err, "kofo: the stream broke and is opened again:", sdk.Message(err))
	}
	if w.k, err = a.loadAssets(ctx, client); err != nil {
		return err
	}
	if w.id != "" && !a.flags.json {
		if w.entries, err = history(ctx, client, w.id); err != nil {
			return err
		}
		if a.live && until != "now" {
			return w.draw(ctx, o)
		}
	}
	return interrupted(ctx, w.lines(ctx, o))
}

// interrupted takes the end that the person wanted for none.
func interrupted(ctx context.Context, err error) error {
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	return err
}

// watcher shows one watch.
type watcher struct {
	a      *app
	k      assets
	client *sdk.Client
	id     string // empty for all
	until  string
	// entries are what had happened to the one swap at the beginning.
	entries []*sdk.HistoryEntry
	// told is what was written of each swap.
	told map[string]*told
}

// told is how far the lines of one swap are written.
type told struct {
	sequence uint64
	text     string // of an entry without a number
	closed   bool
}

// fresh reports whether an entry is not written yet, and notes it. That of the
// agreement's record has no number, and may come by the snapshot too.
func (t *told) fresh(e *sdk.HistoryEntry) bool {
	if n := e.GetSequence(); n != 0 && n <= t.sequence || e.GetText() == t.text {
		return false
	}
	t.sequence, t.text = max(t.sequence, e.GetSequence()), e.GetText()
	return true
}

// done reports whether an update is the last that is wanted.
func (w *watcher) done(u *sdk.WatchUpdate) bool {
	switch w.until {
	case "now":
		return u.GetKind() == sdk.WatchKindSnapshotEnd
	case "closed":
		return u.GetSwap().GetPhase() == sdk.PhaseClosed
	}
	return false
}

// lines writes every update on a line of its own.
func (w *watcher) lines(ctx context.Context, o sdk.WatchOptions) error {
	for u, err := range w.client.Watch(ctx, o) {
		if err != nil {
			return err
		}
		if w.a.flags.json {
			raw, err := encode(u)
			if err != nil {
				return err
			}
			if err := w.a.printLine(raw); err != nil {
				return err
			}
		} else {
			w.line(ctx, u)
		}
		if w.done(u) {
			return nil
		}
	}
	return nil
}

func (w *watcher) line(ctx context.Context, u *sdk.WatchUpdate) {
	s := u.GetSwap()
	if u.GetKind() == sdk.WatchKindSnapshotEnd {
		return
	}
	known := w.told[s.GetOfferId()]
	if known == nil {
		known = &told{}
		w.told[s.GetOfferId()] = known
	}
	switch {
	case u.GetKind() == sdk.WatchKindSnapshot && w.id != "":
		w.a.say("%s\n", w.a.render(view{k: w.k, swap: s, entries: w.entries}))
		for _, e := range w.entries {
			known.fresh(e)
		}
	case u.GetKind() == sdk.WatchKindSnapshot:
		w.a.tell(watchIndent, "%s  %-10s %s for %s  %s", brief(idOf(s)), phaseWord(s), w.k.human(s.GetSends()), w.k.human(s.GetReceives()), w.a.nextShort(s))
	default:
		w.change(ctx, u, known)
		return
	}
	known.closed = s.GetPhase() == sdk.PhaseClosed
	if known.closed && w.until == "closed" {
		w.ended(s)
	}
}

// change writes what happened, and at the end of a swap what it came to.
func (w *watcher) change(ctx context.Context, u *sdk.WatchUpdate, known *told) {
	s := u.GetSwap()
	if known.closed {
		return // all of it was told when it ended
	}
	closed := s.GetPhase() == sdk.PhaseClosed
	w.entry(s, u.GetEntry(), known)
	if closed {
		// The swap may be newer than the entry; what lies between is told first.
		if entries, err := history(ctx, w.client, idOf(s)); err == nil { // else the end alone is told
			for _, e := range entries {
				w.entry(s, e, known)
			}
		}
		known.closed = true
	}
	if closed || u.GetEntry() != nil && s.GetRisk().GetAtRisk() {
		for _, text := range w.a.outlook(view{k: w.k, swap: s}) {
			w.a.tell(4+margin, "    %s", text)
		}
	}
	if closed {
		w.ended(s)
	}
}

func (w *watcher) entry(s *sdk.Swap, e *sdk.HistoryEntry, known *told) {
	if e != nil && !quietEntry(e) && known.fresh(e) {
		w.a.tell(watchIndent, "%s  %-10s %s", brief(idOf(s)), phaseWord(s), entryLine(e))
	}
}

// ended is the last line of a swap.
func (w *watcher) ended(s *sdk.Swap) {
	w.a.tell(watchIndent, "%s  closed     %s", brief(idOf(s)), word(s.GetOutcome().String(), "OUTCOME_"))
}

// watchIndent is where the texts of a watch's lines begin.
const watchIndent = listed + 2 + 11

// redraw is how often the times of a drawn swap are brought up to date.
const redraw = time.Second

// draw shows one swap and draws it anew.
func (w *watcher) draw(ctx context.Context, o sdk.WatchOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	updates, ended := make(chan *sdk.WatchUpdate), make(chan error, 1)
	go func() {
		var last error
		for u, err := range w.client.Watch(ctx, o) {
			if last = err; err != nil {
				break
			}
			select {
			case updates <- u:
			case <-ctx.Done():
			}
		}
		ended <- last
		close(ended)
	}()
	defer func() {
		cancel()
		for range ended { // it was told to end
		}
	}()
	ticker := time.NewTicker(redraw)
	defer ticker.Stop()
	current, height := view{k: w.k, entries: w.entries}, 0
	for {
		select {
		case u := <-updates:
			current.merge(u)
			if current.swap != nil {
				height = w.a.drawOver(w.a.render(current), height)
			}
			if w.done(u) {
				return nil
			}
		case err := <-ended:
			return interrupted(ctx, err)
		case <-ticker.C:
			if current.swap != nil {
				height = w.a.drawOver(w.a.render(current), height)
			}
		}
	}
}

// merge takes an update into the view.
func (v *view) merge(u *sdk.WatchUpdate) {
	if s := u.GetSwap(); s != nil {
		v.swap = s
	}
	e := u.GetEntry()
	if e == nil || quietEntry(e) {
		return
	}
	for _, known := range v.entries {
		if known.GetSequence() == e.GetSequence() && e.GetSequence() != 0 {
			return
		}
	}
	v.entries = append(v.entries, e)
}

func quietEntry(e *sdk.HistoryEntry) bool {
	for _, kind := range quietKinds {
		if e.GetKind() == kind {
			return true
		}
	}
	return false
}

// drawOver replaces what was drawn before, of which it is told the height,
// and returns the new height. Lines that the terminal would break count as
// often as they are broken.
func (a *app) drawOver(text string, height int) int {
	if height > 0 {
		a.say("\x1b[%dA\x1b[J", height)
	}
	a.say("%s", text)
	columns := a.columns()
	lines := 0
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		lines += 1 + max(0, utf8.RuneCountInString(line)-1)/columns
	}
	return lines
}

func (a *app) columns() int {
	if a.width > 0 {
		return a.width
	}
	if f, ok := a.out.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}
