package bitcoin_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/htlc"
)

func (k *kit) reserve(owner string, satoshi uint64) error {
	_, err := k.payer.Reserve(k.ctx(), adapters.Reservation{
		Owner: owner, Asset: k.params.Asset, Amount: htlc.NewAmount(satoshi), Salt: htlc.Salt{1, 1}, Leg: leg,
	})
	return err
}

// Three coins serve three swaps; the fourth learns why it has to wait.
func TestReservationsNeverShareCoins(t *testing.T) {
	k := newKit(t)
	held := map[string]string{}
	for i := range 3 {
		owner := fmt.Sprint("swap ", i)
		terms := k.terms(owner, byte(i+1), lockOf)
		f, err := k.payer.Fund(k.ctx(), owner, terms, leg)
		if err != nil {
			t.Fatal(err)
		}
		for _, coin := range f.Txs[0].Spends {
			if other, taken := held[coin]; taken {
				t.Fatalf("coin %s funds %s and %s", coin, owner, other)
			}
			held[coin] = owner
		}
	}
	err := k.reserve("late", lockOf)
	wantReason(t, err, adapters.ErrReserved, "COINS_RESERVED")
	if !errors.Is(err, adapters.ErrInsufficientFunds) || !strings.Contains(err.Error(), "satoshi are missing") ||
		!strings.Contains(err.Error(), "coins are reserved whole, now 30000000 satoshi for 3 owners") {
		t.Fatalf("the error does not name the amount: %v", err)
	}
	_, err = k.payer.Fund(k.ctx(), "late", k.termsOnly(9, lockOf), leg)
	wantReason(t, err, adapters.ErrInsufficientFunds, "NOT_RESERVED")
	err = k.reserve("rich", 10*lockOf)
	wantReason(t, err, adapters.ErrInsufficientFunds, "INSUFFICIENT_FUNDS")
	if err := k.payer.Release(k.ctx(), "swap 1"); err != nil {
		t.Fatal(err)
	}
	if err := k.payer.Release(k.ctx(), "nobody"); err != nil {
		t.Fatal(err)
	}
	if err := k.reserve("late", lockOf); err != nil {
		t.Fatalf("after a release: %v", err)
	}
}

// termsOnly is terms without a reservation.
func (k *kit) termsOnly(n byte, satoshi uint64) htlc.Terms {
	k.t.Helper()
	payer, err := bitcointest.Keys("payer").Leg(htlc.Salt{n, 1}, bitcoin.Payer, leg)
	if err != nil {
		k.t.Fatal(err)
	}
	payee, err := k.payee.PayeeKey(k.ctx(), k.params.Asset, htlc.Salt{n, 1}, leg)
	if err != nil {
		k.t.Fatal(err)
	}
	return htlc.Terms{
		Version: htlc.Version, Hash: htlc.HashSHA256, SecretHash: secret(n).Hash(), Salt: htlc.Salt{n, 1},
		Parties: []htlc.PartyID{{1}, {2}},
		Legs: []htlc.Leg{{}, {
			Payer: 1, Asset: k.params.Asset, Amount: htlc.NewAmount(satoshi),
			PayerKey: payer.PubKey().SerializeCompressed(), PayeeKey: payee, MinConfirmations: 1, TimeLock: k.tip(k.payer).Clock + lockAfter,
		}},
	}
}

