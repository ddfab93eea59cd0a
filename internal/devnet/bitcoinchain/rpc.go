package bitcoinchain

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/btcsuite/btcd/btcjson"
)

const (
	rpcReadTimeout  = 10 * time.Second
	rpcCloseTimeout = 2 * time.Second
	maxRequestBytes = 16 << 20 // a block in hexadecimal and room
)

// rpcHandler answers one command that btcjson has parsed.
type rpcHandler func(cmd any) (any, error)

// rpcServer speaks btcd's JSON-RPC: the same shapes, codes and manners, for a
// part of its methods.
type rpcServer struct {
	chain    *Chain
	addr     string
	authHash [sha256.Size]byte
	methods  map[string]rpcHandler
	clients  chan struct{} // a token for each request being served
	http     *http.Server
	done     chan struct{}
}

func startRPC(c *Chain) (*rpcServer, error) {
	listener, err := listenLoopback(c.opts.Listen)
	if err != nil {
		return nil, err
	}
	login := base64.StdEncoding.EncodeToString([]byte(c.opts.User + ":" + c.opts.Password))
	s := &rpcServer{
		chain:    c,
		addr:     listener.Addr().String(),
		authHash: sha256.Sum256([]byte("Basic " + login)),
		clients:  make(chan struct{}, c.opts.MaxClients),
		done:     make(chan struct{}),
	}
	s.methods = s.table()
	s.http = &http.Server{Handler: s, ReadTimeout: rpcReadTimeout}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			c.log.Error("rpc server ended", "err", err)
		}
	}()
	return s, nil
}

// listenLoopback refuses any other interface: the chain's password protects
// against mistakes, not against a network.
func listenLoopback(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("%w: listen address %q: %w", ErrBadRequest, addr, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("%w: listen address %q is not loopback", ErrBadRequest, addr)
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("bitcoinchain: listen: %w", err)
	}
	return listener, nil
}

func (s *rpcServer) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), rpcCloseTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		// A connection on which nobody has asked yet counts as busy for longer.
		err = s.http.Close()
	}
	<-s.done
	return err
}

