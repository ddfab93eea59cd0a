package sdk_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/api/sdk"
)

func TestUnits(t *testing.T) {
	tests := []struct {
		text     string
		decimals uint32
		base     string
		back     string
	}{
		{"0.05", 8, "5000000", "0.05"},
		{"1", 18, "1000000000000000000", "1"},
		{"001.50", 8, "150000000", "1.5"},
		{"0", 8, "0", "0"},
		{"0.00000001", 8, "1", "0.00000001"},
		{"42", 0, "42", "42"},
		{"7.0", 0, "7", "7"},
		{"115792089237316195423570985008687907853269984665640564039457.584007913129639935", 18, "115792089237316195423570985008687907853269984665640564039457584007913129639935", "115792089237316195423570985008687907853269984665640564039457.584007913129639935"},
	}
	for _, test := range tests {
		base, err := sdk.ParseUnits(test.text, test.decimals)
		if err != nil || base != test.base {
			t.Errorf("ParseUnits(%q, %d) = %q, %v; want %q", test.text, test.decimals, base, err, test.base)
		}
		back, err := sdk.FormatUnits(test.base, test.decimals)
		if err != nil || back != test.back {
			t.Errorf("FormatUnits(%q, %d) = %q, %v; want %q", test.base, test.decimals, back, err, test.back)
		}
	}
	for _, bad := range []string{"", ".", "1.", ".5", "-1", "+1", "1e3", "0x10", "1,5", " 1", "0.000000001", "1.2.3", strings.Repeat("9", 79)} {
		if got, err := sdk.ParseUnits(bad, 8); !errors.Is(err, sdk.ErrUnits) {
			t.Errorf("ParseUnits(%q) = %q, %v; want an error", bad, got, err)
		}
	}
}

func FuzzUnits(f *testing.F) {
	for _, seed := range []string{"0.05", "1", "0", "1.", "-1", "00.10", "9999999999999999999999"} {
		f.Add(seed, uint8(8))
	}
	f.Fuzz(func(t *testing.T, text string, places uint8) {
		decimals := uint32(places) % (sdk.MaxDecimals + 1)
		base, err := sdk.ParseUnits(text, decimals)
		if err != nil {
			return
		}
		if v, ok := new(big.Int).SetString(base, 10); !ok || v.Sign() < 0 || v.String() != base {
			t.Fatalf("ParseUnits(%q, %d) = %q", text, decimals, base)
		}
		back, err := sdk.FormatUnits(base, decimals)
		if err != nil {
			t.Fatal(err)
		}
		again, err := sdk.ParseUnits(back, decimals)
		if err != nil || again != base {
			t.Fatalf("%q became %q, then %q, then %q (%v)", text, base, back, again, err)
		}
	})
}
