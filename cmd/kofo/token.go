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
	name, out                     string
	scopes, caps, perDay, payouts []string
	expires                       time.Duration
}

func (a *app) createTokenCommand() *cobra.Command {
	var f tokenFlags
	cmd := &cobra.Command{
		Use: "create", Short: "Make a token; its text is shown once", Args: args(0, 0),
		Long: `create makes a token with scopes, and with caps if any are given. A token without
caps pays any amount. With one cap or more, an asset without a cap can't be paid
at all; what a swap receives needs none. --cap is for one call, --cap-per-day for
any 24 hours; an asset with the second alone can pay as much in one call.`,
		Example: `  kofo token create --name dashboard --scope read --out d.token` + "\n" +
			`  kofo token create --name desk --scope read,quote,trade --cap "1 BTC" --cap "20 ETH" --expires 720h` + "\n" +
			`  kofo token create --name bot --scope trade --cap-per-day "2 BTC" --cap-per-day "40 ETH"`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error { return a.createToken(ctx, c, f) })
		},
	}
	cmd.Flags().StringVar(&f.name, "name", "", "name for people")
	cmd.Flags().StringSliceVar(&f.scopes, "scope", nil, "read, quote, trade, refund, withdraw or admin; several with commas")
	cmd.Flags().StringArrayVar(&f.caps, "cap", nil, `most of an asset to pay in one call: "1 BTC"; with one cap, what has none can't be paid`)
	cmd.Flags().StringArrayVar(&f.perDay, "cap-per-day", nil, `most of an asset in any 24 hours: "2 BTC"`)
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
	var err error
	if req.Caps, err = a.caps(ctx, c, f); err != nil {
		return err
	}
	if f.expires > 0 {
		req.ExpiresAt = timestamppb.New(a.now().Add(f.expires))
	}
	var file *os.File
	if f.out != "" { // before the token is made: its text is given once
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

// caps are those by call and by day, one for each asset.
func (a *app) caps(ctx context.Context, c *sdk.Client, f tokenFlags) ([]*sdk.Cap, error) {
	if len(f.caps)+len(f.perDay) == 0 {
		return nil, nil
	}
	k, err := a.loadAssets(ctx, c)
	if err != nil {
		return nil, err
	}
	var out []*sdk.Cap
	byAsset := map[string]*sdk.Cap{}
	for _, text := range f.caps {
		most, err := k.parse(text)
		if err != nil {
			return nil, err
		}
		if byAsset[most.GetAsset()] != nil {
			return nil, usage("--cap is given twice for %s", k.find(most.GetAsset()).GetSymbol())
		}
		byAsset[most.GetAsset()] = &sdk.Cap{PerCall: most}
		out = append(out, byAsset[most.GetAsset()])
	}
	for _, text := range f.perDay {
		most, err := k.parse(text)
		if err != nil {
			return nil, err
		}
		limit := byAsset[most.GetAsset()]
		if limit == nil {
			limit = &sdk.Cap{PerCall: most}
			byAsset[most.GetAsset()] = limit
			out = append(out, limit)
		}
		if limit.GetPerDay() != "" {
			return nil, usage("--cap-per-day is given twice for %s", k.find(most.GetAsset()).GetSymbol())
		}
		limit.PerDay = most.GetAmount()
	}
	return out, nil
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
				k, err := a.loadAssets(ctx, c)
				if err != nil {
					return err
				}
				rows := [][]string{{"ID", "NAME", "STATE", "MADE"}}
				for _, t := range tokens {
					rows = append(rows, []string{t.GetId(), t.GetName(), a.tokenState(t), clock(sdk.Time(t.GetCreatedAt()))})
					rows = append(rows, tokenNotes(k, t)...)
				}
				a.table(rows)
				return nil
			})
		},
	}
}

// tokenNotes are what a token allows.
func tokenNotes(k assets, t *sdk.TokenInfo) [][]string {
	var names []string
	for _, s := range t.GetScopes() {
		names = append(names, word(s.String(), "SCOPE_"))
	}
	rows := [][]string{{"scopes: " + strings.Join(names, ", ")}}
	for _, limit := range t.GetCaps() {
		text := "cap: " + k.human(limit.GetPerCall()) + " on " + k.chainName(chainOf(limit.GetPerCall())) + " a call"
		if limit.GetPerDay() != "" {
			text += ", " + k.human(&sdk.AssetAmount{Asset: limit.GetPerCall().GetAsset(), Amount: limit.GetPerDay()}) + " in 24 hours"
		}
		rows = append(rows, []string{text})
	}
	for _, account := range t.GetPayouts() {
		rows = append(rows, []string{"payout: " + account})
	}
	return rows
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
		Use: "revoke ID", Short: "End a token at once, running streams too", Args: args(1, 1), Example: "  kofo token revoke 8f00b204",
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				id, err := resolveToken(ctx, c, given[0])
				if err != nil {
					return err
				}
				answer, err := c.Tokens.RevokeToken(ctx, &sdk.RevokeTokenRequest{Id: id})
				if err != nil {
					return err
				}
				return a.show(answer, func() { a.say("Token %s is revoked.\n", answer.GetToken().GetId()) })
			})
		},
	}
}

// resolveToken takes the id of a token, or the beginning of one. What names
// none is the node's to refuse.
func resolveToken(ctx context.Context, c *sdk.Client, text string) (string, error) {
	if len(text) < leastPrefix {
		return "", usage("%q is too short for the beginning of an id: %d characters at least", text, leastPrefix)
	}
	var found []string
	for t, err := range c.AllTokens(ctx) {
		switch {
		case err != nil:
			return "", err
		case t.GetId() == text:
			return text, nil
		case strings.HasPrefix(t.GetId(), text):
			found = append(found, t.GetId())
		}
	}
	switch len(found) {
	case 0:
		return text, nil
	case 1:
		return found[0], nil
	}
	return "", usage("several tokens begin with %q: %s", text, strings.Join(found, ", "))
}
