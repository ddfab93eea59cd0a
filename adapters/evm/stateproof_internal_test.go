package evm

import (
	"encoding/json"
	"errors"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethdb/memorydb"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/ethereum/go-ethereum/triedb"
	"github.com/holiman/uint256"
)

// state is a trie under a test's control.
type state struct {
	t *testing.T
	*trie.Trie
}

func newState(t *testing.T) state {
	return state{t, trie.NewEmpty(triedb.NewDatabase(rawdb.NewMemoryDatabase(), triedb.HashDefaults))}
}

func (s state) put(key []byte, value any) {
	s.t.Helper()
	raw, err := rlp.EncodeToBytes(value)
	if err == nil {
		err = s.Update(crypto.Keccak256(key), raw)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s state) proof(key []byte) []hexutil.Bytes {
	s.t.Helper()
	db := memorydb.New()
	if err := s.Prove(crypto.Keccak256(key), db); err != nil {
		s.t.Fatal(err)
	}
	var out []hexutil.Bytes
	it := db.NewIterator(nil, nil)
	defer it.Release()
	for it.Next() {
		out = append(out, common.CopyBytes(it.Value()))
	}
	return out
}

// A word is what the state's root commits to, whatever else is said.
func TestStateProof(t *testing.T) {
	account, stranger := common.HexToAddress("0x01"), common.HexToAddress("0x02")
	keys := []common.Hash{{1}, {2}, {3}}
	slots, accounts := newState(t), newState(t)
	for i, key := range keys[:2] {
		slots.put(key.Bytes(), big.NewInt(int64(7+i)).Bytes())
	}
	owner := types.StateAccount{Nonce: 1, Balance: uint256.NewInt(5), Root: slots.Hash(), CodeHash: types.EmptyCodeHash.Bytes()}
	accounts.put(account.Bytes(), &owner)
	owner.Root = types.EmptyRootHash
	accounts.put(common.HexToAddress("0x03").Bytes(), &owner)
	proof := func(of common.Address, key common.Hash) (p stateProof) {
		p.Account = accounts.proof(of.Bytes())
		p.Storage = append(p.Storage, struct {
			Proof []hexutil.Bytes `json:"proof"`
		}{slots.proof(key.Bytes())})
		return p
	}
	for name, c := range map[string]struct {
		account common.Address
		key     common.Hash
		want    int64
	}{
		"a word": {account, keys[0], 7}, "another": {account, keys[1], 8}, "none": {account, keys[2], 0},
		"no account": {stranger, keys[0], 0}, "no storage": {common.HexToAddress("0x03"), keys[0], 0},
	} {
		p := proof(c.account, c.key)
		got, err := p.word(accounts.Hash(), c.account, c.key)
		if err != nil || got.Int64() != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if _, err := p.word(common.Hash{1}, c.account, c.key); !errors.Is(err, errUntrue) {
			t.Errorf("%s, of another root: %v", name, err)
		}
	}
	p := proof(account, keys[0])
	if _, err := p.word(accounts.Hash(), stranger, keys[0]); err != nil && !errors.Is(err, errUntrue) {
		t.Errorf("of another account: %v", err)
	}
	if _, err := (stateProof{Account: p.Account}).word(accounts.Hash(), account, keys[0]); !errors.Is(err, errUntrue) {
		t.Errorf("without the storage's proof: %v", err)
	}
	last := p.Storage[0].Proof[len(p.Storage[0].Proof)-1]
	last[len(last)-1] ^= 1
	if got, err := p.word(accounts.Hash(), account, keys[0]); !errors.Is(err, errUntrue) {
		t.Errorf("an altered proof: %v, %v", got, err)
	}
	p.Account = make([]hexutil.Bytes, maxProofNodes+1)
	if _, err := p.word(accounts.Hash(), account, keys[0]); !errors.Is(err, errUntrue) {
		t.Errorf("too long a proof: %v", err)
	}
}

// FuzzStateProof: whatever a back end answers, nothing but the root's own word comes out of it.
func FuzzStateProof(f *testing.F) {
	f.Add([]byte(`{"accountProof":["0xc0"],"storageProof":[{"proof":["0x"]}]}`))
	f.Add([]byte(`{"accountProof":["0xf8518080808080808080808080808080808080"],"storageProof":[]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var p stateProof
		if json.Unmarshal(raw, &p) != nil || len(p.Account) == 0 {
			return
		}
		if _, err := p.word(crypto.Keccak256Hash(p.Account[0]), common.Address{1}, common.Hash{}); err != nil && !errors.Is(err, errUntrue) {
			t.Error(err)
		}
		if _, err := p.word(common.Hash{1}, common.Address{1}, common.Hash{}); !errors.Is(err, errUntrue) {
			t.Errorf("of a root without nodes: %v", err)
		}
	})
}
