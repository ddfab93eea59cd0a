//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters/evm/bindings"
	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/wallet"
)

// wantedDepth is the depth that nodes of the devnet profile want: N.
const wantedDepth = 2

// A reorgCase undoes one step of a swap. Where the fork conflicts, it has
// something else in the place of what it undoes.
type reorgCase struct {
	depth     int
	conflicts bool
}

func (c reorgCase) String() string {
	if c.conflicts {
		return fmt.Sprintf("depth-%d-with-conflict", c.depth)
	}
	return fmt.Sprintf("depth-%d", c.depth)
}

// reorgStep is a step of a swap after which blocks are undone.
type reorgStep struct {
	chain string
	// undo reaches the step, undoes it and leaves both nodes running.
	undo func(r reorgRun)
	// paid: the secret is out by then, so both must be paid.
	paid bool
	// few are the cases that are always run, all those of every full run.
	few, all []reorgCase
}

var reorgSteps = map[string]reorgStep{
	"first-funding": {
		chain: bitcoinChain, undo: reorgRun.undoFirstFunding,
		few: []reorgCase{{1, true}, {2, false}, {3, false}},
		all: []reorgCase{{1, false}, {1, true}, {2, false}, {2, true}, {3, false}, {3, true}},
	},
	"second-funding": {
		chain: ethereumChain, undo: reorgRun.undoSecondFunding,
		few: []reorgCase{{1, true}, {2, false}, {3, true}},
		all: []reorgCase{{1, false}, {1, true}, {2, false}, {2, true}, {3, false}, {3, true}},
	},
	"reveal": {
		chain: ethereumChain, undo: reorgRun.undoReveal, paid: true,
		few: []reorgCase{{1, true}, {2, false}, {3, true}},
		all: []reorgCase{{1, false}, {1, true}, {2, false}, {2, true}, {3, false}, {3, true}},
	},
	"redeem": {
		chain: bitcoinChain, undo: reorgRun.undoRedeem, paid: true,
		few: []reorgCase{{1, true}, {2, false}, {3, true}},
		all: []reorgCase{{1, false}, {1, true}, {2, false}, {2, true}, {3, false}, {3, true}},
	},
	"first-refund": {
		chain: bitcoinChain, undo: reorgRun.undoFirstRefund,
		few: []reorgCase{{3, true}},
		all: []reorgCase{{1, false}, {1, true}, {2, false}, {2, true}, {3, false}, {3, true}},
	},
	// A refund that is as deep as wanted has ended the swap: with a secret that
	// comes out in its place the Terms promise nothing any more.
	"second-refund": {
		chain: ethereumChain, undo: reorgRun.undoSecondRefund,
		few: []reorgCase{{1, true}},
		all: []reorgCase{{1, false}, {1, true}, {2, false}, {3, false}},
	},
}

// TestSafety_A8_ReorgAtEveryStep undoes one to N+1 blocks after each step of a
// swap, N being the depth that both nodes want, also in favour of a
// conflicting lock or spend. In the end both are paid or both have what they
// had. One block more than N opens the breaker: no new swap, no first reveal,
// and redeems with a known secret go on. KOFO_E2E_REORGS=all runs every depth
// of every step, with conflict and without.
func TestSafety_A8_ReorgAtEveryStep(t *testing.T) {
	t.Parallel()
	for name, step := range reorgSteps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, err := os.MkdirTemp(nodes.dir, "reorg-"+name+"-")
			must(t, err)
			on, err := startChains(swapContext(t), dir)
			if on != nil {
				t.Cleanup(on.stop)
			}
			must(t, err)
			cases := step.few
			if os.Getenv("KOFO_E2E_REORGS") == "all" {
				cases = step.all
			}
			for _, c := range cases {
				t.Run(c.String(), func(t *testing.T) {
					ctx := swapContext(t)
					// What is suspended stays so to the end.
					keep := ", breaker: {calm_blocks: 1000}"
					p := newPairOn(ctx, t, production, on, func(s *settings) {
						s.MoreBitcoin, s.MoreEthereum = keep, keep
						if name == "second-refund" {
							alone(s) // else it comes back before its time lock
						}
					})
					// The parties' first coins must not be undone with the blocks.
					must(t, on.ethereum.grow(ctx, uint64(c.depth)+1))
					r := reorgRun{pair: p, ctx: ctx, reorgCase: c, id: p.agree(ctx)}
					r.terms, r.secret = p.secret(ctx, r.id)
					r.first, r.second = r.leg(0), r.leg(1)
					step.undo(r)
					r.ends(step)
				})
			}
		})
	}
}

