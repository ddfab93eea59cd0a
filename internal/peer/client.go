package peer

import (
	"context"
	"crypto"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/peer/wire"
	"github.com/kofo-network/kofo/monitor/runner"
)

// maxMessage bounds messages both ways: a text and its frame.
const maxMessage = htlc.MaxTextLen + 1024

// Client calls other nodes, as the party that Identity is. It keeps no
// connection: a swap needs few calls.
type Client struct {
	Identity crypto.Signer
	// Address is where this node listens itself; empty where it does not.
	Address string
	// Dial is what else is done with every connection: traces.
	Dial []grpc.DialOption

	message int // bound of a message, maxMessage where 0
}

// Answer hands an acceptance to the node at an address and returns its
// countersignature, or an *agreement.Refusal.
func (c Client) Answer(ctx context.Context, to agreement.Address, offer htlc.Salt, acceptance string) (text string, err error) {
	err = c.call(to, func(conn grpc.ClientConnInterface) (err error) {
		text, err = wire.Answer(ctx, conn, offer, acceptance, c.Address)
		return err
	})
	return text, err
}

// Consent asks the node at an address for its consent, and returns its part of
// the spend, or a *runner.Refusal.
func (c Client) Consent(ctx context.Context, to agreement.Address, q runner.Question) (answer []byte, err error) {
	err = c.call(to, func(conn grpc.ClientConnInterface) (err error) {
		answer, err = wire.Consent(ctx, conn, q)
		return err
	})
	return answer, err
}

func (c Client) call(to agreement.Address, f func(grpc.ClientConnInterface) error) error {
	config, err := pinned(to.Party, c.Identity)
	if err != nil {
		return err
	}
	limit := max(maxMessage, c.message)
	conn, err := grpc.NewClient("passthrough:///"+to.HostPort, append([]grpc.DialOption{
		grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(limit), grpc.MaxCallSendMsgSize(limit)),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(), // the agreement asks again by itself
		grpc.WithNoProxy(),      // an address out of a ticket is for nobody else
		grpc.WithMaxHeaderListSize(maxHeaders),
	}, c.Dial...)...)
	if err != nil {
		return fmt.Errorf("peer %s: %w", to.HostPort, err)
	}
	// The call is over; what closing could still say changes nothing.
	defer func() { _ = conn.Close() }()
	if err := f(conn); err != nil {
		return fmt.Errorf("peer %s: %w", to.HostPort, err)
	}
	return nil
}
