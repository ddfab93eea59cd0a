package evm

import (
	"context"

	"github.com/kofo-network/kofo/adapters"
)

// Settings asks the node how it was set up.
func (a *Adapter) Settings(ctx context.Context) (adapters.Settings, error) {
	s := adapters.Settings{Peers: -1}
	if n, err := a.node.eth.PeerCount(ctx); err == nil {
		s.Peers = int(min(n, 1<<20))
	}
	return s, ctx.Err()
}
