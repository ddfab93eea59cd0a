package bitcoin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/backend"
)

const (
	medianBlocks  = 11
	keptHeaders   = 4096
	keptBlocks    = 8
	maxBlockBytes = 4_000_000
)

// errNoBlock: the node knows no such block, or has none at that height.
var errNoBlock = errors.New("the node has no such block")

// node asks the chain's back ends, one at a time, and makes sure that each
// serves the right chain.
type node struct {
	rpcs   []*rpcClient // in the pool's order
	backs  *backend.Pool
	params Params

	mu       sync.Mutex
	verified []bool // false: not since the connection was lost
	headers  recent[adapters.Hash, header]
	blocks   recent[adapters.Hash, *wire.MsgBlock]
}

// header is the part of a block header that is needed.
type header struct {
	parent adapters.Hash
	time   int64
}

func newNode(rpc *rpcClient, params Params) *node {
	return &node{
		rpcs: []*rpcClient{rpc}, params: params, verified: make([]bool, 1),
		backs:   backend.Single("node", backend.Limits{}, slog.New(slog.DiscardHandler)),
		headers: newRecent[adapters.Hash, header](keptHeaders),
		blocks:  newRecent[adapters.Hash, *wire.MsgBlock](keptBlocks),
	}
}

// call asks the node, which must have shown its genesis block since the
// connection was lost; every call of the adapter's own begins with verify. A
// *rpcError comes back as it is, everything else as ErrUnreachable.
func (n *node) call(ctx context.Context, method string, out any, params ...any) error {
	ctx, _ = n.backs.Stay(ctx)
	n.mu.Lock()
	verified := n.verified[n.backs.Pick(ctx)]
	n.mu.Unlock()
	if !verified {
		if err := n.verify(ctx); err != nil {
			return err
		}
	}
	return n.ask(ctx, method, out, params...)
}

func (n *node) ask(ctx context.Context, method string, out any, params ...any) error {
	i := n.backs.Pick(ctx)
	err := n.rpcs[i].call(ctx, method, out, params...)
	var refused *rpcError
	if err == nil || errors.As(err, &refused) {
		return err
	}
	// The next connection may lead to another node.
	n.mu.Lock()
	n.verified[i] = false
	n.mu.Unlock()
	if ctx.Err() == nil {
		n.backs.Failed(i, err)
	}
	return unreachable("ask the node for "+method, err)
}

// verify compares the genesis block, now.
func (n *node) verify(ctx context.Context) error {
	ctx, name := n.backs.Stay(ctx)
	var hash string
	err := n.ask(ctx, "getblockhash", &hash, 0)
	var refused *rpcError
	if errors.As(err, &refused) {
		return unreachable("ask the node for its genesis block", err)
	}
	if err != nil {
		return err
	}
	if want := n.params.Net.GenesisHash.String(); hash != want {
		n.backs.Accuse(name, backend.WrongChain, "its genesis block is "+hash)
		return &adapters.Error{
			Reason: "WRONG_CHAIN", Op: fmt.Sprintf("check the node of %s", n.params.Chain), Retryable: true,
			Advice: "point the node's address to the right chain",
			Err:    fmt.Errorf("%w: its genesis block is %.64q, not %s", adapters.ErrWrongChain, hash, want),
		}
	}
	n.mu.Lock()
	n.verified[n.backs.Pick(ctx)] = true
	n.mu.Unlock()
	return nil
}

// best is the height and hash of the tip.
func (n *node) best(ctx context.Context) (uint64, adapters.Hash, error) {
	var info struct {
		Blocks int64         `json:"blocks"`
		Hash   adapters.Hash `json:"bestblockhash"`
	}
	if err := n.call(ctx, "getblockchaininfo", &info); err != nil {
		return 0, adapters.Hash{}, asUnreachable("ask for the tip", err)
	}
	return uint64(max(info.Blocks, 0)), info.Hash, nil
}

