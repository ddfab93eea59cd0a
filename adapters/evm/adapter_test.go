package evm_test

import (
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
)

// The way of a leg that is redeemed: over HTTP and WebSocket, in the native coin and in tokens.
func TestRedeemedLeg(t *testing.T) {
	for name, url := range map[string]func(*evmtest.Chain) string{
		"http": func(c *evmtest.Chain) string { return c.URL },
		"ws":   func(c *evmtest.Chain) string { return c.WS },
	} {
		for coin, tokens := range map[string][]string{"native": nil, "token": {"PlainToken"}, "no-return": {"NoReturnToken"}} {
			t.Run(name+"/"+coin, func(t *testing.T) {
				k := newKitAt(t, url, tokens...)
				redeemedLeg(t, k, k.asset(len(tokens)-1))
			})
		}
	}
}

func redeemedLeg(t *testing.T, k *kit, asset htlc.AssetID) {
	terms := k.terms("swap", 1, asset, evmtest.Ether)
	contract := k.watch(k.payee, terms)
	k.watch(k.payer, terms)
	if err := k.payee.SimulateRedeem(k.Context(), terms, 1, ""); err != nil {
		t.Fatalf("simulation before funding: %v", err)
	}
	if err := k.payer.CheckMeans(k.Context(), "swap", terms, 1, true); err != nil {
		t.Fatalf("payer's means: %v", err)
	}
	if err := k.payee.CheckMeans(k.Context(), "swap", terms, 1, false); err != nil {
		t.Fatalf("payee's means: %v", err)
	}
	if k.funded(k.payee, terms) {
		t.Fatal("funded before funding")
	}
	funding := k.fund("swap", terms)
	if seen := k.sighting(k.payee, adapters.Funded); seen.Contract != contract.ID || seen.TxID != funding.Txs[funding.Lock].ID {
		t.Fatalf("sighting %+v", seen)
	}
	fact := k.mine(k.payee, adapters.Funded)
	if fact.Contract != contract.ID || fact.TxID != funding.Txs[funding.Lock].ID || fact.Ref == "" {
		t.Fatalf("fact %+v", fact)
	}
	if !k.funded(k.payee, terms) {
		t.Fatal("not funded after funding")
	}
	if err := k.payee.SimulateRedeem(k.Context(), terms, 1, fact.Ref); err != nil {
		t.Fatalf("simulation after funding: %v", err)
	}
	tx := k.redeem(terms, 1)
	k.broadcast(k.payee, tx)
	k.broadcast(k.payee, tx) // known bytes are a success
	if seen := k.sighting(k.payer, adapters.Redeemed); seen.Secret == nil || !seen.Secret.Equal(secret(1)) || seen.TxID != tx.ID {
		t.Fatalf("sighting %+v", seen)
	}
	fact = k.mine(k.payer, adapters.Redeemed)
	if fact.Secret == nil || !fact.Secret.Equal(secret(1)) || fact.TxID != tx.ID {
		t.Fatalf("fact %+v", fact)
	}
	k.broadcast(k.payee, tx) // so are mined ones
	if k.funded(k.payee, terms) {
		t.Fatal("funded after the redeem")
	}
	_, err := k.payee.Redeem(k.Context(), adapters.Spend{Terms: terms, Leg: 1, Secret: secret(1)})
	wantReason(t, err, adapters.ErrSpent, "ALREADY_SPENT")
	// Registered after the fact.
	late := k.open(k.Accounts[3], evmtest.NewBook())
	k.watch(late, terms)
	found, _, err := late.Scan(k.Context(), contract.ID, 0, 1<<63)
	if err != nil || len(found) != 2 || found[0].Kind != adapters.Funded || found[1].Kind != adapters.Redeemed {
		t.Fatalf("scan %+v: %v", found, err)
	}
}

func TestRefundedLeg(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	k.watch(k.payer, terms)
	k.fund("swap", terms)
	k.mine(k.payer, adapters.Funded)
	spend := adapters.Spend{Terms: terms, Leg: 1}
	_, err := k.payer.Refund(k.Context(), spend)
	wantReason(t, err, adapters.ErrTooEarly, "TOO_EARLY")
	k.NextBlockAt(uint64(terms.Legs[1].TimeLock))
	k.Commit()
	tx, err := k.payer.Refund(k.Context(), spend)
	if err != nil {
		t.Fatalf("refund: %v", err)
	}
	k.broadcast(k.payer, tx)
	if fact := k.mine(k.payer, adapters.Refunded); fact.TxID != tx.ID {
		t.Fatalf("fact %+v", fact)
	}
}

