//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/wallet"
	"github.com/kofo-network/kofo/monitor/killpoint"
)

// sheet is what kofo rescue show prints.
type sheet struct {
	Swap string
	Legs []struct {
		Family   string
		Ours     bool
		TimeLock int64
		Bitcoin  *struct {
			Address string
			Satoshi int64
		}
		EVM *struct{ Deployment, ID, Slot, Account string }
	}
}

// copyOfTerms is the one file in the party's folder of copies.
func (p *party) copyOfTerms() string {
	p.t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "terms", "*.kofo-copy"))
	must(p.t, err)
	if len(files) != 1 {
		p.t.Fatalf("copies of terms: %v", files)
	}
	return files[0]
}

// rescue is the command with seed and Terms.
func (p *party) rescue(kind string, more ...string) []string {
	return append([]string{"rescue", kind, "--terms", p.copyOfTerms(),
		"--seed-file", filepath.Join(p.dir, wallet.SeedFileName), "--key-file", filepath.Join(p.dir, "seed.key")}, more...)
}

func (p *party) sheet(ctx context.Context) sheet {
	p.t.Helper()
	var s sheet
	must(p.t, json.Unmarshal(p.kofo(ctx, "", p.rescue("show")...), &s))
	return s
}

// bitcoinFacts are those that a person reads off an explorer, as flags.
func (p pair) bitcoinFacts(ctx context.Context, on *bitcoind, to string) []string {
	p.t.Helper()
	decoded, err := address.DecodeAddress(to, &chaincfg.RegressionNetParams)
	must(p.t, err)
	script, err := txscript.PayToAddrScript(decoded)
	must(p.t, err)
	tip, err := on.height(ctx)
	must(p.t, err)
	for h := p.since; h <= tip; h++ {
		block, err := on.block(ctx, h)
		must(p.t, err)
		for _, tx := range block.Transactions {
			for i, out := range tx.TxOut {
				if bytes.Equal(out.PkScript, script) {
					return []string{
						"--txid", tx.TxHash().String(), "--index", strconv.Itoa(i), "--amount", strconv.FormatInt(out.Value, 10),
						"--address", to, "--feerate", "12.5", "--clock", strconv.FormatInt(time.Now().Unix(), 10),
					}
				}
			}
		}
	}
	p.t.Fatalf("nothing was paid to %s", to)
	return nil
}

// ethereumFacts are those that a person reads off an explorer, as flags.
func (p pair) ethereumFacts(ctx context.Context, on *gethd, deployment, slot, account string) []string {
	p.t.Helper()
	var held string
	must(p.t, on.rpc.CallContext(ctx, &held, "eth_getStorageAt", common.HexToAddress(deployment), slot, "latest"))
	var nonce hexutil.Uint64
	must(p.t, on.rpc.CallContext(ctx, &nonce, "eth_getTransactionCount", common.HexToAddress(account), "latest"))
	var head struct {
		BaseFeePerGas *hexutil.Big
		Timestamp     hexutil.Uint64
	}
	must(p.t, on.rpc.CallContext(ctx, &head, "eth_getBlockByNumber", "latest", false))
	gwei := new(big.Rat).SetFrac(head.BaseFeePerGas.ToInt(), big.NewInt(1e9))
	return []string{
		"--chain-id", strconv.Itoa(ethereumID), "--slot", held, "--nonce", strconv.FormatUint(uint64(nonce), 10),
		"--base-fee", gwei.FloatString(9), "--tip", "1.5", "--clock", strconv.FormatUint(uint64(head.Timestamp), 10),
	}
}

