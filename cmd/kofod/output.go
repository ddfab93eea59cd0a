package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/lines"
	"github.com/kofo-network/kofo/internal/node"
)

// jsonWanted reads a flag of the root, which is there after a failure too.
func jsonWanted(cmd *cobra.Command) bool {
	f := cmd.Root().PersistentFlags().Lookup("json")
	return f != nil && f.Value.String() == "true"
}

// show prints a result: as JSON where that was asked for, else as text.
func show(cmd *cobra.Command, result any, format string, args ...any) error {
	if jsonWanted(cmd) {
		return printJSON(cmd.OutOrStdout(), result)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), format, args...)
	return err
}

func printJSON(out io.Writer, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		_, err = fmt.Fprintln(out, string(raw))
	}
	return err
}

// readyJSON turns the line that says that a node serves into an object.
type readyJSON struct{ out io.Writer }

func (r readyJSON) Write(line []byte) (int, error) {
	address := strings.TrimSpace(strings.TrimPrefix(string(line), "ready "))
	if err := json.NewEncoder(r.out).Encode(map[string]string{"ready": address}); err != nil {
		return 0, err
	}
	return len(line), nil
}

// failure is how a command failed.
type failure struct {
	Reason   string    `json:"reason,omitempty"`
	Text     string    `json:"text"`
	Advice   string    `json:"advice,omitempty"`
	Problems []problem `json:"problems,omitempty"`
	Exit     int       `json:"exit"`
}

// problem is one of those of a configuration.
type problem struct {
	Reason  string `json:"reason"`
	Key     string `json:"key,omitempty"`
	Line    int    `json:"line,omitempty"`
	Text    string `json:"text"`
	Suggest string `json:"suggest,omitempty"`
}

func failureOf(err error) failure {
	code, passing := node.Reason(err)
	f := failure{Reason: code, Text: err.Error(), Exit: exitFailed}
	if info, ok := reason.Lookup(reason.Reason(code)); ok {
		f.Advice = lines.Advice(info.Advice, lines.Nothing)
	}
	var usage usageError
	switch {
	case errors.As(err, &usage):
		f.Exit = exitUsage
	case !passing, code == string(reason.WrongChain): // a node that runs tries again, one that starts does not
		f.Exit = exitRefused
	}
	var wrong *config.Error
	if errors.As(err, &wrong) {
		f.Advice = "correct what is named"
		for _, p := range wrong.Problems {
			f.Problems = append(f.Problems, problem(p))
		}
	}
	return f
}

// print tells a person or a program; nobody is left who could be told that it
// failed.
func (f failure) print(p process, asJSON bool) {
	if asJSON {
		_ = json.NewEncoder(p.out).Encode(map[string]any{"error": f})
		return
	}
	text := f.Text
	if first, _, _ := strings.Cut(f.Advice, ":"); first != "" {
		text = strings.TrimSuffix(text, "; "+first) // said once
	}
	told := []string{"kofod: " + text}
	switch {
	case f.Reason == "":
	case f.Advice == "":
		told = append(told, "  "+f.Reason)
	case !slices.ContainsFunc(f.Problems, func(p problem) bool { return p.Reason == f.Reason }):
		told = append(told, "  "+f.Reason+": "+f.Advice)
	}
	for _, line := range told {
		_, _ = fmt.Fprintln(p.err, lines.Fold(line, lines.Width, noteIndent))
	}
}

// noteIndent is where what is broken off a line begins.
const noteIndent = 4
