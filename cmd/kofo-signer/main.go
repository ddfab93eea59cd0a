// Command kofo-signer holds a party's seed and signs for a node that has none.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/internal/signer/daemon"
	"github.com/kofo-network/kofo/internal/telemetry"
	"github.com/kofo-network/kofo/internal/version"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // it ended by a failure
	exitUsage  = 2 // wrong flags or arguments, or a wrong configuration
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// usageError is a wrong call of the program.
type usageError struct{ error }

func execute(ctx context.Context, args, environ []string, out, errs io.Writer) int {
	root := commands(environ) //nolint:contextcheck // commands get theirs from cobra
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if asJSON(root) {
		_ = json.NewEncoder(errs).Encode(map[string]map[string]string{"error": {"text": err.Error()}})
	} else {
		_, _ = fmt.Fprintf(errs, "kofo-signer: %v\n", err)
	}
	var usage usageError
	if errors.As(err, &usage) || errors.Is(err, daemon.ErrConfig) {
		return exitUsage
	}
	return exitFailed
}

func asJSON(root *cobra.Command) bool {
	f := root.PersistentFlags().Lookup("json")
	return f != nil && f.Value.String() == "true"
}

const longRoot = `kofo-signer holds a party's seed, and signs for one node that has none. It judges by
itself what it signs, by the rules of its configuration: chains, payout accounts,
limits by day, fees. docs/signers.md says how it and the node get to know each other.

It reads kofo-signer.yml (or --config). The seed file is made by kofo init. SIGINT and
SIGTERM stop it; the node asks again when it is back.

With --json a command prints one JSON document, and a failure is an object with
"error"; while it runs, its log is JSON on standard error.

Exit codes: 0 stopped, 1 failed, 2 wrong usage or configuration.`

func commands(environ []string) *cobra.Command {
	root := &cobra.Command{
		Use: "kofo-signer", Short: "Keys of a Kofo node in a process of their own", Long: longRoot,
		Example:      "  kofo-signer --config /etc/kofo/kofo-signer.yml\n  kofo-signer certificate > signer.crt",
		SilenceUsage: true, SilenceErrors: true, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd)
			if err != nil {
				return err
			}
			format := "text"
			if asJSON(cmd.Root()) {
				format = "json"
			}
			return daemon.Run(cmd.Context(), c, daemon.Options{
				Log: telemetry.Logger(cmd.ErrOrStderr(), "info", format), Environ: environ, Ready: cmd.OutOrStdout(),
			})
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.PersistentFlags().String("config", "kofo-signer.yml", "configuration file")
	root.PersistentFlags().Bool("json", false, "print JSON")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		&cobra.Command{
			Use: "certificate", Short: "Print the certificate that the node has to know", Args: noArgs,
			Example: "  kofo-signer certificate > signer.crt",
			RunE: func(cmd *cobra.Command, _ []string) error {
				c, err := load(cmd)
				if err != nil {
					return err
				}
				certificate, err := daemon.Certificate(c)
				if err != nil {
					return err
				}
				return show(cmd, map[string]string{"certificate": string(certificate)}, string(certificate))
			},
		},
		&cobra.Command{
			Use: "version", Short: "Print the version", Args: noArgs, Example: "  kofo-signer version",
			RunE: func(cmd *cobra.Command, _ []string) error {
				v := version.Get()
				return show(cmd, map[string]string{"version": v.Number, "commit": v.Commit}, fmt.Sprintf("kofo-signer %s\n", v))
			},
		},
	)
	return root
}

func load(cmd *cobra.Command) (daemon.Config, error) {
	return daemon.Load(cmd.Root().PersistentFlags().Lookup("config").Value.String())
}

func show(cmd *cobra.Command, value map[string]string, text string) error {
	if asJSON(cmd.Root()) {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(value)
	}
	_, err := fmt.Fprint(cmd.OutOrStdout(), text)
	return err
}

func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unexpected argument %q", args[0])}
	}
	return nil
}
