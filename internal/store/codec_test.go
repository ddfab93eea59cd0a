package store

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzDecodeBlocks: whatever is read writes the same bytes.
func FuzzDecodeBlocks(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{1}, blockSize-1))
	f.Add(bytes.Repeat([]byte{2}, 2*blockSize))
	f.Fuzz(func(t *testing.T, raw []byte) {
		blocks, err := decodeBlocks(raw)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(encodeBlocks(blocks), raw) {
			t.Fatal("other bytes")
		}
	})
}

// FuzzParsePage: a token is the one that its place writes, or refused.
func FuzzParsePage(f *testing.F) {
	f.Add("")
	f.Add(pageToken(5, make([]byte, 32)))
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, token string) {
		created, id, err := parsePage(token)
		if err != nil {
			if !errors.Is(err, ErrBadPage) {
				t.Fatal(err)
			}
			return
		}
		again, id2, err := parsePage(pageToken(created, id))
		if err != nil || again != created || !bytes.Equal(id, id2) {
			t.Fatalf("place %d %x reads back as %d %x", created, id, again, id2)
		}
	})
}
