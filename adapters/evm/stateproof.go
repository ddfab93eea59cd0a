package evm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethdb/memorydb"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/ethereum/go-ethereum/trie"

	"github.com/kofo-network/kofo/adapters/backend"
)

// maxProofNodes bounds a proof: a trie of 64 nibbles has no deeper path.
const maxProofNodes = 65

// wordAt is a storage word at a block, by eth_getStorageAt. With several back ends it is checked against the
// state root in the block's header, which the block's hash commits to: what is agreed on is then the block,
// and nobody's word for what stands in it.
func (e *endpoint) wordAt(ctx context.Context, account common.Address, key common.Hash, h *types.Header) (*big.Int, error) {
	ctx, name := e.backs.Stay(ctx)
	told, err := e.words(ctx, account, []common.Hash{key}, h.Hash())
	if err != nil {
		return nil, err
	}
	if e.backs.Size() < 2 {
		return told[0], nil
	}
	truth, err := e.provenWord(ctx, name, account, key, h)
	if errors.Is(err, errUnprovable) {
		return told[0], nil // no such method, or a state of another form: the gates ask another back end too
	}
	if err != nil {
		return nil, err
	}
	if truth.Cmp(told[0]) != 0 {
		e.backs.Accuse(name, backend.Lied, fmt.Sprintf("its word %s of %s is not that of block %d", key, account, h.Number))
	}
	return truth, nil
}

// provenWord asks the named back end for a proof, or else another one. As with receipts, a proof that does not
// fit is told on only where another's fits.
func (e *endpoint) provenWord(ctx context.Context, name string, account common.Address, key common.Hash, h *types.Header) (*big.Int, error) {
	var doubted []string
	for _, from := range append([]string{name}, e.others(name)...) {
		word, err := e.askProof(e.backs.Pin(ctx, from), account, key, h)
		switch {
		case err == nil:
			for _, liar := range doubted {
				e.backs.Accuse(liar, backend.Lied, fmt.Sprintf("its proof of the state is not of block %d", h.Number))
			}
			return word, nil
		case errors.Is(err, errUntrue):
			doubted = append(doubted, from)
		case ctx.Err() != nil:
			return nil, err
		}
	}
	return nil, errUnprovable
}

// stateProof is the answer to eth_getProof.
type stateProof struct {
	Account []hexutil.Bytes `json:"accountProof"`
	Storage []struct {
		Proof []hexutil.Bytes `json:"proof"`
	} `json:"storageProof"`
}

func (e *endpoint) askProof(ctx context.Context, account common.Address, key common.Hash, h *types.Header) (*big.Int, error) {
	var p stateProof
	err := e.rpc.CallContext(ctx, &p, "eth_getProof", account, []common.Hash{key}, rpc.BlockNumberOrHashWithHash(h.Hash(), false))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnprovable, err)
	}
	return p.word(h.Root, account, key)
}

// word derives the storage word from the nodes between it and the state's root.
func (p stateProof) word(root common.Hash, account common.Address, key common.Hash) (*big.Int, error) {
	raw, err := leafOf(root, account.Bytes(), p.Account)
	if err != nil {
		return nil, err
	}
	if len(raw) == 0 {
		return new(big.Int), nil // no such account
	}
	var state types.StateAccount
	if err := rlp.DecodeBytes(raw, &state); err != nil {
		return nil, fmt.Errorf("%w: account: %w", errUntrue, err)
	}
	if state.Root == types.EmptyRootHash {
		return new(big.Int), nil
	}
	if len(p.Storage) != 1 {
		return nil, fmt.Errorf("%w: proofs of %d words", errUntrue, len(p.Storage))
	}
	if raw, err = leafOf(state.Root, key.Bytes(), p.Storage[0].Proof); err != nil || len(raw) == 0 {
		return new(big.Int), err
	}
	var word []byte
	if err := rlp.DecodeBytes(raw, &word); err != nil || len(word) > common.HashLength {
		return nil, fmt.Errorf("%w: storage word %x", errUntrue, raw)
	}
	return new(big.Int).SetBytes(word), nil
}

// leafOf is what a trie has under a key; empty where the proof shows that it has nothing.
func leafOf(root common.Hash, key []byte, nodes []hexutil.Bytes) ([]byte, error) {
	if len(nodes) > maxProofNodes {
		return nil, fmt.Errorf("%w: a proof of %d nodes", errUntrue, len(nodes))
	}
	db := memorydb.New()
	for _, node := range nodes {
		if err := db.Put(crypto.Keccak256(node), bytes.Clone(node)); err != nil {
			return nil, err
		}
	}
	value, err := trie.VerifyProof(root, crypto.Keccak256(key), db)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUntrue, err)
	}
	return value, nil
}
