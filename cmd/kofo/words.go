package main

import (
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

// wordsOf puts what a node says of an error, in base units and CAIP ids, into
// the words of people. What it does not know stays as it is.
type wordsOf struct {
	k        assets
	metadata map[string]string
	when     func(*sdk.Timestamp) string
}

const caip19 = `[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}/[-a-z0-9]{3,8}:[-a-zA-Z0-9]{1,78}`

var (
	amountOfAsset = regexp.MustCompile(`\b([0-9]+) (?:base units )?of (` + caip19 + `)`)
	assetID       = regexp.MustCompile(caip19)
	baseAmount    = regexp.MustCompile(`\b([0-9]+) (satoshi|litoshi|wei)\b`)
	adviceKey     = regexp.MustCompile("`[^`]+`")
	adviceAmount  = regexp.MustCompile("`([a-z_]+)` of `asset`")
)

// amountKeys are those of the metadata that hold base units of its asset.
var amountKeys = []string{
	reason.KeyAmount, reason.KeyHave, reason.KeyNeed, reason.KeyMissing, reason.KeyRemaining, reason.KeyMin, reason.KeyMax,
}

// plain is a text of the node's.
func (w wordsOf) plain(text string) string {
	text = amountOfAsset.ReplaceAllStringFunc(text, func(found string) string {
		part := amountOfAsset.FindStringSubmatch(found)
		if w.k.find(part[2]).GetSymbol() == "" {
			return found
		}
		return w.k.human(&sdk.AssetAmount{Asset: part[2], Amount: part[1]})
	})
	text = assetID.ReplaceAllStringFunc(text, func(id string) string {
		asset := w.k.find(id)
		if asset.GetSymbol() == "" {
			return id
		}
		return asset.GetSymbol() + " on " + w.k.chainName(chainOf(&sdk.AssetAmount{Asset: id}))
	})
	text = baseAmount.ReplaceAllStringFunc(text, func(found string) string {
		part := baseAmount.FindStringSubmatch(found)
		id := w.coinOf(part[2])
		if id == "" {
			return found
		}
		return w.k.human(&sdk.AssetAmount{Asset: id, Amount: part[1]})
	})
	for _, key := range amountKeys {
		if value := w.metadata[key]; len(value) > 3 && w.known() { // a shorter number may be another one
			text = regexp.MustCompile(`\b`+regexp.QuoteMeta(value)+`\b`).ReplaceAllLiteralString(text, w.value(key))
		}
	}
	for _, c := range w.k.chains {
		if c.GetName() != "" {
			text = strings.ReplaceAll(text, c.GetId(), c.GetName())
		}
	}
	return text
}

// known reports whether the metadata's asset is one of the node's.
func (w wordsOf) known() bool { return w.k.find(w.metadata[reason.KeyAsset]).GetSymbol() != "" }

// coinOf is the one coin whose base units have a name: that of the metadata,
// or the only one of the node.
func (w wordsOf) coinOf(name string) string {
	name = strings.Replace(name, "satoshi", "sat", 1)
	var found []string
	for _, c := range w.k.chains {
		for _, asset := range c.GetAssets() {
			if baseNames[asset.GetSymbol()] != name || !asset.GetFeeCoin() {
				continue
			}
			if asset.GetId() == w.metadata[reason.KeyAsset] {
				return asset.GetId()
			}
			found = append(found, asset.GetId())
		}
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

// value is a part of the metadata.
func (w wordsOf) value(key string) string {
	value := w.metadata[key]
	switch {
	case value == "":
		return ""
	case slices.Contains(amountKeys, key):
		amount := &sdk.AssetAmount{Asset: w.metadata[reason.KeyAsset], Amount: value}
		if key == reason.KeyMax {
			return w.k.most(amount)
		}
		return w.k.human(amount)
	case key == reason.KeyAsset && w.known():
		return w.k.find(value).GetSymbol() + " on " + w.k.chainName(chainOf(&sdk.AssetAmount{Asset: value}))
	case key == reason.KeyChain:
		return w.k.chainName(value)
	case key == reason.KeyAt:
		if at, err := time.Parse(time.RFC3339, value); err == nil {
			return w.when(timestamppb.New(at))
		}
	}
	return value
}

// rest is the metadata that the text does not tell.
func (w wordsOf) rest(text string) []string {
	keys := slices.Clone(amountKeys)
	for _, key := range slices.Sorted(maps.Keys(w.metadata)) {
		if key != reason.KeyAsset && !slices.Contains(amountKeys, key) {
			keys = append(keys, key)
		}
	}
	var out []string
	for _, key := range keys {
		if value := w.value(key); value != "" && !strings.Contains(text, value) && !strings.Contains(text, w.metadata[key]) {
			out = append(out, "  "+strings.ReplaceAll(key, "_", " ")+": "+value)
		}
	}
	if asset := w.value(reason.KeyAsset); len(out) == 0 && asset != "" && !strings.Contains(text, strings.Fields(asset)[0]) {
		out = append(out, "  asset: "+asset)
	}
	return out
}

// advice names what the advice of a reason refers to.
func (w wordsOf) advice(text string) string {
	text = adviceAmount.ReplaceAllStringFunc(text, func(found string) string {
		if value := w.value(adviceAmount.FindStringSubmatch(found)[1]); value != "" {
			return value
		}
		if asset := w.value(reason.KeyAsset); asset != "" {
			return "more " + asset
		}
		return "more"
	})
	return adviceKey.ReplaceAllStringFunc(text, func(found string) string {
		key := strings.Trim(found, "`")
		if at, err := time.Parse(time.RFC3339, w.metadata[key]); err == nil {
			return clock(at)
		}
		if value := w.value(key); value != "" {
			return value
		}
		return key
	})
}

// supply is all that there can ever be of a coin, in base units: a limit that
// is none.
var supply = map[string]string{"BTC": "2100000000000000", "LTC": "8400000000000000"}

// endless is more than any chain's coin or token is issued in.
var endless = new(big.Int).Lsh(big.NewInt(1), 255)

// most writes an upper limit.
func (k assets) most(a *sdk.AssetAmount) string {
	if k.unlimited(a) {
		return "no limit"
	}
	return k.human(a)
}

func (k assets) unlimited(a *sdk.AssetAmount) bool {
	limit, ok := new(big.Int).SetString(a.GetAmount(), 10)
	if !ok || limit.Cmp(endless) >= 0 {
		return ok
	}
	asset := k.find(a.GetAsset())
	all, ok := new(big.Int).SetString(supply[asset.GetSymbol()], 10)
	return ok && asset.GetFeeCoin() && limit.Cmp(all) >= 0
}
