package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// prompter asks a person.
type prompter interface {
	// Line shows a question and reads a line.
	Line(question string) (string, error)
	// Hidden does it without showing what is typed.
	Hidden(question string) (string, error)
}

// terminal asks on a terminal.
type terminal struct {
	in     *os.File
	lines  *bufio.Reader
	screen io.Writer
}

// terminalPrompt is nil where the input is no terminal.
func terminalPrompt(in *os.File, screen io.Writer) prompter {
	if !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	return &terminal{in: in, lines: bufio.NewReader(in), screen: screen}
}

func (t *terminal) Line(question string) (string, error) {
	_, _ = fmt.Fprint(t.screen, question)
	line, err := t.lines.ReadString('\n')
	return strings.TrimSpace(line), err
}

func (t *terminal) Hidden(question string) (string, error) {
	_, _ = fmt.Fprint(t.screen, question)
	text, err := term.ReadPassword(int(t.in.Fd()))
	_, _ = fmt.Fprintln(t.screen)
	return string(text), err
}

// confirm asks for a yes, unless it was given on the command line.
func (a *app) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	if a.prompt == nil || a.flags.json {
		return usage("this asks for a confirmation; say --yes where nobody can answer")
	}
	answer, err := a.prompt.Line(question + " [y/N] ")
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
		return errDeclined
	}
	return nil
}
