package evm

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Journal remembers which transaction owns which nonce of an account. Both calls are durable when they
// return.
type Journal interface {
	// Announce makes tx the owner of its nonce, before it is handed to a node. It fails with
	// ErrNonceTaken where another transaction owns the nonce and tx.Replaces does not name that one.
	// Announcing the owner again is allowed.
	Announce(ctx context.Context, tx adapters.Tx) error
	// Announced returns the owners of the nonces from the given one on, by nonce.
	Announced(ctx context.Context, chain htlc.ChainID, account string, from uint64) ([]adapters.Tx, error)
}

// line is the state of the account's nonces.
type line struct {
	mined uint64 // nonces below are used up on the chain
	next  uint64 // the first that nobody owns
	owned []adapters.Tx
}

func (a *Adapter) line(ctx context.Context) (line, error) {
	mined, err := a.node.eth.NonceAt(ctx, a.account.Address(), nil)
	if err != nil {
		return line{}, unreachable("read the account's nonce", err)
	}
	// Counts transactions of the account that another program sent.
	pending, err := a.node.eth.PendingNonceAt(ctx, a.account.Address())
	if err != nil {
		return line{}, unreachable("read the account's pending nonce", err)
	}
	owned, err := a.journal.Announced(ctx, a.config.Chain, a.accountName(), mined)
	if err != nil {
		return line{}, fmt.Errorf("read the nonce journal: %w", err)
	}
	l := line{mined: mined, next: max(mined, pending), owned: owned}
	for _, tx := range owned {
		l.next = max(l.next, tx.Nonce+1)
	}
	return l, nil
}

// owner of a nonce, nil if none.
func (l line) owner(nonce uint64) *adapters.Tx {
	for i := range l.owned {
		if l.owned[i].Nonce == nonce {
			return &l.owned[i]
		}
	}
	return nil
}

func (a *Adapter) accountName() string { return a.account.Address().Hex() }

// sign makes the stored form of a transaction.
func (a *Adapter) sign(inner types.DynamicFeeTx, replaces string) (adapters.Tx, error) {
	inner.ChainID = a.chainID
	signer := types.LatestSignerForChainID(a.chainID)
	unsigned := types.NewTx(&inner)
	signature, err := a.account.SignHash(signer.Hash(unsigned))
	if err != nil {
		return adapters.Tx{}, fmt.Errorf("sign for %s: %w", a.accountName(), err)
	}
	signed, err := unsigned.WithSignature(signer, signature)
	if err != nil {
		return adapters.Tx{}, fmt.Errorf("sign for %s: %w", a.accountName(), err)
	}
	raw, err := signed.MarshalBinary()
	if err != nil {
		return adapters.Tx{}, fmt.Errorf("encode a transaction: %w", err)
	}
	fee, err := htlc.AmountFromBig(times(inner.Gas, inner.GasFeeCap))
	if err != nil {
		return adapters.Tx{}, fmt.Errorf("price a transaction: %w", err)
	}
	if !inner.GasFeeCap.IsUint64() {
		return adapters.Tx{}, fmt.Errorf("price a transaction: %w: %s wei per gas", adapters.ErrBudget, inner.GasFeeCap)
	}
	return adapters.Tx{
		Chain: a.config.Chain, ID: signed.Hash().Hex(), Raw: raw, Fee: fee, FeeRate: inner.GasFeeCap.Uint64(),
		Account: a.accountName(), Nonce: inner.Nonce, Replaces: replaces,
	}, nil
}

// parse checks that stored bytes are the transaction that they are stored as.
func (a *Adapter) parse(tx adapters.Tx) (*types.Transaction, error) {
	var parsed types.Transaction
	op := "read stored transaction " + tx.ID
	if err := parsed.UnmarshalBinary(tx.Raw); err != nil {
		return nil, mismatch(op, "not a transaction")
	}
	from, err := types.Sender(types.LatestSignerForChainID(a.chainID), &parsed)
	if err != nil || parsed.ChainId().Cmp(a.chainID) != 0 {
		return nil, mismatch(op, "signed for chain %s, not %s", parsed.ChainId(), a.chainID)
	}
	if tx.Chain != a.config.Chain || parsed.Hash().Hex() != tx.ID || parsed.Nonce() != tx.Nonce || from.Hex() != tx.Account {
		return nil, mismatch(op, "its bytes are transaction %s of %s, nonce %d", parsed.Hash(), from, parsed.Nonce())
	}
	return &parsed, nil
}

// Broadcast hands stored bytes to the node, after the journal and the lane know of it. Older
// transactions that the node has lost are handed over again before it, or it would wait for them.
func (a *Adapter) Broadcast(ctx context.Context, tx adapters.Tx) error {
	parsed, err := a.parse(tx)
	if err != nil {
		return err
	}
	if err := a.node.verify(ctx); err != nil {
		return err
	}
	a.signing.Lock()
	defer a.signing.Unlock()
	op := "broadcast " + tx.ID
	if tx.Account != a.accountName() {
		return mismatch(op, "account %s is not ours", tx.Account)
	}
	l, err := a.line(ctx)
	if err != nil {
		return err
	}
	if tx.Nonce < l.mined {
		return a.minedOr(ctx, parsed, nonceTaken(op))
	}
	if owner := l.owner(tx.Nonce); owner != nil && owner.ID != tx.ID && owner.ID != tx.Replaces {
		return nonceTaken(op)
	}
	if err := a.noteFunding(ctx, parsed); err != nil {
		return err
	}
	if err := a.journal.Announce(ctx, tx); err != nil {
		if errors.Is(err, ErrNonceTaken) {
			return nonceTaken(op)
		}
		return fmt.Errorf("%s: write the nonce journal: %w", op, err)
	}
	a.resend(ctx, l, tx.Nonce)
	return a.send(ctx, parsed, op)
}

func (a *Adapter) send(ctx context.Context, tx *types.Transaction, op string) error {
	err := a.node.eth.SendTransaction(ctx, tx)
	switch {
	case err == nil || known(err):
		return nil
	case nonceTooLow(err):
		return a.minedOr(ctx, tx, nonceTaken(op))
	case !answered(err):
		return unreachable(op, err)
	}
	return refusal(op, err)
}

// minedOr is nil for a transaction that is in a block, else the error given.
func (a *Adapter) minedOr(ctx context.Context, tx *types.Transaction, otherwise error) error {
	_, err := a.node.eth.TransactionReceipt(ctx, tx.Hash())
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ethereum.NotFound):
		return otherwise
	}
	return unreachable("look for transaction "+tx.Hash().Hex(), err)
}

// resend gives the node what it may have lost below a nonce. Failing is logged only: the transaction at
// hand is the caller's question, and the others have callers of their own.
func (a *Adapter) resend(ctx context.Context, l line, below uint64) {
	for _, old := range l.owned {
		if old.Nonce < l.mined || old.Nonce >= below {
			continue
		}
		parsed, err := a.parse(old)
		if err == nil {
			if err = a.node.eth.SendTransaction(ctx, parsed); err == nil || known(err) {
				continue
			}
		}
		a.log.Warn("an older transaction could not be sent again", "tx", old.ID, "nonce", old.Nonce, "error", err)
	}
}

// spendable is what the account can pay for gas now.
func (a *Adapter) spendable(ctx context.Context) (*big.Int, error) {
	balance, err := a.node.eth.BalanceAt(ctx, a.account.Address(), nil)
	if err != nil {
		return nil, unreachable("read the balance", err)
	}
	return balance, nil
}
