package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/kofo-network/kofo/adapters"
)

// ErrRunning is returned where another process works on the data folder.
var ErrRunning = errors.New("another node works on this data folder")

// ReasonAlreadyRunning is the reason code of ErrRunning.
const ReasonAlreadyRunning = "ALREADY_RUNNING"

const lockFile = "kofod.lock"

// lock takes the data folder for this process until release. The operating
// system frees it when the process dies, however it dies.
func lock(dir string) (release func(), err error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		running := &adapters.Error{
			Reason: ReasonAlreadyRunning, Op: "open the data folder " + dir, Advice: "stop it first", Err: ErrRunning,
		}
		return nil, errors.Join(running, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// diskFree is the number of bytes that this process may still write in dir.
func diskFree(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("ask the free space of %s: %w", dir, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}
