package server_test

import (
	"testing"
	"time"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/server"
	"github.com/kofo-network/kofo/internal/server/servertest"
)

// refundable is a swap of the initiator's whose time lock is open.
func refundable(t *testing.T, o servertest.Options) (*servertest.Node, *sdk.Client, string) {
	t.Helper()
	one, two := servertest.Start(t, o), servertest.Start(t, servertest.Options{Who: 2})
	a, b := dial(t, one, ""), dial(t, two, "")
	id := agreed(t, a, b)
	fund(t, id, one)
	s, err := one.Swap(id)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Settlement.Refund(t.Context(), &kofov1.RefundRequest{Id: id})
	wantReason(t, err, reason.RefundNotOpen)
	if at := sdk.Metadata(err)["at"]; at != time.Unix(s.Terms.Legs[0].TimeLock, 0).UTC().Format(time.RFC3339) {
		t.Errorf("at %q", at)
	}
	one.SetTip(servertest.Bitcoin, 1100, s.Terms.Legs[0].TimeLock+1)
	return one, a, id
}

func TestRefundIsAskedForAgain(t *testing.T) {
	// Nobody sends it: the answer comes all the same.
	_, a, id := refundable(t, servertest.Options{Limits: server.Limits{RefundWait: 10 * time.Millisecond}})
	got, err := a.Settlement.Refund(t.Context(), &kofov1.RefundRequest{Id: id})
	if err != nil || got.GetTxid() != "" || got.GetSwap().GetPhase() != kofov1.Phase_PHASE_REFUNDING ||
		got.GetSwap().GetNextAction().GetKind() != kofov1.ActionKind_ACTION_KIND_REFUND {
		t.Errorf("%v %v", got, err)
	}
}

// TestRefundShowsWhatItHasDone: the answer, and every view after it, has the
// refund that was sent, long before a block has it.
func TestRefundShowsWhatItHasDone(t *testing.T) {
	one, a, id := refundable(t, servertest.Options{Limits: server.Limits{RefundWait: time.Minute}})
	watch, err := a.Settlement.Watch(t.Context(), &kofov1.WatchRequest{Ids: []string{id}, SkipSnapshot: true})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := watch.Recv(); err != nil || m.GetKind() != kofov1.WatchKind_WATCH_KIND_SNAPSHOT_END {
		t.Fatal(m, err) // from here on every change is seen
	}
	sent := make(chan error, 1)
	go func() { // the engine's part: it sends what the swap asks for
		for {
			m, err := watch.Recv()
			if err != nil {
				sent <- err
				return
			}
			if m.GetSwap().GetPhase() == kofov1.Phase_PHASE_REFUNDING {
				sent <- one.Happen(id, htlc.Submitted{Leg: 0, Purpose: htlc.PurposeRefund, TxID: "the-refund"})
				return
			}
		}
	}()
	got, err := a.Settlement.Refund(t.Context(), &kofov1.RefundRequest{Id: id})
	if err != nil || got.GetTxid() != "the-refund" || got.GetSwap().GetLegs()[0].GetSpendTxid() != "the-refund" {
		t.Errorf("%v %v", got, err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	shown, err := a.Settlement.Get(t.Context(), &kofov1.GetRequest{Id: id})
	if text := shown.GetSwap().GetNextAction().GetText(); err != nil || text != "This node's refund on bitcoin is sent and waits for a block; its fee climbs if need be." {
		t.Errorf("%q %v", text, err)
	}
}
