package htlc

import (
	"errors"
	"fmt"
	"math/big"
)

// ErrBadAmount is returned for a text or number that is no amount.
var ErrBadAmount = errors.New("not a whole number of base units from 0 to 2^256-1")

// Amount is a number of base units (satoshi, wei): a whole number from 0 to
// 2^256-1, big-endian. The zero value is 0; amounts compare with ==.
type Amount [32]byte

// NewAmount makes an amount of v base units.
func NewAmount(v uint64) Amount {
	var a Amount
	new(big.Int).SetUint64(v).FillBytes(a[:])
	return a
}

// AmountFromBig checks the range of v.
func AmountFromBig(v *big.Int) (Amount, error) {
	var a Amount
	if v == nil || v.Sign() < 0 || v.BitLen() > 256 {
		return a, fmt.Errorf("%w: %v", ErrBadAmount, v)
	}
	v.FillBytes(a[:])
	return a, nil
}

// ParseAmount reads decimal digits: no sign, point, space or leading zero.
func ParseAmount(s string) (Amount, error) {
	if s == "" || len(s) > 78 || (len(s) > 1 && s[0] == '0') {
		return Amount{}, fmt.Errorf("%w: %q", ErrBadAmount, s)
	}
	for _, r := range s {
		if r < '0' || r > '9' {
			return Amount{}, fmt.Errorf("%w: %q", ErrBadAmount, s)
		}
	}
	v, _ := new(big.Int).SetString(s, 10)
	return AmountFromBig(v)
}

// Big returns a copy as a big integer.
func (a Amount) Big() *big.Int { return new(big.Int).SetBytes(a[:]) }

// Uint64 returns the amount and whether it fits.
func (a Amount) Uint64() (uint64, bool) {
	v := a.Big()
	return v.Uint64(), v.IsUint64()
}

func (a Amount) String() string { return a.Big().String() }

// MarshalText writes decimal digits.
func (a Amount) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads decimal digits.
func (a *Amount) UnmarshalText(text []byte) error {
	v, err := ParseAmount(string(text))
	if err == nil {
		*a = v
	}
	return err
}

// IsZero reports whether the amount is 0.
func (a Amount) IsZero() bool { return a == Amount{} }

// Cmp is -1, 0 or 1.
func (a Amount) Cmp(b Amount) int { return a.Big().Cmp(b.Big()) }

// Add returns a+b, or ErrBadAmount where the sum has more than 256 bits.
func (a Amount) Add(b Amount) (Amount, error) {
	return AmountFromBig(new(big.Int).Add(a.Big(), b.Big()))
}

// Sub returns a-b, or ErrBadAmount where b is greater.
func (a Amount) Sub(b Amount) (Amount, error) {
	return AmountFromBig(new(big.Int).Sub(a.Big(), b.Big()))
}
