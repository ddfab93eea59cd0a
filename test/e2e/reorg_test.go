//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kofo-network/kofo/api/sdk"
)

// TestReorg undoes one and two blocks on each chain, before and after that
// chain's funding. The swap must end as if nothing had happened: undone
// transactions come again, by the node or by us. Its chains are its own, so
// that no other test loses blocks.
func TestReorg(t *testing.T) {
	t.Parallel()
	for _, chain := range []string{"bitcoin", "ethereum"} {
		t.Run(chain, func(t *testing.T) {
			t.Parallel()
			dir, err := os.MkdirTemp(nodes.dir, "reorg-"+chain+"-")
			must(t, err)
			on, err := startChains(swapContext(t), dir)
			if on != nil {
				t.Cleanup(on.stop)
			}
			must(t, err)
			for _, depth := range []int{1, 2} {
				for _, when := range []string{"before-funding", "after-funding"} {
					t.Run(fmt.Sprintf("depth-%d/%s", depth, when), func(t *testing.T) {
						ctx := swapContext(t)
						p := newPairOn(ctx, t, production, on, nil)
						// The parties' first coins must not be undone with the blocks.
						must(t, on.ethereum.grow(ctx, uint64(depth)+1))
						id := p.agree(ctx)
						if when == "after-funding" {
							p.payer(chain).reaches(ctx, id, funded(sdk.LegRolePayer, uint64(depth)))
						}
						must(t, on.undo(ctx, chain, depth))
						p.swapped(ctx, id)
					})
				}
			}
		})
	}
}

// payer is who funds on a chain.
func (p pair) payer(chain string) *party {
	if chain == "bitcoin" {
		return p.initiator
	}
	return p.participant
}

func (c *chains) undo(ctx context.Context, chain string, depth int) error {
	if chain == "bitcoin" {
		return c.bitcoin.reorg(ctx, depth)
	}
	return c.ethereum.reorg(ctx, uint64(depth))
}

// TestSafety_D4_StreamDeletedInMidSwap deletes the streams of both nodes when
// the first leg is funded: nothing of the outcome changes.
func TestSafety_D4_StreamDeletedInMidSwap(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p := newPair(ctx, t, production)
	id := p.agree(ctx)
	p.initiator.reaches(ctx, id, funded(sdk.LegRolePayer, 1))
	nc, err := nats.Connect(nodes.natsURL)
	must(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	must(t, err)
	for _, side := range []*party{p.initiator, p.participant} {
		must(t, js.DeleteStream(ctx, streamOf(side)))
	}
	p.swapped(ctx, id)
}

// streamOf is the name of a node's stream.
func streamOf(p *party) string { return "KOFO_" + p.set.Prefix }
