//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

// smallDisk has room for a node, for what it keeps back, and for a little.
const smallDisk = "size=320m"

// ontoSmallDisk gives a data folder, with what is in it, a file system of its
// own that is really full when it is full. Only root may do so, as these tests
// run everywhere; elsewhere the test fails and says why.
func ontoSmallDisk(t *testing.T, dir string) {
	t.Helper()
	kept := dir + ".kept"
	must(t, os.Rename(dir, kept))
	must(t, os.Mkdir(dir, 0o700))
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", smallDisk, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Fatalf("a small file system needs the right to mount: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	must(t, os.CopyFS(dir, os.DirFS(kept)))
	for _, private := range []string{"seed.key", "seed.age"} {
		must(t, os.Chmod(filepath.Join(dir, private), 0o600))
	}
}

// fill takes all the room that there is, at once: a writer that went on would
// take what the node gives up as well.
func (p *party) fill() {
	p.t.Helper()
	f, err := os.Create(filepath.Join(p.dir, "somebody-elses"))
	must(p.t, err)
	var s syscall.Statfs_t
	must(p.t, syscall.Statfs(p.dir, &s))
	err = syscall.ENOSPC
	for room := int64(s.Bavail) * s.Bsize; errors.Is(err, syscall.ENOSPC) && room > 0; room -= 64 << 10 {
		err = syscall.Fallocate(int(f.Fd()), 0, 0, room) // the node writes meanwhile
	}
	must(p.t, err)
	must(p.t, f.Close())
}

// empty takes away what fill has written.
func (p *party) empty() {
	p.t.Helper()
	must(p.t, os.Remove(filepath.Join(p.dir, "somebody-elses")))
}

// hasNoRoom waits until the node takes on nothing new, for the given reason.
func (p *party) hasNoRoom(ctx context.Context, o *sdk.OfferRequest) {
	p.t.Helper()
	must(p.t, eventually(ctx, p.name+" takes on nothing new", func() error {
		_, err := p.client.Settlement.Offer(ctx, o)
		if got := sdk.Reason(err); got != reason.DiskFull {
			return fmt.Errorf("refused with %q: %w", got, err)
		}
		return nil
	}))
}

var alarmCount = regexp.MustCompile(`(?m)^kofo_alarms_total ([1-9][0-9]*)`)

// alarmed waits until the node has raised an alarm.
func (p *party) alarmed(ctx context.Context) {
	p.t.Helper()
	must(p.t, eventually(ctx, p.name+" raises an alarm", func() error {
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", p.set.Metrics))
		if err != nil {
			return err
		}
		text, err := io.ReadAll(response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil {
			return err
		}
		if !alarmCount.Match(text) {
			return errors.New("no alarm is counted")
		}
		return nil
	}))
}

// TestSafety_D8_DiskFull fills the disks of both parties in mid-swap, with
// database, broker and copies on them: nothing new begins, what runs ends as it
// would have, and with room again new swaps begin without a restart.
func TestSafety_D8_DiskFull(t *testing.T) {
	t.Parallel()
	small := func(s *settings) {
		s.Ballast = 128 // as by default
		ontoSmallDisk(t, s.Dir)
	}
	t.Run("swapped", func(t *testing.T) {
		t.Parallel()
		ctx := swapContext(t)
		p := newPairOn(ctx, t, embedded, nodes.chains, small)
		id := p.agree(ctx)
		for _, side := range []*party{p.initiator, p.participant} {
			side.fill()
		}
		for _, side := range []*party{p.initiator, p.participant} {
			side.hasNoRoom(ctx, &sdk.OfferRequest{Send: offerBTC().GetReceive(), Receive: offerBTC().GetSend()})
			side.alarmed(ctx)
		}
		p.swapped(ctx, id)
		p.initiator.hasNoRoom(ctx, offerBTC())
		p.initiator.empty()
		must(t, eventually(ctx, "new swaps begin", func() error {
			_, err := p.initiator.client.Settlement.Offer(ctx, offerBTC())
			return err
		}))
	})
	t.Run("refunded", func(t *testing.T) {
		t.Parallel()
		ctx := swapContext(t)
		p := newPairOn(ctx, t, embedded, nodes.chains, small)
		id := p.agree(ctx)
		p.initiator.fill()
		p.participantVanishes()
		p.initiator.hasNoRoom(ctx, offerBTC())
		// Started again on the full disk it settles as well.
		p.initiator.restart(ctx)
		p.initiator.hasNoRoom(ctx, offerBTC())
		s := p.initiator.ends(ctx, id, sdk.OutcomeRefunded)
		p.usedOnce(ctx, s, 0, 1)
	})
}
