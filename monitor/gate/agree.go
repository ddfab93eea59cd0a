package gate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// BackEnds are the nodes of one chain, of which each can be asked alone.
type BackEnds interface {
	Size() int
	// Usable are the names of those that are not set aside.
	Usable() []string
	// Pin sends everything that is asked with the context to one of them.
	Pin(ctx context.Context, name string) context.Context
	// Contradicted tells on one that contradicts most of the others.
	Contradicted(name, detail string)
}

// finalizer is a chain that tells what it will never take back.
type finalizer interface {
	Finalized(ctx context.Context) (height uint64, ok bool, err error)
}

// witnesses is the least number of back ends that must say the same, where
// there are several: a single one can say what it likes.
const witnesses = 2

// agree asks each usable back end for the incoming contract's state, for the
// block of its funding and for the tip. The clock is the latest of those that
// agree: an old one would let a cut-off pass unnoticed.
func (k *Keeper) agree(ctx context.Context, chain Chain, s htlc.Swap) (verdict htlc.Observed, clock int64) {
	passed := htlc.Observed{State: htlc.CheckPassed}
	if k.BackEnds == nil {
		return passed, 0
	}
	backs := k.BackEnds(s.Terms.Legs[s.In()].Chain())
	if backs == nil || backs.Size() < witnesses {
		return passed, 0
	}
	usable := backs.Usable()
	if len(usable) < witnesses {
		return htlc.Observed{Detail: fmt.Sprintf("%d of %d back ends can be asked, and two must agree", len(usable), backs.Size())}, 0
	}
	var yes, no, unknown []string
	against := map[string]string{}
	for _, name := range usable {
		said, tip := k.witness(backs.Pin(ctx, name), chain, s)
		switch said.State {
		case htlc.CheckPassed:
			yes, clock = append(yes, name), max(clock, tip.Clock, tip.Time)
		case htlc.CheckBlocked:
			no, against[name] = append(no, name+": "+said.Detail), said.Detail
		case htlc.CheckOpen:
			unknown = append(unknown, name+": "+said.Detail)
		}
	}
	detail := strings.Join(append(no, unknown...), "; ")
	switch {
	case len(yes) >= witnesses && len(yes) > len(no):
		for name, said := range against {
			backs.Contradicted(name, said)
		}
		return passed, clock
	case len(no) >= witnesses && len(no) > len(yes):
		return blocked(detail), clock
	}
	return htlc.Observed{Detail: fmt.Sprintf("%d of %d back ends agree; %s", len(yes), backs.Size(), detail)}, clock
}

// witness is what one back end says.
func (k *Keeper) witness(ctx context.Context, chain Chain, s htlc.Swap) (htlc.Observed, adapters.BlockRef) {
	said, tip := k.funded(ctx, chain, s)
	if said.State != htlc.CheckPassed {
		return said, tip
	}
	funded := s.Legs[s.In()].FundBlock
	next, err := chain.Next(ctx, adapters.BlockRef{Height: funded.Height, Hash: adapters.Hash(funded.Hash)})
	switch {
	case errors.Is(err, adapters.ErrUnknownCursor), err == nil && next.Kind == adapters.Disconnect:
		return blocked(fmt.Sprintf("it has another block than %x at height %d", funded.Hash, funded.Height)), tip
	case err != nil:
		return open(err), tip
	}
	return said, tip
}

// final: where the operator wants it, the chain itself must have called the
// funding's block final. A chain that does not tell counts by depth alone.
func (k *Keeper) final(ctx context.Context, chain Chain, s htlc.Swap) htlc.Observed {
	passed := htlc.Observed{State: htlc.CheckPassed}
	if k.Finality == nil || !k.Finality(s.Terms.Legs[s.In()].Chain()) {
		return passed
	}
	tells, ok := chain.(finalizer)
	if !ok {
		return passed
	}
	height, served, err := tells.Finalized(ctx)
	funded := s.Legs[s.In()].FundBlock.Height
	switch {
	case err != nil:
		return open(err)
	case served && height < funded:
		return blocked(fmt.Sprintf("funded at height %d, final up to %d", funded, height))
	}
	return passed
}

// calm: nothing new is begun on a chain that is suspended.
func (k *Keeper) calm(s htlc.Swap) htlc.Observed {
	if k.Suspended != nil {
		for _, leg := range s.Terms.Legs {
			if why := k.Suspended(leg.Chain()); why != "" {
				return blocked(fmt.Sprintf("chain %s is suspended: %s", leg.Chain(), why))
			}
		}
	}
	return htlc.Observed{State: htlc.CheckPassed}
}
