package doctor_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/backend"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/disk"
	"github.com/kofo-network/kofo/internal/doctor"
	"github.com/kofo-network/kofo/internal/signer"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/monitor/breaker"
)

// rig is a node of which everything is as it should be, and what a test
// changes of it.
type rig struct {
	doctor.Doctor
	status    adapters.Status
	statusErr error
	settings  adapters.Settings
	asked     error
	have      uint64
	means     error
	cursor    uint64
	followed  bool
	durable   []store.Setting
	silent    error
	connected bool
	disk      disk.State
	locked    error
	alarms    uint64
	backs     []backend.Health
	split     bool
	suspended *breaker.State
}

const now = 1_800_000_000

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{
		status:   adapters.Status{Backend: "btcd/0.26", Synced: true, Tip: adapters.BlockRef{Height: 100, Time: now - 60, Clock: now - 600}},
		settings: adapters.Settings{Peers: 8, Pruned: adapters.No, Indexed: adapters.Yes},
		have:     1000, cursor: 100, followed: true, connected: true,
		durable: []store.Setting{{Name: "fsync", Value: "on", Durable: true}},
		disk:    disk.State{Free: 100 << 30, Reserve: 128 << 20},
		backs: []backend.Health{
			{Name: "a", State: backend.Good, Head: backend.Head{Height: 100}, Asked: true, Latency: time.Millisecond},
			{Name: "b", State: backend.Good, Head: backend.Head{Height: 99}},
			{Name: "c", State: backend.Good, Head: backend.Head{Height: 100}},
		},
	}
	dir := t.TempDir()
	r.Now = func() time.Time { return time.Unix(now, 0) }
	r.Chains = []doctor.Chain{{
		ID: "bip122:ab", Name: "bitcoin", Indexed: true, Lead: time.Minute, Lag: time.Hour,
		Status:   func(context.Context) (adapters.Status, error) { return r.status, r.statusErr },
		Settings: func(context.Context) (adapters.Settings, error) { return r.settings, r.asked },
		Means: func(context.Context) (have, need htlc.Amount, err error) {
			return htlc.NewAmount(r.have), htlc.NewAmount(1000), r.means
		},
		Cursor:   func() (uint64, bool) { return r.cursor, r.followed },
		BackEnds: func() []backend.Health { return r.backs }, Split: func() bool { return r.split },
		Suspended: func() *breaker.State { return r.suspended }, Coin: doctor.Coin{Symbol: "tBTC", Decimals: 2},
	}}
	r.Node = doctor.Node{
		Durability: func(context.Context) ([]store.Setting, error) { return r.durable, r.silent }, Dialect: "postgres",
		Connected: func() bool { return r.connected }, Replicas: 3, Disk: func() disk.State { return r.disk }, Low: 64 << 20,
		DataDir: dir, Copies: []doctor.Folder{folder("/dev/shm")}, Keys: func() error { return r.locked }, CertFile: filepath.Join(dir, "cert.pem"),
		Alarms: func() uint64 { return r.alarms }, Towers: 2, Restricted: true, Limited: true,
	}
	r.certify(t, 365*24*time.Hour)
	return r
}

// bad makes the second back end so.
func (r *rig) bad(state backend.State, reason backend.Reason) {
	b := &r.backs[1]
	b.State, b.Reason, b.Detail, b.Since = state, reason, "why", time.Unix(now-60, 0)
}

// signs puts the keys elsewhere.
func (r *rig) signs(err error, timeout time.Duration) {
	r.Node.Signer = &doctor.Signer{Address: "signer:9540", Ask: func(context.Context) error { return err }, Timeout: timeout}
}

func folder(dir string) doctor.Folder {
	return doctor.Folder{
		Dir: dir, Required: true, Hangs: func() (time.Time, int) { return time.Time{}, 0 },
		Inside: func(_ context.Context, look func() error) error { return look() },
	}
}

// hang: the folder does not answer, and nobody looks into it.
func hang(_ *testing.T, r *rig) {
	r.Node.Copies[0].Hangs = func() (time.Time, int) { return time.Unix(now-60, 0), 3 }
	r.Node.Copies[0].Inside = nil
}

