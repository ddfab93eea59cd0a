// Package prompt asks a person on a terminal. An interrupt ends the question and
// leaves the terminal as it was, so that what is typed next is shown.
//
// The caller owes it a context that ends by an interrupt, and to end the process
// soon after: a read of a terminal can't be called off.
package prompt

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// ErrInterrupted: the person ended the question.
var ErrInterrupted = errors.New("interrupted")

// Terminal asks on a terminal until its context ends, as by an interrupt.
type Terminal struct {
	ctx    context.Context
	in     *os.File
	lines  *bufio.Reader
	screen io.Writer
}

// New returns nil where the input is no terminal.
func New(ctx context.Context, in *os.File, screen io.Writer) *Terminal {
	if !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	return &Terminal{ctx: ctx, in: in, lines: bufio.NewReader(in), screen: screen}
}

// Line shows a question and reads a line.
func (t *Terminal) Line(question string) (string, error) {
	return t.ask(question, func() (string, error) {
		line, err := t.lines.ReadString('\n')
		return strings.TrimSpace(line), err
	})
}

// Hidden does it without showing what is typed.
func (t *Terminal) Hidden(question string) (string, error) {
	text, err := t.ask(question, func() (string, error) {
		text, err := term.ReadPassword(int(t.in.Fd()))
		return string(text), err
	})
	if err == nil {
		_, _ = fmt.Fprintln(t.screen) // the line's end was not shown either
	}
	return text, err
}

// ask waits for an answer or an interrupt. A read of a terminal can't be
// called off; after an interrupt it ends with the process.
func (t *Terminal) ask(question string, read func() (string, error)) (string, error) {
	fd := int(t.in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	_, _ = fmt.Fprint(t.screen, question)
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := read()
		answers <- answer{text, err}
	}()
	select {
	case got := <-answers:
		return got.text, got.err
	case <-t.ctx.Done():
		_, _ = fmt.Fprintln(t.screen)
		return "", errors.Join(ErrInterrupted, term.Restore(fd, before)) // what is typed is shown again
	}
}