// A reservation outlives a restart, a change of name and a repetition; what was
// broadcast outlives its release.
func TestReservationLife(t *testing.T) {
	k := newKit(t)
	terms := k.terms("offer", 1, lockOf)
	if err := k.payer.Adopt(k.ctx(), "offer", "swap"); err != nil {
		t.Fatal(err)
	}
	if err := k.reserve("swap", lockOf); err != nil { // again: nothing more is held
		t.Fatal(err)
	}
	k.payer = k.open("payer", k.payer.book)
	if _, err := k.payer.Fund(k.ctx(), "offer", terms, leg); !errors.Is(err, adapters.ErrInsufficientFunds) {
		t.Fatalf("fund by the old name: %v", err)
	}
	if err := k.payer.CheckMeans(k.ctx(), "swap", terms, leg, true); err != nil {
		t.Fatal(err)
	}
	again, err := k.payer.Fund(k.ctx(), "swap", terms, leg)
	if err != nil {
		t.Fatal(err)
	}
	f := k.fund("swap", terms)
	if size := bitcoin.VirtualSize(decode(t, f.Txs[0].Raw)); size > bitcoin.FundSize {
		t.Fatalf("the funding has %d vB", size)
	}
	if again.Txs[0].ID != f.Txs[0].ID || !slices.Equal(again.Txs[0].Spends, f.Txs[0].Spends) {
		t.Fatal("signed twice with different coins before a broadcast")
	}
	_, err = k.payer.Fund(k.ctx(), "swap", terms, leg)
	wantReason(t, err, adapters.ErrReserved, "COINS_RESERVED")
	if err := k.payer.Release(k.ctx(), "swap"); err != nil {
		t.Fatal(err)
	}
	k.payer = k.open("payer", k.payer.book)
	for i := range 2 {
		if err := k.reserve(fmt.Sprint(i), lockOf); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.reserve("with a used coin", lockOf); err == nil {
		t.Fatal("a used coin was reserved")
	}
	if err := k.reserve("swap", lockOf); !errors.Is(err, adapters.ErrReserved) {
		t.Fatalf("reserve again after the funding: %v", err)
	}
}

// Only the transaction that was signed last out of a reservation is sent, and
// none after a release, also by a process that has not signed it.
func TestBroadcastOnlyWhatIsBound(t *testing.T) {
	k := newKit(t)
	to := k.Chain.MinerAddress().EncodeAddress()
	w := adapters.Withdrawal{RequestID: "w", Asset: k.params.Asset, To: to, Amount: htlc.NewAmount(1_000_000)}
	first, err := k.payer.Withdraw(k.ctx(), w)
	if err != nil {
		t.Fatal(err)
	}
	w.Amount = htlc.NewAmount(2_000_000)
	latest, err := k.payer.Withdraw(k.ctx(), w)
	if err != nil {
		t.Fatal(err)
	}
	k.payer = k.open("payer", k.payer.book)
	wantReason(t, k.payer.Broadcast(k.ctx(), first), adapters.ErrReserved, "NOT_RESERVED")
	if err := k.payer.Release(k.ctx(), bitcoin.WithdrawalOwner("w")); err != nil {
		t.Fatal(err)
	}
	wantReason(t, k.payer.Broadcast(k.ctx(), latest), adapters.ErrReserved, "NOT_RESERVED")
	for i := range 3 { // all coins serve others now
		if err := k.reserve(fmt.Sprint(i), lockOf); err != nil {
			t.Fatal(err)
		}
	}
	wantReason(t, k.payer.Broadcast(k.ctx(), latest), adapters.ErrReserved, "NOT_RESERVED")
	wrong := latest
	wrong.ID = first.ID
	wantReason(t, k.payer.Broadcast(k.ctx(), wrong), adapters.ErrMismatch, "CONTRACT_MISMATCH")
	if err := k.reserve("0", lockOf+1); !errors.Is(err, adapters.ErrReserved) {
		t.Fatalf("another amount for the same owner: %v", err)
	}
}

// Own change funds nothing before it is confirmed.
func TestSafety_B6_UnconfirmedChangeIsNotUsed(t *testing.T) {
	k := newKit(t)
	for i := range 3 {
		owner := fmt.Sprint(i)
		k.fund(owner, k.terms(owner, byte(i+1), lockOf))
	}
	balances, err := k.payer.Balances(k.ctx())
	if err != nil || !balances[0].Spendable.IsZero() || balances[0].Pending.IsZero() {
		t.Fatalf("balances %+v: %v", balances, err)
	}
	err = k.reserve("early", lockOf/2)
	wantReason(t, err, adapters.ErrInsufficientFunds, "INSUFFICIENT_FUNDS")
	k.mine(1)
	if err := k.reserve("early", lockOf/2); err != nil {
		t.Fatal(err)
	}
}

func TestWithdraw(t *testing.T) {
	k := newKit(t)
	for _, bad := range []string{
		"", "nonsense", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
		"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt081", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
	} {
		_, err := k.payer.Withdraw(k.ctx(), adapters.Withdrawal{RequestID: "1", Asset: k.params.Asset, To: bad, Amount: htlc.NewAmount(1e6)})
		wantReason(t, err, adapters.ErrBadAddress, "BAD_ADDRESS")
	}
	to := k.Chain.MinerAddress().EncodeAddress()
	for _, c := range []struct {
		amount, fee uint64
		kind        error
		reason      string
	}{
		{100, 0, adapters.ErrDust, "DUST_AMOUNT"},
		{math.MaxUint64, 0, adapters.ErrAmountTooLarge, "AMOUNT_TOO_LARGE"},
		{30_000_000, 0, adapters.ErrInsufficientFunds, "INSUFFICIENT_FUNDS"},
		{1_000_000, 10, adapters.ErrBudget, "BUDGET_TOO_SMALL"},
	} {
		_, err := k.payer.Withdraw(k.ctx(), adapters.Withdrawal{
			RequestID: "2", Asset: k.params.Asset, To: to, Amount: htlc.NewAmount(c.amount), MaxFee: htlc.NewAmount(c.fee),
		})
		wantReason(t, err, c.kind, c.reason)
	}
	if got := k.spendable(k.payer); got != 30_000_000 {
		t.Fatalf("a refused withdrawal holds coins: spendable %d", got)
	}
	w := adapters.Withdrawal{RequestID: "3", Asset: k.params.Asset, To: to, Amount: htlc.NewAmount(25_000_000)}
	tx, err := k.payer.Withdraw(k.ctx(), w)
	if err != nil || len(tx.Spends) != 3 {
		t.Fatalf("withdraw %+v: %v", tx, err)
	}
	if again, err := k.payer.Withdraw(k.ctx(), w); err != nil || !slices.Equal(again.Spends, tx.Spends) {
		t.Fatalf("withdraw again %+v: %v", again, err)
	}
	k.broadcast(k.payer, tx)
	_, err = k.payer.Withdraw(k.ctx(), w)
	wantReason(t, err, adapters.ErrReserved, "COINS_RESERVED")
	k.mine(1)
	fee, _ := tx.Fee.Uint64()
	if got := k.spendable(k.payer); got != 5_000_000-fee {
		t.Fatalf("spendable %d after fee %d", got, fee)
	}
}

func TestUnknownAssetAndChain(t *testing.T) {
	k := newKit(t)
	const foreign = htlc.AssetID("eip155:1/slip44:60")
	for name, err := range map[string]error{
		"quote":    second(k.payer.Quote(k.ctx(), foreign)),
		"address":  second(k.payer.Address(k.ctx(), foreign)),
		"key":      second(k.payer.PayeeKey(k.ctx(), foreign, htlc.Salt{1}, 0)),
		"reserve":  second(k.payer.Reserve(k.ctx(), adapters.Reservation{Asset: foreign})),
		"withdraw": second(k.payer.Withdraw(k.ctx(), adapters.Withdrawal{Asset: foreign})),
	} {
		if !errors.Is(err, adapters.ErrUnknownAsset) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := bitcoin.ParamsOf("bip122:000000000019d6689c085ae165831e93"); !errors.Is(err, adapters.ErrWrongChain) {
		t.Errorf("mainnet: %v", err)
	}
	if chain := bitcoin.Regtest().Asset; chain != "bip122:0f9188f13cb7b2c71f2a335e3a4fc328/slip44:0" {
		t.Errorf("regtest is %s", chain)
	}
	err := k.payer.Broadcast(k.ctx(), adapters.Tx{Chain: "eip155:1"})
	wantReason(t, err, adapters.ErrMismatch, "CONTRACT_MISMATCH")
}

func second[T any](_ T, err error) error { return err }

// The seed alone finds every coin again, however many addresses were used.
func TestRestoreFromKeys(t *testing.T) {
	k := newKit(t)
	for range 30 {
		k.pay(k.payee, 100_000)
		k.mine(1)
	}
	for i := range 2 {
		owner := fmt.Sprint(i)
		terms := k.terms(owner, byte(i+1), lockOf)
		ref := refOf(k.fund(owner, terms))
		k.broadcast(k.payee, k.redeem(terms, ref, byte(i+1)))
		k.mine(1)
	}
	for _, p := range []*party{k.payee, k.payer} {
		if got, want := k.spendable(k.open(p.name, bitcointest.NewBook())), k.spendable(p); got != want {
			t.Errorf("%s: %d restored of %d", p.name, got, want)
		}
	}
}

// The fee climbs with the clock, never falls, and stays within what the amount
// can pay and the budget, which only the market exceeds where it must be paid.
func TestClimb(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		market := rapid.Uint64Range(1_000, 1_000_000).Draw(t, "market")
		size := rapid.Uint64Range(99, 400).Draw(t, "size")
		budget := rapid.Uint64Range(0, 10_000_000).Draw(t, "budget")
		most := rapid.Int64Range(0, 10_000_000).Draw(t, "most")
		window := rapid.Int64Range(0, 100_000).Draw(t, "window")
		deadline := rapid.Int64Range(0, 1<<33).Draw(t, "deadline")
		last := uint64(0)
		top := min(uint64(most), budget)
		if budget == 0 {
			top = uint64(most)
		}
		for _, left := range []int64{window + 1, window, window / 2, window / 3, window / 8, 0, -1000} {
			policy := adapters.FeePolicy{Now: deadline - left, Deadline: deadline, Budget: htlc.NewAmount(budget)}
			rate, err := bitcoin.Climb(market, size, policy, window, most)
			if err != nil {
				if !errors.Is(err, adapters.ErrBudget) || rate != 0 {
					t.Fatalf("rate %d: %v", rate, err)
				}
				return
			}
			fee := bitcoin.FeeFor(rate, size)
			if budget > 0 && fee > int64(budget) || fee > most || rate == 0 || rate < last {
				t.Fatalf("left %d: rate %d after %d, fee %d", left, rate, last, fee)
			}
			if left > window && rate > market {
				t.Fatalf("rate %d above the market before the window", rate)
			}
			if full := min(top*1000/size, 100_000_000); budget > 0 && deadline > 0 && window > 0 && left <= window/8 && rate != full {
				t.Fatalf("left %d of %d: rate %d, the cap is %d", left, window, rate, full)
			}
			last = rate
			policy.Must = true
			must, err := bitcoin.Climb(market, size, policy, window, most)
			if affordable := min(market, uint64(most)*1000/size); err != nil || must != max(rate, affordable) {
				t.Fatalf("left %d: rate %d where it must not wait, %d where it may, the market's is %d: %v", left, must, rate, market, err)
			}
		}
	})
}

