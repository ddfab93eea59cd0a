package server

import (
	"encoding/hex"
	"fmt"
	"strings"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/monitor/engine"
)

// quiet are events that only move confirmations and clocks.
func quiet(e htlc.Event) bool { return e.Kind() == htlc.KindTipAdvanced }

// entryOf is an event for people.
func (s *Server) entryOf(t htlc.Terms, self int, e engine.StoredEvent) *kofov1.HistoryEntry {
	d := describer{s: s, terms: t, self: self}
	entry := &kofov1.HistoryEntry{Sequence: e.Seq, Time: stamp(e.At), Kind: string(e.Event.Kind())}
	d.describe(entry, e.Event)
	return entry
}

// recordEntry is a change of an agreement for people, as this node's party sees
// it. It has no number: it stands before the swap's own history.
func recordEntry(r agreement.Record) *kofov1.HistoryEntry {
	entry := &kofov1.HistoryEntry{Time: stamp(r.UpdatedAt)}
	switch r.State {
	case agreement.StateDraft:
		entry.Kind, entry.Text = "ticket-taken-up", "This node took up the other party's ticket."
		if r.Initiator {
			entry.Kind, entry.Text = "offer-begun", "This node began to make an offer."
		}
	case agreement.StateOffered:
		entry.Kind, entry.Text = "offered", "This node made the offer and reserved what it needs."
	case agreement.StateBound:
		entry.Kind, entry.Text = "bound", "The offer is bound to the other party's acceptance."
	case agreement.StateAccepted:
		entry.Kind, entry.Text = "accepted", "This node accepted the ticket, reserved what it needs, and signed the terms."
	case agreement.StateAgreed:
		entry.Kind, entry.Text = "agreed", "The other party has countersigned: all have signed the terms."
		if r.Initiator {
			entry.Text = "This node countersigned: all have signed the terms."
		}
	case agreement.StateCancelled:
		entry.Kind, entry.Text = "cancel-requested", "This node cancelled its acceptance."
		if r.Initiator {
			entry.Text = "This node cancelled its offer."
		}
	case agreement.StateExpired:
		entry.Kind, entry.Text = "expired", "The time to agree ran out."
	case agreement.StateRefused:
		entry.Kind, entry.Text = "closed", "The initiator's node refused this node's acceptance."
	}
	return entry
}

type describer struct {
	s     *Server
	terms htlc.Terms
	self  int
}

// leg notes the leg that an event is about, and names its chain.
func (d describer) leg(entry *kofov1.HistoryEntry, i int) string {
	if i < 0 || i >= len(d.terms.Legs) {
		return "an unknown chain"
	}
	leg := uint32(i)
	id := d.terms.Legs[i].Chain()
	entry.Leg, entry.Chain = &leg, string(id)
	if name := d.s.chainName(id); name != "" {
		return name
	}
	return string(id)
}

func (d describer) block(entry *kofov1.HistoryEntry, leg int, b htlc.BlockID) {
	if b == (htlc.BlockID{}) {
		return
	}
	entry.Height, entry.Block = b.Height, hex.EncodeToString(b.Hash[:])
	if leg >= 0 && leg < len(d.terms.Legs) {
		entry.Block = blockName(d.terms.Legs[leg].Chain(), b.Hash)
	}
}

// whose names the payer of a leg.
func (d describer) whose(i int) string {
	if i == d.terms.Outgoing(d.self) {
		return "This node's"
	}
	return "The other party's"
}

// describe fills in what the event is about. No text has a secret in it.
func (d describer) describe(entry *kofov1.HistoryEntry, event htlc.Event) {
	out, in := d.terms.Outgoing(d.self), d.terms.Incoming(d.self)
	switch e := event.(type) {
	case htlc.TermsSigned:
		entry.Text = "All parties have signed the terms."
		if e.Restored {
			entry.Text = "The swap was restored from a copy of its terms; what became of it is read from the chains."
		}
	case htlc.CancelRequested:
		entry.Text = "This node cancelled the swap before its own lock."
	case htlc.BudgetRaised:
		d.budget(entry, e)
	case htlc.FundingPrepared:
		entry.Txid = e.TxID
		entry.Text = fmt.Sprintf("The lock on %s, and its refund, are signed and stored.", d.leg(entry, out))
	case htlc.FundingChecked:
		entry.Text = "The conditions for this node's lock were checked" + observed(e.Facts.StateRead, e.Facts.RedeemRuns, e.Facts.RedeemMeans, e.Facts.TermsCopied, e.Facts.DiskSpace)
		d.leg(entry, out)
	case htlc.RedeemPrepared:
		entry.Text = fmt.Sprintf("The redeem on %s is signed and stored, sealed.", d.leg(entry, in))
	case htlc.RevealChecked:
		entry.Text = "The conditions for showing the secret were checked" + observed(e.Facts.StateRead, e.Facts.BackEndsAgree, e.Facts.RedeemRuns, e.Facts.RedeemMeans, e.Facts.DiskSpace)
		d.leg(entry, in)
	case htlc.Submitted:
		entry.Txid = e.TxID
		what := noun(e.Purpose)
		if e.Purpose == htlc.PurposeConsent && e.Leg == in {
			what = "redeem with the other party's consent"
		} else if e.Purpose == htlc.PurposeConsent {
			what = "early refund with the other party's consent"
		}
		entry.Text = fmt.Sprintf("The %s on %s was handed to the chain.", what, d.leg(entry, e.Leg))
	case htlc.ConsentGiven:
		entry.Text = fmt.Sprintf("This node consents: %s.", consentText(e.Intent, d.leg(entry, e.Leg)))
	case htlc.ConsentFailed:
		entry.Text = fmt.Sprintf("The other party's consent to a cheaper redeem on %s did not come; the redeem that needs none goes out.", d.leg(entry, e.Leg))
	case htlc.Withheld:
		entry.Text = fmt.Sprintf("The %s was withheld: it was too late, and it never left this node.", noun(e.Purpose))
	case htlc.TipAdvanced:
		entry.Height = e.Height
		entry.Text = fmt.Sprintf("%s reached block %d.", d.leg(entry, e.Leg), e.Height)
	default:
		d.describeFact(entry, event)
	}
}

