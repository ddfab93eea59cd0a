package evm

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/backend"
)

// endpoint is the connection to a node. An HTTP address may lead to another node, or to another chain,
// with every request, so there is no connecting after which the chain could be taken for granted: every
// method of the adapter that asks the node verifies first, and what it then reads is tied to block
// hashes.
//
// With several back ends both clients ask the one that the pool picks.
type endpoint struct {
	backs   *backend.Pool
	rpc     *rpc.Client
	eth     *ethclient.Client
	chainID *big.Int

	mu      sync.Mutex
	genesis common.Hash // zero until learned
}

// connect to one back end, which may speak WebSocket, or to several over HTTP.
func (a *Adapter) connect(ctx context.Context) (*endpoint, error) {
	c := a.config
	var names []string
	transport := &backend.Transport{Base: http.DefaultTransport}
	for _, address := range append([]string{c.URL}, c.More...) {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || len(c.More) > 0 && u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("%w: the address of a back end; several speak http or https", ErrConfig)
		}
		names, transport.URLs = append(names, u.Host), append(transport.URLs, u)
	}
	pool, err := backend.New(backend.Options{Names: names, Limits: c.Health, Now: time.Now, Log: a.log})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	// A node that takes a request and never answers must not hold up a swap.
	asking := &http.Client{Timeout: c.CallTimeout}
	if len(names) > 1 {
		transport.Pool, asking.Transport = pool, transport
	}
	client, err := rpc.DialOptions(ctx, c.URL, rpc.WithHTTPClient(asking))
	if err != nil {
		return nil, unreachable("connect to the node", err)
	}
	e := &endpoint{backs: pool, rpc: client, eth: ethclient.NewClient(client), chainID: a.chainID, genesis: c.Genesis}
	if len(names) > 1 {
		pool.Round(ctx, prober{e}) // so that the first question goes to a good one
	}
	return e, nil
}

func (e *endpoint) close() {
	e.backs.Close()
	e.rpc.Close()
}

// verify asks chain id and genesis in one request.
func (e *endpoint) verify(ctx context.Context) error {
	ctx, name := e.backs.Stay(ctx)
	var id hexutil.Big
	var block struct {
		Hash common.Hash `json:"hash"`
	}
	batch := []rpc.BatchElem{
		{Method: "eth_chainId", Result: &id},
		{Method: "eth_getBlockByNumber", Args: []any{"0x0", false}, Result: &block},
	}
	err := e.rpc.BatchCallContext(ctx, batch)
	if err = errors.Join(err, batch[0].Error, batch[1].Error); err != nil {
		return unreachable("ask chain id and genesis", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.genesis == (common.Hash{}) && id.ToInt().Cmp(e.chainID) == 0 {
		e.genesis = block.Hash
	}
	if id.ToInt().Cmp(e.chainID) != 0 || block.Hash != e.genesis {
		e.backs.Accuse(name, backend.WrongChain, fmt.Sprintf("chain id %s, genesis %s", id.ToInt(), block.Hash))
		return &adapters.Error{
			Reason: "WRONG_CHAIN", Retryable: true,
			Op:     fmt.Sprintf("check the chain behind the endpoint: id %s, genesis %s", id.ToInt(), block.Hash),
			Advice: fmt.Sprintf("expected id %s, genesis %s", e.chainID, e.genesis), Err: adapters.ErrWrongChain,
		}
	}
	return nil
}

// code at a block, or at the tip.
func (e *endpoint) code(ctx context.Context, account common.Address, at *common.Hash) ([]byte, error) {
	if at == nil {
		return e.eth.CodeAt(ctx, account, nil)
	}
	return e.eth.CodeAtHash(ctx, account, *at)
}

// header by number, nil where the chain is not that long.
func (e *endpoint) header(ctx context.Context, number uint64) (*types.Header, error) {
	h, err := e.eth.HeaderByNumber(ctx, new(big.Int).SetUint64(number))
	if errors.Is(err, ethereum.NotFound) {
		return nil, nil
	}
	return h, err
}

// headerOf by hash, nil where the node does not know it.
func (e *endpoint) headerOf(ctx context.Context, hash common.Hash) (*types.Header, error) {
	ctx, name := e.backs.Stay(ctx)
	h, err := e.eth.HeaderByHash(ctx, hash)
	if errors.Is(err, ethereum.NotFound) {
		return nil, nil
	}
	if err == nil && h.Hash() != hash {
		err = fmt.Errorf("%w: asked for block %s, got %s", errUntrue, hash, h.Hash())
		e.backs.Accuse(name, backend.Lied, err.Error())
	}
	return h, err
}

// words reads storage words of one account, all at the same block of the best chain.
func (e *endpoint) words(ctx context.Context, account common.Address, keys []common.Hash, at common.Hash) ([]*big.Int, error) {
	raw := make([]hexutil.Bytes, len(keys))
	batch := make([]rpc.BatchElem, len(keys))
	for i, key := range keys {
		batch[i] = rpc.BatchElem{
			Method: "eth_getStorageAt",
			Args:   []any{account, key, rpc.BlockNumberOrHashWithHash(at, true)}, Result: &raw[i],
		}
	}
	if len(batch) == 0 {
		return nil, nil
	}
	if err := e.rpc.BatchCallContext(ctx, batch); err != nil {
		return nil, err
	}
	out := make([]*big.Int, len(keys))
	for i := range batch {
		if batch[i].Error != nil {
			return nil, batch[i].Error
		}
		out[i] = new(big.Int).SetBytes(raw[i])
	}
	return out, nil
}

func codeHash(code []byte) common.Hash { return crypto.Keccak256Hash(code) }
