package bitcoin

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
)

// maxRaces bounds how often a step is taken again because the chain changed
// under it.
const maxRaces = 5

// maxBehind bounds how far below the cursor a node's chain is compared with it.
const maxBehind = 512

// errRace: the chain changed between two questions.
var errRace = errors.New("the chain is changing")

// Tip is the best block that the node has.
func (a *Adapter) Tip(ctx context.Context) (adapters.BlockRef, error) {
	ctx, _ = a.node.backs.Stay(ctx)
	if err := a.node.verify(ctx); err != nil {
		return adapters.BlockRef{}, err
	}
	return a.node.tip(ctx)
}

func (n *node) tip(ctx context.Context) (adapters.BlockRef, error) {
	height, hash, err := n.best(ctx)
	if err != nil {
		return adapters.BlockRef{}, err
	}
	ref, err := n.ref(ctx, height, hash)
	if errors.Is(err, errNoBlock) {
		return ref, unreachable("read the tip", err)
	}
	return ref, err
}

// Next says what follows the cursor. One back end answers it: what two say at two
// moments is no chain.
func (a *Adapter) Next(ctx context.Context, cursor adapters.BlockRef) (adapters.Step, error) {
	ctx, _ = a.node.backs.Stay(ctx)
	if err := a.node.verify(ctx); err != nil {
		return adapters.Step{}, err
	}
	step, block, err := a.node.step(ctx, cursor)
	if err == nil && step.Kind == adapters.Connect {
		step.Facts = a.watched.matchBlock(block)
		err = a.markOwn(ctx, step.Facts, block)
	}
	return step, err
}

// step finds what follows the cursor, with the block where one does.
func (n *node) step(ctx context.Context, cursor adapters.BlockRef) (adapters.Step, *wire.MsgBlock, error) {
	for range maxRaces {
		step, block, err := n.tryStep(ctx, cursor)
		if !errors.Is(err, errRace) {
			return step, block, err
		}
	}
	return adapters.Step{}, nil, unreachable("read the next block", errRace)
}

func (n *node) tryStep(ctx context.Context, cursor adapters.BlockRef) (adapters.Step, *wire.MsgBlock, error) {
	stands, err := n.hashAt(ctx, cursor.Height)
	switch {
	case errors.Is(err, errNoBlock):
		return n.beyondTip(ctx, cursor)
	case err != nil:
		return adapters.Step{}, nil, err
	case stands != cursor.Hash:
		return n.disconnect(ctx, cursor)
	}
	hash, err := n.hashAt(ctx, cursor.Height+1)
	if errors.Is(err, errNoBlock) {
		return adapters.Step{Kind: adapters.AtTip}, nil, nil
	}
	if err != nil {
		return adapters.Step{}, nil, err
	}
	block, err := n.block(ctx, hash)
	if errors.Is(err, errNoBlock) {
		return adapters.Step{}, nil, errRace
	}
	if err != nil {
		return adapters.Step{}, nil, err
	}
	if hashOf(block.Header.PrevBlock) != cursor.Hash {
		return adapters.Step{}, nil, errRace
	}
	ref, err := n.ref(ctx, cursor.Height+1, hash)
	if errors.Is(err, errNoBlock) {
		return adapters.Step{}, nil, errRace
	}
	if err != nil {
		return adapters.Step{}, nil, err
	}
	return adapters.Step{Kind: adapters.Connect, Block: ref}, block, nil
}

// beyondTip: the node's chain ends below the cursor. It has left the cursor's
// branch where it has the cursor's block, as a whole and now, and its own last
// block is none of the branch. Otherwise it lags behind, and undoing what it has
// not seen yet would be wrong: headers come before their blocks while a node
// catches up.
func (n *node) beyondTip(ctx context.Context, cursor adapters.BlockRef) (adapters.Step, *wire.MsgBlock, error) {
	height, tip, err := n.best(ctx)
	if err != nil {
		return adapters.Step{}, nil, err
	}
	if height >= cursor.Height {
		return adapters.Step{}, nil, errRace
	}
	behind := adapters.Step{Kind: adapters.AtTip}
	if cursor.Height-height > maxBehind {
		return behind, nil, n.verify(ctx)
	}
	at := cursor.Parent
	for h := cursor.Height - 1; h > height; h-- {
		above, err := n.header(ctx, at)
		if errors.Is(err, errNoBlock) {
			return behind, nil, n.verify(ctx)
		}
		if err != nil {
			return adapters.Step{}, nil, err
		}
		at = above.parent
	}
	if at == tip {
		return behind, nil, n.verify(ctx)
	}
	var refused *rpcError // some say that it is not there, some that it is not there yet
	if _, err := n.askBlock(ctx, cursor.Hash); errors.Is(err, errNoBlock) || errors.As(err, &refused) {
		return behind, nil, n.verify(ctx)
	} else if err != nil {
		return adapters.Step{}, nil, err
	}
	return n.disconnect(ctx, cursor)
}

