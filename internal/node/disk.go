package node

import (
	"context"

	"github.com/kofo-network/kofo/internal/disk"
	"github.com/kofo-network/kofo/internal/wallet"
	"github.com/kofo-network/kofo/monitor/gate"
)

// openDisk makes room before anything is written: a node that is started on a
// full disk settles what it has, too.
func (c *core) openDisk(context.Context, *wallet.Seed) error {
	c.disk = disk.Open(disk.Options{
		Dir: c.cfg.DataDir, Reserve: uint64(c.cfg.Store.Reserve) << 20, Low: gate.MinDiskFree,
		Free: func() (uint64, error) { return diskFree(c.cfg.DataDir) },
		Full: func(free uint64) {
			c.alarms.Add(1)
			c.log.Warn("alarm", "reason", "disk full", "free_bytes", free)
		},
		Log: c.log,
	})
	return nil
}
