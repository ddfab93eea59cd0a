package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/api/sdk"
)

// depthFlag adds --confirmations.
func depthFlag(cmd *cobra.Command, into *[]string, help string) {
	cmd.Flags().StringSliceVar(into, "confirmations", nil, help)
}

// depths reads "bitcoin=6", by name or CAIP-2 id of the chain.
func (k assets) depths(given []string) ([]*sdk.ChainDepth, error) {
	var out []*sdk.ChainDepth
	for _, text := range given {
		chain, number, ok := strings.Cut(text, "=")
		n, err := strconv.ParseUint(number, 10, 32)
		if !ok || err != nil || n == 0 {
			return nil, usage("--confirmations is CHAIN=NUMBER, such as bitcoin=6, not %q", text)
		}
		id, err := k.chainID(chain)
		if err != nil {
			return nil, err
		}
		out = append(out, &sdk.ChainDepth{Chain: id, MinConfirmations: uint32(n)})
	}
	return out, nil
}

// depthRows show how many confirmations which amounts wait for.
func (k assets) depthRows(c *sdk.Chain) [][]string {
	var rows [][]string
	for _, step := range c.GetDepths() {
		up := "above that"
		if step.GetUpTo() != "" {
			up = "up to " + k.human(&sdk.AssetAmount{Asset: step.GetAsset(), Amount: step.GetUpTo()})
		} else if len(rows) == 0 {
			up = "any amount"
		}
		rows = append(rows, []string{"  " + up, fmt.Sprint(max(step.GetMinConfirmations(), c.GetMinConfirmations()))})
	}
	return rows
}