// hashAt is the main chain's block at a height, or errNoBlock above the tip.
func (n *node) hashAt(ctx context.Context, height uint64) (adapters.Hash, error) {
	var hash adapters.Hash
	err := n.call(ctx, "getblockhash", &hash, height)
	if isCode(err, codeOutOfRange, codeOutOfRangeBtcd) {
		return hash, errNoBlock
	}
	return hash, asUnreachable("ask for a block's hash", err)
}

// header reads a header of any branch, or errNoBlock.
func (n *node) header(ctx context.Context, hash adapters.Hash) (header, error) {
	n.mu.Lock()
	h, ok := n.headers.get(hash)
	n.mu.Unlock()
	if ok {
		return h, nil
	}
	return n.askHeader(ctx, hash)
}

// askHeader is header without what is remembered from before.
func (n *node) askHeader(ctx context.Context, hash adapters.Hash) (header, error) {
	parsed, err := n.readHeader(ctx, hash)
	if err != nil {
		return header{}, err
	}
	return n.keepHeader(hash, parsed), nil
}

func (n *node) readHeader(ctx context.Context, hash adapters.Hash) (*wire.BlockHeader, error) {
	ctx, name := n.backs.Stay(ctx)
	var raw rawHex
	err := n.call(ctx, "getblockheader", &raw, hash.String(), false)
	if isCode(err, codeInvalidAddress) {
		return nil, errNoBlock
	}
	if err != nil {
		return nil, asUnreachable("read a block header", err)
	}
	var parsed wire.BlockHeader
	if err := parsed.Deserialize(bytes.NewReader(raw)); err != nil {
		return nil, unreachable("read a block header", err)
	}
	if got := hashOf(parsed.BlockHash()); got != hash {
		return nil, n.untrue(name, "read a block header", fmt.Errorf("asked for %s, got %s", hash, got))
	}
	if err := n.checkHeader(&parsed); err != nil {
		return nil, n.untrue(name, "read a block header", err)
	}
	return &parsed, nil
}

func (n *node) keepHeader(hash adapters.Hash, parsed *wire.BlockHeader) header {
	h := header{parent: hashOf(parsed.PrevBlock), time: parsed.Timestamp.Unix()}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.headers.put(hash, h)
	return h
}

// ref completes a block's hash and height by its times.
func (n *node) ref(ctx context.Context, height uint64, hash adapters.Hash) (adapters.BlockRef, error) {
	first, err := n.header(ctx, hash)
	if err != nil {
		return adapters.BlockRef{}, err
	}
	times := make([]int64, 0, medianBlocks)
	for h, at := first, height; ; at-- {
		times = append(times, h.time)
		if len(times) == medianBlocks || at == 0 {
			break
		}
		if h, err = n.header(ctx, h.parent); err != nil {
			return adapters.BlockRef{}, err
		}
	}
	slices.Sort(times)
	return adapters.BlockRef{
		Height: height, Hash: hash, Parent: first.parent,
		Time: first.time, Clock: times[len(times)/2],
	}, nil
}

// block reads a whole block.
func (n *node) block(ctx context.Context, hash adapters.Hash) (*wire.MsgBlock, error) {
	n.mu.Lock()
	b, ok := n.blocks.get(hash)
	n.mu.Unlock()
	if ok {
		return b, nil
	}
	return n.askBlock(ctx, hash)
}

// askBlock is block without what is remembered from before.
func (n *node) askBlock(ctx context.Context, hash adapters.Hash) (*wire.MsgBlock, error) {
	ctx, name := n.backs.Stay(ctx)
	var raw rawHex
	err := n.call(ctx, "getblock", &raw, hash.String(), 0)
	if isCode(err, codeInvalidAddress) {
		return nil, errNoBlock
	}
	if err != nil {
		return nil, asUnreachable("read a block", err)
	}
	b, err := decodeBlock(raw)
	if err != nil {
		return nil, unreachable("read a block", err)
	}
	if got := hashOf(b.BlockHash()); got != hash {
		return nil, n.untrue(name, "read a block", fmt.Errorf("asked for %s, got %s", hash, got))
	}
	if err := n.checkBlock(b); err != nil {
		return nil, n.untrue(name, "read a block", err)
	}
	n.keepHeader(hash, &b.Header)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.blocks.put(hash, b)
	return b, nil
}

