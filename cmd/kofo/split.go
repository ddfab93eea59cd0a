package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/api/sdk"
)

// maxFee reads a fee in the coin of the amount's chain; empty stays empty.
func (k assets) maxFee(text string, amount *sdk.AssetAmount) (string, error) {
	if text == "" {
		return "", nil
	}
	fee, err := k.parse(text)
	if err == nil && chainOf(fee) != chainOf(amount) {
		err = usage("--max-fee is in a coin of another chain")
	}
	return fee.GetAmount(), err
}

// times stands before the amount of each of several coins.
func times(parts uint32) string {
	if parts == 0 {
		return ""
	}
	return fmt.Sprintf("%d x ", parts)
}

const splitHelp = `Make several coins of few, so that several swaps can run at once.

A Bitcoin coin serves one swap at a time, and is reserved whole: with one coin a
second swap waits for the first. This pays this wallet itself, in one
transaction, as many coins as you name, each of the amount that you name; what is
left over is one more coin. Choose the amount that a swap sends, and some more
for the fee of its funding. Nothing but the fee leaves the wallet. Coins that a
swap or an offer holds aren't touched.

The coins are pending until the transaction is in a block, and can be used once
'kofo wallet balances' shows them as spendable.`

func (a *app) splitCommand() *cobra.Command {
	var amount, maxFee, request string
	var parts uint32
	var yes bool
	cmd := &cobra.Command{
		Use: "split", Short: "Make several coins of few, so that several swaps run at once", Long: splitHelp, Args: args(0, 0),
		Example: `  kofo wallet split --parts 4 --amount "0.05 BTC"` + "\n" + `  kofo wallet split --parts 10 --amount "0.01 BTC" --max-fee "5000 sat" --yes`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if amount == "" || parts == 0 {
				return usage("both --parts and --amount are needed")
			}
			var k assets
			req := &sdk.SplitRequest{RequestId: request, Parts: parts}
			err := a.call(cmd, func(ctx context.Context, c *sdk.Client) (err error) {
				if k, err = a.loadAssets(ctx, c); err != nil {
					return err
				}
				if req.Amount, err = k.parse(amount); err != nil {
					return err
				}
				req.MaxFee, err = k.maxFee(maxFee, req.GetAmount())
				return err
			})
			if err != nil {
				return err
			}
			if err := a.confirm(yes, fmt.Sprintf("Make %d coins of %s each, for the fee of one transaction?", parts, k.both(req.GetAmount()))); err != nil {
				return err
			}
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				answer, err := c.Wallet.Split(ctx, req)
				if err != nil {
					return err
				}
				return a.show(answer, func() {
					a.tell(noteIndent, "Split by %s\n    for a fee of %s. The coins are pending until it is in a block.", answer.GetTxid(), k.both(answer.GetFee()))
				})
			})
		},
	}
	cmd.Flags().Uint32Var(&parts, "parts", 0, "how many coins, 2 to 20")
	cmd.Flags().StringVar(&amount, "amount", "", `what each is worth: "0.05 BTC"`)
	cmd.Flags().StringVar(&maxFee, "max-fee", "", `most to pay as fee: "2000 sat"; where not given, what as many fundings cost at the stress rate`)
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask")
	requestFlag(cmd, &request)
	return cmd
}
