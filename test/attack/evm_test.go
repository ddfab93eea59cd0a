//go:build attack

package attack

import (
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
)

// world is an Ethereum chain with the deployment. we and they have one account
// each.
type world struct {
	*evmtest.Chain
	t        *testing.T
	we, they *evm.Adapter
	tokens   []evm.Token
}

func newWorld(t *testing.T, tokens ...string) *world {
	t.Helper()
	c := evmtest.NewChain(t, evmtest.Osaka())
	c.DeployHtlc()
	w := &world{Chain: c, t: t}
	for _, name := range tokens {
		token := c.Deploy(name)
		w.tokens = append(w.tokens, evm.Token{Address: token.Address, Min: htlc.NewAmount(1)})
		token.Must(c.Accounts[2], "mint", c.Accounts[2].Address, new(big.Int).Mul(big.NewInt(1000), evmtest.Ether))
	}
	w.we, w.they = w.adapter(c.Accounts[1]), w.adapter(c.Accounts[2])
	return w
}

func (w *world) adapter(account evmtest.Account) *evm.Adapter {
	w.t.Helper()
	book := evmtest.NewBook()
	a, err := evm.Open(w.Context(), evm.Config{
		Chain: eth.Chain(), URL: w.URL, Tokens: w.tokens, Bury: 3, Lanes: 4, PollInterval: 5 * time.Millisecond,
	}, evmtest.Signer{Account: account}, book, book, slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(a.Close)
	return a
}

// agree makes Terms of which leg 1 goes from payer to payee.
func (w *world) agree(owner string, payer, payee *evm.Adapter, amount *big.Int) htlc.Terms {
	return w.agreeOn(eth, owner, payer, payee, amount)
}

func (w *world) agreeOn(asset htlc.AssetID, owner string, payer, payee *evm.Adapter, amount *big.Int) htlc.Terms {
	w.t.Helper()
	value, err := htlc.AmountFromBig(amount)
	if err != nil {
		w.t.Fatal(err)
	}
	part, err := payer.Reserve(w.Context(), adapters.Reservation{Owner: owner, Asset: asset, Amount: value, Leg: 1})
	if err != nil {
		w.t.Fatalf("reserve: %v", err)
	}
	key, err := payee.PayeeKey(w.Context(), asset, htlc.Salt{}, 1)
	if err != nil {
		w.t.Fatal(err)
	}
	now := int64(w.Now())
	return htlc.Terms{
		Version: htlc.Version, Hash: htlc.HashSHA256, SecretHash: theSecret().Hash(), Salt: htlc.Salt{1},
		Parties: []htlc.PartyID{{1}, {2}},
		Legs: []htlc.Leg{
			{Payee: 1, Asset: btc, Amount: htlc.NewAmount(1)},
			{
				Payer: 1, Asset: asset, Amount: value, PayerKey: part.Key, PayeeKey: key, Deployment: part.Deployment,
				Lane: part.Lane, Sequence: part.Sequence, MinConfirmations: 1, FundBy: now + 600, TimeLock: now + 3600,
			},
		},
	}
}

func (w *world) sign(owner string, payer *evm.Adapter, tm htlc.Terms) adapters.Tx {
	w.t.Helper()
	f, err := payer.Fund(w.Context(), owner, tm, 1)
	if err != nil {
		w.t.Fatalf("fund: %v", err)
	}
	return f.Txs[0]
}

func (w *world) send(a *evm.Adapter, tx adapters.Tx) {
	w.t.Helper()
	if err := a.Broadcast(w.Context(), tx); err != nil {
		w.t.Fatalf("broadcast: %v", err)
	}
}

func (w *world) locked(tm htlc.Terms) bool {
	w.t.Helper()
	tip, err := w.we.Tip(w.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	ok, err := w.we.Funded(w.Context(), tm, 1, "", tip)
	if err != nil {
		w.t.Fatal(err)
	}
	return ok
}

func (w *world) baseFee() *big.Int {
	w.t.Helper()
	h, err := w.Client.HeaderByNumber(w.Context(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return h.BaseFee
}

// spike fills blocks with burnt gas until the base fee is above the limit.
func (w *world) spike(limit *big.Int) {
	w.t.Helper()
	nonce := uint64(0)
	for range 80 {
		if w.baseFee().Cmp(limit) > 0 {
			return
		}
		h, err := w.Client.HeaderByNumber(w.Context(), nil)
		if err != nil {
			w.t.Fatal(err)
		}
		for left := h.GasLimit; left > 1_000_000; {
			gas := min(left, 3_000_000)
			tx, err := types.SignNewTx(w.Accounts[3].Key, types.LatestSigner(w.Config), &types.DynamicFeeTx{
				ChainID: w.ID, Nonce: nonce, GasTipCap: big.NewInt(2 * params.GWei), GasFeeCap: big.NewInt(300 * params.GWei),
				Gas: gas, Value: new(big.Int), Data: []byte{0xfe},
			})
			if err != nil {
				w.t.Fatal(err)
			}
			w.Submit(tx)
			left -= gas
			nonce++
		}
		w.Commit()
	}
	w.t.Fatalf("base fee %s", w.baseFee())
}

func redeem(w *world, a *evm.Adapter, tm htlc.Terms, old *adapters.Tx) adapters.Tx {
	w.t.Helper()
	now := int64(w.Now())
	budget, _ := htlc.AmountFromBig(new(big.Int).Div(evmtest.Ether, big.NewInt(2)))
	tx, err := a.Redeem(w.Context(), adapters.Spend{
		Terms: tm, Leg: 1, Secret: theSecret(), Replace: old,
		Fees: adapters.FeePolicy{Now: now, Deadline: now, Budget: budget}, // the deadline is now: pay anything
	})
	if err != nil {
		w.t.Fatalf("redeem: %v", err)
	}
	return tx
}

// Swap B's funding stands in the mempool at nonce n when gas gets dearer than
// its cap. Nobody ever bumps it, so swap A's redeem at nonce n+1 cannot be
// mined, whatever it pays, and A's payer refunds.
func TestUnderpricedFundingBlocksARedeem(t *testing.T) {
	w := newWorld(t)
	one := evmtest.Ether
	a := w.agree("A", w.they, w.we, one)
	w.send(w.they, w.sign("A", w.they, a))
	w.Commit()
	if !w.locked(a) {
		t.Fatal("A is not locked")
	}
	b := w.agree("B", w.we, w.they, one)
	funding := w.sign("B", w.we, b)
	w.spike(new(big.Int).Mul(big.NewInt(3), new(big.Int).SetUint64(funding.FeeRate)))
	w.send(w.we, funding)
	var last *adapters.Tx
	for range 6 { // the runner asks again with every block
		tx := redeem(w, w.we, a, last)
		w.send(w.we, tx)
		last = &tx
		w.Commit()
		if !w.locked(a) {
			return
		}
	}
	t.Errorf("LOST: the redeem offers %d gwei per gas, base fee %d gwei, and waits behind a funding of %d gwei at nonce %d",
		last.FeeRate/params.GWei, new(big.Int).Div(w.baseFee(), big.NewInt(params.GWei)), funding.FeeRate/params.GWei, funding.Nonce)
}

// The node has lost a funding. Long after its fund-by time and its time lock
// the account sends something else, and Broadcast sends the old funding again
// with it. Its incoming leg is long gone.
func TestResendRevivesAnExpiredFunding(t *testing.T) {
	w := newWorld(t)
	b := w.agree("B", w.we, w.they, evmtest.Ether)
	w.send(w.we, w.sign("B", w.we, b))
	w.Backend.Rollback() // the pool drops it
	if err := w.Backend.AdjustTime(48 * time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := w.we.Release(w.Context(), "B"); err != nil {
		t.Fatal(err)
	}
	other, err := w.we.Withdraw(w.Context(), adapters.Withdrawal{Asset: eth, To: w.Accounts[4].Address.Hex(), Amount: htlc.NewAmount(1)})
	if err != nil {
		t.Fatal(err)
	}
	w.send(w.we, other)
	w.Commit()
	if w.locked(b) {
		t.Errorf("LOST: leg locked at %d, fund-by %d, time lock %d", w.Now(), b.Legs[1].FundBy, b.Legs[1].TimeLock)
	}
}

// A transaction that the node refuses for good owns its nonce for ever. What
// comes after it waits for ever. Here the funding of B is refused because the
// balance has shrunk since the reservation; gas above the stress fee does the
// same to an account whose coins are all reserved.
func TestRefusedTransactionLeavesANonceGap(t *testing.T) {
	w := newWorld(t)
	a := w.agree("A", w.they, w.we, evmtest.Ether)
	w.send(w.they, w.sign("A", w.they, a))
	w.Commit()
	b := w.agree("B", w.we, w.they, new(big.Int).Mul(big.NewInt(900), evmtest.Ether))
	to := common.Address{9}
	w.Must(evmtest.Call{From: w.Accounts[1], To: &to, Value: new(big.Int).Mul(big.NewInt(200), evmtest.Ether), Gas: 21_000})
	funding := w.sign("B", w.we, b)
	err := w.we.Broadcast(w.Context(), funding)
	if err == nil {
		t.Fatal("the node took it")
	}
	t.Logf("funding refused: %v", err)
	var last *adapters.Tx
	for range 6 {
		tx := redeem(w, w.we, a, last)
		w.send(w.we, tx)
		last = &tx
		w.Commit()
		if !w.locked(a) {
			return
		}
	}
	t.Errorf("LOST: the redeem has nonce %d, the refused funding keeps nonce %d", last.Nonce, funding.Nonce)
}

// The gate has seen the means to redeem A. They are reserved for nobody: the
// owner's withdrawal, or another swap's funding, takes the last coin, and A
// cannot be redeemed.
func TestRedeemMeansAreNotKept(t *testing.T) {
	w := newWorld(t)
	a := w.agree("A", w.they, w.we, evmtest.Ether)
	w.send(w.they, w.sign("A", w.they, a))
	w.Commit()
	if err := w.we.CheckMeans(w.Context(), "A", a, 1, false); err != nil {
		t.Fatal(err)
	}
	// The funding gate has passed on this; our BTC leg is locked now.
	tip, err := w.Client.SuggestGasTipCap(w.Context())
	if err != nil {
		t.Fatal(err)
	}
	perGas := new(big.Int).Add(new(big.Int).Lsh(w.baseFee(), 1), tip)
	fee := new(big.Int).Mul(perGas, big.NewInt(21_000*13/10))
	all, _ := htlc.AmountFromBig(new(big.Int).Sub(w.Balance(w.Accounts[1].Address), fee))
	tx, err := w.we.Withdraw(w.Context(), adapters.Withdrawal{Asset: eth, To: w.Accounts[4].Address.Hex(), Amount: all})
	if err != nil {
		return // refused: that is right
	}
	w.send(w.we, tx)
	w.Commit()
	_, err = w.we.Redeem(w.Context(), adapters.Spend{Terms: a, Leg: 1, Secret: theSecret()})
	t.Errorf("LOST: a withdrawal took the gas of an open swap's redeem; %s wei are left; redeem now: %v", w.Balance(w.Accounts[1].Address), err)
}

// The budget of a token's redeem is what the node computes at its start: redeem
// and refund at the stress rate of 50 gwei, whatever the value at risk. Above
// some 77 gwei a redeem of a million is not even signed, also with a thousand
// coins for gas in the account, until the payer takes it back.
func TestFeeSpikeStopsATokenRedeem(t *testing.T) {
	w := newWorld(t, "PlainToken")
	asset := htlc.AssetID(string(eth.Chain()) + "/erc20:" + strings.ToLower(w.tokens[0].Address.Hex()))
	a := w.agreeOn(asset, "A", w.they, w.we, new(big.Int).Mul(big.NewInt(1000), evmtest.Ether))
	f, err := w.they.Fund(w.Context(), "A", a, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, tx := range f.Txs {
		w.send(w.they, tx)
	}
	w.Commit()
	if !w.locked(a) {
		t.Fatal("not locked")
	}
	quote, err := w.we.Quote(w.Context(), asset) // as internal/node/money.go does
	if err != nil {
		t.Fatal(err)
	}
	budget, err := quote.StressRedeem.Add(quote.StressRefund)
	if err != nil {
		t.Fatal(err)
	}
	w.spike(big.NewInt(130 * params.GWei))
	now := int64(w.Now())
	_, err = w.we.Redeem(w.Context(), adapters.Spend{
		Terms: a, Leg: 1, Secret: theSecret(), Fees: adapters.FeePolicy{Now: now, Deadline: now, Budget: budget},
	})
	if err != nil {
		t.Errorf("LOST: at the deadline, base fee %d gwei: %v", new(big.Int).Div(w.baseFee(), big.NewInt(params.GWei)), err)
	}
}
