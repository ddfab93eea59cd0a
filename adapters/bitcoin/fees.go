package bitcoin

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

const (
	// maxFeeRate is a limit of sanity: a coin for 1,000 virtual bytes.
	maxFeeRate = 100_000_000
	// silentRelay is taken where the node does not tell what it relays, and by
	// how much a replacement has to pay more (BIP-125).
	silentRelay = 1_000

	witnessScale = 4
	// dustInput is what a node assumes for spending a witness output.
	dustInput = 67
)

// virtualSize is the size that nodes price.
func virtualSize(tx *wire.MsgTx) uint64 {
	weight := tx.SerializeSizeStripped()*(witnessScale-1) + tx.SerializeSize()
	return uint64(weight+witnessScale-1) / witnessScale
}

// feeFor rounds up.
func feeFor(rate, size uint64) int64 { return int64((rate*size + 999) / 1000) }

// rateOf is the feerate of a fee, rounded down.
func rateOf(fee int64, size uint64) uint64 { return uint64(max(fee, 0)) * 1000 / size }

// dustLimit is the least that a node relays to a script. No node tells it, but
// every one says so of a transaction that it is asked about.
func (p Params) dustLimit(script []byte) int64 {
	return int64(wire.NewTxOut(0, script).SerializeSize()+dustInput) * p.DustRate
}

// marketAge is for how long the market's feerate is believed. When a secret
// comes out, many redeems may be priced in one moment.
const marketAge = 2 * time.Second

// prices are what the node says of fees, in satoshi for 1,000 virtual bytes.
type prices struct {
	market uint64 // what confirms soon; never below relay
	relay  uint64 // the least that the node takes now
	step   uint64 // by which a replacement has to pay more, for its own relay
}

// feeMarket remembers the prices.
type feeMarket struct {
	mu     sync.Mutex
	prices prices
	at     time.Time
}

// market is the feerate of now: never below what the node relays or the floor.
func (a *Adapter) market(ctx context.Context) (uint64, error) {
	p, err := a.prices(ctx)
	return p.market, err
}

func (a *Adapter) prices(ctx context.Context) (prices, error) {
	a.fees.mu.Lock()
	p, age := a.fees.prices, time.Since(a.fees.at)
	a.fees.mu.Unlock()
	if p.market != 0 && age < marketAge {
		return p, nil
	}
	p, err := a.relayPolicy(ctx)
	if err != nil {
		return prices{}, err
	}
	estimate, err := a.estimate(ctx)
	if err != nil {
		return prices{}, err
	}
	p.market = min(max(p.relay, estimate, a.config.FeeFloor), maxFeeRate)
	a.fees.mu.Lock()
	a.fees.prices, a.fees.at = p, time.Now()
	a.fees.mu.Unlock()
	return p, nil
}

// estimate is the node's own; zero where it does not know, which is not the
// same as free. Core's dialect is tried first.
func (a *Adapter) estimate(ctx context.Context) (uint64, error) {
	var smart struct {
		FeeRate coinValue `json:"feerate"`
	}
	err := a.node.call(ctx, "estimatesmartfee", &smart, a.config.Target)
	if err == nil {
		return uint64(max(smart.FeeRate, 0)), nil
	}
	var refused *rpcError
	if !errors.As(err, &refused) {
		return 0, err
	}
	var plain coinValue
	err = a.node.call(ctx, "estimatefee", &plain, a.config.Target)
	if errors.As(err, &refused) {
		return 0, nil // a young chain: nothing is known
	}
	return uint64(max(plain, 0)), err
}

