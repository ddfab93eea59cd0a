package sdk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

// DefaultAttempts is how often a call is tried where Options don't say.
const DefaultAttempts = 4

// Options say how to reach a node.
type Options struct {
	// Target is the node's address, host:port.
	Target string

	// CAFile is a PEM file with the certificates that the node's must descend
	// from; for a node with a generated certificate, that certificate itself.
	CAFile string
	// Fingerprint is the SHA-256 of the node's certificate in hex. With it the
	// certificate needs no other proof, neither name nor authority. Where
	// neither CAFile nor Fingerprint is given, the system's authorities count.
	Fingerprint string
	// ServerName is the name expected in the certificate; the host of Target
	// where empty.
	ServerName string

	// Token authorises the calls.
	Token Token

	// Attempts is how often a call is tried when the network loses it; 1
	// means never again, 0 means DefaultAttempts.
	Attempts int

	// Dialer opens the connections where they don't go over TCP.
	Dialer func(ctx context.Context, target string) (net.Conn, error)
}

// Client is a connection to one node. It may be used by several goroutines.
type Client struct {
	conn *grpc.ClientConn

	Settlement kofov1.SettlementServiceClient
	Wallet     kofov1.WalletServiceClient
	Chains     kofov1.ChainServiceClient
	Node       kofov1.NodeServiceClient
	Tokens     kofov1.TokenServiceClient
	Towers     kofov1.TowerServiceClient
}

// Dial connects to a node and waits for its answer, so that a wrong address or
// certificate shows here (NODE_UNREACHABLE) and not with the first call. The
// token is not tried.
func Dial(ctx context.Context, o Options) (*Client, error) {
	tls, err := o.credentials()
	if err != nil {
		return nil, err
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(tls),
		grpc.WithChainUnaryInterceptor(fillRequestID, retry(o.attempts())),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		// A stream on which nothing happens would not notice a dead network.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: time.Minute, Timeout: 20 * time.Second}),
	}
	if o.Token.text != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer{o.Token}))
	}
	target := "dns:///" + o.Target
	if o.Dialer != nil {
		target = "passthrough:///" + o.Target
		options = append(options, grpc.WithContextDialer(o.Dialer))
	}
	conn, err := grpc.NewClient(target, options...)
	if err != nil {
		return nil, reason.Error(reason.BadConfig, fmt.Sprintf("target %q: %v", o.Target, err), map[string]string{reason.KeyField: "Target"})
	}
	c := newClient(conn)
	if err := c.ping(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

func newClient(conn *grpc.ClientConn) *Client {
	return &Client{
		conn:       conn,
		Settlement: kofov1.NewSettlementServiceClient(conn),
		Wallet:     kofov1.NewWalletServiceClient(conn),
		Chains:     kofov1.NewChainServiceClient(conn),
		Node:       kofov1.NewNodeServiceClient(conn),
		Tokens:     kofov1.NewTokenServiceClient(conn),
		Towers:     kofov1.NewTowerServiceClient(conn),
	}
}

// ping asks the health service. Any answer of the node will do, one that
// refuses the call too.
func (c *Client) ping(ctx context.Context) error {
	_, err := grpc_health_v1.NewHealthClient(c.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	switch status.Code(err) {
	case codes.Unavailable:
		text := fmt.Sprintf("no answer from %s: %s", c.conn.CanonicalTarget(), status.Convert(err).Message())
		return reason.Error(reason.NodeUnreachable, text, nil)
	case codes.DeadlineExceeded, codes.Canceled:
		return err
	default:
		return nil
	}
}

// Close ends the connection and every stream on it.
func (c *Client) Close() error { return c.conn.Close() }

func (o Options) attempts() int {
	if o.Attempts == 0 {
		return DefaultAttempts
	}
	return max(o.Attempts, 1)
}

// Reason returns the stable reason of an error of a call, "" where it is nil
// or none of a call. Errors of the network have the reason that comes nearest.
func Reason(err error) reason.Reason {
	r, _ := reason.Of(err)
	return r
}

// Metadata says what an error is about, such as the amount missing; see the
// keys of the package reason.
func Metadata(err error) map[string]string {
	_, metadata := reason.Of(err)
	return metadata
}

// Message is the text of an error for people: err.Error without gRPC's own
// words around the text of the node.
func Message(err error) string {
	var carrier interface {
		error
		GRPCStatus() *status.Status
	}
	switch {
	case err == nil:
		return ""
	case errors.As(err, &carrier):
		return strings.Replace(err.Error(), carrier.Error(), carrier.GRPCStatus().Message(), 1)
	default:
		return err.Error()
	}
}
