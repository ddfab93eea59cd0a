//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/internal/config"
)

// lossCase says in which state who loses the database.
type lossCase struct {
	initiator bool
	refund    bool // the other party vanishes, so that this one refunds
	at        func(*sdk.Swap) bool
	// cancels: a lock may be out that nobody remembers, so none is sent, and
	// the owner ends the swap where none is seen.
	cancels bool
}

func inPhase(phases ...sdk.Phase) func(*sdk.Swap) bool {
	return func(s *sdk.Swap) bool { return slices.Contains(phases, s.GetPhase()) }
}

func lossCases() map[string]lossCase {
	any := func(*sdk.Swap) bool { return true }
	return map[string]lossCase{
		"initiator/agreed":         {initiator: true, at: any, cancels: true},
		"initiator/funding":        {initiator: true, at: inPhase(sdk.PhaseFunding, sdk.PhaseFunded), cancels: true},
		"initiator/funded":         {initiator: true, at: funded(sdk.LegRolePayer, 1)},
		"initiator/other-funded":   {initiator: true, at: funded(sdk.LegRolePayee, 1)},
		"initiator/revealed":       {initiator: true, at: inPhase(sdk.PhaseRevealing, sdk.PhaseRedeeming)},
		"initiator/redeeming":      {initiator: true, at: inPhase(sdk.PhaseRedeeming)},
		"initiator/refunding":      {initiator: true, refund: true, at: inPhase(sdk.PhaseRefunding)},
		"participant/agreed":       {at: any, cancels: true},
		"participant/other-funded": {at: funded(sdk.LegRolePayee, 1), cancels: true},
		"participant/funding":      {at: inPhase(sdk.PhaseFunding, sdk.PhaseFunded), cancels: true},
		"participant/funded":       {at: funded(sdk.LegRolePayer, 1)},
		"participant/redeeming":    {at: inPhase(sdk.PhaseRedeeming)},
		"participant/refunding":    {refund: true, at: inPhase(sdk.PhaseRefunding)},
	}
}

// TestSafety_D2_RestoreInEveryState deletes the database of a node in each
// state of a swap, restores it with the released command line from the seed,
// the copies of Terms and the chains, and expects the end that the swap would
// have had, with exactly one funding and one spend of each contract.
func TestSafety_D2_RestoreInEveryState(t *testing.T) {
	t.Parallel()
	for name, c := range lossCases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := swapContext(t)
			change := func(*settings) {}
			if c.refund || c.cancels {
				change = alone // the refund after the time lock is the one that is wanted
			}
			p := newPairOn(ctx, t, embedded, nodes.chains, change)
			loser, other := p.participant, p.initiator
			if c.initiator {
				loser, other = other, loser
			}
			id := p.agree(ctx)
			if c.refund {
				loser.reaches(ctx, id, funded(sdk.LegRolePayer, 1))
				other.kill()
			}
			loser.reaches(ctx, id, c.at)
			loser.lose()
			loser.restore(ctx, id)
			loser.start(ctx)
			p.endsRestored(ctx, id, loser, other, c)
		})
	}
}

func (p pair) endsRestored(ctx context.Context, id string, loser, other *party, c lossCase) {
	p.t.Helper()
	switch {
	case c.refund:
		s := loser.ends(ctx, id, sdk.OutcomeRefunded)
		if !c.initiator {
			other.start(ctx)
			other.ends(ctx, id, sdk.OutcomeRefunded)
		}
		for i, l := range s.GetLegs() {
			if l.GetRole() == sdk.LegRolePayer {
				p.usedOnce(ctx, s, i, 1)
			}
		}
	case c.cancels && loser.unsent(ctx, id):
		_, err := loser.client.Settlement.Cancel(ctx, &sdk.CancelRequest{Id: id})
		must(p.t, err)
		s := loser.ends(ctx, id, sdk.OutcomeCancelled)
		if c.initiator {
			p.broughtBackUnlocked(ctx, s)
			return
		}
		// The other one, who has locked or still does, takes it back.
		p.usedOnce(ctx, other.ends(ctx, id, sdk.OutcomeRefunded), 0, 1)
	default:
		p.swapped(ctx, id)
	}
}

// unsent reports whether nothing is seen of the restored node's lock.
func (p *party) unsent(ctx context.Context, id string) bool {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	_, err := p.client.WaitFor(ctx, id, funded(sdk.LegRolePayer, 1))
	return err != nil
}

// broughtBackUnlocked checks that nobody has locked anything.
func (p pair) broughtBackUnlocked(ctx context.Context, s *sdk.Swap) {
	p.t.Helper()
	p.usedOnce(ctx, s, 0, 0)
	p.usedOnce(ctx, s, 1, 0)
	p.has(ctx, p.initiator, initiatorStart, mostFees)
}

// lose kills the node and deletes all that it has stored, but its seed and the
// copies of Terms.
func (p *party) lose() {
	p.t.Helper()
	p.kill()
	entries, err := os.ReadDir(p.dir)
	must(p.t, err)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "kofo.db") || e.Name() == "nats" || e.Name() == config.AdminTokenFile {
			must(p.t, os.RemoveAll(filepath.Join(p.dir, e.Name())))
		}
	}
}

// restore runs kofo restore as a person would, and checks its report.
func (p *party) restore(ctx context.Context, id string) {
	p.t.Helper()
	out := p.kofo(ctx, "", "restore")
	var report struct {
		Swaps []struct{ ID, Phase string }
	}
	must(p.t, json.Unmarshal(out, &report))
	if len(report.Swaps) != 1 || report.Swaps[0].ID != id {
		p.t.Fatalf("report:\n%s", out)
	}
}

// kofo runs the released command line on the party's folder, for JSON.
func (p *party) kofo(ctx context.Context, in string, args ...string) []byte {
	p.t.Helper()
	cmd := exec.CommandContext(ctx, nodes.kofo, append([]string{"--json", "--config", filepath.Join(p.dir, config.FileName)}, args...)...)
	cmd.Stdin = strings.NewReader(in)
	var failed strings.Builder
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("kofo %s: %v\n%s%s", strings.Join(args, " "), err, out, failed.String())
	}
	return out
}
