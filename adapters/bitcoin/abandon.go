package bitcoin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
)

// lock is a funding that may have left the process.
type lock struct {
	id     chainhash.Hash
	points []wire.OutPoint
	fee    int64
	rate   uint64
}

// Abandon makes released fundings that are in no block impossible: it pays
// their coins back to this wallet. Before the payment is returned the coins are
// bound to it, so that no funding can be broadcast after it, whatever happens
// to the process in between.
func (a *Adapter) Abandon(ctx context.Context, req adapters.Abandonment) (adapters.Abandoned, error) {
	locks, err := a.readLocks(req)
	if err != nil {
		return adapters.Abandoned{}, err
	}
	market, err := a.prices(ctx)
	if err != nil {
		return adapters.Abandoned{}, err
	}
	past, err := a.forgottenSpends(ctx, locks)
	if err != nil {
		return adapters.Abandoned{}, err
	}
	var out adapters.Abandoned
	err = a.wallet.current(ctx, func() error {
		live, buried, mined := a.wallet.standing(locks, past, max(req.Confirmations, 1))
		if mined || len(live) == 0 {
			out.Void = buried && !mined
			return nil
		}
		tx, err := a.abandon(ctx, req, live, market)
		if err == nil {
			out.Tx = &tx
		}
		return err
	})
	return out, err
}

// readLocks reads the fundings, which must be of the leg.
func (a *Adapter) readLocks(req adapters.Abandonment) ([]lock, error) {
	c, err := buildContract(a.params, req.Terms, req.Leg)
	if err != nil {
		return nil, err
	}
	if len(req.Fundings) == 0 {
		return nil, mismatch("no funding of leg %d is named", req.Leg)
	}
	var locks []lock
	for _, funding := range req.Fundings {
		tx, err := decodeTx(funding.Raw)
		switch {
		case funding.Chain != a.params.Chain:
			return nil, mismatch("funding %s belongs to %s", funding.ID, funding.Chain)
		case err != nil:
			return nil, mismatch("funding %s cannot be read: %v", funding.ID, err)
		case tx.TxHash().String() != funding.ID:
			return nil, mismatch("the bytes of funding %s are those of %s", funding.ID, tx.TxHash())
		case !slices.ContainsFunc(tx.TxOut, func(out *wire.TxOut) bool { return bytes.Equal(out.PkScript, c.script) }):
			return nil, mismatch("transaction %s does not fund leg %d", funding.ID, req.Leg)
		}
		fee, _ := funding.Fee.Uint64()
		locks = append(locks, lock{
			id: tx.TxHash(), points: pointsOf(tx), fee: int64(min(fee, math.MaxInt64)), rate: min(funding.FeeRate, maxFeeRate),
		})
	}
	return locks, nil
}

func pointsOf(tx *wire.MsgTx) []wire.OutPoint {
	points := make([]wire.OutPoint, 0, len(tx.TxIn))
	for _, in := range tx.TxIn {
		points = append(points, in.PreviousOutPoint)
	}
	return points
}

// spender is the transaction in a block that spends an output.
type spender struct {
	by    chainhash.Hash
	depth uint64
}

// standing judges the fundings by the blocks. live are those that nothing in
// a block conflicts with; buried: something conflicts with all others, as deep
// as asked; mined: one of them is in a block. What keeps an undone coin from
// coming back conflicts with the funding that needs it.
func (w *wallet) standing(locks []lock, past map[wire.OutPoint]spender, confirmations uint64) (live []lock, buried, mined bool) {
	buried = true
	for _, l := range locks {
		var depth uint64
		for _, point := range l.points {
			s := past[point]
			if c, known := w.known[point]; known && c.Gone() {
				s = spender{c.SpentBy, w.cursor.Height - c.SpentAt + 1}
			}
			if s.depth > 0 && s.by == l.id {
				return nil, false, true
			}
			depth = max(depth, s.depth)
		}
		if depth == 0 {
			live = append(live, l)
		}
		buried = buried && depth >= confirmations
	}
	return live, buried, false
}

