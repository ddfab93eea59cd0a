package bitcoin_test

import (
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/htlc"
)

const (
	blockSpacing = 100 // seconds between the blocks of the climb
	climbWindow  = 3600
	// climbValue is at risk; half of it is 500 sat/vB for a redeem of 155 vbytes.
	climbValue  = 155_000
	climbBudget = climbValue / 2
	climbCap    = 500_000
	climbMarket = 5_000 // as the payee is configured; the node estimates less
)

// climbRates are the redeem's feerates in satoshi for 1,000 vbytes, block by
// block: the market's outside of the window, the cap an eighth of the window
// before the deadline, and in between seven doublings at equal intervals, the last
// of which the cap cuts short.
var climbRates = []uint64{
	5_000, 5_000, 5_000, 5_000, 6_116, 7_225, 8_335, 9_445, 11_116,
	13_335, 15_561, 17_780, 20_000, 24_445, 28_890, 33_335, 37_780, 44_445,
	53_335, 62_225, 71_116, 80_000, 97_780, 115_561, 133_335, 151_116, 177_780,
	213_335, 248_890, 284_445, 320_000, 360_000, 360_000, 440_000, 440_000, 500_000,
}

// The floor of blocks rises from 1 to 500 sat/vB while a redeem waits. It is
// followed block by block, asked again at each tip as the swap does.
func TestSafety_B1_FeeClimbsToBudget(t *testing.T) { feeClimbs(t, newKit(t)) }

func feeClimbs(t *testing.T, k *kit) {
	c := k.config()
	c.ClimbWindow, c.StressFee = climbWindow, 20_000
	k.payer = k.openWith("payer", k.payer.book, c)
	c.FeeFloor = climbMarket
	k.payee = k.openWith("payee", bitcointest.NewBook(), c)
	terms := k.terms("swap", 1, climbValue)
	k.watch(k.payee, terms)
	ref := refOf(k.fund("swap", terms))
	at := time.Unix(k.tip(k.payee).Time, 0)
	block := func() adapters.Step {
		cursor := k.tip(k.payee)
		at = at.Add(blockSpacing * time.Second)
		if _, err := k.MineAt(k.ctx(), at); err != nil {
			t.Fatal(err)
		}
		return k.next(k.payee, cursor)
	}
	for range 12 { // from here on the median time moves with every block
		block()
	}
	const early = 3 // blocks before the window
	start := k.tip(k.payee).Clock
	policy := adapters.FeePolicy{Deadline: start + early*blockSpacing + climbWindow, Budget: htlc.NewAmount(climbBudget)}
	spend := adapters.Spend{Terms: terms, Leg: leg, Ref: ref, Secret: secret(1)}
	const atCap = early + climbWindow*7/8/blockSpacing + 1 // the first block that finds the redeem at its cap
	var last *adapters.Tx
	for i := 0; ; i++ {
		policy.Now = k.tip(k.payee).Clock
		spend.Fees, spend.Replace = policy, last
		tx, err := k.payee.Redeem(k.ctx(), spend)
		if err != nil {
			t.Fatal(err)
		}
		followStep(t, i, last, tx, policy)
		k.broadcast(k.payee, tx)
		last = &tx
		floor := min(1+499*int64(i+1)/atCap, 500)
		k.Chain.SetFeeFloor(1000 * floor)
		step := block()
		mined := len(step.Facts) == 1 && step.Facts[0].Kind == adapters.Redeemed && step.Facts[0].TxID == tx.ID
		t.Logf("block %2d  %5d s to the deadline  floor %3d sat/vB  redeem %3d.%03d sat/vB  mined %v",
			i, policy.Deadline-policy.Now, floor, tx.FeeRate/1000, tx.FeeRate%1000, mined)
		if paid := tx.FeeRate >= uint64(1000*floor); paid != mined {
			t.Fatalf("block %d: mined %v at %d over a floor of %d", i, mined, tx.FeeRate, 1000*floor)
		}
		if mined {
			if i < atCap || policy.Now >= policy.Deadline || i+1 != len(climbRates) {
				t.Fatalf("mined in block %d, %d seconds before the deadline", i, policy.Deadline-policy.Now)
			}
			return
		}
		if policy.Now > policy.Deadline {
			t.Fatal("not mined by the deadline")
		}
	}
}

// followStep checks one step of the climb: the exact feerate, and that nothing
// was replaced for nothing.
func followStep(t *testing.T, i int, last *adapters.Tx, tx adapters.Tx, policy adapters.FeePolicy) {
	t.Helper()
	switch {
	case i >= len(climbRates):
		t.Errorf("block %d: %d", i, tx.FeeRate)
	case tx.FeeRate != climbRates[i]:
		t.Errorf("block %d: a feerate of %d, want %d", i, tx.FeeRate, climbRates[i])
	}
	if tx.FeeRate > climbCap || tx.Fee.Cmp(policy.Budget) > 0 {
		t.Fatalf("block %d: a fee of %s at %d, over the cap", i, tx.Fee, tx.FeeRate)
	}
	if policy.Deadline-policy.Now <= climbWindow/8 && tx.FeeRate != climbCap {
		t.Fatalf("block %d: %d so near to the deadline, not the cap", i, tx.FeeRate)
	}
	if last == nil || tx.ID == last.ID {
		return
	}
	before, _ := last.Fee.Uint64()
	after, _ := tx.Fee.Uint64()
	switch {
	case policy.Deadline-policy.Now >= climbWindow:
		t.Fatalf("block %d: replaced before the window", i)
	case tx.Replaces != last.ID || after < before+155 || tx.FeeRate != climbCap && after < before+before/8:
		t.Fatalf("block %d: a fee of %d replaces one of %d", i, after, before)
	}
}