// certify writes a certificate that ends after some time.
func (r *rig) certify(t *testing.T, left time.Duration) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(now, 0).Add(left)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.Node.CertFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// spoiled is one thing that is not as it should be, and what finds it.
type spoiled struct {
	name  string
	spoil func(t *testing.T, r *rig)
	id    string
	want  doctor.State
}

var errWrong = errors.New("wrong")

func spoiledChains() []spoiled {
	return []spoiled{
		{"nobody answers", func(_ *testing.T, r *rig) { r.statusErr = adapters.ErrUnreachable }, "chain.backend", doctor.Fail},
		{"another chain", func(_ *testing.T, r *rig) { r.statusErr = fmt.Errorf("genesis: %w", adapters.ErrWrongChain) }, "chain.backend", doctor.Fail},
		{"another code", func(_ *testing.T, r *rig) { r.statusErr = fmt.Errorf("code: %w", adapters.ErrMismatch) }, "chain.backend", doctor.Fail},
		{"catching up", func(_ *testing.T, r *rig) { r.status.Synced = false }, "chain.synced", doctor.Fail},
		{"clock behind", func(_ *testing.T, r *rig) { r.status.Tip.Time, r.status.Tip.Clock = now-7200, now-7200 }, "chain.clock", doctor.Warn},
		{"clock ahead", func(_ *testing.T, r *rig) { r.status.Tip.Clock = now + 120 }, "chain.clock", doctor.Warn},
		{"engine behind", func(_ *testing.T, r *rig) { r.cursor = 90 }, "chain.followed", doctor.Warn},
		{"back end behind what is stored", func(_ *testing.T, r *rig) { r.status.Tip.Height = 90 }, "chain.followed", doctor.Fail},
		{"another back end behind what is stored", func(_ *testing.T, r *rig) { r.backs[1].Head.Height = 96 }, "chain.backends", doctor.Fail},
		{"one back end gone", func(_ *testing.T, r *rig) { r.bad(backend.Unreachable, backend.NoAnswer) }, "chain.backends", doctor.Warn},
		{"one back end stale", func(_ *testing.T, r *rig) { r.bad(backend.SetAside, backend.Stale) }, "chain.backends", doctor.Warn},
		{"one back end lies", func(_ *testing.T, r *rig) { r.bad(backend.SetAside, backend.Lied) }, "chain.backends", doctor.Warn},
		{"one back end of another chain", func(_ *testing.T, r *rig) { r.bad(backend.SetAside, backend.WrongChain) }, "chain.backends", doctor.Fail},
		{"one back end not asked yet", func(_ *testing.T, r *rig) { r.backs[1].State = backend.Unknown }, "chain.backends", doctor.Unknown},
		{"no two agree", func(_ *testing.T, r *rig) { r.split = true }, "chain.agreement", doctor.Fail},
		{"a single back end", func(_ *testing.T, r *rig) { r.backs = r.backs[:1] }, "chain.agreement", doctor.Warn},
		{"deep reorganisation", func(_ *testing.T, r *rig) { r.suspended = &breaker.State{Cause: breaker.DeepReorg} }, "chain.breaker", doctor.Fail},
		{"no blocks", func(_ *testing.T, r *rig) { r.suspended = &breaker.State{Cause: breaker.Stalled} }, "chain.breaker", doctor.Fail},
		{"split back ends", func(_ *testing.T, r *rig) { r.suspended = &breaker.State{Cause: breaker.Split} }, "chain.breaker", doctor.Fail},
		{"not followed", func(_ *testing.T, r *rig) { r.followed = false }, "chain.followed", doctor.Fail},
		{"no index", func(_ *testing.T, r *rig) { r.settings.Indexed = adapters.No }, "chain.settings", doctor.Fail},
		{"pruned", func(_ *testing.T, r *rig) { r.settings.Pruned = adapters.Yes }, "chain.settings", doctor.Warn},
		{"no peers", func(_ *testing.T, r *rig) { r.settings.Peers = 0 }, "chain.settings", doctor.Fail},
		{"peers untold", func(_ *testing.T, r *rig) { r.settings.Peers = -1 }, "chain.settings", doctor.Unknown},
		{"settings untold", func(_ *testing.T, r *rig) { r.asked = errWrong }, "chain.settings", doctor.Unknown},
		{"no coins for fees", func(_ *testing.T, r *rig) { r.have = 999 }, "wallet.fees", doctor.Warn},
		{"coins untold", func(_ *testing.T, r *rig) { r.means = errWrong }, "wallet.fees", doctor.Unknown},
	}
}

