//go:build !linux

package disk

import (
	"errors"
	"os"
)

// allocate is not there; the caller writes.
func allocate(*os.File, int64) error { return errors.ErrUnsupported }
