package doctor

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kofo-network/kofo/internal/signer"
)

// What the doctor warns of.
const (
	slowSync    = 10 * time.Millisecond
	syncSamples = 15
	soonExpires = 14 * 24 * time.Hour
)

func (d *Doctor) database(ctx context.Context) []Check {
	settings, err := d.Node.Durability(ctx)
	if err != nil {
		return []Check{{ID: "store.durable", Subject: d.Node.Dialect, State: Unknown, Found: err.Error(), Advice: "check the database"}}
	}
	var out []Check
	for _, s := range settings {
		c := Check{ID: "store.durable", Subject: d.Node.Dialect, Found: fmt.Sprintf("%s is %s", s.Name, s.Value)}
		if !s.Durable {
			c.State, c.Advice = Fail, fmt.Sprintf("set %s so that a commit outlives a crash: without it a secret can be out before its swap is stored", s.Name)
		}
		out = append(out, c)
	}
	return out
}

func (d *Doctor) broker() Check {
	c := Check{ID: "bus", Found: "a cluster of NATS, connected"}
	switch {
	case d.Node.Embedded:
		c.Found = "embedded: its stream is in memory, and losing it loses nothing"
	case !d.Node.Connected():
		c.State, c.Found, c.Advice = Fail, "the NATS server does not answer", "start it: swaps stand still without it"
	case d.Node.Replicas < 3:
		c.State, c.Found = Warn, fmt.Sprintf("NATS with %d copy of the stream", d.Node.Replicas)
		c.Advice = "with bus.replicas 3 on a cluster the node goes on when one server fails"
	}
	return c
}

func (d *Doctor) room() Check {
	s := d.Node.Disk()
	c := Check{ID: "disk.room", Subject: d.Node.DataDir, Found: fmt.Sprintf("%d MiB are free, and %d MiB are kept back for running swaps", s.Free>>20, s.Reserve>>20)}
	switch {
	case s.Full:
		c.State, c.Advice = Fail, fmt.Sprintf("make room: no new swap begins before %d MiB are free", (d.Node.Low+s.Reserve+s.Reserve/2)>>20)
	case s.Free < 1<<30:
		c.State, c.Advice = Warn, "make room before the node stops taking on swaps"
	case s.Reserve == 0:
		c.State, c.Advice = Warn, "set store.disk_reserve: without it a full disk stops running swaps, too"
	}
	return c
}

// fsync measures what every commit waits for.
func (d *Doctor) fsync() Check {
	c := Check{ID: "disk.sync", Subject: d.Node.DataDir}
	p50, err := syncTime(d.Node.DataDir)
	if err != nil {
		c.State, c.Found, c.Advice = Fail, err.Error(), "make the data folder writable for the node"
		return c
	}
	c.Found = fmt.Sprintf("a write is durable after %.2f ms (p50 of %d)", float64(p50.Microseconds())/1000, syncSamples)
	if p50 > slowSync {
		c.State, c.Advice = Warn, "use a faster disk: each commit takes so long"
	}
	return c
}