func (n *node) disconnect(ctx context.Context, cursor adapters.BlockRef) (adapters.Step, *wire.MsgBlock, error) {
	// Another chain behind the endpoint looks like a reorganisation too.
	if err := n.verify(ctx); err != nil {
		return adapters.Step{}, nil, err
	}
	parent, err := n.parent(ctx, cursor)
	if err != nil {
		return adapters.Step{}, nil, err
	}
	return adapters.Step{Kind: adapters.Disconnect, Block: parent}, nil, nil
}

// Parent is the block before b.
func (a *Adapter) Parent(ctx context.Context, b adapters.BlockRef) (adapters.BlockRef, error) {
	if err := a.node.verify(ctx); err != nil {
		return adapters.BlockRef{}, err
	}
	return a.node.parent(ctx, b)
}

func (n *node) parent(ctx context.Context, b adapters.BlockRef) (adapters.BlockRef, error) {
	if b.Height == 0 {
		return adapters.BlockRef{}, unknownCursor(b)
	}
	parent, err := n.ref(ctx, b.Height-1, b.Parent)
	if errors.Is(err, errNoBlock) {
		return parent, unknownCursor(b)
	}
	return parent, err
}

func unknownCursor(cursor adapters.BlockRef) error {
	return &adapters.Error{
		Reason: "UNKNOWN_CURSOR", Op: fmt.Sprintf("follow block %d %s", cursor.Height, cursor.Hash), Retryable: true,
		Advice: "start from an older block", Err: adapters.ErrUnknownCursor,
	}
}

// Scan finds facts of one watched contract in the blocks from..to, as far as the
// back end that answers has them, and says which block is the last that it read:
// it may be behind the one that is followed. Without such a block it read none.
func (a *Adapter) Scan(ctx context.Context, contract string, from, to uint64) ([]adapters.Located, adapters.BlockRef, error) {
	var last adapters.BlockRef
	one, ok := a.watched.only(contract)
	if !ok {
		return nil, last, &adapters.Error{
			Reason: "NOT_WATCHED", Op: fmt.Sprintf("scan for contract %s", contract),
			Err: fmt.Errorf("%w: it is not watched", adapters.ErrMismatch),
		}
	}
	ctx, _ = a.node.backs.Stay(ctx)
	if err := a.node.verify(ctx); err != nil {
		return nil, last, err
	}
	height, _, err := a.node.best(ctx)
	if err != nil {
		return nil, last, err
	}
	var found []adapters.Located
	for at := from; at <= min(to, height); at++ {
		ref, block, err := a.node.at(ctx, at)
		if errors.Is(err, errNoBlock) {
			break // the chain became shorter
		}
		if err == nil && at > from && ref.Parent != last.Hash {
			err = unreachable("scan", errRace)
		}
		if err != nil {
			return nil, last, err
		}
		last = ref
		facts := one.matchBlock(block)
		if err := a.markOwn(ctx, facts, block); err != nil {
			return nil, last, err
		}
		for _, fact := range facts {
			found = append(found, adapters.Located{Fact: fact, Block: ref})
		}
	}
	a.watched.learn(one)
	return found, last, nil
}

// at reads the main chain's block at a height.
func (n *node) at(ctx context.Context, height uint64) (adapters.BlockRef, *wire.MsgBlock, error) {
	hash, err := n.hashAt(ctx, height)
	if err != nil {
		return adapters.BlockRef{}, nil, err
	}
	block, err := n.block(ctx, hash)
	if err != nil {
		return adapters.BlockRef{}, nil, err
	}
	ref, err := n.ref(ctx, height, hash)
	return ref, block, err
}

// Status checks the genesis block and describes the back end.
func (a *Adapter) Status(ctx context.Context) (adapters.Status, error) {
	status := adapters.Status{Chain: a.params.Chain}
	if err := a.node.verify(ctx); err != nil {
		return status, err
	}
	var info struct {
		Blocks  int64 `json:"blocks"`
		Headers int64 `json:"headers"`
		Initial bool  `json:"initialblockdownload"`
	}
	if err := a.node.call(ctx, "getblockchaininfo", &info); err != nil {
		return status, asUnreachable("ask for the node's state", err)
	}
	status.Synced = !info.Initial && info.Blocks >= info.Headers
	var err error
	if status.Backend, err = a.node.software(ctx); err != nil {
		return status, err
	}
	status.Tip, err = a.node.tip(ctx)
	return status, err
}

// software is the node's name and version: Core's dialect says it in words,
// btcd by a number.
func (n *node) software(ctx context.Context) (string, error) {
	var network struct {
		Subversion string `json:"subversion"`
	}
	err := n.call(ctx, "getnetworkinfo", &network)
	if err == nil {
		return network.Subversion, nil
	}
	if !isCode(err, codeMethodNotFound, codeUnimplemented) {
		return "", asUnreachable("ask for the node's version", err)
	}
	var info struct {
		Version int64 `json:"version"`
	}
	if err := n.call(ctx, "getinfo", &info); err != nil {
		return "", asUnreachable("ask for the node's version", err)
	}
	v := info.Version
	return fmt.Sprintf("btcd %d.%d.%d", v/1_000_000, v/10_000%100, v/100%100), nil
}

func scriptOfID(id string) string {
	raw, err := hex.DecodeString(id)
	if err != nil {
		return ""
	}
	return string(raw)
}
