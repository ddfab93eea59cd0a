package evm

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/ethereum/go-ethereum/trie"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/backend"
)

var (
	// errUntrue: an answer contradicts what a block's hash commits to.
	errUntrue = errors.New("the answer is proved to be false")
	// errUnprovable: the back end or the chain does not let it be checked.
	errUnprovable = errors.New("the answer cannot be checked against the block's hash")
	// errContradict: two back ends say different things, and neither proves its own.
	errContradict = errors.New("the back ends contradict each other")
)

// BackEnds are the chain's nodes, and which of them is believed.
func (a *Adapter) BackEnds() *backend.Pool { return a.node.backs }

// Background looks after the back ends until ctx ends.
func (a *Adapter) Background(ctx context.Context) error { return a.node.backs.Run(ctx, prober{a.node}) }

// prober asks back ends for their heads.
type prober struct{ node *endpoint }

func (p prober) Head(ctx context.Context) (backend.Head, error) {
	if err := p.node.verify(ctx); err != nil {
		return backend.Head{}, err
	}
	h, err := p.node.eth.HeaderByNumber(ctx, nil)
	if err != nil {
		return backend.Head{}, err
	}
	return backend.Head{Height: h.Number.Uint64(), Hash: adapters.Hash(h.Hash())}, nil
}

func (p prober) HashAt(ctx context.Context, height uint64) (adapters.Hash, bool, error) {
	h, err := p.node.header(ctx, height)
	if err != nil || h == nil {
		return adapters.Hash{}, false, err
	}
	return adapters.Hash(h.Hash()), true, nil
}

// Chain reads every block by its number and the last one by its hash as well. A
// header's hash is computed, so each names the one before; that costs nothing to
// make up, and weighs as much.
func (p prober) Chain(ctx context.Context, from, to uint64) ([]adapters.Hash, backend.Evidence, error) {
	var hashes []adapters.Hash
	for at := from; at <= to; at++ {
		h, err := p.node.header(ctx, at)
		switch {
		case err != nil:
			return nil, backend.Nothing, fmt.Errorf("block %d: %w", at, err)
		case h == nil || h.Number.Uint64() != at:
			return nil, backend.Nothing, fmt.Errorf("block %d: %w", at, ethereum.NotFound)
		case at > from && adapters.Hash(h.ParentHash) != hashes[len(hashes)-1]:
			return nil, backend.Nothing, fmt.Errorf("block %d does not name the one before", at)
		}
		hashes = append(hashes, adapters.Hash(h.Hash()))
	}
	block, err := p.node.eth.BlockByHash(ctx, common.Hash(hashes[len(hashes)-1]))
	if errors.Is(err, types.ErrTxTypeNotSupported) {
		return hashes, backend.Linked, nil // it is shown, and of a form that only its own chain can read
	}
	if err == nil && adapters.Hash(block.Hash()) != hashes[len(hashes)-1] {
		err = errUntrue
	}
	if err != nil {
		return nil, backend.Nothing, fmt.Errorf("block %d: %w", to, err)
	}
	return hashes, backend.Linked, nil
}

// send hands a transaction to every good back end, and returns the best answer.
func (e *endpoint) send(ctx context.Context, tx *types.Transaction) error {
	return e.backs.Send(ctx, func(ctx context.Context) error { return e.eth.SendTransaction(ctx, tx) }, func(err error) backend.Answer {
		switch {
		case err == nil || known(err):
			return backend.Taken
		case !answered(err):
			return backend.NoAnswerTo
		case definite(err):
			return backend.Definite
		}
		return backend.Passing
	})
}

// logsOf are the deployment's logs in a block. With several back ends they are checked against the header,
// where it says that there are some: a log that is left out is a redeem that nobody answers.
func (e *endpoint) logsOf(ctx context.Context, h *types.Header, deployment common.Address) ([]types.Log, error) {
	ctx, name := e.backs.Stay(ctx)
	logs, err := e.filterLogs(ctx, h, deployment)
	if err != nil || e.backs.Size() < 2 || len(logs) == 0 && !types.BloomLookup(h.Bloom, deployment) {
		return logs, err
	}
	receipts, err := e.proven(ctx, name, h)
	switch {
	case errors.Is(err, errUnprovable):
		return logs, e.sameLogs(ctx, name, h, deployment, logs)
	case err != nil:
		return nil, err
	}
	var truth []types.Log
	for _, r := range receipts {
		for _, l := range r.Logs {
			if l.Address == deployment {
				truth = append(truth, *l)
			}
		}
	}
	if !slices.EqualFunc(truth, logs, sameLog) {
		e.backs.Accuse(name, backend.Lied, fmt.Sprintf("it gives %d logs of block %d, which has %d", len(logs), h.Number, len(truth)))
	}
	return truth, nil
}

func (e *endpoint) filterLogs(ctx context.Context, h *types.Header, deployment common.Address) ([]types.Log, error) {
	hash := h.Hash()
	return e.eth.FilterLogs(ctx, ethereum.FilterQuery{BlockHash: &hash, Addresses: []common.Address{deployment}})
}

