package sdk_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

// watchAll reads until the swap closes and returns the versions of the changes.
func watchAll(t *testing.T, client *sdk.Client, o sdk.WatchOptions) (versions []uint64, snapshots int) {
	t.Helper()
	for update, err := range client.Watch(t.Context(), o) {
		if err != nil {
			t.Fatal(err)
		}
		switch update.GetKind() {
		case sdk.WatchKindSnapshot:
			snapshots++
		case sdk.WatchKindChange:
			versions = append(versions, update.GetSwap().GetVersion())
		}
		if update.GetSwap().GetPhase() == sdk.PhaseClosed {
			break
		}
	}
	return versions, snapshots
}

func TestWatchGoesOnBehindTheLastMessage(t *testing.T) {
	n := &node{last: 5, breaks: map[int]error{2: lost, 4: refused(reason.ShuttingDown)}}
	client := dial(t, start(t, n))
	breaks := 0
	versions, snapshots := watchAll(t, client, sdk.WatchOptions{OnBreak: func(error) { breaks++ }})
	if !slices.Equal(versions, []uint64{1, 2, 3, 4, 5}) || snapshots != 1 || breaks != 2 {
		t.Errorf("changes %v, %d snapshots, %d breaks; want 1..5 once each, 1, 2", versions, snapshots, breaks)
	}
	if !slices.Equal(n.cursors, []string{"", "2", "4"}) {
		t.Errorf("cursors %q", n.cursors)
	}
}

func TestWatchTakesAnotherSnapshotForAForgottenCursor(t *testing.T) {
	n := &node{last: 3, failures: []error{refused(reason.CursorUnknown)}}
	client := dial(t, start(t, n))
	versions, snapshots := watchAll(t, client, sdk.WatchOptions{Cursor: "77", SkipSnapshot: true})
	if !slices.Equal(versions, []uint64{1, 2, 3}) || snapshots != 1 {
		t.Errorf("changes %v, %d snapshots", versions, snapshots)
	}
	if !slices.Equal(n.cursors, []string{"77", ""}) {
		t.Errorf("cursors %q", n.cursors)
	}
}

func TestWatchWithoutSnapshotHasACursorFromTheStart(t *testing.T) {
	n := &node{last: 2, breaks: map[int]error{1: status.Error(codes.Internal, "stream terminated by RST_STREAM")}}
	client := dial(t, start(t, n))
	versions, snapshots := watchAll(t, client, sdk.WatchOptions{SkipSnapshot: true})
	if !slices.Equal(versions, []uint64{1, 2}) || snapshots != 0 {
		t.Errorf("changes %v, %d snapshots", versions, snapshots)
	}
}

func TestWatchEndsWhereTryingAgainCannotHelp(t *testing.T) {
	for _, want := range []reason.Reason{reason.PermissionDenied, reason.Unauthenticated, reason.SwapNotFound, reason.Internal} {
		client := dial(t, start(t, &node{failures: []error{refused(want)}}))
		var last error
		for _, err := range client.Watch(t.Context(), sdk.WatchOptions{}) {
			last = err
		}
		if sdk.Reason(last) != want {
			t.Errorf("ended with %v, want %s", last, want)
		}
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	client := dial(t, start(t, &node{last: 1}))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for update, err := range client.Watch(ctx, sdk.WatchOptions{}) {
		last = err
		if update.GetSwap().GetVersion() == 1 {
			cancel()
		}
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("ended with %v", last)
	}
}

func TestWatchEndsWithItsClient(t *testing.T) {
	client := dial(t, start(t, &node{last: 1}))
	var last error
	for update, err := range client.Watch(t.Context(), sdk.WatchOptions{}) {
		last = err
		if update.GetSwap().GetVersion() == 1 {
			if err := client.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !errors.Is(last, sdk.ErrClosed) {
		t.Errorf("ended with %v", last)
	}
}

func TestWaitClosed(t *testing.T) {
	client := dial(t, start(t, &node{last: 3, breaks: map[int]error{1: lost}}))
	swap, err := client.WaitClosed(t.Context(), swapID)
	if err != nil || swap.GetVersion() != 3 {
		t.Errorf("swap %v, error %v", swap, err)
	}
	client = dial(t, start(t, &node{failures: []error{refused(reason.SwapNotFound)}}))
	if _, err := client.WaitClosed(t.Context(), swapID); sdk.Reason(err) != reason.SwapNotFound {
		t.Errorf("error %v, want SWAP_NOT_FOUND", err)
	}
}
