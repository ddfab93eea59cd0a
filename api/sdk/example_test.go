package sdk_test

import (
	"context"
	"fmt"
	"os"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

const (
	btc = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328/slip44:0"
	eth = "eip155:1337/slip44:60"
)

func ExampleDial() {
	ctx := context.Background()
	token, err := sdk.LoadToken("kofo/token")
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := sdk.Dial(ctx, sdk.Options{Target: "127.0.0.1:9520", CAFile: "kofo/cert.pem", Token: token})
	if err != nil {
		fmt.Println(sdk.Reason(err), sdk.Message(err))
		return
	}
	defer func() { _ = client.Close() }()

	info, err := client.Node.Info(ctx, &sdk.InfoRequest{})
	if err != nil {
		fmt.Println(sdk.Reason(err), sdk.Message(err))
		return
	}
	fmt.Println(info.GetVersion(), info.GetChains())
}

func ExampleReason() {
	err := reason.Error(reason.RedeemFeeMissing, "no ether to redeem with",
		map[string]string{reason.KeyAsset: eth, reason.KeyMissing: "42000000000000"})
	switch sdk.Reason(err) {
	case reason.RedeemFeeMissing:
		metadata := sdk.Metadata(err)
		fmt.Println("pay in", metadata[reason.KeyMissing], metadata[reason.KeyAsset])
	default:
		fmt.Println(sdk.Message(err))
	}
	// Output: pay in 42000000000000 eip155:1337/slip44:60
}

func ExampleParseUnits() {
	satoshi, err := sdk.ParseUnits("0.05", 8)
	if err != nil {
		fmt.Println(err)
	}
	text, err := sdk.FormatUnits(satoshi, 8)
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(satoshi, text)
	// Output: 5000000 0.05
}

// An offer whose request id is stored first can be repeated even after a
// crash: the node executes it once.
func ExampleNewRequestID() {
	offer := func(ctx context.Context, client *sdk.Client) error {
		id := sdk.NewRequestID()
		if err := os.WriteFile("pending-offer", []byte(id), 0o600); err != nil {
			return err
		}
		answer, err := client.Settlement.Offer(ctx, &sdk.OfferRequest{
			RequestId: id,
			Send:      &sdk.AssetAmount{Asset: btc, Amount: "5000000"},
			Receive:   &sdk.AssetAmount{Asset: eth, Amount: "1000000000000000000"},
		})
		if err != nil {
			return err
		}
		fmt.Println(answer.GetTicket())
		return nil
	}
	_ = offer
}

// A watch prints what happens, over broken connections, until the swap closes.
func ExampleClient_Watch() {
	watch := func(ctx context.Context, client *sdk.Client, id string) error {
		for update, err := range client.Watch(ctx, sdk.WatchOptions{IDs: []string{id}}) {
			if err != nil {
				return err
			}
			if entry := update.GetEntry(); entry != nil {
				fmt.Println(sdk.Time(entry.GetTime()), entry.GetKind(), entry.GetText())
			}
			if swap := update.GetSwap(); swap.GetPhase() == sdk.PhaseClosed {
				fmt.Println(swap.GetOutcome(), swap.GetOutcomeCause())
				return nil
			}
		}
		return nil
	}
	_ = watch
}
