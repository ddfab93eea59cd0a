package bitcoin

import (
	"testing"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// The first block of Litecoin's main network shows its work by scrypt; its own
// hash is no work at all.
func TestWorkByScrypt(t *testing.T) {
	root, err := chainhash.NewHashFromStr("97ddfbbae6be97fd6cdf3e7ca13232a3afff2353e29badfab7f73011edd4ced9")
	if err != nil {
		t.Fatal(err)
	}
	h := wire.BlockHeader{Version: 1, MerkleRoot: *root, Timestamp: time.Unix(1317972665, 0), Bits: 0x1e0ffff0, Nonce: 2084524493}
	if got := h.BlockHash().String(); got != "12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2" {
		t.Fatalf("the header has hash %s", got)
	}
	target := blockchain.CompactToBig(h.Bits)
	for _, c := range []struct {
		params Params
		enough bool
	}{{LitecoinRegtest(), true}, {Regtest(), false}} {
		work, err := c.params.workOf(&h)
		if err != nil {
			t.Fatal(err)
		}
		if enough := blockchain.HashToBig(&work).Cmp(target) <= 0; enough != c.enough {
			t.Errorf("%s: work %s, enough %t", c.params.Symbol, work, enough)
		}
		h.Nonce++ // another header shows none
		if work, err = c.params.workOf(&h); err != nil || blockchain.HashToBig(&work).Cmp(target) <= 0 {
			t.Errorf("%s: another nonce shows work %s, %v", c.params.Symbol, work, err)
		}
		h.Nonce--
	}
}
