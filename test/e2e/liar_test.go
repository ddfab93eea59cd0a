//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/internal/devnet/liar"
)

// liars stand before the first back end of each of a party's chains.
type liars struct{ bitcoin, ethereum *liar.Liar }

// amongLiars gives a party three back ends a chain, of which the first can be
// made to lie. Two addresses of one node stand for two honest ones.
func amongLiars(ctx context.Context, t *testing.T, s *settings) liars {
	t.Helper()
	start := func(target string) *liar.Liar {
		l, err := liar.Start(ctx, target)
		must(t, err)
		t.Cleanup(func() { must(t, l.Close()) })
		return l
	}
	const health = ", health: {max_lag_blocks: 1, lag_time: 1s, probation: 30s}"
	out := liars{start(s.Bitcoin), start(s.Ethereum)}
	s.MoreBitcoin += fmt.Sprintf(", backends: [{url: %q, user: %s, password: %s}, {url: %q, user: %s, password: %s}]%s",
		newRelay(t, s.Bitcoin).url, rpcUser, rpcPassword, s.Bitcoin, rpcUser, rpcPassword, health)
	s.MoreEthereum += fmt.Sprintf(", backends: [{url: %q}, {url: %q}]%s", newRelay(t, s.Ethereum).url, s.Ethereum, health)
	s.Bitcoin, s.Ethereum = out.bitcoin.URL, out.ethereum.URL
	return out
}

// tell begins a lie on both chains.
func (l liars) tell(ctx context.Context, t *testing.T, on *chains, lie liar.Lie) {
	t.Helper()
	height, err := on.bitcoin.height(ctx)
	must(t, err)
	l.bitcoin.Tell(lie, uint64(height), func(at uint64) string {
		var hash string
		must(t, on.bitcoin.call(ctx, &hash, "getblockhash", at))
		return hash
	})
	var top hexutil.Uint64
	must(t, on.ethereum.rpc.CallContext(ctx, &top, "eth_blockNumber"))
	l.ethereum.Tell(lie, uint64(top), nil)
}

// caught are the reasons, by chain, for which a party has set liars aside up to
// now. Nobody else may have been.
func (l liars) caught(p *party) (map[string]string, error) {
	out := map[string]string{}
	for line := range strings.Lines(p.log()) {
		if !strings.Contains(line, `msg="back end"`) && !strings.Contains(line, `"msg":"back end"`) || !strings.Contains(line, "set aside") {
			continue
		}
		switch {
		case strings.Contains(line, host(l.bitcoin.URL)):
			out["bitcoin"] += line
		case strings.Contains(line, host(l.ethereum.URL)):
			out["ethereum"] += line
		default:
			return nil, fmt.Errorf("the %s has set an honest back end aside: %s", p.name, line)
		}
	}
	return out, nil
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}

// lyingCase is a kind of lie, with the reason for which each chain's liar is set
// aside; none where nobody can tell, and the others make it harmless.
type lyingCase struct {
	lie               liar.Lie
	bitcoin, ethereum string
}

var lyingCases = map[string]lyingCase{
	"stale-head":      {liar.StaleHead, "BACKEND_STALE", "BACKEND_STALE"},
	"height-back":     {liar.WentBack, "BACKEND_", "BACKEND_"}, // gone back, or stale where that is seen first
	"invented-height": {liar.Invented, "BACKEND_AHEAD", "BACKEND_AHEAD"},
	"empty-logs":      {liar.EmptyLogs, "BACKEND_LIED", "BACKEND_LIED"},
	"false-receipt":   {liar.FalseReceipt, "", ""},
	"false-state":     {liar.FalseState, "", ""},
	"swallow":         {liar.Swallow, "", ""},
}

// TestSafety_D6_LyingEndpoint: once the first leg is funded the first back end
// of every chain, the one that is asked, lies to both parties until the end. No
// gate opens on a lie, no broadcast is lost, the swap settles through the honest
// ones, which nobody sets aside, and who can be found out is named.
func TestSafety_D6_LyingEndpoint(t *testing.T) {
	t.Parallel()
	for name, c := range lyingCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := swapContext(t)
			var both []liars
			p := newPairOn(ctx, t, embedded, nodes.chains, func(s *settings) { both = append(both, amongLiars(ctx, t, s)) })
			id := p.agree(ctx)
			p.initiator.reaches(ctx, id, funded(sdk.LegRolePayer, 1))
			for _, l := range both {
				l.tell(ctx, t, nodes.chains, c.lie)
			}
			p.swapped(ctx, id)
			if both[0].ethereum.Told()+both[1].ethereum.Told() == 0 {
				t.Error("nobody was told a lie of Ethereum")
			}
			if c.lie != liar.FalseReceipt && both[0].bitcoin.Told()+both[1].bitcoin.Told() == 0 {
				t.Error("nobody was told a lie of Bitcoin")
			}
			for i, side := range []*party{p.initiator, p.participant} {
				must(t, eventually(ctx, "the liar is named", func() error {
					got, err := both[i].caught(side)
					if err == nil && (!strings.Contains(got["bitcoin"], c.bitcoin) || !strings.Contains(got["ethereum"], c.ethereum)) {
						err = fmt.Errorf("the %s has set aside %v, want %s and %s", side.name, got, c.bitcoin, c.ethereum)
					}
					return err
				}))
			}
		})
	}
}