// tryRescue runs the command again until it says that the chain has taken what
// it made: before the time lock Bitcoin refuses it, and on Ethereum, which would
// mine it and leave the lock, the command does.
func (p *party) tryRescue(ctx context.Context, kind string, facts func() []string) {
	p.t.Helper()
	must(p.t, eventually(ctx, "the chain takes the "+kind, func() error {
		args := append([]string{"--json", "--config", filepath.Join(p.dir, config.FileName)}, p.rescue(kind, facts()...)...)
		out, err := exec.CommandContext(ctx, nodes.kofo, args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}))
}

// TestRescueRefunds: both nodes are gone for good, and both parties take their
// legs back with seed, copy of the Terms and facts that they have typed in.
func TestRescueRefunds(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p := newPairOn(ctx, t, embedded, nodes.chains, alone)
	id := p.agree(ctx)
	p.initiator.reaches(ctx, id, funded(sdk.LegRolePayer, 1))
	p.initiator.kill()
	s := p.participant.reaches(ctx, id, funded(sdk.LegRolePayer, 1))
	p.participant.kill()
	on := p.initiator.chains
	for _, l := range p.participant.sheet(ctx).Legs {
		if l.Ours {
			p.participant.tryRescue(ctx, "refund", func() []string {
				return append(p.ethereumFacts(ctx, on.ethereum, l.EVM.Deployment, l.EVM.Slot, l.EVM.Account), "--broadcast", on.ethereum.url)
			})
		}
	}
	for _, l := range p.initiator.sheet(ctx).Legs {
		if l.Ours {
			p.initiator.tryRescue(ctx, "refund", func() []string {
				node := fmt.Sprintf("http://%s:%s@%s", rpcUser, rpcPassword, on.bitcoin.url[len("http://"):])
				return append(p.bitcoinFacts(ctx, on.bitcoin, l.Bitcoin.Address), "--broadcast", node)
			})
		}
	}
	p.usedOnce(ctx, s, 0, 1)
	p.usedOnce(ctx, s, 1, 1)
}

// rescued is what kofo rescue prints.
type rescued struct {
	TxID, Raw, Method, Fee string
	Earliest               int64
	Pays                   []struct {
		To, Amount, Asset string
		Own               bool
	}
}

// airGapped runs kofo rescue in a process that has no network: where the
// system allows it, in a network namespace with nothing in it.
func (p *party) airGapped(ctx context.Context, args ...string) ([]byte, error) {
	p.t.Helper()
	run := func(attr *syscall.SysProcAttr) ([]byte, error) {
		cmd := exec.CommandContext(ctx, nodes.kofo, append([]string{"--json"}, args...)...)
		cmd.SysProcAttr, cmd.Env = attr, []string{"HOME=" + p.dir}
		return cmd.Output()
	}
	ids := func(id int) []syscall.SysProcIDMap { return []syscall.SysProcIDMap{{HostID: id, Size: 1}} }
	out, err := run(&syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWUSER, UidMappings: ids(os.Getuid()), GidMappings: ids(os.Getgid()),
	})
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSPC) {
		p.t.Logf("no namespace without network here: %v", err)
		out, err = run(nil)
	}
	return out, err
}

// typesIn makes a spend from typed facts on a machine without a network, and
// lets somebody else broadcast the bytes that were printed.
func (p *party) typesIn(ctx context.Context, push func(ctx context.Context, s rescued) (string, error), kind string, facts ...string) rescued {
	p.t.Helper()
	out, err := p.airGapped(ctx, p.rescue(kind, facts...)...)
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			out = append(out, exit.Stderr...)
		}
		p.t.Fatalf("rescue %s: %v\n%s", kind, err, out)
	}
	var s rescued
	must(p.t, json.Unmarshal(out, &s))
	if len(s.Pays) != 1 || !s.Pays[0].Own {
		p.t.Fatalf("rescue %s pays %+v", kind, s.Pays)
	}
	must(p.t, eventually(ctx, "somebody takes the "+kind, func() error {
		id, err := push(ctx, s)
		if err == nil && id != s.TxID {
			p.t.Fatalf("the id is %s, rescue had printed %s", id, s.TxID)
		}
		return err
	}))
	return s
}

func (b *bitcoind) push(ctx context.Context, s rescued) (id string, err error) {
	err = b.call(ctx, &id, s.Method, s.Raw)
	return id, err
}

func (g *gethd) push(ctx context.Context, s rescued) (id string, err error) {
	err = g.rpc.CallContext(ctx, &id, s.Method, s.Raw)
	return id, err
}

