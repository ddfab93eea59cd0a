package node

import (
	"context"
	"testing"
	"time"

	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/doctor"
	"github.com/kofo-network/kofo/internal/wallet"
)

// TestDoctorOfARealNode: on chains inside the process, with the real adapters,
// store and broker, every check gives an answer. What does not run yet shows.
func TestDoctorOfARealNode(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cfg := settings(t, network(ctx, t), "127.0.0.1:0")
	seed, err := wallet.SeedFile{Path: cfg.Path(cfg.Keys.SeedFile)}.Open(wallet.KeyFile(cfg.Path(cfg.Keys.KeyFile)))
	if err != nil {
		t.Fatal(err)
	}
	defer seed.Close()
	c := opened(ctx, t, cfg, seed)
	if _, err := c.certificate(); err != nil {
		t.Fatal(err)
	}
	c.cfg.Towers.List = []config.TowerPlace{{Name: "north"}}
	got := map[string]doctor.State{}
	for _, check := range c.doctor()(ctx).Checks {
		got[check.ID] = max(got[check.ID], check.State)
		if check.Found == "" {
			t.Errorf("%+v", check)
		}
	}
	want := map[string]doctor.State{
		"chain.backend": doctor.OK, "chain.synced": doctor.OK, "chain.settings": doctor.OK,
		"chain.followed":  doctor.Fail, // the engine does not run
		"wallet.fees":     doctor.Warn, // nobody has paid in
		"chain.agreement": doctor.OK, "chain.breaker": doctor.OK,
		"store.durable": doctor.OK, "bus": doctor.OK, "copies": doctor.Warn, "keys": doctor.OK, "api.certificate": doctor.OK,
		"alarms": doctor.OK, "towers": doctor.OK, "payouts": doctor.Warn, "mainnet": doctor.OK,
	}
	for id, state := range want {
		if found, ok := got[id]; !ok || found != state {
			t.Errorf("%s is %d (%v), want %d", id, found, ok, state)
		}
	}
}