// reorgRun is a case under way.
type reorgRun struct {
	pair
	reorgCase
	ctx           context.Context //nolint:containedctx // of one test
	id            string
	terms         htlc.Terms
	secret        [htlc.SecretSize]byte
	first, second *sdk.Leg
}

func (r reorgRun) leg(index int) *sdk.Leg { return r.swap(r.ctx, r.id).GetLegs()[index] }

// running are the nodes that see the fork.
func (r reorgRun) running() (out []*party) {
	for _, side := range []*party{r.initiator, r.participant} {
		if side.client != nil {
			out = append(out, side)
		}
	}
	return out
}

// bitcoinFork undoes a use of the first leg's contract. With a conflict, that
// stands in its place.
func (r reorgRun) bitcoinFork(spend bool, conflict func(contractUse) *wire.MsgTx) {
	r.t.Helper()
	on := r.initiator.chains.bitcoin
	must(r.t, on.holding(r.ctx, r.since, r.first.GetContractAddress(), spend, r.depth, func(use contractUse) error {
		tip, err := on.height(r.ctx)
		must(r.t, err)
		for _, side := range r.running() {
			side.hasRead(r.ctx, bitcoinChain, uint64(tip))
		}
		var with []*wire.MsgTx
		if r.conflicts {
			with = append(with, conflict(use))
		}
		must(r.t, on.fork(r.ctx, use.depth, with...))
		return nil
	}))
	r.distrusted(bitcoinChain)
}

// ethereumFork undoes a use of the second leg's contract. What was undone is
// lost, which is the worst that can happen to a node that still looks at it;
// whoever has closed the swap finds it sent again, as every node of a real
// network would.
func (r reorgRun) ethereumFork(conflict func(undone gethTx), topics ...common.Hash) {
	r.t.Helper()
	on := r.initiator.chains.ethereum
	use, err := on.useAt(r.ctx, r.second, r.depth, topics...)
	must(r.t, err)
	undone, err := on.transaction(r.ctx, use.event.TransactionHash)
	must(r.t, err)
	for _, side := range r.running() {
		side.hasRead(r.ctx, ethereumChain, uint64(use.event.BlockNumber)+uint64(r.depth)-1)
	}
	must(r.t, on.undoFrom(r.ctx, uint64(use.event.BlockNumber)))
	switch {
	case r.conflicts:
		conflict(undone)
	case r.depth >= wantedDepth:
		_ = on.rpc.CallContext(r.ctx, nil, "eth_sendRawTransaction", undone.Raw) // known again is as good
	}
	must(r.t, on.grow(r.ctx, uint64(r.depth)+1))
	r.distrusted(ethereumChain)
}

// distrusted: one block more than wanted was undone, which every node that saw
// it says, and begins nothing new.
func (r reorgRun) distrusted(chain string) {
	r.t.Helper()
	if r.depth <= wantedDepth {
		return
	}
	for _, side := range r.running() {
		must(r.t, eventually(r.ctx, side.name+" distrusts "+chain, func() error {
			got, err := side.client.Chains.GetChain(r.ctx, &sdk.GetChainRequest{Id: chain})
			if err == nil && got.GetChain().GetSuspension().GetCause() != "DEEP_REORG" {
				err = fmt.Errorf("suspension %v", got.GetChain().GetSuspension())
			}
			return err
		}))
		_, err := side.client.Settlement.Offer(r.ctx, offerBTC())
		if sdk.Reason(err) != reason.ChainSuspended {
			r.t.Errorf("the %s makes an offer on %s after %d blocks were undone: %v", side.name, chain, r.depth, err)
		}
	}
}

