package evm

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"sync"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// scanChunk is how many blocks one request for logs covers: public nodes refuse more.
const scanChunk = 2000

// cachedHeaders bounds the memory of blocks seen, which serves reorganisations on nodes that forget the
// blocks they leave.
const cachedHeaders = 512

type headerCache struct {
	mu    sync.Mutex
	refs  map[common.Hash]adapters.BlockRef
	order []common.Hash
}

func newHeaderCache() *headerCache { return &headerCache{refs: map[common.Hash]adapters.BlockRef{}} }

func (c *headerCache) put(ref adapters.BlockRef) {
	c.mu.Lock()
	defer c.mu.Unlock()
	hash := common.Hash(ref.Hash)
	if _, ok := c.refs[hash]; ok {
		return
	}
	if len(c.order) == cachedHeaders {
		delete(c.refs, c.order[0])
		c.order = c.order[1:]
	}
	c.refs[hash] = ref
	c.order = append(c.order, hash)
}

func (c *headerCache) get(hash common.Hash) (adapters.BlockRef, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ref, ok := c.refs[hash]
	return ref, ok
}

func (a *Adapter) ref(h *types.Header) adapters.BlockRef {
	ref := adapters.BlockRef{
		Height: h.Number.Uint64(), Hash: adapters.Hash(h.Hash()), Parent: adapters.Hash(h.ParentHash),
		Time: int64(h.Time), Clock: int64(h.Time),
	}
	a.headers.put(ref)
	return ref
}

// Tip is the node's best block.
func (a *Adapter) Tip(ctx context.Context) (adapters.BlockRef, error) {
	ctx, _ = a.node.backs.Stay(ctx)
	if err := a.node.verify(ctx); err != nil {
		return adapters.BlockRef{}, err
	}
	h, err := a.node.eth.HeaderByNumber(ctx, nil)
	if err != nil {
		return adapters.BlockRef{}, unreachable("read the tip", err)
	}
	return a.ref(h), nil
}

// Next says what follows the cursor. A node that is merely behind the cursor is at its tip: a block is
// taken back only when the node shows another in the place of it or of one of its ancestors. One back end
// answers all of it: what two say at two moments is no chain.
func (a *Adapter) Next(ctx context.Context, cursor adapters.BlockRef) (adapters.Step, error) {
	ctx, _ = a.node.backs.Stay(ctx)
	if err := a.node.verify(ctx); err != nil {
		return adapters.Step{}, err
	}
	here, err := a.node.header(ctx, cursor.Height)
	if err != nil {
		return adapters.Step{}, unreachable("read the cursor's block", err)
	}
	if here == nil {
		return a.behind(ctx, cursor)
	}
	if here.Hash() != common.Hash(cursor.Hash) {
		return a.disconnect(ctx, cursor)
	}
	a.ref(here)
	next, err := a.node.header(ctx, cursor.Height+1)
	if err != nil {
		return adapters.Step{}, unreachable("read the next block", err)
	}
	if next == nil {
		return adapters.Step{Kind: adapters.AtTip}, nil
	}
	if next.ParentHash != common.Hash(cursor.Hash) {
		// The chain changed between the two questions: ask again.
		return a.disconnectIfGone(ctx, cursor)
	}
	facts, err := a.factsOf(ctx, next)
	if err != nil {
		return adapters.Step{}, err
	}
	return adapters.Step{Kind: adapters.Connect, Block: a.ref(next), Facts: facts}, nil
}

func (a *Adapter) disconnectIfGone(ctx context.Context, cursor adapters.BlockRef) (adapters.Step, error) {
	here, err := a.node.header(ctx, cursor.Height)
	if err != nil {
		return adapters.Step{}, unreachable("read the cursor's block", err)
	}
	if here != nil && here.Hash() != common.Hash(cursor.Hash) {
		return a.disconnect(ctx, cursor)
	}
	return adapters.Step{Kind: adapters.AtTip}, nil
}

// maxBehind bounds how far below the cursor a node's chain is compared with it.
const maxBehind = 512

