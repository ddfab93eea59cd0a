package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"github.com/kofo-network/kofo/api/sdk/reason"
)

// ErrClosed ends a watch whose client was closed.
var ErrClosed = errors.New("the client is closed")

// WatchOptions say what to watch.
type WatchOptions struct {
	// IDs of swaps or offers; all where empty.
	IDs []string
	// Cursor of the last message that an earlier watch received.
	Cursor string
	// SkipSnapshot leaves out the swaps as they are now.
	SkipSnapshot bool
	// OnBreak, where set, is told why a stream broke before it is opened
	// again.
	OnBreak func(error)
}

// Watch yields a snapshot, then every change, until the context ends, the
// caller breaks the loop, or an error that trying again can't help; that error
// comes last. A broken stream is opened again behind the last message. Where
// the node has forgotten that point, or the snapshot was not complete, a new
// snapshot comes: a snapshot message always replaces what is known of its
// swap, and Swap.Version says which of two is newer.
func (c *Client) Watch(ctx context.Context, o WatchOptions) iter.Seq2[*WatchUpdate, error] {
	return func(yield func(*WatchUpdate, error) bool) {
		request := &WatchRequest{Ids: o.IDs, Cursor: o.Cursor, SkipSnapshot: o.SkipSnapshot}
		wait := firstWait
		for {
			got, err := c.watchOnce(ctx, request, yield)
			switch {
			case err == nil:
				return // the caller has seen enough
			case ctx.Err() != nil:
				yield(nil, ctx.Err())
				return
			case c.conn.GetState() == connectivity.Shutdown:
				yield(nil, ErrClosed)
				return
			case Reason(err) == reason.CursorUnknown && request.Cursor != "":
				request.Cursor, request.SkipSnapshot = "", false
			case !broken(err):
				yield(nil, err)
				return
			}
			if o.OnBreak != nil {
				o.OnBreak(err)
			}
			if got {
				wait = firstWait
			}
			if pause(ctx, wait) != nil {
				yield(nil, ctx.Err())
				return
			}
			wait = min(2*wait, lastWait)
		}
	}
}

// watchOnce reads one stream to its end and moves the request's cursor along.
// It says whether a message came; its error is nil only where yield wants no
// more.
func (c *Client) watchOnce(ctx context.Context, request *WatchRequest, yield func(*WatchUpdate, error) bool) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream on every way out
	stream, err := c.Settlement.Watch(ctx, request)
	if err != nil {
		return false, err
	}
	got := false
	for {
		update, err := stream.Recv()
		if err != nil {
			return got, err
		}
		got = true
		if update.GetCursor() != "" {
			request.Cursor = update.GetCursor()
		}
		if !yield(update, nil) {
			return got, nil
		}
	}
}

// broken reports whether a stream ended for a reason that passes.
func broken(err error) bool {
	if errors.Is(err, io.EOF) {
		return true
	}
	if reason.Carried(err) {
		switch Reason(err) {
		case reason.ShuttingDown, reason.RateLimited, reason.StoreUnavailable:
			return true
		}
		return false
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.Internal, codes.Unknown, codes.Aborted, codes.ResourceExhausted, codes.DeadlineExceeded, codes.Canceled:
		return true
	default:
		return false
	}
}

// WaitFor watches one swap or offer until done says so, and returns the swap.
// It is asked for the swap as it is and for every change.
func (c *Client) WaitFor(ctx context.Context, id string, done func(*Swap) bool) (*Swap, error) {
	for update, err := range c.Watch(ctx, WatchOptions{IDs: []string{id}}) {
		if err != nil {
			return nil, fmt.Errorf("watch %s: %w", id, err)
		}
		if swap := update.GetSwap(); swap != nil && done(swap) {
			return swap, nil
		}
	}
	return nil, ctx.Err() // not reached: a watch ends by error or by us
}

// WaitClosed waits for the end of a swap. The swap's outcome says which.
func (c *Client) WaitClosed(ctx context.Context, id string) (*Swap, error) {
	return c.WaitFor(ctx, id, func(s *Swap) bool { return s.GetPhase() == PhaseClosed })
}

// Time turns a timestamp of the API into a time; zero where it is unset.
func Time(t *Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}
