package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/breaker"
)

// breakerTick is how often the breakers look at what shows by itself.
const breakerTick = time.Second

// suspensionFile keeps a chain's suspension over restarts. It is no part of
// the database: without it a node would only trust the chain too early.
func (c *core) suspensionFile(id htlc.ChainID) string {
	return filepath.Join(c.cfg.DataDir, "suspended-"+id.Namespace()+"-"+id.Reference()+".json")
}

// newBreaker makes a chain's breaker, open where it was when the node ended.
func (c *core) newBreaker(on *chain) error {
	before, err := readSuspension(c.suspensionFile(on.id))
	if err != nil {
		return err
	}
	log := c.log.With("chain", string(on.id))
	on.breaker = breaker.New(breaker.Options{
		ReorgDepth: on.Breaker.ReorgDepth, Stall: on.Breaker.Stall, CalmBlocks: on.Breaker.CalmBlocks,
		Split: on.adapter.BackEnds().Split, Before: before, Now: time.Now, Log: log,
		Changed: func(state *breaker.State) {
			if state != nil {
				c.alarms.Add(1)
			}
			if err := writeSuspension(c.suspensionFile(on.id), state); err != nil {
				log.Error("a suspension is not stored", "error", err)
			}
		},
	})
	return nil
}

func readSuspension(path string) (*breaker.State, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read a chain's suspension: %w", err)
	}
	state := &breaker.State{}
	if err := json.Unmarshal(raw, state); err != nil {
		// Half a file says that there was something to write.
		return &breaker.State{Cause: breaker.DeepReorg, Detail: "an earlier suspension, of which only a part is stored", Since: time.Now()}, nil //nolint:nilerr // the state tells it
	}
	return state, nil
}

// writeSuspension replaces the file as a whole; nil removes it.
func writeSuspension(path string, state *breaker.State) error {
	if state == nil {
		err := os.Remove(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	raw, err := json.Marshal(state)
	if err != nil {
		return err
	}
	next := path + ".new"
	if err := os.WriteFile(next, append(raw, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// tickBreakers drives the breakers until ctx ends.
func (c *core) tickBreakers(ctx context.Context) error {
	ticker := time.NewTicker(breakerTick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			for _, on := range c.chains {
				on.breaker.Tick()
			}
		}
	}
}

// suspended says why nothing new is begun on a chain, empty where it is.
func (c *core) suspended(id htlc.ChainID) string {
	on, err := c.chains.find(id)
	if err != nil {
		return ""
	}
	if state := on.breaker.Suspended(); state != nil {
		return state.String()
	}
	return ""
}
