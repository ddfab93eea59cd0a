package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/kofo-network/kofo/internal/server/gateway"
	rest "github.com/kofo-network/kofo/internal/server/gateway/kofo/v1"
)

// rest translates REST to calls of this very server, over a pipe in memory, so
// that they pass the same interceptors. TLS has ended at the port.
func (s *Server) rest(ctx context.Context) (http.Handler, error) {
	conn, err := grpc.NewClient("passthrough:///memory",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return s.memory.dial(ctx) }),
		grpc.WithUnaryInterceptor(checkedUnary), grpc.WithStreamInterceptor(checkedFollow),
	)
	if err != nil {
		return nil, fmt.Errorf("rest: %w", err)
	}
	context.AfterFunc(ctx, func() {
		<-s.draining
		_ = conn.Close()
	})
	mux := newMux()
	for _, register := range []func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error{
		rest.RegisterSettlementServiceHandler, rest.RegisterWalletServiceHandler, rest.RegisterChainServiceHandler,
		rest.RegisterNodeServiceHandler, rest.RegisterTokenServiceHandler, rest.RegisterTowerServiceHandler,
	} {
		if err := register(ctx, mux, conn); err != nil {
			return nil, errors.Join(fmt.Errorf("rest: %w", err), conn.Close())
		}
	}
	root := http.NewServeMux()
	root.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(gateway.OpenAPI) // the reader may be gone
	})
	root.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, int64(s.o.Limits.MaxMessage))
		mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), askedKey{}, r)))
	})
	return root, nil
}

// memoryListener accepts connections from inside the process.
type memoryListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newMemoryListener() *memoryListener {
	return &memoryListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *memoryListener) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept waits for the next connection.
func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept. gRPC calls it once.
func (l *memoryListener) Close() error {
	close(l.closed)
	return nil
}

// Addr is for logs.
func (l *memoryListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "memory"} }
