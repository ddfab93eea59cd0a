package wallet

import (
	"crypto/sha256"
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed english.txt
var english string

// wordList is the BIP-39 English list: sorted, 2,048 words. A test pins its
// hash.
var wordList = strings.Fields(english)

const (
	bitsPerWord = 11
	// echoLimit is the longest unknown word that an error repeats. The longest
	// word of the list has eight letters; what is longer may be several words
	// run together, and an error must not show those.
	echoLimit = 10
	// maxMnemonic bounds what is parsed: 24 words of eight letters need 215.
	maxMnemonic = 1024
)

// encodeMnemonic turns 16, 20, 24, 28 or 32 bytes into words.
func encodeMnemonic(entropy []byte) []string {
	sum := sha256.Sum256(entropy)
	// One byte holds the whole checksum: at most 8 bits for 256 of entropy.
	bits := append(slices.Clone(entropy), sum[0])
	defer clear(bits)
	words := make([]string, len(entropy)*8/32*3)
	for i := range words {
		index := 0
		for b := i * bitsPerWord; b < (i+1)*bitsPerWord; b++ {
			index = index<<1 | int(bits[b/8]>>(7-b%8)&1)
		}
		words[i] = wordList[index]
	}
	return words
}

// decodeMnemonic is the inverse of encodeMnemonic. Upper case and any white
// space between words are accepted.
func decodeMnemonic(text string) ([]byte, error) {
	if len(text) > maxMnemonic {
		return nil, fmt.Errorf("%w: the text is longer than any seed", ErrWordCount)
	}
	words := strings.Fields(strings.ToLower(text))
	if n := len(words); n < 12 || n > 24 || n%3 != 0 {
		return nil, fmt.Errorf("%w, not %d", ErrWordCount, n)
	}
	entropyLen := len(words) / 3 * 4
	bits := make([]byte, entropyLen+1)
	for i, word := range words {
		index, ok := slices.BinarySearch(wordList, word)
		if !ok {
			clear(bits)
			return nil, &WordError{Position: i + 1, Word: echoable(word)}
		}
		for j := range bitsPerWord {
			b := i*bitsPerWord + j
			bits[b/8] |= byte(index>>(bitsPerWord-1-j)&1) << (7 - b%8)
		}
	}
	entropy, checksum := bits[:entropyLen], bits[entropyLen]
	sum := sha256.Sum256(entropy)
	unused := 8 - len(words)/3
	if sum[0]>>unused != checksum>>unused {
		clear(bits)
		return nil, ErrChecksum
	}
	return entropy, nil
}

// echoable returns the word where it is surely one word, else nothing.
func echoable(word string) string {
	if len(word) > echoLimit {
		return ""
	}
	for _, r := range word {
		if r < 'a' || r > 'z' {
			return ""
		}
	}
	return word
}