func spoiledNodes() []spoiled {
	return []spoiled{
		{"signer away", func(_ *testing.T, r *rig) { r.signs(fmt.Errorf("dial: %w", signer.ErrUnreachable), time.Minute) }, "keys", doctor.Fail},
		{"signer of other keys", func(_ *testing.T, r *rig) { r.signs(errWrong, time.Minute) }, "keys", doctor.Fail},
		{"slow signer", func(_ *testing.T, r *rig) { r.signs(nil, time.Nanosecond) }, "keys", doctor.Warn},
		{"fsync off", func(_ *testing.T, r *rig) { r.durable[0] = store.Setting{Name: "fsync", Value: "off"} }, "store.durable", doctor.Fail},
		{"database silent", func(_ *testing.T, r *rig) { r.silent = errWrong }, "store.durable", doctor.Unknown},
		{"broker down", func(_ *testing.T, r *rig) { r.connected = false }, "bus", doctor.Fail},
		{"one broker", func(_ *testing.T, r *rig) { r.Node.Replicas = 1 }, "bus", doctor.Warn},
		{"disk full", func(_ *testing.T, r *rig) { r.disk.Full = true }, "disk.room", doctor.Fail},
		{"disk low", func(_ *testing.T, r *rig) { r.disk.Free = 1 << 29 }, "disk.room", doctor.Warn},
		{"nothing kept back", func(_ *testing.T, r *rig) { r.disk.Reserve = 0 }, "disk.room", doctor.Warn},
		{"no data folder", func(_ *testing.T, r *rig) { r.Node.DataDir = "/proc" }, "disk.sync", doctor.Fail},
		{"copies beside the data", func(t *testing.T, r *rig) { r.Node.Copies[0].Dir = filepath.Join(r.Node.DataDir, "terms") }, "copies", doctor.Warn},
		{"copies not writable", func(_ *testing.T, r *rig) { r.Node.Copies[0].Dir = "/proc/none" }, "copies", doctor.Fail},
		{"copies hang", hang, "copies", doctor.Fail},
		{"more copies hang", func(t *testing.T, r *rig) { hang(t, r); r.Node.Copies[0].Required = false }, "copies", doctor.Warn},
		{"keys locked", func(_ *testing.T, r *rig) { r.locked = errWrong }, "keys", doctor.Fail},
		{"certificate over", func(t *testing.T, r *rig) { r.certify(t, -time.Hour) }, "api.certificate", doctor.Fail},
		{"certificate ends", func(t *testing.T, r *rig) { r.certify(t, 24*time.Hour) }, "api.certificate", doctor.Warn},
		{"no certificate", func(_ *testing.T, r *rig) { r.Node.CertFile = "/nowhere" }, "api.certificate", doctor.Fail},
		{"alarm", func(_ *testing.T, r *rig) { r.alarms = 1 }, "alarms", doctor.Warn},
		{"no tower", func(_ *testing.T, r *rig) { r.Node.Towers = 0 }, "towers", doctor.Warn},
		{"any payout", func(_ *testing.T, r *rig) { r.Node.Restricted = false }, "payouts", doctor.Warn},
		{"no limits", func(_ *testing.T, r *rig) { r.Node.Limited = false }, "payouts", doctor.Warn},
	}
}

// TestEveryCheckFails: each finding is brought about alone.
func TestEveryCheckFails(t *testing.T) {
	covered := map[string]bool{"mainnet": true} // it tells, and is nobody's fault
	for _, c := range append(spoiledChains(), spoiledNodes()...) {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			c.spoil(t, r)
			var found []doctor.Check
			for _, check := range r.Look(t.Context()).Checks {
				// Another disk may be slow today.
				if check.State != doctor.OK && (check.ID != "disk.sync" || c.id == "disk.sync") {
					found = append(found, check)
				}
			}
			if len(found) != 1 || found[0].ID != c.id || found[0].State != c.want || found[0].Found == "" ||
				found[0].Advice == "" && c.want != doctor.Unknown {
				t.Errorf("%+v", found)
			}
		})
		covered[c.id] = true
	}
	for _, check := range newRig(t).Look(t.Context()).Checks {
		if !covered[check.ID] {
			t.Errorf("no test makes %s fail", check.ID)
		}
		if check.State != doctor.OK && check.ID != "disk.sync" {
			t.Errorf("of a node that is well: %+v", check)
		}
	}
}