// hasRead waits until a node has stored the facts of a height.
func (p *party) hasRead(ctx context.Context, chain string, height uint64) {
	p.t.Helper()
	must(p.t, eventually(ctx, fmt.Sprintf("%s has read %s up to %d", p.name, chain, height), func() error {
		got, err := p.client.Chains.GetChain(ctx, &sdk.GetChainRequest{Id: chain})
		if err == nil && got.GetChain().GetProcessedHeight() < height {
			err = fmt.Errorf("it has read up to %d", got.GetChain().GetProcessedHeight())
		}
		return err
	}))
}

// undoFrom takes back a block and all above it.
func (g *gethd) undoFrom(ctx context.Context, height uint64) error {
	return g.rpc.CallContext(ctx, nil, "debug_setHead", fmt.Sprintf("0x%x", height-1))
}

// undoFirstFunding: the initiator's lock is undone; with a conflict, by its
// owner, who has paid its coins to itself. An owner that cheats does not run
// this node, so that it is away while the participant can have locked.
func (r reorgRun) undoFirstFunding() {
	away := r.conflicts && r.depth >= wantedDepth
	if away {
		r.initiator.reaches(r.ctx, r.id, func(s *sdk.Swap) bool { return leg(s, sdk.LegRolePayer).GetFundingTxid() != "" })
		r.initiator.kill()
	}
	r.bitcoinFork(false, func(use contractUse) *wire.MsgTx { return r.initiator.spendsInstead(r.ctx, use.bitcoin) })
	if away {
		r.initiator.start(r.ctx)
	}
}

// undoSecondFunding: the participant's lock is undone; with a conflict, its
// account pays something else in its place. Where it would be deep enough for
// the reveal, the initiator is away, since nothing is promised to it then.
func (r reorgRun) undoSecondFunding() {
	away := r.conflicts && r.depth >= wantedDepth
	if away {
		r.initiator.reaches(r.ctx, r.id, funded(sdk.LegRolePayer, 1))
		r.initiator.kill()
	}
	r.ethereumFork(func(gethTx) { must(r.t, r.participant.takeNonce(r.ctx)) }, eventFunded)
	if away {
		r.initiator.start(r.ctx)
	}
}

// undoReveal: with a conflict a stranger shows the secret in its place.
func (r reorgRun) undoReveal() {
	on := r.initiator.chains.ethereum
	r.ethereumFork(func(undone gethTx) { must(r.t, on.sendsCall(r.ctx, undone.To, undone.Input)) }, eventRedeemed)
}

// undoRedeem: with a conflict another redeem stands in its place.
func (r reorgRun) undoRedeem() {
	r.bitcoinFork(true, func(contractUse) *wire.MsgTx {
		return r.byHand(r.participant, "redeem", "--secret", hex.EncodeToString(r.secret[:]))
	})
}

// undoFirstRefund: nobody funds the second leg, and the initiator's refund is
// undone; with a conflict, in favour of another one.
func (r reorgRun) undoFirstRefund() {
	r.participantVanishes()
	r.bitcoinFork(true, func(contractUse) *wire.MsgTx { return r.byHand(r.initiator, "refund") })
	r.participant.start(r.ctx)
}

// undoSecondRefund: the initiator vanishes, and the participant's refund is
// undone; with a conflict, somebody who knows the secret redeems in its place.
func (r reorgRun) undoSecondRefund() {
	r.initiatorVanishes(r.ctx, r.id)
	on := r.participant.chains.ethereum
	r.ethereumFork(func(undone gethTx) {
		parsed, err := bindings.HtlcMetaData.ParseABI()
		must(r.t, err)
		values, err := parsed.Methods["refund"].Inputs.Unpack(undone.Input[4:])
		must(r.t, err)
		locked := *abi.ConvertType(values[0], new(bindings.HtlcLeg)).(*bindings.HtlcLeg)
		must(r.t, on.sendsCall(r.ctx, undone.To, bindings.NewHtlc().PackRedeem(locked, r.secret)))
	}, eventRefunded)
	r.initiator.start(r.ctx)
}