// The same bytes while they serve; a replacement of the same input, to the same
// address, for more when the deadline comes near.
func TestReplacement(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, lockOf)
	ref := refOf(k.fund("swap", terms))
	k.mine(1)
	spend := adapters.Spend{Terms: terms, Leg: leg, Ref: ref, Secret: secret(1)}
	spend.Fees = adapters.FeePolicy{Now: 0, Deadline: 100_000, Budget: htlc.NewAmount(lockOf / 2)}
	first, err := k.payee.Redeem(k.ctx(), spend)
	if err != nil {
		t.Fatal(err)
	}
	k.broadcast(k.payee, first)
	spend.Replace = &first
	spend.Fees.Now = 50_000 // before the window
	if same, err := k.payee.Redeem(k.ctx(), spend); err != nil || same.ID != first.ID {
		t.Fatalf("replaced too early: %v", err)
	}
	last := first
	for _, now := range []int64{90_000, 95_000, 100_000} {
		spend.Replace, spend.Fees.Now = &last, now
		tx, err := k.payee.Redeem(k.ctx(), spend)
		if err != nil {
			t.Fatal(err)
		}
		if tx.Replaces != last.ID || tx.Fee.Cmp(last.Fee) <= 0 || !slices.Equal(tx.Spends, last.Spends) ||
			string(decode(t, tx.Raw).TxOut[0].PkScript) != string(decode(t, last.Raw).TxOut[0].PkScript) {
			t.Fatalf("replacement %+v of %+v", tx, last)
		}
		k.broadcast(k.payee, tx)
		last = tx
	}
	if budget, _ := spend.Fees.Budget.Uint64(); last.Fee.Cmp(htlc.NewAmount(budget)) > 0 || last.Fee.Cmp(htlc.NewAmount(budget-1000)) < 0 {
		t.Fatalf("at the deadline the fee is %s of %d", last.Fee, budget)
	}
	// Over the budget there is no replacement; the last one serves.
	spend.Replace, spend.Fees.Now = &last, 200_000
	if same, err := k.payee.Redeem(k.ctx(), spend); err != nil || same.ID != last.ID {
		t.Fatalf("%+v: %v", same, err)
	}
	// A stored spend of another funding is not replaced.
	strange := last
	strange.Spends = []string{ref[:len(ref)-1] + "7"}
	spend.Replace = &strange
	if fresh, err := k.payee.Redeem(k.ctx(), spend); err != nil || fresh.Replaces != "" {
		t.Fatalf("%+v: %v", fresh, err)
	}
	spend.Replace, spend.Fees.Budget = nil, htlc.NewAmount(10)
	_, err = k.payee.Redeem(k.ctx(), spend)
	wantReason(t, err, adapters.ErrBudget, "BUDGET_TOO_SMALL")
	spend.Fees.Must = true
	if tx, err := k.payee.Redeem(k.ctx(), spend); err != nil || tx.Fee != first.Fee {
		t.Fatalf("a fee of %s, the market's is %s: %v", tx.Fee, first.Fee, err)
	}
	k.watch(k.payer, terms)
	if found, _, err := k.payer.Scan(k.ctx(), k.watch(k.payer, terms).ID, 0, math.MaxUint64); err != nil || len(found) != 1 {
		t.Fatalf("scan %+v: %v", found, err)
	}
	if fact := k.mineFact(k.payer, adapters.Redeemed); fact.TxID != last.ID {
		t.Fatalf("fact %+v", fact)
	}
}

