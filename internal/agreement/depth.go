package agreement

import (
	"fmt"

	"github.com/kofo-network/kofo/htlc"
)

// MaxDepth is the most confirmations that a swap can ask for.
const MaxDepth = 10_000

// DepthStep is the depth for amounts of an asset up to a limit.
type DepthStep struct {
	Asset            htlc.AssetID
	UpTo             htlc.Amount // zero: every amount
	MinConfirmations uint32
}

// Depths are confirmations that one swap asks for, by chain. They make it
// stricter than the profiles, never weaker.
type Depths map[htlc.ChainID]uint32

// Depth is how deep a leg must be buried for its amount: the first step of its
// asset that covers it, and never less than the chain's own depth. Above the
// last step the last one holds; configurations end with one for every amount.
func (p Profile) Depth(asset htlc.AssetID, amount htlc.Amount) uint32 {
	depth := p.MinConfirmations
	for _, step := range p.Steps {
		if step.Asset != asset {
			continue
		}
		depth = max(p.MinConfirmations, step.MinConfirmations)
		if step.UpTo.IsZero() || amount.Cmp(step.UpTo) <= 0 {
			break
		}
	}
	return depth
}

// deepen sets a leg's depth, and the timing that goes with it.
func (s *Service) deepen(leg *htlc.Leg, p Profile, asked Depths) error {
	leg.MinConfirmations = p.Depth(leg.Asset, leg.Amount)
	if wanted, ok := asked[leg.Chain()]; ok {
		if err := checkDepth(leg.Chain(), wanted, leg.MinConfirmations); err != nil {
			return err
		}
		leg.MinConfirmations = wanted
	}
	leg.Timing = p.at(leg.MinConfirmations)
	return nil
}

func checkDepth(chain htlc.ChainID, wanted, least uint32) error {
	meta := map[string]string{"chain": string(chain), "field": "min_confirmations"}
	switch {
	case wanted < least:
		return refuse(TermsInvalid, meta, "%d confirmations on %s are asked for, but for this amount this node wants at least %d", wanted, chain, least)
	case wanted > MaxDepth:
		return refuse(TermsInvalid, meta, "%d confirmations on %s are asked for, more than %d", wanted, chain, MaxDepth)
	}
	return nil
}

// foreignDepths refuses to be asked for a depth on a chain that is none of the
// swap's: a misspelled one would else weaken the wish without a word.
func foreignDepths(asked Depths, assets ...htlc.AssetID) error {
next:
	for chain := range asked {
		for _, asset := range assets {
			if asset.Chain() == chain {
				continue next
			}
		}
		return refuse(TermsInvalid, map[string]string{"chain": string(chain), "field": "min_confirmations"},
			"confirmations are asked for on %s, where the swap has no leg", chain)
	}
	return nil
}

// shallow lists the legs of a ticket that are less deep than the caller asks.
func (asked Depths) shallow(legs []htlc.Leg) []*Error {
	var against []*Error
	for i, leg := range legs {
		if wanted := asked[leg.Chain()]; leg.MinConfirmations < wanted {
			meta := map[string]string{"chain": string(leg.Chain()), "leg": fmt.Sprint(i), "field": "min_confirmations"}
			against = append(against, refuse(TermsInvalid, meta, "leg %d asks for %d confirmations on %s, you want at least %d",
				i, leg.MinConfirmations, leg.Chain(), wanted))
		}
	}
	return against
}
