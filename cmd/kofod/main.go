// Command kofod is the settlement node.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	text := err.Error()
	reason, passing := node.Reason(err)
	if reason != "" {
		text += " [" + reason + "]"
	}
	_, _ = fmt.Fprintln(p.err, "kofod:", text) // nobody is left to tell
	var usage usageError
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case !passing:
		return exitRefused
	}
	return exitFailed
}

const longRoot = `kofod is the settlement node of Kofo: it watches chains, settles swaps, and serves
the API for its owner. Without a subcommand it runs.

It reads kofod.yml of the data folder (or --config), KOFO_ variables and flags, in
this order. The seed must be there: kofo init makes it.

SIGINT and SIGTERM stop it gracefully. Swaps go on when it is started again.

Exit codes: 0 stopped, 1 failed, 2 wrong usage, 3 refused to start (configuration,
seed, passphrase or data), where starting again changes nothing.`

func (p process) commands() *cobra.Command {
	root := &cobra.Command{
		Use: "kofod", Short: "Kofo's settlement node", Long: longRoot, Example: "  kofod\n  kofod --config /etc/kofo/kofod.yml\n  kofod --log-level debug",
		SilenceUsage: true, SilenceErrors: true, Args: noArgs, RunE: p.runNode,
	}
	root.PersistentFlags().String("config", "", "configuration file")
	config.AddFlags(root.PersistentFlags())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		&cobra.Command{Use: "run", Short: "Run the node", Example: "  kofod run --data-dir /var/lib/kofo", Args: noArgs, RunE: p.runNode},
		p.configCommands(),
		p.deployCommand(),
		&cobra.Command{
			Use: "version", Short: "Print the version", Example: "  kofod version", Args: noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "kofod", version.Get())
				return err
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
	v := version.Get()
	return p.run(cmd.Context(), c, node.Options{
		Log: telemetry.Logger(p.err, c.Log.Level, c.Log.Format), Environ: p.environ, AskPassphrase: p.asker(cmd.Context()),
		Ready: p.out, Version: v.Number, Commit: v.Commit,
	})
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
				if err == nil {
					_, err = fmt.Fprintf(cmd.OutOrStdout(), "good: %d chains, data in %s\n", len(c.Chains), c.DataDir)
				}
				return err
			},
		},
		&cobra.Command{
			Use: "print", Short: "Print what is in effect, without secrets", Example: "  kofod config print", Args: noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				c, err := p.load(cmd)
				if err != nil {
					return err
				}
				return c.Print(cmd.OutOrStdout())
			},
		},
	)
	return group
}
