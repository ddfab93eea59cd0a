package agreement

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// fakeChain reserves out of one balance per asset. Every reservation gets a
// lane of its own, so that reserving twice shows in the Terms.
type fakeChain struct {
	edges   *edges
	mu      sync.Mutex
	keyLen  int
	balance map[htlc.AssetID]uint64
	held    map[string]adapters.Reservation
	kept    map[string]uint64 // for redeems, in the coin
	coin    htlc.AssetID
	lanes   uint64
	height  uint64

	noRedeemFee bool
	unreachable bool
	reserveErr  error
	contractErr error
}

func (c *fakeChain) spendable(asset htlc.AssetID) uint64 {
	left := c.balance[asset]
	for _, r := range c.held {
		if v, _ := r.Amount.Uint64(); r.Asset == asset {
			left -= v
		}
	}
	for _, fee := range c.kept {
		if asset == c.coin {
			left -= fee
		}
	}
	return left
}

// stressRedeem is what a redeem is taken to cost on a fakeChain.
const stressRedeem = 2000

// utxo: the redeemed coins pay for their own redeem.
func (c *fakeChain) utxo() bool { return c.keyLen == 33 }

// take is what anything but a reservation of owner can have.
func (c *fakeChain) take(asset htlc.AssetID, need uint64) error {
	have := c.spendable(asset)
	switch {
	case need > c.balance[asset]:
		return missing(need - c.balance[asset])
	case need > have:
		return &adapters.Error{
			Reason: "COINS_RESERVED", Op: "count coins", Advice: fmt.Sprintf("missing %d", need-have),
			Err: fmt.Errorf("%w: %w", adapters.ErrReserved, adapters.ErrInsufficientFunds),
		}
	}
	return nil
}

func (c *fakeChain) ReserveRedeem(_ context.Context, owner string, _ htlc.AssetID, leg int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.utxo() || c.kept[owner] > 0 {
		return nil
	}
	if c.noRedeemFee {
		return missing(21_000)
	}
	if err := c.take(c.coin, stressRedeem); err != nil {
		return err
	}
	c.kept[owner] = stressRedeem
	defer c.edges.pass()
	return nil
}

// withdraw takes coins out, as their owner may at any time.
func (c *fakeChain) withdraw(amount uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.take(c.coin, amount); err != nil {
		return err
	}
	c.balance[c.coin] -= amount
	return nil
}

func (c *fakeChain) Reserve(_ context.Context, r adapters.Reservation) (adapters.PayerPart, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reserveErr != nil {
		return adapters.PayerPart{}, c.reserveErr
	}
	if _, ok := c.held[r.Owner]; ok {
		return adapters.PayerPart{}, fmt.Errorf("owner %s holds something already", r.Owner)
	}
	need, _ := r.Amount.Uint64()
	if err := c.take(r.Asset, need); err != nil {
		return adapters.PayerPart{}, err
	}
	c.held[r.Owner] = r
	c.lanes++
	defer c.edges.pass()
	return adapters.PayerPart{Key: bytes.Repeat([]byte{2}, c.keyLen), Lane: c.lanes, Sequence: 1}, nil
}

func missing(n uint64) error {
	return &adapters.Error{Op: "count coins", Err: adapters.ErrInsufficientFunds, Advice: fmt.Sprintf("missing %d", n)}
}

func (c *fakeChain) PayeeKey(_ context.Context, asset htlc.AssetID, salt htlc.Salt, leg int) ([]byte, error) {
	if _, ok := c.balance[asset]; !ok {
		return nil, adapters.ErrUnknownAsset
	}
	return append(bytes.Repeat([]byte{salt[0], byte(leg)}, c.keyLen/2), make([]byte, c.keyLen%2)...), nil
}

func (c *fakeChain) Release(_ context.Context, owner string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, owner)
	delete(c.kept, owner)
	return nil
}

func (c *fakeChain) Adopt(_ context.Context, from, to string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.held[from]; ok {
		delete(c.held, from)
		c.held[to] = r
	}
	if fee, ok := c.kept[from]; ok {
		delete(c.kept, from)
		c.kept[to] = fee
	}
	c.edges.pass()
	return nil
}

func (c *fakeChain) Contract(t htlc.Terms, leg int) (adapters.Contract, error) {
	if c.contractErr != nil {
		return adapters.Contract{}, c.contractErr
	}
	if len(t.Legs[leg].PayerKey) != c.keyLen || len(t.Legs[leg].PayeeKey) != c.keyLen {
		return adapters.Contract{}, adapters.ErrMismatch
	}
	return adapters.Contract{Swap: t.ID(), Leg: leg}, nil
}

func (c *fakeChain) CheckMeans(_ context.Context, owner string, t htlc.Terms, leg int, payer bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !payer {
		if c.noRedeemFee {
			return missing(21_000)
		}
		if c.utxo() || c.kept[owner] > 0 {
			return nil
		}
		return c.take(c.coin, stressRedeem)
	}
	if _, ok := c.held[owner]; ok {
		return nil
	}
	need, _ := t.Legs[leg].Amount.Uint64()
	return c.take(t.Legs[leg].Asset, need)
}

func (c *fakeChain) Quote(_ context.Context, asset htlc.AssetID) (adapters.FeeQuote, error) {
	if c.unreachable {
		return adapters.FeeQuote{}, &adapters.Error{Op: "quote", Err: adapters.ErrUnreachable, Retryable: true}
	}
	if _, ok := c.balance[asset]; !ok {
		return adapters.FeeQuote{}, adapters.ErrUnknownAsset
	}
	return adapters.FeeQuote{
		Coin: adapters.AssetIDs{Asset: asset, FeeCoin: c.coin},
		Fund: htlc.NewAmount(100), Redeem: htlc.NewAmount(200), Refund: htlc.NewAmount(300),
		StressRedeem: htlc.NewAmount(stressRedeem), StressRefund: htlc.NewAmount(3100),
		Min: htlc.NewAmount(10_000), Max: htlc.NewAmount(1 << 62),
	}, nil
}

func (c *fakeChain) Tip(context.Context) (adapters.BlockRef, error) {
	return adapters.BlockRef{Height: c.height}, nil
}

// fakeSwaps is an engine.
type fakeSwaps struct {
	edges     *edges
	mu        sync.Mutex
	opened    map[htlc.SwapID]htlc.TermsSigned
	cancelled map[htlc.SwapID]bool
	fail      error
}

func (f *fakeSwaps) Open(_ context.Context, signed htlc.TermsSigned) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	if _, _, err := htlc.Transition(htlc.Swap{}, signed); err != nil {
		return err
	}
	f.opened[signed.Terms.ID()] = signed
	f.edges.pass()
	return nil
}

func (f *fakeSwaps) Cancel(_ context.Context, swap htlc.SwapID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	f.cancelled[swap] = true
	return nil
}
