package timeline

import "github.com/kofo-network/kofo/htlc"

// askingBack is shown while our leg is asked back before its time lock; false
// where it is not.
func (v viewer) askingBack() (Action, bool) {
	if !v.Wants(htlc.Effect{Kind: htlc.EffectAskRefund, Leg: v.Out()}) {
		return Action{}, false
	}
	text := "The swap will not go through. The other party is asked, with every block, to consent that this node takes its coins on %s back at once."
	if v.Legs[v.Out()].ConsentTx != "" {
		text = "The other party has consented: this node's early refund on %s is sent and waits for a block."
	}
	return v.soon(v.on(Refund, v.Out(), text, v.name(v.Out()))), true
}

// askingRedeem is shown while the payer's consent is waited for, or the spend
// that it has consented to.
func (v viewer) askingRedeem() Action {
	text := "The other party is asked to consent to a cheaper redeem on %s; without an answer within seconds this node redeems alone."
	if v.Legs[v.In()].ConsentTx != "" {
		text = "This node's redeem on %s, with the other party's consent, is sent and waits for a block."
	}
	a := v.on(Redeem, v.In(), text, v.name(v.In()))
	a.Deadline = v.Terms.Legs[v.In()].OpenMin()
	return v.soon(a)
}
