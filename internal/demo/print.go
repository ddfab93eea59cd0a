package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/internal/lines"
)

// printer writes progress, for people or as one JSON object a line.
type printer struct {
	mu    sync.Mutex
	out   io.Writer
	json  bool
	began time.Time
	names map[string]string // party -> what is printed last of it
	seen  map[string]uint64 // party and swap -> number of the last event printed
}

func newPrinter(out io.Writer, asJSON bool) *printer {
	return &printer{out: out, json: asJSON, began: time.Now(), names: map[string]string{}, seen: map[string]uint64{}}
}

func (p *printer) write(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.put(text)
}

// stamped writes what happened with the time at which it is told: a node that
// comes back tells what is older than what was printed meanwhile.
func (p *printer) stamped(party, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.put(fmt.Sprintf("%5.1fs  %-11s  %s", time.Since(p.began).Seconds(), party, text))
}

func (p *printer) put(text string) {
	if p.json {
		line, err := json.Marshal(map[string]any{"seconds": int(time.Since(p.began).Seconds()), "progress": strings.TrimSpace(text)})
		if err == nil && strings.TrimSpace(text) != "" {
			fmt.Fprintln(p.out, string(line))
		}
		return
	}
	fmt.Fprintln(p.out, lines.Fold(text, lines.Width, lineIndent))
}

// lineIndent is where what is broken off a line begins.
const lineIndent = 25

// paste writes a line for a shell, which would take a folded one for two.
func (p *printer) paste(format string, args ...any) {
	if p.json {
		p.line(format, args...)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format+"\n", args...)
}

// step is what the demo itself does.
func (p *printer) step(format string, args ...any) {
	if !p.json {
		p.write("")
	}
	p.write(fmt.Sprintf(format, args...))
}

func (p *printer) line(format string, args ...any) { p.write(fmt.Sprintf(format, args...)) }

// follow prints what happens to a party's swaps, and what comes next, until
// ctx ends. A stream that breaks is the client's to mend. A stream tells what
// comes: what a node did before it served, after a restart, stands in the
// swap's history.
func (p *printer) follow(ctx context.Context, party string, client *sdk.Client) {
	for update, err := range client.Watch(ctx, sdk.WatchOptions{}) {
		if err != nil {
			return
		}
		swap := update.GetSwap()
		if update.GetKind() == sdk.WatchKindSnapshot && swap.GetPhase() >= sdk.PhaseAgreed {
			for e, err := range client.AllHistory(ctx, swap.GetId()) {
				if err != nil {
					break // told by the stream, if it lasts
				}
				p.entry(party, swap.GetId(), e)
			}
		}
		p.entry(party, swap.GetId(), update.GetEntry())
		if next := swap.GetNextAction().GetText(); next != "" && p.fresh(party+"/next", next) {
			p.line("        %-11s    next: %s", party, next)
		}
	}
}

// entry prints an event once.
func (p *printer) entry(party, swap string, e *sdk.HistoryEntry) {
	if e.GetText() == "" || e.GetKind() == "tip-advanced" || !p.newer(party+"/"+swap, e.GetSequence()) {
		return
	}
	if !p.fresh(party, e.GetText()) {
		return // the agreement's record, which has no number, told it before
	}
	p.stamped(party, e.GetText())
}

// newer reports whether an event comes after those printed of a swap.
func (p *printer) newer(name string, sequence uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sequence != 0 && sequence <= p.seen[name] {
		return false
	}
	p.seen[name] = max(p.seen[name], sequence)
	return true
}

// fresh reports whether the text differs from the last one under the name.
func (p *printer) fresh(name, text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.names[name] == text {
		return false
	}
	p.names[name] = text
	return true
}

// quote shows what the offer costs before anybody commits.
func (p *printer) quote(q *sdk.Quote) {
	for _, leg := range q.GetLegs() {
		p.line("  leg %d: %s; its refund opens at %s", leg.GetIndex(),
			human(leg.GetAmount().GetAsset(), leg.GetAmount().GetAmount()),
			sdk.Time(leg.GetTimeLock()).UTC().Format("15:04:05 UTC"))
		p.line("         fees at most: lock %s, redeem %s, refund %s", human(leg.GetFeeAsset(), leg.GetFundFee()),
			human(leg.GetFeeAsset(), leg.GetRedeemFee()), human(leg.GetFeeAsset(), leg.GetRefundFee()))
	}
	var worst []string
	for _, a := range q.GetWorstCaseLoss() {
		worst = append(worst, human(a.GetAsset(), a.GetAmount()))
	}
	p.line("  worst case, if the swap fails while fees are at stress: %s in fees", strings.Join(worst, " and "))
}

// balances prints a table.
func (p *printer) balances(title string, b balances) {
	p.step("%s", title)
	for _, party := range []string{"initiator", "participant"} {
		assets := make([]string, 0, len(b[party]))
		for asset := range b[party] {
			assets = append(assets, asset)
		}
		sort.Strings(assets)
		for _, asset := range assets {
			p.line("  %-11s  %s", party, human(asset, b[party][asset].String()))
		}
	}
}

// Show prints the report as a table.
func (r Report) Show(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\nparty\tasset\tbefore\tsent\treceived\tfees\tafter\t\n")
	for _, p := range r.Parties {
		for _, a := range p.Assets {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", p.Party, symbol(a.Asset), units(a.Asset, a.Before),
				units(a.Asset, a.Sent), units(a.Asset, a.Received), units(a.Asset, a.Fees), units(a.Asset, a.After))
		}
	}
	_ = w.Flush() // a terminal that is gone needs no table
	fmt.Fprintf(out, "\n%s: everybody %s after %d seconds\n", r.Scenario, r.Outcome, r.Seconds)
}

func isBitcoin(asset string) bool { return strings.HasPrefix(asset, "bip122:") }

func symbol(asset string) string {
	if isBitcoin(asset) {
		return "BTC"
	}
	return "ETH"
}

// units writes base units of the demo's two coins as people do.
func units(asset, base string) string {
	decimals := uint32(18)
	if isBitcoin(asset) {
		decimals = 8
	}
	text, err := sdk.FormatUnits(base, decimals)
	if err != nil {
		return base
	}
	return text
}

func human(asset, base string) string { return units(asset, base) + " " + symbol(asset) }

// outcomeText is an outcome in the words of the API's JSON.
func outcomeText(o sdk.Outcome) string {
	return strings.ToLower(strings.TrimPrefix(o.String(), "OUTCOME_"))
}
