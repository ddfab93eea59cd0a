package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/adaptertest"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/devnet/bitcoinchain"
)

func TestBitcoin(t *testing.T) {
	t.Parallel()
	adaptertest.Run(t, bitcoinHarness(t))
}

func bitcoinHarness(t *testing.T) adaptertest.Harness {
	t.Helper()
	clock := newManualClock()
	chain, err := bitcoinchain.Start(t.Context(), bitcoinchain.Options{Now: clock.now, MaxClients: 100})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := chain.Close(); err != nil {
			t.Error(err)
		}
	})
	user, password := chain.Credentials()
	e := newEndpoint(t, chain.URL(), otherGenesis(t, chain.URL()))
	wallets := &bitcoinWallets{
		url: e.URL(), user: user, password: password,
		pay: func(t *testing.T, script []byte, satoshi int64) {
			if _, err := chain.Pay(t.Context(), script, satoshi); err != nil {
				t.Fatal(err)
			}
		},
	}
	devnet := &bitcoinDevnet{chain: chain, clock: clock}
	wallets.mine = devnet.Mine
	return adaptertest.Harness{Profile: bitcoinProfile(), Parties: wallets, Chain: devnet, Endpoint: e}
}

func bitcoinProfile() adaptertest.Profile {
	return adaptertest.Profile{
		Asset: bitcoin.Regtest().Asset, Amount: htlc.NewAmount(5_000_000), Coin: htlc.NewAmount(6_000_000), Timing: shortTiming(),
		Consents: []htlc.Intent{htlc.IntentRedeem, htlc.IntentRefund},
		Nowhere: []string{
			"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", // of another network
			"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt081",                   // a wrong checksum
			"0x00000000000000000000000000000000000000aa",
		},
	}
}

// shortTiming keeps the time locks of a ring within minutes.
func shortTiming() htlc.Timing {
	return htlc.Timing{
		ClockLead: 5, ClockLag: 10, FundWindow: 40, BuryFund: 10, BuryRedeem: 20, BuryRefund: 20, Sighting: 5,
	}
}

// manualClock is a wall clock that stands until it is set.
type manualClock struct {
	mu sync.Mutex
	at time.Time
}

func newManualClock() *manualClock { return &manualClock{at: time.Unix(time.Now().Unix(), 0)} }

func (c *manualClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *manualClock) set(to int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := time.Unix(to, 0); at.After(c.at) {
		c.at = at
	}
}

// bitcoinWallets is adaptertest.Parties for the Bitcoin family.
type bitcoinWallets struct {
	url, user, password string
	pay                 func(t *testing.T, script []byte, satoshi int64)
	mine                func(t *testing.T, n int)

	all []bitcoinWallet
}

type bitcoinWallet struct {
	keys  bitcointest.Keys
	book  *bitcointest.Book
	birth uint64
}

func (w *bitcoinWallets) New(t *testing.T, coins ...htlc.Amount) adaptertest.Party {
	t.Helper()
	p := adaptertest.Party(len(w.all))
	w.all = append(w.all, bitcoinWallet{
		keys: bitcointest.Keys(fmt.Sprintf("%s %d", t.Name(), p)), book: bitcointest.NewBook(),
	})
	tip, err := w.Open(t, p).Tip(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// A wallet that is new has nothing to look for in the blocks before it.
	w.all[p].birth = tip.Height
	if len(coins) == 0 {
		return p
	}
	script := scriptOf(t, w.Open(t, p), bitcoin.Regtest())
	for _, coin := range coins {
		satoshi, _ := coin.Uint64()
		w.pay(t, script, int64(satoshi))
	}
	w.mine(t, 1)
	return p
}

func scriptOf(t *testing.T, a adaptertest.Adapter, params bitcoin.Params) []byte {
	t.Helper()
	text, err := a.Address(t.Context(), params.Asset)
	if err != nil {
		t.Fatal(err)
	}
	to, err := address.DecodeAddress(text, params.Net)
	if err != nil {
		t.Fatal(err)
	}
	script, err := txscript.PayToAddrScript(to)
	if err != nil {
		t.Fatal(err)
	}
	return script
}

func (w *bitcoinWallets) Open(t *testing.T, p adaptertest.Party) adaptertest.Adapter {
	t.Helper()
	mine := w.all[p]
	a, err := bitcoin.Open(t.Context(), bitcoin.Config{
		Chain: bitcoin.Regtest().Chain, URL: w.url, User: w.user, Password: bitcoin.Password(w.password),
		Birth: mine.birth, PollInterval: 5 * time.Millisecond,
	}, bitcoin.NewLocalSigner(mine.keys), mine.book, mine.book, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// bitcoinDevnet is adaptertest.Chain.
type bitcoinDevnet struct {
	chain *bitcoinchain.Chain
	clock *manualClock
}

func (c *bitcoinDevnet) Mine(t *testing.T, n int) {
	t.Helper()
	if _, err := c.chain.Mine(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}

func (c *bitcoinDevnet) Reorg(t *testing.T, depth int, keep bool) {
	t.Helper()
	if _, err := c.chain.Reorg(t.Context(), bitcoinchain.Reorg{Depth: depth, Empty: !keep, Evict: !keep}); err != nil {
		t.Fatal(err)
	}
}

func (c *bitcoinDevnet) AdvanceClock(t *testing.T, to int64) {
	t.Helper()
	c.clock.set(to)
	for c.chain.Tip().MedianTime.Unix() < to {
		if _, err := c.chain.MineAt(t.Context(), time.Unix(to, 0)); err != nil {
			t.Fatal(err)
		}
	}
}

// FeePaid: in this family a fee is what was signed.
func (c *bitcoinDevnet) FeePaid(_ *testing.T, tx adapters.Tx) htlc.Amount { return tx.Fee }

// otherGenesis serves the node's chain as if it had begun with another block:
// all chains in this process have the genesis block of regtest.
func otherGenesis(t *testing.T, node string) string {
	t.Helper()
	target, err := url.Parse(node)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var call struct {
			ID     json.RawMessage
			Method string
			Params []json.RawMessage
		}
		if json.Unmarshal(body, &call) == nil && call.Method == "getblockhash" && string(call.Params[0]) == "0" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"result":%q,"error":null,"id":%s}`, chaincfg.SimNetParams.GenesisHash, call.ID)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		proxy.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
	}))
	t.Cleanup(server.Close)
	return server.URL
}
