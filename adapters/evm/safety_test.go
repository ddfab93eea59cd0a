package evm_test

import (
	"bytes"
	"encoding/hex"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/params"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
)

// wire passes requests on to a node, and can change the node or drop transactions.
type wire struct {
	mu      sync.Mutex
	target  string
	dropTxs bool
	noIndex bool   // transactions and receipts are not found by hash
	indexes bool   // and the node says why
	refuse  string // a transaction that the node will not take, in hex
	down    bool
	seen    bytes.Buffer
}

func newWire(t *testing.T, target string) (*wire, string) {
	t.Helper()
	w := &wire{target: target}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	return w, server.URL
}

func (w *wire) set(change func(*wire)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

func (w *wire) log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen.String()
}

func (w *wire) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(in.Body)
	w.mu.Lock()
	target, drop, blind, why, refuse, down := w.target, w.dropTxs, w.noIndex, w.indexes, w.refuse, w.down
	w.seen.Write(body)
	w.mu.Unlock()
	if err != nil || down {
		http.Error(out, "down", http.StatusBadGateway)
		return
	}
	instead := ""
	switch {
	case drop && bytes.Contains(body, []byte("eth_sendRawTransaction")):
		instead = `"result":"0x` + strings.Repeat("00", 32) + `"`
	case refuse != "" && bytes.Contains(body, []byte(refuse)):
		instead = `"error":{"code":-32000,"message":"insufficient funds for gas * price + value"}`
	case blind && (bytes.Contains(body, []byte("eth_getTransactionReceipt")) || bytes.Contains(body, []byte("eth_getTransactionByHash"))):
		instead = `"result":null`
		if why {
			instead = `"error":{"code":-32000,"message":"transaction indexing is in progress"}`
		}
	}
	if instead != "" {
		out.Header().Set("Content-Type", "application/json")
		id := body[bytes.Index(body, []byte(`"id":`))+5:]
		id = id[:bytes.IndexByte(id, ',')]
		_, _ = io.WriteString(out, `{"jsonrpc":"2.0","id":`+string(id)+`,`+instead+`}`)
		return
	}
	answer, err := http.Post(target, "application/json", bytes.NewReader(body))
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = answer.Body.Close() }()
	out.Header().Set("Content-Type", "application/json")
	_, _ = io.Copy(out, answer.Body)
}

func newWiredKit(t *testing.T, tokens ...string) (*kit, *wire) {
	t.Helper()
	var w *wire
	k := newKitAt(t, func(c *evmtest.Chain) string {
		var url string
		w, url = newWire(t, c.URL)
		return url
	}, tokens...)
	return k, w
}

// The real secret is in no request before the redeem is broadcast: not in a simulation, an estimate or a
// check, before and after the lock.
func TestSafety_A6_NoSecretOnTheWireBeforeBroadcast(t *testing.T) {
	k, w := newWiredKit(t)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	k.watch(k.payee, terms)
	simulate := func() {
		if err := k.payee.SimulateRedeem(k.Context(), terms, 1, ""); err != nil {
			t.Fatal(err)
		}
	}
	simulate()
	k.fund("swap", terms)
	k.mine(k.payee, adapters.Funded)
	simulate()
	tx := k.redeem(terms, 1)
	raw := secret(1).Reveal()
	if strings.Contains(w.log(), hex.EncodeToString(raw[:])) {
		t.Fatal("the secret left the process before the broadcast")
	}
	k.broadcast(k.payee, tx)
	if !strings.Contains(w.log(), hex.EncodeToString(raw[:])) {
		t.Fatal("the test does not see the secret at all")
	}
}

// simulation wants the redeem of leg 1 to run, or to be refused.
func (k *kit) simulation(terms htlc.Terms, ref string, ok bool) {
	k.t.Helper()
	err := k.payee.SimulateRedeem(k.Context(), terms, 1, ref)
	if ok && err != nil {
		k.t.Fatalf("simulation: %v; the chain: %s", err, k.Story())
	}
	if !ok {
		wantReason(k.t, err, adapters.ErrRejected, "REDEEM_SIMULATION_FAILED")
	}
}