// behind decides for a node whose chain ends below the cursor. That it knows the cursor's block proves
// nothing, because headers come before their blocks while a node catches up: it has left the cursor's
// branch where it knows it and its own last block is none of it.
func (a *Adapter) behind(ctx context.Context, cursor adapters.BlockRef) (adapters.Step, error) {
	tip, err := a.node.eth.HeaderByNumber(ctx, nil)
	if err != nil {
		return adapters.Step{}, unreachable("read the tip", err)
	}
	atTip, height := adapters.Step{Kind: adapters.AtTip}, tip.Number.Uint64()
	if height >= cursor.Height || cursor.Height-height > maxBehind {
		return atTip, nil // the next question will tell, or it is far behind
	}
	at := common.Hash(cursor.Parent)
	for h := cursor.Height - 1; h > height; h-- {
		ref, ok := a.headers.get(at)
		if !ok {
			above, err := a.node.headerOf(ctx, at)
			if err != nil {
				return adapters.Step{}, unreachable("look for the cursor's branch", err)
			}
			if above == nil {
				return atTip, nil
			}
			ref = a.ref(above)
		}
		at = common.Hash(ref.Parent)
	}
	if at == tip.Hash() {
		return atTip, nil
	}
	known, err := a.node.headerOf(ctx, common.Hash(cursor.Hash))
	if err != nil {
		return adapters.Step{}, unreachable("look for the cursor's block", err)
	}
	if known == nil {
		return atTip, nil
	}
	return a.disconnect(ctx, cursor)
}

func (a *Adapter) disconnect(ctx context.Context, cursor adapters.BlockRef) (adapters.Step, error) {
	parent, err := a.parent(ctx, cursor)
	if err != nil {
		return adapters.Step{}, err
	}
	return adapters.Step{Kind: adapters.Disconnect, Block: parent}, nil
}

// Parent is the block before b.
func (a *Adapter) Parent(ctx context.Context, b adapters.BlockRef) (adapters.BlockRef, error) {
	if err := a.node.verify(ctx); err != nil {
		return adapters.BlockRef{}, err
	}
	return a.parent(ctx, b)
}

func (a *Adapter) parent(ctx context.Context, b adapters.BlockRef) (adapters.BlockRef, error) {
	parent := common.Hash(b.Parent)
	if ref, ok := a.headers.get(parent); ok {
		return ref, nil
	}
	h, err := a.node.headerOf(ctx, parent)
	if err != nil {
		return adapters.BlockRef{}, unreachable("read the block before the cursor", err)
	}
	if h == nil {
		return adapters.BlockRef{}, &adapters.Error{
			Reason: "UNKNOWN_CURSOR", Op: fmt.Sprintf("take back block %d %s", b.Height, b.Hash),
			Advice: "go back to an older block that was stored", Retryable: true, Err: adapters.ErrUnknownCursor,
		}
	}
	return a.ref(h), nil
}

// factsOf asks for the logs of exactly this block. The bloom filter in the header would often save the
// question, but not every chain fills it, and a fact missed costs more than a question. Where it is filled
// and there are several back ends, logsOf has the answer proved.
func (a *Adapter) factsOf(ctx context.Context, h *types.Header) ([]adapters.Fact, error) {
	logs, err := a.node.logsOf(ctx, h, a.deployment)
	if err != nil {
		return nil, unreachable(fmt.Sprintf("read the logs of block %d", h.Number), err)
	}
	var facts []adapters.Fact
	for i := range logs {
		if fact, ok := a.fact(&logs[i]); ok {
			facts = append(facts, fact)
		}
	}
	return facts, nil
}

// fact reads one log. Only logs of the deployment itself count, and a secret only if it opens the lock.
func (a *Adapter) fact(l *types.Log) (adapters.Fact, bool) {
	if l.Address != a.deployment || l.Removed || len(l.Topics) != 2 {
		return adapters.Fact{}, false
	}
	rec, ok := a.watched.get(l.Topics[1])
	if !ok {
		return adapters.Fact{}, false
	}
	id := l.Topics[1].Hex()
	f := adapters.Fact{Contract: id, TxID: l.TxHash.Hex()}
	if _, err := htlcCode.UnpackFundedEvent(l); err == nil {
		f.Kind, f.Ref = adapters.Funded, id
		return f, true
	}
	if _, err := htlcCode.UnpackRefundedEvent(l); err == nil {
		f.Kind = adapters.Refunded
		return f, true
	}
	if _, err := htlcCode.UnpackClosedByConsentEvent(l); err == nil {
		f.Kind = adapters.ClosedByConsent
		return f, true
	}
	event, err := htlcCode.UnpackRedeemedEvent(l)
	if err != nil {
		return adapters.Fact{}, false
	}
	secret, err := htlc.NewSecret(event.Secret[:])
	if err != nil || !secret.Opens(rec.hash) {
		a.log.Error("a redeem of the deployment shows a secret that does not open the contract", "contract", id)
		return adapters.Fact{}, false
	}
	f.Kind, f.Secret = adapters.Redeemed, &secret
	return f, true
}

