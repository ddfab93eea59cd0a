package server

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/status"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/peer"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/monitor/engine"
)

// settlement answers SettlementService.
type settlement struct {
	kofov1.UnimplementedSettlementServiceServer
	s *Server
}

// parseAmount takes an amount that the protos' rules let through.
func parseAmount(a *kofov1.AssetAmount) (agreement.AssetAmount, error) {
	v, err := htlc.ParseAmount(a.GetAmount())
	return agreement.AssetAmount{Asset: htlc.AssetID(a.GetAsset()), Amount: v}, err
}

// parseID takes the id of a swap or of an offer.
func parseID(text string) (id [32]byte, err error) {
	raw, err := hex.DecodeString(text)
	if err == nil && len(raw) != len(id) {
		err = fmt.Errorf("id of %d bytes", len(raw))
	}
	copy(id[:], raw)
	return id, err
}

// both parses what is sent and what is received.
func both(send, receive *kofov1.AssetAmount) (s, r agreement.AssetAmount, err error) {
	if s, err = parseAmount(send); err != nil {
		return s, r, err
	}
	if r, err = parseAmount(receive); err != nil {
		return s, r, err
	}
	if s.Asset == r.Asset {
		err = refuse(reason.InvalidArgument, map[string]string{reason.KeyField: "receive", reason.KeyAsset: string(r.Asset)},
			"both sides are %s: a swap is of two assets", r.Asset)
	}
	return s, r, err
}

func (h settlement) Quote(ctx context.Context, req *kofov1.QuoteRequest) (*kofov1.QuoteResponse, error) {
	send, receive, err := both(req.GetSend(), req.GetReceive())
	if err != nil {
		return nil, err
	}
	depths, err := parseDepths(req.GetDepths())
	if err != nil {
		return nil, err
	}
	q, err := h.s.o.Quoter.Quote(ctx, agreement.QuoteRequest{
		Send: send, Receive: receive, Participant: req.GetRole() == kofov1.Role_ROLE_PARTICIPANT, Depths: depths,
	})
	if err != nil {
		return nil, err
	}
	return &kofov1.QuoteResponse{Quote: h.s.quoteView(q)}, nil
}

func (h settlement) Offer(ctx context.Context, req *kofov1.OfferRequest) (*kofov1.OfferResponse, error) {
	send, receive, err := both(req.GetSend(), req.GetReceive())
	if err != nil {
		return nil, err
	}
	depths, err := parseDepths(req.GetDepths())
	if err != nil {
		return nil, err
	}
	var (
		r     agreement.Record
		quote agreement.Quote
	)
	err = h.s.counted(ctx, "offer/"+req.GetRequestId(), send, func() (err error) {
		// The quote first: with the coins reserved there may be none left to quote.
		valid := req.GetValidFor().AsDuration()
		quote, err = h.s.o.Quoter.Quote(ctx, agreement.QuoteRequest{Send: send, Receive: receive, ValidFor: valid, Depths: depths})
		if err != nil {
			return err
		}
		r, err = h.s.o.Agreer.Offer(ctx, agreement.OfferRequest{
			Request: callerOf(ctx).ID + "/" + req.GetRequestId(), Send: send, Receive: receive, ValidFor: valid, ByHand: req.GetByHand(),
			Depths: depths,
		})
		return err
	}, mayHaveMoved)
	if err != nil {
		return nil, err
	}
	view, err := h.s.view(ctx, r)
	if err != nil {
		return nil, err
	}
	return &kofov1.OfferResponse{OfferId: r.ID().String(), Ticket: r.Ticket(), Swap: view, Quote: h.s.quoteView(quote)}, nil
}

func (h settlement) Inspect(ctx context.Context, req *kofov1.InspectRequest) (*kofov1.InspectResponse, error) {
	in, err := h.s.o.Quoter.Inspect(ctx, req.GetTicket())
	if err != nil {
		return nil, err
	}
	out := &kofov1.InspectResponse{
		OfferId: in.Offer.Salt.String(), Initiator: in.Offer.Initiator.String(),
		PeerAddress: in.Offer.ReplyTo, Quote: h.s.quoteView(in.Quote),
	}
	if in.Offer.ReplyTo != "" {
		if out.PeerFingerprint, err = peer.Fingerprint(in.Offer.Initiator); err != nil {
			return nil, err
		}
	}
	used, err := h.used(ctx, htlc.SignedOffer{Offer: in.Offer})
	if err != nil {
		return nil, err
	}
	if used != nil { // what else stands against it tells nothing
		out.Refusals = append(out.Refusals, refusalOf(used))
		return out, nil
	}
	for _, e := range in.Against {
		out.Refusals = append(out.Refusals, refusalOf(e))
	}
	return out, nil
}

