package servertest

import (
	"context"
	"fmt"
	"sync"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// The chains and assets of every Node.
const (
	Bitcoin  htlc.ChainID = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
	Ethereum htlc.ChainID = "eip155:1337"
	BTC      htlc.AssetID = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328/slip44:0"
	ETH      htlc.AssetID = "eip155:1337/slip44:60"
)

func nativeSuffix(chain htlc.ChainID) string {
	if chain == Bitcoin {
		return "/slip44:0"
	}
	return "/slip44:60"
}

// chain is a chain as agreements and the server's callers see it.
type chain struct {
	id    htlc.ChainID
	asset htlc.AssetID
	who   byte // tells the keys of two nodes apart

	mu   sync.Mutex
	tip  adapters.BlockRef
	down bool
}

func (c *chain) amount(satoshi, gwei uint64) htlc.Amount {
	if c.id == Bitcoin {
		return htlc.NewAmount(satoshi)
	}
	a, err := htlc.ParseAmount(fmt.Sprintf("%d000000000", gwei))
	if err != nil {
		return htlc.Amount{}
	}
	return a
}

func (c *chain) key(salt htlc.Salt, leg int, role byte) []byte {
	if c.id == Ethereum {
		key := make([]byte, 20)
		key[0], key[19] = 0xaa, c.who
		return key
	}
	key := make([]byte, 33)
	key[0], key[1], key[2], key[3] = 2, c.who, role, byte(leg)
	copy(key[4:], salt[:16])
	return key
}

func (c *chain) Reserve(_ context.Context, r adapters.Reservation) (adapters.PayerPart, error) {
	part := adapters.PayerPart{Key: c.key(r.Salt, r.Leg, 1)}
	if c.id == Ethereum {
		part.Deployment, part.Lane, part.Sequence = make([]byte, 20), 3, 7
	}
	return part, nil
}

func (c *chain) PayeeKey(_ context.Context, asset htlc.AssetID, salt htlc.Salt, leg int) ([]byte, error) {
	if asset != c.asset {
		return nil, adapters.ErrUnknownAsset
	}
	return c.key(salt, leg, 2), nil
}

func (*chain) ReserveRedeem(context.Context, string, htlc.AssetID, int) error { return nil }

func (*chain) Release(context.Context, string) error       { return nil }
func (*chain) Adopt(context.Context, string, string) error { return nil }

func (c *chain) Contract(terms htlc.Terms, leg int) (adapters.Contract, error) {
	return adapters.Contract{
		ID: fmt.Sprintf("%x-%d", terms.ID(), leg), Swap: terms.ID(), Leg: leg, Chain: c.id,
		Address: fmt.Sprintf("contract-of-leg-%d", leg),
	}, nil
}

// short is an adapter's lack of coins, with what it is about.
type short struct {
	asset   htlc.AssetID
	missing htlc.Amount
}

func (s short) Error() string {
	return fmt.Sprintf("%v: %s missing", adapters.ErrInsufficientFunds, s.missing)
}
func (short) Unwrap() error { return adapters.ErrInsufficientFunds }
func (s short) Metadata() map[string]string {
	return map[string]string{"asset": string(s.asset), "missing": s.missing.String()}
}

func (c *chain) CheckMeans(_ context.Context, _ string, terms htlc.Terms, leg int, payer bool) error {
	have := c.amount(2_0000_0000, 20_000_000_000)
	if amount := terms.Legs[leg].Amount; payer && amount.Cmp(have) > 0 {
		missing, err := amount.Sub(have)
		if err != nil {
			return err
		}
		return &adapters.Error{Op: "count coins", Err: short{c.asset, missing}}
	}
	return nil
}

func (c *chain) Quote(_ context.Context, asset htlc.AssetID) (adapters.FeeQuote, error) {
	if asset != c.asset {
		return adapters.FeeQuote{}, fmt.Errorf("%w: %s", adapters.ErrUnknownAsset, asset)
	}
	return adapters.FeeQuote{
		Coin: adapters.AssetIDs{Asset: asset, FeeCoin: c.asset},
		Fund: c.amount(3100, 98_000), Redeem: c.amount(2845, 64_000), Refund: c.amount(2515, 79_000),
		StressRedeem: c.amount(28450, 3_200_000), StressRefund: c.amount(25150, 3_950_000),
		Min: c.amount(110_000, 70_000_000), Max: c.amount(100_0000_0000, 100_000_000_000),
	}, nil
}

func (c *chain) Tip(context.Context) (adapters.BlockRef, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tip, nil
}

func (c *chain) Address(context.Context, htlc.AssetID) (string, error) {
	if c.id == Bitcoin {
		return "bcrt1p2wsldez5mud2yam29q22wgfh9439spgduvct83k3pm50fcxa5dps59h4z5", nil
	}
	return "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", nil
}

func (c *chain) Balances(context.Context) ([]adapters.Balance, error) {
	return []adapters.Balance{{
		Asset: c.asset, Spendable: c.amount(2_0000_0000, 20_000_000_000), Reserved: c.amount(500_0000, 0), Pending: c.amount(0, 0),
	}}, nil
}

func (c *chain) Status(context.Context) (adapters.Status, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		return adapters.Status{}, &adapters.Error{Op: "ask the node", Retryable: true, Err: adapters.ErrUnreachable}
	}
	return adapters.Status{Chain: c.id, Tip: c.tip, Backend: "memory/1.0", Synced: true}, nil
}
