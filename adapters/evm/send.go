package evm

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/adapters"
)

// Broadcast hands stored bytes to the node, after the journal and the lane know of it. What stands before
// it in the line is made to move first: see clear.
func (a *Adapter) Broadcast(ctx context.Context, tx adapters.Tx) error {
	parsed, err := a.parse(tx)
	if err != nil {
		return notSent(err)
	}
	if err := a.node.verify(ctx); err != nil {
		return notSent(err)
	}
	a.signing.Lock()
	defer a.signing.Unlock()
	op := "broadcast " + tx.ID
	if tx.Account != a.accountName() {
		return notSent(mismatch(op, "account %s is not ours", tx.Account))
	}
	l, err := a.line(ctx)
	if err != nil {
		return notSent(err)
	}
	if tx.Nonce < l.mined {
		return a.outcome(ctx, l.head, parsed, op)
	}
	if owner := l.owner(tx.Nonce); owner != nil && owner.ID != tx.ID {
		instead, err := a.contend(ctx, l, *owner, &tx, parsed, op)
		if err != nil {
			return err
		}
		if instead != nil {
			tx, parsed = *owner, instead
		}
	}
	if err := a.noteFunding(ctx, l, parsed); err != nil {
		return notSent(err)
	}
	if err := a.announce(ctx, tx, op); err != nil {
		return notSent(err)
	}
	a.clear(ctx, l, tx.Nonce, priceOf(parsed))
	return a.send(ctx, parsed, op)
}

func (a *Adapter) announce(ctx context.Context, tx adapters.Tx, op string) error {
	err := a.journal.Announce(ctx, tx)
	if errors.Is(err, ErrNonceTaken) {
		return nonceTaken(op)
	}
	if err != nil {
		return fmt.Errorf("%s: write the nonce journal: %w", op, err)
	}
	return nil
}

// contend decides what a transaction may do at a nonce that another owns. It takes the nonce over, or
// the owner does the same already and is returned to be sent instead, or the error says what to do.
func (a *Adapter) contend(
	ctx context.Context, l line, owner adapters.Tx, tx *adapters.Tx, parsed *types.Transaction, op string,
) (*types.Transaction, error) {
	held, err := a.parse(owner)
	if err != nil {
		return nil, err
	}
	if a.payment(parsed) {
		// Its nonce is not used up: it may be mined yet.
		a.clear(ctx, l, tx.Nonce+1, priceOf(parsed))
		return nil, paymentDisplaced(op, owner.ID)
	}
	if sameAct(held, parsed) {
		if owner.ID != tx.Replaces && held.GasFeeCap().Cmp(parsed.GasFeeCap()) >= 0 {
			return held, nil
		}
		tx.Replaces = owner.ID
		return nil, nil
	}
	if owner.ID == tx.Replaces && (a.idle(parsed) || a.refused[owner.ID]) {
		return nil, nil
	}
	if !l.handedOut(a.fundings(parsed), tx.Nonce) {
		return nil, nonceTaken(op)
	}
	// Signing a second funding while the first may be mined would leave its owner with the wrong id.
	a.clear(ctx, l, tx.Nonce+1, priceOf(parsed))
	return nil, displaced("FUNDING_DISPLACED", op, owner.ID, "sign it again once its nonce is used up")
}

// handedOut reports whether a node may have a funding with this nonce.
func (l line) handedOut(fundings []record, nonce uint64) bool {
	for _, rec := range fundings {
		if r := l.lane(rec); r != nil && r.Announced && r.FundNonce >= nonce {
			return true
		}
	}
	return false
}

// lane is the reservation that a funding uses, nil if none.
func (l line) lane(rec record) *LaneReservation {
	for i := range l.lanes {
		if l.lanes[i].Lane == rec.leg.Lane && l.lanes[i].Sequence == rec.leg.Sequence {
			return &l.lanes[i]
		}
	}
	return nil
}

// fundings are the contracts that a transaction would lock.
func (a *Adapter) fundings(tx *types.Transaction) []record {
	var out []record
	for _, in := range a.intents(tx) {
		if in.kind == adapters.Funded {
			out = append(out, in.record)
		}
	}
	return out
}

func (a *Adapter) intents(tx *types.Transaction) []intent {
	if tx.To() == nil || *tx.To() != a.deployment {
		return nil
	}
	return a.calls.decode(a.account.Address(), tx.Value(), tx.Data())
}

func (a *Adapter) send(ctx context.Context, tx *types.Transaction, op string) error {
	err := a.node.send(ctx, tx)
	switch {
	case err == nil || known(err):
		a.noteTaken(tx.Hash().Hex())
		return nil
	case nonceTooLow(err):
		l, readErr := a.line(ctx)
		if readErr != nil {
			return readErr
		}
		if tx.Nonce() < l.mined {
			return a.outcome(ctx, l.head, tx, op)
		}
	case !answered(err):
		return unreachable(op, err)
	}
	a.noteRefusal(ctx, tx, err)
	return refusal(op, err)
}