func refusalOf(err error) *kofov1.Refusal {
	if r, metadata := reason.Of(err); reason.Carried(err) {
		return &kofov1.Refusal{Reason: string(r), Text: status.Convert(err).Message(), Metadata: metadata}
	}
	r, metadata := reasonOf(err)
	return &kofov1.Refusal{Reason: string(r), Text: err.Error(), Metadata: metadata}
}

func (h settlement) Accept(ctx context.Context, req *kofov1.AcceptRequest) (*kofov1.AcceptResponse, error) {
	done, err := h.accept(ctx, req)
	if err != nil {
		return nil, err
	}
	view, err := h.s.view(ctx, done.Record)
	if err != nil {
		return nil, err
	}
	out := &kofov1.AcceptResponse{SwapId: done.Record.Swap().String(), Swap: view}
	if done.Record.State != agreement.StateAgreed {
		out.Acceptance = done.Record.Acceptance()
	}
	if done.Undelivered != nil {
		out.Undelivered = refusalOf(done.Undelivered)
	}
	return out, nil
}

// accept counts a ticket once, however often and by whichever request it is
// accepted.
func (h settlement) accept(ctx context.Context, req *kofov1.AcceptRequest) (done agreement.Accepted, err error) {
	depths, err := parseDepths(req.GetDepths())
	if err != nil {
		return done, err
	}
	call := func() error {
		done, err = h.s.o.Agreer.Accept(ctx, agreement.AcceptRequest{Ticket: req.GetTicket(), ByHand: req.GetByHand(), Depths: depths})
		return err
	}
	ticket, err := htlc.ParseTicket(req.GetTicket())
	if err != nil {
		return done, call() // which says what is wrong with it
	}
	used, err := h.used(ctx, ticket)
	if err == nil {
		err = used
	}
	if err != nil {
		return done, err
	}
	kept := func(failed error) bool {
		r, err := h.s.o.Records.Find(context.WithoutCancel(ctx), ticket.Offer.Salt)
		unknown := agreement.ReasonOf(err) == agreement.SwapNotFound
		return mayHaveMoved(failed) || !unknown && (err != nil || r.State != agreement.StateDraft)
	}
	return done, h.s.counted(ctx, "accept/"+ticket.Offer.Salt.String(), ticketMoves(ticket), call, kept)
}

// used refuses a ticket whose swap, accepted here, is over. To accept that of
// an open swap again is to ask for the same answer again. The second error
// says that it could not be found out.
func (h settlement) used(ctx context.Context, ticket htlc.SignedOffer) (refusal, err error) {
	r, err := h.s.o.Records.Find(ctx, ticket.Offer.Salt)
	if agreement.ReasonOf(err) == agreement.SwapNotFound {
		return nil, nil
	}
	if err != nil || r.Initiator || !bytes.Equal(r.Offer.Encode(), ticket.Offer.Encode()) {
		return nil, err // another ticket of the same salt is refused by the service
	}
	how, err := h.closed(ctx, r)
	if err != nil || how == "" {
		return nil, err
	}
	return refuse(reason.TicketUsed, map[string]string{reason.KeyOfferID: r.ID().String(), reason.KeySwapID: r.Swap().String()},
		"this node has accepted the ticket before, and its swap %s is closed: %s", r.Swap(), how), nil
}

// closed says how a swap ended; it is empty where it has not.
func (h settlement) closed(ctx context.Context, r agreement.Record) (string, error) {
	if r.State != agreement.StateAgreed {
		return "", nil
	}
	stored, err := h.s.o.Swaps.Get(ctx, r.Swap())
	if errors.Is(err, store.ErrNotFound) {
		return "", nil // the engine takes it over any moment
	}
	if err != nil || stored.Swap.Phase != htlc.PhaseClosed {
		return "", err
	}
	cause, err := h.s.causes.of(ctx, stored.Swap)
	if cause == "" {
		cause = "It is over."
	}
	return cause, err
}

func (h settlement) Countersign(ctx context.Context, req *kofov1.CountersignRequest) (*kofov1.CountersignResponse, error) {
	r, err := h.s.o.Agreer.Countersign(ctx, req.GetAcceptance())
	if err != nil {
		return nil, err
	}
	view, err := h.s.view(ctx, r)
	if err != nil {
		return nil, err
	}
	return &kofov1.CountersignResponse{SwapId: r.Swap().String(), Countersignature: r.Countersignature(), Swap: view}, nil
}

