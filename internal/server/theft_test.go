package server_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/payout"
	"github.com/kofo-network/kofo/internal/server/servertest"
)

const (
	home    = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
	theirs  = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
	account = string(servertest.Ethereum) + ":"
)

// theft is a node whose full credential was stolen, and the nodes of a friend,
// whom it swaps with, and of the thief.
type theft struct {
	dir    string
	rules  payout.Rules
	hours  atomic.Int64 // by which the owner's clock has moved on
	owner  *servertest.Node
	friend *sdk.Client
	thief  *sdk.Client
	stolen *grpc.ClientConn
	token  string
}

func newTheft(t *testing.T) *theft {
	t.Helper()
	limit := func(asset htlc.AssetID, call, day string) payout.Limit {
		a, err := htlc.ParseAmount(call)
		b, err2 := htlc.ParseAmount(day)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		return payout.Limit{Asset: asset, PerCall: a, PerDay: b}
	}
	th := &theft{dir: t.TempDir(), rules: payout.Rules{
		Restricted: true, Accounts: []string{account + home}, Delay: 24 * time.Hour, Parties: []htlc.PartyID{servertest.Party(2)},
		Limits: []payout.Limit{limit(servertest.BTC, "5000000", "6000000"), limit(servertest.ETH, oneETH, "2"+oneETH[1:])},
	}}
	th.friend = dial(t, servertest.Start(t, servertest.Options{Who: 2}), "")
	th.thief = dial(t, servertest.Start(t, servertest.Options{Who: 3}), "")
	th.start(t)
	return th
}

// start runs the owner's node, again on the same folder where it ran before.
func (th *theft) start(t *testing.T) {
	t.Helper()
	if th.owner != nil {
		if err := th.owner.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	th.owner = servertest.Start(t, servertest.Options{Dir: th.dir, Payouts: th.rules, Now: func() time.Time {
		return time.Now().Add(time.Duration(th.hours.Load()) * time.Hour)
	}})
	var err error
	if th.token, err = th.owner.Token(); err != nil {
		t.Fatal(err)
	}
	th.stolen = rawConn(t, th.owner, th.token)
}

// every calls f for each call of the API, found in the descriptors.
func every(t *testing.T, f func(m protoreflect.MethodDescriptor)) {
	t.Helper()
	n := 0
	protoregistry.GlobalFiles.RangeFilesByPackage("kofo.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				f(methods.Get(j))
				n++
			}
		}
		return true
	})
	if n < 25 {
		t.Fatalf("only %d calls were found", n)
	}
}

func emptyOf(t *testing.T, m protoreflect.MessageDescriptor) proto.Message {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(m.FullName())
	if err != nil {
		t.Fatal(err)
	}
	return kind.New().Interface()
}

// call makes any call with the stolen token; of a stream the first answer.
func (th *theft) call(t *testing.T, m protoreflect.MethodDescriptor, req proto.Message) (proto.Message, error) {
	t.Helper()
	if f := req.ProtoReflect().Descriptor().Fields().ByName("request_id"); f != nil {
		req.ProtoReflect().Set(f, protoreflect.ValueOfString(sdk.NewRequestID()))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	path := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
	answer := emptyOf(t, m.Output())
	if !m.IsStreamingServer() {
		return answer, th.stolen.Invoke(ctx, path, req, answer)
	}
	stream, err := th.stolen.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, path)
	if err == nil {
		if err = stream.SendMsg(req); err == nil {
			err = stream.CloseSend()
		}
	}
	if err != nil {
		return answer, err
	}
	return answer, stream.RecvMsg(answer)
}

