// Command kofo is the command line for people: it makes a node's seed and
// talks to a node by its API.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/kofo-network/kofo/internal/prompt"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	a := &app{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ(), now: time.Now,
		live: term.IsTerminal(int(os.Stdout.Fd())),
	}
	if t := prompt.New(ctx, os.Stdin, os.Stderr); t != nil {
		a.prompt = t
	}
	code := a.execute(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
