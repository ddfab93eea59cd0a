package wallet

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const abandon = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"

func readVectors(t *testing.T, name string, into any) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatal(err)
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func mustSeed(t testing.TB, words string) *Seed {
	t.Helper()
	seed, err := ParseMnemonic(words)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

func TestWordListIsTheStandardsOwn(t *testing.T) {
	sum := sha256.Sum256([]byte(english))
	if got := hex.EncodeToString(sum[:]); got != "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda" {
		t.Fatalf("english.txt has SHA-256 %s", got)
	}
	if len(wordList) != 2048 || !slices.IsSorted(wordList) {
		t.Fatalf("%d words, sorted %v", len(wordList), slices.IsSorted(wordList))
	}
}

func TestBIP39Vectors(t *testing.T) {
	var vectors struct {
		Passphrase string
		English    []struct{ Entropy, Mnemonic, Seed string }
	}
	readVectors(t, "bip39.json", &vectors)
	if len(vectors.English) != 24 {
		t.Fatalf("%d vectors, not 24", len(vectors.English))
	}
	for _, v := range vectors.English {
		entropy, err := decodeMnemonic(v.Mnemonic)
		if err != nil || hex.EncodeToString(entropy) != v.Entropy {
			t.Errorf("%s: decoded %x, %v", v.Mnemonic, entropy, err)
		}
		words := encodeMnemonic(unhex(t, v.Entropy))
		if got := strings.Join(words, " "); got != v.Mnemonic {
			t.Errorf("%s: encoded %q", v.Entropy, got)
		}
		stretched, err := stretch(words, vectors.Passphrase)
		if err != nil || hex.EncodeToString(stretched) != v.Seed {
			t.Errorf("%s: stretched %x, %v", v.Entropy, stretched, err)
		}
	}
}

func TestMnemonicErrors(t *testing.T) {
	run := func(words ...string) string { return strings.Join(words, " ") }
	eleven := strings.Repeat("abandon ", 11)
	for _, tt := range []struct {
		name, text string
		want       error
		reason     string
		position   int
		word       string
	}{
		{"empty", "", ErrWordCount, "SEED_WORD_COUNT", 0, ""},
		{"eleven", eleven, ErrWordCount, "SEED_WORD_COUNT", 0, ""},
		{"thirteen", abandon + " about", ErrWordCount, "SEED_WORD_COUNT", 0, ""},
		{"27", strings.Repeat("zoo ", 27), ErrWordCount, "SEED_WORD_COUNT", 0, ""},
		{"endless", strings.Repeat("zoo ", 10_000), ErrWordCount, "SEED_WORD_COUNT", 0, ""},
		{"checksum", eleven + "abandon", ErrChecksum, "SEED_CHECKSUM", 0, ""},
		{"typing error", run("abandon abandn", strings.Repeat("abandon ", 9), "about"), ErrWord, "SEED_WORD_UNKNOWN", 2, "abandn"},
		{"last", eleven + "abouts", ErrWord, "SEED_WORD_UNKNOWN", 12, "abouts"},
		{"commas", eleven + "zebra,zoo", ErrWord, "SEED_WORD_UNKNOWN", 12, ""},
		{"run together", eleven + "zebrazoozero", ErrWord, "SEED_WORD_UNKNOWN", 12, ""},
		{"terminal codes", eleven + "\x1b[31m", ErrWord, "SEED_WORD_UNKNOWN", 12, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseMnemonic(tt.text)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v", err)
			}
			var reasoned interface{ Reason() string }
			if !errors.As(err, &reasoned) || reasoned.Reason() != tt.reason {
				t.Errorf("reason of %v is not %s", err, tt.reason)
			}
			var word *WordError
			if errors.As(err, &word) && (word.Position != tt.position || word.Word != tt.word) {
				t.Errorf("got %d %q", word.Position, word.Word)
			}
			for _, other := range []string{"abandon", "zoo", "zebra", "\x1b"} {
				if strings.Contains(err.Error(), other) {
					t.Errorf("%q repeats %q", err, other)
				}
			}
		})
	}
}

func TestMnemonicForgivesCaseAndSpace(t *testing.T) {
	seed := mustSeed(t, "\n  "+strings.ReplaceAll(strings.ToUpper(abandon), " ", " \t\r\n")+" ")
	if !seed.Equal(mustSeed(t, abandon)) {
		t.Error("differs")
	}
}

func TestNewSeed(t *testing.T) {
	for _, words := range []int{12, 24} {
		a, err := NewSeed(words)
		if err != nil || len(a.RevealWords()) != words {
			t.Fatalf("%d: %d words, %v", words, len(a.RevealWords()), err)
		}
		b, err := NewSeed(words)
		if err != nil || a.Equal(b) {
			t.Fatalf("two seeds are equal, %v", err)
		}
		if !mustSeed(t, strings.Join(a.RevealWords(), " ")).Equal(a) {
			t.Error("words give another seed")
		}
	}
	for _, words := range []int{-12, 0, 11, 13, 15, 18, 21, 48} {
		if _, err := NewSeed(words); !errors.Is(err, ErrWordCount) {
			t.Errorf("%d words: %v", words, err)
		}
	}
}

func TestClosedSeed(t *testing.T) {
	seed := mustSeed(t, abandon)
	entropy := *seed.entropy()
	entropy[0] = 1 // the seed of abandon is zero already
	seed.Close()
	seed.Close()
	if !bytes.Equal(entropy, make([]byte, 16)) {
		t.Errorf("entropy left: %x", entropy)
	}
	if _, err := seed.Keys(); !errors.Is(err, ErrClosed) {
		t.Errorf("keys: %v", err)
	}
	if seed.RevealWords() != nil {
		t.Error("a closed seed still has words")
	}
	other := mustSeed(t, abandon)
	other.Close()
	if seed.Equal(other) || other.Equal(mustSeed(t, abandon)) {
		t.Error("a closed seed equals another")
	}
}

func TestMnemonicRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]int{16, 20, 24, 28, 32}).Draw(t, "size")
		entropy := rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "entropy")
		back, err := decodeMnemonic(strings.Join(encodeMnemonic(entropy), " "))
		if err != nil || !bytes.Equal(back, entropy) {
			t.Fatalf("%x became %x, %v", entropy, back, err)
		}
	})
}

func FuzzParseMnemonic(f *testing.F) {
	f.Add(abandon)
	f.Add("zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong")
	f.Add(strings.Repeat("zoo ", 23) + "vote")
	f.Add("Abandon\tabandon,abandon")
	f.Fuzz(func(t *testing.T, text string) {
		seed, err := ParseMnemonic(text)
		if err != nil {
			var reasoned interface{ Reason() string }
			if !errors.As(err, &reasoned) {
				t.Fatalf("no reason: %v", err)
			}
			return
		}
		words := strings.Join(seed.RevealWords(), " ")
		if words != strings.Join(strings.Fields(strings.ToLower(text)), " ") {
			t.Fatal("accepted text and words differ")
		}
		if !mustSeed(t, words).Equal(seed) {
			t.Fatal("words give another seed")
		}
	})
}