// The simulation finds a payee that refuses its coins, before and after the lock.
func TestSafety_C5_SimulationFindsRefusingPayee(t *testing.T) {
	k := newKit(t)
	refusing := k.Deploy("RefusingAccount")
	terms := k.terms("refusing", 1, nativeAsset, evmtest.Ether)
	terms.Legs[1].PayeeKey = refusing.Address.Bytes()
	k.simulation(terms, "", false)
	k.fund("refusing", terms)
	k.Commit()
	k.simulation(terms, "funded", false)
	refusing.Must(k.Accounts[3], "setAccepting", true)
	k.simulation(terms, "funded", true)
}

// The simulation finds a block list, of the payee or of the deployment, before and after the lock.
func TestSafety_C3_SimulationFindsBlockList(t *testing.T) {
	k := newKitAt(t, func(c *evmtest.Chain) string { return c.URL }, "BlockingToken")
	token := &evmtest.Contract{Address: k.tokens[0].Address, ABI: tokenInterface(t, "BlockingToken")}
	block := func(account common.Address, blocked bool) {
		t.Helper()
		data, err := token.ABI.Pack("setBlocked", account, blocked)
		if err != nil {
			t.Fatal(err)
		}
		k.Must(evmtest.Call{From: k.Accounts[3], To: &token.Address, Data: data})
	}
	tokenTerms := k.terms("token", 2, k.asset(0), evmtest.Ether)
	k.simulation(tokenTerms, "", true)
	block(k.payee.account.Address, true)
	k.simulation(tokenTerms, "", false)
	block(k.payee.account.Address, false)
	k.fund("token", tokenTerms)
	k.Commit()
	k.simulation(tokenTerms, "funded", true)
	block(k.htlc, true)
	k.simulation(tokenTerms, "funded", false)
}

