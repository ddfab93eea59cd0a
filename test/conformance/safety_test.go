package conformance

import (
	"testing"

	"github.com/kofo-network/kofo/adapters/adaptertest"
)

// A secret opens the same hash on every chain, so that whoever redeems one leg
// of a ring lets the others redeem theirs.
func TestSafety_A2_SameHashOnEveryChain(t *testing.T) {
	for name, harness := range map[string]func(*testing.T) adaptertest.Harness{
		"Bitcoin": bitcoinHarness, "EVM": evmHarness,
	} {
		t.Run(name, func(t *testing.T) { adaptertest.SameHash(t, harness(t)) })
	}
}
