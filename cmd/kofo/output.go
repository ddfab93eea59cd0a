package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

// say writes text for people; what fails to be written has no other reader.
func (a *app) say(format string, args ...any) { _, _ = fmt.Fprintf(a.out, format, args...) }

// show prints an answer: as JSON where that was asked for, else by text.
func (a *app) show(m proto.Message, text func()) error {
	if !a.flags.json {
		text()
		return nil
	}
	raw, err := encode(m)
	if err != nil {
		return err
	}
	return a.printJSON(raw)
}

// encode is the JSON of the API's REST face, without the random blanks that
// the library puts in.
func encode(m proto.Message) (json.RawMessage, error) {
	raw, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode the answer: %w", err)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		return nil, fmt.Errorf("encode the answer: %w", err)
	}
	return out.Bytes(), nil
}

// encodeAll is a list of messages under a name.
func encodeAll[M proto.Message](name string, list []M) (map[string]any, error) {
	items := make([]json.RawMessage, len(list))
	for i, m := range list {
		raw, err := encode(m)
		if err != nil {
			return nil, err
		}
		items[i] = raw
	}
	return map[string]any{name: items}, nil
}

// printJSON writes one document for people and programs.
func (a *app) printJSON(v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		_, err = fmt.Fprintln(a.out, string(raw))
	}
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// printLine writes one document on one line.
func (a *app) printLine(v any) error {
	raw, err := json.Marshal(v)
	if err == nil {
		_, err = fmt.Fprintln(a.out, string(raw))
	}
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// table aligns rows of cells.
func (a *app) table(rows [][]string) {
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintln(w, strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	_ = w.Flush()
}

// printedError is a failure as JSON.
type printedError struct {
	Reason   string            `json:"reason,omitempty"`
	Text     string            `json:"text"`
	Advice   string            `json:"advice,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Exit     int               `json:"exit"`
}

func (a *app) printError(err error) {
	out := printedError{Text: sdk.Message(err), Metadata: sdk.Metadata(err), Exit: exitCode(err)}
	r := reasonOf(err)
	out.Reason = string(r)
	if info, ok := reason.Lookup(r); ok {
		out.Advice = strings.ReplaceAll(info.Advice, "`", "")
	}
	if a.flags.json {
		_ = a.printLine(map[string]any{"error": out})
		return
	}
	_, _ = fmt.Fprintln(a.err, "kofo:", out.Text)
	for _, key := range []string{reason.KeyMissing, reason.KeyMin, reason.KeyMax, reason.KeyAt} {
		if v := out.Metadata[key]; v != "" {
			_, _ = fmt.Fprintf(a.err, "  %s: %s %s\n", key, v, baseOf(key, out.Metadata))
		}
	}
	if out.Reason != "" {
		_, _ = fmt.Fprintf(a.err, "  %s: %s\n", out.Reason, out.Advice)
	}
}

// baseOf names the unit of a number in an error's metadata.
func baseOf(key string, metadata map[string]string) string {
	if key == reason.KeyAt {
		return ""
	}
	return "base units of " + metadata[reason.KeyAsset]
}

// reasonOf finds the stable reason of an error of a call, of the wallet or of
// the configuration.
func reasonOf(err error) reason.Reason {
	if r := sdk.Reason(err); r != "" {
		return r
	}
	var known interface {
		error
		Reason() string
	}
	if errors.As(err, &known) {
		return reason.Reason(known.Reason())
	}
	return ""
}