func sameLog(a, b types.Log) bool {
	return a.Address == b.Address && slices.Equal(a.Topics, b.Topics) && slices.Equal(a.Data, b.Data) && a.TxHash == b.TxHash
}

// others are the good back ends but one.
func (e *endpoint) others(name string) []string {
	return slices.DeleteFunc(e.backs.Usable(), func(other string) bool { return other == name })
}

// sameLogs asks a second back end where nothing can be proved.
func (e *endpoint) sameLogs(ctx context.Context, name string, h *types.Header, deployment common.Address, logs []types.Log) error {
	for _, other := range e.others(name) {
		theirs, err := e.filterLogs(e.backs.Pin(ctx, other), h, deployment)
		if err == nil && !slices.EqualFunc(theirs, logs, sameLog) {
			return unreachable("compare the logs of a block", fmt.Errorf("%w: %s and %s, block %d", errContradict, name, other, h.Number))
		}
	}
	return nil
}

// proven are a block's receipts, checked against its header, from the named back end or else from another.
// One whose receipts are not the block's is told on only where another's are: some chains keep receipts
// that their headers do not commit to.
func (e *endpoint) proven(ctx context.Context, name string, h *types.Header) ([]*types.Receipt, error) {
	var doubted []string
	failed := errUnprovable
	for _, from := range append([]string{name}, e.others(name)...) {
		receipts, err := e.receiptsOf(e.backs.Pin(ctx, from), h)
		switch {
		case err == nil:
			for _, liar := range doubted {
				e.backs.Accuse(liar, backend.Lied, fmt.Sprintf("its receipts are not those of block %d", h.Number))
			}
			return receipts, nil
		case errors.Is(err, errUntrue):
			doubted = append(doubted, from)
		case !errors.Is(err, errUnprovable):
			failed = unreachable("read the receipts of a block", err)
		}
	}
	return nil, failed
}

// receiptsOf reads a block's receipts and its transactions, and derives the header's roots from them.
func (e *endpoint) receiptsOf(ctx context.Context, h *types.Header) ([]*types.Receipt, error) {
	hash := h.Hash()
	receipts, err := e.eth.BlockReceipts(ctx, rpc.BlockNumberOrHashWithHash(hash, false))
	if answered(err) {
		return nil, fmt.Errorf("%w: %w", errUnprovable, err)
	}
	if err != nil {
		return nil, err
	}
	block, err := e.eth.BlockByHash(ctx, hash)
	switch {
	case answered(err), errors.Is(err, types.ErrTxTypeNotSupported):
		return nil, fmt.Errorf("%w: %w", errUnprovable, err)
	case err != nil:
		return nil, err
	}
	for _, r := range receipts {
		if r.Type > types.SetCodeTxType {
			return nil, errUnprovable // of a kind that only its own chain can encode
		}
	}
	txs := block.Transactions()
	if len(txs) != len(receipts) || types.DeriveSha(txs, trie.NewListHasher()) != h.TxHash ||
		types.DeriveSha(types.Receipts(receipts), trie.NewListHasher()) != h.ReceiptHash {
		return nil, fmt.Errorf("%w: receipts of block %s", errUntrue, hash)
	}
	for i, r := range receipts {
		r.TxHash, r.BlockHash, r.BlockNumber = txs[i].Hash(), hash, h.Number
		for _, l := range r.Logs {
			l.TxHash, l.BlockHash, l.BlockNumber = r.TxHash, hash, h.Number.Uint64()
		}
	}
	return receipts, nil
}

// receipt of a transaction. With several back ends another one must have its block, and the block must
// have the transaction.
func (e *endpoint) receipt(ctx context.Context, tx common.Hash) (*types.Receipt, error) {
	ctx, name := e.backs.Stay(ctx)
	told, err := e.eth.TransactionReceipt(ctx, tx)
	others := e.others(name)
	if err != nil || e.backs.Size() < 2 || len(others) == 0 {
		return told, err
	}
	other := e.backs.Pin(ctx, others[0])
	h, err := e.headerOf(other, told.BlockHash)
	if err != nil {
		return nil, err
	}
	if h == nil {
		return nil, fmt.Errorf("%w: %s shows %s in block %s, which %s does not have", errContradict, name, tx, told.BlockHash, others[0])
	}
	receipts, err := e.proven(other, others[0], h)
	if errors.Is(err, errUnprovable) {
		theirs, err := e.eth.TransactionReceipt(other, tx)
		if err == nil && (theirs.BlockHash != told.BlockHash || theirs.Status != told.Status) {
			err = fmt.Errorf("%w: %s and %s about %s", errContradict, name, others[0], tx)
		}
		return told, err
	}
	if err != nil {
		return nil, err
	}
	for _, r := range receipts {
		if r.TxHash == tx {
			if r.Status != told.Status {
				e.backs.Accuse(name, backend.Lied, fmt.Sprintf("its receipt of %s tells another outcome", tx))
			}
			return r, nil
		}
	}
	e.backs.Accuse(name, backend.Lied, fmt.Sprintf("it has a receipt of %s, which is not in block %d", tx, h.Number))
	return nil, fmt.Errorf("%w: receipt of %s", errUntrue, tx)
}
