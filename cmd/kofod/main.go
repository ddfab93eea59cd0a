// Command kofod is the settlement node.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/lines"
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
	failed.print(p, jsonWanted(root) || slices.Contains(p.args, "--json")) // it may have failed before flags were read
	return failed.Exit
}

const longRoot = `kofod is the settlement node of Kofo: it watches chains, settles swaps, and serves
the API for its owner. Without a subcommand it runs.

It reads kofod.yml of the data folder (or --config), KOFO_ variables and flags, in
this order. The seed must be there: kofo init makes it.

With --role tower it is a watchtower for the nodes of others: it needs no seed, makes
an identity of its own, and prints address and public key, which its owners enter
into towers of their configuration.

SIGINT and SIGTERM stop it gracefully. Swaps go on when it is started again.

With --json a command prints one JSON document, and a failure is an object with
"error"; a node that runs writes its log as JSON, and a line with its API's address.

Exit codes: 0 stopped, 1 failed, 2 wrong usage, 3 refused to start (configuration,
seed, passphrase or data), where starting again changes nothing.`

func (p process) commands() *cobra.Command {
	root := &cobra.Command{
		Use: "kofod", Short: "Kofo's settlement node", Long: longRoot, Example: "  kofod\n  kofod --config /etc/kofo/kofod.yml\n  kofod --log-level debug\n  kofod --role tower --config tower.yml",
		SilenceUsage: true, SilenceErrors: true, Args: noArgs, RunE: p.runNode,
	}
	root.CompletionOptions.DisableDefaultCmd = true // it knows no JSON; kofo has one
	root.PersistentFlags().String("config", "", "configuration file")
	root.PersistentFlags().Bool("json", false, "print JSON")
	config.AddFlags(root.PersistentFlags())
	root.SetGlobalNormalizationFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "role" {
			name = "roles" // a process has one role, or all
		}
		return pflag.NormalizedName(name)
	})
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), "FlagUsages", fmt.Sprintf("FlagUsagesWrapped %d", lines.Width)))
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

// sources are those of the command; a node shall run with them.
func (p process) sources(cmd *cobra.Command) config.Sources {
	return config.Sources{File: cmd.Flag("config").Value.String(), Environ: p.environ, Flags: cmd.Flags(), Serve: true}
}

func (p process) load(cmd *cobra.Command) (config.Config, error) { return config.Load(p.sources(cmd)) }

// absent names the file that would be read, where there is none.
func absent(src config.Sources) string {
	file, optional := src.Path()
	if _, err := os.Stat(file); optional && errors.Is(err, fs.ErrNotExist) {
		return file
	}
	return ""
}

func (p process) runNode(cmd *cobra.Command, _ []string) error {
	c, err := p.load(cmd)
	if err != nil {
		return err
	}
	log := p.logger(cmd, c)
	if file := absent(p.sources(cmd)); file != "" {
		log.Warn("no configuration file: defaults", "file", file)
	}
	v, ready := version.Get(), p.out
	if jsonWanted(cmd) {
		ready = readyJSON{p.out}
	}
	return p.run(cmd.Context(), c, node.Options{
		Log: log, Environ: p.environ, AskPassphrase: p.asker(cmd.Context()),
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
	group := &cobra.Command{
		Use: "config", Short: "Look at the configuration", Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("kofod config has no command %q; see kofod config --help", args[0])}
			}
			return usageError{errors.New("kofod config takes a command; see kofod config --help")}
		},
	}
	group.AddCommand(
		&cobra.Command{
			Use: "check", Short: "Report everything that is wrong with the configuration", Example: "  kofod config check --config kofod.yml", Args: noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				c, err := p.load(cmd)
				if err != nil {
					return err
				}
				good := map[string]any{"good": true, "chains": len(c.Chains), "dataDir": c.DataDir}
				note := ""
				if file := absent(p.sources(cmd)); file == "" {
					good["file"], _ = p.sources(cmd).Path()
				} else {
					note = fmt.Sprintf("no %s in %s: defaults\n", filepath.Base(file), filepath.Dir(file))
				}
				return show(cmd, good, "%sgood: %d chains, data in %s\n", note, len(c.Chains), c.DataDir)
			},
		},
		&cobra.Command{
			Use: "print", Short: "Print what is in effect, without secrets", Example: "  kofod config print", Args: noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				src := p.sources(cmd)
				src.Serve = false
				c, err := config.Load(src)
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