// Scan finds what happened to one watched contract in the blocks from..to, as far as the back end that
// answers has them, and says which block is the last that it read: it may be behind the one that is
// followed. Without such a block it read none.
func (a *Adapter) Scan(ctx context.Context, contract string, from, to uint64) ([]adapters.Located, adapters.BlockRef, error) {
	var none adapters.BlockRef
	id, _, err := a.watchedID(contract)
	if err != nil {
		return nil, none, err
	}
	ctx, _ = a.node.backs.Stay(ctx)
	tip, err := a.Tip(ctx)
	if err != nil || from > min(to, tip.Height) {
		return nil, none, err
	}
	last, err := a.lastOf(ctx, min(to, tip.Height))
	if err != nil {
		return nil, none, err
	}
	var out []adapters.Located
	for start := from; start <= last.Height; start += scanChunk {
		logs, err := a.node.eth.FilterLogs(ctx, ethereum.FilterQuery{
			FromBlock: new(big.Int).SetUint64(start), ToBlock: new(big.Int).SetUint64(min(last.Height, start+scanChunk-1)),
			Addresses: []common.Address{a.deployment}, Topics: [][]common.Hash{nil, {id}},
		})
		if err != nil {
			return nil, none, unreachable(fmt.Sprintf("read the logs from block %d", start), err)
		}
		for i := range logs {
			located, err := a.locate(ctx, &logs[i])
			if err != nil {
				return nil, none, err
			}
			out = append(out, located...)
		}
	}
	// Logs are asked for by height: they are those of one branch only if that did not change meanwhile.
	still, err := a.lastOf(ctx, last.Height)
	if err == nil && still.Hash != last.Hash {
		err = unreachable("scan", errMoved)
	}
	return out, last, err
}

// errMoved: the chain changed between two questions.
var errMoved = errors.New("the chain is changing")

// lastOf is the block at a height that the chain had a moment ago.
func (a *Adapter) lastOf(ctx context.Context, height uint64) (adapters.BlockRef, error) {
	h, err := a.node.header(ctx, height)
	if err == nil && h == nil {
		err = errMoved
	}
	if err != nil {
		return adapters.BlockRef{}, unreachable("read the last block of a scan", err)
	}
	return a.ref(h), nil
}

func (a *Adapter) locate(ctx context.Context, l *types.Log) ([]adapters.Located, error) {
	fact, ok := a.fact(l)
	if !ok {
		return nil, nil
	}
	h, err := a.node.headerOf(ctx, l.BlockHash)
	if err != nil {
		return nil, unreachable("read a scanned block", err)
	}
	if h == nil {
		return nil, nil // left the chain since: the follower tells what replaced it
	}
	return []adapters.Located{{Fact: fact, Block: a.ref(h)}}, nil
}

// Status checks chain id, genesis and code, and describes the node.
func (a *Adapter) Status(ctx context.Context) (adapters.Status, error) {
	tip, err := a.Tip(ctx)
	if err != nil {
		return adapters.Status{}, err
	}
	if err := a.checkCode(ctx, nil); err != nil {
		return adapters.Status{}, err
	}
	status := adapters.Status{Chain: a.config.Chain, Tip: tip}
	if err := a.node.rpc.CallContext(ctx, &status.Backend, "web3_clientVersion"); err != nil {
		return adapters.Status{}, unreachable("ask the node's version", err)
	}
	progress, err := a.node.eth.SyncProgress(ctx)
	if err != nil {
		return adapters.Status{}, unreachable("ask the node's progress", err)
	}
	status.Synced = progress == nil || progress.Done()
	return status, nil
}
