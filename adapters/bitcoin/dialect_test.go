package bitcoin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
)

// answers is a node that says the same to a method every time: a result, or an
// error object, which Core sends with status 500.
func answers(t *testing.T, replies map[string]string) *Adapter {
	t.Helper()
	replies["getblockhash"] = fmt.Sprintf("%q", Regtest().Net.GenesisHash)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct{ Method string }
		if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
			t.Error(err)
			return
		}
		result, known := replies[call.Method]
		switch {
		case !known:
			w.WriteHeader(http.StatusNotFound)
			_, _ = fmt.Fprint(w, `{"result":null,"error":{"code":-32601,"message":"Method not found"},"id":1}`)
		case strings.HasPrefix(result, `{"code"`):
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = fmt.Fprintf(w, `{"result":null,"error":%s,"id":1}`, result)
		default:
			_, _ = fmt.Fprintf(w, `{"result":%s,"error":null,"id":1}`, result)
		}
	}))
	t.Cleanup(server.Close)
	rpc, err := newRPCClient(server.URL, "", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rpc.http.CloseIdleConnections)
	a := &Adapter{params: Regtest(), node: newNode(rpc, Regtest())}
	a.config.Chain = a.params.Chain
	if err := a.config.fill(); err != nil {
		t.Fatal(err)
	}
	return a
}

// What a node says of fees, and what is made of it. Zero is unknown, not free.
func TestMarket(t *testing.T) {
	for name, c := range map[string]struct {
		replies map[string]string
		want    uint64
	}{
		"Core knows": {map[string]string{
			"estimatesmartfee": `{"feerate":0.00012345,"blocks":3}`, "getmempoolinfo": `{"mempoolminfee":0.00001,"minrelaytxfee":0.00001}`,
		}, 12_345},
		"Core does not know": {map[string]string{
			"estimatesmartfee": `{"errors":["Insufficient data or no feerate found"],"blocks":3}`, "getmempoolinfo": `{"mempoolminfee":0.00001}`,
		}, DefaultFeeFloor},
		"Core's mempool is full": {map[string]string{
			"estimatesmartfee": `{"feerate":0.00002,"blocks":3}`, "getmempoolinfo": `{"mempoolminfee":0.00034567,"minrelaytxfee":0.00001}`,
		}, 34_567},
		"btcd knows": {map[string]string{
			"estimatefee": `0.0005`, "getmempoolinfo": `{"size":0,"bytes":0}`, "getinfo": `{"relayfee":1e-05}`,
		}, 50_000},
		"btcd is young": {map[string]string{
			"estimatefee": `0`, "getmempoolinfo": `{"size":0,"bytes":0}`, "getinfo": `{"relayfee":1e-05}`,
		}, DefaultFeeFloor},
		"btcd refuses": {map[string]string{
			"estimatefee": `{"code":-32603,"message":"not enough blocks have been observed"}`, "getmempoolinfo": `{"size":0}`, "getinfo": `{"relayfee":0.00004}`,
		}, 4_000},
		"no word of relay": {map[string]string{"estimatefee": `-1`, "getmempoolinfo": `{"size":0}`}, DefaultFeeFloor},
		"absurd":           {map[string]string{"estimatefee": `20000`, "getmempoolinfo": `{"size":0}`}, maxFeeRate},
	} {
		a := answers(t, c.replies)
		for range 2 { // asked, and remembered
			if got, err := a.market(t.Context()); err != nil || got != c.want {
				t.Errorf("%s: %d, want %d: %v", name, got, c.want, err)
			}
		}
	}
	a := answers(t, map[string]string{"estimatefee": `"a lot"`, "getmempoolinfo": `{"size":0}`})
	if _, err := a.market(t.Context()); !errors.Is(err, adapters.ErrUnreachable) {
		t.Errorf("nonsense: %v", err)
	}
}

func TestSoftware(t *testing.T) {
	for want, replies := range map[string]map[string]string{
		"/Satoshi:29.0.0/": {"getnetworkinfo": `{"version":290000,"subversion":"/Satoshi:29.0.0/"}`},
		"btcd 0.26.2":      {"getnetworkinfo": `{"code":-1,"message":"Command unimplemented"}`, "getinfo": `{"version":260200}`},
		"btcd 1.2.3":       {"getinfo": `{"version":1020300}`},
	} {
		if got, err := answers(t, replies).node.software(t.Context()); err != nil || got != want {
			t.Errorf("%q, want %q: %v", got, want, err)
		}
	}
}

// A node that does not answer in time, answers too much, or is busy.
func TestUnreachable(t *testing.T) {
	busy := 0
	modes := map[string]http.HandlerFunc{
		"busy": func(w http.ResponseWriter, _ *http.Request) {
			busy++
			http.Error(w, "Too busy", http.StatusServiceUnavailable)
		},
		"login": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusUnauthorized) },
		"web":   func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<html>") },
		"moved": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
		},
		"endless": func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, strings.Repeat(" ", maxReply+1)) },
		"slow": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the client has left
			<-r.Context().Done()
		},
	}
	for name, mode := range modes {
		server := httptest.NewServer(mode)
		rpc, err := newRPCClient(server.URL, "", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		if name == "slow" {
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
		}
		err = newNode(rpc, Regtest()).verify(ctx)
		cancel()
		if !errors.Is(err, adapters.ErrUnreachable) || !adapters.Retryable(err) {
			t.Errorf("%s: %v", name, err)
		}
		rpc.http.CloseIdleConnections()
		server.Close()
	}
	if busy != busyTries {
		t.Errorf("a busy node was asked %d times", busy)
	}
}

// What a node says that an abandonment has to pay, in both dialects.
func TestWanted(t *testing.T) {
	const size = 111
	for says, want := range map[string]int64{
		"x: replacement transaction has an insufficient absolute fee: needs 4321, has 333":            4321,
		"x: replacement transaction has an insufficient fee rate: needs more than 50000, has 3000":    5551,
		"x: replacement transaction has an insufficient absolute fee: needs 10, has 333":              334,
		"insufficient fee, rejecting replacement x, less fees than conflicting txs; 0.00001 < 0.0002": 666,
		"insufficient absolute fee: needs 99999999999999999999, has 333":                              666,
	} {
		a := answers(t, map[string]string{"testmempoolaccept": fmt.Sprintf(`[{"allowed":false,"reject-reason":%q}]`, says)})
		if got, err := a.wanted(t.Context(), adapters.Tx{}, 333, size); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", says, got, err, want)
		}
	}
	a := answers(t, map[string]string{
		"testmempoolaccept": `[{"allowed":false,"reject-reason":"txn-already-in-mempool"}]`,
		"getmempoolentry":   `{"vsize":155,"fees":{"base":0.00000310,"descendant":0.00012345}}`,
	})
	if got, err := a.wanted(t.Context(), adapters.Tx{}, 333, size); err != nil || got > 333 {
		t.Errorf("what the node has: %d, %v", got, err)
	}
	live := []lock{{fee: 310, rate: 2_000}}
	if got, err := a.evicted(t.Context(), live, size); err != nil || got != 12_345 {
		t.Errorf("with what hangs on the funding %d, %v", got, err)
	}
	a = answers(t, map[string]string{"getmempoolentry": `{"code":-5,"message":"Transaction not in mempool"}`})
	for _, l := range []lock{{fee: 310, rate: 2_000}, {fee: 10, rate: 2_791}} {
		if got, err := a.evicted(t.Context(), []lock{l}, size); err != nil || got != 310 {
			t.Errorf("of a funding that this node has dropped %d, %v", got, err)
		}
	}
}
