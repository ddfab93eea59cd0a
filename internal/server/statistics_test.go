package server_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/server"
	"github.com/kofo-network/kofo/internal/server/servertest"
)

// TestExport: every fee has its transaction's place, and the sums are those of
// the receipt.
func TestExport(t *testing.T) {
	n, c, id := paid(t, true)
	n.SetFees(map[string]htlc.Amount{"fund-1": htlc.NewAmount(61_234)})
	e, err := c.Settlement.Export(t.Context(), &kofov1.ExportRequest{Id: id})
	if err != nil {
		t.Fatal(err)
	}
	if len(e.GetFees()) != 2 || len(e.GetTotalCost()) != 2 || len(e.GetServiceFees()) != 0 || e.GetExportedAt() == nil {
		t.Fatalf("%v", e)
	}
	lock, redeem := e.GetFees()[0], e.GetFees()[1]
	if lock.GetPaid().GetTxid() != "fund-1" || lock.GetPaid().GetFee().GetAmount() != "61234" || lock.GetChain() != string(servertest.Ethereum) ||
		lock.GetHeight() != 5001 || lock.GetTime() == nil {
		t.Errorf("lock: %v", lock)
	}
	if redeem.GetPaid().GetTxid() != "redeem-0" || redeem.GetHeight() != 1010 || redeem.GetChain() != string(servertest.Bitcoin) {
		t.Errorf("redeem: %v", redeem)
	}
	if e.GetTotalCost()[0].GetAmount() != "61234" || e.GetTotalCost()[1].GetAmount() != "2845" {
		t.Errorf("total: %v", e.GetTotalCost())
	}
	last := e.GetHistory()[len(e.GetHistory())-1]
	if e.GetHistory()[0].GetKind() != "terms-signed" || last.GetSequence() != e.GetSwap().GetVersion() {
		t.Errorf("history: %v to %v, swap %d", e.GetHistory()[0], last, e.GetSwap().GetVersion())
	}
	_, err = c.Settlement.Export(t.Context(), &kofov1.ExportRequest{Id: e.GetSwap().GetSecretHash()})
	wantReason(t, err, reason.SwapNotFound)
}

// TestStatistics counts what closed in the period, and nothing else.
func TestStatistics(t *testing.T) {
	_, c, _ := paid(t, true)
	for name, o := range map[string]struct {
		from, until time.Time
		pairs       int
	}{
		"all":    {pairs: 1},
		"hour":   {from: time.Now().Add(-time.Hour), pairs: 1},
		"future": {from: time.Now().Add(time.Hour), until: time.Now().Add(2 * time.Hour)},
		"past":   {until: time.Now().Add(-time.Hour)},
	} {
		req := &kofov1.StatisticsRequest{}
		if !o.from.IsZero() {
			req.From = timestamppb.New(o.from)
		}
		if !o.until.IsZero() {
			req.Until = timestamppb.New(o.until)
		}
		got, err := c.Settlement.Statistics(t.Context(), req)
		if err != nil || len(got.GetPairs()) != o.pairs {
			t.Fatalf("%s: %v %v", name, got, err)
		}
		if o.pairs == 0 {
			continue
		}
		p := got.GetPairs()[0]
		if p.GetSends() != string(servertest.ETH) || p.GetReceives() != string(servertest.BTC) || p.GetClosed() != 1 || p.GetSwapped() != 1 ||
			p.GetSuccessPermille() != 1000 || p.GetTimeP50() == nil || len(p.GetCosts()) != 2 {
			t.Errorf("%s: %v", name, p)
		}
		if btc := p.GetCosts()[0]; btc.GetAsset() != string(servertest.BTC) || btc.GetP50() != "2845" || btc.GetP95() != "2845" || btc.GetTotal() != "2845" {
			t.Errorf("%s: %v", name, btc)
		}
	}
	_, err := c.Settlement.Statistics(t.Context(), &kofov1.StatisticsRequest{From: timestamppb.New(time.Now().Add(time.Hour))})
	wantReason(t, err, reason.InvalidArgument)
}

// The nearest rank is by definition the smallest value that enough others do
// not exceed.
func TestNearestRank(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, percent := rapid.IntRange(1, 300).Draw(t, "n"), rapid.IntRange(1, 100).Draw(t, "percent")
		sorted := make([]int, n)
		for i := range sorted {
			sorted[i] = i + 1 // as many do not exceed it
		}
		got := server.NearestRank(sorted, percent)
		if got*100 < percent*n || (got-1)*100 >= percent*n {
			t.Fatalf("p%d of %d is %d", percent, n, got)
		}
	})
}
