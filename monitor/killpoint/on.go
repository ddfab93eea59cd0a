//go:build killpoints

package killpoint

import (
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
)

var passed atomic.Int64

// At kills the process if this is the edge and the passing to die at.
func At(point string) {
	if os.Getenv("KOFO_KILL_AT") != point {
		return
	}
	count, err := strconv.ParseInt(os.Getenv("KOFO_KILL_COUNT"), 10, 64)
	if err != nil || count < 1 {
		count = 1
	}
	if passed.Add(1) != count {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal is on its way; nothing may happen after the edge
}
