package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/api/sdk"
)

func (a *app) walletCommands() *cobra.Command {
	return group("wallet", "The money of this node", a.addressesCommand(), a.balancesCommand(), a.transactionsCommand(), a.withdrawCommand(), a.splitCommand())
}

// chainFlag chooses a chain by name or id.
func chainFlag(cmd *cobra.Command, chain *string) {
	cmd.Flags().StringVar(chain, "chain", "", "only this chain, by name or CAIP-2 id")
}

// chainID finds a chain by name or id; empty stays empty.
func (k assets) chainID(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	for _, c := range k.chains {
		if c.GetName() == text || c.GetId() == text {
			return c.GetId(), nil
		}
	}
	return "", usage("the node has no chain %q", text)
}

// onChain runs f with the assets and the chosen chain.
func (a *app) onChain(cmd *cobra.Command, chain string, f func(ctx context.Context, c *sdk.Client, k assets, id string) error) error {
	return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
		k, err := a.loadAssets(ctx, c)
		if err != nil {
			return err
		}
		id, err := k.chainID(chain)
		if err != nil {
			return err
		}
		return f(ctx, c, k, id)
	})
}

func (a *app) addressesCommand() *cobra.Command {
	var chain string
	cmd := &cobra.Command{
		Use: "addresses", Short: "Show where to pay in", Args: args(0, 0), Example: "  kofo wallet addresses\n  kofo wallet addresses --chain bitcoin",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.onChain(cmd, chain, func(ctx context.Context, c *sdk.Client, k assets, id string) error {
				answer, err := c.Wallet.Addresses(ctx, &sdk.AddressesRequest{Chain: id})
				if err != nil {
					return err
				}
				return a.show(answer, func() {
					rows := [][]string{{"CHAIN", "ADDRESS"}}
					for _, ad := range answer.GetAddresses() {
						rows = append(rows, []string{k.chainName(ad.GetChain()), ad.GetAddress()})
					}
					a.table(rows)
				})
			})
		},
	}
	chainFlag(cmd, &chain)
	return cmd
}

func (a *app) balancesCommand() *cobra.Command {
	var chain string
	cmd := &cobra.Command{
		Use: "balances", Short: "Show what the node has", Args: args(0, 0), Example: "  kofo wallet balances",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.onChain(cmd, chain, func(ctx context.Context, c *sdk.Client, k assets, id string) error {
				answer, err := c.Wallet.Balances(ctx, &sdk.BalancesRequest{Chain: id})
				if err != nil {
					return err
				}
				return a.show(answer, func() {
					for _, b := range answer.GetBalances() {
						a.printBalance(k, b)
					}
				})
			})
		},
	}
	chainFlag(cmd, &chain)
	return cmd
}

// printBalance shows what there is of an asset; what is none is left out.
func (a *app) printBalance(k assets, b *sdk.Balance) {
	a.say("%s on %s\n", b.GetSymbol(), k.chainName(chainOf(&sdk.AssetAmount{Asset: b.GetAsset()})))
	rows := [][]string{}
	for _, part := range []struct{ name, amount string }{
		{"spendable", b.GetSpendable()}, {"reserved", b.GetReserved()}, {"pending", b.GetPending()}, {"locked in swaps", b.GetLocked()},
	} {
		if part.amount != "0" || part.name == "spendable" {
			rows = append(rows, []string{"  " + part.name, k.both(&sdk.AssetAmount{Asset: b.GetAsset(), Amount: part.amount})})
		}
	}
	a.table(rows)
}

func (a *app) transactionsCommand() *cobra.Command {
	var chain string
	var most int
	cmd := &cobra.Command{
		Use: "transactions", Short: "Show what went in and out, the newest first", Args: args(0, 0), Example: "  kofo wallet transactions --chain ethereum",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.onChain(cmd, chain, func(ctx context.Context, c *sdk.Client, k assets, id string) error {
				var txs []*sdk.WalletTx
				for tx, err := range c.AllTransactions(ctx, id) {
					if err != nil {
						return err
					}
					if txs = append(txs, tx); len(txs) == most {
						break
					}
				}
				if a.flags.json {
					list, err := encodeAll("transactions", txs)
					if err != nil {
						return err
					}
					return a.printJSON(list)
				}
				rows := [][]string{{"TIME", "WHAT", "AMOUNT", "FEE", "CONFIRMATIONS"}}
				for _, tx := range txs {
					state := fmt.Sprint(tx.GetConfirmations())
					if tx.GetFailed() {
						state += " (no effect)"
					}
					fee := "-"
					if tx.GetFee() != nil {
						fee = atMost(tx.GetFeeFinal()) + k.human(tx.GetFee())
					}
					rows = append(rows, []string{clock(sdk.Time(tx.GetTime())), word(tx.GetKind().String(), "WALLET_TX_KIND_"), times(tx.GetParts()) + k.human(tx.GetAmount()), fee, state}, []string{"tx " + tx.GetTxid()})
				}
				a.table(rows)
				return nil
			})
		},
	}
	chainFlag(cmd, &chain)
	cmd.Flags().IntVar(&most, "most", 50, "most to show")
	return cmd
}

func (a *app) withdrawCommand() *cobra.Command {
	var amount, to, maxFee, request string
	var yes bool
	cmd := &cobra.Command{
		Use: "withdraw", Short: "Send coins that no swap holds", Args: args(0, 0),
		Example: `  kofo wallet withdraw --amount "0.01 BTC" --to bcrt1q...` + "\n" + `  kofo wallet withdraw --amount "1 ETH" --to 0x7099... --max-fee "100000 gwei" --yes`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if amount == "" || to == "" {
				return usage("both --amount and --to are needed")
			}
			var k assets
			req := &sdk.WithdrawRequest{RequestId: request, To: to}
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
			if err := a.confirm(yes, fmt.Sprintf("Send %s\nto %s?", k.both(req.GetAmount()), to)); err != nil {
				return err
			}
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				answer, err := c.Wallet.Withdraw(ctx, req)
				if err != nil {
					return err
				}
				return a.show(answer, func() {
					a.tell(noteIndent, "Sent by %s\n    for a fee of at most %s", answer.GetTxid(), k.both(answer.GetFee()))
				})
			})
		},
	}
	cmd.Flags().StringVar(&amount, "amount", "", `how much: "0.01 BTC"`)
	cmd.Flags().StringVar(&to, "to", "", "an address of the asset's chain")
	cmd.Flags().StringVar(&maxFee, "max-fee", "", `most to pay as fee: "2000 sat"; the market's where not given`)
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask")
	requestFlag(cmd, &request)
	return cmd
}