// relayPolicy asks for the least that the node takes now, which rises with a
// full mempool, and for the step of replacements. btcd tells only what it relays,
// and takes that for both.
func (a *Adapter) relayPolicy(ctx context.Context) (prices, error) {
	var pool struct {
		Min   coinValue `json:"mempoolminfee"`
		Relay coinValue `json:"minrelaytxfee"`
		Step  coinValue `json:"incrementalrelayfee"`
	}
	if err := a.node.call(ctx, "getmempoolinfo", &pool); err != nil {
		return prices{}, asUnreachable("ask for the relay fee", err)
	}
	if least := max(pool.Min, pool.Relay); least > 0 {
		step, err := a.replacementStep(ctx, pool.Step, pool.Relay)
		return prices{relay: uint64(least), step: step}, err
	}
	var info struct {
		Relay coinValue `json:"relayfee"`
	}
	err := a.node.call(ctx, "getinfo", &info)
	if err != nil && !isCode(err, codeMethodNotFound) {
		return prices{}, asUnreachable("ask for the relay fee", err)
	}
	relay := uint64(silentRelay)
	if info.Relay > 0 {
		relay = uint64(info.Relay)
	}
	return prices{relay: relay, step: relay}, nil
}

// replacementStep is told by getmempoolinfo of newer nodes and by getnetworkinfo
// of older ones.
func (a *Adapter) replacementStep(ctx context.Context, told, relay coinValue) (uint64, error) {
	if told <= 0 {
		var network struct {
			Step coinValue `json:"incrementalfee"`
		}
		var refused *rpcError
		if err := a.node.call(ctx, "getnetworkinfo", &network); err != nil && !errors.As(err, &refused) {
			return 0, asUnreachable("ask for the step of replacements", err)
		}
		told = network.Step
	}
	if told <= 0 {
		told = max(relay, silentRelay)
	}
	return uint64(told), nil
}

// Sizes in virtual bytes, rounded up, of what the quote speaks of; a test
// holds them against signed transactions.
const (
	fundSize   = 155 // one own coin to contract and change
	redeemSize = 155 // to an own address
	refundSize = 138
)

// Quote is what a leg costs.
func (a *Adapter) Quote(ctx context.Context, asset htlc.AssetID) (adapters.FeeQuote, error) {
	if asset != a.params.Asset {
		return adapters.FeeQuote{}, unknownAsset(asset)
	}
	if err := a.node.verify(ctx); err != nil {
		return adapters.FeeQuote{}, err
	}
	rate, err := a.market(ctx)
	if err != nil {
		return adapters.FeeQuote{}, err
	}
	stress := a.stress(rate)
	return adapters.FeeQuote{
		Coin:         adapters.AssetIDs{Asset: asset, FeeCoin: asset},
		Fund:         amountOf(feeFor(rate, fundSize)),
		Redeem:       amountOf(feeFor(rate, redeemSize)),
		Refund:       amountOf(feeFor(rate, refundSize)),
		StressRedeem: amountOf(feeFor(stress, redeemSize)),
		StressRefund: amountOf(feeFor(stress, refundSize)),
		Min:          amountOf(a.smallest(stress)),
		Max:          htlc.NewAmount(a.config.MaxAmount),
	}, nil
}

// smallest is the least amount of a leg: redeem and refund at the stress rate
// are at most the configured part of it, and what either pays out is no dust.
func (a *Adapter) smallest(stress uint64) int64 {
	redeem, refund := feeFor(stress, redeemSize), feeFor(stress, refundSize)
	percent := int64(a.config.MinFeePercent)
	byFees := ((redeem+refund)*100 + percent - 1) / percent
	return max(byFees, a.params.dustLimit(make([]byte, taprootScriptSize))+max(redeem, refund))
}

// stress is the feerate of what has to hold in bad times.
func (a *Adapter) stress(market uint64) uint64 { return max(market, a.config.StressFee) }

// checkAmount refuses amounts that are not worth their fees or too large.
func (a *Adapter) checkAmount(amount htlc.Amount, stress uint64) (int64, error) {
	satoshi, fits := amount.Uint64()
	if !fits || satoshi > a.config.MaxAmount {
		return 0, &adapters.Error{
			Reason: "AMOUNT_TOO_LARGE", Op: fmt.Sprintf("lock %s satoshi", amount),
			Err: fmt.Errorf("%w: at most %d satoshi", adapters.ErrAmountTooLarge, a.config.MaxAmount),
		}
	}
	if least := a.smallest(stress); int64(satoshi) < least {
		return 0, dust(fmt.Sprintf("lock %d satoshi", satoshi), least)
	}
	return int64(satoshi), nil
}