// TestRescueRedeems: the initiator's node dies before it has redeemed; its
// owner redeems by hand, through the gate. The participant's dies when it has
// seen the secret; its owner redeems with the secret that the chain shows.
// Neither's machine has a network: somebody else broadcasts what is printed.
func TestRescueRedeems(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p := newPair(ctx, t, embedded)
	p.initiator.restart(ctx, "KOFO_KILL_AT="+killpoint.RedeemSigned)
	p.participant.restart(ctx, "KOFO_KILL_AT="+killpoint.RedeemSigned)
	id := p.agree(ctx)
	p.participant.reaches(ctx, id, funded(sdk.LegRolePayer, 2))
	must(t, p.initiator.process.killed(ctx))
	p.initiator.forget()
	s := p.participant.reaches(ctx, id, func(*sdk.Swap) bool { return true })
	on := p.initiator.chains
	var contract, deployment string
	for _, l := range p.initiator.sheet(ctx).Legs {
		if l.Ours {
			continue
		}
		contract, deployment = l.EVM.ID, l.EVM.Deployment
		facts := p.ethereumFacts(ctx, on.ethereum, l.EVM.Deployment, l.EVM.Slot, l.EVM.Account)
		out, err := p.initiator.airGapped(ctx, p.initiator.rescue("redeem", facts...)...)
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 || !bytes.Contains(append(out, exit.Stderr...), []byte("RESCUE_HELD")) {
			t.Fatalf("the secret was shown without a look at its conditions: %v\n%s", err, out)
		}
		more := []string{"--confirmations", "9", "--sources", "2", "--unspent", "--balance", "0.05"}
		p.initiator.typesIn(ctx, on.ethereum.push, "redeem", append(facts, more...)...)
	}
	must(t, p.participant.process.killed(ctx))
	p.participant.forget()
	var secret string
	must(t, eventually(ctx, "the secret on the chain", func() error {
		_, spends, err := on.ethereum.uses(ctx, common.HexToAddress(deployment), common.HexToHash(contract))
		if err == nil && len(spends) == 1 {
			secret = hex.EncodeToString(spends[0].Data)
			return nil
		}
		return fmt.Errorf("%d spends: %w", len(spends), err)
	}))
	for _, l := range p.participant.sheet(ctx).Legs {
		if !l.Ours {
			p.participant.typesIn(ctx, on.bitcoin.push, "redeem", append(p.bitcoinFacts(ctx, on.bitcoin, l.Bitcoin.Address), "--secret", secret)...)
		}
	}
	p.usedOnce(ctx, s, 0, 1)
	p.usedOnce(ctx, s, 1, 1)
}

// TestRescueRefundsByHand: the initiator's node is dead for good after it has funded,
// and the participant's never funds. The owner types in what an explorer shows,
// on a machine without a network; the chain takes what is printed when the time
// lock is past, and not before.
func TestRescueRefundsByHand(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p := newPairOn(ctx, t, embedded, nodes.chains, alone)
	p.participant.restart(ctx, "KOFO_KILL_AT="+killpoint.FundSigned)
	id := p.agree(ctx)
	s := p.initiator.reaches(ctx, id, funded(sdk.LegRolePayer, 1))
	p.initiator.kill()
	must(t, p.participant.process.killed(ctx))
	p.participant.forget()
	on := p.initiator.chains
	for _, l := range p.initiator.sheet(ctx).Legs {
		if !l.Ours {
			continue
		}
		early := true
		made := p.initiator.typesIn(ctx, func(ctx context.Context, s rescued) (string, error) {
			id, err := on.bitcoin.push(ctx, s)
			if early && err == nil {
				t.Fatal("it was taken before the time lock")
			}
			early = false
			return id, err
		}, "refund", p.bitcoinFacts(ctx, on.bitcoin, l.Bitcoin.Address)...)
		if made.Earliest != l.TimeLock+1 {
			t.Errorf("it can be sent from %d on, the time lock is %d", made.Earliest, l.TimeLock)
		}
	}
	p.usedOnce(ctx, s, 0, 1)
}
