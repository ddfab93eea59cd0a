package evm

import (
	"context"
	"errors"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/rpc"
)

// Finalized is the height of the last block that the chain's consensus says can never leave it. ok is false
// where the node serves no such tag, has finalized nothing yet (block 0, as on development chains), or names
// a block that is not on its best chain: depth alone has to do then. A caller whose policy wants finality must
// take that for "not yet".
func (a *Adapter) Finalized(ctx context.Context) (height uint64, ok bool, err error) {
	return a.tagged(ctx, rpc.FinalizedBlockNumber)
}

// Safe is the height of the last block that leaves the chain only if a third of the validators' stake turns on
// it, with ok as in Finalized.
func (a *Adapter) Safe(ctx context.Context) (height uint64, ok bool, err error) {
	return a.tagged(ctx, rpc.SafeBlockNumber)
}

func (a *Adapter) tagged(ctx context.Context, tag rpc.BlockNumber) (uint64, bool, error) {
	if err := a.node.verify(ctx); err != nil {
		return 0, false, err
	}
	op := "read the " + tag.String() + " block"
	h, err := a.node.eth.HeaderByNumber(ctx, big.NewInt(tag.Int64()))
	if errors.Is(err, ethereum.NotFound) || noSuchTag(err) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, unreachable(op, err)
	}
	height := h.Number.Uint64()
	here, err := a.node.header(ctx, height)
	if err != nil {
		return 0, false, unreachable(op, err)
	}
	if height == 0 || here == nil || here.Hash() != h.Hash() {
		return 0, false, nil
	}
	return height, true, nil
}

// The codes by which nodes say that they have no block of a tag, or do not know the tag.
const (
	codeUnknownBlock  = -39001
	codeInvalidParams = -32602
)

// noSuchTag tells a node without the tag from one that does not answer now, or is asked too often: taking that
// for "no finality here" would wave through what waits for it.
func noSuchTag(err error) bool {
	var no rpc.Error
	if !errors.As(err, &no) {
		return false
	}
	code := no.ErrorCode()
	return code == codeUnknownBlock || code == codeInvalidParams || strings.Contains(strings.ToLower(no.Error()), "block not found")
}
