package bitcoin

import (
	"bytes"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"golang.org/x/crypto/scrypt"
)

// Litecoin's scrypt: N, r and p, with the header as password and as salt.
const (
	scryptN = 1024
	scryptR = 1
	scryptP = 1
)

// workOf is the hash of a header that must not pass its target.
func (p Params) workOf(h *wire.BlockHeader) (chainhash.Hash, error) {
	if !p.Scrypt {
		return h.BlockHash(), nil
	}
	var raw bytes.Buffer
	if err := h.Serialize(&raw); err != nil {
		return chainhash.Hash{}, fmt.Errorf("write the header of block %s: %w", h.BlockHash(), err)
	}
	key, err := scrypt.Key(raw.Bytes(), raw.Bytes(), scryptN, scryptR, scryptP, chainhash.HashSize)
	if err != nil {
		return chainhash.Hash{}, fmt.Errorf("work of block %s: %w", h.BlockHash(), err)
	}
	return chainhash.Hash(key), nil
}
