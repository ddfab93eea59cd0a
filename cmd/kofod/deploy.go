package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/internal/node"
)

const longDeploy = `deploy puts Kofo's Solidity deployment on every EVM chain of the configuration that
lacks it, at the address that it has on every chain, paid by this node's account
(about 1,300,000 gas). Development chains need it once; on public test networks it
usually stands already. A node refuses to start without it.`

func (p process) deployCommand() *cobra.Command {
	return &cobra.Command{
		Use: "deploy", Short: "Put the Solidity deployment on chains that lack it", Long: longDeploy,
		Example: "  kofod deploy --config kofod.yml", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.load(cmd)
			if err != nil {
				return err
			}
			done, err := node.Deploy(cmd.Context(), c, node.Options{
				Log: p.logger(cmd, c), Environ: p.environ, AskPassphrase: p.asker(cmd.Context()),
			})
			if err != nil {
				return err
			}
			if jsonWanted(cmd) {
				return printJSON(cmd.OutOrStdout(), map[string]any{"deployed": append([]node.Deployed{}, done...)})
			}
			for _, d := range done {
				verb := "stands already"
				if d.Made {
					verb = "deployed"
				}
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s at %s\n", d.Chain, verb, d.Address); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
