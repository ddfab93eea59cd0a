package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/prompt"
)

// Exit codes, as the help of the root command says.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitRefused     = 3
	exitUnreachable = 4
	exitDeclined    = 5
)

// app is what the commands may touch of the world.
type app struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
	now      func() time.Time
	// prompt asks a person; nil where nobody can be asked.
	prompt prompter
	// live: the output is a terminal that can be drawn over.
	live bool
	// width of the terminal and cost of the passphrase, for tests; 0 asks the
	// terminal, and takes the wallet's default.
	width, workFactor int

	flags globalFlags
	// known are the node's assets, once it was asked for them.
	known assets
}

type globalFlags struct {
	config, dataDir, node, tokenFile, tlsCert string
	json                                      bool
	timeout                                   time.Duration
}

// usageError is a wrong call of the program.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errDeclined: a person said no.
var errDeclined = errors.New("not confirmed; nothing was done")

const longRoot = `kofo is the command line of a Kofo settlement node.

It finds a node on this machine by its data folder: address, certificate and the
owner's token stand there. For a node elsewhere give --node, --tls-cert and
--token-file.

Amounts are written "0.05 BTC" or "5000000 sat"; what is shown has both. With
--json every command prints one JSON document (watch: one a line), and a failure
is an object with "error".

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by the node (or by what is
on the disk), 4 node not reachable, 5 not confirmed by you.`

const exampleRoot = `  kofo init
  kofo wallet addresses
  kofo swap offer --send "0.05 BTC" --receive "1 ETH"
  kofo swap watch`

// execute runs one command line and returns the exit code.
func (a *app) execute(ctx context.Context, args []string) int {
	root := a.root() //nolint:contextcheck // commands get theirs from cobra
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := unknownFlag(root, args)
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	if err == nil {
		return exitOK
	}
	if code, ok := doctorsCode(err); ok {
		return code
	}
	// What fails before the flags are read is told as they say, too.
	a.flags.json = a.flags.json || slices.Contains(args, "--json")
	a.printError(err)
	return exitCode(err)
}

// unknownFlag refuses a flag before the first command that is none: cobra would
// take that command for its value, and call the next word unknown.
func unknownFlag(root *cobra.Command, args []string) error {
	for i := 0; i < len(args) && strings.HasPrefix(args[i], "--") && args[i] != "--"; i++ {
		name, _, hasValue := strings.Cut(strings.TrimPrefix(args[i], "--"), "=")
		f := root.PersistentFlags().Lookup(name)
		switch {
		case f == nil && name != "help" && name != "version":
			return usage("unknown flag: --%s", name)
		case f != nil && !hasValue && f.NoOptDefVal == "":
			i++ // its value
		}
	}
	return nil
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: "kofo", Short: "The command line of a Kofo settlement node", Long: longRoot, Example: exampleRoot,
		SilenceUsage: true, SilenceErrors: true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), "FlagUsages", fmt.Sprintf("FlagUsagesWrapped %d", lineLength)))
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	f := root.PersistentFlags()
	f.StringVar(&a.flags.config, "config", "", "the node's configuration file")
	f.StringVar(&a.flags.dataDir, "data-dir", "", "the node's data folder")
	f.StringVar(&a.flags.node, "node", "", "host:port of the node's API (KOFO_NODE)")
	f.StringVar(&a.flags.tokenFile, "token-file", "", "file with the token (KOFO_TOKEN_FILE)")
	f.StringVar(&a.flags.tlsCert, "tls-cert", "", "PEM file of the node's certificate (KOFO_TLS_CERT)")
	f.BoolVar(&a.flags.json, "json", false, "print JSON")
	f.DurationVar(&a.flags.timeout, "timeout", time.Minute, "longest time to wait for the node's answer")
	root.AddCommand(a.commands()...)
	root.AddCommand(a.demoCommands()...)
	return root
}

// commands lists the commands; each stands in a file of its own.
func (a *app) commands() []*cobra.Command {
	return []*cobra.Command{
		a.initCommand(), a.backupCommand(), a.restoreCommand(), a.rescueCommand(), a.keysCommands(), a.swapCommands(), a.walletCommands(), a.chainCommands(),
		a.nodeCommands(), a.tokenCommands(), a.payoutCommands(), a.towerCommands(), a.statsCommand(), a.doctorCommand(), a.errorsCommand(), a.completionCommand(), a.versionCommand(),
	}
}

