package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
	"github.com/kofo-network/kofo/monitor/killpoint"
)

// prepareFunding signs and stores the funding of our leg, and its refund
// where the chain wants one in advance. Nothing is broadcast.
func (r *Runner) prepareFunding(ctx context.Context, c Chain, s htlc.Swap) (htlc.Event, error) {
	if s.Phase != htlc.PhaseAgreed {
		return nil, nil
	}
	stored, err := r.o.Journal.Txs(ctx, s.ID, s.Out(), htlc.PurposeFund)
	if err != nil {
		return nil, err
	}
	if txs, _ := latest(stored); len(txs) > 0 {
		return htlc.FundingPrepared{TxID: txs[len(txs)-1].ID}, nil
	}
	txs, err := r.signFunding(ctx, c, s, 0)
	if err != nil {
		return nil, err
	}
	return htlc.FundingPrepared{TxID: txs[len(txs)-1].ID}, nil
}

// signFunding signs and stores the funding for the attempt-th time.
func (r *Runner) signFunding(ctx context.Context, c Chain, s htlc.Swap, attempt int) ([]engine.JournalTx, error) {
	funding, err := c.Signer.Fund(ctx, s.ID.String(), s.Terms, s.Out())
	if err != nil {
		return nil, err
	}
	if len(funding.Txs) == 0 || funding.Lock != len(funding.Txs)-1 {
		return nil, fmt.Errorf("funding of swap %s: the lock is not the last of %d transactions", s.ID, len(funding.Txs))
	}
	killpoint.At(killpoint.FundSigned)
	var txs []engine.JournalTx
	for i, tx := range funding.Txs {
		txs = append(txs, engine.JournalTx{Tx: tx, Swap: s.ID, Leg: s.Out(), Purpose: htlc.PurposeFund, Step: i, Attempt: attempt})
	}
	all := txs
	if funding.Refund != nil {
		refund := engine.JournalTx{Tx: *funding.Refund, Swap: s.ID, Leg: s.Out(), Purpose: htlc.PurposeRefund, Attempt: attempt}
		all = append(append([]engine.JournalTx(nil), txs...), refund)
	}
	if err := r.o.Journal.SaveTxs(ctx, all); err != nil {
		return nil, err
	}
	killpoint.At(killpoint.FundStored)
	return txs, nil
}

// fund broadcasts the stored funding. The funding gate is asked again before
// every broadcast, since time has passed since it opened, and what was marked
// as released need not have reached anybody. Past the fund-by time nothing is
// sent; what was never marked is withheld for good, and what may be out the
// swap abandons.
func (r *Runner) fund(ctx context.Context, c Chain, s htlc.Swap) (htlc.Event, error) {
	stored, err := r.o.Journal.Txs(ctx, s.ID, s.Out(), htlc.PurposeFund)
	if err != nil {
		return nil, err
	}
	txs, attempt := latest(stored)
	if len(txs) == 0 {
		return nil, fmt.Errorf("funding of swap %s: %w", s.ID, engine.ErrNotFound)
	}
	if lock := txs[len(txs)-1].ID; lock != s.FundingTx {
		// Signed in the place of another, and the result was lost.
		return nil, r.prepared(ctx, s.ID, lock)
	}
	first := !r.released(stored)
	if event, hold, err := r.holdFunding(ctx, s, first); hold || err != nil {
		if _, late := event.(htlc.Withheld); late && !first {
			event = nil
		}
		return event, err
	}
	for _, tx := range txs {
		if err := r.o.Journal.MarkReleased(ctx, c.ID, tx.ID); err != nil {
			return nil, err
		}
		r.note(tx.ID, false)
	}
	killpoint.At(killpoint.FundReleased)
	for i, tx := range txs {
		err := c.Signer.Broadcast(ctx, tx.Tx)
		if errors.Is(err, adapters.ErrNonceTaken) {
			for k := range txs {
				r.note(txs[k].ID, first && i == 0)
			}
			// It can never be mined, so a second one cannot lock twice.
			again, err := r.signFunding(ctx, c, s, attempt+1)
			if err != nil {
				return nil, err
			}
			return nil, r.prepared(ctx, s.ID, again[len(again)-1].ID)
		}
		if err != nil {
			return nil, err
		}
	}
	killpoint.At(killpoint.FundBroadcast)
	return htlc.Submitted{Leg: s.Out(), Purpose: htlc.PurposeFund, TxID: txs[len(txs)-1].ID}, nil
}

// prepared tells the swap of a funding that takes the place of another, before
// anything of it can be seen, and asks for another try.
func (r *Runner) prepared(ctx context.Context, id htlc.SwapID, txid string) error {
	err := r.o.Engine.Apply(ctx, engine.Input{Swap: id, Event: htlc.FundingPrepared{TxID: txid}})
	if err != nil && !errors.Is(err, htlc.ErrStale) {
		return err
	}
	return errAgain
}