func (h settlement) Complete(ctx context.Context, req *kofov1.CompleteRequest) (*kofov1.CompleteResponse, error) {
	r, err := h.s.o.Agreer.Complete(ctx, req.GetCountersignature())
	if err != nil {
		return nil, err
	}
	view, err := h.s.view(ctx, r)
	if err != nil {
		return nil, err
	}
	return &kofov1.CompleteResponse{SwapId: r.Swap().String(), Swap: view}, nil
}

func (h settlement) Cancel(ctx context.Context, req *kofov1.CancelRequest) (*kofov1.CancelResponse, error) {
	id, err := parseID(req.GetId())
	if err != nil {
		return nil, err
	}
	r, err := h.s.o.Agreer.Cancel(ctx, id)
	if got, _ := reasonOf(err); err != nil && got == reason.NotCancellable {
		return nil, h.notCancellable(ctx, id, err)
	}
	if err != nil {
		return nil, err
	}
	view, err := h.s.view(ctx, r)
	if err != nil {
		return nil, err
	}
	return &kofov1.CancelResponse{Swap: view}, nil
}

// notCancellable says in one sentence why a swap is not cancelled.
func (h settlement) notCancellable(ctx context.Context, id [32]byte, err error) error {
	r, found := h.s.o.Records.Find(ctx, id)
	if found != nil {
		return err
	}
	meta := map[string]string{reason.KeySwapID: r.Swap().String(), reason.KeyOfferID: r.ID().String()}
	how, unknown := h.closed(ctx, r)
	switch {
	case unknown != nil:
		return err
	case how != "":
		return refuse(reason.NotCancellable, meta, "the swap is closed, nothing is left to cancel: %s", how)
	}
	return refuse(reason.NotCancellable, meta, "the swap goes on: this node's coins are locked already, or may be on their way")
}