// ServeHTTP closes the connection after each reply, as btcd does.
func (s *rpcServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Type", "application/json")
	select {
	case s.clients <- struct{}{}:
		defer func() { <-s.clients }()
	default:
		http.Error(w, "503 Too busy.  Try again later.", http.StatusServiceUnavailable)
		return
	}
	given := sha256.Sum256([]byte(r.Header.Get("Authorization")))
	if subtle.ConstantTimeCompare(given[:], s.authHash[:]) != 1 {
		w.Header().Set("WWW-Authenticate", `Basic realm="btcd RPC"`)
		http.Error(w, "401 Unauthorized.", http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	if err != nil {
		http.Error(w, fmt.Sprintf("%d error reading JSON message: %v", http.StatusBadRequest, err), http.StatusBadRequest)
		return
	}
	reply := s.reply(body)
	if reply == nil {
		// btcd hangs up on a request without an id instead of answering.
		panic(http.ErrAbortHandler)
	}
	if _, err := w.Write(append(reply, '\n')); err != nil {
		s.chain.log.Debug("rpc reply not sent", "err", err)
	}
}

// reply is nil where btcd sends none.
func (s *rpcServer) reply(body []byte) []byte {
	var req btcjson.Request
	if err := json.Unmarshal(body, &req); err != nil {
		return s.marshal(btcjson.RpcVersion1, nil, nil,
			btcjson.NewRPCError(btcjson.ErrRPCParse.Code, fmt.Sprintf("Failed to parse request: %v", err)))
	}
	if req.ID == nil {
		return nil
	}
	if req.Method == "" || req.Params == nil {
		return s.marshal(req.Jsonrpc, req.ID, nil, errMalformed)
	}
	result, err := s.call(&req)
	if err == nil {
		return s.marshal(req.Jsonrpc, req.ID, result, nil)
	}
	var rpcErr *btcjson.RPCError
	if !errors.As(err, &rpcErr) {
		// Whatever has no code becomes this in btcd, and the text is lost.
		s.chain.log.Debug("rpc call failed", "method", req.Method, "err", err)
		rpcErr = errMalformed
	}
	return s.marshal(req.Jsonrpc, req.ID, result, rpcErr)
}

var errMalformed = btcjson.NewRPCError(btcjson.ErrRPCInvalidRequest.Code, "Invalid request: malformed")

func (s *rpcServer) marshal(version btcjson.RPCVersion, id, result any, rpcErr *btcjson.RPCError) []byte {
	reply, err := btcjson.MarshalResponse(version, id, result, rpcErr)
	if err != nil {
		s.chain.log.Error("rpc reply not encoded", "err", err)
		return nil
	}
	return reply
}

func (s *rpcServer) call(req *btcjson.Request) (any, error) {
	cmd, err := btcjson.UnmarshalCmd(req)
	var known btcjson.Error
	switch {
	case errors.As(err, &known) && known.ErrorCode == btcjson.ErrUnregisteredMethod:
		return nil, btcjson.ErrRPCMethodNotFound
	case err != nil:
		return nil, btcjson.NewRPCError(btcjson.ErrRPCInvalidParams.Code, err.Error())
	}
	if handler, ok := s.methods[req.Method]; ok {
		return handler(cmd)
	}
	switch req.Method {
	case "getmempoolentry", "getnetworkinfo", "preciousblock":
		return nil, btcjson.NewRPCError(btcjson.ErrRPCUnimplemented, "Command unimplemented")
	case "getbalance", "getnewaddress", "getwalletinfo", "gettransaction", "listunspent",
		"sendtoaddress", "signrawtransaction", "walletpassphrase":
		return nil, btcjson.NewRPCError(btcjson.ErrRPCNoWallet, "This implementation does not implement wallet commands")
	}
	return nil, btcjson.ErrRPCMethodNotFound
}

// on adapts a handler of one command type.
func on[C any](handler func(*C) (any, error)) rpcHandler {
	return func(cmd any) (any, error) {
		c, ok := cmd.(*C)
		if !ok {
			return nil, internalError(fmt.Errorf("command of type %T", cmd))
		}
		return handler(c)
	}
}

// table lists what is served. btcjson gives the command type of each name.
func (s *rpcServer) table() map[string]rpcHandler {
	return map[string]rpcHandler{
		"decoderawtransaction": on(s.decodeRawTransaction),
		"estimatefee":          on(s.estimateFee),
		"generate":             on(s.generate),
		"getbestblock":         on(s.getBestBlock),
		"getbestblockhash":     on(s.getBestBlockHash),
		"getblock":             on(s.getBlock),
		"getblockchaininfo":    on(s.getBlockChainInfo),
		"getblockcount":        on(s.getBlockCount),
		"getblockhash":         on(s.getBlockHash),
		"getblockheader":       on(s.getBlockHeader),
		"getchaintips":         on(s.getChainTips),
		"getconnectioncount":   on(s.getConnectionCount),
		"getcurrentnet":        on(s.getCurrentNet),
		"getdifficulty":        on(s.getDifficulty),
		"getinfo":              on(s.getInfo),
		"getmempoolinfo":       on(s.getMempoolInfo),
		"getrawmempool":        on(s.getRawMempool),
		"getrawtransaction":    on(s.getRawTransaction),
		"gettxout":             on(s.getTxOut),
		"gettxspendingprevout": on(s.getTxSpendingPrevOut),
		"invalidateblock":      on(s.invalidateBlock),
		"ping":                 on(s.ping),
		"reconsiderblock":      on(s.reconsiderBlock),
		"sendrawtransaction":   on(s.sendRawTransaction),
		"submitblock":          on(s.submitBlock),
		"testmempoolaccept":    on(s.testMempoolAccept),
		"uptime":               on(s.uptime),
		"validateaddress":      on(s.validateAddress),
		"version":              on(s.version),
	}
}

func internalError(err error) *btcjson.RPCError {
	return btcjson.NewRPCError(btcjson.ErrRPCInternal.Code, err.Error())
}

func notHexError(got string) *btcjson.RPCError {
	return btcjson.NewRPCError(btcjson.ErrRPCDecodeHexString,
		fmt.Sprintf("Argument must be hexadecimal string (not %q)", got))
}
