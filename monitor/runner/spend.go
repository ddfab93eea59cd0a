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
// as released need not have reached anybody. Past the fund-by time a funding
// is withheld for good, or, where it may be out already, not sent again.
func (r *Runner) fund(ctx context.Context, c Chain, s htlc.Swap) (htlc.Event, error) {
	if s.Phase == htlc.PhaseClosed || !s.Announced {
		return nil, nil
	}
	stored, err := r.o.Journal.Txs(ctx, s.ID, s.Out(), htlc.PurposeFund)
	if err != nil {
		return nil, err
	}
	txs, attempt := latest(stored)
	if len(txs) == 0 {
		return nil, fmt.Errorf("funding of swap %s: %w", s.ID, engine.ErrNotFound)
	}
	first := !r.released(stored)
	if event, hold, err := r.holdFunding(ctx, s); hold || err != nil {
		if _, late := event.(htlc.Withheld); late && !first {
			event = htlc.Submitted{Leg: s.Out(), Purpose: htlc.PurposeFund, TxID: txs[len(txs)-1].ID}
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
		err := r.broadcast(ctx, c, tx)
		if errors.Is(err, adapters.ErrNonceTaken) {
			for k := range txs {
				r.note(txs[k].ID, first && i == 0)
			}
			// It can never be mined, so a second one cannot lock twice.
			if _, err := r.signFunding(ctx, c, s, attempt+1); err != nil {
				return nil, err
			}
			return nil, errAgain
		}
		if err != nil {
			return nil, err
		}
	}
	killpoint.At(killpoint.FundBroadcast)
	return htlc.Submitted{Leg: s.Out(), Purpose: htlc.PurposeFund, TxID: txs[len(txs)-1].ID}, nil
}

// holdFunding asks the funding gate. What holds it may pass while the fund-by
// time is not.
func (r *Runner) holdFunding(ctx context.Context, s htlc.Swap) (event htlc.Event, hold bool, err error) {
	facts := r.o.Gates.Funding(ctx, s)
	if s, err = r.swap(ctx, s.ID); err != nil {
		return nil, true, err
	}
	if s.Phase == htlc.PhaseClosed || !s.Announced {
		return nil, true, nil
	}
	if facts.Clock > s.Terms.Legs[s.Out()].FundBy {
		return htlc.Withheld{Purpose: htlc.PurposeFund}, true, nil
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

// broadcast hands stored bytes to the node. That the contract is already
// spent is for the chain to tell, not a failure.
func (r *Runner) broadcast(ctx context.Context, c Chain, tx engine.JournalTx) error {
	err := c.Signer.Broadcast(ctx, tx.Tx)
	if errors.Is(err, adapters.ErrSpent) {
		r.o.Log.Info("already spent", "swap", tx.Swap.String(), "purpose", tx.Purpose.String(), "txid", tx.ID)
		return nil
	}
	return err
}

// prepareRedeem signs the Initiator's redeem and stores it, sealed. It holds
// the secret; nobody sees it before the reveal gate opens.
func (r *Runner) prepareRedeem(ctx context.Context, c Chain, s htlc.Swap) (htlc.Event, error) {
	ref := s.Legs[s.In()].FundRef
	if s.Phase != htlc.PhaseFunded || ref == "" {
		return nil, nil
	}
	tx, err := r.signRedeem(ctx, c, s, false)
	if err != nil {
		return nil, err
	}
	return htlc.RedeemPrepared{TxID: tx.ID, Ref: ref}, nil
}

// reveal is the first release of the secret. The gate has opened, but time
// has passed since: where nothing was handed out yet, the redeem is made ready
// and the gate is asked again at the last moment. If it has closed the redeem
// is withheld.
func (r *Runner) reveal(ctx context.Context, c Chain, s htlc.Swap) (htlc.Event, error) {
	stored, err := r.o.Journal.Txs(ctx, s.ID, s.In(), htlc.PurposeRedeem)
	if err != nil {
		return nil, err
	}
	if r.released(stored) {
		return r.release(ctx, c, s)
	}
	if s.Phase != htlc.PhaseRevealing {
		return nil, nil
	}
	tx, signErr := r.signRedeem(ctx, c, s, false)
	facts := r.o.Gates.Reveal(ctx, s)
	if s, err = r.swap(ctx, s.ID); err != nil {
		return nil, err
	}
	if s.Phase != htlc.PhaseRevealing {
		return nil, nil
	}
	if verdict := htlc.RevealGate(s, facts); !verdict.Allows() {
		return r.withhold(s, verdict)
	}
	if signErr != nil {
		return nil, signErr
	}
	if err := r.o.Journal.MarkReleased(ctx, c.ID, tx.ID); err != nil {
		return nil, err
	}
	killpoint.At(killpoint.RedeemReleased)
	err = r.broadcast(ctx, c, tx)
	if errors.Is(err, adapters.ErrNonceTaken) {
		return r.release(ctx, c, s) // the node may have read it all the same
	}
	if err != nil {
		return nil, err
	}
	killpoint.At(killpoint.RedeemBroadcast)
	return htlc.Submitted{Leg: s.In(), Purpose: htlc.PurposeRedeem, TxID: tx.ID}, nil
}

// withhold closes the gate again where a condition blocks. One that could not
// be observed just now is looked at again.
func (r *Runner) withhold(s htlc.Swap, verdict htlc.Verdict) (htlc.Event, error) {
	holding := verdict.Holding()
	for _, f := range holding {
		if f.State == htlc.CheckBlocked {
			r.o.Log.Warn("redeem withheld", "swap", s.ID.String(), "held_by", fmt.Sprint(holding))
			return htlc.Withheld{Purpose: htlc.PurposeRedeem}, nil
		}
	}
	return nil, fmt.Errorf("reveal of swap %s: %w: %v", s.ID, errHeld, holding)
}

// redeem spends the incoming leg with a secret that is out.
func (r *Runner) redeem(ctx context.Context, c Chain, s htlc.Swap) (htlc.Event, error) {
	if s.Phase != htlc.PhaseRedeeming || !s.Legs[s.In()].Status.Locked() {
		return nil, nil
	}
	return r.release(ctx, c, s)
}

// signTries bounds how often a spend is signed anew because its nonce went to
// another transaction.
const signTries = 3

// release signs or takes the stored redeem, marks it and broadcasts it.
func (r *Runner) release(ctx context.Context, c Chain, s htlc.Swap) (htlc.Event, error) {
	return r.submit(ctx, c, s.In(), htlc.PurposeRedeem, func() (engine.JournalTx, error) {
		return r.signRedeem(ctx, c, s, true)
	})
}

// submit signs and broadcasts, again where the nonce was taken meanwhile.
func (r *Runner) submit(ctx context.Context, c Chain, leg int, purpose htlc.Purpose, sign func() (engine.JournalTx, error)) (htlc.Event, error) {
	released, broadcast := killpoint.RedeemReleased, killpoint.RedeemBroadcast
	if purpose == htlc.PurposeRefund {
		released, broadcast = killpoint.RefundReleased, killpoint.RefundBroadcast
	}
	for range signTries {
		tx, err := sign()
		if err != nil {
			return nil, err
		}
		killpoint.At(released)
		err = r.broadcast(ctx, c, tx)
		if errors.Is(err, adapters.ErrNonceTaken) {
			continue
		}
		if err != nil {
			return nil, err
		}
		killpoint.At(broadcast)
		return htlc.Submitted{Leg: leg, Purpose: purpose, TxID: tx.ID}, nil
	}
	return nil, errAgain
}

// signRedeem returns the stored redeem of the incoming leg where it still
// serves, else a new one, stored, with a fee for the time that is left.
func (r *Runner) signRedeem(ctx context.Context, c Chain, s htlc.Swap, release bool) (engine.JournalTx, error) {
	secret, err := r.secret(s)
	if err != nil {
		return engine.JournalTx{}, err
	}
	leg := s.Terms.Legs[s.In()]
	return r.sign(ctx, c, s, job{
		leg: s.In(), purpose: htlc.PurposeRedeem, release: release, sign: c.Signer.Redeem,
		signed: killpoint.RedeemSigned, stored: killpoint.RedeemStored,
		spend: adapters.Spend{
			Secret: secret,
			Fees:   adapters.FeePolicy{Now: s.Legs[s.In()].Clock, Deadline: leg.RedeemDeadline(), Budget: r.o.Budget(leg)},
		},
	})
}

// refund spends our own leg after its time lock.
func (r *Runner) refund(ctx context.Context, c Chain, s htlc.Swap) (htlc.Event, error) {
	if !s.Refunding || !s.Legs[s.Out()].Status.Locked() {
		return nil, nil
	}
	leg := s.Terms.Legs[s.Out()]
	return r.submit(ctx, c, s.Out(), htlc.PurposeRefund, func() (engine.JournalTx, error) {
		return r.sign(ctx, c, s, job{
			leg: s.Out(), purpose: htlc.PurposeRefund, release: true, sign: c.Signer.Refund,
			signed: killpoint.RefundSigned, stored: killpoint.RefundStored,
			spend: adapters.Spend{
				Fees: adapters.FeePolicy{Now: s.Legs[s.Out()].Clock, Budget: r.o.Budget(leg)},
			},
		})
	})
}

// secret is the one that is out, or the Initiator's own.
func (r *Runner) secret(s htlc.Swap) (htlc.Secret, error) {
	if s.Secret != nil {
		return *s.Secret, nil
	}
	secret, err := r.o.Secrets.Secret(s.Terms.Salt)
	if err != nil {
		return secret, err
	}
	if !s.Initiator() || !secret.Opens(s.Terms.SecretHash) {
		return secret, &adapters.Error{Reason: "SECRET_UNKNOWN", Op: "redeem swap " + s.ID.String(), Err: htlc.ErrWrongSecret}
	}
	return secret, nil
}

// job is a spend to sign.
type job struct {
	leg            int
	purpose        htlc.Purpose
	release        bool // it is broadcast next
	sign           func(context.Context, adapters.Spend) (adapters.Tx, error)
	spend          adapters.Spend
	signed, stored string // kill points
}

// sign has the adapter sign a spend, handing it the last stored one so that
// it may find it still good, and stores what is new.
func (r *Runner) sign(ctx context.Context, c Chain, s htlc.Swap, j job) (engine.JournalTx, error) {
	state := s.Legs[j.leg]
	stored, err := r.o.Journal.Txs(ctx, s.ID, j.leg, j.purpose)
	if err != nil {
		return engine.JournalTx{}, err
	}
	j.spend.Terms, j.spend.Leg, j.spend.Ref, j.spend.FundTx = s.Terms, j.leg, state.FundRef, state.FundTx
	attempt := 0
	for i := range stored {
		attempt = max(attempt, stored[i].Attempt+1)
		if stored[i].Ref == state.FundRef || stored[i].Ref == "" {
			j.spend.Replace = &stored[i].Tx
		}
	}
	tx, err := j.sign(ctx, j.spend)
	if err != nil {
		return engine.JournalTx{}, err
	}
	for _, old := range stored {
		if old.ID != tx.ID {
			continue
		}
		if j.release && !old.Released {
			if err := r.o.Journal.MarkReleased(ctx, c.ID, old.ID); err != nil {
				return engine.JournalTx{}, err
			}
		}
		return old, nil
	}
	killpoint.At(j.signed)
	fresh := engine.JournalTx{
		Tx: tx, Swap: s.ID, Leg: j.leg, Purpose: j.purpose, Attempt: attempt,
		Ref: state.FundRef, Released: j.release,
	}
	if err := r.o.Journal.SaveTxs(ctx, []engine.JournalTx{fresh}); err != nil {
		return engine.JournalTx{}, err
	}
	killpoint.At(j.stored)
	return fresh, nil
}
