// Package gate gathers the facts on which the two gates of htlc decide. It
// decides nothing itself: each condition is observed, and what cannot be
// observed is reported as open, which blocks.
//
// No real secret is used here; simulations run with a dummy.
package gate

import (
	"context"
	"errors"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Chain is what the gates ask of a chain's adapter.
type Chain interface {
	Tip(ctx context.Context) (adapters.BlockRef, error)
	Next(ctx context.Context, cursor adapters.BlockRef) (adapters.Step, error)
	SimulateRedeem(ctx context.Context, terms htlc.Terms, leg int, ref string) error
	CheckMeans(ctx context.Context, owner string, terms htlc.Terms, leg int, payer bool) error
	Funded(ctx context.Context, terms htlc.Terms, leg int, ref string, at adapters.BlockRef) (bool, error)
}

// Copies tells whether a copy of a swap's Terms stands outside the database,
// and writes one where none does. NoteReveal writes into it how far the showing
// of the secret is.
type Copies interface {
	EnsureCopy(ctx context.Context, swap htlc.Swap) error
	NoteReveal(ctx context.Context, swap htlc.Swap, note htlc.RevealNote) error
}

// Keeper observes the conditions of both gates.
type Keeper struct {
	Chains func(htlc.ChainID) (Chain, error)
	Copies Copies
	// Cursor is the block up to which the engine was told of a chain. Where it
	// is set, that block must be on the back end's best chain: depths are
	// counted from blocks that the engine was told of, and a reorganisation
	// may not have reached it yet.
	Cursor func(htlc.ChainID) (adapters.BlockRef, bool)
	// BackEnds are those of a chain; nil, or nil for a chain: there is one.
	BackEnds func(htlc.ChainID) BackEnds
	// Finality says on which chains depth alone is not enough; nil for none.
	Finality func(htlc.ChainID) bool
	// Suspended says why nothing new may be begun on a chain, empty where it
	// may; nil: nowhere.
	Suspended func(htlc.ChainID) string
	// DiskFree is the number of bytes free where the database lives.
	DiskFree func() (uint64, error)
}

// MinDiskFree is the room that a swap may need for its transactions and logs.
const MinDiskFree = 64 << 20

// NoteReveal returns when it stands outside the database that the secret is about
// to be shown, that it was, or that it isn't after all.
func (k *Keeper) NoteReveal(ctx context.Context, s htlc.Swap, note htlc.RevealNote) error {
	return k.Copies.NoteReveal(ctx, s, note)
}

// Funding observes what the funding gate asks.
func (k *Keeper) Funding(ctx context.Context, s htlc.Swap) htlc.FundingFacts {
	f := htlc.FundingFacts{DiskSpace: k.disk(), TermsCopied: observe(k.Copies.EnsureCopy(ctx, s)), ChainsCalm: k.calm(s)}
	if out, err := k.Chains(s.Terms.Legs[s.Out()].Chain()); err == nil {
		if tip, err := out.Tip(ctx); err == nil {
			f.Clock = tip.Clock
		}
	}
	in := s.Terms.Legs[s.In()]
	chain, err := k.Chains(in.Chain())
	if err != nil {
		f.StateRead, f.BackEndsAgree, f.Final, f.RedeemRuns, f.RedeemMeans = open(err), open(err), open(err), open(err), open(err)
		return f
	}
	f.RedeemRuns = observe(chain.SimulateRedeem(ctx, s.Terms, s.In(), s.Legs[s.In()].FundRef))
	f.RedeemMeans = observe(chain.CheckMeans(ctx, s.ID.String(), s.Terms, s.In(), false))
	if !s.Initiator() {
		f.StateRead, _ = k.funded(ctx, chain, s)
		if f.StateRead.State == htlc.CheckPassed {
			f.StateRead = k.onBranch(ctx, chain, in.Chain())
		}
		f.BackEndsAgree, _ = k.agree(ctx, chain, s)
		f.Final = k.final(ctx, chain, s)
	}
	return f
}

// Reveal observes what the reveal gate asks. With a single back end, state
// and tip of that one back end must agree with what the engine was told; with
// several, two of them with each other too.
func (k *Keeper) Reveal(ctx context.Context, s htlc.Swap) htlc.RevealFacts {
	f := htlc.RevealFacts{DiskSpace: k.disk(), ChainsCalm: k.calm(s)}
	chain, err := k.Chains(s.Terms.Legs[s.In()].Chain())
	if err != nil {
		f.StateRead, f.BackEndsAgree, f.Final, f.RedeemRuns, f.RedeemMeans = open(err), open(err), open(err), open(err), open(err)
		return f
	}
	var tip adapters.BlockRef
	f.StateRead, tip = k.funded(ctx, chain, s)
	f.Clock = max(tip.Clock, tip.Time)
	f.BackEndsAgree = agrees(tip, s.Legs[s.In()])
	if f.BackEndsAgree.State == htlc.CheckPassed {
		f.BackEndsAgree = k.onBranch(ctx, chain, s.Terms.Legs[s.In()].Chain())
	}
	if f.BackEndsAgree.State == htlc.CheckPassed {
		var latest int64
		f.BackEndsAgree, latest = k.agree(ctx, chain, s)
		f.Clock = max(f.Clock, latest)
	}
	f.Final = k.final(ctx, chain, s)
	f.RedeemRuns = observe(chain.SimulateRedeem(ctx, s.Terms, s.In(), s.Legs[s.In()].FundRef))
	f.RedeemMeans = observe(chain.CheckMeans(ctx, s.ID.String(), s.Terms, s.In(), false))
	return f
}

// funded reads the incoming contract from the chain's state at its tip, and
// counts the depth anew.
func (k *Keeper) funded(ctx context.Context, chain Chain, s htlc.Swap) (htlc.Observed, adapters.BlockRef) {
	leg, state := s.Terms.Legs[s.In()], s.Legs[s.In()]
	tip, err := chain.Tip(ctx)
	if err != nil {
		return open(err), tip
	}
	if tip.Height+1 < state.FundBlock.Height+uint64(leg.MinConfirmations) {
		return blocked(fmt.Sprintf("funded at height %d, tip %d, %d confirmations wanted",
			state.FundBlock.Height, tip.Height, leg.MinConfirmations)), tip
	}
	ok, err := chain.Funded(ctx, s.Terms, s.In(), state.FundRef, tip)
	switch {
	case err != nil:
		return open(err), tip
	case !ok:
		return blocked("the contract is not locked as the terms say"), tip
	}
	return htlc.Observed{State: htlc.CheckPassed}, tip
}

func agrees(tip adapters.BlockRef, told htlc.LegState) htlc.Observed {
	if tip.Height == 0 {
		return htlc.Observed{Detail: "the chain's tip is not known"}
	}
	if tip.Height < told.FundBlock.Height {
		return blocked(fmt.Sprintf("the back end's tip %d lies below the funding's block %d", tip.Height, told.FundBlock.Height))
	}
	return htlc.Observed{State: htlc.CheckPassed}
}

// onBranch: what the engine was told of is still so.
func (k *Keeper) onBranch(ctx context.Context, chain Chain, id htlc.ChainID) htlc.Observed {
	if k.Cursor == nil {
		return htlc.Observed{State: htlc.CheckPassed}
	}
	cursor, ok := k.Cursor(id)
	if !ok {
		return htlc.Observed{Detail: "the chain is not followed"}
	}
	next, err := chain.Next(ctx, cursor)
	switch {
	case err != nil:
		return open(err)
	case next.Kind == adapters.Disconnect:
		return htlc.Observed{Detail: fmt.Sprintf("block %d %s has left the chain", cursor.Height, cursor.Hash)}
	}
	return htlc.Observed{State: htlc.CheckPassed}
}

func (k *Keeper) disk() htlc.Observed {
	free, err := k.DiskFree()
	if err != nil {
		return open(err)
	}
	if free < MinDiskFree {
		return blocked(fmt.Sprintf("%d bytes free, %d needed", free, uint64(MinDiskFree)))
	}
	return htlc.Observed{State: htlc.CheckPassed}
}

// observe: a failure that may pass leaves the condition open, any other
// blocks it.
func observe(err error) htlc.Observed {
	var known *adapters.Error
	switch {
	case err == nil:
		return htlc.Observed{State: htlc.CheckPassed}
	case errors.As(err, &known) && !known.Retryable:
		return blocked(err.Error())
	}
	return open(err)
}

func open(err error) htlc.Observed { return htlc.Observed{Detail: err.Error()} }

func blocked(detail string) htlc.Observed {
	return htlc.Observed{State: htlc.CheckBlocked, Detail: detail}
}