// forgottenSpends looks in the blocks for what spent coins that the wallet
// does not know any more, newest first. The holds of a swap keep its coins from
// being forgotten, so there are none before its release.
func (a *Adapter) forgottenSpends(ctx context.Context, locks []lock) (map[wire.OutPoint]spender, error) {
	missing := make(map[wire.OutPoint]bool)
	var from adapters.BlockRef
	err := a.wallet.current(ctx, func() error {
		from = a.wallet.cursor
		for _, l := range locks {
			for _, point := range l.points {
				if _, known := a.wallet.known[point]; !known {
					missing[point] = true
				}
			}
		}
		return nil
	})
	found := make(map[wire.OutPoint]spender)
	for hash, height := from.Hash, from.Height; err == nil && len(missing) > 0 && height >= max(a.config.Birth, 1); height-- {
		var block *wire.MsgBlock
		if block, err = a.node.block(ctx, hash); err != nil {
			break
		}
		for _, tx := range block.Transactions {
			for _, in := range tx.TxIn {
				if missing[in.PreviousOutPoint] {
					found[in.PreviousOutPoint] = spender{tx.TxHash(), from.Height - height + 1}
					delete(missing, in.PreviousOutPoint)
				}
			}
		}
		hash = hashOf(block.Header.PrevBlock)
	}
	if errors.Is(err, errNoBlock) {
		err = unreachable("look for what spent a funding's coins", err)
	}
	return found, err
}

// abandon returns the payment that replaces the live fundings, after it has
// bound their coins to it.
func (a *Adapter) abandon(ctx context.Context, req adapters.Abandonment, live []lock, market prices) (adapters.Tx, error) {
	w := a.wallet
	coins, err := w.coinsOf(req.Owner, live)
	if err != nil {
		return adapters.Tx{}, err
	}
	s := sweep{coins: coins}
	last := w.lastSweep(req.Replace, live)
	if last != nil {
		s.payout = last.payout
	} else if s.payout, err = w.payout("abandonment of " + req.Owner); err != nil {
		return adapters.Tx{}, err
	}
	signed, err := a.offer(ctx, req, live, s, last, market)
	if err != nil {
		return adapters.Tx{}, err
	}
	tx, err := decodeTx(signed.Raw)
	if err != nil {
		return adapters.Tx{}, mismatch("abandonment %s cannot be read: %v", signed.ID, err)
	}
	return signed, w.bindUsed(ctx, req.Owner, tx, live)
}

// coinsOf are the coins of fundings that owner may spend. One of each funding
// is enough to make it impossible.
func (w *wallet) coinsOf(owner string, live []lock) ([]Coin, error) {
	var coins []Coin
	for _, l := range live {
		found := false
		for _, point := range l.points {
			c, known := w.known[point]
			h, held := w.held[point]
			if !known || c.Undone || held && h.owner != owner {
				continue
			}
			found = true
			if !slices.ContainsFunc(coins, func(other Coin) bool { return other.Point == point }) {
				coins = append(coins, c)
			}
		}
		if !found {
			// Undone with their block, which the next one may bring back, or with
			// another owner, whose use of them is as good.
			return nil, &adapters.Error{
				Reason: "COINS_AWAY", Op: "abandon funding " + l.id.String(), Retryable: true,
				Advice: "wait for the next block",
				Err:    fmt.Errorf("%w: none of its coins can be spent for %s now", adapters.ErrReserved, owner),
			}
		}
	}
	return coins, nil
}

// sweep pays coins back to the wallet.
type sweep struct {
	coins  []Coin
	payout []byte
}

func (s sweep) amount() (sum int64) {
	for _, c := range s.coins {
		sum += c.Amount
	}
	return sum
}

// unsigned is the payment with room for its signatures.
func (s sweep) unsigned(fee int64) *wire.MsgTx {
	tx := wire.NewMsgTx(txVersion)
	for _, c := range s.coins {
		in := wire.NewTxIn(&c.Point, nil, wire.TxWitness{make([]byte, schnorr.SignatureSize)})
		in.Sequence = replaceable
		tx.AddTxIn(in)
	}
	tx.AddTxOut(wire.NewTxOut(s.amount()-fee, s.payout))
	return tx
}

