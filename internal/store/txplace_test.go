package store

import (
	"errors"
	"testing"
)

// FuzzParseTxPlace: a token is the one that its place writes, or refused.
func FuzzParseTxPlace(f *testing.F) {
	f.Add("")
	f.Add(txPlace{5, "eip155:1", "0xabc"}.token())
	f.Add("AAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, token string) {
		at, err := parseTxPlace(token)
		if err != nil {
			if !errors.Is(err, ErrBadPage) {
				t.Fatal(err)
			}
			return
		}
		if again, err := parseTxPlace(at.token()); err != nil || again != at {
			t.Fatalf("place %+v reads back as %+v, %v", at, again, err)
		}
	})
}
