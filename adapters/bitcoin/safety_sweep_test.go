package bitcoin_test

import (
	"slices"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// leaveOf is what a lone redeem of 155 virtual bytes pays to take a sweep's place
// where the least step is a satoshi for each.
func leaveOf(t *testing.T, swept adapters.Swept) uint64 {
	t.Helper()
	fee, fits := swept.Tx.Fee.Uint64()
	if !fits {
		t.Fatalf("a fee of %s", swept.Tx.Fee)
	}
	return fee + 155
}

// TestSafety_B2_MemberLeavesASweep: whichever member of a sweep that does not
// confirm has to be redeemed by itself, its own redeem takes the sweep's place in
// the node's mempool within its own budget, and no other member is held up: the
// rest go out by themselves, for the market's price. A member for which that is not
// so is refused, by name.
func TestSafety_B2_MemberLeavesASweep(t *testing.T) {
	for _, sign := range []string{"script path", "key path"} {
		t.Run(sign, func(t *testing.T) {
			k := newKit(t)
			spends := k.lockMany(5)
			sweep := func(spends []adapters.Spend) adapters.Swept {
				if sign == "key path" {
					return k.sweepTogether(spends)
				}
				return k.sweepRedeems(adapters.Sweep{Spends: spends})
			}
			leave := leaveOf(t, sweep(spends))
			market, _ := k.redeem(spends[0].Terms, spends[0].Ref, 0).Fee.Uint64()
			spends[3].Fees.Budget = htlc.NewAmount(leave - 1)
			var err error
			if sign == "key path" {
				_, err = k.payee.SweepCooperative(k.ctx(), adapters.Sweep{Spends: spends})
			} else {
				_, err = k.payee.SweepRedeems(k.ctx(), adapters.Sweep{Spends: spends})
			}
			ofMember(t, "a satoshi too little", err, adapters.ErrNotInSweep, "SWEEP_TOO_LARGE", 3)

			spends[3].Fees.Budget = htlc.NewAmount(leave)
			swept := sweep(spends)
			k.broadcast(k.payee, swept.Tx)
			alone := func(i int) adapters.Tx {
				tx, err := k.payee.Redeem(k.ctx(), spends[i])
				if err != nil {
					t.Fatalf("member %d alone: %v", i, err)
				}
				k.broadcast(k.payee, tx)
				return tx
			}
			txs := []string{}
			for _, i := range []int{3, 0, 1, 2, 4} {
				tx := alone(i)
				fee, _ := tx.Fee.Uint64()
				if i == 3 && fee != leave || i != 3 && fee != market {
					t.Errorf("member %d pays %d, the first needs %d to leave, the market wants %d", i, fee, leave, market)
				}
				txs = append(txs, tx.ID)
			}
			cursor := k.tip(k.payer)
			k.mine(1)
			facts := k.next(k.payer, cursor).Facts
			if len(facts) != len(spends) {
				t.Fatalf("%d facts", len(facts))
			}
			for _, fact := range facts {
				if fact.Kind != adapters.Redeemed || !slices.Contains(txs, fact.TxID) {
					t.Errorf("fact %+v", fact)
				}
			}
		})
	}
}

// A contract of little worth does not come into a sweep that costs more than it
// could pay to leave, whatever its budget is.
func TestSweepWithoutASmallMember(t *testing.T) {
	k := newKit(t)
	spends := k.lockMany(40)
	fee, _ := k.sweepRedeems(adapters.Sweep{Spends: spends}).Tx.Fee.Uint64()
	small := k.farTerms(100, fee)
	k.payScript(small)
	cursor := k.tip(k.payee)
	k.mine(1)
	ref := k.next(k.payee, cursor).Facts[0].Ref
	spends = append(spends, adapters.Spend{Terms: small, Leg: leg, Ref: ref, Secret: secret(100)})
	_, err := k.payee.SweepRedeems(k.ctx(), adapters.Sweep{Spends: spends})
	ofMember(t, "of little worth", err, adapters.ErrDust, "SWEEP_TOO_LARGE", 40)
	k.sweepRedeems(adapters.Sweep{Spends: spends[36:]}) // few enough for it
}