// Refund tells the swap where its chain stands, upon which it asks for the
// refund again. That is all a person can add: what is wanted is decided by
// the chain's clock, and tried with every block anyway. The answer waits a
// little for the refund to be sent, so that it shows what the call has done.
func (h settlement) Refund(ctx context.Context, req *kofov1.RefundRequest) (*kofov1.RefundResponse, error) {
	r, swap, err := h.find(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	out, leg := swap.Legs[swap.Out()], swap.Terms.Legs[swap.Out()]
	if out.Status != htlc.LegSpentRefunded {
		if !out.Status.Locked() {
			return nil, refuse(reason.NothingToRefund, map[string]string{reason.KeySwapID: swap.ID.String()}, "nothing of this node's is locked in the swap")
		}
		if err := h.nudge(ctx, swap, leg); err != nil {
			return nil, err
		}
		if err := h.awaitRefund(ctx, swap.ID); err != nil {
			return nil, err
		}
	}
	view, err := h.s.view(ctx, r)
	if err != nil {
		return nil, err
	}
	return &kofov1.RefundResponse{Swap: view, Txid: view.GetLegs()[swap.Out()].GetSpendTxid()}, nil
}

// awaitRefund returns when the refund was sent or something else has spent the
// leg, or after a moment: the refund is tried again with every block.
func (h settlement) awaitRefund(ctx context.Context, id htlc.SwapID) error {
	patience := time.NewTimer(h.s.o.Limits.RefundWait)
	defer patience.Stop()
	for {
		_, changed, _ := h.s.o.Feed.since(h.s.o.Feed.now())
		stored, err := h.s.o.Swaps.Get(ctx, id)
		if err != nil {
			return err
		}
		swap := stored.Swap
		if swap.RefundTx != "" || !swap.Legs[swap.Out()].Status.Locked() {
			return nil
		}
		select {
		case <-changed:
		case <-patience.C:
			return nil
		case <-h.s.draining:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (h settlement) nudge(ctx context.Context, swap htlc.Swap, leg htlc.Leg) error {
	cursor, ok := h.s.o.Engine.Cursor(leg.Chain())
	if !ok {
		return refuse(reason.ChainNotSynced, map[string]string{reason.KeyChain: string(leg.Chain())}, "the chain is not followed yet")
	}
	if cursor.Block.Clock <= leg.TimeLock {
		opens := time.Unix(leg.TimeLock, 0).UTC().Format(time.RFC3339)
		return refuse(reason.RefundNotOpen, map[string]string{reason.KeyAt: opens, reason.KeyChain: string(leg.Chain())},
			"the time lock opens at %s by the chain's clock, which shows %s", opens, time.Unix(cursor.Block.Clock, 0).UTC().Format(time.RFC3339))
	}
	err := h.s.o.Engine.Apply(ctx, engine.Input{Swap: swap.ID, Event: htlc.TipAdvanced{
		Leg: swap.Out(), Height: cursor.Block.Height, Clock: cursor.Block.Clock,
	}})
	if errors.Is(err, htlc.ErrStale) || errors.Is(err, engine.ErrNoSwap) {
		return nil // it knows already, or it is over
	}
	return err
}

// find returns a swap that all have signed.
func (h settlement) find(ctx context.Context, text string) (agreement.Record, htlc.Swap, error) {
	id, err := parseID(text)
	if err != nil {
		return agreement.Record{}, htlc.Swap{}, err
	}
	r, err := h.s.o.Records.Find(ctx, id)
	if err != nil {
		return r, htlc.Swap{}, err
	}
	if r.State != agreement.StateAgreed {
		return r, htlc.Swap{}, refuse(reason.SwapState, map[string]string{reason.KeyOfferID: r.ID().String()}, "the agreement is %s, it is no swap", r.State)
	}
	stored, err := h.s.o.Swaps.Get(ctx, r.Swap())
	if errors.Is(err, store.ErrNotFound) {
		err = refuse(reason.SwapState, map[string]string{reason.KeyOfferID: r.ID().String()}, "the swap has just been agreed")
	}
	return r, stored.Swap, err
}

func (h settlement) Get(ctx context.Context, req *kofov1.GetRequest) (*kofov1.GetResponse, error) {
	id, err := parseID(req.GetId())
	if err != nil {
		return nil, err
	}
	r, err := h.s.o.Records.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	view, err := h.s.view(ctx, r)
	if err != nil {
		return nil, err
	}
	return &kofov1.GetResponse{Swap: view, Documents: documents(r)}, nil
}

func documents(r agreement.Record) *kofov1.Documents {
	out := &kofov1.Documents{Ticket: r.Ticket(), Acceptance: r.Acceptance(), Countersignature: r.Countersignature()}
	if len(r.Terms.Legs) > 0 {
		out.Terms = r.Terms.Encode()
	}
	for _, s := range r.Signatures {
		if s != (htlc.Signature{}) {
			out.Signatures = append(out.Signatures, append([]byte(nil), s[:]...))
		}
	}
	return out
}

// quoteView is a quote as callers see it.
func (s *Server) quoteView(q agreement.Quote) *kofov1.Quote {
	if len(q.Legs) == 0 {
		return nil // the ticket could not be quoted
	}
	out := &kofov1.Quote{
		Role: roleOf(q.Initiator), Sends: amount(q.Sends.Asset, q.Sends.Amount), Receives: amount(q.Receives.Asset, q.Receives.Amount),
		TotalCost: amounts(q.TotalCost), WorstCaseLoss: amounts(q.WorstCase), Reserved: amounts(q.Reserved),
		KeptForRedeem: amounts(q.Kept),
		AcceptBy:      at(q.AcceptBy), CutOff: at(q.CutOff), ExpectedDuration: duration(q.Expected), TrustNotes: q.TrustNotes,
	}
	for _, l := range q.Legs {
		role := kofov1.LegRole_LEG_ROLE_PAYEE
		if l.Payer {
			role = kofov1.LegRole_LEG_ROLE_PAYER
		}
		out.Legs = append(out.Legs, &kofov1.QuotedLeg{
			Index: uint32(l.Leg), Role: role, Chain: string(l.Asset.Chain()), Amount: amount(l.Asset, l.Amount),
			MinAmount: l.Min.String(), MaxAmount: l.Max.String(), FeeAsset: string(l.FeeCoin),
			FundFee: l.FundFee.String(), RedeemFee: l.RedeemFee.String(), RefundFee: l.RefundFee.String(),
			StressRedeemFee: l.StressRedeem.String(), StressRefundFee: l.StressRefund.String(),
			MinConfirmations: l.MinConfirmations, FundBy: at(l.FundBy), RedeemBy: at(l.RedeemBy), TimeLock: at(l.TimeLock),
		})
	}
	for _, asset := range []htlc.AssetID{q.Sends.Asset, q.Receives.Asset} {
		if trust := s.assets[asset].Trust; trust != "" {
			out.TrustNotes = append(out.TrustNotes, trust)
		}
	}
	return out
}
