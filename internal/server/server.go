package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"buf.build/go/protovalidate"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store"
)

// drainTime is how long calls under way may take when the server ends.
const drainTime = 20 * time.Second

// Server serves the API.
type Server struct {
	o       Options
	gate    *gatekeeper
	rules   protovalidate.Validator
	flights flights
	quotes  *quoteCache
	fees    *feeBook
	causes  *causeBook
	grpc    *grpc.Server
	health  *health.Server
	memory  *memoryListener
	chains  map[htlc.ChainID]Chain
	assets  map[htlc.AssetID]Asset
	panics  atomic.Uint64
	// watchers holds a place for each Watch stream.
	watchers chan struct{}
	// draining is closed when the server ends.
	draining chan struct{}
	drained  sync.Once
}

// New returns a server that serves nothing yet.
func New(o Options) (*Server, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	rules, err := protovalidate.New()
	if err != nil {
		return nil, fmt.Errorf("server: rules of the protos: %w", err)
	}
	s := &Server{
		o: o, rules: rules, gate: newGatekeeper(o.Tokens, o.Now, o.Limits.Rate, o.Log),
		flights: flights{held: map[store.RequestKey]chan struct{}{}}, quotes: newQuoteCache(o.Now),
		fees: newFeeBook(o.Payments, o.Now), causes: newCauseBook(o.Swaps),
		chains: map[htlc.ChainID]Chain{}, assets: map[htlc.AssetID]Asset{}, memory: newMemoryListener(),
		watchers: make(chan struct{}, o.Limits.MaxWatchers), draining: make(chan struct{}), health: health.NewServer(),
	}
	for _, c := range o.Chains {
		s.chains[c.ID] = c
		for _, a := range c.Assets {
			s.assets[a.ID] = a
		}
	}
	s.grpc = grpc.NewServer(append([]grpc.ServerOption{
		grpc.MaxRecvMsgSize(o.Limits.MaxMessage),
		grpc.UnaryInterceptor(s.unary), grpc.StreamInterceptor(s.streaming),
	}, o.GRPC...)...)
	kofov1.RegisterSettlementServiceServer(s.grpc, settlement{s: s})
	kofov1.RegisterWalletServiceServer(s.grpc, walletService{s: s})
	kofov1.RegisterChainServiceServer(s.grpc, chainService{s: s})
	kofov1.RegisterNodeServiceServer(s.grpc, nodeService{s: s})
	kofov1.RegisterTokenServiceServer(s.grpc, tokenService{s: s})
	kofov1.RegisterTowerServiceServer(s.grpc, towerService{s: s})
	grpc_health_v1.RegisterHealthServer(s.grpc, s.health)
	reflection.Register(s.grpc)
	return s, nil
}

// Panics counts calls that panicked, for metrics.
func (s *Server) Panics() uint64 { return s.panics.Load() }

// Watching is the number of Watch streams, for metrics.
func (s *Server) Watching() int { return len(s.watchers) }

// Serve answers calls on the listener, over TLS, until ctx ends. It closes the
// listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	handler, err := s.handler(ctx)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	web := s.web(handler)
	listener = netutil.LimitListener(listener, s.o.Limits.MaxConns)
	s.o.Log.Info("api serves", "address", listener.Addr().String(), "certificate_sha256", s.o.Certificate.Fingerprint, "rest", s.o.REST)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return ended(s.grpc.Serve(s.memory)) })
	g.Go(func() error { return ended(web.ServeTLS(listener, "", "")) })
	g.Go(func() error { return s.o.Feed.run(ctx, s.o.Swaps, s.o.Log) })
	g.Go(func() error {
		<-ctx.Done()
		s.drain()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		err := web.Shutdown(end)
		s.grpc.Stop()
		return errors.Join(err, web.Close())
	})
	return g.Wait()
}

// ended takes the errors of a server that was stopped for none.
func ended(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, grpc.ErrServerStopped) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// drain refuses new calls and ends the streams.
func (s *Server) drain() {
	s.drained.Do(func() {
		close(s.draining)
		s.health.Shutdown()
	})
}

func (s *Server) isDraining() bool {
	select {
	case <-s.draining:
		return true
	default:
		return false
	}
}

func errShuttingDown() error {
	return refuse(reason.ShuttingDown, nil, "the node is shutting down")
}

// web is the HTTP server. gRPC runs inside it, so that both faces share one
// port; its own transport would not let REST in.
func (s *Server) web(handler http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	return &http.Server{
		Handler: handler, Protocols: protocols,
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 5 * time.Minute, MaxHeaderBytes: 16 << 10,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{s.o.Certificate.tls}},
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: s.o.Limits.MaxStreams,
			SendPingTimeout:      time.Minute, PingTimeout: 20 * time.Second,
			// A reader that takes nothing for so long has lost its stream.
			WriteByteTimeout: 30 * time.Second,
		},
		ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
	}
}

// handler sends gRPC to gRPC and everything else to REST.
func (s *Server) handler(ctx context.Context) (http.Handler, error) {
	rest := http.NotFoundHandler()
	if s.o.REST {
		var err error
		if rest, err = s.rest(ctx); err != nil {
			return nil, err
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			s.grpc.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	}), nil
}
