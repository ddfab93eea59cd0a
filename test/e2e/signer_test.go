//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/internal/signer/daemon"
	"github.com/kofo-network/kofo/internal/signer/wire"
	"github.com/kofo-network/kofo/internal/wallet"
)

// keyholder is the process that has a party's seed.
type keyholder struct {
	t       *testing.T
	of      *party
	dir     string
	address string
	process *child
	line    *slowLine // between node and signer
}

// keyless takes the seed out of a party's folder, before its node is started,
// and into that of a signer of its own.
func (p *party) keyless(ctx context.Context) *keyholder {
	p.t.Helper()
	h := &keyholder{t: p.t, of: p, dir: p.dir + "-signer"}
	must(p.t, os.Mkdir(h.dir, 0o700))
	for _, name := range []string{"seed.key", wallet.SeedFileName} {
		must(p.t, os.Rename(filepath.Join(p.dir, name), filepath.Join(h.dir, name)))
	}
	port, err := freePort()
	must(p.t, err)
	h.address = fmt.Sprintf("127.0.0.1:%d", port)
	node, err := wire.EnsurePair(filepath.Join(p.dir, "tls"), "signer-client")
	must(p.t, err)
	must(p.t, os.WriteFile(filepath.Join(h.dir, "node.crt"), node.Certificate(), 0o600))
	own, err := wire.EnsurePair(h.dir, daemon.CertificateName)
	must(p.t, err)
	must(p.t, os.WriteFile(filepath.Join(p.dir, "signer.crt"), own.Certificate(), 0o600))
	h.line = newSlowLine(p.t, h.address)
	p.set.Signer = fmt.Sprintf("signer: {address: %q, timeout: 3s}", h.line.address())
	h.rules("1s")
	h.start(ctx)
	p.t.Cleanup(func() {
		if h.process != nil {
			must(p.t, h.process.stop())
		}
	})
	return h
}

// rules writes the signer's configuration.
func (h *keyholder) rules(margin string, more ...string) {
	h.t.Helper()
	must(h.t, os.WriteFile(filepath.Join(h.dir, "kofo-signer.yml"), fmt.Appendf(nil, `data_dir: %s
listen: %s
key_file: seed.key
chains: ["%s", "%s"]
margin: %s
%s
`, h.dir, h.address, bitcoinChain, ethereumChain, margin, strings.Join(more, "\n")), 0o600))
}

// judges starts it again with other rules.
func (h *keyholder) judges(ctx context.Context, margin string, more ...string) {
	h.t.Helper()
	must(h.t, h.process.stop())
	h.rules(margin, more...)
	h.start(ctx)
}

func (h *keyholder) start(ctx context.Context) {
	h.t.Helper()
	var err error
	h.process, err = spawn(h.of.name+"-signer", h.dir, nil, nodes.signer, "--config", filepath.Join(h.dir, "kofo-signer.yml"))
	must(h.t, err)
	_, err = h.process.line(ctx, "ready ")
	must(h.t, err)
}

// kill ends it with SIGKILL.
func (h *keyholder) kill() {
	h.process.kill()
	h.process = nil
}

// newKeylessPair is newPair where the seeds of some are in signers.
func newKeylessPair(ctx context.Context, t *testing.T) (pair, map[*party]*keyholder) {
	t.Helper()
	p := pair{t: t, initiator: newParty(ctx, t, "initiator", embedded, nodes.chains), participant: newParty(ctx, t, "participant", embedded, nodes.chains)}
	var err error
	p.since, err = nodes.chains.bitcoin.height(ctx)
	must(t, err)
	holders := map[*party]*keyholder{}
	for _, side := range []*party{p.initiator, p.participant} {
		holders[side] = side.keyless(ctx)
		side.start(ctx)
	}
	p.initiator.payBitcoin(ctx, initiatorStart[btc].Int64())
	must(t, nodes.chains.ethereum.pay(ctx, p.initiator.account, initiatorStart[eth]))
	must(t, nodes.chains.ethereum.pay(ctx, p.participant.account, participantStart[eth]))
	p.has(ctx, p.initiator, initiatorStart, money{})
	p.has(ctx, p.participant, participantStart, money{})
	return p, holders
}

// TestSwapWithoutSeeds: neither node has a key, in either role; and nothing of
// the seed is in their folders.
func TestSwapWithoutSeeds(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p, _ := newKeylessPair(ctx, t)
	p.swapped(ctx, p.agree(ctx))
	for _, side := range []*party{p.initiator, p.participant} {
		for _, name := range []string{"seed.key", wallet.SeedFileName} {
			if _, err := os.Stat(filepath.Join(side.dir, name)); !os.IsNotExist(err) {
				t.Errorf("%s has %s: %v", side.name, name, err)
			}
		}
	}
}
