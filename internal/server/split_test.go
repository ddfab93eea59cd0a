package server_test

import (
	"testing"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/internal/server/servertest"
)

// TestSplit: the same request is one split, and the list of transactions shows
// into how many coins.
func TestSplit(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	c := dial(t, n, "")
	req := &kofov1.SplitRequest{RequestId: sdk.NewRequestID(), Amount: btc("5500000"), Parts: 4}
	first, err := c.Wallet.Split(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.Wallet.Split(t.Context(), req); err != nil || again.GetTxid() != first.GetTxid() || first.GetFee().GetAmount() != "1100" {
		t.Errorf("%v after %v: %v", again, first, err)
	}
	list, err := c.Wallet.Transactions(t.Context(), &kofov1.TransactionsRequest{})
	if err != nil || len(list.GetTransactions()) != 1 {
		t.Fatalf("%v %v", list, err)
	}
	if tx := list.GetTransactions()[0]; tx.GetKind() != kofov1.WalletTxKind_WALLET_TX_KIND_SPLIT || tx.GetParts() != 4 ||
		tx.GetAmount().GetAmount() != "5500000" || tx.GetTo() != "" {
		t.Errorf("%v", tx)
	}
	for _, parts := range []uint32{0, 1, 21} {
		_, err := c.Wallet.Split(t.Context(), &kofov1.SplitRequest{Amount: btc("5500000"), Parts: parts})
		wantReason(t, err, reason.InvalidArgument)
	}
	_, err = c.Wallet.Split(t.Context(), &kofov1.SplitRequest{Amount: btc("0"), Parts: 2})
	wantReason(t, err, reason.InvalidArgument)
	_, err = c.Wallet.Split(t.Context(), &kofov1.SplitRequest{Amount: &kofov1.AssetAmount{Asset: "eip155:1337/erc20:0xaa", Amount: "1"}, Parts: 2})
	wantReason(t, err, reason.UnknownAsset)
	_, err = c.Wallet.Split(t.Context(), &kofov1.SplitRequest{Amount: btc("5500000"), Parts: 2, MaxFee: "1"})
	wantReason(t, err, reason.FeeOverBudget)
}

// TestSplitCountsItsFee: what a token can burn by splits stays within its caps,
// whether it names the fee or not, and not the coins that stay in the wallet.
func TestSplitCountsItsFee(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	desk, _ := tokenWith(t, n, &kofov1.CreateTokenRequest{
		Scopes: tradeAndWithdraw, Caps: []*kofov1.Cap{{PerCall: btc("30000"), PerDay: "50000"}},
	})
	split := func(maxFee string) error {
		_, err := desk.Wallet.Split(t.Context(), &kofov1.SplitRequest{Amount: btc("5500000"), Parts: 2, MaxFee: maxFee})
		return err
	}
	wantReason(t, split("30001"), reason.CapExceeded)
	wantReason(t, split(""), reason.CapExceeded) // twice a funding at the stress rate
	if err := split("30000"); err != nil {
		t.Fatal(err)
	}
	wantReason(t, split("20001"), reason.CapExceeded)
	if err := split("20000"); err != nil {
		t.Fatal(err)
	}
	wantReason(t, split("1100"), reason.CapExceeded)
}
