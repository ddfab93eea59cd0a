package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/internal/lines"
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

// tell writes a text for people, folded, and ends the line.
func (a *app) tell(indent int, format string, args ...any) {
	a.say("%s\n", lines.Fold(fmt.Sprintf(format, args...), a.lineWidth(), indent))
}

// lineWidth is that of lines for people.
func (a *app) lineWidth() int {
	if a.live {
		return min(lineLength, a.columns())
	}
	return lineLength
}

// table aligns rows of cells. A row of one cell is a note to the one above it.
func (a *app) table(rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if len(row) > 1 {
				widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			}
		}
	}
	for _, row := range rows {
		if len(row) == 1 {
			a.tell(noteIndent, "%s%s", strings.Repeat(" ", noteIndent), row[0])
			continue
		}
		var b strings.Builder
		last := 0 // where the last cell begins
		for i, cell := range row {
			last = utf8.RuneCountInString(b.String())
			b.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		a.tell(last, "%s", b.String())
	}
}

// noteIndent is where notes in a table begin.
const noteIndent = 4

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
	info, _ := reason.Lookup(r)
	if a.flags.json {
		out.Advice = strings.ReplaceAll(info.Advice, "`", "")
		_ = a.printLine(map[string]any{"error": out})
		return
	}
	words := wordsOf{k: a.known, metadata: out.Metadata, when: a.when}
	text := words.plain(out.Text)
	told := append([]string{"kofo: " + text}, words.rest(text)...)
	switch {
	case out.Reason != "" && info.Advice != "":
		told = append(told, fmt.Sprintf("  %s: %s", out.Reason, words.advice(info.Advice)))
	case out.Reason != "":
		told = append(told, "  "+out.Reason)
	}
	for _, line := range told {
		_, _ = fmt.Fprintln(a.err, lines.Fold(line, a.lineWidth(), noteIndent))
	}
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
