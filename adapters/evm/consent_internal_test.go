package evm

import (
	"bytes"
	"testing"

	"github.com/ethereum/go-ethereum/common"
)

func FuzzDecodeProposal(f *testing.F) {
	f.Add(encodeProposal(common.Hash{1}))
	f.Fuzz(func(t *testing.T, message []byte) {
		id, err := decodeProposal(message)
		if err == nil && !bytes.Equal(encodeProposal(id), message) {
			t.Fatalf("%x is read as %s", message, id)
		}
	})
}

func FuzzDecodeConsent(f *testing.F) {
	f.Add(consent{v: 27, r: [32]byte{1}, s: [32]byte{2}}.encode())
	f.Fuzz(func(t *testing.T, answer []byte) {
		c, err := decodeConsent(answer)
		if err != nil {
			return
		}
		if !bytes.Equal(c.encode(), answer) {
			t.Fatalf("%x is read as %+v", answer, c)
		}
		if c.verify(common.Hash{1}, common.Address{}) == nil {
			t.Fatal("a signature of the zero address")
		}
	})
}
