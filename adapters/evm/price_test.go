package evm

import (
	"errors"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/txpool"
	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Whoever must pays the market, as far as the account, the nodes and the worth of the leg go; whoever need
// not never goes above the budget. The two agree where the budget suffices.
func TestClimbMust(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wei := func(label string, most int64) *big.Int { return big.NewInt(rapid.Int64Range(1, most).Draw(t, label)) }
		base, tip := wei("base", 1e12), wei("tip", 1e11)
		market := price{tip: tip, cap: new(big.Int).Add(new(big.Int).Lsh(base, 1), tip)}
		lim := limits{units: uint64(rapid.Int64Range(21_000, 300_000).Draw(t, "gas")), left: wei("left", 4e18), worth: big.NewInt(rapid.Int64Range(0, 4e18).Draw(t, "worth"))}
		budget, err := htlc.AmountFromBig(wei("budget", 4e18))
		if err != nil {
			t.Fatal(err)
		}
		policy := adapters.FeePolicy{Now: rapid.Int64Range(0, 20_000).Draw(t, "now"), Deadline: 10_000, Budget: budget}
		may, mayErr := climb(market, base, policy, DefaultClimbWindow, lim)
		policy.Must = true
		must, err := climb(market, base, policy, DefaultClimbWindow, lim)
		hard := minOf(lim.left, relayCap)
		if lim.worth.Sign() > 0 {
			hard = minOf(hard, lim.worth)
		}
		within := new(big.Int).Div(hard, new(big.Int).SetUint64(lim.units))
		if err != nil {
			if mayErr == nil || within.Cmp(base) > 0 {
				t.Fatalf("refused with means: %v", err)
			}
			return
		}
		most := times(lim.units, must.cap)
		switch {
		case most.Cmp(lim.left) > 0 || most.Cmp(relayCap) > 0 || must.tip.Cmp(must.cap) > 0:
			t.Fatalf("offers %s", most)
		case must.cap.Cmp(minOf(market.cap, within)) < 0:
			t.Fatalf("%s is below the market's %s", must.cap, market.cap)
		case most.Cmp(budget.Big()) > 0 && (must.cap.Cmp(market.cap) > 0 || most.Cmp(hard) > 0):
			t.Fatalf("%s is above budget, and market or worth", must.cap)
		case mayErr == nil && times(lim.units, may.cap).Cmp(budget.Big()) > 0:
			t.Fatalf("%s is above the budget without need", may.cap)
		case mayErr == nil && may.cap.Cmp(must.cap) > 0:
			t.Fatal("whoever must pays less")
		}
	})
}

// The price doubles at equal intervals from the market's to the top, where it is an eighth of the window before
// the deadline, and the policy's window goes before the configured one.
func TestClimbDoubles(t *testing.T) {
	market := price{tip: big.NewInt(10), cap: big.NewInt(100)}
	lim := limits{units: 21_000, left: new(big.Int).Lsh(relayCap, 1)}
	budget := htlc.NewAmount(21_000 * 1_600) // four doublings
	for _, c := range []struct {
		window, before, want int64
	}{
		{0, 4_000, 100}, {0, 3_600, 100}, {0, 2_813, 200 - 1}, {0, 2_812, 200}, {0, 2_025, 400}, {0, 1_238, 799}, {0, 1_237, 800},
		{0, 451, 1_598}, {0, 450, 1_600}, {0, 0, 1_600}, {0, -500, 1_600}, {800, 800, 100}, {800, 450, 400}, {800, 100, 1_600},
	} {
		policy := adapters.FeePolicy{Now: 50_000 - c.before, Deadline: 50_000, Window: c.window, Budget: budget}
		p, err := climb(market, big.NewInt(45), policy, DefaultClimbWindow, lim)
		if err != nil {
			t.Fatal(err)
		}
		if p.cap.Int64() != c.want || p.tip.Int64() != min(c.want-90, c.want) {
			t.Errorf("%d s before the deadline, window %d: cap %s tip %s, want %d", c.before, c.window, p.cap, p.tip, c.want)
		}
	}
}

// The relay cap is nobody's to change.
func TestRelayCapStays(t *testing.T) {
	before := new(big.Int).Set(relayCap)
	_, err := climb(price{tip: big.NewInt(1), cap: big.NewInt(3)}, big.NewInt(1), adapters.FeePolicy{Must: true}, 60,
		limits{units: 21_000, left: new(big.Int).Lsh(relayCap, 2)})
	if err != nil || relayCap.Cmp(before) != 0 {
		t.Fatalf("%s: %v", relayCap, err)
	}
}

// What is affordable is paid by what there is, those before included.
func TestAffordable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var before []gasAt
		for range rapid.IntRange(0, 4).Draw(t, "n") {
			before = append(before, gasAt{
				uint64(rapid.Int64Range(21_000, 300_000).Draw(t, "gas")), big.NewInt(rapid.Int64Range(1, 1e12).Draw(t, "least")),
			})
		}
		units := uint64(rapid.Int64Range(21_000, 300_000).Draw(t, "units"))
		left := big.NewInt(rapid.Int64Range(0, 1e18).Draw(t, "left"))
		p := affordable(left, units, before)
		cost := times(units, p)
		for _, g := range before {
			cost.Add(cost, times(g.units, maxOf(p, g.least)))
		}
		if p.Sign() > 0 && cost.Cmp(left) > 0 {
			t.Fatalf("at %s it costs %s of %s", p, cost, left)
		}
	})
}

// said is a node's answer.
type said string

func (s said) Error() string  { return string(s) }
func (s said) ErrorCode() int { return -32000 }

// Only a judgement on the transaction itself opens its nonce to another.
func TestDefiniteRefusals(t *testing.T) {
	for _, err := range []error{
		core.ErrInsufficientFunds, core.ErrIntrinsicGas, core.ErrFeeCapTooLow, core.ErrTipAboveFeeCap, core.ErrTxTypeNotSupported,
		core.ErrGasLimitTooHigh, core.ErrFloorDataGas, txpool.ErrUnderpriced, txpool.ErrGasLimit, txpool.ErrOversizedData, txpool.ErrInvalidSender,
		errors.New("tx fee (1.20 ether) exceeds the configured cap (1.00 ether)"), errors.New("transaction gas price below minimum: 1"),
	} {
		if !definite(said(err.Error())) {
			t.Errorf("%v is not definite", err)
		}
		if definite(err) {
			t.Errorf("%v without an answer is definite", err)
		}
	}
	for _, err := range []error{
		txpool.ErrAlreadyKnown, txpool.ErrReplaceUnderpriced, txpool.ErrAccountLimitExceeded, txpool.ErrAlreadyReserved,
		txpool.ErrInflightTxLimitReached, txpool.ErrOutOfCapacity, core.ErrNonceTooLow, core.ErrNonceTooHigh, errors.New("too many requests"),
	} {
		if definite(said(err.Error())) {
			t.Errorf("%v is definite", err)
		}
	}
}
