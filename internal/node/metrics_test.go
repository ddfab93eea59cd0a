package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"gopkg.in/yaml.v3"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/engine"
)

// scraped runs a node until it has asked its back ends, and returns what it
// shows.
func scraped(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	metrics := port.Addr().String()
	if err := port.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := settings(t, network(ctx, t), metrics)
	ready, out := io.Pipe()
	runCtx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		err := Run(runCtx, cfg, Options{Log: slog.New(slog.DiscardHandler), Ready: out, Version: "test"})
		_ = out.CloseWithError(errors.Join(io.EOF, err))
		ended <- err
	}()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	if _, err := bufio.NewReader(ready).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	for {
		text := get(ctx, t, "http://"+metrics+"/metrics")
		if strings.Count(text, "\nkofo_wallet_low{") == 2 {
			return text
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no balances:\n%s", text)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

var (
	series   = regexp.MustCompile(`(?m)^([a-z_]+)(?:\{([^}]*)\})? (\S+)$`)
	wanted   = regexp.MustCompile(`\b(?:kofo|process|go)_[a-z_]+\b`)
	matchers = regexp.MustCompile(`\b([a-z_]+)\s*(?:=|!=|=~|!~)\s*"`)
	grouping = regexp.MustCompile(`\bby \(([a-z_, ]*)\)`)
	pairs    = map[rune]rune{')': '(', '}': '{', ']': '['}
)

// balanced is what can be told of an expression without Prometheus: that its
// brackets and quotes close.
func balanced(expr string) bool {
	var open []rune
	quoted := false
	for _, r := range expr {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '(' || r == '{' || r == '[':
			open = append(open, r)
		case pairs[r] != 0:
			if len(open) == 0 || open[len(open)-1] != pairs[r] {
				return false
			}
			open = open[:len(open)-1]
		}
	}
	return len(open) == 0 && !quoted
}

// expressions are those of every panel and of every alert, by name.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	var board struct {
		Panels []struct {
			Title   string
			Type    string
			Targets []struct{ Expr, RefID string }
		}
	}
	raw, err := os.ReadFile("../../deploy/grafana/kofo.json")
	if err == nil {
		err = json.Unmarshal(raw, &board)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			out["panel "+p.Title+" "+target.RefID] = target.Expr
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	raw, err = os.ReadFile("../../deploy/prometheus/alerts.yml")
	if err == nil {
		err = yaml.Unmarshal(raw, &rules)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules.Groups[0].Rules {
		if _, err := time.ParseDuration(r.For); err != nil || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("alert %s lacks something: %v", r.Alert, err)
		}
		out["alert "+r.Alert] = r.Expr
	}
	return out
}

// TestEveryPanelAndAlertHasItsMetric: what dashboard and alerts ask for, a
// running node shows, with the labels by which it is asked for.
func TestEveryPanelAndAlertHasItsMetric(t *testing.T) {
	text := scraped(t)
	shown := map[string]string{} // its labels
	for _, m := range series.FindAllStringSubmatch(text, -1) {
		shown[m[1]] += "," + m[2]
	}
	asked := map[string]bool{}
	all := expressions(t)
	if len(all) < 40 {
		t.Errorf("only %d expressions were found", len(all))
	}
	for name, expr := range all {
		if !balanced(expr) {
			t.Errorf("%s: %s", name, expr)
		}
		metrics := wanted.FindAllString(expr, -1)
		if len(metrics) == 0 && !strings.HasPrefix(expr, "up{") {
			t.Errorf("%s asks for nothing: %s", name, expr)
		}
		for _, metric := range metrics {
			asked[metric] = true
			labels, ok := shown[metric]
			if !ok {
				t.Errorf("%s: no metric %s", name, metric)
			}
			var by []string
			for _, m := range grouping.FindAllStringSubmatch(expr, -1) {
				by = append(by, strings.Split(strings.ReplaceAll(m[1], " ", ""), ",")...)
			}
			for _, m := range matchers.FindAllStringSubmatch(expr, -1) {
				by = append(by, m[1])
			}
			for _, label := range by {
				if !strings.Contains(labels, label+"=") {
					t.Errorf("%s: %s has no label %s", name, metric, label)
				}
			}
		}
	}
	for metric := range shown {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(metric, "_bucket"), "_sum"), "_count")
		if strings.HasPrefix(metric, "kofo_") && metric != "kofo_build_info" &&
			!slices.ContainsFunc([]string{metric, base, base + "_bucket", base + "_sum"}, func(m string) bool { return asked[m] }) {
			t.Errorf("%s stands on no panel and in no alert", metric)
		}
	}
}

