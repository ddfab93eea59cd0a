package node

import (
	"context"
	"time"

	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/server"
	"github.com/kofo-network/kofo/internal/store"
)

// records reads agreements for the API.
type records struct {
	service *agreement.Service
	store   *store.Agreements
}

func (r records) Find(ctx context.Context, id [32]byte) (agreement.Record, error) {
	return r.service.Find(ctx, id)
}

func (r records) Recent(ctx context.Context, before time.Time, id htlc.Salt, limit int) ([]agreement.Record, error) {
	return r.store.Recent(ctx, before, id, limit)
}

// served describes the chains to the API.
func (c *core) served() []server.Chain {
	var out []server.Chain
	for _, on := range c.chains {
		s := server.Chain{
			ID: on.id, Name: on.Name, Purse: on.adapter, MinConfirmations: on.Confirms, BlockTime: on.BlockTime(),
			Depths: on.Policy().Steps, BackEnds: on.adapter.BackEnds().Health,
			Suspended: on.breaker.Suspended, Resume: on.breaker.Resume,
		}
		switch on.Kind {
		case config.KindBitcoin:
			// An unknown chain has been refused when it was opened.
			if p, err := bitcoin.ParamsOf(on.id); err == nil {
				s.Assets = []server.Asset{{ID: p.Asset, Symbol: p.Symbol, Decimals: 8, FeeCoin: true}}
			}
		case config.KindEVM:
			s.Assets = []server.Asset{{ID: htlc.AssetID(on.ID + "/slip44:60"), Symbol: "ETH", Decimals: 18, FeeCoin: true}}
			s.Deployment = on.Deployment
			if s.Deployment == "" {
				s.Deployment = contracts.Address().Hex()
			}
		}
		for _, t := range on.Tokens {
			s.Assets = append(s.Assets, server.Asset{
				ID: htlc.AssetID(t.Asset), Symbol: t.Symbol, Decimals: t.Decimals, Trust: t.Trust,
			})
		}
		out = append(out, s)
	}
	return out
}
