package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// TestComposeConfiguration: the file that docker-compose.yml mounts is one
// that the daemon takes, with the environment that it is given there.
func TestComposeConfiguration(t *testing.T) {
	var out, errs bytes.Buffer
	code := execute(context.Background(), process{
		args: []string{"config", "check", "--config", "../../deploy/compose/kofod.yml"},
		environ: []string{
			"KOFO_STORE_DSN=postgres://kofo:pw@postgres:5432/kofo?sslmode=disable",
			"KOFO_BUS_URL=nats://kofo:pw@nats:4222",
			"KOFO_BITCOIN_RPC_PASSWORD=pw",
		},
		out: &out, err: &errs,
	})
	if code != exitOK || !strings.HasPrefix(out.String(), "good: 2 chains") {
		t.Fatalf("exit %d: %s%s", code, out.String(), errs.String())
	}
}
