// Package telemetry makes the log and serves the metrics of a process.
//
// Secrets have types that print redacted; the log keeps attributes with telling
// names out as well, so that a plain text under such a name does not slip
// through. Metrics are read when they are asked for, from functions that the
// caller registers; those must be safe for concurrent calls and quick.
package telemetry

import (
	"io"
	"log/slog"
	"slices"
	"strings"
)

const redacted = "redacted"

// telling are names of attributes whose values are never written.
var telling = []string{"secret", "preimage", "passphrase", "password", "authorization", "mnemonic", "words", "private_key", "bearer"}

// Logger writes to w. Level is debug, info, warn or error, format text or
// json; the configuration has checked both.
func Logger(w io.Writer, level, format string) *slog.Logger {
	o := &slog.HandlerOptions{ReplaceAttr: hide}
	var least slog.Level // info, where the text is none
	_ = least.UnmarshalText([]byte(level))
	o.Level = least
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

func hide(_ []string, a slog.Attr) slog.Attr {
	if slices.Contains(telling, strings.ToLower(a.Key)) {
		return slog.String(a.Key, redacted)
	}
	return a
}
