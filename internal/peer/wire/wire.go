// Package wire converts between the messages of kofo.peer.v1 and what the
// agreement knows: texts, refusals and errors. Nothing else of the node sees
// the generated types.
package wire

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"

	peerv1 "github.com/kofo-network/kofo/api/gen/kofo/peer/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
)

// Version is that of the messages.
const Version = 1

// ErrMalformed is returned for messages that break the protocol.
var ErrMalformed = errors.New("malformed message of a peer")

// Answerer judges acceptances; agreement.Service is one.
type Answerer interface {
	Answer(ctx context.Context, offer htlc.Salt, acceptance string) (countersignature string, err error)
}

// Services are what a PeerService is made of, and a TowerService where there is a
// Tower.
type Services struct {
	Answerer  Answerer
	Consenter Consenter
	Addresses Addresses
	Tower     Tower
}

// Register serves PeerService, or TowerService alone where nothing but a Tower is
// given.
func Register(s grpc.ServiceRegistrar, parts Services) {
	if parts.Tower != nil {
		peerv1.RegisterTowerServiceServer(s, &towerServer{tower: parts.Tower})
		if parts.Answerer == nil && parts.Consenter == nil {
			return
		}
	}
	peerv1.RegisterPeerServiceServer(s, &server{
		answerer: parts.Answerer, consenter: parts.Consenter, addresses: parts.Addresses,
	})
}

type server struct {
	peerv1.UnimplementedPeerServiceServer
	answerer  Answerer
	consenter Consenter
	addresses Addresses
}

// Answer hands an acceptance to the agreement. What it decides is part of the
// response; what kept it from deciding is an error, told without details,
// which are none of the peer's business.
func (s *server) Answer(ctx context.Context, req *peerv1.AnswerRequest) (*peerv1.AnswerResponse, error) {
	if req.GetVersion() != Version {
		return refusal(&agreement.Error{
			Reason: agreement.TicketVersion, Text: fmt.Sprintf("messages of version %d are not known here", req.GetVersion()),
		}), nil
	}
	if len(req.GetOfferId()) != len(htlc.Salt{}) || len(req.GetAcceptance()) == 0 || len(req.GetAcceptance()) > htlc.MaxTextLen {
		return nil, reason.Error(reason.InvalidArgument, "offer id or acceptance have a wrong length", nil)
	}
	text, err := s.answerer.Answer(ctx, htlc.Salt(req.GetOfferId()), string(req.GetAcceptance()))
	if err == nil {
		s.remember(ctx, req)
	}
	var e *agreement.Error
	switch {
	case err == nil:
		return &peerv1.AnswerResponse{
			Version: Version, Result: &peerv1.AnswerResponse_Countersignature{Countersignature: []byte(text)},
		}, nil
	case errors.As(err, &e) && e.Decided():
		return refusal(e), nil
	}
	r := reason.Reason(agreement.ReasonOf(err))
	info, _ := reason.Lookup(r)
	return nil, reason.Error(r, info.Text, nil)
}

// remember keeps where a participant listens that has proved to be one. It is
// a hint: what is answered there is pinned by the key, and without it the
// script path is used.
func (s *server) remember(ctx context.Context, req *peerv1.AnswerRequest) {
	from, ok := Caller(ctx)
	if !ok || req.GetAddress() == "" || len(req.GetAddress()) > maxRef {
		return
	}
	// A failure costs the hint, not the answer.
	_ = s.addresses.Reachable(ctx, htlc.Salt(req.GetOfferId()), from, req.GetAddress())
}

func refusal(e *agreement.Error) *peerv1.AnswerResponse {
	return &peerv1.AnswerResponse{Version: Version, Result: &peerv1.AnswerResponse_Refusal{
		Refusal: &peerv1.Refusal{Reason: string(e.Reason), Text: e.Text},
	}}
}

// Answer calls a peer, and says where we listen, if anywhere. A refusal is a
// *agreement.Refusal.
func Answer(ctx context.Context, conn grpc.ClientConnInterface, offer htlc.Salt, acceptance, address string) (string, error) {
	res, err := peerv1.NewPeerServiceClient(conn).Answer(ctx, &peerv1.AnswerRequest{
		Version: Version, OfferId: offer[:], Acceptance: []byte(acceptance), Address: address,
	})
	if err != nil {
		return "", fmt.Errorf("ask the peer: %w", err)
	}
	if res.GetVersion() != Version {
		return "", fmt.Errorf("%w: version %d", ErrMalformed, res.GetVersion())
	}
	switch result := res.GetResult().(type) {
	case *peerv1.AnswerResponse_Countersignature:
		return string(result.Countersignature), nil
	case *peerv1.AnswerResponse_Refusal:
		return "", &agreement.Refusal{
			Reason: agreement.Reason(result.Refusal.GetReason()), Text: printable(result.Refusal.GetText()),
		}
	}
	return "", fmt.Errorf("%w: neither countersignature nor refusal", ErrMalformed)
}

// maxText bounds what of a peer's text is shown to people.
const maxText = 200

// printable keeps a peer from writing control characters onto a terminal.
func printable(text string) string {
	var out []rune
	for _, r := range text {
		if len(out) == maxText {
			break
		}
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e {
			r = ' '
		}
		out = append(out, r)
	}
	return string(out)
}
