package evm_test

import (
	"context"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
)

// abandonment of leg 1, final at depth 3.
func abandonment(owner string, terms htlc.Terms, fundings ...adapters.Tx) adapters.Abandonment {
	return adapters.Abandonment{Owner: owner, Terms: terms, Leg: 1, Fundings: fundings, Confirmations: 3}
}

// abandon asks, and wants a transaction or none, and the fundings void or not.
func (k *kit) abandon(req adapters.Abandonment, tx, void bool) *adapters.Tx {
	k.t.Helper()
	got, err := k.payer.Abandon(k.Context(), req)
	if err != nil || (got.Tx != nil) != tx || got.Void != void {
		k.t.Fatalf("abandoned %+v, want a transaction %v, void %v: %v", got, tx, void, err)
	}
	return got.Tx
}

// voidWhenDeep wants no transaction any more, and the fundings void at depth 3 and not before. One block is
// on top already.
func (k *kit) voidWhenDeep(req adapters.Abandonment) {
	k.t.Helper()
	for range 2 {
		k.abandon(req, false, false)
		k.Commit()
	}
	k.abandon(req, false, true)
}

// A funding that was in a block and failed is void without anything more, whether or not the node finds
// its receipt.
func TestFailedFundingIsVoid(t *testing.T) {
	for name, blind := range map[string]bool{"with receipts": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			k, w := newWiredKit(t, "BlockingToken")
			token := &evmtest.Contract{Address: k.tokens[0].Address, ABI: tokenInterface(t, "BlockingToken")}
			terms := k.terms("swap", 1, k.asset(0), evmtest.Ether)
			data, err := token.ABI.Pack("setBlocked", k.htlc, true)
			if err != nil {
				t.Fatal(err)
			}
			k.Must(evmtest.Call{From: k.Accounts[3], To: &token.Address, Data: data})
			funding := k.fund("swap", terms)
			k.mined(k.payer, funding.Txs[1].Nonce)
			if p, found, err := k.payer.Paid(k.Context(), funding.Txs[1].ID); err != nil || !found || !p.Failed {
				t.Fatalf("the funding did not fail: %+v, %v: %v", p, found, err)
			}
			w.set(func(w *wire) { w.noIndex = blind })
			k.voidWhenDeep(abandonment("swap", terms, funding.Txs...))
		})
	}
}

// A funding that locked is not void, however little the node finds of it, and nothing is sent.
func TestMinedFundingIsNotVoid(t *testing.T) {
	k, w := newWiredKit(t)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	req := abandonment("swap", terms, k.fund("swap", terms).Txs...)
	k.Commit()
	w.set(func(w *wire) { w.noIndex = true })
	for range 5 {
		k.abandon(req, false, false)
		k.Commit()
	}
	k.broadcast(k.payee, k.redeem(terms, 1))
	for range 5 {
		k.Commit()
		k.abandon(req, false, false)
	}
}

// Two attempts are out, and the node has lost both. Neither locks: the first has given way to nothing already,
// as the second came after it, and the last is replaced, as nothing of the leg is sent any more.
func TestAbandonTakesAllAttempts(t *testing.T) {
	k, w := newWiredKit(t)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	w.set(func(w *wire) { w.dropTxs = true })
	first, second := k.fund("swap", terms).Txs[0], k.fund("swap", terms).Txs[0]
	w.set(func(w *wire) { w.dropTxs = false })
	if second.Nonce != first.Nonce+1 {
		t.Fatalf("nonces %d and %d", first.Nonce, second.Nonce)
	}
	req := abandonment("swap", terms, first, second)
	tx := k.abandon(req, true, false)
	if tx.Nonce != second.Nonce || tx.Replaces != second.ID || tx.FeeRate*8 < second.FeeRate*9 {
		t.Fatalf("abandonment %+v of %+v", tx, second)
	}
	wantReason(t, k.payer.Broadcast(k.Context(), first), adapters.ErrRejected, "FUNDING_DISPLACED")
	wantReason(t, k.payer.Broadcast(k.Context(), second), adapters.ErrReserved, "NOT_RESERVED")
	_, err := k.payer.Fund(k.Context(), "swap", terms, 1)
	wantReason(t, err, adapters.ErrReserved, "TOO_LATE_TO_FUND")
	req.Replace = tx
	if kept := k.abandon(req, true, false); kept.ID != tx.ID {
		t.Fatalf("%+v replaces what serves", kept)
	}
	k.payer = k.open(k.payer.account, k.payer.book)
	k.broadcast(k.payer, *tx)
	k.mined(k.payer, tx.Nonce)
	if k.funded(k.payer, terms) {
		t.Fatal("an abandoned funding locked")
	}
	k.voidWhenDeep(req)
}

// Nothing of a funding of two was ever announced: its nonces are used up in turn.
func TestAbandonUnannounced(t *testing.T) {
	k := newKitAt(t, func(c *evmtest.Chain) string { return c.URL }, "PlainToken")
	terms := k.terms("swap", 1, k.asset(0), evmtest.Ether)
	req := abandonment("swap", terms, k.signFunding(k.payer, "swap", terms).Txs...)
	for _, funding := range req.Fundings {
		tx := k.abandon(req, true, false)
		if tx.Nonce != funding.Nonce {
			t.Fatalf("nonce %d, want %d", tx.Nonce, funding.Nonce)
		}
		req.Replace = tx
		if kept := k.abandon(req, true, false); kept.ID != tx.ID {
			t.Fatalf("%+v replaces what serves", kept)
		}
		k.broadcast(k.payer, *tx)
		k.Commit()
	}
	k.voidWhenDeep(req)
}

