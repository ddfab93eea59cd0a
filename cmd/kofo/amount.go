package main

import (
	"context"
	"fmt"
	"math/big"
	"strings"

	"github.com/kofo-network/kofo/api/sdk"
)

// assets knows how the node's assets are written.
type assets struct{ chains []*sdk.Chain }

// loadAssets asks the node for them. Errors are told in their words from then
// on.
func (a *app) loadAssets(ctx context.Context, c *sdk.Client) (assets, error) {
	list, err := c.Chains.ListChains(ctx, &sdk.ListChainsRequest{})
	if err != nil {
		return assets{}, err
	}
	a.known = assets{list.GetChains()}
	return a.known, nil
}

// smallUnits are names for parts of coins, by the coin's symbol, with the
// places of their own decimal point.
var smallUnits = map[string]map[string]uint32{
	"BTC": {"sat": 0, "sats": 0, "satoshi": 0},
	"LTC": {"litoshi": 0},
	"ETH": {"wei": 0, "gwei": 9},
}

// baseNames are what base units of a coin are called.
var baseNames = map[string]string{"BTC": "sat", "LTC": "litoshi", "ETH": "wei"}

// baseSuffix marks base units of an asset that has no name for them.
const baseSuffix = "-base"

// parse reads "0.05 BTC", "5000000 sat", "1 ETH@sepolia", "2500 USDT-base" or
// a number of base units with a CAIP-19 id.
func (k assets) parse(text string) (*sdk.AssetAmount, error) {
	number, unit, ok := strings.Cut(strings.TrimSpace(text), " ")
	unit = strings.TrimSpace(unit)
	if !ok || unit == "" {
		return nil, usage("%q is no amount; write \"0.05 BTC\" or \"5000000 sat\"", text)
	}
	number = strings.ReplaceAll(number, "_", "")
	unit, chain, _ := strings.Cut(unit, "@")
	var found []*sdk.AssetAmount
	for _, c := range k.chains {
		if chain != "" && chain != c.GetName() && chain != c.GetId() {
			continue
		}
		for _, asset := range c.GetAssets() {
			places, ok := placesOf(asset, unit)
			if !ok {
				continue
			}
			base, err := sdk.ParseUnits(number, places)
			if err != nil {
				return nil, usage("%q: %v", text, err)
			}
			found = append(found, &sdk.AssetAmount{Asset: asset.GetId(), Amount: base})
		}
	}
	switch len(found) {
	case 0:
		return nil, usage("the node has no asset %q; it has %s", unit, strings.Join(k.symbols(), ", "))
	case 1:
		return found[0], nil
	}
	return nil, usage("%q is an asset of several chains; write %s@CHAIN", unit, unit)
}

// placesOf reports whether a unit is one of the asset's, and with how many
// decimals it is written.
func placesOf(asset *sdk.Asset, unit string) (uint32, bool) {
	symbol := asset.GetSymbol()
	switch {
	case unit == asset.GetId():
		return 0, true
	case strings.EqualFold(unit, symbol):
		return asset.GetDecimals(), true
	case strings.EqualFold(unit, symbol+baseSuffix):
		return 0, true
	case asset.GetFeeCoin():
		places, ok := smallUnits[symbol][strings.ToLower(unit)]
		return places, ok
	}
	return 0, false
}

func (k assets) symbols() []string {
	var out []string
	for _, c := range k.chains {
		for _, asset := range c.GetAssets() {
			out = append(out, asset.GetSymbol())
		}
	}
	return out
}

// find returns an asset; one with no symbol where the node does not list it.
func (k assets) find(id string) *sdk.Asset {
	for _, c := range k.chains {
		for _, asset := range c.GetAssets() {
			if asset.GetId() == id {
				return asset
			}
		}
	}
	return &sdk.Asset{Id: id}
}

// chainName is the name of a chain, or its id.
func (k assets) chainName(id string) string {
	for _, c := range k.chains {
		if c.GetId() == id && c.GetName() != "" {
			return c.GetName()
		}
	}
	return id
}

// both writes an amount in human and in base units.
func (k assets) both(a *sdk.AssetAmount) string {
	if a == nil {
		return "-"
	}
	asset := k.find(a.GetAsset())
	base := grouped(a.GetAmount()) + " " + baseName(asset)
	if asset.GetSymbol() == "" {
		return base
	}
	return fmt.Sprintf("%s (%s)", k.human(a), base)
}

// human writes an amount with its symbol.
func (k assets) human(a *sdk.AssetAmount) string {
	asset := k.find(a.GetAsset())
	text, err := sdk.FormatUnits(a.GetAmount(), asset.GetDecimals())
	if err != nil || asset.GetSymbol() == "" {
		return a.GetAmount() + " " + baseName(asset)
	}
	return text + " " + asset.GetSymbol()
}

func baseName(asset *sdk.Asset) string {
	if name := baseNames[asset.GetSymbol()]; name != "" && asset.GetFeeCoin() {
		return name
	}
	if asset.GetSymbol() == "" {
		return "base units of " + asset.GetId()
	}
	return "base units"
}

// sum writes several amounts.
func (k assets) sum(list []*sdk.AssetAmount) string {
	if len(list) == 0 {
		return "-"
	}
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = k.both(a)
	}
	return strings.Join(out, " + ")
}

// grouped puts commas between thousands.
func grouped(digits string) string {
	if _, ok := new(big.Int).SetString(digits, 10); !ok {
		return digits
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