func syncTime(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	defer func() { _ = f.Close() }()
	took := make([]time.Duration, syncSamples)
	for i := range took {
		began := time.Now()
		if _, err := f.Write([]byte("kofo")); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[syncSamples/2], nil
}

// copies: a folder for the Terms is of use where it can be written, and does not
// die with the database.
func (d *Doctor) copies(ctx context.Context, f Folder) Check {
	c := Check{ID: "copies", Subject: f.Dir}
	trouble := func(found, advice string) Check {
		c.State, c.Found = Warn, found
		c.Advice = advice + "; the log tells of each copy that is missing there"
		if f.Required {
			c.State, c.Advice = Fail, advice+": nothing is funded, and no secret shown, while a copy can't be written there"
		}
		return c
	}
	if since, waiting := f.Hangs(); !since.IsZero() {
		return trouble(fmt.Sprintf("does not answer since %s; %d writes wait for it", since.UTC().Format(time.RFC3339), waiting),
			"bring back the disk or server behind it, or take it out of the configuration")
	}
	var same bool
	if err := f.Inside(ctx, func() (err error) {
		same, err = writable(f.Dir, d.Node.DataDir)
		return err
	}); err != nil {
		return trouble(err.Error(), "make the folder writable for the node")
	}
	c.Found = "writable, and on another disk than the data folder"
	if same {
		c.State, c.Found = Warn, "writable, but on the disk of the data folder"
		c.Advice = "set policy.copies_dir, or one of policy.more_copies, to another disk: with the seed and one copy a swap survives the loss of the database"
	}
	return c
}

// writable makes sure that a folder can be written, and says whether it lies on
// the disk of another one.
func writable(dir, other string) (same bool, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	if err != nil {
		return false, err
	}
	data, err1 := device(other)
	own, err2 := device(dir)
	return data == own, errors.Join(err1, err2)
}

func device(path string) (string, error) {
	var s syscall.Stat_t
	if err := syscall.Stat(path, &s); err != nil {
		return "", fmt.Errorf("look at %s: %w", path, err)
	}
	return fmt.Sprint(s.Dev), nil
}

func (d *Doctor) keys(ctx context.Context) Check {
	if d.Node.Signer != nil {
		return d.signer(ctx, *d.Node.Signer)
	}
	if err := d.Node.Keys(); err != nil {
		return Check{ID: "keys", State: Fail, Found: err.Error(), Advice: "start the node again with its seed file, and its passphrase or key file"}
	}
	return Check{ID: "keys", Found: "the seed is open, and keys can be derived"}
}

// signer asks the process that holds the keys. That it answers proves both
// certificates: neither side talks to anybody else.
func (d *Doctor) signer(ctx context.Context, s Signer) Check {
	c := Check{ID: "keys", Subject: s.Address}
	began := time.Now()
	err := s.Ask(ctx)
	took := time.Since(began)
	switch {
	case errors.Is(err, signer.ErrUnreachable):
		c.State, c.Found = Fail, err.Error()
		c.Advice = "start kofo-signer there; where it runs, check signer.address and that each side has the other's certificate. Nothing new is signed meanwhile, and what is stored signed is still sent"
	case err != nil:
		c.State, c.Found, c.Advice = Fail, err.Error(), "look at the signer's seed, its list of chains and its log: it must hold the keys that it held when the node started"
	case s.Timeout > 0 && took > s.Timeout/2:
		c.State, c.Found = Warn, fmt.Sprintf("the signer answers after %s, and is given up after %s", took.Round(time.Millisecond), s.Timeout)
		c.Advice = "find out why it is slow, or raise signer.timeout: a chain's transactions wait for each signature"
	default:
		c.Found = fmt.Sprintf("the signer answers after %s with the keys that it had at the start; its certificate is the one configured", took.Round(time.Millisecond))
	}
	return c
}

func (d *Doctor) certificate() Check {
	c := Check{ID: "api.certificate", Subject: filepath.Base(d.Node.CertFile)}
	raw, err := os.ReadFile(d.Node.CertFile)
	block, _ := pem.Decode(raw)
	if err == nil && block == nil {
		err = errors.New("no certificate in " + d.Node.CertFile)
	}
	var leaf *x509.Certificate
	if err == nil {
		leaf, err = x509.ParseCertificate(block.Bytes)
	}
	if err != nil {
		c.State, c.Found, c.Advice = Fail, err.Error(), "correct api.tls_cert"
		return c
	}
	left := leaf.NotAfter.Sub(d.Now())
	c.Found = "valid until " + leaf.NotAfter.UTC().Format(time.RFC3339)
	switch {
	case left <= 0:
		c.State, c.Advice = Fail, "renew it; one that the node has generated is renewed when the node starts"
	case left < soonExpires:
		c.State, c.Advice = Warn, "renew it soon; one that the node has generated is renewed when the node starts"
	}
	return c
}

func (d *Doctor) alarms() Check {
	c := Check{ID: "alarms", Found: "none since the node started"}
	if n := d.Node.Alarms(); n > 0 {
		c.State, c.Found = Warn, fmt.Sprintf("%d since the node started", n)
		c.Advice = "look for \"alarm\" in the node's log, and at `kofo swap list --which open`"
	}
	return c
}

func (d *Doctor) towers() Check {
	if d.Node.Towers == 0 {
		return Check{ID: "towers", State: Warn, Found: "none", Advice: "while this node is down nobody redeems or refunds for it: keep it running until its swaps have closed"}
	}
	return Check{ID: "towers", Found: fmt.Sprintf("%d guard this node's swaps", d.Node.Towers)}
}

func (d *Doctor) payouts() Check {
	c := Check{ID: "payouts", Found: "withdrawals go to listed addresses, and what leaves is limited"}
	var missing []string
	if !d.Node.Restricted {
		missing = append(missing, "payouts.accounts")
	}
	if !d.Node.Limited {
		missing = append(missing, "payouts.limits")
	}
	if len(missing) > 0 {
		c.State, c.Found = Warn, "a stolen credential could move everything: "+strings.Join(missing, " and ")+" say nothing"
		c.Advice = "list your own addresses, and set limits for each asset"
	}
	return c
}

func (d *Doctor) mainnet() Check {
	if len(d.OpenRows) > 0 {
		return Check{
			ID: "mainnet", Found: fmt.Sprintf("refused: %d rows of the safety catalogue are open: %s", len(d.OpenRows), strings.Join(d.OpenRows, ", ")),
		}
	}
	return Check{ID: "mainnet", Found: "no row of the safety catalogue is open"}
}
