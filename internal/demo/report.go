package demo

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"github.com/kofo-network/kofo/api/sdk"
)

// Report is what a run ended with. Amounts are base units (satoshi, wei).
type Report struct {
	Scenario string        `json:"scenario"`
	Outcome  string        `json:"outcome"` // swapped or refunded
	Seconds  int64         `json:"seconds"`
	Killed   string        `json:"killed,omitempty"` // the signal that a node died of
	Parties  []PartyReport `json:"parties"`
}

// PartyReport is one party's money.
type PartyReport struct {
	Party   string        `json:"party"`
	Outcome string        `json:"outcome"`
	Assets  []AssetReport `json:"assets"`
}

// AssetReport is one party's money of one asset: before + received - sent -
// fees = after.
type AssetReport struct {
	Asset    string `json:"asset"`
	Before   string `json:"before"`
	After    string `json:"after"`
	Sent     string `json:"sent"`
	Received string `json:"received"`
	Fees     string `json:"fees"`
}

// balances holds party -> asset -> base units.
type balances map[string]map[string]*big.Int

func (b balances) of(party, asset string) *big.Int {
	if v, ok := b[party][asset]; ok {
		return v
	}
	return new(big.Int)
}

// balancePoll is how often balances are read while waiting for one.
const balancePoll = 200 * time.Millisecond

// balances asks both nodes.
func (d *demo) balances(ctx context.Context) (balances, error) {
	out := balances{}
	for _, p := range []*party{d.initiator, d.participant} {
		got, err := p.client.Wallet.Balances(ctx, &sdk.BalancesRequest{})
		if err != nil {
			return nil, fmt.Errorf("balances of the %s: %w", p.name, err)
		}
		out[p.name] = map[string]*big.Int{}
		for _, b := range got.GetBalances() {
			total := new(big.Int)
			for _, text := range []string{b.GetSpendable(), b.GetReserved(), b.GetPending()} {
				v, err := parseAmount(text)
				if err != nil {
					return nil, fmt.Errorf("balance of the %s: %w", p.name, err)
				}
				total.Add(total, v)
			}
			out[p.name][b.GetAsset()] = total
		}
	}
	return out, nil
}

// balancesWhen reads balances until they are as wanted.
func (d *demo) balancesWhen(ctx context.Context, ok func(balances) bool) (balances, error) {
	ticker := time.NewTicker(balancePoll)
	defer ticker.Stop()
	for {
		b, err := d.balances(ctx)
		if err != nil {
			return nil, err
		}
		if ok(b) {
			return b, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the wallets do not show the money: %w", ctx.Err())
		case <-ticker.C:
		}
	}
}

// settledBalances waits until the wallets show what the outcomes say.
func (d *demo) settledBalances(ctx context.Context) (balances, error) {
	if !d.swapped() {
		return d.balancesWhen(ctx, func(b balances) bool {
			return b.of("initiator", d.btc()).Cmp(big.NewInt(startBTC-100_000)) > 0
		})
	}
	sent, _ := new(big.Int).SetString(sendBTC, 10)
	paid, _ := new(big.Int).SetString(receiveETH, 10)
	return d.balancesWhen(ctx, func(b balances) bool {
		return b.of("participant", d.btc()).Cmp(new(big.Int).Div(sent, big.NewInt(2))) > 0 &&
			b.of("initiator", d.eth()).Cmp(new(big.Int).Div(paid, big.NewInt(2))) > 0
	})
}

func (d *demo) swapped() bool {
	return d.initiator.outcome == sdk.OutcomeSwapped && d.participant.outcome == sdk.OutcomeSwapped
}

// report adds up who sent, received and paid what. Fees are what the balances
// say, so nothing can be hidden in them.
func (d *demo) report(_ context.Context, before, after balances) (Report, error) {
	r := Report{Scenario: d.o.Scenario, Outcome: "refunded", Killed: d.killed}
	if d.swapped() {
		r.Outcome = "swapped"
	}
	sentBTC, _ := new(big.Int).SetString(sendBTC, 10)
	sentETH, _ := new(big.Int).SetString(receiveETH, 10)
	none := new(big.Int)
	if !d.swapped() {
		sentBTC, sentETH = none, none
	}
	flows := []struct {
		p              *party
		asset          string
		sent, received *big.Int
	}{
		{d.initiator, d.btc(), sentBTC, none},
		{d.initiator, d.eth(), none, sentETH},
		{d.participant, d.btc(), none, sentBTC},
		{d.participant, d.eth(), sentETH, none},
	}
	for _, f := range flows {
		fees := new(big.Int).Add(before.of(f.p.name, f.asset), f.received)
		fees.Sub(fees, f.sent).Sub(fees, after.of(f.p.name, f.asset))
		if fees.Sign() < 0 {
			return r, fmt.Errorf("%w: the %s has %s of %s more than it should", ErrOutcome, f.p.name, fees.Neg(fees), f.asset)
		}
		r.add(f.p, AssetReport{
			Asset: f.asset, Before: before.of(f.p.name, f.asset).String(), After: after.of(f.p.name, f.asset).String(),
			Sent: f.sent.String(), Received: f.received.String(), Fees: fees.String(),
		})
	}
	return r, nil
}

func (r *Report) add(p *party, a AssetReport) {
	for i := range r.Parties {
		if r.Parties[i].Party == p.name {
			r.Parties[i].Assets = append(r.Parties[i].Assets, a)
			return
		}
	}
	r.Parties = append(r.Parties, PartyReport{Party: p.name, Outcome: outcomeText(p.outcome), Assets: []AssetReport{a}})
}
