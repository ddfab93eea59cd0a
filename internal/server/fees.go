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
	for _, item := range []struct {
		leg     int
		purpose htlc.Purpose
		kind    kofov1.FeeKind
	}{
		{swap.Out(), htlc.PurposeFund, kofov1.FeeKind_FEE_KIND_FUND},
		{swap.In(), htlc.PurposeRedeem, kofov1.FeeKind_FEE_KIND_REDEEM},
		{swap.Out(), htlc.PurposeRefund, kofov1.FeeKind_FEE_KIND_REFUND},
		{swap.In(), htlc.PurposeConsent, kofov1.FeeKind_FEE_KIND_REDEEM},
		{swap.Out(), htlc.PurposeConsent, kofov1.FeeKind_FEE_KIND_REFUND},
	} {
		txs, err := s.o.Journal.Txs(ctx, swap.ID, item.leg, item.purpose)
		if err != nil {
			return err
		}
		state := swap.Legs[item.leg]
		deep := state.Buried || item.purpose == htlc.PurposeFund && state.Status == htlc.LegConfirmed
		for _, tx := range paidFor(txs, swap, item.leg, item.purpose) {
			fee, final := s.fees.mined(ctx, tx.Chain, tx.ID, tx.Fee, deep)
			s.addFee(view, item.kind, item.leg, tx, fee, final)
		}
	}
	return s.putAbandonment(ctx, view, swap)
}

// putAbandonment adds what it has cost to make an unmined funding impossible.
// The swap knows no block of it, so the chain is asked.
func (s *Server) putAbandonment(ctx context.Context, view *kofov1.Swap, swap htlc.Swap) error {
	if swap.AbandonTx == "" {
		return nil
	}
	txs, err := s.o.Journal.Txs(ctx, swap.ID, swap.Out(), htlc.PurposeAbandon)
	if err != nil {
		return err
	}
	for _, tx := range txs {
		if fee, ok := s.fees.ask(ctx, tx.Chain, tx.ID, swap.Phase == htlc.PhaseClosed); ok {
			s.addFee(view, kofov1.FeeKind_FEE_KIND_ABANDON, swap.Out(), tx, fee, true)
		}
	}
	return nil
}

// addFee adds a line to the receipt, and to its sums.
func (s *Server) addFee(view *kofov1.Swap, kind kofov1.FeeKind, leg int, tx engine.JournalTx, fee htlc.Amount, final bool) {
	coin := s.feeCoin(tx.Chain)
	view.FeesPaid = append(view.FeesPaid, &kofov1.FeePaid{
		Kind: kind, Leg: uint32(leg), Txid: tx.ID, Fee: amount(coin, fee), Final: final,
	})
	for _, total := range view.FeesTotal {
		if total.GetAsset() != string(coin) {
			continue
		}
		before, err := htlc.ParseAmount(total.GetAmount())
		if err != nil {
			return // it was an amount when it was written
		}
		if sum, err := before.Add(fee); err == nil {
			total.Amount = sum.String()
		}
		return
	}
	view.FeesTotal = append(view.FeesTotal, amount(coin, fee))
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

// feeBook knows what mined transactions have cost. What is buried is
// remembered: it does not change any more.
type feeBook struct {
	payments Payments
	now      func() time.Time

	mu     sync.Mutex
	known  map[feeKey]htlc.Amount
	silent map[htlc.ChainID]time.Time // until when a chain is not asked
}

type feeKey struct {
	chain htlc.ChainID
	txid  string
}

// Bounds of a feeBook. A chain that takes too long for an answer is left alone
// for a while: a list of swaps asks for each of its transactions.
const (
	knownFees  = 10_000
	feeTime    = 2 * time.Second
	feeSilence = 30 * time.Second
	// outputsNamespace is that of chains whose fee is inputs less outputs, and
	// so is fixed by signing.
	outputsNamespace = "bip122"
)

func newFeeBook(payments Payments, now func() time.Time) *feeBook {
	return &feeBook{payments: payments, now: now, known: map[feeKey]htlc.Amount{}, silent: map[htlc.ChainID]time.Time{}}
}

// mined is what a transaction in a block has cost, and true; or the most that
// it could, as it was signed, and false.
func (b *feeBook) mined(ctx context.Context, chain htlc.ChainID, txid string, signed htlc.Amount, buried bool) (htlc.Amount, bool) {
	if chain.Namespace() == outputsNamespace {
		return signed, true
	}
	if fee, ok := b.ask(ctx, chain, txid, buried); ok {
		return fee, true
	}
	return signed, false
}

// ask is false where no block has the transaction, or nobody tells.
func (b *feeBook) ask(ctx context.Context, chain htlc.ChainID, txid string, buried bool) (htlc.Amount, bool) {
	key := feeKey{chain, txid}
	b.mu.Lock()
	fee, ok := b.known[key]
	wait := b.now().Before(b.silent[chain])
	b.mu.Unlock()
	if ok || wait {
		return fee, ok
	}
	asking, cancel := context.WithTimeout(ctx, feeTime)
	defer cancel()
	fee, ok = b.payments.FeeOf(asking, chain, txid)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !ok && asking.Err() != nil && ctx.Err() == nil:
		b.silent[chain] = b.now().Add(feeSilence)
	case ok && buried:
		if len(b.known) >= knownFees {
			clear(b.known)
		}
		b.known[key] = fee
	}
	return fee, ok
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
