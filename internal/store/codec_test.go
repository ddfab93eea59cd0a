package store

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
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

// FuzzReadPoints: whatever is read writes a text that reads back the same.
func FuzzReadPoints(f *testing.F) {
	f.Add("")
	f.Add(" ")
	f.Add(pointsText([]wire.OutPoint{{Index: 1}, {Hash: chainhash.Hash{1, 31: 2}, Index: 1<<32 - 1}}))
	f.Fuzz(func(t *testing.T, text string) {
		points, err := readPoints(text)
		if err != nil {
			return
		}
		again, err := readPoints(pointsText(points))
		if err != nil || !slices.Equal(again, points) {
			t.Fatalf("%v reads back as %v: %v", points, again, err)
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
