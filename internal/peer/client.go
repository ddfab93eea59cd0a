package peer

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/peer/wire"
)

// maxMessage bounds messages both ways: a text and its frame.
const maxMessage = htlc.MaxTextLen + 1024

// Client calls other nodes. It keeps no connection: a swap needs one call.
type Client struct{}

// Answer hands an acceptance to the node at an address and returns its
// countersignature, or an *agreement.Refusal.
func (Client) Answer(ctx context.Context, to agreement.Address, offer htlc.Salt, acceptance string) (text string, err error) {
	conn, err := grpc.NewClient("passthrough:///"+to.HostPort,
		grpc.WithTransportCredentials(credentials.NewTLS(pinned(to.Party))),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(), // the agreement asks again by itself
		grpc.WithNoProxy(),      // an address out of a ticket is for nobody else
		grpc.WithMaxHeaderListSize(maxHeaders),
	)
	if err != nil {
		return "", fmt.Errorf("peer %s: %w", to.HostPort, err)
	}
	// The call is over; what closing could still say changes nothing.
	defer func() { _ = conn.Close() }()
	text, err = wire.Answer(ctx, conn, offer, acceptance)
	if err != nil {
		return "", fmt.Errorf("peer %s: %w", to.HostPort, err)
	}
	return text, nil
}
