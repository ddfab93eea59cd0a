package store

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// txPlace is where a list of transactions goes on.
type txPlace struct {
	created     int64
	chain, txid string
}

// endOfText stands between the texts of a token; the databases have none
// with it inside.
const endOfText = "\x00"

func (p txPlace) token() string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(p.created))
	return base64.RawURLEncoding.EncodeToString(append(raw, p.chain+endOfText+p.txid...))
}

// parseTxPlace reads a token; none is the place in front of the newest.
func parseTxPlace(token string) (txPlace, error) {
	if token == "" {
		return txPlace{created: math.MaxInt64}, nil
	}
	bad := fmt.Errorf("%w: %.80q", ErrBadPage, token)
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < 8 || !utf8.Valid(raw[8:]) {
		return txPlace{}, bad
	}
	chain, txid, ok := strings.Cut(string(raw[8:]), endOfText)
	if !ok || strings.Contains(txid, endOfText) {
		return txPlace{}, bad
	}
	return txPlace{created: int64(binary.BigEndian.Uint64(raw)), chain: chain, txid: txid}, nil
}
