package sdk_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

const swapID = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// node answers as little as the tests of the client need. Its watch streams
// numbered changes of one swap, which closes with the last of them.
type node struct {
	kofov1.UnimplementedSettlementServiceServer
	kofov1.UnimplementedTokenServiceServer

	mu       sync.Mutex
	seen     []string // request ids of Cancel, in order
	auth     []string
	cursors  []string // cursors of Watch, in order
	failures []error  // handed out before anything succeeds, calls and streams alike
	breaks   map[int]error
	last     int
	pages    int
	created  int
}

func (n *node) failure() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.failures) == 0 {
		return nil
	}
	err := n.failures[0]
	n.failures = n.failures[1:]
	return err
}

func (n *node) Cancel(ctx context.Context, r *kofov1.CancelRequest) (*kofov1.CancelResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	n.mu.Lock()
	n.seen = append(n.seen, r.GetRequestId())
	n.auth = append(n.auth, md.Get("authorization")...)
	n.mu.Unlock()
	if err := n.failure(); err != nil {
		return nil, err
	}
	return &kofov1.CancelResponse{Swap: &kofov1.Swap{Id: r.GetId(), Phase: kofov1.Phase_PHASE_CLOSED}}, nil
}

func (n *node) CreateToken(context.Context, *kofov1.CreateTokenRequest) (*kofov1.CreateTokenResponse, error) {
	n.mu.Lock()
	n.created++
	n.mu.Unlock()
	return nil, status.Error(codes.Unavailable, "lost")
}

func (n *node) List(_ context.Context, r *kofov1.ListRequest) (*kofov1.ListResponse, error) {
	page, _ := strconv.Atoi(r.GetPage().GetToken())
	answer := &kofov1.ListResponse{Swaps: []*kofov1.Swap{{Id: fmt.Sprint(2 * page)}, {Id: fmt.Sprint(2*page + 1)}}}
	if page+1 < n.pages {
		answer.NextPageToken = fmt.Sprint(page + 1)
	}
	return answer, nil
}

func (n *node) Watch(r *kofov1.WatchRequest, stream grpc.ServerStreamingServer[kofov1.WatchResponse]) error {
	n.mu.Lock()
	n.cursors = append(n.cursors, r.GetCursor())
	n.mu.Unlock()
	if err := n.failure(); err != nil {
		return err
	}
	at, _ := strconv.Atoi(r.GetCursor())
	if r.GetCursor() == "" {
		if !r.GetSkipSnapshot() {
			if err := stream.Send(&kofov1.WatchResponse{Kind: kofov1.WatchKind_WATCH_KIND_SNAPSHOT, Swap: &kofov1.Swap{Id: swapID}}); err != nil {
				return err
			}
		}
		if err := stream.Send(&kofov1.WatchResponse{Kind: kofov1.WatchKind_WATCH_KIND_SNAPSHOT_END, Cursor: "0"}); err != nil {
			return err
		}
	}
	for at++; at <= n.last; at++ {
		phase := kofov1.Phase_PHASE_FUNDED
		if at == n.last {
			phase = kofov1.Phase_PHASE_CLOSED
		}
		message := &kofov1.WatchResponse{
			Kind: kofov1.WatchKind_WATCH_KIND_CHANGE, Cursor: fmt.Sprint(at),
			Swap: &kofov1.Swap{Id: swapID, Phase: phase, Version: uint64(at)},
		}
		if err := stream.Send(message); err != nil {
			return err
		}
		n.mu.Lock()
		err := n.breaks[at]
		delete(n.breaks, at)
		n.mu.Unlock()
		if err != nil {
			return err
		}
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

// start serves the node on a pipe and returns how to dial it.
func start(t *testing.T, n *node) sdk.Options {
	t.Helper()
	certificate := newCertificate(t)
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&certificate)))
	kofov1.RegisterSettlementServiceServer(server, n)
	kofov1.RegisterTokenServiceServer(server, n)
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return sdk.Options{
		Target:      "node",
		Fingerprint: sdk.Fingerprint(certificate.Certificate[0]),
		Token:       sdk.NewToken(" canary\n"),
		Dialer:      func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) },
	}
}

func dial(t *testing.T, o sdk.Options) *sdk.Client {
	t.Helper()
	client, err := sdk.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func newCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"kofod"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func writePEM(t *testing.T, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "node.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var lost = status.Error(codes.Unavailable, "connection reset")

func refused(r reason.Reason) error { return reason.Error(r, "no", nil) }
