package main

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/api/sdk/reason"
)

func (a *app) errorsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "errors [CODE]", Short: "Explain the codes of errors", Args: args(0, 1),
		Long: `errors lists the codes that kofo, kofod and the API give with an error, what each
means and what to do. With a code it explains that one; codes of single chains, which
stand in a node's log only, are known to it too.`,
		Example: "  kofo errors\n  kofo errors COINS_RESERVED",
		RunE: func(_ *cobra.Command, given []string) error {
			groups := reason.Groups()
			var detail reason.Detail
			if len(given) == 1 {
				one, ok := explain(strings.ToUpper(given[0]), &detail)
				if !ok {
					return usage("no code %q; kofo errors lists all", given[0])
				}
				groups = []reason.Group{one}
			}
			if a.flags.json {
				return a.printReasons(groups, detail)
			}
			if detail.Code != "" {
				a.say("%s\n", detail.Code)
				a.tell(noteIndent, "    %s. In a node's log; a call tells %s:", sentence(detail.Text), detail.Told)
			}
			for i, g := range groups {
				if g.Title != "" {
					a.say("%s%s\n\n", strings.Repeat("\n", min(i, 1)), g.Title)
				}
				for _, e := range g.Infos {
					a.say("%s\n", e.Reason)
					a.tell(noteIndent, "    %s.", sentence(e.Text))
					a.tell(noteIndent, "    %s.", sentence(strings.ReplaceAll(e.Advice, "`", "")))
				}
			}
			return nil
		},
	}
}

// explain finds a reason, or the one that a chain's own code is told as.
func explain(code string, detail *reason.Detail) (reason.Group, bool) {
	for _, d := range reason.Details() {
		if d.Code == code {
			*detail = d
			code = string(d.Told)
		}
	}
	info, ok := reason.Lookup(reason.Reason(code))
	return reason.Group{Infos: []reason.Info{info}}, ok
}

func (a *app) printReasons(groups []reason.Group, detail reason.Detail) error {
	out := []map[string]any{}
	for _, g := range groups {
		for _, e := range g.Infos {
			item := map[string]any{
				"reason": e.Reason, "code": e.Code.String(), "text": e.Text, "advice": strings.ReplaceAll(e.Advice, "`", ""),
				"exit": e.Reason.ExitCode(),
			}
			if g.Title != "" {
				item["group"] = g.Title
			}
			if detail.Code != "" {
				item["detail"] = map[string]string{"code": detail.Code, "text": detail.Text}
			}
			out = append(out, item)
		}
	}
	return a.printJSON(map[string]any{"errors": out})
}

// sentence begins with a capital letter.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
