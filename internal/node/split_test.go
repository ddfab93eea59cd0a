package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/server"
	"github.com/kofo-network/kofo/internal/store"
)

// loser is a chain on which the first payment that is sent can never be mined.
type loser struct {
	adapter
	orders []adapters.Withdrawal
}

func (l *loser) Withdraw(_ context.Context, w adapters.Withdrawal) (adapters.Tx, error) {
	l.orders = append(l.orders, w)
	return adapters.Tx{Chain: w.Asset.Chain(), ID: fmt.Sprintf("%064x", len(l.orders)), Raw: adapters.RawTx("x"), Fee: htlc.NewAmount(300)}, nil
}

func (l *loser) Broadcast(_ context.Context, tx adapters.Tx) error {
	if tx.ID == fmt.Sprintf("%064x", 1) {
		return &adapters.Error{Reason: "COIN_SPENT", Op: "broadcast", Err: adapters.ErrNonceTaken}
	}
	return nil
}

// A split whose coins are gone is signed again as the same split, not as a
// payment to somewhere; and one that another request id stands for is no answer.
func TestLostSplitIsSignedAgainAsASplit(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, _, _ := paidCore(ctx, t)
	l := &loser{adapter: p.core.chains[0].adapter}
	p.core.chains[0].adapter = l
	order := adapters.Withdrawal{
		RequestID: "one", Asset: p.core.chains.coin(p.core.chains[0].id), To: adapters.ToSelf,
		Amount: htlc.NewAmount(5_500_000), Parts: 4, MaxFee: htlc.NewAmount(900),
	}
	tx, err := p.Withdraw(ctx, order)
	if err != nil || tx.ID != fmt.Sprintf("%064x", 2) || !slices.Equal(l.orders, []adapters.Withdrawal{order, order}) {
		t.Fatalf("%s after %+v: %v", tx.ID, l.orders, err)
	}
	other := order
	other.Parts = 5
	if _, err := p.Withdraw(ctx, other); !errors.Is(err, store.ErrRequestReused) {
		t.Errorf("another number of coins: %v", err)
	}
	list, _, err := p.Activity(ctx, p.core.chains[0].id, "", 10)
	if err != nil || len(list) != 1 || list[0].Kind != server.Split || list[0].Parts != 4 || list[0].To != "" {
		t.Errorf("shown as %+v: %v", list, err)
	}
	// A restored node gives it up, and says so in the words of a split.
	r := &restorer{core: p.core}
	if err := r.endWithdrawals(ctx); err != nil || len(r.report.Missing) != 1 || !strings.HasPrefix(r.report.Missing[0], "The split into 4 coins") {
		t.Errorf("told %v: %v", r.report.Missing, err)
	}
}
