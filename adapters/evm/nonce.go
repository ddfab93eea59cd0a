package evm

import (
	"bytes"
	"context"
	"fmt"
	"math/big"

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

// line is the state of the account's nonces, at one block.
type line struct {
	head  *types.Header
	mined uint64 // nonces below are used up on the chain
	next  uint64 // the first that nobody owns
	owned []adapters.Tx
	lanes []LaneReservation
}

// line is read while signing is held, as nobody else chooses a nonce then.
func (a *Adapter) line(ctx context.Context) (line, error) {
	head, err := a.node.eth.HeaderByNumber(ctx, nil)
	if err != nil {
		return line{}, unreachable("read the tip", err)
	}
	mined, err := a.node.eth.NonceAtHash(ctx, a.account.Address(), head.Hash())
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
	lanes, err := a.stored(ctx)
	if err != nil {
		return line{}, err
	}
	l := line{head: head, mined: mined, next: max(mined, pending), owned: owned, lanes: lanes}
	for _, tx := range owned {
		l.next = max(l.next, tx.Nonce+1)
	}
	for _, notes := range []map[string]bool{a.refused, a.taken} {
		for id := range notes {
			if !l.has(id) {
				delete(notes, id)
			}
		}
	}
	return l, nil
}

func (l line) has(id string) bool {
	for _, tx := range l.owned {
		if tx.ID == id {
			return true
		}
	}
	return false
}

// base fee of the tip.
func (l line) base() *big.Int {
	if l.head.BaseFee == nil {
		return new(big.Int)
	}
	return l.head.BaseFee
}

// seat is where a spend goes: the lowest nonce whose owner the node has refused, because whatever comes
// after that would wait for ever, else the first that nobody owns.
func (a *Adapter) seat(l line) (nonce uint64, replaces string) {
	for _, tx := range l.owned { // by nonce
		if a.refused[tx.ID] {
			return tx.Nonce, tx.ID
		}
	}
	return l.next, ""
}

// sameAct reports whether two transactions differ in nothing but what they pay for it.
func sameAct(x, y *types.Transaction) bool {
	return x.Nonce() == y.Nonce() && x.To() != nil && y.To() != nil && *x.To() == *y.To() &&
		x.Value().Cmp(y.Value()) == 0 && bytes.Equal(x.Data(), y.Data())
}

// idle reports whether a transaction does nothing but use up its nonce.
func (a *Adapter) idle(tx *types.Transaction) bool {
	return tx.To() != nil && *tx.To() == a.account.Address() && tx.Value().Sign() == 0 && len(tx.Data()) == 0
}

// idleTx uses up a nonce.
func (a *Adapter) idleTx(nonce uint64, p price) types.DynamicFeeTx {
	self := a.account.Address()
	return types.DynamicFeeTx{Nonce: nonce, GasTipCap: p.tip, GasFeeCap: p.cap, Gas: payGas, To: &self, Value: new(big.Int)}
}

func priceOf(tx *types.Transaction) price { return price{tip: tx.GasTipCap(), cap: tx.GasFeeCap()} }

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
func (a *Adapter) sign(ctx context.Context, inner types.DynamicFeeTx, replaces string) (adapters.Tx, error) {
	signed, raw, err := a.signed(ctx, inner)
	if err != nil {
		return adapters.Tx{}, err
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

// spendable is what the account can pay for gas now.
func (a *Adapter) spendable(ctx context.Context) (*big.Int, error) {
	balance, err := a.node.eth.BalanceAt(ctx, a.account.Address(), nil)
	if err != nil {
		return nil, unreachable("read the balance", err)
	}
	return balance, nil
}
