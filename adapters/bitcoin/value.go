package bitcoin

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// coinValue is an amount that a node writes as a decimal number of whole
// coins. It is read digit by digit into satoshi, never through a float.
type coinValue int64

const (
	maxValueDigits   = 32
	maxValueExponent = 20
)

// UnmarshalJSON reads 0.05, 1e-05 and the like.
func (v *coinValue) UnmarshalJSON(text []byte) error {
	sat, err := parseCoins(string(text))
	if err == nil {
		*v = coinValue(sat)
	}
	return err
}

// parseCoins rounds towards zero below a satoshi.
func parseCoins(text string) (int64, error) {
	bad := fmt.Errorf("%.40q is no number of coins", text)
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	if len(text) > maxValueDigits || strings.Trim(mantissa, "-.0123456789") != "" {
		return 0, bad
	}
	if exponent != "" {
		e, err := strconv.Atoi(exponent)
		if err != nil || e < -maxValueExponent || e > maxValueExponent {
			return 0, bad
		}
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, bad
	}
	r.Mul(r, big.NewRat(btcutil.SatoshiPerBitcoin, 1))
	sat := new(big.Int).Quo(r.Num(), r.Denom())
	if !sat.IsInt64() {
		return 0, bad
	}
	return sat.Int64(), nil
}

// refOf writes an outpoint as "txid:index".
func refOf(point wire.OutPoint) string { return point.String() }

// parseRef reads what refOf wrote, in that one spelling.
func parseRef(ref string) (wire.OutPoint, error) {
	txid, index, ok := strings.Cut(ref, ":")
	if !ok || len(txid) != 2*chainhash.HashSize {
		return wire.OutPoint{}, mismatch("%.80q is no reference to an output", ref)
	}
	hash, err := chainhash.NewHashFromStr(txid)
	if err != nil {
		return wire.OutPoint{}, mismatch("%.80q is no reference to an output", ref)
	}
	n, err := strconv.ParseUint(index, 10, 32)
	point := wire.OutPoint{Hash: *hash, Index: uint32(n)}
	if err != nil || refOf(point) != ref {
		return wire.OutPoint{}, mismatch("%.80q is no reference to an output", ref)
	}
	return point, nil
}
