package server_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kofo-network/kofo/adapters"
	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/server"
	"github.com/kofo-network/kofo/internal/server/servertest"
	"github.com/kofo-network/kofo/monitor/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func dial(t *testing.T, n *servertest.Node, token string) *sdk.Client {
	t.Helper()
	if token == "" {
		var err error
		if token, err = n.Token(); err != nil {
			t.Fatal(err)
		}
	}
	c, err := sdk.Dial(t.Context(), sdk.Options{Target: n.Addr, CAFile: n.CertFile, Token: sdk.NewToken(token)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func wantReason(t *testing.T, err error, want reason.Reason) {
	t.Helper()
	if got := sdk.Reason(err); got != want || !reason.Carried(err) {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
}

func btc(n string) *kofov1.AssetAmount {
	return &kofov1.AssetAmount{Asset: string(servertest.BTC), Amount: n}
}

func eth(n string) *kofov1.AssetAmount {
	return &kofov1.AssetAmount{Asset: string(servertest.ETH), Amount: n}
}

const oneETH = "1000000000000000000"

func offer(t *testing.T, c *sdk.Client) *kofov1.OfferResponse {
	t.Helper()
	o, err := c.Settlement.Offer(t.Context(), &kofov1.OfferRequest{Send: btc("5000000"), Receive: eth(oneETH)})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// agreed makes a swap between two nodes by hand and returns its id.
func agreed(t *testing.T, a, b *sdk.Client) string {
	t.Helper()
	o := offer(t, a)
	accepted, err := b.Settlement.Accept(t.Context(), &kofov1.AcceptRequest{Ticket: o.GetTicket(), ByHand: true})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := a.Settlement.Countersign(t.Context(), &kofov1.CountersignRequest{Acceptance: accepted.GetAcceptance()})
	if err != nil {
		t.Fatal(err)
	}
	done, err := b.Settlement.Complete(t.Context(), &kofov1.CompleteRequest{Countersignature: signed.GetCountersignature()})
	if err != nil {
		t.Fatal(err)
	}
	if done.GetSwapId() != signed.GetSwapId() || done.GetSwap().GetPhase() != kofov1.Phase_PHASE_AGREED {
		t.Fatalf("%v and %v", done, signed)
	}
	return done.GetSwapId()
}

func TestQuoteOfferAcceptByHand(t *testing.T) {
	one, two := servertest.Start(t, servertest.Options{}), servertest.Start(t, servertest.Options{Who: 2})
	a, b := dial(t, one, ""), dial(t, two, "")
	q, err := a.Settlement.Quote(t.Context(), &kofov1.QuoteRequest{Send: btc("5000000"), Receive: eth(oneETH)})
	if err != nil {
		t.Fatal(err)
	}
	legs := q.GetQuote().GetLegs()
	if len(legs) != 2 || legs[0].GetMinAmount() != "110000" || legs[0].GetTimeLock() == nil || len(q.GetQuote().GetWorstCaseLoss()) != 1 {
		t.Errorf("quote: %v", q)
	}
	o := offer(t, a)
	if o.GetSwap().GetPhase() != kofov1.Phase_PHASE_OFFERED || o.GetQuote() == nil || !strings.HasPrefix(o.GetTicket(), "kofo") {
		t.Errorf("offer: %v", o)
	}
	in, err := b.Settlement.Inspect(t.Context(), &kofov1.InspectRequest{Ticket: o.GetTicket()})
	if err != nil || len(in.GetRefusals()) != 0 || in.GetOfferId() != o.GetOfferId() || in.GetQuote().GetRole() != kofov1.Role_ROLE_PARTICIPANT {
		t.Errorf("inspect: %v %v", in, err)
	}
	own, err := a.Settlement.Inspect(t.Context(), &kofov1.InspectRequest{Ticket: o.GetTicket()})
	if err != nil || len(own.GetRefusals()) != 1 || own.GetRefusals()[0].GetReason() != "TICKET_OWN" {
		t.Errorf("inspect of the own ticket: %v %v", own, err)
	}
	id := agreed(t, a, b)
	for _, c := range []*sdk.Client{a, b} {
		got, err := c.Settlement.Get(t.Context(), &kofov1.GetRequest{Id: id})
		if err != nil || got.GetSwap().GetId() != id || len(got.GetDocuments().GetSignatures()) != 2 || len(got.GetDocuments().GetTerms()) == 0 {
			t.Fatalf("%v %v", got, err)
		}
		byOffer, err := c.Settlement.Get(t.Context(), &kofov1.GetRequest{Id: got.GetSwap().GetOfferId()})
		if err != nil || byOffer.GetSwap().GetId() != id {
			t.Errorf("by the offer's id: %v %v", byOffer, err)
		}
	}
}

// deliver goes to the other node where the ticket names it; here nobody can be
// reached, so the answer is handed over, and repeating tries again.
func TestUndeliveredAcceptanceIsTriedAgain(t *testing.T) {
	one, two := servertest.Start(t, servertest.Options{}), servertest.Start(t, servertest.Options{Who: 2})
	a, b := dial(t, one, ""), dial(t, two, "")
	o := offer(t, a)
	req := &kofov1.AcceptRequest{RequestId: sdk.NewRequestID(), Ticket: o.GetTicket()}
	for range 2 {
		got, err := b.Settlement.Accept(t.Context(), req)
		if err != nil || got.GetUndelivered().GetReason() != "NODE_UNREACHABLE" || got.GetAcceptance() == "" {
			t.Errorf("%v %v", got, err)
		}
	}
}

func TestRequestIDs(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	c := dial(t, n, "")
	req := &kofov1.OfferRequest{RequestId: sdk.NewRequestID(), Send: btc("5000000"), Receive: eth(oneETH)}
	first, err := c.Settlement.Offer(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Settlement.Offer(t.Context(), req)
	if err != nil || again.GetTicket() != first.GetTicket() || again.GetQuote().GetCutOff().AsTime() != first.GetQuote().GetCutOff().AsTime() {
		t.Errorf("repeated: %v %v", again, err)
	}
	req.Send = btc("6000000")
	_, err = c.Settlement.Offer(t.Context(), req)
	wantReason(t, err, reason.RequestIDReused)

	// A refused call may be corrected under its id.
	small := &kofov1.OfferRequest{RequestId: sdk.NewRequestID(), Send: btc("5"), Receive: eth(oneETH)}
	_, err = c.Settlement.Offer(t.Context(), small)
	wantReason(t, err, reason.AmountTooSmall)
	if sdk.Metadata(err)["min"] != "110000" {
		t.Errorf("metadata %v", sdk.Metadata(err))
	}
	small.Send = btc("500000")
	if _, err := c.Settlement.Offer(t.Context(), small); err != nil {
		t.Error(err)
	}

	// A token's text is shown once.
	make := &kofov1.CreateTokenRequest{RequestId: sdk.NewRequestID(), Name: "x", Scopes: []kofov1.Scope{kofov1.Scope_SCOPE_READ}}
	made, err := c.Tokens.CreateToken(t.Context(), make)
	if err != nil || made.GetText() == "" {
		t.Fatal(made, err)
	}
	repeated, err := c.Tokens.CreateToken(t.Context(), make)
	if err != nil || repeated.GetText() != "" || repeated.GetToken().GetId() != made.GetToken().GetId() {
		t.Errorf("%v %v", repeated, err)
	}
	list, err := c.Tokens.ListTokens(t.Context(), &kofov1.ListTokensRequest{})
	if err != nil || len(list.GetTokens()) != 2 {
		t.Errorf("%v %v", list, err)
	}
}

// Many calls at the same time with one id are executed once.
func TestOneRequestIDAtTheSameTime(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	c := dial(t, n, "")
	req := &kofov1.WithdrawRequest{RequestId: sdk.NewRequestID(), Amount: btc("1000"), To: "bcrt1q"}
	results := make(chan string, 8)
	for range 8 {
		go func() {
			got, err := c.Wallet.Withdraw(t.Context(), req)
			results <- fmt.Sprint(got.GetTxid(), err)
		}()
	}
	first := <-results
	for range 7 {
		if other := <-results; other != first {
			t.Errorf("%s and %s", first, other)
		}
	}
	txs, err := c.Wallet.Transactions(t.Context(), &kofov1.TransactionsRequest{})
	if err != nil || len(txs.GetTransactions()) != 1 {
		t.Errorf("%v %v", txs, err)
	}
}

// Every method is refused without a token, with one that lacks its scope, and
// let through with one that has it.
func TestScopes(t *testing.T) {
	n := servertest.Start(t, servertest.Options{Limits: server.Limits{Rate: 1000}})
	owner := dial(t, n, "")
	needs := map[string]kofov1.Scope{
		"Quote": kofov1.Scope_SCOPE_QUOTE, "Inspect": kofov1.Scope_SCOPE_QUOTE, "Offer": kofov1.Scope_SCOPE_TRADE,
		"Accept": kofov1.Scope_SCOPE_TRADE, "Countersign": kofov1.Scope_SCOPE_TRADE, "Complete": kofov1.Scope_SCOPE_TRADE,
		"Cancel": kofov1.Scope_SCOPE_TRADE, "Refund": kofov1.Scope_SCOPE_REFUND, "Withdraw": kofov1.Scope_SCOPE_WITHDRAW,
		"Split":    kofov1.Scope_SCOPE_WITHDRAW,
		"Shutdown": kofov1.Scope_SCOPE_ADMIN, "CreateToken": kofov1.Scope_SCOPE_ADMIN, "ListTokens": kofov1.Scope_SCOPE_ADMIN,
		"RevokeToken": kofov1.Scope_SCOPE_ADMIN, "Resume": kofov1.Scope_SCOPE_ADMIN, "AddPayout": kofov1.Scope_SCOPE_ADMIN, "RemovePayout": kofov1.Scope_SCOPE_ADMIN,
		"RaiseBudget": kofov1.Scope_SCOPE_REFUND,
	}
	also := map[string]kofov1.Scope{"RaiseBudget": kofov1.Scope_SCOPE_TRADE}
	tokens := map[kofov1.Scope]string{}
	for scope := kofov1.Scope_SCOPE_READ; scope <= kofov1.Scope_SCOPE_ADMIN; scope++ {
		made, err := owner.Tokens.CreateToken(t.Context(), &kofov1.CreateTokenRequest{Name: scope.String(), Scopes: []kofov1.Scope{scope}})
		if err != nil {
			t.Fatal(err)
		}
		tokens[scope] = made.GetText()
	}
	conns := map[kofov1.Scope]*grpc.ClientConn{0: rawConn(t, n, "")}
	for scope, text := range tokens {
		conns[scope] = rawConn(t, n, text)
	}
	for _, d := range []grpc.ServiceDesc{
		kofov1.SettlementService_ServiceDesc, kofov1.WalletService_ServiceDesc, kofov1.ChainService_ServiceDesc,
		kofov1.NodeService_ServiceDesc, kofov1.TokenService_ServiceDesc, kofov1.TowerService_ServiceDesc,
	} {
		for _, m := range d.Methods {
			need, ok := needs[m.MethodName]
			if !ok {
				need = kofov1.Scope_SCOPE_READ
			}
			for scope, conn := range conns {
				// An empty request: refused by a rule at the latest, except where a
				// call has no fields.
				err := conn.Invoke(t.Context(), "/"+d.ServiceName+"/"+m.MethodName, &kofov1.InfoRequest{}, &kofov1.InfoResponse{})
				got, _ := reason.Of(err)
				allowed := scope == need || scope != 0 && scope == also[m.MethodName] || scope == kofov1.Scope_SCOPE_ADMIN && need != kofov1.Scope_SCOPE_WITHDRAW
				switch {
				case scope == 0 && got != reason.Unauthenticated:
					t.Errorf("%s without a token: %v", m.MethodName, err)
				case scope != 0 && !allowed && got != reason.PermissionDenied:
					t.Errorf("%s with %s: %v", m.MethodName, scope, err)
				case allowed && (got == reason.PermissionDenied || got == reason.Unauthenticated):
					t.Errorf("%s with %s: %v", m.MethodName, scope, err)
				}
			}
		}
	}
}

type perCall string

func (p perCall) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if p == "" {
		return nil, nil
	}
	return map[string]string{"authorization": "Bearer " + string(p)}, nil
}
func (perCall) RequireTransportSecurity() bool { return true }

func rawConn(t *testing.T, n *servertest.Node, token string) *grpc.ClientConn {
	t.Helper()
	creds, err := credentials.NewClientTLSFromFile(n.CertFile, "")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(n.Addr, grpc.WithTransportCredentials(creds), grpc.WithPerRPCCredentials(perCall(token)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestTokensEndByTimeAndRevocation(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	owner := dial(t, n, "")
	read := []kofov1.Scope{kofov1.Scope_SCOPE_READ}
	made, err := owner.Tokens.CreateToken(t.Context(), &kofov1.CreateTokenRequest{Name: "reader", Scopes: read})
	if err != nil {
		t.Fatal(err)
	}
	reader := dial(t, n, made.GetText())
	stream, err := reader.Settlement.Watch(t.Context(), &kofov1.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if first, err := stream.Recv(); err != nil || first.GetKind() != kofov1.WatchKind_WATCH_KIND_SNAPSHOT_END {
		t.Fatal(first, err)
	}
	if _, err := owner.Tokens.RevokeToken(t.Context(), &kofov1.RevokeTokenRequest{Id: made.GetToken().GetId()}); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv() // ends although nothing else happens
	wantReason(t, err, reason.Unauthenticated)
	_, err = reader.Node.Info(t.Context(), &kofov1.InfoRequest{})
	wantReason(t, err, reason.Unauthenticated)
	_, err = owner.Tokens.RevokeToken(t.Context(), &kofov1.RevokeTokenRequest{Id: "nobody"})
	wantReason(t, err, reason.TokenNotFound)

	// The end is that of the stream too.
	short, err := owner.Tokens.CreateToken(t.Context(), &kofov1.CreateTokenRequest{
		Name: "short", Scopes: read, ExpiresAt: timestamppb.New(time.Now().Add(700 * time.Millisecond)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ending := dial(t, n, short.GetText())
	stream, err = ending.Settlement.Watch(t.Context(), &kofov1.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = stream.Recv()
	}
	wantReason(t, err, reason.Unauthenticated)
}

func TestCapsAndPayouts(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	owner := dial(t, n, "")
	allowed := "eip155:1337:0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
	made, err := owner.Tokens.CreateToken(t.Context(), &kofov1.CreateTokenRequest{
		Name: "desk", Scopes: []kofov1.Scope{kofov1.Scope_SCOPE_TRADE, kofov1.Scope_SCOPE_WITHDRAW},
		Caps: []*kofov1.Cap{{PerCall: eth("1000")}}, Payouts: []string{allowed},
	})
	if err != nil {
		t.Fatal(err)
	}
	desk := dial(t, n, made.GetText())
	_, err = desk.Settlement.Offer(t.Context(), &kofov1.OfferRequest{Send: btc("5000000"), Receive: eth("900")})
	wantReason(t, err, reason.CapExceeded)
	// What is paid to the node needs no cap.
	_, err = desk.Settlement.Offer(t.Context(), &kofov1.OfferRequest{Send: eth("900"), Receive: btc("5000000")})
	wantReason(t, err, reason.AmountTooSmall)
	_, err = desk.Wallet.Withdraw(t.Context(), &kofov1.WithdrawRequest{Amount: eth("1001"), To: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"})
	wantReason(t, err, reason.CapExceeded)
	_, err = desk.Wallet.Withdraw(t.Context(), &kofov1.WithdrawRequest{Amount: eth("1"), To: "0x00000000000000000000000000000000000000AA"})
	wantReason(t, err, reason.PayoutNotAllowed)
	if _, err = desk.Wallet.Withdraw(t.Context(), &kofov1.WithdrawRequest{Amount: eth("1000"), To: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"}); err != nil {
		t.Error(err)
	}
}

// An admin token with bounds gives none without them.
func TestTokensGiveNoMoreThanTheyHave(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	owner := dial(t, n, "")
	payout := "eip155:1337:0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
	made, err := owner.Tokens.CreateToken(t.Context(), &kofov1.CreateTokenRequest{
		Name: "bounded", Scopes: []kofov1.Scope{kofov1.Scope_SCOPE_ADMIN}, Caps: []*kofov1.Cap{{PerCall: eth("1000")}},
		Payouts: []string{payout}, ExpiresAt: timestamppb.New(time.Now().Add(time.Hour)),
	})
	if err != nil {
		t.Fatal(err)
	}
	bounded := dial(t, n, made.GetText())
	read, withdraw := kofov1.Scope_SCOPE_READ, kofov1.Scope_SCOPE_WITHDRAW
	soon := timestamppb.New(time.Now().Add(time.Minute))
	good := []*kofov1.Cap{{PerCall: eth("10")}}
	for _, c := range []struct {
		req  *kofov1.CreateTokenRequest
		want reason.Reason
	}{
		{&kofov1.CreateTokenRequest{Scopes: []kofov1.Scope{withdraw}, Caps: good, Payouts: []string{payout}, ExpiresAt: soon}, reason.PermissionDenied},
		{&kofov1.CreateTokenRequest{Scopes: []kofov1.Scope{read}, Payouts: []string{payout}, ExpiresAt: soon}, reason.CapExceeded},
		{&kofov1.CreateTokenRequest{Scopes: []kofov1.Scope{read}, Caps: []*kofov1.Cap{{PerCall: eth("1001")}}, Payouts: []string{payout}, ExpiresAt: soon}, reason.CapExceeded},
		{&kofov1.CreateTokenRequest{Scopes: []kofov1.Scope{read}, Caps: []*kofov1.Cap{{PerCall: btc("1")}}, Payouts: []string{payout}, ExpiresAt: soon}, reason.CapExceeded},
		{&kofov1.CreateTokenRequest{Scopes: []kofov1.Scope{read}, Caps: good, ExpiresAt: soon}, reason.PayoutNotAllowed},
		{&kofov1.CreateTokenRequest{Scopes: []kofov1.Scope{read}, Caps: good, Payouts: []string{payout, payout + "0"}, ExpiresAt: soon}, reason.PayoutNotAllowed},
		{&kofov1.CreateTokenRequest{Scopes: []kofov1.Scope{read}, Caps: good, Payouts: []string{payout}}, reason.PermissionDenied},
		{&kofov1.CreateTokenRequest{Scopes: []kofov1.Scope{read}, Caps: good, Payouts: []string{payout}, ExpiresAt: soon}, ""},
	} {
		c.req.Name = "x"
		_, err := bounded.Tokens.CreateToken(t.Context(), c.req)
		if got := sdk.Reason(err); got != c.want {
			t.Errorf("%v: %v, want %q", c.req, err, c.want)
		}
	}
}

func TestRulesOfTheProtosNameTheField(t *testing.T) {
	c := dial(t, servertest.Start(t, servertest.Options{}), "")
	_, err := c.Settlement.Get(t.Context(), &kofov1.GetRequest{Id: "xyz"})
	wantReason(t, err, reason.InvalidArgument)
	if sdk.Metadata(err)["field"] != "id" {
		t.Errorf("%v", sdk.Metadata(err))
	}
	_, err = c.Settlement.Quote(t.Context(), &kofov1.QuoteRequest{Send: &kofov1.AssetAmount{Asset: string(servertest.BTC), Amount: "1.5"}, Receive: eth("1")})
	if sdk.Metadata(err)["field"] != "send.amount" {
		t.Errorf("%v %v", err, sdk.Metadata(err))
	}
	stream, err := c.Settlement.Watch(t.Context(), &kofov1.WatchRequest{Ids: []string{"x"}})
	if err == nil {
		_, err = stream.Recv()
	}
	wantReason(t, err, reason.InvalidArgument)
}

func TestErrorsOfThePorts(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	c := dial(t, n, "")
	nobody := strings.Repeat("ab", 32)
	_, err := c.Settlement.Get(t.Context(), &kofov1.GetRequest{Id: nobody})
	wantReason(t, err, reason.SwapNotFound)
	_, err = c.Settlement.Cancel(t.Context(), &kofov1.CancelRequest{Id: nobody})
	wantReason(t, err, reason.SwapNotFound)
	_, err = c.Settlement.Quote(t.Context(), &kofov1.QuoteRequest{Send: &kofov1.AssetAmount{Asset: "eip155:1/slip44:60", Amount: "1"}, Receive: btc("1")})
	wantReason(t, err, reason.MainnetRefused)
	_, err = c.Settlement.Offer(t.Context(), &kofov1.OfferRequest{Send: btc("300000000"), Receive: eth(oneETH)})
	wantReason(t, err, reason.InsufficientFunds)
	_, err = c.Settlement.Inspect(t.Context(), &kofov1.InspectRequest{Ticket: "kofo1nonsense"})
	wantReason(t, err, reason.TicketAltered)
	_, err = c.Settlement.List(t.Context(), &kofov1.ListRequest{Page: &kofov1.Page{Token: "nonsense"}})
	wantReason(t, err, reason.InvalidArgument)
	_, err = c.Wallet.Addresses(t.Context(), &kofov1.AddressesRequest{Chain: "eip155:5"})
	wantReason(t, err, reason.ForeignChain)
	_, err = c.Wallet.Withdraw(t.Context(), &kofov1.WithdrawRequest{Amount: &kofov1.AssetAmount{Asset: "eip155:1337/erc20:0xaa", Amount: "1"}, To: "x"})
	wantReason(t, err, reason.UnknownAsset)
	_, err = c.Wallet.Withdraw(t.Context(), &kofov1.WithdrawRequest{Amount: btc("1"), To: "x", MaxFee: "5"})
	wantReason(t, err, reason.FeeOverBudget)
	n.SetDown(servertest.Ethereum, true)
	chains, err := c.Chains.ListChains(t.Context(), &kofov1.ListChainsRequest{})
	if err != nil || chains.GetChains()[1].GetReachable() || chains.GetChains()[1].GetProblemReason() != "NODE_UNREACHABLE" || !chains.GetChains()[0].GetSynced() {
		t.Errorf("%v %v", chains, err)
	}
}

// failing lets Cancel panic and Offer fail with something unexpected.
type failing struct{ server.Agreer }

func (failing) Cancel(context.Context, [32]byte) (agreement.Record, error) { panic("canary-panic") }

func (failing) Countersign(context.Context, string) (agreement.Record, error) {
	return agreement.Record{}, errors.New("canary-internal")
}

func TestPanicsAndUnknownErrorsTellNothing(t *testing.T) {
	n := servertest.Start(t, servertest.Options{Agreer: func(a server.Agreer) server.Agreer { return failing{a} }})
	c := dial(t, n, "")
	_, err := c.Settlement.Cancel(t.Context(), &kofov1.CancelRequest{Id: strings.Repeat("ab", 32)})
	wantReason(t, err, reason.Internal)
	if strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
	if fatal := <-n.Fatal; !strings.Contains(fatal.Error(), "canary-panic") {
		t.Error(fatal)
	}
	_, err = c.Settlement.Countersign(t.Context(), &kofov1.CountersignRequest{Acceptance: "x"})
	wantReason(t, err, reason.Internal)
	if strings.Contains(err.Error(), "canary") || n.Server.Panics() != 1 {
		t.Error(err, n.Server.Panics())
	}
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	log := n.Log.String()
	token, _ := n.Token()
	if !strings.Contains(log, "canary-internal") || !strings.Contains(log, "canary-panic") || strings.Contains(log, token) {
		t.Errorf("log: %s", log)
	}
}

// fund drives the swap of both nodes to the reveal by what their chains show.
func fund(t *testing.T, id string, nodes ...*servertest.Node) {
	t.Helper()
	for _, n := range nodes {
		s, err := n.Swap(id)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Happen(id, htlc.FundingPrepared{TxID: fmt.Sprintf("fund-%d", s.Out())}); err != nil {
			t.Fatal(err)
		}
		for leg, height := range []uint64{1001, 5001} {
			block := htlc.BlockID{Height: height, Hash: [32]byte{byte(leg + 1)}}
			for _, e := range []htlc.Event{
				htlc.LegSeen{Leg: leg, TxID: fmt.Sprintf("fund-%d", leg)},
				htlc.LegFunded{Leg: leg, TxID: fmt.Sprintf("fund-%d", leg), Ref: "ref", Block: block},
				htlc.TipAdvanced{Leg: leg, Height: height + 1, Clock: s.Terms.AcceptBy},
			} {
				if err := n.Happen(id, e); err != nil {
					t.Fatalf("leg %d %s: %v", leg, e.Kind(), err)
				}
			}
		}
	}
}

func TestASwapsCourse(t *testing.T) {
	one, two := servertest.Start(t, servertest.Options{}), servertest.Start(t, servertest.Options{Who: 2})
	a, b := dial(t, one, ""), dial(t, two, "")
	id := agreed(t, a, b)
	fund(t, id, one, two)
	got, err := b.Settlement.Get(t.Context(), &kofov1.GetRequest{Id: id})
	if err != nil {
		t.Fatal(err)
	}
	swap := got.GetSwap()
	if swap.GetPhase() != kofov1.Phase_PHASE_FUNDED || swap.GetNextAction().GetKind() != kofov1.ActionKind_ACTION_KIND_WAIT_REDEEM ||
		swap.GetOtherwise().GetKind() != kofov1.ActionKind_ACTION_KIND_REFUND || swap.GetRisk().GetAtRisk() || len(swap.GetRisk().GetLocked()) != 1 {
		t.Errorf("participant: %v", swap)
	}
	balances, err := b.Wallet.Balances(t.Context(), &kofov1.BalancesRequest{Chain: string(servertest.Ethereum)})
	if err != nil || balances.GetBalances()[0].GetLocked() != oneETH || balances.GetBalances()[0].GetSymbol() != "ETH" {
		t.Errorf("%v %v", balances, err)
	}

	// The participant cannot cancel any more, and not refund yet.
	_, err = b.Settlement.Cancel(t.Context(), &kofov1.CancelRequest{Id: id})
	wantReason(t, err, reason.NotCancellable)
	_, err = b.Settlement.Refund(t.Context(), &kofov1.RefundRequest{Id: id})
	wantReason(t, err, reason.RefundNotOpen)

	s, err := two.Swap(id)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := two.SecretOf(id)
	if err != nil {
		t.Fatal(err)
	}
	two.Journal(engine.JournalTx{Tx: txOf(servertest.Ethereum, "fund-1", 98_000), Swap: s.ID, Leg: 1, Purpose: htlc.PurposeFund})
	two.Journal(engine.JournalTx{Tx: txOf(servertest.Bitcoin, "redeem-0-old", 300), Swap: s.ID, Leg: 0, Purpose: htlc.PurposeRedeem})
	two.Journal(engine.JournalTx{Tx: txOf(servertest.Bitcoin, "redeem-0", 2845), Swap: s.ID, Leg: 0, Purpose: htlc.PurposeRedeem, Attempt: 1})
	for _, e := range []htlc.Event{
		htlc.LegRedeemed{Leg: 1, TxID: "redeem-1", Secret: secret, Block: htlc.BlockID{Height: 5010, Hash: [32]byte{9}}},
		htlc.LegRedeemed{Leg: 0, TxID: "redeem-0", Secret: secret, Block: htlc.BlockID{Height: 1010, Hash: [32]byte{8}}},
		htlc.TipAdvanced{Leg: 1, Height: 5011, Clock: s.Terms.AcceptBy + 1},
		htlc.TipAdvanced{Leg: 0, Height: 1011, Clock: s.Terms.AcceptBy + 1},
	} {
		if err := two.Happen(id, e); err != nil {
			t.Fatal(err)
		}
	}
	got, err = b.Settlement.Get(t.Context(), &kofov1.GetRequest{Id: id})
	if err != nil {
		t.Fatal(err)
	}
	swap = got.GetSwap()
	if swap.GetOutcome() != kofov1.Outcome_OUTCOME_SWAPPED || swap.GetOutcomeCause() == "" || swap.GetClosedAt() == nil {
		t.Errorf("end: %v", swap)
	}
	if len(swap.GetFeesPaid()) != 2 || len(swap.GetFeesTotal()) != 2 || swap.GetFeesTotal()[1].GetAmount() != "2845" {
		t.Errorf("fees: %v %v", swap.GetFeesPaid(), swap.GetFeesTotal())
	}
	_, err = b.Settlement.Refund(t.Context(), &kofov1.RefundRequest{Id: id})
	wantReason(t, err, reason.NothingToRefund)

	checkHistory(t, b, id, secret)
}

// checkHistory: it tells everything but the secret.
func checkHistory(t *testing.T, b *sdk.Client, id string, secret htlc.Secret) {
	t.Helper()
	history, err := b.Settlement.History(t.Context(), &kofov1.HistoryRequest{Id: id, Page: &kofov1.Page{Size: 3}})
	if err != nil || len(history.GetEntries()) != 3 || history.GetNextPageToken() == "" {
		t.Fatal(history, err)
	}
	n := 0
	for e, err := range b.AllHistory(t.Context(), id) {
		if n++; err != nil || e.GetSequence() != uint64(n) || e.GetText() == "" || strings.Contains(e.String(), secret.Hash().String()) {
			t.Errorf("entry %d: %v %v", n, e, err)
		}
	}
	if n != 12 {
		t.Errorf("%d entries", n)
	}
}

func TestListPagesAndPhases(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	c := dial(t, n, "")
	var ids []string
	for range 5 {
		ids = append(ids, offer(t, c).GetOfferId())
	}
	if _, err := c.Settlement.Cancel(t.Context(), &kofov1.CancelRequest{Id: ids[2]}); err != nil {
		t.Fatal(err)
	}
	var seen []string
	page := &kofov1.Page{Size: 2}
	for {
		got, err := c.Settlement.List(t.Context(), &kofov1.ListRequest{Page: page, Phases: []kofov1.Phase{kofov1.Phase_PHASE_OFFERED}})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range got.GetSwaps() {
			seen = append(seen, s.GetOfferId())
		}
		if got.GetNextPageToken() == "" {
			break
		}
		page = &kofov1.Page{Size: 2, Token: got.GetNextPageToken()}
	}
	if want := []string{ids[4], ids[3], ids[1], ids[0]}; !slices.Equal(seen, want) {
		t.Errorf("%v, want %v", seen, want)
	}
	closed, err := c.Settlement.List(t.Context(), &kofov1.ListRequest{Phases: []kofov1.Phase{kofov1.Phase_PHASE_CLOSED}})
	if err != nil || len(closed.GetSwaps()) != 1 || closed.GetSwaps()[0].GetOutcome() != kofov1.Outcome_OUTCOME_CANCELLED {
		t.Errorf("%v %v", closed, err)
	}
}

func TestWatchSnapshotChangesAndResume(t *testing.T) {
	one, two := servertest.Start(t, servertest.Options{}), servertest.Start(t, servertest.Options{Who: 2})
	a, b := dial(t, one, ""), dial(t, two, "")
	id := agreed(t, a, b)
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := a.Settlement.Watch(ctx, &kofov1.WatchRequest{Ids: []string{id}})
	if err != nil {
		t.Fatal(err)
	}
	recv := func() *kofov1.WatchResponse {
		t.Helper()
		got, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if first := recv(); first.GetKind() != kofov1.WatchKind_WATCH_KIND_SNAPSHOT || first.GetSwap().GetId() != id || first.GetCursor() != "" {
		t.Errorf("%v", first)
	}
	if second := recv(); second.GetKind() != kofov1.WatchKind_WATCH_KIND_SNAPSHOT_END || second.GetCursor() == "" {
		t.Errorf("%v", second)
	}
	for _, e := range []htlc.Event{htlc.FundingPrepared{TxID: "f"}, htlc.LegSeen{Leg: 0, TxID: "f"}} {
		if err := one.Happen(id, e); err != nil {
			t.Fatal(err)
		}
	}
	var change *kofov1.WatchResponse
	for change = recv(); change.GetEntry().GetKind() != "leg-seen"; change = recv() {
	}
	if change.GetSwap().GetPhase() != kofov1.Phase_PHASE_FUNDING {
		t.Errorf("%v", change)
	}
	// A new tip is shown without an entry.
	if err := one.Happen(id, htlc.LegFunded{Leg: 0, TxID: "f", Ref: "r", Block: htlc.BlockID{Height: 1001, Hash: [32]byte{1}}}); err != nil {
		t.Fatal(err)
	}
	for change = recv(); change.GetEntry().GetKind() != "leg-funded"; change = recv() {
	}
	cursor := change.GetCursor()
	one.SetTip(servertest.Bitcoin, 1003, time.Now().Unix())
	for change = recv(); change.GetSwap().GetLegs()[0].GetConfirmations() != 3; change = recv() {
	}
	if change.GetEntry() != nil {
		t.Errorf("%v", change)
	}
	cancel()

	// Behind the cursor nothing is sent twice.
	if err := one.Happen(id, htlc.LegSeen{Leg: 1, TxID: "g"}); err != nil {
		t.Fatal(err)
	}
	stream, err = a.Settlement.Watch(t.Context(), &kofov1.WatchRequest{Ids: []string{id}, Cursor: cursor})
	if err != nil {
		t.Fatal(err)
	}
	if next := recv(); next.GetEntry().GetKind() != "leg-seen" || next.GetEntry().GetLeg() != 1 {
		t.Errorf("%v", next)
	}
	stream, err = a.Settlement.Watch(t.Context(), &kofov1.WatchRequest{Cursor: "other.1"})
	if err == nil {
		_, err = stream.Recv()
	}
	wantReason(t, err, reason.CursorUnknown)
}

func TestWatchersAreBounded(t *testing.T) {
	n := servertest.Start(t, servertest.Options{Limits: server.Limits{MaxWatchers: 1}})
	c := dial(t, n, "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first, err := c.Settlement.Watch(ctx, &kofov1.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Recv(); err != nil {
		t.Fatal(err)
	}
	second, err := c.Settlement.Watch(t.Context(), &kofov1.WatchRequest{})
	if err == nil {
		_, err = second.Recv()
	}
	wantReason(t, err, reason.RateLimited)
}

func TestCallsAreLimited(t *testing.T) {
	n := servertest.Start(t, servertest.Options{Limits: server.Limits{Rate: 1}})
	c := dial(t, n, "")
	var err error
	for range 20 {
		if _, err = c.Node.Info(t.Context(), &kofov1.InfoRequest{}); err != nil {
			break
		}
	}
	wantReason(t, err, reason.RateLimited)
	_, err = rawUnary(t, n, strings.Repeat("x", 100_000))
	if got, _ := reason.Of(err); got != reason.RateLimited { // ResourceExhausted: too large
		t.Error(err)
	}
}

func rawUnary(t *testing.T, n *servertest.Node, text string) (*kofov1.InspectResponse, error) {
	t.Helper()
	return kofov1.NewSettlementServiceClient(rawConn(t, n, "")).Inspect(t.Context(), &kofov1.InspectRequest{Ticket: text})
}

func TestHealthNeedsNoToken(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	got, err := grpc_health_v1.NewHealthClient(rawConn(t, n, "")).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || got.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Error(got, err)
	}
}

// restCaller makes calls by REST, with a token where auth is one.
func restCaller(t *testing.T, n *servertest.Node) func(method, path, auth, body string) (int, map[string]any) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // the certificate is tested by the SDK
	t.Cleanup(client.CloseIdleConnections)
	return func(method, path, auth, body string) (int, map[string]any) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "https://"+n.Addr+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if auth != "" {
			req.Header.Set("Authorization", "Bearer "+auth)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]any{}
		if err := json.Unmarshal(raw, &out); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		return res.StatusCode, out
	}
}

func TestRESTOnTheSamePort(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	token, err := n.Token()
	if err != nil {
		t.Fatal(err)
	}
	call := restCaller(t, n)
	if code, doc := call("GET", "/openapi.json", "", ""); code != 200 || doc["swagger"] != "2.0" {
		t.Error(code)
	}
	if code, got := call("GET", "/v1/node", "", ""); code != 401 || got["details"] == nil {
		t.Error(code, got)
	}
	if code, got := call("GET", "/v1/node", token, ""); code != 200 || got["version"] != "test" {
		t.Error(code, got)
	}
	body := fmt.Sprintf(`{"send":{"asset":%q,"amount":"5000000"},"receive":{"asset":%q,"amount":%q}}`, servertest.BTC, servertest.ETH, oneETH)
	if code, got := call("POST", "/v1/quotes", token, body); code != 200 || got["quote"] == nil {
		t.Error(code, got)
	}
}

// TestRESTIsStrict: nothing that a caller writes is dropped, and every error
// has a reason.
func TestRESTIsStrict(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	token, err := n.Token()
	if err != nil {
		t.Fatal(err)
	}
	call := restCaller(t, n)
	body := fmt.Sprintf(`{"send":{"asset":%q,"amount":"5000000"},"receive":{"asset":%q,"amount":%q}}`, servertest.BTC, servertest.ETH, oneETH)
	for _, c := range []struct {
		method, path, body string
		code               int
		reason             reason.Reason
		field              string
	}{
		{"GET", "/v1/swaps/zz", "", 400, reason.InvalidArgument, "id"},
		{"POST", "/v1/quotes", `{"validFro":"60s"}`, 400, reason.InvalidArgument, "validFro"},
		{"POST", "/v1/quotes", `{"send":`, 400, reason.InvalidArgument, ""},
		{"POST", "/v1/quotes?role=ROLE_PARTICIPANT", body, 400, reason.InvalidArgument, "role"},
		{"GET", "/v1/node?x=1", "", 400, reason.InvalidArgument, "x"},
		{"GET", "/v1/swaps?phase=PHASE_CLOSED", "", 400, reason.InvalidArgument, "phase"},
		{"GET", "/v1/swaps?page.sizes=1", "", 400, reason.InvalidArgument, "page.sizes"},
		{"GET", "/v1/swaps?page.size=x", "", 400, reason.InvalidArgument, ""},
		{"GET", "/v1/swaps:watch?idz=1", "", 400, reason.InvalidArgument, "idz"},
		{"GET", "/v1/swaps?phases=PHASE_CLOSED&page.size=1", "", 200, "", ""},
		{"GET", "/v1/nothing", "", 404, reason.NotImplemented, ""},
		{"DELETE", "/v1/quotes", "", 405, reason.NotImplemented, ""},
	} {
		code, got := call(c.method, c.path, token, c.body)
		why, field := "", ""
		if details, ok := got["details"].([]any); ok && len(details) > 0 {
			info, _ := details[0].(map[string]any)
			why, _ = info["reason"].(string)
			meta, _ := info["metadata"].(map[string]any)
			field, _ = meta["field"].(string)
		}
		if code != c.code || why != string(c.reason) || field != c.field {
			t.Errorf("%s %s: %d %v", c.method, c.path, code, got)
		}
	}
}

func TestShutdownAnswersAndEndsStreams(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	c := dial(t, n, "")
	stream, err := c.Settlement.Watch(t.Context(), &kofov1.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Node.Shutdown(t.Context(), &kofov1.ShutdownRequest{}); err != nil {
		t.Fatal(err)
	}
	<-n.Stopped
	go func() { _ = n.Stop() }()
	_, err = stream.Recv()
	wantReason(t, err, reason.ShuttingDown)
}

// A slow call ends by the node's own limit.
type slow struct{ server.Agreer }

func (slow) Cancel(ctx context.Context, _ [32]byte) (agreement.Record, error) {
	<-ctx.Done()
	return agreement.Record{}, ctx.Err()
}

func TestCallsEndByTheNodesLimit(t *testing.T) {
	n := servertest.Start(t, servertest.Options{
		Limits: server.Limits{CallTimeout: 100 * time.Millisecond}, Agreer: func(a server.Agreer) server.Agreer { return slow{a} },
	})
	_, err := dial(t, n, "").Settlement.Cancel(t.Context(), &kofov1.CancelRequest{Id: strings.Repeat("ab", 32)})
	wantReason(t, err, reason.DeadlineExceeded)
}

func TestOfferValidity(t *testing.T) {
	c := dial(t, servertest.Start(t, servertest.Options{}), "")
	o, err := c.Settlement.Offer(t.Context(), &kofov1.OfferRequest{Send: btc("5000000"), Receive: eth(oneETH), ValidFor: durationpb.New(time.Minute), ByHand: true})
	if err != nil || time.Until(o.GetSwap().GetAcceptBy().AsTime()) > time.Minute {
		t.Errorf("%v %v", o, err)
	}
}

func TestCertificateIsKeptAndRenewed(t *testing.T) {
	dir := t.TempDir()
	cert, key := dir+"/tls/cert.pem", dir+"/tls/key.pem"
	now := time.Now()
	first, err := server.EnsureCertificate(cert, key, []string{"kofo.example", "10.1.2.3"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	same, err := server.EnsureCertificate(cert, key, []string{"10.1.2.3"}, now)
	if err != nil || same.Fingerprint != first.Fingerprint {
		t.Errorf("%v", err)
	}
	for name, renewed := range map[string]func() (server.Certificate, error){
		"another name": func() (server.Certificate, error) {
			return server.EnsureCertificate(cert, key, []string{"new.example"}, now)
		},
		"its end": func() (server.Certificate, error) {
			return server.EnsureCertificate(cert, key, nil, now.Add(5*365*24*time.Hour))
		},
	} {
		before, err := server.LoadCertificate(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		if after, err := renewed(); err != nil || after.Fingerprint == before.Fingerprint {
			t.Errorf("not renewed for %s: %v", name, err)
		}
	}
}

func TestAdminTokenIsKeptWhileValid(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	before, err := n.Token()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.EnsureAdminToken(t.Context(), n.Store, n.TokenFile, time.Now()); err != nil {
		t.Fatal(err)
	}
	if after, _ := n.Token(); after != before {
		t.Error("a valid token was replaced")
	}
	info, err := os.Stat(n.TokenFile)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	if err := os.WriteFile(n.TokenFile, []byte("kofo_unknown"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := server.EnsureAdminToken(t.Context(), n.Store, n.TokenFile, time.Now()); err != nil {
		t.Fatal(err)
	}
	if after, _ := n.Token(); after == "kofo_unknown" || after == before {
		t.Errorf("%q", after)
	}
}

func txOf(chain htlc.ChainID, id string, fee uint64) adapters.Tx {
	return adapters.Tx{Chain: chain, ID: id, Fee: htlc.NewAmount(fee)}
}
