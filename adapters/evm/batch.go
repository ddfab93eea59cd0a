package evm

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm/bindings"
	"github.com/kofo-network/kofo/htlc"
)

// MaxBatch is how many contracts one transaction redeems at most.
const MaxBatch = 64

// ErrNoBatch: a contract cannot be redeemed together with others, or too few can. Redeem it alone.
var ErrNoBatch = errors.New("not redeemed together with others")

// Batch is one signed transaction that redeems several contracts. The deployment skips what it cannot redeem,
// so the transaction's own success says nothing: ask BatchResult, or wait for each contract's Fact.
type Batch struct {
	Tx adapters.Tx
	// Contracts are those in it, by id.
	Contracts []string
	// Left are those that were left out, and why: they are redeemed alone, or later.
	Left   []LeftOut
	Saving Saving
}

// LeftOut is a spend that is not in the batch.
type LeftOut struct {
	Spend int // its place in what was asked for
	Err   error
}

// Saving is what a batch is expected to cost less than its members' redeems one by one.
type Saving struct {
	Alone, Batch, Gas uint64      // gas; Gas is the difference
	Fee               htlc.Amount // of it at the market's price, in the chain's own coin
}

// What batches cost, by the deployment's gas tests, rounded up: a contract, a payee in a row, and what a token
// costs that no member before has used.
const (
	batchBase     = 22_200
	batchMember   = 10_600
	batchRow      = 9_700
	batchToken    = 15_400
	batchNewToken = 12_300
	aloneNative   = 38_200
	aloneToken    = 47_100
)

// What is signed beside the caps: a payee in a row may be an account that does not exist yet.
const (
	limitBase   = 60_000
	limitMember = 25_000
	limitRow    = 60_000
)

// member of a batch in the making.
type member struct {
	place int
	rec   record
	item  bindings.HtlcRedemption
}

// RedeemBatch signs one redeem of several contracts, at the market's price and within the sum of their budgets,
// or returns replace, the last stored batch of them, where that still serves.
//
// What the caller owes: every secret may be shown now (a participant's is out already, an initiator's has passed
// its gate); a redeem of each contract alone is signed and stored, and broadcast by itself if the batch does
// not do its work in time; the batch is stored before Broadcast, like any spend.
//
// Left out is what does not belong into a batch: a contract that is not open, whose payee cannot be paid now,
// whose own redeem was announced, or whose refund or deadline is no more than ClimbWindow away. Fewer than two
// contracts that are left make no batch.
func (a *Adapter) RedeemBatch(ctx context.Context, spends []adapters.Spend, replace *adapters.Tx) (Batch, error) {
	if err := a.node.verify(ctx); err != nil {
		return Batch{}, err
	}
	members, left, err := a.members(ctx, spends)
	if err != nil {
		return Batch{}, err
	}
	members, full := fitting(members)
	left = append(left, full...)
	if len(members) < 2 {
		return Batch{Left: left}, &adapters.Error{
			Reason: "BATCH_TOO_SMALL", Op: fmt.Sprintf("redeem %d contracts at once", len(spends)), Retryable: true,
			Advice: "redeem them one by one", Err: ErrNoBatch,
		}
	}
	items := make([]bindings.HtlcRedemption, len(members))
	fees := adapters.FeePolicy{}
	budget := new(big.Int)
	for i, m := range members {
		items[i] = m.item
		budget.Add(budget, spends[m.place].Fees.Budget.Big())
	}
	if fees.Budget, err = htlc.AmountFromBig(budget); err != nil {
		return Batch{}, fmt.Errorf("add up the budgets: %w", err)
	}
	data := htlcCode.PackRedeemMany(items, new(big.Int).SetUint64(capOf(members)))
	tx, err := a.spend(ctx, a.call(data, batchLimit(members)), adapters.Spend{Fees: fees, Replace: replace}, nil)
	if err != nil {
		return Batch{}, err
	}
	b := Batch{Tx: tx, Left: left}
	if b.Contracts, err = a.contractsIn(tx); err != nil {
		return Batch{}, err
	}
	b.Saving, err = a.saving(ctx, members)
	return b, err
}

