package wallet

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func mustSealer(t testing.TB, words string) *Sealer {
	t.Helper()
	sealer, err := mustKeys(t, words).Sealer()
	if err != nil {
		t.Fatal(err)
	}
	return sealer
}

func TestSealRoundTrip(t *testing.T) {
	sealer := mustSealer(t, abandon)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		associated := rapid.SliceOf(rapid.Byte()).Draw(t, "associated")
		a, err := sealer.Seal(plain, associated)
		if err != nil {
			t.Fatal(err)
		}
		back, err := sealer.Open(a, associated)
		if err != nil || !bytes.Equal(back, plain) {
			t.Fatalf("%x became %x, %v", plain, back, err)
		}
		b, err := sealer.Seal(plain, associated)
		if err != nil || bytes.Equal(a, b) {
			t.Fatalf("sealed twice alike, %v", err)
		}
	})
}

func TestSealedBytesAreBound(t *testing.T) {
	sealer := mustSealer(t, abandon)
	sealed, err := sealer.Seal([]byte("signed transaction"), []byte("swap 1"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		for bit := range 8 {
			altered := slices.Clone(sealed)
			altered[i] ^= 1 << bit
			if _, err := sealer.Open(altered, []byte("swap 1")); !errors.Is(err, ErrSealBroken) {
				t.Fatalf("byte %d, bit %d: %v", i, bit, err)
			}
		}
		if _, err := sealer.Open(sealed[:i], []byte("swap 1")); !errors.Is(err, ErrSealBroken) {
			t.Fatalf("cut to %d: %v", i, err)
		}
	}
	if _, err := sealer.Open(append(sealed, 0), []byte("swap 1")); !errors.Is(err, ErrSealBroken) {
		t.Errorf("longer: %v", err)
	}
	for _, other := range []string{"", "swap 2", "swap 1 "} {
		if _, err := sealer.Open(sealed, []byte(other)); !errors.Is(err, ErrSealBroken) {
			t.Errorf("for %q: %v", other, err)
		}
	}
	stranger := mustSealer(t, "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong")
	if _, err := stranger.Open(sealed, []byte("swap 1")); !errors.Is(err, ErrSealBroken) {
		t.Errorf("by another seed: %v", err)
	}
}

func TestSealBounds(t *testing.T) {
	sealer := mustSealer(t, abandon)
	sealed, err := sealer.Seal(make([]byte, MaxSealed), nil)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := sealer.Open(sealed, nil); err != nil || len(back) != MaxSealed {
		t.Errorf("largest: %d bytes, %v", len(back), err)
	}
	if _, err := sealer.Seal(make([]byte, MaxSealed+1), nil); !errors.Is(err, ErrSealSize) {
		t.Errorf("one more: %v", err)
	}
	if _, err := sealer.Open(append(sealed, 0), nil); !errors.Is(err, ErrSealBroken) {
		t.Errorf("open one more: %v", err)
	}
}

func TestSealerRefusesBadKey(t *testing.T) {
	if _, err := newSealer(make([]byte, 31)); err == nil {
		t.Error("made a sealer of 31 bytes")
	}
}

func FuzzOpen(f *testing.F) {
	sealer := mustSealer(f, abandon)
	associated := []byte("swap 1")
	good, err := sealer.Seal([]byte("plain"), associated)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, associated)
	f.Add(good[1:], associated)
	f.Add([]byte{sealVersion}, []byte{})
	f.Fuzz(func(t *testing.T, sealed, ad []byte) {
		plain, err := sealer.Open(sealed, ad)
		if err != nil {
			if !errors.Is(err, ErrSealBroken) || plain != nil {
				t.Fatalf("%x, %v", plain, err)
			}
			return
		}
		// Fuzzing runs in several processes, each with a nonce of its own, so
		// what was sealed is known by its content.
		if string(plain) != "plain" || !bytes.Equal(ad, associated) {
			t.Fatalf("forged %x", sealed)
		}
	})
}
