package config

import (
	"fmt"
	"slices"
	"strings"
)

// Reason codes of problems.
const (
	ReasonFile       = "CONFIG_FILE"            // the file cannot be read
	ReasonSyntax     = "CONFIG_SYNTAX"          // it is no YAML
	ReasonUnknownKey = "CONFIG_UNKNOWN_KEY"     // a key that does not exist
	ReasonTwice      = "CONFIG_TWICE"           // a key or a name given twice
	ReasonBadValue   = "CONFIG_BAD_VALUE"       // a value that is none of its key
	ReasonMissing    = "CONFIG_MISSING"         // a value that is needed
	ReasonConflict   = "CONFIG_CONFLICT"        // two values that exclude each other
	ReasonProfile    = "CONFIG_PROFILE_REFUSED" // the devnet profile on another chain
	ReasonTooLong    = "CONFIG_LOCKS_TOO_LONG"  // time locks beyond policy.max_lock
	ReasonMainnet    = "MAINNET_REFUSED"        // a chain that is no known test network
)

// reasonBadConfig is the code of the API for a whole configuration.
const reasonBadConfig = "BAD_CONFIG"

// Problem is one thing that is wrong.
type Problem struct {
	Reason  string
	Key     string // such as "chains[1].url", or a variable of the environment
	Line    int    // in the file; 0 where it stands elsewhere
	Text    string
	Suggest string // what may have been meant
}

func (p Problem) String() string {
	var b strings.Builder
	if p.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", p.Line)
	}
	if p.Key != "" {
		fmt.Fprintf(&b, "%s: ", p.Key)
	}
	b.WriteString(p.Text)
	if p.Suggest != "" {
		fmt.Fprintf(&b, "; did you mean %q?", p.Suggest)
	}
	fmt.Fprintf(&b, " [%s]", p.Reason)
	return b.String()
}

// Error is every problem of a configuration.
type Error struct {
	File     string
	Problems []Problem
}

func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	head := "the configuration is wrong"
	if e.File != "" {
		head += " (" + e.File + ")"
	}
	return head + ":\n  " + strings.Join(lines, "\n  ")
}

// Reason is the code of the API that stands for the whole.
func (e *Error) Reason() string {
	if slices.ContainsFunc(e.Problems, func(p Problem) bool { return p.Reason == ReasonMainnet }) {
		return ReasonMainnet
	}
	return reasonBadConfig
}

// Metadata says which key, as errors of the API do.
func (e *Error) Metadata() map[string]string {
	if len(e.Problems) == 0 {
		return nil
	}
	return map[string]string{"field": e.Problems[0].Key}
}