// members are the spends that belong into a batch, in the order in which payees are paid at once.
func (a *Adapter) members(ctx context.Context, spends []adapters.Spend) ([]member, []LeftOut, error) {
	tip, err := a.Tip(ctx)
	if err != nil {
		return nil, nil, err
	}
	a.signing.Lock()
	l, err := a.line(ctx)
	a.signing.Unlock()
	if err != nil {
		return nil, nil, err
	}
	var in []member
	var left []LeftOut
	seen := map[common.Hash]bool{}
	for i, spend := range spends {
		rec, err := a.batchable(ctx, l, tip, spend)
		if err == nil && seen[rec.id(a.domain)] {
			err = mismatch(fmt.Sprintf("redeem leg %d in a batch", spend.Leg), "the contract is in it already")
		}
		if err != nil {
			left = append(left, LeftOut{Spend: i, Err: err})
			continue
		}
		seen[rec.id(a.domain)] = true
		in = append(in, member{place: i, rec: rec, item: bindings.HtlcRedemption{Leg: rec.leg, Secret: spend.Secret.Reveal()}})
	}
	slices.SortStableFunc(in, func(x, y member) int {
		return cmp.Or(bytes.Compare(x.rec.leg.Token[:], y.rec.leg.Token[:]), bytes.Compare(x.rec.leg.Payee[:], y.rec.leg.Payee[:]))
	})
	return in, left, nil
}

// batchable computes a spend's contract and says why it has to be redeemed alone, if it has to.
func (a *Adapter) batchable(ctx context.Context, l line, tip adapters.BlockRef, spend adapters.Spend) (record, error) {
	rec, err := a.record(spend.Terms, spend.Leg)
	if err != nil {
		return record{}, err
	}
	op := fmt.Sprintf("redeem leg %d in a batch", spend.Leg)
	if !spend.Secret.Opens(rec.hash) {
		return record{}, mismatch(op, "the secret does not open it")
	}
	if spend.Replace != nil && l.has(spend.Replace.ID) {
		return record{}, alone(op, "its own redeem is on its way")
	}
	if int64(rec.leg.TimeLock)-tip.Clock <= a.config.ClimbWindow {
		return record{}, alone(op, fmt.Sprintf("its refund opens at %d, the chain's time is %d", rec.leg.TimeLock, tip.Clock))
	}
	if d := spend.Fees.Deadline; d > 0 && d-max(tip.Clock, spend.Fees.Now) <= a.config.ClimbWindow {
		return record{}, alone(op, fmt.Sprintf("its deadline is %d, the chain's time is %d", d, tip.Clock))
	}
	return rec, a.SimulateRedeem(ctx, spend.Terms, spend.Leg, rec.id(a.domain).Hex())
}

func alone(op, why string) error {
	return &adapters.Error{
		Reason: "NOT_FOR_A_BATCH", Op: op, Retryable: true, Advice: "redeem it alone", Err: fmt.Errorf("%w: %s", ErrNoBatch, why),
	}
}

// fitting are the first members that one transaction can carry.
func fitting(members []member) (in []member, left []LeftOut) {
	n := min(len(members), MaxBatch)
	for n > 0 && batchLimit(members[:n]) > params.MaxTxGas {
		n--
	}
	for _, m := range members[n:] {
		left = append(left, LeftOut{Spend: m.place, Err: alone("redeem a contract in a batch", "the batch is full")})
	}
	return members[:n], left
}

// capOf is the gas that each payment, and each redeem of tokens, may take.
func capOf(members []member) uint64 {
	units := nativeCosts.redeem.limit
	for _, m := range members {
		units = max(units, costsOf(m.rec.leg.Token).redeem.limit)
	}
	return units
}

// rowStarts reports whether the payee at a place is paid apart from the one before.
func rowStarts(members []member, i int) bool {
	return i == 0 || !members[i-1].rec.native() || members[i-1].rec.leg.Payee != members[i].rec.leg.Payee
}

// batchLimit is gas for every member and every cap. A node cannot estimate it: with too little the batch
// succeeds as a whole too, and skips what it has no gas for. A call gets all but a 64th of what is left.
func batchLimit(members []member) uint64 {
	most, units := capOf(members), uint64(limitBase)
	for i, m := range members {
		units += limitMember
		if !m.rec.native() {
			units += most * 64 / 63
		} else if rowStarts(members, i) {
			units += limitRow + most*64/63
		}
	}
	return units
}