// attempts are what the thief would ask of each call that can move coins, or
// change what may be moved. Every other call is in harmless.
func (th *theft) attempts(t *testing.T) map[string][]proto.Message {
	t.Helper()
	ticket := func(who *sdk.Client) string {
		o, err := who.Settlement.Offer(t.Context(), &kofov1.OfferRequest{Send: eth(oneETH), Receive: btc("4000000")})
		if err != nil {
			t.Fatal(err)
		}
		return o.GetTicket()
	}
	// An offer of the owner's that the thief's node has accepted: all that is
	// missing is the owner's signature.
	mine, err := dial(t, th.owner, "").Settlement.Offer(t.Context(), &kofov1.OfferRequest{Send: btc("150000"), Receive: eth(oneETH)})
	if err != nil {
		t.Fatal(err)
	}
	bound, err := th.thief.Settlement.Accept(t.Context(), &kofov1.AcceptRequest{Ticket: mine.GetTicket(), ByHand: true})
	if err != nil {
		t.Fatal(err)
	}
	all := []kofov1.Scope{kofov1.Scope_SCOPE_ADMIN, kofov1.Scope_SCOPE_WITHDRAW, kofov1.Scope_SCOPE_TRADE}
	id := strings.Repeat("ab", 32)
	return map[string][]proto.Message{
		"Withdraw": {
			&kofov1.WithdrawRequest{Amount: eth("1"), To: theirs},
			&kofov1.WithdrawRequest{Amount: eth("1"), To: strings.ToUpper(theirs[2:])},
			&kofov1.WithdrawRequest{Amount: eth("1"), To: " " + home},
			&kofov1.WithdrawRequest{Amount: btc("1"), To: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"},
			&kofov1.WithdrawRequest{Amount: eth("3" + oneETH[1:]), To: home},
		},
		"Split": {
			&kofov1.SplitRequest{Amount: btc("1000000"), Parts: 2},
			&kofov1.SplitRequest{Amount: btc("1000000"), Parts: 2, MaxFee: "5000001"}, // all of it to miners
		},
		"AddPayout": {&kofov1.AddPayoutRequest{Account: account + theirs}},
		"RemovePayout": {
			&kofov1.RemovePayoutRequest{Account: account + home},
			&kofov1.RemovePayoutRequest{Account: account + theirs},
		},
		"CreateToken": {&kofov1.CreateTokenRequest{Name: "mine", Scopes: all, Payouts: []string{account + theirs}}},
		"RevokeToken": {&kofov1.RevokeTokenRequest{Id: "nobody"}},
		"Offer": {
			&kofov1.OfferRequest{Send: btc("5000001"), Receive: eth(oneETH)},
			&kofov1.OfferRequest{Send: btc("4000000"), Receive: eth(oneETH)},
			&kofov1.OfferRequest{Send: btc("4000000"), Receive: eth(oneETH)}, // beyond the day's
		},
		"Accept": {
			&kofov1.AcceptRequest{Ticket: ticket(th.thief), ByHand: true},
			&kofov1.AcceptRequest{Ticket: ticket(th.thief)},
			&kofov1.AcceptRequest{Ticket: ticket(th.friend), ByHand: true}, // beyond the day's
		},
		"Countersign": {&kofov1.CountersignRequest{Acceptance: bound.GetAcceptance()}},
		"Complete":    {&kofov1.CompleteRequest{Countersignature: "kofo1none"}},
		"Cancel":      {&kofov1.CancelRequest{Id: id}},
		"Refund":      {&kofov1.RefundRequest{Id: id}},
	}
}

// harmless calls show or quote, or end the process, and pay nobody.
var harmless = []string{
	"Quote", "Inspect", "Get", "List", "History", "Watch", "Export", "Statistics", "Addresses", "Balances", "Transactions", "ListPayouts", "ListTowers", "ShowGuards",
	"ListChains", "GetChain", "Info", "Shutdown", "Resume", "Doctor", "ListTokens",
	// It pays nobody but miners, of a swap that waits near its deadline, at most
	// what is at risk there, and within the limits: RaisedBudgetIsCounted.
	"RaiseBudget",
}

// unpaid fails where anything was promised outside the lists and limits.
func (th *theft) unpaid(t *testing.T, after string) {
	t.Helper()
	c := dial(t, th.owner, "")
	txs, err := c.Wallet.Transactions(t.Context(), &kofov1.TransactionsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tx := range txs.GetTransactions() {
		if tx.GetKind() == kofov1.WalletTxKind_WALLET_TX_KIND_WITHDRAWAL && tx.GetTo() != home {
			t.Errorf("after %s: %v was withdrawn", after, tx)
		}
	}
	var sum uint64
	for swap, err := range c.AllSwaps(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		friend, self := servertest.Party(2).String(), servertest.Party(1).String()
		for _, party := range swap.GetParties() {
			if party != "" && party != friend && party != self {
				t.Errorf("after %s: a swap with %s in phase %s", after, party, swap.GetPhase())
			}
		}
		if swap.GetSends().GetAsset() == string(servertest.BTC) {
			n, err := htlc.ParseAmount(swap.GetSends().GetAmount())
			if err != nil {
				t.Fatal(err)
			}
			satoshi, _ := n.Uint64()
			sum += satoshi
		}
	}
	if sum > 6_000_000 {
		t.Errorf("after %s: %d satoshi are promised to swaps, more than a day's", after, sum)
	}
}

// TestSafety_D10_StolenCredential: with a full credential the thief tries every
// call of the API, and pays nobody outside the lists and nothing beyond the
// limits. A call that is added later must be put into one of the two tables.
func TestSafety_D10_StolenCredential(t *testing.T) {
	th := newTheft(t)
	attempts := th.attempts(t)
	every(t, func(m protoreflect.MethodDescriptor) {
		name := string(m.Name())
		requests, dangerous := attempts[name]
		if dangerous == slices.Contains(harmless, name) {
			t.Errorf("%s: say in this test what a thief could move by it", m.FullName())
			return
		}
		if name == "Shutdown" {
			return // ends the node, and pays nobody
		}
		if !dangerous {
			requests = []proto.Message{emptyOf(t, m.Input())}
		}
		for _, req := range requests {
			if _, err := th.call(t, m, req); status.Code(err) == codes.Internal {
				t.Errorf("%s: %v", name, err)
			}
			th.unpaid(t, name)
		}
	})
}

// TestSafety_D10_AddedPayoutWaits: what a call adds is paid after the delay only,
// and never where it was taken back.
func TestSafety_D10_AddedPayoutWaits(t *testing.T) {
	th := newTheft(t)
	withdraw := func(to string) error {
		_, err := dial(t, th.owner, "").Wallet.Withdraw(t.Context(), &kofov1.WithdrawRequest{Amount: eth("1000"), To: to})
		return err
	}
	added, err := dial(t, th.owner, "").Wallet.AddPayout(t.Context(), &kofov1.AddPayoutRequest{Account: account + theirs})
	if err != nil || added.GetPayout().GetUsableFrom() == nil || added.GetPayout().GetAddedBy() == "" {
		t.Fatalf("%v %v", added, err)
	}
	wantReason(t, withdraw(theirs), reason.PayoutNotAllowed)
	th.hours.Store(23)
	// To ask again shortens nothing, and a restart neither.
	if _, err := dial(t, th.owner, "").Wallet.AddPayout(t.Context(), &kofov1.AddPayoutRequest{Account: account + theirs}); err != nil {
		t.Fatal(err)
	}
	th.start(t)
	err = withdraw(theirs)
	wantReason(t, err, reason.PayoutNotAllowed)
	if sdk.Metadata(err)[reason.KeyAt] == "" {
		t.Errorf("not told when: %v", err)
	}
	th.hours.Store(25)
	if err := withdraw(strings.ToLower(theirs)); err != nil {
		t.Errorf("after the delay: %v", err)
	}
	c := dial(t, th.owner, "")
	if _, err := c.Wallet.RemovePayout(t.Context(), &kofov1.RemovePayoutRequest{Account: account + theirs}); err != nil {
		t.Fatal(err)
	}
	wantReason(t, withdraw(theirs), reason.PayoutNotAllowed)
	_, err = c.Wallet.RemovePayout(t.Context(), &kofov1.RemovePayoutRequest{Account: account + home})
	wantReason(t, err, reason.PayoutsFixed)
	list, err := c.Wallet.ListPayouts(t.Context(), &kofov1.ListPayoutsRequest{})
	if err != nil || !list.GetRestricted() || len(list.GetPayouts()) != 1 || !list.GetPayouts()[0].GetConfigured() ||
		len(list.GetParties()) != 1 || list.GetLimits()[1].GetMoved() != "1000" {
		t.Errorf("%v %v", list, err)
	}
}

// TestSafety_D10_LimitsOutliveARestart: the window of 24 hours rolls in the
// store, so that neither another token nor a restart gives anything free.
func TestSafety_D10_LimitsOutliveARestart(t *testing.T) {
	th := newTheft(t)
	withdraw := func(amount string) error {
		_, err := dial(t, th.owner, "").Wallet.Withdraw(t.Context(), &kofov1.WithdrawRequest{Amount: eth(amount), To: home})
		return err
	}
	for range 2 {
		if err := withdraw(oneETH); err != nil {
			t.Fatal(err)
		}
	}
	wantReason(t, withdraw("1"), reason.LimitExceeded)
	th.start(t)
	wantReason(t, withdraw("1"), reason.LimitExceeded)
	other, _ := tokenWith(t, th.owner, &kofov1.CreateTokenRequest{Scopes: tradeAndWithdraw})
	_, err := other.Wallet.Withdraw(t.Context(), &kofov1.WithdrawRequest{Amount: eth("1"), To: home})
	wantReason(t, err, reason.LimitExceeded)
	th.hours.Store(23)
	wantReason(t, withdraw("1"), reason.LimitExceeded)
	th.hours.Store(25)
	if err := withdraw(oneETH); err != nil {
		t.Errorf("a day later: %v", err)
	}
}

// TestSafety_D10_RevokedAtOnce: a revoked token ends its streams and opens
// nothing any more.
func TestSafety_D10_RevokedAtOnce(t *testing.T) {
	th := newTheft(t)
	stolen, token := tokenWith(t, th.owner, &kofov1.CreateTokenRequest{Scopes: tradeAndWithdraw})
	watching, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stream, err := stolen.Settlement.Watch(watching, &kofov1.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, th.owner, "").Tokens.RevokeToken(t.Context(), &kofov1.RevokeTokenRequest{Id: token.GetId()}); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	wantReason(t, err, reason.Unauthenticated)
	_, err = stolen.Wallet.Withdraw(t.Context(), &kofov1.WithdrawRequest{Amount: eth("1"), To: home})
	wantReason(t, err, reason.Unauthenticated)
}