// A cursor is carried from block to block without gaps, however late the reader comes.
func TestLazyReaderAndRestart(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	cursor := k.tip(k.payee)
	k.fund("swap", terms)
	for range 5 {
		k.Commit()
	}
	k.broadcast(k.payee, k.redeem(terms, 1))
	k.Commit()
	restarted := k.open(k.payee.account, k.payee.book)
	k.watch(restarted, terms)
	var kinds []adapters.FactKind
	for {
		step := k.next(restarted, cursor)
		if step.Kind == adapters.AtTip {
			break
		}
		if step.Kind != adapters.Connect || step.Block.Parent != cursor.Hash || step.Block.Height != cursor.Height+1 {
			t.Fatalf("step %+v after %+v", step, cursor)
		}
		cursor = step.Block
		for _, f := range step.Facts {
			kinds = append(kinds, f.Kind)
		}
	}
	if len(kinds) != 2 || kinds[0] != adapters.Funded || kinds[1] != adapters.Redeemed {
		t.Fatalf("facts %v", kinds)
	}
}

// A reorganisation takes blocks back one by one, and the same funding connects again in the new branch.
func TestSafety_A8_Reorg(t *testing.T) {
	for depth := 1; depth <= 3; depth++ {
		k := newKit(t)
		terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
		k.watch(k.payee, terms)
		cursor := k.tip(k.payee)
		fork := common.Hash(cursor.Hash)
		funding := k.fund("swap", terms)
		for range depth {
			k.Commit()
			cursor = k.next(k.payee, cursor).Block
		}
		if !k.funded(k.payee, terms) {
			t.Fatal("not funded")
		}
		if err := k.Backend.Fork(fork); err != nil {
			t.Fatal(err)
		}
		for range depth + 1 {
			k.Backend.Rollback()
			k.Commit()
		}
		for range depth {
			step := k.next(k.payee, cursor)
			if step.Kind != adapters.Disconnect || step.Block.Hash != cursor.Parent {
				t.Fatalf("depth %d: step %+v", depth, step)
			}
			cursor = step.Block
		}
		if common.Hash(cursor.Hash) != fork || k.funded(k.payee, terms) {
			t.Fatalf("depth %d: the funding was not undone", depth)
		}
		// The same bytes lock again.
		k.broadcast(k.payer, funding.Txs[funding.Lock])
		k.Commit()
		var last adapters.Step
		for last = k.next(k.payee, cursor); last.Kind == adapters.Connect; last = k.next(k.payee, cursor) {
			cursor = last.Block
		}
		if !k.funded(k.payee, terms) {
			t.Fatalf("depth %d: not funded again", depth)
		}
	}
}

// Every field of the leg changes the contract or is refused, and an altered lock never counts as funded.
func TestSafety_A3_AlteredLegs(t *testing.T) {
	k := newKitAt(t, func(c *evmtest.Chain) string { return c.URL }, "PlainToken")
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	good := k.watch(k.payee, terms)
	k.fund("swap", terms)
	k.Commit()
	for name, alter := range map[string]func(*htlc.Terms, *htlc.Leg){
		"payer":  func(_ *htlc.Terms, l *htlc.Leg) { l.PayerKey = k.Accounts[4].Address.Bytes() },
		"payee":  func(_ *htlc.Terms, l *htlc.Leg) { l.PayeeKey = k.Accounts[4].Address.Bytes() },
		"amount": func(_ *htlc.Terms, l *htlc.Leg) { l.Amount = htlc.NewAmount(1) },
		"asset":  func(_ *htlc.Terms, l *htlc.Leg) { l.Asset = k.asset(0) },
		"other coin": func(_ *htlc.Terms, l *htlc.Leg) {
			l.Asset = "eip155:1337/erc20:0x0000000000000000000000000000000000000001"
		},
		"chain":      func(_ *htlc.Terms, l *htlc.Leg) { l.Asset = "eip155:1/slip44:60" },
		"lane":       func(_ *htlc.Terms, l *htlc.Leg) { l.Lane++ },
		"sequence":   func(_ *htlc.Terms, l *htlc.Leg) { l.Sequence++ },
		"deployment": func(_ *htlc.Terms, l *htlc.Leg) { l.Deployment = k.Accounts[4].Address.Bytes() },
		"no deploy":  func(_ *htlc.Terms, l *htlc.Leg) { l.Deployment = nil },
		"time lock":  func(_ *htlc.Terms, l *htlc.Leg) { l.TimeLock++ },
		"time < 0":   func(_ *htlc.Terms, l *htlc.Leg) { l.TimeLock = -1 },
		"zero":       func(_ *htlc.Terms, l *htlc.Leg) { l.Amount = htlc.Amount{} },
		"zero payee": func(_ *htlc.Terms, l *htlc.Leg) { l.PayeeKey = make([]byte, 20) },
		"long payee": func(_ *htlc.Terms, l *htlc.Leg) { l.PayeeKey = make([]byte, 32) },
		"hash":       func(t *htlc.Terms, _ *htlc.Leg) { t.SecretHash = secret(9).Hash() },
		"function":   func(t *htlc.Terms, _ *htlc.Leg) { t.Hash = 2 },
	} {
		altered := terms
		altered.Legs = append([]htlc.Leg(nil), terms.Legs...)
		alter(&altered, &altered.Legs[1])
		c, err := k.payee.Contract(altered, 1)
		if err == nil && (c.ID == good.ID || k.funded(k.payee, altered)) {
			t.Errorf("%s: the altered leg counts as the contract", name)
		}
		if _, err := k.payee.Redeem(k.Context(), adapters.Spend{Terms: altered, Leg: 1, Secret: secret(1)}); err == nil {
			t.Errorf("%s: a redeem was signed", name)
		}
	}
	if !k.funded(k.payee, terms) {
		t.Fatal("the contract itself does not count")
	}
}

