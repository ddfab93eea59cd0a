package peer_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/test/bufconn"

	peerv1 "github.com/kofo-network/kofo/api/gen/kofo/peer/v1"
	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/peer"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

// initiator gives one prepared answer.
type initiator struct {
	peerv1.UnimplementedPeerServiceServer
	answer *peerv1.AnswerResponse
	got    *peerv1.AnswerRequest
}

func (i *initiator) Answer(_ context.Context, r *peerv1.AnswerRequest) (*peerv1.AnswerResponse, error) {
	i.got = r
	return i.answer, nil
}

func serve(t *testing.T, service *initiator) (peer.Dialer, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	listener := bufconn.Listen(1 << 20)
	certificate := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&certificate)))
	peerv1.RegisterPeerServiceServer(server, service)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	dial := func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }
	return peer.Dialer{Dial: dial}, sdk.Fingerprint(der)
}

func TestAnswer(t *testing.T) {
	service := &initiator{answer: &peerv1.AnswerResponse{
		Version: peer.Version, Result: &peerv1.AnswerResponse_Countersignature{Countersignature: []byte("signed")},
	}}
	dialer, fingerprint := serve(t, service)
	got, err := dialer.Answer(t.Context(), "peer:1", fingerprint, [32]byte{7}, []byte("accepted"))
	if err != nil || string(got) != "signed" {
		t.Fatalf("%q, %v", got, err)
	}
	id := [32]byte{7}
	if service.got.GetVersion() != peer.Version || !bytes.Equal(service.got.GetOfferId(), id[:]) || string(service.got.GetAcceptance()) != "accepted" {
		t.Errorf("sent %v", service.got)
	}
}

func TestRefusals(t *testing.T) {
	refusal := func(r string) *peerv1.AnswerResponse {
		return &peerv1.AnswerResponse{Version: peer.Version, Result: &peerv1.AnswerResponse_Refusal{Refusal: &peerv1.Refusal{Reason: r, Text: "no"}}}
	}
	tests := map[string]struct {
		answer *peerv1.AnswerResponse
		want   reason.Reason
	}{
		"known":         {refusal("TICKET_USED"), reason.TicketUsed},
		"unknown":       {refusal("LATER"), reason.PeerRefused},
		"empty":         {&peerv1.AnswerResponse{Version: peer.Version}, reason.PeerRefused},
		"other version": {&peerv1.AnswerResponse{Version: 2}, reason.TicketVersion},
	}
	for name, test := range tests {
		dialer, fingerprint := serve(t, &initiator{answer: test.answer})
		_, err := dialer.Answer(t.Context(), "peer:1", fingerprint, [32]byte{}, []byte("accepted"))
		var refused *peer.Refusal
		if !errors.Is(err, peer.ErrRefused) || !errors.As(err, &refused) || refused.Reason != test.want {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
		if r, _ := reason.Of(err); r != test.want {
			t.Errorf("%s: reason.Of says %s", name, r)
		}
	}
}

func TestFailuresOnTheWay(t *testing.T) {
	dialer, fingerprint := serve(t, &initiator{})
	_, err := dialer.Answer(t.Context(), "peer:1", strings.Repeat("0", len(fingerprint)), [32]byte{}, nil)
	if r, _ := reason.Of(err); r != reason.NodeUnreachable || errors.Is(err, peer.ErrRefused) {
		t.Errorf("another certificate: %v", err)
	}
	_, err = dialer.Answer(t.Context(), "peer:1", "xyz", [32]byte{}, nil)
	if r, _ := reason.Of(err); r != reason.TicketAltered {
		t.Errorf("bad fingerprint: %v", err)
	}
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = nobody.Close()
	_, err = peer.Dialer{}.Answer(t.Context(), nobody.Addr().String(), fingerprint, [32]byte{}, nil)
	if r, _ := reason.Of(err); r != reason.NodeUnreachable {
		t.Errorf("nobody there: %v", err)
	}
}
