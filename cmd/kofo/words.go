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
	"github.com/kofo-network/kofo/internal/lines"
)

// wordsOf puts what a node says of an error, in base units and CAIP ids, into
// the words of people. What it does not know stays as it is.
type wordsOf struct {
	k        assets
	metadata map[string]string
	when     func(*sdk.Timestamp) string
}

const caip19 = `[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}/[-a-z0-9]{3,8}:[-a-zA-Z0-9]{1,78}`

// spoken finds everything in a text that has other words, in one pass: what
// was put in is never looked at again. A rate is told in base units, as a coin
// would be a row of zeros.
var spoken = regexp.MustCompile(strings.Join([]string{
	`\b[0-9]+ (?:wei|gwei|satoshi|sat|litoshi)(?: per gas| a gas| for each gas| for 1,000 vbytes|/vB)`,
	`\b(?P<amount>[0-9]+) (?:base units )?of (?P<asset>` + caip19 + `)`,
	`(?P<id>` + caip19 + `)`,
	`\b(?P<coins>[0-9]+) (?P<unit>satoshi|litoshi|wei)\b`,
	`\b(?P<fees>fees? of )(?P<fee>[0-9]+)\b`,
	`\b(?P<number>[0-9]+)\b`,
	`\b(?P<chain>[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32})`,
}, "|"))

// amountKeys are those of the metadata that hold base units of its asset.
var amountKeys = []string{
	reason.KeyAmount, reason.KeyHave, reason.KeyNeed, reason.KeyMissing, reason.KeyRemaining, reason.KeyMin, reason.KeyMax,
}

// plain is a text of the node's.
func (w wordsOf) plain(text string) string {
	return spoken.ReplaceAllStringFunc(text, func(found string) string {
		parts := map[string]string{}
		names := spoken.SubexpNames()
		for i, part := range spoken.FindStringSubmatch(found) {
			parts[names[i]] = part
		}
		if told := w.tell(parts); told != "" {
			return told
		}
		return found
	})
}

// tell is what one thing that was found is called; empty where it is not known.
func (w wordsOf) tell(parts map[string]string) string {
	switch {
	case parts["amount"] != "":
		if w.k.find(parts["asset"]).GetSymbol() != "" {
			return w.k.human(&sdk.AssetAmount{Asset: parts["asset"], Amount: parts["amount"]})
		}
	case parts["id"] != "":
		if asset := w.k.find(parts["id"]); asset.GetSymbol() != "" {
			return asset.GetSymbol() + " on " + w.k.chainName(chainOf(&sdk.AssetAmount{Asset: parts["id"]}))
		}
	case parts["coins"] != "":
		if id := w.coinOf(parts["unit"]); id != "" {
			return w.k.human(&sdk.AssetAmount{Asset: id, Amount: parts["coins"]})
		}
	case parts["fee"] != "":
		if id := w.feeCoin(); id != "" {
			return parts["fees"] + w.k.human(&sdk.AssetAmount{Asset: id, Amount: parts["fee"]})
		}
	case parts["number"] != "":
		return w.number(parts["number"])
	case parts["chain"] != "":
		return w.k.chainName(parts["chain"])
	}
	return ""
}

// number is an amount where the metadata has it; a shorter one may be anything.
func (w wordsOf) number(text string) string {
	if len(text) <= 3 || !w.known() {
		return ""
	}
	for _, key := range amountKeys {
		if w.metadata[key] == text {
			return w.human(text)
		}
	}
	return ""
}

// feeCoin is the coin that fees are paid in on the chain of the metadata.
func (w wordsOf) feeCoin() string {
	chain := w.metadata[reason.KeyChain]
	if asset := w.metadata[reason.KeyAsset]; asset != "" {
		chain = chainOf(&sdk.AssetAmount{Asset: asset})
	}
	for _, c := range w.k.chains {
		for _, asset := range c.GetAssets() {
			if c.GetId() == chain && asset.GetFeeCoin() {
				return asset.GetId()
			}
		}
	}
	return ""
}

// human is an amount of the metadata's asset.
func (w wordsOf) human(base string) string {
	return w.k.human(&sdk.AssetAmount{Asset: w.metadata[reason.KeyAsset], Amount: base})
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
		return w.human(value)
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
		value := w.value(key)
		if value == "" || strings.Contains(text, value) || strings.Contains(text, w.metadata[key]) {
			continue
		}
		if key == reason.KeyMax { // told as a limit here, not as what was passed
			value = w.k.most(&sdk.AssetAmount{Asset: w.metadata[reason.KeyAsset], Amount: w.metadata[key]})
		}
		out = append(out, "  "+strings.ReplaceAll(key, "_", " ")+": "+value)
	}
	if asset := w.value(reason.KeyAsset); len(out) == 0 && asset != "" && !strings.Contains(text, strings.Fields(asset)[0]) {
		out = append(out, "  asset: "+asset)
	}
	return out
}

// advice names what the advice of a reason refers to.
func (w wordsOf) advice(text string) string {
	return lines.Advice(text, func(key string) string {
		if at, err := time.Parse(time.RFC3339, w.metadata[key]); err == nil {
			return clock(at)
		}
		return w.value(key)
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
