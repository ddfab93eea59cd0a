//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/internal/devnet/evmchain"
)

// switchCase says whose endpoint begins to serve another chain, when, and
// which one.
type switchCase struct {
	initiator bool // else the participant
	chain     string
	// revealing: both legs are funded by then; else only the first.
	revealing bool
	foreign   func(ctx context.Context, t *testing.T) string
}

var switchCases = map[string]switchCase{
	"bitcoin-before-funding":        {chain: bitcoinChain, foreign: simnet},
	"ethereum-before-funding":       {chain: ethereumChain, foreign: foreignEthereum(31337)},
	"ethereum-before-reveal":        {chain: ethereumChain, initiator: true, revealing: true, foreign: foreignEthereum(31337)},
	"ethereum-before-reveal/one-id": {chain: ethereumChain, initiator: true, revealing: true, foreign: foreignEthereum(1337)},
}

// TestSafety_C8_EndpointSwitchesChain: in the middle of a swap another chain
// answers at a party's endpoint. As long as it does the party neither funds
// nor reveals, and sends nothing to that chain; when the right one is back the
// swap goes on.
func TestSafety_C8_EndpointSwitchesChain(t *testing.T) {
	t.Parallel()
	for name, c := range switchCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := swapContext(t)
			foreign := c.foreign(ctx, t)
			p := newPairOn(ctx, t, embedded, nodes.chains, func(s *settings) {
				if c.revealing { // blocks between funding and reveal, in which to switch
					s.MoreEthereum = ", min_confirmations: 6"
				}
			})
			victim := p.participant
			if c.initiator {
				victim = p.initiator
			}
			endpoint := victim.behindRelay(ctx, c.chain)
			id := p.agree(ctx)
			if c.revealing {
				p.initiator.reaches(ctx, id, funded(sdk.LegRolePayee, 1))
			} else {
				p.initiator.reaches(ctx, id, funded(sdk.LegRolePayer, 1))
			}
			endpoint.turn(foreign)
			noticing, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			must(t, eventually(noticing, "the other chain is noticed", func() error {
				if !strings.Contains(victim.log(), adapters.ErrWrongChain.Error()) {
					return fmt.Errorf("the log of the %s does not say so", victim.name)
				}
				return nil
			}))
			must(t, nodes.chains.ethereum.grow(ctx, 8))
			p.untouched(ctx, id, c.revealing)
			p.sentNothing(ctx, id, endpoint)
			endpoint.turn(endpoint.right)
			p.swapped(ctx, id)
		})
	}
}

// untouched checks that the second leg is just funded, or not at all, and
// that nobody has spent a leg.
func (p pair) untouched(ctx context.Context, id string, secondFunded bool) {
	p.t.Helper()
	s := p.swap(ctx, id)
	want := 0
	if secondFunded {
		want = 1
	}
	fundings, spends, err := p.uses(ctx, s, 1)
	must(p.t, err)
	if fundings != want || spends != 0 {
		p.t.Errorf("the second leg was funded %d and spent %d times, wanted is %d and none", fundings, spends, want)
	}
	if _, spends, err = p.uses(ctx, s, 0); err != nil || spends != 0 {
		p.t.Errorf("the first leg was spent %d times: %v", spends, err)
	}
}

// sentNothing checks that the other chain was only asked.
func (p pair) sentNothing(ctx context.Context, id string, r *relay) {
	p.t.Helper()
	abroad := bytes.ToLower(r.abroad())
	if len(abroad) == 0 {
		p.t.Error("the other chain was not asked at all")
	}
	if bytes.Contains(abroad, []byte("sendrawtransaction")) {
		p.t.Error("the other chain was sent a transaction")
	}
	if _, secret := p.secret(ctx, id); contains(abroad, secret[:]) {
		p.t.Error("the other chain was told the secret")
	}
}

// foreignEthereum starts an Ethereum chain with an id, and a genesis block
// that is not ours.
func foreignEthereum(id uint64) func(context.Context, *testing.T) string {
	return func(ctx context.Context, t *testing.T) string {
		t.Helper()
		other, err := evmchain.Start(ctx, evmchain.Options{ChainID: id})
		must(t, err)
		t.Cleanup(func() {
			if err := other.Close(); err != nil {
				t.Error(err)
			}
		})
		return other.HTTPURL()
	}
}

// simnet starts btcd on its simulation network.
func simnet(ctx context.Context, t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(nodes.dir, "simnet-")
	must(t, err)
	path, err := program("btcd")
	must(t, err)
	port, err := freePort()
	must(t, err)
	b := &bitcoind{url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	b.child, err = spawn("btcd", dir, nil, path, "--simnet", "--datadir="+filepath.Join(dir, "data"),
		"--logdir="+filepath.Join(dir, "logs"), "--configfile=/dev/null", "--nolisten",
		fmt.Sprintf("--rpclisten=127.0.0.1:%d", port), "--rpcuser="+rpcUser, "--rpcpass="+rpcPassword, "--notls", "--nodnsseed")
	must(t, err)
	t.Cleanup(b.kill)
	must(t, eventually(ctx, "btcd answers", func() error { return b.call(ctx, nil, "getblockcount") }))
	return b.url
}
