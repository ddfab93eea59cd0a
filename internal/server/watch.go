package server

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
)

// watching is one Watch stream.
type watching struct {
	h      settlement
	stream grpc.ServerStreamingServer[kofov1.WatchResponse]
	// only holds the offers that were asked for by id; nil for all.
	only map[htlc.Salt]bool
	// shown is what was last sent of those, to notice new confirmations.
	shown map[htlc.Salt]*kofov1.Swap
	at    uint64 // number of the last change sent
}

// Watch sends a snapshot, then every change. It holds nothing for its reader:
// what was not read yet stays in the feed, which forgets the oldest.
func (h settlement) Watch(req *kofov1.WatchRequest, stream grpc.ServerStreamingServer[kofov1.WatchResponse]) error {
	select {
	case h.s.watchers <- struct{}{}:
		defer func() { <-h.s.watchers }()
	default:
		return refuse(reason.RateLimited, nil, "all %d places for Watch are taken", cap(h.s.watchers))
	}
	w := &watching{h: h, stream: stream, shown: map[htlc.Salt]*kofov1.Swap{}}
	ctx := stream.Context()
	if err := w.choose(ctx, req.GetIds()); err != nil {
		return err
	}
	if req.GetCursor() != "" {
		number, ok := h.s.o.Feed.position(req.GetCursor())
		if _, _, kept := h.s.o.Feed.since(number); !ok || !kept {
			return refuse(reason.CursorUnknown, nil, "the cursor is not known any more; watch without one")
		}
		w.at = number
	} else if err := w.begin(ctx, req.GetSkipSnapshot()); err != nil {
		return err
	}
	return w.follow(ctx)
}

// choose resolves ids of swaps and of offers.
func (w *watching) choose(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	w.only = map[htlc.Salt]bool{}
	for _, text := range ids {
		id, err := parseID(text)
		if err != nil {
			return err
		}
		r, err := w.h.s.o.Records.Find(ctx, id)
		if err != nil {
			return err
		}
		w.only[r.ID()] = true
	}
	return nil
}

// begin sends the snapshot and its end. The number is taken first: a change
// in between is sent twice rather than never.
func (w *watching) begin(ctx context.Context, skip bool) error {
	w.at = w.h.s.o.Feed.now()
	if !skip {
		if err := w.snapshot(ctx); err != nil {
			return err
		}
	}
	return w.stream.Send(&kofov1.WatchResponse{Kind: kofov1.WatchKind_WATCH_KIND_SNAPSHOT_END, Cursor: w.h.s.o.Feed.cursor(w.at)})
}

func (w *watching) snapshot(ctx context.Context) error {
	send := func(r agreement.Record) error {
		view, err := w.h.s.view(ctx, r)
		if err != nil {
			return err
		}
		if w.only != nil {
			w.shown[r.ID()] = view
		}
		return w.stream.Send(&kofov1.WatchResponse{Kind: kofov1.WatchKind_WATCH_KIND_SNAPSHOT, Swap: view})
	}
	if w.only != nil {
		for id := range w.only {
			r, err := w.h.s.o.Records.Find(ctx, id)
			if err != nil {
				return err
			}
			if err := send(r); err != nil {
				return err
			}
		}
		return nil
	}
	for from := start(); ; {
		records, err := w.h.s.o.Records.Recent(ctx, from.before, from.id, defaultPage)
		if err != nil {
			return err
		}
		for _, r := range records {
			if err := send(r); err != nil {
				return err
			}
			from = place{r.CreatedAt, r.ID()}
		}
		if len(records) < defaultPage {
			return nil
		}
	}
}

// follow sends changes until the stream or the server ends.
func (w *watching) follow(ctx context.Context) error {
	for {
		changes, more, kept := w.h.s.o.Feed.since(w.at)
		if !kept {
			return refuse(reason.RateLimited, nil, "the reader is too slow: what follows its cursor is not kept any more")
		}
		for _, c := range changes {
			if err := w.change(ctx, c); err != nil {
				return err
			}
			w.at = c.number
		}
		if err := w.confirmations(ctx); err != nil {
			return err
		}
		select {
		case <-more:
		case <-w.h.s.draining:
			return errShuttingDown()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// change sends one change, with the swap as it is now.
func (w *watching) change(ctx context.Context, c change) error {
	if w.only != nil && !w.only[c.offer] {
		return nil
	}
	r, err := w.h.s.o.Records.Find(ctx, c.offer)
	if err != nil {
		return err
	}
	view, err := w.h.s.view(ctx, r)
	if err != nil {
		return err
	}
	update := &kofov1.WatchResponse{Kind: kofov1.WatchKind_WATCH_KIND_CHANGE, Cursor: w.h.s.o.Feed.cursor(c.number), Swap: view}
	switch {
	case c.record != nil:
		update.Entry = recordEntry(*c.record)
	case !quiet(c.event.Event):
		update.Entry = w.h.s.entryOf(r.Terms, r.Self(), *c.event)
	}
	if w.only != nil {
		w.shown[c.offer] = view
	}
	return w.stream.Send(update)
}

// confirmations sends the swaps that were asked for by id where their chains
// moved on. Who watches all does not get them: with every block of every swap
// that would be most of the traffic.
func (w *watching) confirmations(ctx context.Context) error {
	for id := range w.only {
		r, err := w.h.s.o.Records.Find(ctx, id)
		if err != nil {
			return err
		}
		view, err := w.h.s.view(ctx, r)
		if err != nil {
			return err
		}
		if old := w.shown[id]; old == nil || proto.Equal(old, view) || view.GetPhase() == kofov1.Phase_PHASE_CLOSED {
			w.shown[id] = view
			continue
		}
		w.shown[id] = view
		update := &kofov1.WatchResponse{Kind: kofov1.WatchKind_WATCH_KIND_CHANGE, Cursor: w.h.s.o.Feed.cursor(w.at), Swap: view}
		if err := w.stream.Send(update); err != nil {
			return err
		}
	}
	return nil
}
