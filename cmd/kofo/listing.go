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
	var asCSV bool
	cmd := &cobra.Command{
		Use: "list", Short: "List swaps and offers, the newest first", Args: args(0, 0),
		Long: `list shows swaps and offers, the newest first. With --csv it prints all of them for
the books: one row for each with its outcome, its times (UTC), what was given and
received, and the fees paid on either chain, in whole coins.`,
		Example: "  kofo swap list\n  kofo swap list --which open\n  kofo swap list --which closed --csv > swaps.csv",
		RunE: func(cmd *cobra.Command, _ []string) error {
			phases, ok := phaseFilters[which]
			if !ok {
				return usage("--which is all, open or closed, not %q", which)
			}
			if asCSV && a.flags.json {
				return usage("--csv and --json exclude each other")
			}
			if asCSV && !cmd.Flags().Changed("most") {
				most = 0 // books have no gaps
			}
			return a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				swaps, err := someSwaps(ctx, c, most, phases)
				if err != nil {
					return err
				}
				if a.flags.json {
					list, err := encodeAll("swaps", swaps)
					if err != nil {
						return err
					}
					return a.printJSON(list)
				}
				k, err := a.loadAssets(ctx, c)
				if err != nil {
					return err
				}
				if asCSV {
					return writeBooks(a.out, k, swaps)
				}
				a.printList(k, swaps)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&which, "which", "all", "all, open or closed")
	cmd.Flags().IntVar(&most, "most", 50, "most to list; 0 for all (with --csv all where not given)")
	cmd.Flags().BoolVar(&asCSV, "csv", false, "print CSV for the books")
	return cmd
}

// someSwaps are the newest; 0 takes all.
func someSwaps(ctx context.Context, c *sdk.Client, most int, phases []sdk.Phase) ([]*sdk.Swap, error) {
	var swaps []*sdk.Swap
	for s, err := range c.AllSwaps(ctx, phases...) {
		if err != nil {
			return nil, err
		}
		if swaps = append(swaps, s); len(swaps) == most {
			break
		}
	}
	return swaps, nil
}

func (a *app) printList(k assets, swaps []*sdk.Swap) {
	if len(swaps) == 0 {
		a.say("No swaps.\n")
		return
	}
	rows := [][]string{{"ID", "STATE", "YOU PAY", "YOU ARE PAID", "NEXT"}}
	for _, s := range swaps {
		rows = append(rows, []string{brief(idOf(s)), phaseWord(s), k.human(s.GetSends()), k.human(s.GetReceives()), a.nextShort(s)})
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
				k, err := a.loadAssets(ctx, c)
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
				rows := [][]string{{"TIME", "WHAT"}}
				for _, e := range entries {
					rows = append(rows, []string{clock(sdk.Time(e.GetTime())), e.GetText()})
					if e.GetTxid() != "" {
						rows = append(rows, []string{"tx " + e.GetTxid()})
					}
				}
				a.table(rows)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&everything, "all", false, "new blocks and checks too")
	return cmd
}