func decodeBlock(raw []byte) (*wire.MsgBlock, error) {
	if len(raw) > maxBlockBytes {
		return nil, errReplyTooLong
	}
	b := new(wire.MsgBlock)
	err := b.Deserialize(bytes.NewReader(raw))
	return b, err
}

func decodeTx(raw []byte) (*wire.MsgTx, error) {
	if len(raw) > maxBlockBytes {
		return nil, errReplyTooLong
	}
	tx := new(wire.MsgTx)
	err := tx.Deserialize(bytes.NewReader(raw))
	return tx, err
}

// rawTx reads a transaction from the mempool or, where the node indexes them,
// from the chain; found is false where the node has none.
func (n *node) rawTx(ctx context.Context, txid chainhash.Hash) (tx *wire.MsgTx, found bool, err error) {
	var raw rawHex
	err = n.call(ctx, "getrawtransaction", &raw, txid.String(), 0)
	var refused *rpcError
	if errors.As(err, &refused) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if tx, err = decodeTx(raw); err != nil {
		return nil, false, unreachable("read a transaction", err)
	}
	return tx, true, nil
}

// unspent is an output of the chain's state.
type unspent struct {
	amount        int64
	script        string // hexadecimal
	confirmations uint64
	best          adapters.Hash
}

// txOut reads an unspent output; nil where there is none.
func (n *node) txOut(ctx context.Context, point wire.OutPoint, mempool bool) (*unspent, error) {
	var reply *struct {
		Best          adapters.Hash `json:"bestblock"`
		Confirmations int64         `json:"confirmations"`
		Value         coinValue     `json:"value"`
		Script        struct {
			Hex string `json:"hex"`
		} `json:"scriptPubKey"`
	}
	err := n.call(ctx, "gettxout", &reply, point.Hash.String(), point.Index, mempool)
	var refused *rpcError
	if errors.As(err, &refused) && refused.Code == codeInvalidAddress {
		return nil, nil
	}
	if err != nil {
		return nil, asUnreachable("read an unspent output", err)
	}
	if reply == nil {
		return nil, nil
	}
	return &unspent{
		amount: int64(reply.Value), script: reply.Script.Hex,
		confirmations: uint64(max(reply.Confirmations, 0)), best: reply.Best,
	}, nil
}

func isCode(err error, codes ...int) bool {
	var refused *rpcError
	return errors.As(err, &refused) && slices.Contains(codes, refused.Code)
}

// asUnreachable: an answer that the caller has no use for is as good as none.
func asUnreachable(op string, err error) error {
	var refused *rpcError
	if errors.As(err, &refused) {
		return unreachable(op, err)
	}
	return err
}

// hashOf turns a hash into the order in which tools print it.
func hashOf(h chainhash.Hash) adapters.Hash {
	slices.Reverse(h[:])
	return adapters.Hash(h)
}

// recent remembers the last so many entries. Its user locks it.
type recent[K comparable, V any] struct {
	entries map[K]V
	order   []K
	next    int
}

func newRecent[K comparable, V any](size int) recent[K, V] {
	return recent[K, V]{entries: make(map[K]V), order: make([]K, 0, size)}
}

func (r *recent[K, V]) get(key K) (V, bool) {
	v, ok := r.entries[key]
	return v, ok
}

func (r *recent[K, V]) put(key K, value V) {
	if _, known := r.entries[key]; !known {
		if len(r.order) < cap(r.order) {
			r.order = append(r.order, key)
		} else {
			delete(r.entries, r.order[r.next])
			r.order[r.next] = key
			r.next = (r.next + 1) % len(r.order)
		}
	}
	r.entries[key] = value
}
