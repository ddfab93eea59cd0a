package server

import (
	"context"
	"math/big"
	"sync"
	"time"

	"github.com/kofo-network/kofo/adapters"
	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
)

// putFees itemises what the swap has cost so far, from the journal: the
// transactions of ours that are in a block, by what the chain shows of the
// legs. What was replaced or never broadcast cost nothing.
func (s *Server) putFees(ctx context.Context, view *kofov1.Swap, swap htlc.Swap) error {
	total := map[htlc.AssetID]htlc.Amount{}
	var order []htlc.AssetID
	for _, item := range []struct {
		leg     int
		purpose htlc.Purpose
		kind    kofov1.FeeKind
	}{
		{swap.Out(), htlc.PurposeFund, kofov1.FeeKind_FEE_KIND_FUND},
		{swap.In(), htlc.PurposeRedeem, kofov1.FeeKind_FEE_KIND_REDEEM},
		{swap.Out(), htlc.PurposeRefund, kofov1.FeeKind_FEE_KIND_REFUND},
	} {
		txs, err := s.o.Journal.Txs(ctx, swap.ID, item.leg, item.purpose)
		if err != nil {
			return err
		}
		for _, tx := range paidFor(txs, swap, item.leg, item.purpose) {
			fee := tx.Fee
			if exact, ok := s.o.Payments.FeeOf(ctx, tx.Chain, tx.ID); ok {
				fee = exact
			}
			coin := s.feeCoin(tx.Chain)
			view.FeesPaid = append(view.FeesPaid, &kofov1.FeePaid{
				Kind: item.kind, Leg: uint32(item.leg), Txid: tx.ID, Fee: amount(coin, fee),
			})
			if _, seen := total[coin]; !seen {
				order = append(order, coin)
			}
			if sum, err := total[coin].Add(fee); err == nil {
				total[coin] = sum
			}
		}
	}
	for _, coin := range order {
		view.FeesTotal = append(view.FeesTotal, amount(coin, total[coin]))
	}
	return nil
}

// paidFor picks the transactions that are in a block. A funding comes with
// those that had to go before it, such as an approval.
func paidFor(txs []engine.JournalTx, swap htlc.Swap, leg int, purpose htlc.Purpose) []engine.JournalTx {
	state := swap.Legs[leg]
	mined := state.SpendTx
	if purpose == htlc.PurposeFund {
		mined = state.FundTx
		if state.FundBlock == (htlc.BlockID{}) {
			return nil
		}
	}
	attempt := -1
	for _, tx := range txs {
		if tx.ID == mined && mined != "" {
			attempt = tx.Attempt
		}
	}
	var out []engine.JournalTx
	for _, tx := range txs {
		if tx.Attempt == attempt && (tx.ID == mined || purpose == htlc.PurposeFund) {
			out = append(out, tx)
		}
	}
	return out
}

// feeCoin is the asset that a chain takes fees in.
func (s *Server) feeCoin(id htlc.ChainID) htlc.AssetID {
	for _, a := range s.chains[id].Assets {
		if a.FeeCoin {
			return a.ID
		}
	}
	return ""
}

// worstCase is what the swap can cost if it fails, at today's stress rates:
// to fund and to refund our leg. It is left out where no back end tells.
func (s *Server) worstCase(ctx context.Context, swap htlc.Swap) []*kofov1.AssetAmount {
	if swap.Phase == htlc.PhaseClosed {
		return nil
	}
	asset := swap.Terms.Legs[swap.Out()].Asset
	q, ok := s.quotes.get(ctx, s.chains[asset.Chain()].Purse, asset)
	if !ok {
		return nil
	}
	sum, err := stressFund(q).Add(q.StressRefund)
	if err != nil {
		return nil
	}
	return []*kofov1.AssetAmount{amount(q.Coin.FeeCoin, sum)}
}

// stressFund is the funding's fee at the stress rate, which is not quoted: it
// grows from the market's as the refund's does, rounded up.
func stressFund(q adapters.FeeQuote) htlc.Amount {
	if q.Refund.IsZero() || q.StressRefund.Cmp(q.Refund) < 0 {
		return q.Fund
	}
	product := new(big.Int).Mul(q.Fund.Big(), q.StressRefund.Big())
	quotient, rest := product.QuoRem(product, q.Refund.Big(), new(big.Int))
	if rest.Sign() > 0 {
		quotient.Add(quotient, big.NewInt(1))
	}
	out, err := htlc.AmountFromBig(quotient)
	if err != nil {
		return q.StressRefund // no chain has such an amount
	}
	return out
}

// quoteCache spares the back ends: a view needs no fresh rates.
type quoteCache struct {
	now func() time.Time

	mu    sync.Mutex
	known map[htlc.AssetID]cachedQuote
}

type cachedQuote struct {
	quote adapters.FeeQuote
	ok    bool
	until time.Time
}

// Times for which a quote, and the lack of one, are remembered.
const (
	quoteLife   = time.Minute
	noQuoteLife = 5 * time.Second
)

func newQuoteCache(now func() time.Time) *quoteCache {
	return &quoteCache{now: now, known: map[htlc.AssetID]cachedQuote{}}
}

func (c *quoteCache) get(ctx context.Context, purse Purse, asset htlc.AssetID) (adapters.FeeQuote, bool) {
	if purse == nil {
		return adapters.FeeQuote{}, false
	}
	c.mu.Lock()
	known, ok := c.known[asset]
	c.mu.Unlock()
	if ok && c.now().Before(known.until) {
		return known.quote, known.ok
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	quote, err := purse.Quote(ctx, asset)
	known = cachedQuote{quote: quote, ok: err == nil, until: c.now().Add(quoteLife)}
	if err != nil {
		known.until = c.now().Add(noQuoteLife)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[asset] = known
	return known.quote, known.ok
}