// abandon makes sure that a funding which is in no block never will be: what
// it needs is spent otherwise. Where it never left the process, there is
// nothing to spend.
func (r *Runner) abandon(ctx context.Context, c Chain, s htlc.Swap) (htlc.Event, error) {
	stored, err := r.o.Journal.Txs(ctx, s.ID, s.Out(), htlc.PurposeFund)
	if err != nil {
		return nil, err
	}
	if len(stored) == 0 && s.Restored {
		return nil, nil // forgotten, not withheld: the chain alone can tell
	}
	if !r.released(stored) {
		return htlc.Withheld{Purpose: htlc.PurposeFund}, nil
	}
	earlier, err := r.o.Journal.Txs(ctx, s.ID, s.Out(), htlc.PurposeAbandon)
	if err != nil {
		return nil, err
	}
	leg := s.Terms.Legs[s.Out()]
	ask := adapters.Abandonment{
		Owner: s.ID.String(), Terms: s.Terms, Leg: s.Out(), Confirmations: uint64(leg.MinConfirmations),
		Fees: r.abandonFees(s, leg),
	}
	for _, tx := range stored {
		if tx.Released {
			ask.Fundings = append(ask.Fundings, tx.Tx)
		}
	}
	attempt := 0
	for i := range earlier {
		attempt, ask.Replace = max(attempt, earlier[i].Attempt+1), &earlier[i].Tx
	}
	answer, err := c.Signer.Abandon(ctx, ask)
	switch {
	case err != nil:
		return nil, err
	case answer.Void:
		return htlc.Withheld{Purpose: htlc.PurposeFund}, nil
	case answer.Tx == nil:
		return nil, nil // the chain will tell, or the next block
	}
	killpoint.At(killpoint.AbandonSigned)
	tx := engine.JournalTx{Tx: *answer.Tx, Swap: s.ID, Leg: s.Out(), Purpose: htlc.PurposeAbandon, Attempt: attempt, Released: true}
	if err := r.o.Journal.SaveTxs(ctx, []engine.JournalTx{tx}); err != nil {
		return nil, err
	}
	killpoint.At(killpoint.AbandonStored)
	err = r.broadcast(ctx, c, tx)
	if errors.Is(err, adapters.ErrNonceTaken) {
		return nil, errAgain
	}
	if err != nil {
		return nil, err
	}
	killpoint.At(killpoint.AbandonBroadcast)
	return htlc.Submitted{Leg: s.Out(), Purpose: htlc.PurposeAbandon, TxID: tx.ID}, nil
}

// abandonFees climb towards the time lock, until which the funding would be a
// lock that another may redeem. What is mined later can be refunded at once: from
// then on, after an outage as well, there is no time by which to pay the most. In
// both cases what replaces the funding leaves it in no mempool.
func (r *Runner) abandonFees(s htlc.Swap, leg htlc.Leg) adapters.FeePolicy {
	policy := adapters.FeePolicy{
		Now: s.Legs[s.Out()].Clock, Budget: r.budget(s, leg, htlc.PurposeAbandon),
		// With the incoming leg gone, mined is lost.
		Must: s.Legs[s.In()].Status.Spent(),
	}
	if policy.Now < leg.TimeLock {
		policy.Deadline = leg.TimeLock
	}
	return policy
}

// holdFunding asks the funding gate. What holds it may pass while the fund-by
// time is not.
func (r *Runner) holdFunding(ctx context.Context, s htlc.Swap, first bool) (event htlc.Event, hold bool, err error) {
	facts := r.o.Gates.Funding(ctx, s)
	if s, err = r.swap(ctx, s.ID); err != nil {
		return nil, true, err
	}
	if !s.Wants(htlc.Effect{Kind: htlc.EffectFundLeg, Leg: s.Out()}) {
		return nil, true, nil
	}
	if facts.Clock > s.Terms.Legs[s.Out()].FundBy {
		return htlc.Withheld{Purpose: htlc.PurposeFund}, true, nil
	}
	if !first && s.Legs[s.In()].Redeemed() {
		return nil, false, nil // undone after we were paid: it is owed, and there is nothing left to look at
	}
	if verdict := htlc.FundingGate(s, facts); !verdict.Allows() {
		return nil, true, fmt.Errorf("funding of swap %s: %w: %v", s.ID, errHeld, verdict.Holding())
	}
	return nil, false, nil
}

// errHeld: a gate that had opened does not open now.
var errHeld = errors.New("held back by its gate")

// latest returns the transactions of the last attempt, in order.
func latest(txs []engine.JournalTx) ([]engine.JournalTx, int) {
	attempt := 0
	for _, tx := range txs {
		attempt = max(attempt, tx.Attempt)
	}
	var out []engine.JournalTx
	for _, tx := range txs {
		if tx.Attempt == attempt {
			out = append(out, tx)
		}
	}
	return out, attempt
}

// released reports whether any of the transactions may have left the process.
func (r *Runner) released(txs []engine.JournalTx) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, tx := range txs {
		if tx.Released && !r.unsent[tx.ID] {
			return true
		}
	}
	return false
}

// note remembers that a transaction was marked as released and then refused
// before anything of it was on its way, or that this holds no more.
func (r *Runner) note(txid string, unsent bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if unsent {
		r.unsent[txid] = true
	} else {
		delete(r.unsent, txid)
	}
}
