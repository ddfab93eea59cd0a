package node

import (
	"context"
	"fmt"

	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/config"
)

// Deployed is one chain whose deployment stands.
type Deployed struct {
	Chain   string `json:"chain"`
	Address string `json:"address"`
	Made    bool   `json:"made"` // false: it stood already
}

// Deploy puts the Solidity deployment on every EVM chain of the configuration
// that lacks it, paid by the node's own account. It is for development chains
// and for the first user of a chain; a node that runs need not be stopped.
func Deploy(ctx context.Context, cfg config.Config, o Options) ([]Deployed, error) {
	seed, err := openSeed(cfg, o)
	if err != nil {
		return nil, err
	}
	defer seed.Close()
	keys, err := seed.Keys()
	if err != nil {
		return nil, err
	}
	defer keys.Close()
	account, err := keys.EVMAccount(0)
	if err != nil {
		return nil, err
	}
	var out []Deployed
	for _, c := range cfg.Chains {
		if c.Kind != config.KindEVM || c.Deployment != "" {
			continue
		}
		at, made, err := evm.Deploy(ctx, htlc.ChainID(c.ID), c.BackEnds()[0].URL.Reveal(), account)
		if err != nil {
			return out, fmt.Errorf("deploy on %s, paid by %s: %w", c.Name, account.Address(), err)
		}
		out = append(out, Deployed{Chain: c.ID, Address: at.Hex(), Made: made})
	}
	return out, nil
}
