package store

import (
	"encoding/json"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// boundTo is the associated data of a sealed transaction: in another row its
// bytes do not open.
func boundTo(table string, chain htlc.ChainID, txid string) []byte {
	return fmt.Appendf(nil, "store %s\x00%s\x00%s", table, chain, txid)
}

// sealedTx is a transaction as it is sealed whole. It has fields of its own
// because adapters.RawTx prints redacted in every encoding.
type sealedTx struct {
	Raw      []byte
	Fee      htlc.Amount
	FeeRate  uint64
	Account  string
	Nonce    uint64
	Spends   []string
	Replaces string
}

func (s *Store) sealWhole(table string, tx adapters.Tx) ([]byte, error) {
	plain, err := json.Marshal(sealedTx{
		Raw: tx.Raw, Fee: tx.Fee, FeeRate: tx.FeeRate, Account: tx.Account, Nonce: tx.Nonce,
		Spends: tx.Spends, Replaces: tx.Replaces,
	})
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	sealed, err := s.config.Sealer.Seal(plain, boundTo(table, tx.Chain, tx.ID))
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealed, nil
}

func (s *Store) openWhole(table string, chain htlc.ChainID, txid string, sealed []byte) (adapters.Tx, error) {
	plain, err := s.config.Sealer.Open(sealed, boundTo(table, chain, txid))
	if err != nil {
		return adapters.Tx{}, fmt.Errorf("open: %w: %w", ErrCorrupt, err)
	}
	var b sealedTx
	if err := json.Unmarshal(plain, &b); err != nil {
		return adapters.Tx{}, fmt.Errorf("decode: %w: %w", ErrCorrupt, err)
	}
	return adapters.Tx{
		Chain: chain, ID: txid, Raw: b.Raw, Fee: b.Fee, FeeRate: b.FeeRate, Account: b.Account, Nonce: b.Nonce,
		Spends: b.Spends, Replaces: b.Replaces,
	}, nil
}