func TestQuoteBalancesWithdraw(t *testing.T) {
	k := newKitAt(t, func(c *evmtest.Chain) string { return c.URL }, "PlainToken")
	for _, asset := range []htlc.AssetID{nativeAsset, k.asset(0)} {
		q, err := k.payer.Quote(k.Context(), asset)
		if err != nil || q.Fund.IsZero() || q.Redeem.IsZero() || q.StressRedeem.Cmp(q.Redeem) <= 0 || q.Min.IsZero() || q.Max.Cmp(q.Min) <= 0 {
			t.Fatalf("quote %+v: %v", q, err)
		}
	}
	_, err := k.payer.Quote(k.Context(), "eip155:1337/erc20:0x0000000000000000000000000000000000000001")
	wantReason(t, err, adapters.ErrUnknownAsset, "UNKNOWN_ASSET")

	k.terms("swap", 1, nativeAsset, evmtest.Ether)
	balances, err := k.payer.Balances(k.Context())
	if err != nil || len(balances) != 2 || balances[0].Asset != nativeAsset || balances[0].Reserved.Big().Cmp(evmtest.Ether) <= 0 {
		t.Fatalf("balances %+v: %v", balances, err)
	}
	to := common.HexToAddress("0x00000000000000000000000000000000000000aa")
	for _, w := range []adapters.Withdrawal{
		{Asset: nativeAsset, To: to.Hex(), Amount: htlc.NewAmount(12345)},
		{Asset: k.asset(0), To: to.Hex(), Amount: htlc.NewAmount(777)},
	} {
		tx, err := k.payer.Withdraw(k.Context(), w)
		if err != nil {
			t.Fatalf("withdraw: %v", err)
		}
		k.broadcast(k.payer, tx)
		k.Commit()
	}
	if k.Balance(to).Cmp(big.NewInt(12345)) != 0 {
		t.Fatalf("withdrawn %s", k.Balance(to))
	}
	all := balances[0].Spendable
	_, err = k.payer.Withdraw(k.Context(), adapters.Withdrawal{Asset: nativeAsset, To: to.Hex(), Amount: all})
	wantReason(t, err, adapters.ErrInsufficientFunds, "COINS_RESERVED")
	for _, bad := range []string{"", "0x12", k.htlc.Hex(), common.Address{}.Hex(), "00000000000000000000000000000000000000aa",
		"0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96044"} {
		_, err = k.payer.Withdraw(k.Context(), adapters.Withdrawal{Asset: nativeAsset, To: bad, Amount: htlc.NewAmount(1)})
		wantReason(t, err, adapters.ErrBadAddress, "BAD_ADDRESS")
	}
	status, err := k.payer.Status(k.Context())
	if err != nil || !status.Synced || status.Backend == "" || status.Chain != chainName {
		t.Fatalf("status %+v: %v", status, err)
	}
}