// lastSweep reads the last stored abandonment, nil where there is none or
// where it does not stand against every funding.
func (w *wallet) lastSweep(stored *adapters.Tx, live []lock) *earlier {
	if stored == nil {
		return nil
	}
	tx, err := decodeTx(stored.Raw)
	fee, fits := stored.Fee.Uint64()
	if err != nil || len(tx.TxOut) != 1 || tx.TxHash().String() != stored.ID || !fits || fee > math.MaxInt64 {
		return nil
	}
	points := pointsOf(tx)
	for _, point := range points {
		if c, known := w.known[point]; !known || !c.Unspent() {
			return nil
		}
	}
	for _, l := range live {
		if !slices.ContainsFunc(l.points, func(p wire.OutPoint) bool { return slices.Contains(points, p) }) {
			return nil
		}
	}
	return &earlier{fee: int64(fee), payout: tx.TxOut[0].PkScript}
}

// offer signs the payment for a fee that the node takes, as far as the policy
// allows, or returns the last one where it serves.
func (a *Adapter) offer(ctx context.Context, req adapters.Abandonment, live []lock, s sweep, last *earlier, market prices) (adapters.Tx, error) {
	size := virtualSize(s.unsigned(0))
	most := s.amount() - a.params.dustLimit(s.payout)
	rate, err := climb(market.market, size, req.Fees, a.config.ClimbWindow, most)
	if err == nil && last == nil {
		err = market.relays(rate, size)
	}
	if err != nil {
		return adapters.Tx{}, err
	}
	step := feeFor(market.step, size)
	evicted, err := a.evicted(ctx, live, size)
	if err != nil {
		return adapters.Tx{}, err
	}
	limit := mayPay(req.Fees, most)
	fee := max(feeFor(rate, size), evicted+step)
	if last != nil {
		wanted, err := a.wanted(ctx, *req.Replace, last.fee, size)
		if err != nil {
			return adapters.Tx{}, err
		}
		least := last.fee + step
		if wanted > last.fee {
			fee = max(fee, wanted, least)
		}
		if min(fee, limit) < least {
			return *req.Replace, nil
		}
	}
	return a.raise(ctx, req, s, min(fee, limit), limit)
}

// raise signs for more as long as the node wants more and it may be paid.
func (a *Adapter) raise(ctx context.Context, req adapters.Abandonment, s sweep, fee, limit int64) (adapters.Tx, error) {
	for try := 1; ; try++ {
		tx := s.unsigned(fee)
		if err := a.wallet.signOwn(ctx, signing{purpose: ForCancel, tx: tx}); err != nil {
			return adapters.Tx{}, err
		}
		signed, err := a.finish(tx, fee)
		if err != nil {
			return adapters.Tx{}, err
		}
		if req.Replace != nil {
			signed.Replaces = req.Replace.ID
		}
		wanted, err := a.wanted(ctx, signed, fee, virtualSize(tx))
		if err != nil || wanted <= fee || fee == limit || try == maxOffers {
			return signed, err
		}
		fee = min(wanted, limit)
	}
}

// mayPay is the most that the policy allows for a fee.
func mayPay(policy adapters.FeePolicy, most int64) int64 {
	budget, fits := policy.Budget.Uint64()
	if policy.Must || policy.Budget.IsZero() || !fits || budget > uint64(max(most, 0)) {
		return most
	}
	return int64(budget)
}

// evicted is what a replacement of the fundings has to exceed (BIP-125): the
// fees of what it removes from the mempool, and each one's feerate. A node that
// does not tell what hangs on them is asked by wanted.
func (a *Adapter) evicted(ctx context.Context, live []lock, size uint64) (int64, error) {
	var known, pooled int64
	for _, l := range live {
		fees, err := a.pooledFees(ctx, l.id)
		if err != nil {
			return 0, err
		}
		// Also where this node has dropped the funding: others may have it.
		known, pooled = max(known, l.fee, feeFor(l.rate+1, size)), pooled+fees
	}
	return max(known, pooled), nil
}

// pooledFees is what a waiting transaction pays together with everything that
// hangs on it; zero where it does not wait or the node does not tell.
func (a *Adapter) pooledFees(ctx context.Context, txid chainhash.Hash) (int64, error) {
	entry, err := a.mempoolEntry(ctx, txid)
	return int64(entry.Fees.Descendant), err
}

// wanted is the fee that the node wants for a payment of some size, which is at
// most the fee that it has where the node takes it or has it.
func (a *Adapter) wanted(ctx context.Context, tx adapters.Tx, fee int64, size uint64) (int64, error) {
	wanted, _, err := a.ask(ctx, tx, fee, size)
	return wanted, err
}