// describeFact is describe for what a chain shows.
func (d describer) describeFact(entry *kofov1.HistoryEntry, event htlc.Event) {
	switch e := event.(type) {
	case htlc.LegSeen:
		entry.Txid = e.TxID
		entry.Text = fmt.Sprintf("%s lock on %s is seen, in no block yet.", d.whose(e.Leg), d.leg(entry, e.Leg))
	case htlc.LegFunded:
		entry.Txid = e.TxID
		d.block(entry, e.Leg, e.Block)
		entry.Text = fmt.Sprintf("%s lock on %s is in block %d.", d.whose(e.Leg), d.leg(entry, e.Leg), e.Block.Height)
	case htlc.LegMismatched:
		entry.Txid = e.TxID
		entry.Text = fmt.Sprintf("Something that is not the contract was locked on %s: %s.", d.leg(entry, e.Leg), e.Detail)
	case htlc.SecretSeen:
		entry.Txid = e.TxID
		entry.Text = fmt.Sprintf("The secret is seen on %s.", d.leg(entry, e.Leg))
	case htlc.LegRedeemed:
		entry.Txid = e.TxID
		d.block(entry, e.Leg, e.Block)
		entry.Text = fmt.Sprintf("%s lock on %s is redeemed in block %d.", d.whose(e.Leg), d.leg(entry, e.Leg), e.Block.Height)
	case htlc.LegRefunded:
		entry.Txid = e.TxID
		d.block(entry, e.Leg, e.Block)
		entry.Text = fmt.Sprintf("%s lock on %s is taken back in block %d.", d.whose(e.Leg), d.leg(entry, e.Leg), e.Block.Height)
	case htlc.LegClosedByConsent:
		entry.Txid = e.TxID
		d.block(entry, e.Leg, e.Block)
		entry.Text = fmt.Sprintf("%s lock on %s is closed by consent in block %d.", d.whose(e.Leg), d.leg(entry, e.Leg), e.Block.Height)
	case htlc.Restored:
		entry.Text = "This node's data were restored from a backup; what followed it is read from the chains."
	case htlc.LegSearched:
		entry.Text = fmt.Sprintf("%s lock was searched for on %s.", d.whose(e.Leg), d.leg(entry, e.Leg))
	case htlc.Reorged:
		d.block(entry, e.Leg, e.Block)
		entry.Text = fmt.Sprintf("Block %d of %s left the chain, and what it held of this swap is undone.", e.Block.Height, d.leg(entry, e.Leg))
	}
}

// consentText says what a consent allows, and what it forbids from then on.
func consentText(intent htlc.Intent, chain string) string {
	if intent == htlc.IntentRefund {
		return "the other party takes its lock on " + chain + " back before the time lock, and this node neither locks coins nor shows the secret any more"
	}
	return "the other party takes this node's lock on " + chain + " without showing the secret there"
}

func noun(p htlc.Purpose) string {
	switch p {
	case htlc.PurposeFund:
		return "lock"
	case htlc.PurposeAbandon:
		return "transaction that makes this node's unmined lock impossible"
	case htlc.PurposeRedeem, htlc.PurposeRefund, htlc.PurposeConsent:
	}
	return p.String()
}

// observed says what did not pass.
func observed(checks ...htlc.Observed) string {
	var against []string
	for _, o := range checks {
		if o.State != htlc.CheckPassed && o.Detail != "" {
			against = append(against, o.Detail)
		}
	}
	if len(against) == 0 {
		return "."
	}
	return ": " + strings.Join(against, "; ") + "."
}
