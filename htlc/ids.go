package htlc

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Errors of the identifiers in this file.
var (
	ErrBadChainID = errors.New("not a CAIP-2 chain id")
	ErrBadAssetID = errors.New("not a CAIP-19 asset id")
	ErrBadHex     = errors.New("not 32 bytes of hex")
)

// ChainID is a CAIP-2 chain id such as "eip155:1337" or
// "bip122:0f9188f13cb7b2c71f2a335e3a4fc328".
type ChainID string

// Validate checks the form namespace:reference of CAIP-2.
func (c ChainID) Validate() error {
	namespace, reference, ok := strings.Cut(string(c), ":")
	if !ok || !within(namespace, 3, 8, "-") || namespace != strings.ToLower(namespace) || !within(reference, 1, 32, "-_") {
		return fmt.Errorf("%w: %q", ErrBadChainID, string(c))
	}
	return nil
}

// Namespace is the part before the colon: "eip155", "bip122".
func (c ChainID) Namespace() string {
	namespace, _, _ := strings.Cut(string(c), ":")
	return namespace
}

// Reference is the part after the colon: the EVM chain id, or the first 32
// hexadecimal digits of a Bitcoin genesis hash.
func (c ChainID) Reference() string {
	_, reference, _ := strings.Cut(string(c), ":")
	return reference
}

// AssetID is a CAIP-19 asset type such as "eip155:1337/slip44:60" or
// "eip155:1/erc20:0xdac17f958d2ee523a2206206994597c13d831ec7".
type AssetID string

// Validate checks the form chain_id/namespace:reference of CAIP-19. An
// erc20 reference must be lower-case, so that one token has one spelling in
// the canonical encoding.
func (a AssetID) Validate() error {
	chain, asset, ok := strings.Cut(string(a), "/")
	if !ok {
		return fmt.Errorf("%w: %q", ErrBadAssetID, string(a))
	}
	if err := ChainID(chain).Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrBadAssetID, err)
	}
	namespace, reference, ok := strings.Cut(asset, ":")
	if !ok || !within(namespace, 3, 8, "-") || !within(reference, 1, 128, "-.%") {
		return fmt.Errorf("%w: %q", ErrBadAssetID, string(a))
	}
	if asset != strings.ToLower(asset) {
		return fmt.Errorf("%w: %q must be lower-case", ErrBadAssetID, string(a))
	}
	return nil
}

// Chain is the chain that the asset lives on.
func (a AssetID) Chain() ChainID {
	chain, _, _ := strings.Cut(string(a), "/")
	return ChainID(chain)
}

// Namespace is "slip44" for a chain's own coin, "erc20" for a token.
func (a AssetID) Namespace() string {
	_, asset, _ := strings.Cut(string(a), "/")
	namespace, _, _ := strings.Cut(asset, ":")
	return namespace
}

// Reference is the coin type or the token's address.
func (a AssetID) Reference() string {
	_, asset, _ := strings.Cut(string(a), "/")
	_, reference, _ := strings.Cut(asset, ":")
	return reference
}

// within reports whether s has min to max characters, all of them ASCII
// letters, digits or one of extra.
func within(s string, minLen, maxLen int, extra string) bool {
	if len(s) < minLen || len(s) > maxLen {
		return false
	}
	for _, r := range s {
		alnum := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !alnum && !strings.ContainsRune(extra, r) {
			return false
		}
	}
	return true
}

// PartyID is a party's Ed25519 public key.
type PartyID [ed25519.PublicKeySize]byte

func (p PartyID) String() string { return hex.EncodeToString(p[:]) }

// ParsePartyID reads 64 hexadecimal digits.
func ParsePartyID(s string) (PartyID, error) { return parse32[PartyID](s) }

// SwapID names a swap: the SHA-256 of the canonical encoding of its Terms.
type SwapID [32]byte

func (s SwapID) String() string { return hex.EncodeToString(s[:]) }

// ParseSwapID reads 64 hexadecimal digits.
func ParseSwapID(s string) (SwapID, error) { return parse32[SwapID](s) }

// MarshalText writes hexadecimal digits.
func (s SwapID) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads hexadecimal digits.
func (s *SwapID) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSwapID(string(text))
	return err
}

// Salt is the random part of the Terms. Keys and the Secret derive from it,
// so two swaps never share a SecretHash.
type Salt [32]byte

func (s Salt) String() string { return hex.EncodeToString(s[:]) }

func parse32[T ~[32]byte](s string) (T, error) {
	var out T
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != len(out) {
		return out, fmt.Errorf("%w: %q", ErrBadHex, s)
	}
	copy(out[:], raw)
	return out, nil
}
