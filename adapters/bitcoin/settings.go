package bitcoin

import (
	"context"

	"github.com/kofo-network/kofo/adapters"
)

// Settings asks the node how it was set up.
func (a *Adapter) Settings(ctx context.Context) (adapters.Settings, error) {
	s := adapters.Settings{Peers: -1}
	var info struct {
		Pruned bool  `json:"pruned"`
		Blocks int64 `json:"blocks"`
	}
	if err := a.node.call(ctx, "getblockchaininfo", &info); err != nil {
		return s, asUnreachable("ask for the node's state", err)
	}
	s.Pruned = answer(info.Pruned)
	var peers int
	if err := a.node.call(ctx, "getconnectioncount", &peers); err == nil {
		s.Peers = peers
	}
	s.Indexed = a.indexed(ctx, info.Blocks)
	return s, ctx.Err()
}

// indexed asks for an old transaction that no wallet knows: it is found by an
// index only.
func (a *Adapter) indexed(ctx context.Context, blocks int64) adapters.Answer {
	var hash string
	var block struct {
		Tx []string `json:"tx"`
	}
	if blocks < 1 || a.node.call(ctx, "getblockhash", &hash, 1) != nil || a.node.call(ctx, "getblock", &block, hash, 1) != nil || len(block.Tx) == 0 {
		return adapters.Untold
	}
	var raw string
	return answer(a.node.call(ctx, "getrawtransaction", &raw, block.Tx[0], 0) == nil)
}

func answer(yes bool) adapters.Answer {
	if yes {
		return adapters.Yes
	}
	return adapters.No
}