// Metrics have bounded labels: nothing of a swap, an address or a transaction.
func TestLabelsAreBounded(t *testing.T) {
	for _, m := range series.FindAllStringSubmatch(scraped(t), -1) {
		if !strings.HasPrefix(m[1], "kofo_") {
			continue
		}
		for pair := range strings.SplitSeq(m[2], `",`) {
			label, value, _ := strings.Cut(pair, "=")
			if label != "" && !slices.Contains([]string{"chain", "asset", "phase", "outcome", "purpose", "condition", "le", "version"}, label) {
				t.Errorf("%s has a label %s", m[1], label)
			}
			if len(value) > 100 {
				t.Errorf("%s: %s", m[1], value)
			}
		}
	}
}

func TestObserverCounts(t *testing.T) {
	o := newObserver("test")
	step := func(kinds ...adapters.StepKind) {
		for _, kind := range kinds {
			o.stepped("eip155:1337", adapters.Step{Kind: kind})
		}
	}
	step(adapters.Connect, adapters.Disconnect, adapters.Disconnect, adapters.Connect, adapters.Connect)
	if o.undone["eip155:1337"] != 0 {
		t.Error("the reorganisation is not over")
	}
	terms := htlc.Terms{Legs: []htlc.Leg{{Asset: "eip155:1337/slip44:60"}, {Asset: "bip122:ab/slip44:0", Payer: 1}}}
	swap := htlc.Swap{ID: htlc.SwapID{1}, Terms: terms, FundingSent: true, Phase: htlc.PhaseFunding, Legs: make([]htlc.LegState, 2)}
	height := uint64(10)
	at := func(htlc.ChainID) uint64 { return height }
	if got := o.stuck([]htlc.Swap{swap}, at); len(got) != 0 {
		t.Errorf("at once: %v", got)
	}
	height += stuckAfter
	if got := o.stuck([]htlc.Swap{swap}, at); got[[2]string{"eip155:1337", "fund"}] != 1 {
		t.Errorf("after %d blocks: %v", stuckAfter, got)
	}
	swap.Legs[0].Status = htlc.LegInBlock
	if got := o.stuck([]htlc.Swap{swap}, at); len(got) != 0 || len(o.pending) != 0 {
		t.Errorf("in a block: %v, %v", got, o.pending)
	}
	now := time.Unix(1000, 0)
	o.tip("x:y", adapters.Hash{1}, now)
	if age := o.tip("x:y", adapters.Hash{1}, now.Add(time.Minute)); age != time.Minute {
		t.Error(age)
	}
	if age := o.tip("x:y", adapters.Hash{2}, now.Add(2*time.Minute)); age != 0 {
		t.Error(age)
	}
}

// A consent that is given after the end changes the swap and closes it no
// second time.
func TestSwapClosesOnce(t *testing.T) {
	o := newObserver("test")
	o.begin(nil)
	swap := htlc.Swap{ID: htlc.SwapID{1}, Phase: htlc.PhaseClosed, Outcome: htlc.OutcomeCancelled}
	o.committed(engine.Batch{Swaps: []engine.SwapWrite{{Swap: swap, Effects: []engine.StoredEffect{{Effect: htlc.Effect{Kind: htlc.EffectRelease}}}}}})
	o.committed(engine.Batch{Swaps: []engine.SwapWrite{{Swap: swap}}})
	var now dto.Metric
	if err := o.s.Closed.WithLabelValues(swap.Outcome.String()).Write(&now); err != nil {
		t.Fatal(err)
	}
	if n := now.GetCounter().GetValue(); n != 1 || len(o.closing) != 1 {
		t.Errorf("closed %v times, %d looks at its fees", n, len(o.closing))
	}
}
