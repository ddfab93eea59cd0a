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
		return r.revealed(ctx, c, s, stored)
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
		return r.withhold(ctx, s, verdict)
	}
	if signErr != nil {
		return nil, signErr
	}
	if err := r.o.Gates.NoteReveal(ctx, s, htlc.NoteBegun); err != nil {
		return nil, fmt.Errorf("note the reveal of swap %s outside the database: %w", s.ID, err)
	}
	if err := r.o.Journal.MarkReleased(ctx, c.ID, tx.ID); err != nil {
		return nil, err
	}
	r.note(tx.ID, false)
	killpoint.At(killpoint.RedeemReleased)
	err = r.broadcast(ctx, c, tx)
	if !errors.Is(err, adapters.ErrNotSent) {
		r.noteOut(ctx, s)
	}
	switch {
	case errors.Is(err, adapters.ErrNotSent):
		r.note(tx.ID, true) // nobody has seen the secret: the gate is asked again
		if errors.Is(err, adapters.ErrNonceTaken) {
			return nil, errAgain
		}
		return nil, err
	case errors.Is(err, adapters.ErrNonceTaken):
		return r.release(ctx, c, s) // the node may have read it all the same
	case err != nil:
		return nil, err
	}
	killpoint.At(killpoint.RedeemBroadcast)
	return htlc.Submitted{Leg: s.In(), Purpose: htlc.PurposeRedeem, TxID: tx.ID}, nil
}

// noteOut notes outside the database that the Initiator's secret was handed to a
// node, whatever that answered. It holds nothing up: what is out is out, and the
// note is written again whenever the redeem is sent again.
func (r *Runner) noteOut(ctx context.Context, s htlc.Swap) {
	if !s.Initiator() || s.Secret != nil { // else the chain or a mempool has told it
		return
	}
	if err := r.o.Gates.NoteReveal(context.WithoutCancel(ctx), s, htlc.NoteOut); err != nil {
		r.o.Log.Warn("no note outside the database that the secret is out", "swap", s.ID.String(), "error", err)
	}
}

// revealed goes on where the secret may be out already. If the leg that it
// opens is not locked there is nothing to redeem now, spent or undone, and the
// swap goes on as one whose secret is out: it redeems once the leg is locked
// again, and ends once nothing can happen any more.
func (r *Runner) revealed(ctx context.Context, c Chain, s htlc.Swap, stored []engine.JournalTx) (htlc.Event, error) {
	if !s.Legs[s.In()].Status.Locked() {
		return htlc.Submitted{Leg: s.In(), Purpose: htlc.PurposeRedeem, TxID: stored[len(stored)-1].ID}, nil
	}
	return r.release(ctx, c, s)
}

// withhold closes the gate again where a condition blocks. One that could not
// be observed just now is looked at again.
func (r *Runner) withhold(ctx context.Context, s htlc.Swap, verdict htlc.Verdict) (htlc.Event, error) {
	holding := verdict.Holding()
	for _, f := range holding {
		if f.State == htlc.CheckBlocked {
			r.o.Log.Warn("redeem withheld", "swap", s.ID.String(), "held_by", fmt.Sprint(holding))
			// A note that stays only tells the owner of a restored node.
			if err := r.o.Gates.NoteReveal(ctx, s, htlc.NoteInside); err != nil {
				r.o.Log.Warn("the note of a reveal is not taken back", "swap", s.ID.String(), "error", err)
			}
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
	defer r.noteOut(ctx, s)
	return r.submit(ctx, c, s.In(), htlc.PurposeRedeem, func() (engine.JournalTx, error) {
		tx, err := r.signRedeem(ctx, c, s, true)
		if err != nil && !errors.Is(err, adapters.ErrSpent) && !errors.Is(err, adapters.ErrNotFunded) {
			r.sendAgain(ctx, c, s)
		}
		return tx, err
	})
}

// sendAgain hands the last redeem that may be out to the node where no other can
// be signed now: the node may have lost it, and its secret is no secret any more.
func (r *Runner) sendAgain(ctx context.Context, c Chain, s htlc.Swap) {
	stored, err := r.o.Journal.Txs(ctx, s.ID, s.In(), htlc.PurposeRedeem)
	for i := len(stored) - 1; i >= 0 && err == nil; i-- {
		if tx := stored[i]; tx.Released && (tx.Ref == s.Legs[s.In()].FundRef || tx.Ref == "") {
			err = r.broadcast(ctx, c, tx)
			break
		}
	}
	if err != nil {
		r.o.Log.Warn("a stored redeem is not sent again", "swap", s.ID.String(), "error", err)
	}
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
	secret, err := r.secret(ctx, s)
	if err != nil {
		return engine.JournalTx{}, err
	}
	leg := s.Terms.Legs[s.In()]
	return r.sign(ctx, c, s, job{
		leg: s.In(), purpose: htlc.PurposeRedeem, release: release, sign: c.Signer.Redeem,
		signed: killpoint.RedeemSigned, stored: killpoint.RedeemStored,
		spend: adapters.Spend{
			Secret: secret,
			Fees:   adapters.FeePolicy{Now: s.Legs[s.In()].Clock, Deadline: leg.RedeemDeadline(), Budget: r.budget(s, leg, htlc.PurposeRedeem), Must: s.Secret != nil || s.Released},
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
				// Nothing ends when a refund is late: it pays the market's feerate,
				// which it must, and never climbs by the clock.
				Fees: adapters.FeePolicy{
					Now: s.Legs[s.Out()].Clock, Budget: r.budget(s, leg, htlc.PurposeRefund), Must: true,
				},
			},
		})
	})
}

// budget is the most that one of our transactions may cost: what the owner has
// raised it to, or a share of the value at risk.
func (r *Runner) budget(s htlc.Swap, leg htlc.Leg, purpose htlc.Purpose) htlc.Amount {
	budget, raised := r.o.Budget(leg), s.Budgets.Raised(purpose)
	if raised.Cmp(budget) > 0 {
		return raised
	}
	return budget
}

// secret is the one that is out, or the Initiator's own.
func (r *Runner) secret(ctx context.Context, s htlc.Swap) (htlc.Secret, error) {
	if s.Secret != nil {
		return *s.Secret, nil
	}
	secret, err := r.o.Secrets.Secret(ctx, s.Terms)
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
	rival, err := r.rival(ctx, s, &j, stored)
	if err != nil {
		return engine.JournalTx{}, err
	}
	tx, err := j.sign(ctx, j.spend)
	if err != nil {
		return engine.JournalTx{}, err
	}
	if rival != nil && rival.ID == tx.ID {
		return *rival, nil
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

// rival is our own spend by consent of the same coin, which a spend by script
// must pay more than to take its place in the mempools. It is what is replaced
// while nothing else is out. On chains with nonces each spend has its own.
func (r *Runner) rival(ctx context.Context, s htlc.Swap, j *job, stored []engine.JournalTx) (*engine.JournalTx, error) {
	if s.Legs[j.leg].ConsentTx == "" {
		return nil, nil
	}
	for _, tx := range stored {
		if tx.Released && tx.Ref == j.spend.Ref {
			return nil, nil
		}
	}
	joint, err := r.o.Journal.Txs(ctx, s.ID, j.leg, htlc.PurposeConsent)
	if err != nil {
		return nil, err
	}
	for i := len(joint) - 1; i >= 0; i-- {
		if joint[i].Ref == j.spend.Ref && joint[i].Account == "" {
			j.spend.Replace = &joint[i].Tx
			return &joint[i], nil
		}
	}
	return nil, nil
}
