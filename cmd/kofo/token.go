package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kofo-network/kofo/api/sdk"
)

var scopes = map[string]sdk.Scope{
	"read": sdk.ScopeRead, "quote": sdk.ScopeQuote, "trade": sdk.ScopeTrade, "refund": sdk.ScopeRefund,
	"withdraw": sdk.ScopeWithdraw, "admin": sdk.ScopeAdmin,
}

func (a *app) tokenCommands() *cobra.Command {
	return group("token", "Credentials of the API", a.createTokenCommand(), a.listTokensCommand(), a.revokeTokenCommand())
}

type tokenFlags struct {
	name, out             string
	scopes, caps, payouts []string
	expires               time.Duration
}

func (a *app) createTokenCommand() *cobra.Command {
	var f tokenFlags
	cmd := &cobra.Command{
		Use: "create", Short: "Make a token; its text is shown once", Args: args(0, 0),
		Example: `  kofo token create --name dashboard --scope read` + "\n" +
			`  kofo token create --name desk --scope read,quote,trade --cap "1 BTC" --expires 720h --out d.token`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error { return a.createToken(ctx, c, f) })
		},
	}
	cmd.Flags().StringVar(&f.name, "name", "", "name for people")
	cmd.Flags().StringSliceVar(&f.scopes, "scope", nil, "read, quote, trade, refund, withdraw or admin; several with commas")
	cmd.Flags().StringArrayVar(&f.caps, "cap", nil, `most of an asset in one call: "1 BTC"; with any cap, assets without one can't be moved`)
	cmd.Flags().StringArrayVar(&f.payouts, "payout", nil, "CAIP-10 account that it may withdraw to; any where none is given")
	cmd.Flags().DurationVar(&f.expires, "expires", 0, "end by itself after this time")
	cmd.Flags().StringVar(&f.out, "out", "", "write the text to this new file instead of showing it")
	return cmd
}

func (a *app) createToken(ctx context.Context, c *sdk.Client, f tokenFlags) error {
	req := &sdk.CreateTokenRequest{Name: f.name, Payouts: f.payouts}
	if f.name == "" || len(f.scopes) == 0 {
		return usage("both --name and --scope are needed")
	}
	for _, name := range f.scopes {
		scope, ok := scopes[name]
		if !ok {
			return usage("no scope %q", name)
		}
		req.Scopes = append(req.Scopes, scope)
	}
	if len(f.caps) > 0 {
		k, err := a.loadAssets(ctx, c)
		if err != nil {
			return err
		}
		for _, text := range f.caps {
			most, err := k.parse(text)
			if err != nil {
				return err
			}
			req.Caps = append(req.Caps, &sdk.Cap{PerCall: most})
		}
	}
	if f.expires > 0 {
		req.ExpiresAt = timestamppb.New(a.now().Add(f.expires))
	}
	var file *os.File
	if f.out != "" { // before the token is made: its text is given once
		var err error
		if file, err = os.OpenFile(f.out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return fmt.Errorf("token file: %w", err)
		}
	}
	answer, err := c.Tokens.CreateToken(ctx, req)
	if file != nil {
		if err != nil {
			return errors.Join(err, file.Close(), os.Remove(f.out))
		}
		_, err = file.WriteString(answer.GetText() + "\n")
		if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
			return fmt.Errorf("token file: %w", err)
		}
		answer.Text = ""
	}
	if err != nil {
		return err
	}
	return a.show(answer, func() {
		a.say("Token %s (%s)\n", answer.GetToken().GetId(), answer.GetToken().GetName())
		if answer.GetText() != "" {
			a.say("Its text, shown this once:\n\n%s\n", answer.GetText())
		} else {
			a.say("Its text is in %s\n", f.out)
		}
	})
}

func (a *app) listTokensCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List tokens, without their texts", Args: args(0, 0), Example: "  kofo token list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				var tokens []*sdk.TokenInfo
				for t, err := range c.AllTokens(ctx) {
					if err != nil {
						return err
					}
					tokens = append(tokens, t)
				}
				if a.flags.json {
					list, err := encodeAll("tokens", tokens)
					if err != nil {
						return err
					}
					return a.printJSON(list)
				}
				rows := [][]string{{"ID", "NAME", "STATE", "MADE"}}
				for _, t := range tokens {
					var names []string
					for _, s := range t.GetScopes() {
						names = append(names, word(s.String(), "SCOPE_"))
					}
					rows = append(rows,
						[]string{t.GetId(), t.GetName(), a.tokenState(t), clock(sdk.Time(t.GetCreatedAt()))},
						[]string{"scopes: " + strings.Join(names, ", ")})
				}
				a.table(rows)
				return nil
			})
		},
	}
}

func (a *app) tokenState(t *sdk.TokenInfo) string {
	switch expires := sdk.Time(t.GetExpiresAt()); {
	case t.GetRevokedAt() != nil:
		return "revoked"
	case expires.IsZero():
		return "valid"
	case expires.Before(a.now()):
		return "expired"
	default:
		return "valid, ends " + a.when(t.GetExpiresAt())
	}
}

func (a *app) revokeTokenCommand() *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID", Short: "End a token at once, running streams too", Args: args(1, 1), Example: "  kofo token revoke 8f00b204e980",
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				answer, err := c.Tokens.RevokeToken(ctx, &sdk.RevokeTokenRequest{Id: given[0]})
				if err != nil {
					return err
				}
				return a.show(answer, func() { a.say("Token %s is revoked.\n", answer.GetToken().GetId()) })
			})
		},
	}
}