// byHand is a spend of the first leg that kofo rescue makes, at a feerate of
// its own.
func (r reorgRun) byHand(who *party, kind string, more ...string) *wire.MsgTx {
	r.t.Helper()
	facts := r.bitcoinFacts(r.ctx, who.chains.bitcoin, r.first.GetContractAddress())
	var made struct{ Raw string }
	must(r.t, json.Unmarshal(who.kofo(r.ctx, "", who.rescue(kind, append(facts, more...)...)...), &made))
	tx := new(wire.MsgTx)
	must(r.t, tx.Deserialize(hex.NewDecoder(bytes.NewReader([]byte(made.Raw)))))
	return tx
}

// spendsInstead pays the coins of a transaction to their owner.
func (p *party) spendsInstead(ctx context.Context, undone *wire.MsgTx) *wire.MsgTx {
	p.t.Helper()
	keys, err := p.keys().BitcoinAccount(&chaincfg.RegressionNetParams)
	must(p.t, err)
	tx := wire.NewMsgTx(2)
	coins := map[wire.OutPoint]*wire.TxOut{}
	var sum int64
	for _, in := range undone.TxIn {
		from, err := p.chains.bitcoin.transaction(ctx, in.PreviousOutPoint.Hash.String())
		must(p.t, err)
		coins[in.PreviousOutPoint] = from.TxOut[in.PreviousOutPoint.Index]
		sum += coins[in.PreviousOutPoint].Value
		tx.AddTxIn(wire.NewTxIn(&in.PreviousOutPoint, nil, nil))
	}
	tx.AddTxOut(wire.NewTxOut(sum-5000, coins[undone.TxIn[0].PreviousOutPoint].PkScript))
	hashes := txscript.NewTxSigHashes(tx, txscript.NewMultiPrevOutFetcher(coins))
	for i, in := range tx.TxIn {
		coin := coins[in.PreviousOutPoint]
		witness, err := txscript.TaprootWitnessSignature(tx, hashes, i, coin.Value, coin.PkScript, txscript.SigHashDefault, ownerOf(p, keys, coin.PkScript))
		must(p.t, err)
		in.Witness = witness
	}
	return tx
}

// ownerOf is the key of the account whose output has the script.
func ownerOf(p *party, keys wallet.BitcoinAccount, script []byte) *btcec.PrivateKey {
	p.t.Helper()
	for _, branch := range []wallet.Branch{wallet.Receive, wallet.Change} {
		for index := range uint32(50) {
			key, err := keys.Key(branch, index)
			must(p.t, err)
			made, err := txscript.PayToTaprootScript(txscript.ComputeTaprootKeyNoScript(key.Reveal().PubKey()))
			must(p.t, err)
			if bytes.Equal(made, script) {
				return key.Reveal()
			}
		}
	}
	p.t.Fatalf("no key of the %s makes %x", p.name, script)
	return nil
}

// ends waits for the end at both: both paid, or both with what they had.
func (r reorgRun) ends(step reorgStep) {
	r.t.Helper()
	closed := func(s *sdk.Swap) bool { return s.GetPhase() == sdk.PhaseClosed }
	theirs := r.participant.reaches(r.ctx, r.id, closed).GetOutcome()
	ours := r.initiator.reaches(r.ctx, r.id, closed).GetOutcome()
	back := map[sdk.Outcome]bool{sdk.OutcomeRefunded: true, sdk.OutcomeCancelled: true, sdk.OutcomeConsented: true}
	switch {
	case ours == sdk.OutcomeSwapped && theirs == sdk.OutcomeSwapped:
		r.has(r.ctx, r.initiator, money{
			btc: new(big.Int).Sub(initiatorStart[btc], sendBTC), eth: new(big.Int).Add(initiatorStart[eth], receiveETH),
		}, mostFees)
		r.has(r.ctx, r.participant, money{btc: sendBTC, eth: new(big.Int).Sub(participantStart[eth], receiveETH)}, mostFees)
	case back[ours] && back[theirs] && !step.paid:
		r.has(r.ctx, r.initiator, initiatorStart, mostFees)
		r.has(r.ctx, r.participant, participantStart, mostFees)
	default:
		r.t.Fatalf("initiator %s, participant %s; history of the initiator:\n%s\nof the participant:\n%s", ours, theirs,
			r.initiator.history(r.ctx, r.id), r.participant.history(r.ctx, r.id))
	}
	r.t.Logf("initiator %s, participant %s", ours, theirs)
}
