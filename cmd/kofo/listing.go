package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/api/sdk"
)

// maxText bounds what is read from standard input; tickets are shorter.
const maxText = 64 << 10

func readLine(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, maxText)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", usage("nothing on standard input")
	}
	return line, nil
}

var phaseFilters = map[string][]sdk.Phase{
	"all": nil,
	"open": {
		sdk.PhaseOffered, sdk.PhaseAccepted, sdk.PhaseAgreed, sdk.PhaseFunding, sdk.PhaseFunded, sdk.PhaseRevealing,
		sdk.PhaseRedeeming, sdk.PhaseRefunding,
	},
	"closed": {sdk.PhaseClosed},
}

func (a *app) listCommand() *cobra.Command {
	var which string
	var most int
	cmd := &cobra.Command{
		Use: "list", Short: "List swaps and offers, the newest first", Args: args(0, 0),
		Example: "  kofo swap list\n  kofo swap list --which open",
		RunE: func(cmd *cobra.Command, _ []string) error {
			phases, ok := phaseFilters[which]
			if !ok {
				return usage("--which is all, open or closed, not %q", which)
			}
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				var swaps []*sdk.Swap
				for s, err := range c.AllSwaps(ctx, phases...) {
					if err != nil {
						return err
					}
					if swaps = append(swaps, s); len(swaps) == most {
						break
					}
				}
				if a.flags.json {
					list, err := encodeAll("swaps", swaps)
					if err != nil {
						return err
					}
					return a.printJSON(list)
				}
				k, err := loadAssets(ctx, c)
				if err != nil {
					return err
				}
				a.printList(k, swaps)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&which, "which", "all", "all, open or closed")
	cmd.Flags().IntVar(&most, "most", 50, "most to list")
	return cmd
}

func (a *app) printList(k assets, swaps []*sdk.Swap) {
	if len(swaps) == 0 {
		a.say("No swaps.\n")
		return
	}
	rows := [][]string{{"ID", "STATE", "YOU PAY", "YOU ARE PAID", "NEXT"}}
	for _, s := range swaps {
		rows = append(rows, []string{short(idOf(s)), phaseWord(s), k.human(s.GetSends()), k.human(s.GetReceives()), a.nextShort(s)})
	}
	a.table(rows)
}

// nextShort is the next action in a few words.
func (a *app) nextShort(s *sdk.Swap) string {
	next := s.GetNextAction()
	if s.GetPhase() == sdk.PhaseClosed {
		return ""
	}
	text := word(next.GetKind().String(), "ACTION_KIND_")
	if at := sdk.Time(next.GetAtTime()); !at.IsZero() && at.After(a.now()) {
		text += " in " + span(at.Sub(a.now()))
	}
	if s.GetRisk().GetAtRisk() {
		text += " (FUNDS AT RISK)"
	}
	return text
}

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show one swap: what happened, what comes next, what it cost", Args: args(1, 1),
		Example: "  kofo swap show 3f9a21",
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				id, err := resolve(ctx, c, given[0])
				if err != nil {
					return err
				}
				answer, err := c.Settlement.Get(ctx, &sdk.GetRequest{Id: id})
				if err != nil || a.flags.json {
					return errors.Join(err, a.showIf(err == nil, answer))
				}
				k, err := loadAssets(ctx, c)
				if err != nil {
					return err
				}
				entries, err := history(ctx, c, id)
				if err != nil {
					return err
				}
				a.say("%s", a.render(view{k: k, swap: answer.GetSwap(), entries: entries}))
				return nil
			})
		},
	}
}

// showIf prints an answer as JSON, if there is one.
func (a *app) showIf(ok bool, answer *sdk.GetResponse) error {
	if !ok {
		return nil
	}
	return a.show(answer, func() {})
}

// history is all that people want to see of a swap's history.
func history(ctx context.Context, c *sdk.Client, id string) ([]*sdk.HistoryEntry, error) {
	var out []*sdk.HistoryEntry
	for e, err := range c.AllHistory(ctx, id) {
		if err != nil {
			return nil, err
		}
		if !slices.Contains(quietKinds, e.GetKind()) {
			out = append(out, e)
		}
	}
	return out, nil
}

// quietKinds are steps that say nothing to a person who watches.
var quietKinds = []string{"tip-advanced", "funding-checked", "reveal-checked"}

func (a *app) historyCommand() *cobra.Command {
	var everything bool
	cmd := &cobra.Command{
		Use: "history ID", Short: "Show what happened to a swap, the oldest first", Args: args(1, 1),
		Example: "  kofo swap history 3f9a21\n  kofo swap history 3f9a21 --all",
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				id, err := resolve(ctx, c, given[0])
				if err != nil {
					return err
				}
				var entries []*sdk.HistoryEntry
				for e, err := range c.AllHistory(ctx, id) {
					if err != nil {
						return err
					}
					if everything || a.flags.json || !slices.Contains(quietKinds, e.GetKind()) {
						entries = append(entries, e)
					}
				}
				if a.flags.json {
					list, err := encodeAll("entries", entries)
					if err != nil {
						return err
					}
					return a.printJSON(list)
				}
				rows := [][]string{{"TIME", "WHAT", "TRANSACTION"}}
				for _, e := range entries {
					rows = append(rows, []string{clock(sdk.Time(e.GetTime())), e.GetText(), e.GetTxid()})
				}
				a.table(rows)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&everything, "all", false, "new blocks and checks too")
	return cmd
}
