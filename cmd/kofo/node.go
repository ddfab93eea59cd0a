package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/internal/version"
)

func (a *app) nodeCommands() *cobra.Command {
	info := &cobra.Command{
		Use: "info", Short: "Say which node this is", Args: args(0, 0), Example: "  kofo node info",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				i, err := c.Node.Info(ctx, &sdk.InfoRequest{})
				if err != nil {
					return err
				}
				return a.show(i, func() {
					peer := i.GetPeerAddress()
					if peer == "" {
						peer = "none: answers come by hand"
					}
					a.table([][]string{
						{"Version", version.Version{Number: i.GetVersion(), Commit: i.GetCommit()}.String()},
						{"Party", i.GetParty()}, {"Certificate", i.GetFingerprint()}, {"Peer address", peer},
						{"Started", a.when(i.GetStartedAt())}, {"Chains", strings.Join(i.GetChains(), ", ")},
						{"Store", fmt.Sprintf("%s, data version %d", i.GetStore(), i.GetDataVersion())}, {"Open swaps", fmt.Sprint(i.GetOpenSwaps())},
					})
				})
			})
		},
	}
	var yes bool
	shutdown := &cobra.Command{
		Use: "shutdown", Short: "Stop the node gracefully", Args: args(0, 0), Example: "  kofo node shutdown --yes",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.confirm(yes, "Stop the node? Open swaps need it again before their deadlines."); err != nil {
				return err
			}
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				answer, err := c.Node.Shutdown(ctx, &sdk.ShutdownRequest{})
				if err != nil {
					return err
				}
				return a.show(answer, func() {
					a.say("The node stops.\n")
					if answer.GetOpenSwaps() > 0 {
						before := "at once"
						if by := sdk.Time(answer.GetNeededBy()); by.After(a.now()) {
							before = "before " + a.when(answer.GetNeededBy())
						}
						a.say("Swaps that are open: %d. Start it again %s.\n", answer.GetOpenSwaps(), before)
					}
				})
			})
		},
	}
	shutdown.Flags().BoolVar(&yes, "yes", false, "don't ask")
	return group("node", "The node itself", info, shutdown)
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: args(0, 0), Example: "  kofo version",
		RunE: func(*cobra.Command, []string) error {
			v := version.Get()
			if a.flags.json {
				return a.printJSON(map[string]any{"version": v.Number, "commit": v.Commit})
			}
			a.say("kofo %s\n", v)
			return nil
		},
	}
}

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "completion SHELL", Short: "Print a completion script for bash, zsh, fish or powershell", Args: args(1, 1),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"}, Example: "  source <(kofo completion bash)",
		RunE: func(cmd *cobra.Command, given []string) error {
			var script strings.Builder
			root := cmd.Root()
			var err error
			switch given[0] {
			case "bash":
				err = root.GenBashCompletionV2(&script, true)
			case "zsh":
				err = root.GenZshCompletion(&script)
			case "fish":
				err = root.GenFishCompletion(&script, true)
			case "powershell":
				err = root.GenPowerShellCompletionWithDesc(&script)
			default:
				err = usage("no script for %q", given[0])
			}
			if err != nil {
				return err
			}
			if a.flags.json {
				return a.printJSON(map[string]any{"shell": given[0], "script": script.String()})
			}
			a.say("%s", script.String())
			return nil
		},
	}
}
