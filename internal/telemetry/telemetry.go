// Package telemetry makes the log and serves the metrics of a process.
//
// Secrets have types that print redacted; the log keeps attributes with telling
// names out as well, so that a plain text under such a name does not slip
// through. Metrics are read when they are asked for, from functions that the
// caller registers; those must be safe for concurrent calls and quick.
//
// Traces go to a collector by OTLP over gRPC, which is in the process anyway. They
// are off without an endpoint, and then a nil *Traces costs nothing. Spans wait in
// a queue that has a bound and are dropped beyond it: nobody who moves money waits
// for a collector. The last station before the wire lets through the names that are
// listed there and nothing else, no text of an error among them.
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
