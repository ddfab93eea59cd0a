//go:build e2e

package bitcoin_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/rpcclient"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/internal/devnet/bitcoinchain"
)

func TestSafety_A1_SecretSizeOnBtcd(t *testing.T) { secretSizes(t, newBtcdKit(t)) }

func TestSafety_A5_MedianTimePastOnBtcd(t *testing.T) { medianTimePast(t, newBtcdKit(t)) }

func TestSafety_A10_AroundTheTimeLockOnBtcd(t *testing.T) { aroundTheTimeLocks(t, newBtcdKit) }

func TestAbandonOverAChildOnBtcd(t *testing.T) { abandonOverAChild(t, newBtcdKit(t)) }

func TestCooperativeSpendsOnBtcd(t *testing.T) { cooperate(t, newBtcdKit(t)) }

func TestSweepsOnBtcd(t *testing.T) { sweepFive(t, newBtcdKit(t)) }

func TestPresignedRedeemOnBtcd(t *testing.T) { towerRedeems(t, newBtcdKit(t)) }

func TestSafety_B1_FeeClimbsToBudgetOnBtcd(t *testing.T) { feeClimbs(t, newBtcdKit(t)) }

func TestSafety_B3_PolicyIsAskedOnBtcd(t *testing.T) {
	policyIsAsked(t, newBtcdKitWith(t, "--minrelaytxfee=0.00005"), 5_000, 5_000)
}

// btcdNetwork is a btcd process whose only peer is the chain in this process:
// what it holds in its mempool is mined there, and the blocks are given to it.
type btcdNetwork struct {
	*bitcoinchain.Chain
	t            *testing.T
	ours, theirs *rpcclient.Client
}

// newBtcdKit is a kit on a btcd process.
func newBtcdKit(t *testing.T) *kit {
	t.Helper()
	return newBtcdKitWith(t)
}

func newBtcdKitWith(t *testing.T, flags ...string) *kit {
	t.Helper()
	chain := startChain(t)
	addr := startBtcd(t, flags...)
	user, password := chain.Credentials()
	n := &btcdNetwork{Chain: chain, t: t, ours: dial(t, chain.Addr(), user, password), theirs: dial(t, addr, "kofo", "kofo")}
	n.waitFor(t)
	n.giveBlocks()
	return furnish(t, &kit{network: n, Chain: chain, url: "http://" + addr, user: "kofo", password: "kofo"})
}

func startBtcd(t *testing.T, flags ...string) string {
	t.Helper()
	program := os.Getenv("KOFO_BTCD")
	if program == "" {
		program = filepath.Join("..", "..", "bin", "btcd")
	}
	dir, addr, peers := t.TempDir(), freePort(t), freePort(t)
	args := append([]string{"--regtest", "--datadir=" + dir, "--logdir=" + dir, "--configfile=/dev/null",
		"--listen=" + peers, "--rpclisten=" + addr, "--rpcuser=kofo", "--rpcpass=kofo", "--notls", "--txindex", "--nodnsseed", "--rejectnonstd"}, flags...)
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return addr
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func dial(t *testing.T, addr, user, password string) *rpcclient.Client {
	t.Helper()
	client, err := rpcclient.New(&rpcclient.ConnConfig{Host: addr, User: user, Pass: password, HTTPPostMode: true, DisableTLS: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Shutdown(); client.WaitForShutdown() })
	return client
}

func (n *btcdNetwork) waitFor(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for n.theirs.Ping() != nil {
		select {
		case <-ctx.Done():
			t.Fatal("btcd does not answer")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// giveBlocks hands over what btcd does not have yet.
func (n *btcdNetwork) giveBlocks() {
	n.t.Helper()
	have, err := n.theirs.GetBlockCount()
	if err != nil {
		n.t.Fatal(err)
	}
	for height := have + 1; height <= int64(n.Tip().Height); height++ {
		hash, err := n.ours.GetBlockHash(height)
		if err != nil {
			n.t.Fatal(err)
		}
		block, err := n.ours.GetBlock(hash)
		if err != nil {
			n.t.Fatal(err)
		}
		if err := n.theirs.SubmitBlock(btcutil.NewBlock(block), nil); err != nil {
			n.t.Fatalf("block %d: %v", height, err)
		}
	}
}

// takeMempool offers btcd's waiting transactions to the chain that mines.
func (n *btcdNetwork) takeMempool() {
	n.t.Helper()
	waiting, err := n.theirs.GetRawMempool()
	if err != nil {
		n.t.Fatal(err)
	}
	for _, txid := range waiting {
		tx, err := n.theirs.GetRawTransaction(txid)
		if err != nil {
			n.t.Fatal(err)
		}
		if _, err := n.Chain.Submit(tx.MsgTx()); err != nil && !strings.Contains(err.Error(), "already have") {
			n.t.Fatal(err)
		}
	}
}

func (n *btcdNetwork) Mine(ctx context.Context, blocks int) ([]chainhash.Hash, error) {
	n.takeMempool()
	defer n.giveBlocks()
	return n.Chain.Mine(ctx, blocks)
}

func (n *btcdNetwork) MineAt(ctx context.Context, at time.Time) (chainhash.Hash, error) {
	n.takeMempool()
	defer n.giveBlocks()
	return n.Chain.MineAt(ctx, at)
}

func (n *btcdNetwork) AdvanceTime(ctx context.Context, d time.Duration) error {
	n.takeMempool()
	defer n.giveBlocks()
	return n.Chain.AdvanceTime(ctx, d)
}

// Pay sends from the miner; btcd learns of it with the block.
func (n *btcdNetwork) Pay(ctx context.Context, script []byte, amount int64) (chainhash.Hash, error) {
	return n.Chain.Pay(ctx, script, amount)
}

func (n *btcdNetwork) Submit(tx *wire.MsgTx) (chainhash.Hash, error) {
	id, err := n.theirs.SendRawTransaction(tx, true)
	if err != nil {
		return chainhash.Hash{}, err
	}
	return *id, nil
}