// TestTooFewBackEnds: with one of two gone, two cannot agree any more.
func TestTooFewBackEnds(t *testing.T) {
	r := newRig(t)
	r.backs = r.backs[:2]
	r.bad(backend.Unreachable, backend.NoAnswer)
	got := map[string]doctor.Check{}
	for _, c := range r.Look(t.Context()).Checks {
		got[c.ID+" "+c.Subject] = c
	}
	if c := got["chain.agreement bitcoin"]; c.State != doctor.Fail || !strings.HasPrefix(c.Found, "1 of 2 back ends are good, and 2 must agree") {
		t.Errorf("%+v", c)
	}
	if c := got["chain.backends bitcoin, b"]; c.State != doctor.Warn || c.Found != "unreachable since 2027-01-15T07:59:00Z: why (BACKEND_UNREACHABLE)" {
		t.Errorf("%+v", c)
	}
	if c := got["chain.backends bitcoin, a"]; c.Found != "at block 100; it agrees with the others and answers in 1ms; the node reads from it" {
		t.Errorf("%+v", c)
	}
}

// TestSilentChain: a chain that gives no answer still shows its back ends and
// its breaker, which say why.
func TestSilentChain(t *testing.T) {
	r := newRig(t)
	r.statusErr = adapters.ErrUnreachable
	r.suspended = &breaker.State{Cause: breaker.Stalled, Detail: "no block for 3h", Since: time.Unix(now, 0), Calm: 2, Needed: 6}
	ids := map[string]string{}
	for _, c := range r.Look(t.Context()).Checks {
		ids[c.ID] = c.Found
	}
	if ids["chain.agreement"] == "" || ids["chain.backends"] == "" || !strings.Contains(ids["chain.breaker"], "STALLED: no block for 3h") ||
		!strings.Contains(ids["chain.breaker"], "after 6 calm blocks, of which 2 have come") {
		t.Error(ids)
	}
	if _, ok := ids["chain.followed"]; ok {
		t.Error("what was not asked was judged")
	}
}

// TestSignerAnswers: where the keys are elsewhere nobody speaks of a seed.
func TestSignerAnswers(t *testing.T) {
	r := newRig(t)
	r.locked = errors.New("no seed here")
	r.signs(nil, time.Minute)
	for _, c := range r.Look(t.Context()).Checks {
		if c.ID == "keys" && (c.State != doctor.OK || c.Subject != "signer:9540" || !strings.Contains(c.Found, "with the keys that it had")) {
			t.Errorf("%+v", c)
		}
	}
}

func TestMeansAreInCoins(t *testing.T) {
	for _, c := range newRig(t).Look(t.Context()).Checks {
		if c.ID == "wallet.fees" && c.Found != "10 tBTC are spendable, a redeem takes up to 10 tBTC" {
			t.Errorf("%+v", c)
		}
	}
}

func TestMainnetTellsTheOpenRows(t *testing.T) {
	r := newRig(t)
	r.OpenRows = []string{"A7", "B1"}
	report := r.Look(t.Context())
	last := report.Checks[len(report.Checks)-1]
	if last.ID != "mainnet" || last.Found != "refused: 2 rows of the safety catalogue are open: A7, B1" || len(report.OpenRows) != 2 {
		t.Errorf("%+v", last)
	}
}

func TestWorst(t *testing.T) {
	for want, states := range map[doctor.State][]doctor.State{
		doctor.OK: nil, doctor.Warn: {doctor.OK, doctor.Warn}, doctor.Unknown: {doctor.Unknown, doctor.Warn}, doctor.Fail: {doctor.Fail, doctor.Unknown},
	} {
		var r doctor.Report
		for _, s := range states {
			r.Checks = append(r.Checks, doctor.Check{State: s})
		}
		if r.Worst() != want {
			t.Errorf("%v: %v", states, r.Worst())
		}
	}
}
