package bitcoinchain

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcjson"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/rpcclient"
	"github.com/btcsuite/btcd/wire/v2"
)

func dialTest(t *testing.T, chain *Chain) *rpcclient.Client {
	t.Helper()
	user, password := chain.Credentials()
	client, err := rpcclient.New(&rpcclient.ConnConfig{
		Host: chain.Addr(), User: user, Pass: password, HTTPPostMode: true, DisableTLS: true,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Shutdown()
		client.WaitForShutdown()
	})
	return client
}

func wantCode(t *testing.T, what string, err error, code btcjson.RPCErrorCode) {
	t.Helper()
	var rpcErr *btcjson.RPCError
	if !errors.As(err, &rpcErr) || rpcErr.Code != code {
		t.Errorf("%s: %v, want code %d", what, err, code)
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

var unknownHash = chainhash.Hash{1, 2, 3}

func TestRPCChain(t *testing.T) {
	chain := startTest(t, Options{})
	client := dialTest(t, chain)
	tip := chain.Tip()
	if got := must[int64](t)(client.GetBlockCount()); got != int64(tip.Height) {
		t.Errorf("getblockcount %d", got)
	}
	if got := must[*chainhash.Hash](t)(client.GetBestBlockHash()); *got != tip.Hash {
		t.Errorf("getbestblockhash %v", got)
	}
	if hash, height, err := client.GetBestBlock(); err != nil || *hash != tip.Hash || height != tip.Height {
		t.Errorf("getbestblock %v %d %v", hash, height, err)
	}
	if got := must[*chainhash.Hash](t)(client.GetBlockHash(int64(tip.Height))); *got != tip.Hash {
		t.Errorf("getblockhash %v", got)
	}
	_, err := client.GetBlockHash(int64(tip.Height) + 1)
	wantCode(t, "getblockhash", err, btcjson.ErrRPCOutOfRange)
	info := must[*btcjson.GetBlockChainInfoResult](t)(client.GetBlockChainInfo())
	if info.Chain != "regtest" || info.Blocks != tip.Height || info.MedianTime != tip.MedianTime.Unix() || info.BestBlockHash != tip.Hash.String() {
		t.Errorf("getblockchaininfo %+v", info)
	}
	for _, fork := range []string{"segwit", "csv", "taproot"} {
		if got := info.SoftForks.Bip9SoftForks[fork].Status; got != "active" {
			t.Errorf("%s is %s", fork, got)
		}
	}
	if tips := must[[]*btcjson.GetChainTipsResult](t)(client.GetChainTips()); len(tips) != 1 || tips[0].Status != "active" {
		t.Errorf("getchaintips %v", tips)
	}
	if got := must[float64](t)(client.GetDifficulty()); got != 1 {
		t.Errorf("getdifficulty %v", got)
	}
	if got := must[wire.BitcoinNet](t)(client.GetCurrentNet()); got != wire.TestNet {
		t.Errorf("getcurrentnet %v", got)
	}
	if got := must[int64](t)(client.GetConnectionCount()); got != 0 {
		t.Errorf("getconnectioncount %v", got)
	}
}

func TestRPCBlocks(t *testing.T) {
	chain := startTest(t, Options{})
	client := dialTest(t, chain)
	u := newUser(t, chain)
	txid := submit(t, chain, u.spend(u.receive(), 1_000, 0))
	hash := mine(t, chain, 2)[0]
	header := must[*wire.BlockHeader](t)(client.GetBlockHeader(&hash))
	if header.BlockHash() != hash {
		t.Errorf("getblockheader %v", header.BlockHash())
	}
	verbose := must[*btcjson.GetBlockHeaderVerboseResult](t)(client.GetBlockHeaderVerbose(&hash))
	if verbose.Confirmations != 2 || verbose.Height != chain.Tip().Height-1 || verbose.NextHash != chain.Tip().Hash.String() || verbose.PreviousHash != header.PrevBlock.String() {
		t.Errorf("getblockheader %+v", verbose)
	}
	if block := must[*wire.MsgBlock](t)(client.GetBlock(&hash)); block.BlockHash() != hash {
		t.Errorf("getblock 0: %v", block.BlockHash())
	}
	names := must[*btcjson.GetBlockVerboseResult](t)(client.GetBlockVerbose(&hash))
	if len(names.Tx) != 2 || names.Tx[1] != txid.String() || names.Confirmations != 2 || names.Time != header.Timestamp.Unix() {
		t.Errorf("getblock 1: %+v", names)
	}
	whole := must[*btcjson.GetBlockVerboseTxResult](t)(client.GetBlockVerboseTx(&hash))
	txs := whole.RawTx // btcd's name for what others call tx
	if len(txs) != 2 || txs[0].Vin[0].Coinbase == "" || txs[1].Txid != txid.String() || len(txs[1].Vin[0].Witness) != 1 {
		t.Fatalf("getblock 2: %+v", whole)
	}
	out := txs[1].Vout[0].ScriptPubKey
	if out.Hex != hex.EncodeToString(u.script) || out.Address != u.addr.EncodeAddress() || out.Type != "witness_v1_taproot" {
		t.Errorf("script %+v", out)
	}
	_, err := client.GetBlock(&unknownHash)
	wantCode(t, "getblock", err, btcjson.ErrRPCBlockNotFound)
	_, err = client.GetBlockHeaderVerbose(&unknownHash)
	wantCode(t, "getblockheader", err, btcjson.ErrRPCBlockNotFound)
}

func TestRPCUndoneBlocks(t *testing.T) {
	chain := startTest(t, Options{})
	client := dialTest(t, chain)
	old := mine(t, chain, 1)[0]
	if _, err := chain.Reorg(t.Context(), Reorg{Depth: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.GetBlock(&old); err != nil { // by hash it is still there
		t.Error(err)
	}
	if _, err := client.GetBlockHeader(&old); err != nil {
		t.Error(err)
	}
	_, err := client.GetBlockVerbose(&old)
	wantCode(t, "getblock", err, btcjson.ErrRPCInternal.Code)
	_, err = client.GetBlockHeaderVerbose(&old)
	wantCode(t, "getblockheader", err, btcjson.ErrRPCInternal.Code)
	if tips := must[[]*btcjson.GetChainTipsResult](t)(client.GetChainTips()); len(tips) != 2 {
		t.Errorf("getchaintips %v", tips)
	}
}

func TestRPCTransactions(t *testing.T) {
	chain := startTest(t, Options{})
	client := dialTest(t, chain)
	u := newUser(t, chain)
	point := u.receive()
	tx := u.spend(point, 1_000, 0)
	txid := tx.TxHash()
	accept := must[[]*btcjson.TestMempoolAcceptResult](t)(client.TestMempoolAccept([]*wire.MsgTx{tx}, 0))[0]
	if !accept.Allowed || accept.Vsize != 111 || accept.Fees.Base != 0.00001 {
		t.Errorf("testmempoolaccept %+v", accept)
	}
	if got := must[*chainhash.Hash](t)(client.SendRawTransaction(tx, true)); *got != txid {
		t.Errorf("sendrawtransaction %v", got)
	}
	_, err := client.SendRawTransaction(tx, true)
	wantCode(t, "known transaction", err, btcjson.ErrRPCTxRejected)
	if got := must[[]*chainhash.Hash](t)(client.GetRawMempool()); len(got) != 1 || *got[0] != txid {
		t.Errorf("getrawmempool %v", got)
	}
	if got := must[map[string]btcjson.GetRawMempoolVerboseResult](t)(client.GetRawMempoolVerbose()); got[txid.String()].Fee != 0.00001 {
		t.Errorf("getrawmempool %+v", got)
	}
	spending := must[[]*btcjson.GetTxSpendingPrevOutResult](t)(client.GetTxSpendingPrevOut([]wire.OutPoint{point, {Hash: unknownHash}}))
	if spending[0].SpendingTxid != txid.String() || spending[1].SpendingTxid != "" {
		t.Errorf("gettxspendingprevout %+v", spending)
	}
	waiting := must[*btcjson.TxRawResult](t)(client.GetRawTransactionVerbose(&txid))
	if waiting.Confirmations != 0 || waiting.BlockHash != "" || waiting.Vsize != 111 {
		t.Errorf("getrawtransaction %+v", waiting)
	}
	block := mine(t, chain, 2)[0]
	if got := must[*btcutil.Tx](t)(client.GetRawTransaction(&txid)); *got.Hash() != txid {
		t.Errorf("getrawtransaction %v", got.Hash())
	}
	mined := must[*btcjson.TxRawResult](t)(client.GetRawTransactionVerbose(&txid))
	if mined.Confirmations != 2 || mined.BlockHash != block.String() || mined.Hash != tx.WitnessHash().String() {
		t.Errorf("getrawtransaction %+v", mined)
	}
	_, err = client.GetRawTransaction(&unknownHash)
	wantCode(t, "getrawtransaction", err, btcjson.ErrRPCNoTxInfo)
}

func TestRPCTxOut(t *testing.T) {
	chain := startTest(t, Options{})
	client := dialTest(t, chain)
	u := newUser(t, chain)
	point := u.receive()
	out := must[*btcjson.GetTxOutResult](t)(client.GetTxOut(&point.Hash, 0, true))
	if out.Value != 0.01 || out.Confirmations != 1 || out.Coinbase || out.ScriptPubKey.Hex != hex.EncodeToString(u.script) || out.BestBlock != chain.Tip().Hash.String() {
		t.Errorf("gettxout %+v", out)
	}
	child := submit(t, chain, u.spend(point, 1_000, 0))
	if out := must[*btcjson.GetTxOutResult](t)(client.GetTxOut(&child, 0, true)); out == nil || out.Confirmations != 0 {
		t.Errorf("gettxout %+v", out)
	}
	if out := must[*btcjson.GetTxOutResult](t)(client.GetTxOut(&child, 0, false)); out != nil {
		t.Errorf("gettxout without mempool %+v", out)
	}
	_, err := client.GetTxOut(&child, 5, true)
	wantCode(t, "gettxout", err, btcjson.ErrRPCInvalidTxVout)
	mine(t, chain, 1)
	if out := must[*btcjson.GetTxOutResult](t)(client.GetTxOut(&point.Hash, 0, true)); out != nil {
		t.Errorf("spent output %+v", out)
	}
	_ = raw(t, chain, "getmempoolinfo", `[]`)
}

func TestRPCRejections(t *testing.T) {
	chain := startTest(t, Options{})
	client := dialTest(t, chain)
	u := newUser(t, chain)
	point := u.receive()
	nonFinal := u.spend(point, 1_000, uint32(time.Now().Add(time.Hour).Unix()))
	forged := u.spend(point, 1_000, 0)
	forged.TxIn[0].Witness[0][5] ^= 1
	orphan := u.spend(wire.OutPoint{Hash: unknownHash}, 1_000, 0)
	dear := u.spend(point, 900_000, 0)
	for name, c := range map[string]struct {
		tx     *wire.MsgTx
		code   btcjson.RPCErrorCode
		reason string
	}{
		"non-final": {nonFinal, btcjson.ErrRPCTxRejected, "not finalized"},
		"forged":    {forged, btcjson.ErrRPCTxError, "failed to validate input"},
		"orphan":    {orphan, btcjson.ErrRPCTxError, "missing-inputs"},
	} {
		_, err := client.SendRawTransaction(c.tx, true)
		wantCode(t, name, err, c.code)
		verdict := must[[]*btcjson.TestMempoolAcceptResult](t)(client.TestMempoolAccept([]*wire.MsgTx{c.tx}, 0))[0]
		if verdict.Allowed || !strings.Contains(verdict.RejectReason, c.reason) {
			t.Errorf("%s: %+v", name, verdict)
		}
	}
	verdict := must[[]*btcjson.TestMempoolAcceptResult](t)(client.TestMempoolAccept([]*wire.MsgTx{dear}, 0.05))[0]
	if verdict.Allowed || verdict.RejectReason != "max-fee-exceeded" {
		t.Errorf("%+v", verdict)
	}
}

func TestRPCMining(t *testing.T) {
	chain := startTest(t, Options{})
	client := dialTest(t, chain)
	height := chain.Tip().Height
	if hashes := must[[]*chainhash.Hash](t)(client.Generate(3)); len(hashes) != 3 || *hashes[2] != chain.Tip().Hash {
		t.Errorf("generate %v", hashes)
	}
	_, err := client.Generate(0)
	wantCode(t, "generate", err, btcjson.ErrRPCInternal.Code)
	last := chain.Tip().Hash
	if err := client.InvalidateBlock(&last); err != nil || chain.Tip().Height != height+2 {
		t.Fatal(chain.Tip(), err)
	}
	if err := client.ReconsiderBlock(&last); err != nil || chain.Tip().Hash != last {
		t.Fatal(chain.Tip(), err)
	}
	chain.mu.Lock()
	block, err := chain.nextBlock(chain.miner.addr)
	chain.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if err := solve(&block.Header); err != nil {
		t.Fatal(err)
	}
	if err := client.SubmitBlock(btcutil.NewBlock(block), nil); err != nil || chain.Tip().Hash != block.BlockHash() {
		t.Fatal(chain.Tip(), err)
	}
	if err := client.SubmitBlock(btcutil.NewBlock(block), nil); err == nil || !strings.Contains(err.Error(), "already have block") {
		t.Fatal(err)
	}
}

func TestRPCNode(t *testing.T) {
	chain := startTest(t, Options{})
	client := dialTest(t, chain)
	info := must[*btcjson.InfoWalletResult](t)(client.GetInfo())
	if info.Version != 260200 || info.RelayFee != 0.00001 || info.Blocks != chain.Tip().Height {
		t.Errorf("getinfo %+v", info)
	}
	// A young chain has seen no fees: zero means unknown.
	if got := must[float64](t)(client.EstimateFee(6)); got != 0 {
		t.Errorf("estimatefee %v", got)
	}
	_, err := client.EstimateFee(0)
	wantCode(t, "estimatefee", err, btcjson.ErrRPCInvalidRequest.Code)
	_, err = client.GetNetworkInfo()
	wantCode(t, "getnetworkinfo", err, btcjson.ErrRPCUnimplemented)
	_, err = client.EstimateSmartFee(6, nil)
	wantCode(t, "estimatesmartfee", err, btcjson.ErrRPCMethodNotFound.Code)
	_, err = client.GetBalance("*")
	wantCode(t, "getbalance", err, btcjson.ErrRPCNoWallet)
	if got := must[map[string]btcjson.VersionResult](t)(client.Version()); got["btcdjsonrpcapi"].Major != 1 {
		t.Errorf("version %v", got)
	}
	if err := client.Ping(); err != nil {
		t.Error(err)
	}
	if uptime := raw(t, chain, "uptime", `[]`); uptime.Error != nil || string(uptime.Result) == "null" {
		t.Errorf("uptime %s", uptime.Result)
	}
	u := newUser(t, chain)
	valid := must[*btcjson.ValidateAddressWalletResult](t)(client.ValidateAddress(u.addr))
	if !valid.IsValid || valid.Address != u.addr.EncodeAddress() {
		t.Errorf("validateaddress %+v", valid)
	}
	segwit := must[address.Address](t)(address.DecodeAddress("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", chain.Params()))
	if got := must[*btcjson.ValidateAddressWalletResult](t)(client.ValidateAddress(segwit)); !got.IsValid {
		t.Errorf("validateaddress %+v", got)
	}
	if got := raw(t, chain, "validateaddress", `["nonsense"]`); !bytes.Contains(got.Result, []byte(`"isvalid":false`)) {
		t.Errorf("validateaddress %s", got.Result)
	}
	decoded := must[*btcjson.TxRawResult](t)(client.DecodeRawTransaction(serialize(t, u.spend(wire.OutPoint{}, 1, 9))))
	if decoded.LockTime != 9 || len(decoded.Vout) != 1 {
		t.Errorf("decoderawtransaction %+v", decoded)
	}
}

func serialize(t *testing.T, tx *wire.MsgTx) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := tx.Serialize(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func post(t *testing.T, chain *Chain, user, password, body string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, chain.URL(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	req.SetBasicAuth(user, password)
	return http.DefaultClient.Do(req)
}

func raw(t *testing.T, chain *Chain, method, params string) btcjson.Response {
	t.Helper()
	return rawBody(t, chain, `{"jsonrpc":"1.0","id":1,"method":"`+method+`","params":`+params+`}`)
}

func rawBody(t *testing.T, chain *Chain, body string) (resp btcjson.Response) {
	t.Helper()
	user, password := chain.Credentials()
	reply, err := post(t, chain, user, password, body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(reply.Body)
	if err := errors.Join(err, reply.Body.Close()); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &resp); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return resp
}

func TestRPCMalformed(t *testing.T) {
	chain := startTest(t, Options{})
	for body, code := range map[string]btcjson.RPCErrorCode{
		`{`: btcjson.ErrRPCParse.Code,
		`{"jsonrpc":"1.0","id":1,"method":"","params":[]}`:                       btcjson.ErrRPCInvalidRequest.Code,
		`{"jsonrpc":"1.0","id":1,"method":"nothing","params":[]}`:                btcjson.ErrRPCMethodNotFound.Code,
		`{"jsonrpc":"1.0","id":1,"method":"getblockhash","params":[]}`:           btcjson.ErrRPCInvalidParams.Code,
		`{"jsonrpc":"1.0","id":1,"method":"getblock","params":["xyz"]}`:          btcjson.ErrRPCDecodeHexString,
		`{"jsonrpc":"1.0","id":1,"method":"sendrawtransaction","params":["00"]}`: btcjson.ErrRPCDeserialization,
		// btcd takes exactly two parameters, unlike others.
		`{"jsonrpc":"1.0","id":1,"method":"testmempoolaccept","params":[["00"]]}`: btcjson.ErrRPCInvalidParams.Code,
	} {
		if resp := rawBody(t, chain, body); resp.Error == nil || resp.Error.Code != code {
			t.Errorf("%s: %v, want %d", body, resp.Error, code)
		}
	}
	user, password := chain.Credentials()
	if _, err := post(t, chain, user, password, `{"jsonrpc":"1.0","method":"getblockcount","params":[]}`); err == nil {
		t.Error("a request without id was answered")
	}
}

func TestRPCAuthentication(t *testing.T) {
	chain := startTest(t, Options{})
	user, _ := chain.Credentials()
	resp, err := post(t, chain, user, "guess", `{}`)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Fatal(resp.Status, err)
	}
}

func TestRPCTooBusy(t *testing.T) {
	chain := startTest(t, Options{MaxClients: 1})
	chain.rpc.clients <- struct{}{}
	user, password := chain.Credentials()
	resp, err := post(t, chain, user, password, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Fatal(resp.Status, err)
	}
	<-chain.rpc.clients
}

func FuzzRPCReply(f *testing.F) {
	chain, err := Start(f.Context(), Options{InitialBlocks: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := chain.Close(); err != nil {
			f.Error(err)
		}
	})
	for _, body := range []string{
		`{"jsonrpc":"1.0","id":1,"method":"getblockchaininfo","params":[]}`,
		`{"jsonrpc":"1.0","id":1,"method":"getblock","params":["00",2]}`,
		`{"jsonrpc":"1.0","id":1,"method":"testmempoolaccept","params":[["00"],0.1]}`,
		`{"jsonrpc":"1.0","id":1,"method":"gettxout","params":["00",4294967295,true]}`,
		`{"jsonrpc":"2.0","id":"x","method":"decoderawtransaction","params":["0"]}`,
		`[]`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		reply := chain.rpc.reply(body)
		if reply == nil {
			return
		}
		var resp btcjson.Response
		if err := json.Unmarshal(reply, &resp); err != nil {
			t.Fatalf("%q answers %q: %v", body, reply, err)
		}
	})
}
