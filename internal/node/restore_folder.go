package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/kofo-network/kofo/internal/copies"
)

// readTime is the patience of a restore.
const readTime = 15 * time.Second

// gatherFolder reads a folder. That one is not there, or does not answer, is
// told: another one may have the copies.
func (r *restorer) gatherFolder(ctx context.Context, f copies.Folder) {
	s := SourceReport{Name: "copies in " + f.Dir}
	paths, err := within(ctx, r.patience, f.Paths)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.Problems = append(s.Problems, "there is no such folder")
	case err != nil:
		s.Problems = append(s.Problems, err.Error())
	}
	for i, path := range paths {
		found, err := within(ctx, r.patience, func() (copies.Found, error) { return f.Look(path), nil })
		if err != nil {
			s.Problems = append(s.Problems, fmt.Sprintf("%d files were not read: %v", len(paths)-i, err))
			break
		}
		if err = found.Err; err != nil {
			err = fmt.Errorf("%s: %w", filepath.Base(found.Path), err)
		}
		r.take(&s, found.Copy, err)
	}
	r.report.Sources = append(r.report.Sources, s)
}

// within gives a call up after a while. It is left behind where it never comes
// back, and nothing more is asked of whoever it hangs in.
func within[T any](ctx context.Context, limit time.Duration, call func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errPlaceHangs)
	defer cancel()
	done := make(chan result, 1)
	go func() {
		value, err := call()
		done <- result{value, err}
	}()
	select {
	case got := <-done:
		return got.value, got.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