// noteTaken remembers that a node has a transaction.
func (a *Adapter) noteTaken(id string) {
	delete(a.refused, id)
	a.taken[id] = true
}

// noteRefusal remembers that a node will not take a transaction and does not have it: its nonce is open.
func (a *Adapter) noteRefusal(ctx context.Context, tx *types.Transaction, refused error) bool {
	if !definite(refused) {
		return false
	}
	_, _, err := a.node.eth.TransactionByHash(ctx, tx.Hash())
	if !unfound(err) {
		return false
	}
	a.refused[tx.Hash().Hex()] = true
	return true
}

// unfound reports whether a node has no transaction of a hash in its pool, and shows none in a block: it does
// not know it, or answers that it still builds its index.
func unfound(err error) bool { return errors.Is(err, ethereum.NotFound) || answered(err) }

// outcome is nil for a transaction that is in a block, else what became of it, for one whose nonce is
// used up at the block. That there is no receipt proves nothing, a node's index may lag behind its chain:
// what decides is the deployment's state, and for what leaves no trace there, the block that used the nonce.
func (a *Adapter) outcome(ctx context.Context, at *types.Header, tx *types.Transaction, op string) error {
	_, err := a.node.receipt(ctx, tx.Hash())
	if err == nil {
		return nil
	}
	if !unfound(err) {
		return unreachable("look for transaction "+tx.Hash().Hex(), err)
	}
	if ins := a.intents(tx); len(ins) == 1 {
		return a.outcomeInLane(ctx, at, ins[0], op)
	}
	if a.payment(tx) {
		return a.outcomeOfPayment(ctx, at, tx, op)
	}
	user, err := a.userOf(ctx, at, tx.Nonce())
	if err != nil {
		return err
	}
	if sameAct(user, tx) {
		return nil
	}
	return nonceTaken(op)
}

func (a *Adapter) outcomeInLane(ctx context.Context, at *types.Header, in intent, op string) error {
	held, err := a.slotAt(ctx, in.record, at.Hash())
	if err != nil {
		return err
	}
	open := held.Cmp(in.record.id(a.domain).Big()) == 0
	sequence := new(big.Int).SetUint64(in.record.leg.Sequence)
	closed := held.Bit(openBit) == 0 && held.Cmp(sequence) > 0
	switch {
	case closed:
		return &adapters.Error{Reason: "ALREADY_SPENT", Op: op, Retryable: true, Err: adapters.ErrSpent}
	case in.kind == adapters.Funded && open:
		return nil
	}
	return nonceTaken(op)
}

// slotAt is the content of the record's lane at a block of the best chain.
func (a *Adapter) slotAt(ctx context.Context, rec record, at common.Hash) (*big.Int, error) {
	words, err := a.node.words(ctx, a.deployment, []common.Hash{rec.slotKey()}, at)
	if err != nil {
		return nil, unreachable(fmt.Sprintf("read lane %d at block %s", rec.leg.Lane, at), err)
	}
	return words[0], nil
}

// userOf finds the transaction that used up a nonce, in the block where the account's nonce went past it.
func (a *Adapter) userOf(ctx context.Context, at *types.Header, nonce uint64) (*types.Transaction, error) {
	op := fmt.Sprintf("find what used nonce %d", nonce)
	past := func(height uint64) (bool, error) {
		got, err := a.node.eth.NonceAt(ctx, a.account.Address(), new(big.Int).SetUint64(height))
		return got > nonce, err
	}
	// Backwards in doubling steps, because nodes keep the state of the last blocks only.
	high, low := at.Number.Uint64(), uint64(0)
	for step := uint64(1); high > 0; step *= 2 {
		below := high - min(high, step)
		used, err := past(below)
		if err != nil {
			return nil, unreachable(op, err)
		}
		if !used {
			low = below
			break
		}
		high = below
	}
	for high > low+1 {
		middle := low + (high-low)/2
		used, err := past(middle)
		if err != nil {
			return nil, unreachable(op, err)
		}
		if used {
			high = middle
		} else {
			low = middle
		}
	}
	block, err := a.node.eth.BlockByNumber(ctx, new(big.Int).SetUint64(high))
	if err != nil {
		return nil, unreachable(op, err)
	}
	for _, tx := range block.Transactions() {
		from, err := types.Sender(types.LatestSignerForChainID(a.chainID), tx)
		if err == nil && from == a.account.Address() && tx.Nonce() == nonce {
			return tx, nil
		}
	}
	return nil, unreachable(op, fmt.Errorf("block %d does not have it", high))
}
