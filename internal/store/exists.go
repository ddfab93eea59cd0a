package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Exists reports whether a node's data stand at a DSN. It changes nothing.
func Exists(ctx context.Context, dsn string) (found bool, err error) {
	if !isPostgres(dsn) {
		info, err := os.Stat(dsn)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return err == nil && info.Size() > 0, err
	}
	write, read, err := postgresDialect.open(dsn)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, read.Close(), write.Close()) }()
	var n int
	// The table itself may be missing, which is no error here.
	err = read.QueryRowContext(ctx, "SELECT count(*) FROM information_schema.tables WHERE table_name = 'node' AND table_schema = current_schema()").Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for data: %w", err)
	}
	return n > 0, nil
}

func isPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}
