package sdk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/test/bufconn"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

func TestNewRequestID(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for range 1000 {
		id := sdk.NewRequestID()
		if !form.MatchString(id) || seen[id] {
			t.Fatalf("request id %q", id)
		}
		seen[id] = true
	}
}

func TestCallsAreRepeatedWithOneRequestID(t *testing.T) {
	n := &node{failures: []error{lost, lost}}
	client := dial(t, start(t, n))
	request := &sdk.CancelRequest{Id: swapID}
	if _, err := client.Settlement.Cancel(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	if len(n.seen) != 3 || n.seen[0] == "" || n.seen[0] != n.seen[1] || n.seen[1] != n.seen[2] {
		t.Errorf("request ids %q, want three times the same", n.seen)
	}
	if request.GetRequestId() != "" {
		t.Error("the caller's message was changed")
	}
	if _, err := client.Settlement.Cancel(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	if n.seen[3] == n.seen[0] {
		t.Error("a second call has the first one's request id")
	}
	for _, auth := range n.auth {
		if auth != "Bearer canary" {
			t.Errorf("authorization %q", auth)
		}
	}
}

func TestOwnRequestIDIsKept(t *testing.T) {
	n := &node{}
	client := dial(t, start(t, n))
	own := sdk.NewRequestID()
	if _, err := client.Settlement.Cancel(t.Context(), &sdk.CancelRequest{Id: swapID, RequestId: own}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(n.seen, []string{own}) {
		t.Errorf("request ids %q, want %q", n.seen, own)
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	n := &node{failures: []error{lost, lost, lost}}
	o := start(t, n)
	o.Attempts = 2
	client := dial(t, o)
	_, err := client.Settlement.Cancel(t.Context(), &sdk.CancelRequest{Id: swapID})
	if sdk.Reason(err) != reason.NodeUnreachable || len(n.seen) != 2 {
		t.Errorf("%v after %d attempts, want NODE_UNREACHABLE after 2", err, len(n.seen))
	}
}

func TestAnswersOfTheNodeAreNotRepeated(t *testing.T) {
	n := &node{failures: []error{refused(reason.NodeUnreachable)}}
	client := dial(t, start(t, n))
	_, err := client.Settlement.Cancel(t.Context(), &sdk.CancelRequest{Id: swapID})
	if sdk.Reason(err) != reason.NodeUnreachable || len(n.seen) != 1 {
		t.Errorf("%v after %d attempts, want one: the node itself said so", err, len(n.seen))
	}
}

func TestCreateTokenIsNotRepeated(t *testing.T) {
	n := &node{}
	client := dial(t, start(t, n))
	_, err := client.Tokens.CreateToken(t.Context(), &sdk.CreateTokenRequest{Name: "x", Scopes: []sdk.Scope{sdk.ScopeRead}})
	if err == nil || n.created != 1 {
		t.Errorf("%d calls, want one: the text can't be shown twice", n.created)
	}
}

func TestReasonAndMetadata(t *testing.T) {
	want := reason.Error(reason.RedeemFeeMissing, "no ether to redeem with", map[string]string{reason.KeyMissing: "21000"})
	client := dial(t, start(t, &node{failures: []error{want}}))
	_, err := client.Settlement.Cancel(t.Context(), &sdk.CancelRequest{Id: swapID})
	if sdk.Reason(err) != reason.RedeemFeeMissing || sdk.Metadata(err)[reason.KeyMissing] != "21000" || sdk.Message(err) != "no ether to redeem with" {
		t.Errorf("got %v, %v, %q", sdk.Reason(err), sdk.Metadata(err), sdk.Message(err))
	}
	wrapped := fmt.Errorf("cancel: %w", err)
	if sdk.Reason(wrapped) != reason.RedeemFeeMissing || sdk.Message(wrapped) != "cancel: no ether to redeem with" {
		t.Errorf("wrapped: %q, %q", sdk.Reason(wrapped), sdk.Message(wrapped))
	}
}

func TestAllSwapsReadsEveryPage(t *testing.T) {
	client := dial(t, start(t, &node{pages: 3}))
	var ids []string
	for swap, err := range client.AllSwaps(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, swap.GetId())
	}
	if got := strings.Join(ids, ""); got != "012345" {
		t.Errorf("read %s", got)
	}
}

func TestDialProvesTheCertificate(t *testing.T) {
	certificate := newCertificate(t)
	other := newCertificate(t)
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&certificate)))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	base := sdk.Options{
		Target: "node", ServerName: "kofod",
		Dialer: func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) },
	}
	tests := []struct {
		name        string
		ca, print   string
		server      string
		want        reason.Reason
		wantMessage string
	}{
		{name: "own certificate as authority", ca: writePEM(t, certificate.Certificate[0]), server: "kofod"},
		{name: "fingerprint", print: sdk.Fingerprint(certificate.Certificate[0])},
		{name: "fingerprint with colons", print: colons(sdk.Fingerprint(certificate.Certificate[0]))},
		{name: "another name", ca: writePEM(t, certificate.Certificate[0]), server: "elsewhere", want: reason.NodeUnreachable},
		{name: "another authority", ca: writePEM(t, other.Certificate[0]), server: "kofod", want: reason.NodeUnreachable},
		{name: "another fingerprint", print: sdk.Fingerprint(other.Certificate[0]), want: reason.NodeUnreachable, wantMessage: "the certificate is not the expected one"},
		{name: "system authorities", server: "kofod", want: reason.NodeUnreachable},
		{name: "no fingerprint", print: "abc", want: reason.BadConfig},
		{name: "no file", ca: "/nowhere/node.pem", want: reason.BadConfig},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := base
			o.CAFile, o.Fingerprint, o.ServerName = test.ca, test.print, test.server
			client, err := sdk.Dial(t.Context(), o)
			if err == nil {
				_ = client.Close()
			}
			if got := sdk.Reason(err); got != test.want || !strings.Contains(sdk.Message(err), test.wantMessage) {
				t.Errorf("got %q, want %q: %v", got, test.want, err)
			}
		})
	}
}

func TestDialNobody(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	_, err = sdk.Dial(t.Context(), sdk.Options{Target: address, Attempts: 1})
	if sdk.Reason(err) != reason.NodeUnreachable || !strings.Contains(sdk.Message(err), address) {
		t.Errorf("got %v", err)
	}
}

func TestTokenPrintsRedacted(t *testing.T) {
	token := sdk.NewToken("canary")
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "token", token, "options", sdk.Options{Token: token})
	encoded, err := json.Marshal(map[string]any{"token": token})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(encoded)
	fmt.Fprintf(&out, "%v %+v %#v %s %q %x %v", token, token, token, token, token, token, sdk.Options{Token: token})
	if s := out.String(); strings.Contains(s, "canary") || strings.Contains(s, "63616e617279") {
		t.Errorf("the token shows: %s", s)
	}
}

func colons(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(strings.ToUpper(s[i : i+2]))
	}
	return b.String()
}
