// Command kofod is the settlement node.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/node"
	"github.com/kofo-network/kofo/internal/prompt"
	"github.com/kofo-network/kofo/internal/telemetry"
	"github.com/kofo-network/kofo/internal/version"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailed  = 1 // the node ended by a failure
	exitUsage   = 2 // wrong flags or arguments
	exitRefused = 3 // configuration, seed, passphrase or data do not fit; starting again changes nothing
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := execute(ctx, process{
		args: os.Args[1:], environ: os.Environ(), in: os.Stdin, out: os.Stdout, err: os.Stderr, run: node.Run,
	})
	stop()
	os.Exit(code)
}

// process is what a command may touch of the world.
type process struct {
	args     []string
	environ  []string
	in       *os.File
	out, err io.Writer
	run      func(context.Context, config.Config, node.Options) error
}

// usageError is a wrong call of the program.
type usageError struct{ error }

func execute(ctx context.Context, p process) int {
	root := p.commands() //nolint:contextcheck // commands get theirs from cobra
	root.SetArgs(p.args)
	root.SetOut(p.out)
	root.SetErr(p.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	failed := failureOf(err)
	failed.print(p, jsonWanted(root))
	return failed.Exit
}

const longRoot = `kofod is the settlement node of Kofo: it watches chains, settles swaps, and serves
the API for its owner. Without a subcommand it runs.

It reads kofod.yml of the data folder (or --config), KOFO_ variables and flags, in
this order. The seed must be there: kofo init makes it.

SIGINT and SIGTERM stop it gracefully. Swaps go on when it is started again.

With --json a command prints one JSON document, and a failure is an object with
"error"; a node that runs writes its log as JSON, and a line with its API's address.

Exit codes: 0 stopped, 1 failed, 2 wrong usage, 3 refused to start (configuration,
seed, passphrase or data), where starting again changes nothing.`

func (p process) commands() *cobra.Command {
	root := &cobra.Command{
		Use: "kofod", Short: "Kofo's settlement node", Long: longRoot, Example: "  kofod\n  kofod --config /etc/kofo/kofod.yml\n  kofod --log-level debug",
		SilenceUsage: true, SilenceErrors: true, Args: noArgs, RunE: p.runNode,
	}
	root.CompletionOptions.DisableDefaultCmd = true // it knows no JSON; kofo has one
	root.PersistentFlags().String("config", "", "configuration file")
	root.PersistentFlags().Bool("json", false, "print JSON")
	config.AddFlags(root.PersistentFlags())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		&cobra.Command{Use: "run", Short: "Run the node", Example: "  kofod run --data-dir /var/lib/kofo", Args: noArgs, RunE: p.runNode},
		p.configCommands(),
		p.deployCommand(),
		&cobra.Command{
			Use: "version", Short: "Print the version", Example: "  kofod version", Args: noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				v := version.Get()
				return show(cmd, map[string]any{"version": v.Number, "commit": v.Commit}, "kofod %s\n", v)
			},
		},
	)
	return root
}

func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unexpected argument %q", args[0])}
	}
	return nil
}

func (p process) load(cmd *cobra.Command) (config.Config, error) {
	file, err := cmd.Flags().GetString("config")
	if err != nil {
		return config.Config{}, err
	}
	return config.Load(config.Sources{File: file, Environ: p.environ, Flags: cmd.Flags()})
}

func (p process) runNode(cmd *cobra.Command, _ []string) error {
	c, err := p.load(cmd)
	if err != nil {
		return err
	}
	v, ready := version.Get(), p.out
	if jsonWanted(cmd) {
		ready = readyJSON{p.out}
	}
	return p.run(cmd.Context(), c, node.Options{
		Log: p.logger(cmd, c), Environ: p.environ, AskPassphrase: p.asker(cmd.Context()),
		Ready: ready, Version: v.Number, Commit: v.Commit,
	})
}

func (p process) logger(cmd *cobra.Command, c config.Config) *slog.Logger {
	format := c.Log.Format
	if jsonWanted(cmd) {
		format = "json"
	}
	return telemetry.Logger(p.err, c.Log.Level, format)
}

// asker asks on the terminal; it is nil where there is none.
func (p process) asker(ctx context.Context) func() (string, error) {
	if p.in == nil {
		return nil
	}
	t := prompt.New(ctx, p.in, p.err)
	if t == nil {
		return nil
	}
	return func() (string, error) { return t.Hidden("Passphrase of the seed: ") }
}

func (p process) configCommands() *cobra.Command {
	group := &cobra.Command{Use: "config", Short: "Look at the configuration"}
	group.AddCommand(
		&cobra.Command{
			Use: "check", Short: "Report everything that is wrong with the configuration", Example: "  kofod config check --config kofod.yml", Args: noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				c, err := p.load(cmd)
				if err != nil {
					return err
				}
				good := map[string]any{"good": true, "chains": len(c.Chains), "dataDir": c.DataDir}
				return show(cmd, good, "good: %d chains, data in %s\n", len(c.Chains), c.DataDir)
			},
		},
		&cobra.Command{
			Use: "print", Short: "Print what is in effect, without secrets", Example: "  kofod config print", Args: noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				c, err := p.load(cmd)
				if err != nil {
					return err
				}
				if jsonWanted(cmd) {
					return printJSON(cmd.OutOrStdout(), c.Tree())
				}
				return c.Print(cmd.OutOrStdout())
			},
		},
	)
	return group
}
