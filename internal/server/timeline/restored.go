package timeline

import "github.com/kofo-network/kofo/htlc"

// restored is an agreed swap of which this node has forgotten what it did. It
// sends no lock, since there may be one already, or the incoming leg may have
// been given back by consent; only its owner knows whether that can be.
func (v viewer) restored() (Action, *Action) {
	for _, leg := range []int{v.Out(), v.In()} {
		if v.Legs[leg].Unsearched {
			return v.soon(v.on(WaitFunding, leg, "The swap was restored. This node reads %s for what it has forgotten, before it does anything else.", v.name(leg))), nil
		}
	}
	if v.FundingTx == "" && v.Legs[v.Out()].Status == htlc.LegUnfunded {
		wait := v.on(WaitFunding, v.Out(), "The swap was restored, and no lock of this node's is seen on %s. One may be on its way, so this node sends none; if it appears, the swap goes on.", v.name(v.Out()))
		end := v.on(Expire, v.Out(), "When you are sure that none will appear, for example since all coins of the wallet have moved once, end the swap with kofo swap cancel.")
		return wait, &end
	}
	wait := v.on(WaitFunding, v.Out(), "The swap was restored, and this node's lock on %s, which it had signed, may be on its way; if it appears, the swap goes on.", v.name(v.Out()))
	wait.Deadline = v.Terms.Legs[v.Out()].FundBy
	end := v.on(Abandon, v.Out(), "If it is in no block by then, this node spends otherwise what it needs, so that it never can be.")
	end.At = wait.Deadline
	return wait, &end
}
