package main

import (
	"fmt"
	"strings"
)

// prompter asks a person.
type prompter interface {
	// Line shows a question and reads a line.
	Line(question string) (string, error)
	// Hidden does it without showing what is typed.
	Hidden(question string) (string, error)
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