// A look-alike contract with the same events gives no facts, and is not accepted as deployment.
func TestSafety_C7_LookAlike(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	contract := k.watch(k.payee, terms)
	fake := k.Deploy("LookAlike")
	id, raw := common.HexToHash(contract.ID), secret(1).Reveal()
	cursor := k.tip(k.payee)
	fake.Must(k.Accounts[3], "emitFunded", id)
	fake.Must(k.Accounts[3], "emitRedeemed", id, raw)
	fake.Must(k.Accounts[3], "emitRefunded", id)
	for step := k.next(k.payee, cursor); step.Kind == adapters.Connect; step = k.next(k.payee, cursor) {
		if len(step.Facts) != 0 {
			t.Fatalf("facts from a look-alike: %+v", step.Facts)
		}
		cursor = step.Block
	}
	if found, _, err := k.payee.Scan(k.Context(), contract.ID, 0, cursor.Height); err != nil || len(found) != 0 {
		t.Fatalf("scan %+v: %v", found, err)
	}
	if k.funded(k.payee, terms) {
		t.Fatal("funded by events alone")
	}
	// Where the code is not there (yet), nothing is believed.
	first, err := k.Client.HeaderByNumber(k.Context(), common.Big1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.payee.Funded(k.Context(), terms, 1, "", adapters.BlockRef{Height: 1, Hash: adapters.Hash(first.Hash())})
	wantReason(t, err, adapters.ErrMismatch, "WRONG_DEPLOYMENT")
	config := k.config()
	config.Deployment = fake.Address
	book := evmtest.NewBook()
	_, err = evm.Open(k.Context(), config, evmtest.Signer{Account: k.Accounts[2]}, book, book, slog.New(slog.DiscardHandler))
	wantReason(t, err, adapters.ErrMismatch, "WRONG_DEPLOYMENT")
}

// An endpoint that turns to another chain in the middle of a swap is noticed by every call that asks it.
func TestSafety_C8_EndpointChangesChain(t *testing.T) {
	k, w := newWiredKit(t)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	k.watch(k.payee, terms)
	funding := k.fund("swap", terms)
	k.Commit()
	cursor := k.tip(k.payee)
	redeem := k.redeem(terms, 1)

	sameID := evmtest.NewChainWith(t, evmtest.Osaka(), map[common.Address]*big.Int{{1}: big.NewInt(1)})
	foreign := evmtest.Osaka()
	foreign.ChainID = big.NewInt(31337)
	otherID := evmtest.NewChain(t, foreign)
	for _, target := range []string{sameID.URL, otherID.URL} {
		w.set(func(w *wire) { w.target = target })
		ctx := k.Context()
		_, errTip := k.payee.Tip(ctx)
		_, errNext := k.payee.Next(ctx, cursor)
		_, errPool := k.payee.Mempool(ctx)
		_, errState := k.payee.Funded(ctx, terms, 1, "", cursor)
		_, errStatus := k.payee.Status(ctx)
		_, errRedeem := k.payee.Redeem(ctx, adapters.Spend{Terms: terms, Leg: 1, Secret: secret(1)})
		_, errFund := k.payer.Fund(ctx, "swap", terms, 1)
		_, errReserve := k.payer.Reserve(ctx, adapters.Reservation{Owner: "x", Asset: nativeAsset, Amount: htlc.NewAmount(1)})
		for name, err := range map[string]error{
			"tip": errTip, "next": errNext, "mempool": errPool, "funded": errState, "status": errStatus,
			"redeem": errRedeem, "fund": errFund, "reserve": errReserve,
			"simulate": k.payee.SimulateRedeem(ctx, terms, 1, "x"), "broadcast": k.payee.Broadcast(ctx, redeem),
			"broadcast funding": k.payer.Broadcast(ctx, funding.Txs[0]),
		} {
			if !adapters.Retryable(err) {
				t.Errorf("%s: %v is not retryable", name, err)
			}
			wantReason(t, err, adapters.ErrWrongChain, "WRONG_CHAIN")
		}
		w.set(func(w *wire) { w.target = k.URL })
		if _, err := k.payee.Next(k.Context(), cursor); err != nil {
			t.Fatalf("back on the right chain: %v", err)
		}
	}
	book := evmtest.NewBook()
	config := k.config()
	config.Genesis = common.Hash{1}
	_, err := evm.Open(k.Context(), config, evmtest.Signer{Account: k.Accounts[2]}, book, book, slog.New(slog.DiscardHandler))
	wantReason(t, err, adapters.ErrWrongChain, "WRONG_CHAIN")
}

// A funding that the node lost leaves no gap that holds up the next one: its nonce is used up by nothing,
// since its gate may have closed meanwhile, and its owner, asked by nobody but that gate, signs it again.
func TestSafety_C9_DroppedTransaction(t *testing.T) {
	k, w := newWiredKit(t)
	first, second := k.terms("one", 1, nativeAsset, evmtest.Ether), k.terms("two", 2, nativeAsset, evmtest.Ether)
	w.set(func(w *wire) { w.dropTxs = true })
	lost := k.fund("one", first).Txs[0]
	w.set(func(w *wire) { w.dropTxs = false })
	// A restart in between: the journal knows the nonce.
	k.payer = k.open(k.payer.account, k.payer.book)
	next := k.fund("two", second).Txs[0]
	k.mined(k.payer, next.Nonce)
	if k.funded(k.payer, first) || !k.funded(k.payer, second) {
		t.Fatal("a nonce gap holds up the second funding, or the first was sent again without its gate")
	}
	wantReason(t, k.payer.Broadcast(k.Context(), lost), adapters.ErrNonceTaken, "NONCE_TAKEN")
	k.fund("one", first)
	k.Commit()
	if !k.funded(k.payer, first) {
		t.Fatal("the lost funding is not signed again")
	}
}

// Two stored transactions with one nonce: the first broadcast owns it, the other is signed again, and a
// prepared transaction that is never broadcast blocks nothing.
func TestSafety_C9_PreparedTransactionsShareANonce(t *testing.T) {
	k := newKit(t)
	first, second := k.terms("one", 1, nativeAsset, evmtest.Ether), k.terms("two", 2, nativeAsset, evmtest.Ether)
	k.fund("one", first)
	k.fund("two", second)
	k.Commit()
	a, b := k.redeem(first, 1), k.redeem(second, 2)
	if a.Nonce != b.Nonce {
		t.Fatal("a prepared transaction owns a nonce before its broadcast")
	}
	k.broadcast(k.payee, b)
	err := k.payee.Broadcast(k.Context(), a)
	wantReason(t, err, evm.ErrNonceTaken, "NONCE_TAKEN")
	again, err := k.payee.Redeem(k.Context(), adapters.Spend{Terms: first, Leg: 1, Secret: secret(1), Replace: &a})
	if err != nil || again.Nonce != b.Nonce+1 || again.Replaces != a.ID {
		t.Fatalf("signed again: %+v: %v", again, err)
	}
	k.broadcast(k.payee, again)
	k.Commit()
	if k.funded(k.payee, first) || k.funded(k.payee, second) {
		t.Fatal("not both redeemed")
	}
}

// Another process uses the account: its nonce is noticed, at signing and at broadcasting.
func TestSafety_C9_TwoProcesses(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	k.fund("swap", terms)
	k.Commit()
	tx := k.redeem(terms, 1)
	other := k.open(k.payee.account, evmtest.NewBook())
	to := k.Accounts[4].Address.Hex()
	pay, err := other.Withdraw(k.Context(), adapters.Withdrawal{Asset: nativeAsset, To: to, Amount: htlc.NewAmount(5)})
	if err != nil || pay.Nonce != tx.Nonce {
		t.Fatalf("%+v: %v", pay, err)
	}
	k.broadcast(other, pay)
	k.Commit()
	err = k.payee.Broadcast(k.Context(), tx)
	wantReason(t, err, evm.ErrNonceTaken, "NONCE_TAKEN")
	again, err := k.payee.Redeem(k.Context(), adapters.Spend{Terms: terms, Leg: 1, Secret: secret(1), Replace: &tx})
	if err != nil || again.Nonce != tx.Nonce+1 {
		t.Fatalf("signed again: %+v: %v", again, err)
	}
	k.broadcast(k.payee, again)
	k.Commit()
	if k.funded(k.payee, terms) {
		t.Fatal("not redeemed")
	}
}

// The same stored spend serves until the fee must rise by a tenth; then it is replaced at its nonce, by
// more than a tenth, and the node takes it. The budget is never exceeded.
func TestSafety_C9_Replacement(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	k.fund("swap", terms)
	k.Commit()
	budget, err := htlc.AmountFromBig(new(big.Int).Mul(big.NewInt(80_000), gwei(100)))
	if err != nil {
		t.Fatal(err)
	}
	spend := adapters.Spend{
		Terms: terms, Leg: 1, Secret: secret(1),
		Fees: adapters.FeePolicy{Now: 1000, Deadline: 1000 + 2*evm.DefaultClimbWindow, Budget: budget},
	}
	tx, err := k.payee.Redeem(k.Context(), spend)
	if err != nil {
		t.Fatal(err)
	}
	k.broadcast(k.payee, tx)
	spend.Replace = &tx
	same, err := k.payee.Redeem(k.Context(), spend)
	if err != nil || same.ID != tx.ID {
		t.Fatalf("far from the deadline it was replaced: %v", err)
	}
	rate, replaced := tx.FeeRate, 0
	for now := spend.Fees.Deadline - evm.DefaultClimbWindow; now <= spend.Fees.Deadline+60; now += 60 {
		spend.Fees.Now = now
		next, err := k.payee.Redeem(k.Context(), spend)
		if err != nil {
			t.Fatal(err)
		}
		if next.Fee.Cmp(budget) > 0 {
			t.Fatalf("fee %s beyond the budget %s", next.Fee, budget)
		}
		if next.ID == spend.Replace.ID {
			continue
		}
		if next.Nonce != tx.Nonce || next.Replaces != spend.Replace.ID || next.FeeRate*10 < rate*11 {
			t.Fatalf("replacement %+v of %+v", next, spend.Replace)
		}
		k.broadcast(k.payee, next)
		rate, replaced = next.FeeRate, replaced+1
		spend.Replace = &next
	}
	if replaced == 0 || rate < 80*params.GWei {
		t.Fatalf("%d replacements, the last at %d wei per gas", replaced, rate)
	}
	k.Commit()
	if k.funded(k.payee, terms) {
		t.Fatal("not redeemed")
	}
	// Mined in another version: broadcasting any of them again is settled by the contract, not by them.
	if err := k.payee.Broadcast(k.Context(), tx); err == nil {
		t.Fatal("a replaced transaction counts as mined")
	}
}

// An endpoint that is down gives a retryable error of its kind.
func TestUnreachable(t *testing.T) {
	k, w := newWiredKit(t)
	w.set(func(w *wire) { w.down = true })
	_, err := k.payee.Tip(k.Context())
	wantReason(t, err, adapters.ErrUnreachable, "NODE_UNREACHABLE")
}
