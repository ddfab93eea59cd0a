// Package peer carries answers to tickets from node to node: the client of
// kofo.peer.v1.
//
// The address and the certificate's fingerprint come from the ticket, whose
// signature the caller has checked. What comes back is as yet nothing: the
// caller has to verify the countersignature.
package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	peerv1 "github.com/kofo-network/kofo/api/gen/kofo/peer/v1"
	"github.com/kofo-network/kofo/api/internal/pin"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

// Version of the messages that this package sends and reads.
const Version = 1

// maxAnswer bounds what a peer can make us read.
const maxAnswer = 64 << 10

// ErrRefused is wrapped by the error of an answer that the initiator did not
// bind; all other errors are failures on the way, after which the answer can
// be tried again or carried by hand.
var ErrRefused = errors.New("the other party's node refused")

// Refusal is the error of an answer that was not bound. Its reason is one of
// the package reason, PEER_REFUSED where the peer gave one that we don't know.
type Refusal struct {
	Reason reason.Reason
	Text   string
}

func (r *Refusal) Error() string { return fmt.Sprintf("%v: %s (%s)", ErrRefused, r.Text, r.Reason) }

func (r *Refusal) Unwrap() error { return ErrRefused }

// GRPCStatus lets a call hand the refusal on, and reason.Of read it.
func (r *Refusal) GRPCStatus() *status.Status { return reason.Status(r.Reason, r.Text, nil) }

// Dialer opens connections to peers. Dial may be nil; then they go over TCP.
type Dialer struct {
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

// Answer hands an acceptance to the node at the address and returns its
// countersignature. The context should have a deadline. It is safe to repeat.
func (d Dialer) Answer(ctx context.Context, address, fingerprint string, offerID [32]byte, acceptance []byte) ([]byte, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	if err := pin.To(config, fingerprint); err != nil {
		return nil, reason.Error(reason.TicketAltered, err.Error(), nil)
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
	}
	target := "dns:///" + address
	if d.Dial != nil {
		target = "passthrough:///" + address
		options = append(options, grpc.WithContextDialer(d.Dial))
	}
	conn, err := grpc.NewClient(target, options...)
	if err != nil {
		return nil, reason.Error(reason.NodeUnreachable, fmt.Sprintf("peer %q: %v", address, err), nil)
	}
	defer func() { _ = conn.Close() }()
	answer, err := peerv1.NewPeerServiceClient(conn).Answer(ctx, &peerv1.AnswerRequest{
		Version: Version, OfferId: offerID[:], Acceptance: acceptance,
	})
	if err != nil {
		return nil, fmt.Errorf("peer %s: %w", address, err)
	}
	return result(answer)
}

func result(answer *peerv1.AnswerResponse) ([]byte, error) {
	if answer.GetVersion() != Version {
		return nil, &Refusal{reason.TicketVersion, fmt.Sprintf("it answers in version %d", answer.GetVersion())}
	}
	if refusal := answer.GetRefusal(); refusal != nil {
		r := reason.Reason(refusal.GetReason())
		if _, known := reason.Lookup(r); !known {
			r = reason.PeerRefused
		}
		return nil, &Refusal{r, refusal.GetText()}
	}
	if len(answer.GetCountersignature()) == 0 {
		return nil, &Refusal{reason.PeerRefused, "the answer is empty"}
	}
	return answer.GetCountersignature(), nil
}