// batchGas is what a batch and its members' redeems alone are expected to cost.
func batchGas(members []member) (together, alone uint64) {
	together = batchBase
	tokens := map[common.Address]bool{}
	for i, m := range members {
		switch {
		case !m.rec.native():
			together, alone = together+batchToken, alone+aloneToken
			if token := m.rec.leg.Token; !tokens[token] {
				tokens[token], together = true, together+batchNewToken
			}
		case rowStarts(members, i):
			together, alone = together+batchRow+batchMember, alone+aloneNative
		default:
			together, alone = together+batchMember, alone+aloneNative
		}
	}
	return together, alone
}

func (a *Adapter) saving(ctx context.Context, members []member) (Saving, error) {
	together, alone := batchGas(members)
	s := Saving{Alone: alone, Batch: together, Gas: alone - min(alone, together)}
	p, base, err := a.market(ctx)
	if err != nil {
		return s, err
	}
	if s.Fee, err = htlc.AmountFromBig(times(s.Gas, new(big.Int).Add(base, effective(p, base)))); err != nil {
		return s, fmt.Errorf("price the saving: %w", err)
	}
	return s, nil
}

// contractsIn are the ids that a transaction of ours acts on.
func (a *Adapter) contractsIn(tx adapters.Tx) ([]string, error) {
	parsed, err := a.parse(tx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, in := range a.intents(parsed) {
		out = append(out, in.record.id(a.domain).Hex())
	}
	return out, nil
}

// BatchMember is what became of one contract of a batch.
type BatchMember struct {
	Contract string
	// Redeemed: this transaction did it, by the deployment's event in a block of the best chain.
	Redeemed bool
	// Open: the contract's lane still holds it, at the tip. One that is neither was closed by another
	// transaction, or was never funded.
	Open bool
}

// BatchResult says what a batch did to each of its contracts, by the deployment's events and slots. It holds for
// the present tip; what is final is told by the Facts and their depth.
func (a *Adapter) BatchResult(ctx context.Context, tx adapters.Tx) ([]BatchMember, error) {
	parsed, err := a.parse(tx)
	if err != nil {
		return nil, err
	}
	if err := a.node.verify(ctx); err != nil {
		return nil, err
	}
	events, err := a.redeemedBy(ctx, parsed)
	if err != nil {
		return nil, err
	}
	head, err := a.node.eth.HeaderByNumber(ctx, nil)
	if err != nil {
		return nil, unreachable("read the tip", err)
	}
	ins := a.intents(parsed)
	keys := make([]common.Hash, len(ins))
	for i, in := range ins {
		keys[i] = in.record.slotKey()
	}
	words, err := a.node.words(ctx, a.deployment, keys, head.Hash())
	if err != nil {
		return nil, unreachable("read the lanes of a batch", err)
	}
	out := make([]BatchMember, len(ins))
	for i, in := range ins {
		id := in.record.id(a.domain)
		out[i] = BatchMember{Contract: id.Hex(), Redeemed: events[id], Open: words[i].Cmp(id.Big()) == 0}
	}
	return out, nil
}

// redeemedBy are the ids of which the deployment says, in the transaction's block, that they were redeemed.
func (a *Adapter) redeemedBy(ctx context.Context, tx *types.Transaction) (map[common.Hash]bool, error) {
	op := "read the events of batch " + tx.Hash().Hex()
	receipt, err := a.node.eth.TransactionReceipt(ctx, tx.Hash())
	if unfound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, unreachable(op, err)
	}
	here, err := a.node.header(ctx, receipt.BlockNumber.Uint64())
	if err != nil {
		return nil, unreachable(op, err)
	}
	if here == nil || here.Hash() != receipt.BlockHash {
		return nil, nil // its block left the chain
	}
	out := map[common.Hash]bool{}
	for _, l := range receipt.Logs {
		if l.Address != a.deployment {
			continue
		}
		if event, err := htlcCode.UnpackRedeemedEvent(l); err == nil {
			out[event.Id] = true
		}
	}
	return out, nil
}
