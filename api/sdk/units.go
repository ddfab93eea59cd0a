package sdk

import (
	"errors"
	"fmt"
	"strings"
)

// ErrUnits is returned for a text that is no amount.
var ErrUnits = errors.New("not an amount")

// MaxDecimals bounds the places of the decimal point.
const MaxDecimals = 77

// maxDigits is the length of 2^256-1, the largest amount.
const maxDigits = 78

// ParseUnits turns an amount as people write it, such as "0.05", into base
// units, given the places of the asset's decimal point: "5000000" for 8. It
// refuses what would have to be rounded.
func ParseUnits(text string, decimals uint32) (string, error) {
	if decimals > MaxDecimals {
		return "", fmt.Errorf("%w: %d decimals, more than %d", ErrUnits, decimals, MaxDecimals)
	}
	whole, fraction, point := strings.Cut(text, ".")
	if len(text) > 2*maxDigits || !digits(whole) || point && !digits(fraction) {
		return "", fmt.Errorf("%w: %q", ErrUnits, text)
	}
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > int(decimals) {
		return "", fmt.Errorf("%w: %q has more than %d decimals", ErrUnits, text, decimals)
	}
	base := strings.TrimLeft(whole+fraction+strings.Repeat("0", int(decimals)-len(fraction)), "0")
	switch {
	case base == "":
		return "0", nil
	case len(base) > maxDigits:
		return "", fmt.Errorf("%w: %q is too large", ErrUnits, text)
	}
	return base, nil
}

// FormatUnits turns base units into what people write: "0.05" for "5000000"
// and 8 decimals.
func FormatUnits(base string, decimals uint32) (string, error) {
	if !digits(base) || len(base) > maxDigits || decimals > MaxDecimals {
		return "", fmt.Errorf("%w: %q in base units with %d decimals", ErrUnits, base, decimals)
	}
	places := int(decimals)
	if len(base) <= places {
		base = strings.Repeat("0", places-len(base)+1) + base
	}
	whole, fraction := base[:len(base)-places], strings.TrimRight(base[len(base)-places:], "0")
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	if fraction == "" {
		return whole, nil
	}
	return whole + "." + fraction, nil
}

func digits(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return s != ""
}
