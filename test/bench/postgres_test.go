//go:build e2e

package bench

import (
	"context"
	"testing"

	"github.com/kofo-network/kofo/internal/store/postgrestest"
)

// BenchmarkEngineApplyPostgres is BenchmarkEngineApplySQLite on a PostgreSQL
// server of its own, with the settings that it comes with: every commit is
// written to the disk.
func BenchmarkEngineApplyPostgres(b *testing.B) {
	ctx := context.Background()
	server, err := postgrestest.Start(ctx)
	must(b, err)
	b.Cleanup(func() { must(b, server.Stop(ctx)) })
	dsn, err := server.Create(ctx)
	must(b, err)
	benchEngine(b, dsn)
}