// A redeem has taken the nonce of a funding that was refused: it uses it up, and nothing more is needed.
func TestAbandonBehindARedeem(t *testing.T) {
	k := newKit(t)
	in := k.incoming(1)
	out := k.terms("out", 2, nativeAsset, new(big.Int).Mul(big.NewInt(900), evmtest.Ether))
	k.Must(evmtest.Call{
		From: k.payer.account, To: &k.Accounts[4].Address, Value: new(big.Int).Mul(big.NewInt(200), evmtest.Ether), Gas: 21_000,
	})
	funding := k.signFunding(k.payer, "out", out).Txs[0]
	if err := k.payer.Broadcast(k.Context(), funding); err == nil {
		t.Fatal("not refused")
	}
	redeem := k.urgent(k.payer, in, 1, nil)
	k.broadcast(k.payer, redeem)
	req := abandonment("out", out, funding)
	k.abandon(req, false, false)
	k.mined(k.payer, redeem.Nonce)
	if k.funded(k.payer, in) {
		t.Fatal("not redeemed")
	}
	k.voidWhenDeep(req)
}

// What a spend has done to a funding's nonce already is the abandonment, and is raised as its deadline
// comes near.
func TestAbandonFindsItsNonceUsed(t *testing.T) {
	k := newKit(t)
	in := k.incoming(1)
	out := k.terms("out", 2, nativeAsset, evmtest.Ether)
	funding := k.signFunding(k.payer, "out", out).Txs[0]
	k.spike(new(big.Int).Mul(big.NewInt(2), new(big.Int).SetUint64(funding.FeeRate)))
	k.broadcast(k.payer, funding)
	redeem, err := k.payer.Redeem(k.Context(), adapters.Spend{Terms: in, Leg: 1, Secret: secret(1)})
	if err != nil {
		t.Fatal(err)
	}
	k.broadcast(k.payer, redeem)
	req := abandonment("out", out, funding)
	found := k.abandon(req, true, false)
	if found.Nonce != funding.Nonce || found.Replaces != funding.ID || found.FeeRate < redeem.FeeRate {
		t.Fatalf("%+v", found)
	}
	now := int64(k.Now())
	req.Replace, req.Fees = found, adapters.FeePolicy{Now: now, Deadline: now, Budget: plenty()}
	raised := k.abandon(req, true, false)
	if raised.Replaces != found.ID || raised.FeeRate*8 < found.FeeRate*9 || raised.Fee.Cmp(plenty()) > 0 {
		t.Fatalf("%+v replaces %+v", raised, found)
	}
	k.broadcast(k.payer, *raised)
	k.mined(k.payer, raised.Nonce)
	k.voidWhenDeep(req)
}

// Only fundings of the leg, by our account, can be abandoned.
func TestAbandonRefuses(t *testing.T) {
	k := newKit(t)
	terms, other := k.terms("swap", 1, nativeAsset, evmtest.Ether), k.terms("other", 2, nativeAsset, evmtest.Ether)
	funding := k.signFunding(k.payer, "swap", terms).Txs[0]
	for name, req := range map[string]adapters.Abandonment{
		"nothing": abandonment("swap", terms), "another leg's": abandonment("other", other, funding),
	} {
		_, err := k.payer.Abandon(k.Context(), req)
		t.Log(name)
		wantReason(t, err, adapters.ErrMismatch, "CONTRACT_MISMATCH")
	}
	_, err := k.payee.Abandon(k.Context(), abandonment("swap", terms, funding))
	wantReason(t, err, adapters.ErrMismatch, "CONTRACT_MISMATCH")
}

// stuckJournal cannot write of one nonce.
type stuckJournal struct {
	*evmtest.Book
	nonce uint64
}

func (j stuckJournal) Announce(ctx context.Context, tx adapters.Tx) error {
	if tx.Nonce == j.nonce {
		return context.DeadlineExceeded
	}
	return j.Book.Announce(ctx, tx)
}

// What cannot be journaled is not sent: neither a transaction nor what would replace one before it.
func TestNothingIsSentUnjournaled(t *testing.T) {
	k := newKit(t)
	in := k.incoming(1)
	cheap := k.withdraw(k.payer, 1)
	k.spike(new(big.Int).Mul(big.NewInt(2), new(big.Int).SetUint64(cheap.FeeRate)))
	k.broadcast(k.payer, cheap)
	redeem := k.urgent(k.payer, in, 1, nil)
	stuck := func(nonce uint64) *party {
		return k.openWith(k.payer.account, stuckJournal{k.payer.book, nonce}, k.payer.book)
	}
	if err := stuck(redeem.Nonce).Broadcast(k.Context(), redeem); err == nil {
		t.Fatal("it counts as sent")
	}
	if n, err := k.Client.PendingNonceAt(k.Context(), k.payer.account.Address); err != nil || n != cheap.Nonce+1 {
		t.Fatalf("pending nonce %d: %v", n, err)
	}
	k.broadcast(stuck(cheap.Nonce), redeem)
	if _, _, err := k.Client.TransactionByHash(k.Context(), common.HexToHash(cheap.ID)); err != nil {
		t.Fatalf("the withdrawal was replaced: %v", err)
	}
}
