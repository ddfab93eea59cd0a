// Package lint holds the tests that keep the tree in its shape: what the pure
// core may contain, how long a file may be, that every import rule of
// .golangci.yml bites, that docs/safety.md and the tests agree, and that the
// documents' links lead somewhere.
//
// It has no code of its own. Everything here runs with a plain `go test` except
// the test of the linter's rules, which needs the built linter and is behind
// the tag lint (`make lint` sets it).
package lint
