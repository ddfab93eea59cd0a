package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/demo"
	"github.com/kofo-network/kofo/internal/node"
	"github.com/kofo-network/kofo/internal/version"
)

const longDemo = `Swaps 0.05 BTC for 1 ETH between two settlement nodes on two chains, all of it on
this machine and none of it real money. Every part runs in a process of its own.

Scenarios:
  happy                 both parties stay; both end swapped
  participant-vanishes  the participant's node is killed before it funds;
                        the initiator gets its bitcoin back
  initiator-vanishes    both legs are funded, then the initiator's node is
                        killed; both get their coins back
  crash-at-reveal       the initiator's node is killed while it hands over the
                        transaction with the secret, and started again; both
                        end swapped

Fees are what the balances differ by beyond what was sent and received. With
--json, progress comes as one object a line, and the last line is the report. With
--keep the nodes stay and make tickets that live an hour; what to type is printed.`

const exampleDemo = `  kofo demo
  kofo demo --scenario crash-at-reveal
  kofo demo --json | tail -n 1
  kofo demo --keep`

// demoCommands are the demo and the two hidden commands by which it starts
// its own processes.
func (a *app) demoCommands() []*cobra.Command {
	o := demo.Options{Scenario: demo.Happy}
	c := &cobra.Command{
		Use: "demo", Short: "Swap BTC for ETH on two chains inside this machine", Long: longDemo, Example: exampleDemo,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Executable, err = os.Executable(); err != nil {
				return err
			}
			o.Out, o.JSON = a.out, a.flags.json
			return a.runDemo(cmd.Context(), o)
		},
	}
	c.Flags().StringVar(&o.Scenario, "scenario", o.Scenario, "one of "+strings.Join(demo.Scenarios(), ", "))
	c.Flags().BoolVar(&o.Keep, "keep", false, "leave everything running afterwards, to play on")
	c.Flags().StringVar(&o.Dir, "dir", "", "folder for data and logs; where empty, one that is removed at the end")
	return append([]*cobra.Command{c}, a.demoProcesses()...)
}

func (a *app) runDemo(ctx context.Context, o demo.Options) error {
	o.Done = a.showReport
	_, err := demo.Run(ctx, o)
	if errors.Is(err, demo.ErrScenario) {
		return usageError{err}
	}
	return err
}

func (a *app) showReport(r demo.Report) error {
	if !a.flags.json {
		r.Show(a.out)
		return nil
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.out, string(line))
	return err
}

// demoProcesses end when their standard input does: a demo that was killed
// cannot stop them.
func (a *app) demoProcesses() []*cobra.Command {
	log := slog.New(slog.NewTextHandler(a.err, nil))
	return []*cobra.Command{
		{
			Use: demo.ChainsCommand, Hidden: true, Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				ctx, stop := demo.UntilInputEnds(cmd.Context(), a.in)
				defer stop()
				return demo.RunChains(ctx, args[0], a.out, log)
			},
		},
		{
			Use: demo.NodeCommand, Hidden: true, Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				ctx, stop := demo.UntilInputEnds(cmd.Context(), a.in)
				defer stop()
				cfg, err := config.Load(config.Sources{File: args[0], Environ: a.environ})
				if err != nil {
					return err
				}
				v := version.Get()
				return node.Run(ctx, cfg, node.Options{
					Log: log, Environ: a.environ, Ready: a.out, Version: v.Number, Commit: v.Commit,
				})
			},
		},
	}
}
