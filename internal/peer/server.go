package peer

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	grpcpeer "google.golang.org/grpc/peer"

	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/internal/peer/wire"
)

const (
	maxHeaders   = 8 << 10
	stopPatience = 5 * time.Second
)

// Limits bound what the world can ask of a Server.
type Limits struct {
	Connections     int           // at a time
	ConnectionsEach int           // at a time, from one address
	CallEvery       time.Duration // from one address, on average
	CallBurst       int           // from one address, at once
	Sources         int           // addresses whose calls are counted
	Calls           int           // at work at a time
	CallTime        time.Duration // for one call, waiting included
	Handshake       time.Duration
	Idle            time.Duration // a connection without a call
	Message         int           // bytes of a message
}

// DefaultLimits are ample for a node with a thousand swaps an hour.
func DefaultLimits() Limits {
	return Limits{
		Connections: 256, ConnectionsEach: 8,
		CallEvery: time.Second, CallBurst: 10, Sources: 4096,
		Calls: 16, CallTime: 10 * time.Second, Handshake: 5 * time.Second, Idle: 30 * time.Second, Message: maxMessage,
	}
}

// Server answers other nodes.
type Server struct {
	grpc   *grpc.Server
	limits Limits
	rates  *rates
	slots  slots
	log    *slog.Logger
}

// NewServer makes a server that proves to be identity. More is what else is done
// with every call: traces.
func NewServer(identity crypto.Signer, parts wire.Services, limits Limits, log *slog.Logger, more ...grpc.ServerOption) (*Server, error) {
	config, err := serverTLS(identity)
	if err != nil {
		return nil, err
	}
	s := &Server{limits: limits, rates: newRates(limits, time.Now), slots: make(slots, limits.Calls), log: log}
	s.grpc = grpc.NewServer(append([]grpc.ServerOption{
		grpc.Creds(credentials.NewTLS(config)),
		grpc.MaxRecvMsgSize(limits.Message), grpc.MaxSendMsgSize(limits.Message),
		grpc.MaxHeaderListSize(maxHeaders), grpc.MaxConcurrentStreams(4),
		grpc.ConnectionTimeout(limits.Handshake),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: limits.Idle, MaxConnectionAge: 10 * limits.Idle, MaxConnectionAgeGrace: limits.CallTime,
			Time: limits.Idle, Timeout: limits.Handshake,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: limits.Idle}),
		grpc.UnaryInterceptor(s.guard),
	}, more...)...)
	wire.Register(s.grpc, parts)
	return s, nil
}

// Serve answers until ctx ends or the listener fails, and closes the listener.
// Calls at work get a little time to finish. It serves once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	done := make(chan error, 1)
	go func() { done <- s.grpc.Serve(newListener(l, s.limits)) }()
	select {
	case err := <-done:
		return fmt.Errorf("peer server: %w", err)
	case <-ctx.Done():
	}
	stopped := make(chan struct{})
	go func() { s.grpc.GracefulStop(); close(stopped) }()
	timer := time.NewTimer(stopPatience)
	defer timer.Stop()
	select {
	case <-stopped:
	case <-timer.C:
		s.grpc.Stop()
		<-stopped
	}
	if err := <-done; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("peer server: %w", err)
	}
	return nil
}

// guard applies the bounds to a call.
func (s *Server) guard(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	p, ok := grpcpeer.FromContext(ctx)
	if !ok {
		return nil, reason.Error(reason.Internal, "a call from nowhere", nil)
	}
	if !s.rates.allow(source(p.Addr)) {
		s.log.DebugContext(ctx, "peer calls too often", "address", p.Addr.String())
		return nil, reason.Error(reason.RateLimited, "too many calls from this address", nil)
	}
	ctx, cancel := context.WithTimeout(ctx, s.limits.CallTime)
	defer cancel()
	if !s.slots.take(ctx) {
		return nil, reason.Error(reason.RateLimited, "too many calls at work", nil)
	}
	defer s.slots.give()
	return handle(ctx, req)
}