func TestStatusAndConfig(t *testing.T) {
	k := newKit(t)
	status, err := k.payer.Status(k.ctx())
	if err != nil || !status.Synced || status.Backend != "btcd 0.26.2" || status.Chain != k.params.Chain || status.Tip != k.tip(k.payer) {
		t.Fatalf("status %+v: %v", status, err)
	}
	for name, change := range map[string]func(*bitcoin.Config){
		"url":     func(c *bitcoin.Config) { c.URL = "ftp://localhost" },
		"pem":     func(c *bitcoin.Config) { c.Certificate = []byte("x") },
		"floor":   func(c *bitcoin.Config) { c.FeeFloor, c.StressFee = 2, 1 },
		"percent": func(c *bitcoin.Config) { c.MinFeePercent = 101 },
		"amount":  func(c *bitcoin.Config) { c.MaxAmount = math.MaxUint64 },
	} {
		c := k.config()
		change(&c)
		if _, err := bitcoin.Open(k.ctx(), c, bitcointest.Signer("x"), bitcointest.NewBook(), bitcointest.NewBook(), discard()); !errors.Is(err, bitcoin.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := k.config()
	for _, text := range []string{fmt.Sprintf("%v", c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprint(c.Password), fmt.Sprintf("%x %q", c.Password, c.Password)} {
		if strings.Contains(text, string([]byte(c.Password))) {
			t.Error("the password is printed")
		}
	}
	c.Password = "wrong"
	_, err = bitcoin.Open(k.ctx(), c, bitcointest.Signer("x"), bitcointest.NewBook(), bitcointest.NewBook(), discard())
	wantReason(t, err, adapters.ErrUnreachable, "NODE_UNREACHABLE")
}
