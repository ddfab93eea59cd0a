package bitcoin

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"time"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

const (
	// maxFeeRate is a limit of sanity: a coin for 1,000 virtual bytes.
	maxFeeRate = 100_000_000
	// relayFloor is the least that nodes relay, and the step by which a
	// replacement has to pay more (BIP-125), in satoshi for 1,000 virtual bytes.
	relayFloor = 1_000

	witnessScale = 4
	// dustInput is what a node assumes for spending a witness output, and
	// dustRate the feerate that it prices it with.
	dustInput = 67
	dustRate  = 3
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

// dustLimit is the least that a node relays to a script.
func dustLimit(script []byte) int64 {
	return int64(wire.NewTxOut(0, script).SerializeSize()+dustInput) * dustRate
}

// marketAge is for how long the market's feerate is believed. When a secret
// comes out, many redeems may be priced in one moment.
const marketAge = 2 * time.Second

// feeMarket remembers the market's feerate.
type feeMarket struct {
	mu   sync.Mutex
	rate uint64
	at   time.Time
}

// market is the feerate of now: never below what the node relays or the floor.
func (a *Adapter) market(ctx context.Context) (uint64, error) {
	a.fees.mu.Lock()
	rate, age := a.fees.rate, time.Since(a.fees.at)
	a.fees.mu.Unlock()
	if rate != 0 && age < marketAge {
		return rate, nil
	}
	relay, err := a.relayFee(ctx)
	if err != nil {
		return 0, err
	}
	estimate, err := a.estimate(ctx)
	if err != nil {
		return 0, err
	}
	rate = min(max(relay, estimate, a.config.FeeFloor), maxFeeRate)
	a.fees.mu.Lock()
	a.fees.rate, a.fees.at = rate, time.Now()
	a.fees.mu.Unlock()
	return rate, nil
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

// relayFee is the least that the node takes now.
func (a *Adapter) relayFee(ctx context.Context) (uint64, error) {
	var pool struct {
		Min   coinValue `json:"mempoolminfee"`
		Relay coinValue `json:"minrelaytxfee"`
	}
	if err := a.node.call(ctx, "getmempoolinfo", &pool); err != nil {
		return 0, asUnreachable("ask for the relay fee", err)
	}
	if least := max(pool.Min, pool.Relay); least > 0 {
		return max(uint64(least), relayFloor), nil
	}
	var info struct {
		Relay coinValue `json:"relayfee"`
	}
	err := a.node.call(ctx, "getinfo", &info)
	if isCode(err, codeMethodNotFound) {
		return relayFloor, nil
	}
	if err != nil {
		return 0, asUnreachable("ask for the relay fee", err)
	}
	return max(uint64(max(info.Relay, 0)), relayFloor), nil
}

// climb is the feerate of a spend: the market's while the deadline is far, and
// from there in a straight line up to what the budget buys. most is the most
// that the spend can pay at all. The fee stays within the budget, but for a
// spend that must not wait: it pays the market's all the same.
func climb(market, size uint64, policy adapters.FeePolicy, window, most int64) (uint64, error) {
	top, budgeted := most, !policy.Budget.IsZero()
	if budget, fits := policy.Budget.Uint64(); budgeted && fits && budget < uint64(max(top, 0)) {
		top = int64(budget)
	}
	limit, least := min(rateOf(top, size), maxFeeRate), uint64(0)
	if policy.Must {
		least = min(market, rateOf(most, size), maxFeeRate)
	}
	if max(limit, least) < relayFloor {
		return 0, &adapters.Error{
			Reason: "BUDGET_TOO_SMALL", Op: fmt.Sprintf("price a spend of %d vbytes", size), Retryable: true,
			Advice: fmt.Sprintf("budget and amount allow %d satoshi for 1,000 vbytes, nodes want %d", limit, uint64(relayFloor)),
			Err:    adapters.ErrBudget,
		}
	}
	rate := min(market, limit)
	if budgeted && policy.Deadline > 0 && window > 0 {
		passed := min(max(window-(policy.Deadline-policy.Now), 0), window)
		rate += mulDiv(limit-rate, uint64(passed), uint64(window))
	}
	return max(rate, least), nil
}

// mulDiv is a*b/c where c >= b, so that it cannot overflow.
func mulDiv(a, b, c uint64) uint64 {
	high, low := bits.Mul64(a, b)
	quotient, _ := bits.Div64(high, low, c)
	return quotient
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
	return max(byFees, dustLimit(make([]byte, taprootScriptSize))+max(redeem, refund))
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
