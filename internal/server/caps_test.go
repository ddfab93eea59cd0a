package server_test

import (
	"testing"
	"time"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/internal/server/servertest"
)

const somebody = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

// tokenWith is a client with a token of its own.
func tokenWith(t *testing.T, n *servertest.Node, req *kofov1.CreateTokenRequest) (*sdk.Client, *kofov1.Token) {
	t.Helper()
	req.Name = "desk"
	made, err := dial(t, n, "").Tokens.CreateToken(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return dial(t, n, made.GetText()), made.GetToken()
}

var tradeAndWithdraw = []kofov1.Scope{kofov1.Scope_SCOPE_TRADE, kofov1.Scope_SCOPE_WITHDRAW, kofov1.Scope_SCOPE_READ}

// TestCapsByDay: offers, acceptances and withdrawals count together, each once,
// and what was refused does not count.
func TestCapsByDay(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	desk, token := tokenWith(t, n, &kofov1.CreateTokenRequest{
		Scopes: tradeAndWithdraw,
		Caps:   []*kofov1.Cap{{PerCall: btc("8000000"), PerDay: "10000000"}, {PerCall: eth(oneETH)}},
	})
	if caps := token.GetCaps(); len(caps) != 2 || caps[0].GetPerDay() != "10000000" || caps[1].GetPerDay() != "" {
		t.Errorf("caps %v", token.GetCaps())
	}
	left := func(amount string, want string) {
		t.Helper()
		_, err := desk.Wallet.Withdraw(t.Context(), &kofov1.WithdrawRequest{Amount: btc(amount), To: somebody})
		wantReason(t, err, reason.CapExceeded)
		meta := sdk.Metadata(err)
		at, parsed := time.Parse(time.RFC3339, meta["at"])
		if meta["remaining"] != want || meta["max"] != "10000000" || meta["amount"] != amount || meta["asset"] != string(servertest.BTC) ||
			parsed != nil || time.Until(at) < 23*time.Hour || time.Until(at) > 25*time.Hour {
			t.Errorf("about %v, want %s left", meta, want)
		}
	}
	// Refused below the smallest amount, so not counted.
	_, err := desk.Settlement.Offer(t.Context(), &kofov1.OfferRequest{Send: btc("1000"), Receive: eth(oneETH)})
	wantReason(t, err, reason.AmountTooSmall)
	req := &kofov1.OfferRequest{RequestId: sdk.NewRequestID(), Send: btc("5000000"), Receive: eth(oneETH)}
	for range 2 { // the same request is one offer
		if _, err := desk.Settlement.Offer(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	left("5000001", "5000000")

	other := dial(t, servertest.Start(t, servertest.Options{Who: 2}), "")
	theirs, err := other.Settlement.Offer(t.Context(), &kofov1.OfferRequest{Send: eth(oneETH), Receive: btc("3000000")})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // two requests for one ticket
		if _, err := desk.Settlement.Accept(t.Context(), &kofov1.AcceptRequest{Ticket: theirs.GetTicket(), ByHand: true}); err != nil {
			t.Fatal(err)
		}
	}
	left("2000001", "2000000")
	if _, err := desk.Wallet.Withdraw(t.Context(), &kofov1.WithdrawRequest{Amount: btc("2000000"), To: somebody}); err != nil {
		t.Fatal(err)
	}
	left("1", "0")

	// An accepted ticket that is refused later stays counted: it was signed.
	swaps, err := desk.Settlement.List(t.Context(), &kofov1.ListRequest{Phases: []kofov1.Phase{kofov1.Phase_PHASE_ACCEPTED}})
	if err != nil || len(swaps.GetSwaps()) != 1 {
		t.Fatal(swaps, err)
	}
	if _, err := desk.Settlement.Cancel(t.Context(), &kofov1.CancelRequest{Id: swaps.GetSwaps()[0].GetOfferId()}); err != nil {
		t.Fatal(err)
	}
	_, err = desk.Settlement.Accept(t.Context(), &kofov1.AcceptRequest{Ticket: theirs.GetTicket(), ByHand: true})
	wantReason(t, err, reason.TicketUsed)
	left("1", "0")
}

// TestCapByDayIsNotDoubled by making another token.
func TestCapByDayIsNotDoubled(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	admin, _ := tokenWith(t, n, &kofov1.CreateTokenRequest{
		Scopes: []kofov1.Scope{kofov1.Scope_SCOPE_ADMIN}, Caps: []*kofov1.Cap{{PerCall: eth("10"), PerDay: "20"}, {PerCall: btc("10")}},
	})
	for _, c := range []struct {
		asset *kofov1.AssetAmount
		want  reason.Reason
	}{{eth("1"), reason.CapExceeded}, {btc("1"), ""}} {
		_, err := admin.Tokens.CreateToken(t.Context(), &kofov1.CreateTokenRequest{
			Name: "x", Scopes: []kofov1.Scope{kofov1.Scope_SCOPE_READ}, Caps: []*kofov1.Cap{{PerCall: c.asset, PerDay: "1"}},
		})
		if got := sdk.Reason(err); got != c.want {
			t.Errorf("%v: %v", c.asset, err)
		}
	}
}

func TestTokensShowTheirLastUse(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	began := time.Now().Add(-time.Second)
	desk, made := tokenWith(t, n, &kofov1.CreateTokenRequest{Scopes: tradeAndWithdraw})
	used := func() time.Time {
		t.Helper()
		list, err := dial(t, n, "").Tokens.ListTokens(t.Context(), &kofov1.ListTokensRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range list.GetTokens() {
			if token.GetId() == made.GetId() {
				return sdk.Time(token.GetUsedAt())
			}
		}
		t.Fatal("no such token")
		return time.Time{}
	}
	if at := used(); !at.IsZero() {
		t.Errorf("a token that was never used shows %s", at)
	}
	for range 3 {
		if _, err := desk.Settlement.List(t.Context(), &kofov1.ListRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	if at := used(); at.Before(began) || at.After(time.Now()) {
		t.Errorf("used at %s", at)
	}
}