// group is a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{Use: use, Short: short, Args: cobra.ArbitraryArgs, RunE: func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usage("kofo %s has no command %q; see kofo %s --help", use, args[0], use)
		}
		return cmd.Help()
	}}
	g.AddCommand(children...)
	return g
}

// args takes a number of arguments, of which the last may be left out.
func args(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if len(given) < least || len(given) > most {
			return usage("%s takes %s; see %s --help", cmd.CommandPath(), strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath()+" "), cmd.CommandPath())
		}
		return nil
	}
}

// exitCode tells scripts whose fault it was.
func exitCode(err error) int {
	var wrong usageError
	var known interface {
		error
		Reason() string
	}
	switch r := sdk.Reason(err); {
	case errors.As(err, &wrong):
		return exitUsage
	case errors.Is(err, errDeclined), errors.Is(err, prompt.ErrInterrupted):
		return exitDeclined
	case r == reason.NodeUnreachable && !fromNode(err):
		return exitUnreachable
	case r == reason.DeadlineExceeded && !reason.Carried(err):
		return exitUnreachable
	case reason.Carried(err), errors.As(err, &known):
		return exitRefused
	}
	if strings.HasPrefix(err.Error(), "unknown command") || strings.HasPrefix(err.Error(), "unknown flag") {
		return exitUsage // cobra has no type for these
	}
	return exitFailed
}

// fromNode tells an error that the node gave from one that the SDK made
// because no node answered: those of a node say more.
func fromNode(err error) bool {
	return reason.Carried(err) && !strings.HasPrefix(sdk.Message(err), "no answer from ")
}

// configuration is that of the node on this machine.
func (a *app) configuration() (config.Config, error) { return config.Load(a.sources()) }

// sources is where the configuration comes from.
func (a *app) sources() config.Sources {
	environ := a.environ
	if a.flags.dataDir != "" {
		environ = append(append([]string(nil), environ...), "KOFO_DATA_DIR="+a.flags.dataDir)
	}
	return config.Sources{File: a.flags.config, Environ: environ}
}

func (a *app) lookup(name string) string {
	value := ""
	for _, e := range a.environ {
		if n, v, _ := strings.Cut(e, "="); n == name {
			value = v
		}
	}
	return value
}

// dial connects to the node. The caller closes the client.
func (a *app) dial(ctx context.Context) (*sdk.Client, error) {
	node, cert, tokenFile := a.flags.node, a.flags.tlsCert, a.flags.tokenFile
	for _, v := range []struct {
		value *string
		env   string
	}{{&node, "KOFO_NODE"}, {&cert, "KOFO_TLS_CERT"}, {&tokenFile, "KOFO_TOKEN_FILE"}} {
		if *v.value == "" {
			*v.value = a.lookup(v.env)
		}
	}
	if node == "" || cert == "" || tokenFile == "" {
		c, err := a.configuration()
		if err != nil {
			return nil, err
		}
		if node == "" {
			node = reachable(c.API.Listen)
		}
		if cert == "" {
			cert = c.CertPath()
		}
		if tokenFile == "" {
			tokenFile = c.Path(config.AdminTokenFile)
		}
	}
	token, err := sdk.LoadToken(tokenFile)
	if err != nil {
		return nil, reason.Error(reason.Unauthenticated, fmt.Sprintf("%v; has the node been started with this data folder?", err), nil)
	}
	ctx, cancel := context.WithTimeout(ctx, a.flags.timeout)
	defer cancel()
	return sdk.Dial(ctx, sdk.Options{Target: node, CAFile: cert, Token: token})
}

// reachable is where to call a node that listens on every address.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return listen
}

// call runs f with a client and the time-out of one call.
func (a *app) call(cmd *cobra.Command, f func(ctx context.Context, c *sdk.Client) error) error {
	client, err := a.dial(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(cmd.Context(), a.flags.timeout)
	defer cancel()
	err = f(ctx, client)
	if len(sdk.Metadata(err)) > 0 && len(a.known.chains) == 0 && !a.flags.json {
		_, _ = a.loadAssets(ctx, client) // the error can be told without, in base units
	}
	return err
}
