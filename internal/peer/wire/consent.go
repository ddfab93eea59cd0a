package wire

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	grpcpeer "google.golang.org/grpc/peer"

	peerv1 "github.com/kofo-network/kofo/api/gen/kofo/peer/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/runner"
)

// The bounds of a question and its answer, as the protocol has them.
const (
	maxConsent = 16 << 10
	maxRef     = 255
)

// Consenter gives this node's consent, or a *runner.Refusal; runner.Runner is
// one. Whoever asks has proved to be from.
type Consenter interface {
	Answer(ctx context.Context, from htlc.PartyID, q runner.Question) ([]byte, error)
}

// Addresses remembers where the participant of an offer of ours listens.
type Addresses interface {
	Reachable(ctx context.Context, offer htlc.Salt, party htlc.PartyID, address string) error
}

// Caller is the party whose key the caller of a method has proved to hold.
func Caller(ctx context.Context) (party htlc.PartyID, ok bool) {
	p, ok := grpcpeer.FromContext(ctx)
	if !ok {
		return party, false
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.PeerCertificates) == 0 {
		return party, false
	}
	key, ok := info.State.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok || len(key) != len(party) {
		return party, false
	}
	return htlc.PartyID(key), true
}

// Consent judges a question of the party that the caller is. A caller that is
// nobody, or no party of the swap, learns nothing.
func (s *server) Consent(ctx context.Context, req *peerv1.ConsentRequest) (*peerv1.ConsentResponse, error) {
	if req.GetVersion() != Version {
		return noConsent(&runner.Refusal{
			Reason: string(reason.TicketVersion), Text: fmt.Sprintf("messages of version %d are not known here", req.GetVersion()),
		}), nil
	}
	from, ok := Caller(ctx)
	if !ok {
		return nil, reason.Error(reason.Unauthenticated, "who asks for consent shows the certificate of its party", nil)
	}
	intent := map[peerv1.Intent]htlc.Intent{
		peerv1.Intent_INTENT_REDEEM: htlc.IntentRedeem, peerv1.Intent_INTENT_REFUND: htlc.IntentRefund,
	}[req.GetIntent()]
	if len(req.GetSwapId()) != len(htlc.SwapID{}) || req.GetLeg() > 255 || intent == htlc.IntentNone ||
		len(req.GetRef()) == 0 || len(req.GetRef()) > maxRef || len(req.GetFundingTx()) > maxRef ||
		len(req.GetMessage()) == 0 || len(req.GetMessage()) > maxConsent {
		return nil, reason.Error(reason.InvalidArgument, "a field of the question is missing or too long", nil)
	}
	answer, err := s.consenter.Answer(ctx, from, runner.Question{
		Swap: htlc.SwapID(req.GetSwapId()), Leg: int(req.GetLeg()), Intent: intent,
		Ref: req.GetRef(), FundTx: req.GetFundingTx(), Message: req.GetMessage(),
	})
	var no *runner.Refusal
	switch {
	case err == nil:
		return &peerv1.ConsentResponse{Version: Version, Result: &peerv1.ConsentResponse_Answer{Answer: answer}}, nil
	case errors.As(err, &no):
		return noConsent(no), nil
	}
	return nil, reason.Error(reason.Internal, "the node could not decide", nil)
}

func noConsent(no *runner.Refusal) *peerv1.ConsentResponse {
	return &peerv1.ConsentResponse{Version: Version, Result: &peerv1.ConsentResponse_Refusal{
		Refusal: &peerv1.Refusal{Reason: no.Reason, Text: no.Text},
	}}
}

// Consent asks a peer. That it does not consent is a *runner.Refusal.
func Consent(ctx context.Context, conn grpc.ClientConnInterface, q runner.Question) ([]byte, error) {
	intent := peerv1.Intent_INTENT_REDEEM
	if q.Intent == htlc.IntentRefund {
		intent = peerv1.Intent_INTENT_REFUND
	}
	res, err := peerv1.NewPeerServiceClient(conn).Consent(ctx, &peerv1.ConsentRequest{
		Version: Version, SwapId: q.Swap[:], Leg: uint32(q.Leg), Intent: intent, //nolint:gosec // legs are few
		Ref: q.Ref, FundingTx: q.FundTx, Message: q.Message,
	})
	if err != nil {
		return nil, fmt.Errorf("ask the peer for consent: %w", err)
	}
	if res.GetVersion() != Version {
		return nil, fmt.Errorf("%w: version %d", ErrMalformed, res.GetVersion())
	}
	switch result := res.GetResult().(type) {
	case *peerv1.ConsentResponse_Answer:
		if len(result.Answer) == 0 || len(result.Answer) > maxConsent {
			return nil, fmt.Errorf("%w: an answer of %d bytes", ErrMalformed, len(result.Answer))
		}
		return result.Answer, nil
	case *peerv1.ConsentResponse_Refusal:
		return nil, &runner.Refusal{Reason: printable(result.Refusal.GetReason()), Text: printable(result.Refusal.GetText())}
	}
	return nil, fmt.Errorf("%w: neither answer nor refusal", ErrMalformed)
}
