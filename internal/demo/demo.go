package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/kofo-network/kofo/internal/devnet/control"
)

// The scenarios.
const (
	Happy               = "happy"
	ParticipantVanishes = "participant-vanishes"
	InitiatorVanishes   = "initiator-vanishes"
	CrashAtReveal       = "crash-at-reveal"
)

// Scenarios lists the names that Options.Scenario takes.
func Scenarios() []string {
	return []string{Happy, ParticipantVanishes, InitiatorVanishes, CrashAtReveal}
}

// ErrScenario is returned for an unknown scenario.
var ErrScenario = errors.New("unknown scenario")

// ErrOutcome is returned where a scenario did not end as it must.
var ErrOutcome = errors.New("the scenario did not end as it must")

// What is swapped, and what the parties start with.
const (
	sendBTC         = "5000000"             // 0.05 BTC in satoshi
	receiveETH      = "1000000000000000000" // 1 ETH in wei
	startBTC        = 20_000_000            // the Initiator's, in satoshi
	startCoins      = 2                     // so that one offer does not reserve all of it
	startETH        = "2000000000000000000" // the Participant's, in wei
	startETHForGas  = "100000000000000000"  // the Initiator's, for its redeem
	startETHDeploy  = "1000000000000000000" // the account's that deploys the contract
	blockInterval   = time.Second
	scenarioTimeout = 4 * time.Minute
)

// Options of a run.
type Options struct {
	Scenario   string
	Keep       bool   // leave everything running until ctx ends
	Dir        string // for data and logs; empty: a temporary folder, removed at the end
	Executable string // this program
	Out        io.Writer
	JSON       bool // progress as one JSON object a line
	// Done gets the report at the end of the scenario, before everything is
	// stopped or kept. It may be nil.
	Done func(Report) error
}

type demo struct {
	o         Options
	dir       string
	print     *printer
	chains    *process
	endpoints control.Endpoints
	control   *control.Client
	proxy     *proxy
	killed    string // the signal that a node died of, where the scenario kills one

	initiator, participant *party
}

// Run plays one scenario and returns its report. The error wraps ErrOutcome
// where money went another way than the scenario says.
func Run(ctx context.Context, o Options) (Report, error) {
	play, ok := plays[o.Scenario]
	if !ok {
		return Report{}, fmt.Errorf("%w %q: there are %v", ErrScenario, o.Scenario, Scenarios())
	}
	began := time.Now()
	d := &demo{o: o, print: newPrinter(o.Out, o.JSON)}
	cleanup, err := d.makeDir()
	if err != nil {
		return Report{}, err
	}
	defer cleanup()
	defer d.stop()

	playCtx, cancel := context.WithTimeout(ctx, scenarioTimeout)
	defer cancel()
	report, err := d.play(playCtx, play)
	report.Seconds = int64(time.Since(began).Seconds())
	if err != nil {
		return report, fmt.Errorf("scenario %s: %w (logs in %s)", o.Scenario, err, d.dir)
	}
	if o.Done != nil {
		if err := o.Done(report); err != nil {
			return report, err
		}
	}
	if o.Keep {
		d.explainKeep()
		<-ctx.Done()
	}
	return report, nil
}

func (d *demo) play(ctx context.Context, play func(context.Context, *demo) error) (Report, error) {
	if err := d.setUp(ctx); err != nil {
		return Report{}, err
	}
	before, err := d.balances(ctx)
	if err != nil {
		return Report{}, err
	}
	d.print.balances("Balances before", before)
	if err := play(ctx, d); err != nil {
		return Report{}, err
	}
	after, err := d.settledBalances(ctx)
	if err != nil {
		return Report{}, err
	}
	d.print.balances("Balances after", after)
	return d.report(ctx, before, after)
}

// makeDir returns what to do with the folder at the end. A folder that the
// user named, or that a failure left logs in, stays.
func (d *demo) makeDir() (func(), error) {
	if d.o.Dir != "" {
		dir, err := filepath.Abs(d.o.Dir)
		if err != nil {
			return nil, err
		}
		d.dir = dir
		return func() {}, os.MkdirAll(dir, 0o700)
	}
	dir, err := os.MkdirTemp("", "kofo-demo-")
	if err != nil {
		return nil, err
	}
	d.dir = dir
	return func() { _ = os.RemoveAll(dir) }, nil
}

// stop ends the processes, nodes before chains.
func (d *demo) stop() {
	for _, p := range []*party{d.initiator, d.participant} {
		if p != nil {
			p.stop()
		}
	}
	if d.proxy != nil {
		d.proxy.close()
	}
	d.chains.stop()
}

// explainKeep says how to play on. The program may have no name of its own,
// as under go run, so the commands are given one.
func (d *demo) explainKeep() {
	d.print.step("Everything keeps running until you press Ctrl-C. In another terminal, to play on:")
	d.print.paste("")
	d.print.paste("  alias kofo='%s'", d.o.Executable)
	for _, p := range []*party{d.initiator, d.participant} {
		d.print.paste("  alias %s='kofo --data-dir %s'", p.name, p.dir)
	}
	d.print.paste("")
	d.print.paste("  %s node info", d.initiator.name)
	d.print.paste("  %s swap list", d.initiator.name)
	d.print.paste("  %s wallet balances", d.participant.name)
	d.print.paste("  %s swap offer --send '0.01 BTC' --receive '0.2 ETH'     # a ticket that lives an hour", d.initiator.name)
	d.print.paste("  %s swap accept TICKET", d.participant.name)
	d.print.paste("  %s swap watch", d.participant.name)
}
