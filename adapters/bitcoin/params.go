package bitcoin

import (
	"fmt"

	"github.com/btcsuite/btcd/chaincfg/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Params are what sets one chain of the family apart from the others.
type Params struct {
	Chain htlc.ChainID // bip122: and the first 32 digits of the genesis hash
	Asset htlc.AssetID // the chain's own coin
	Net   *chaincfg.Params
}

// caipDigits of the genesis hash name a chain in CAIP-2.
const caipDigits = 32

// coinTypeBitcoin is bitcoin's number in SLIP-44, which CAIP-19 uses on test
// networks as well; keys derive from the network's own number.
const coinTypeBitcoin = 0

// Regtest is Bitcoin's regression-test network.
func Regtest() Params { return newParams(&chaincfg.RegressionNetParams, coinTypeBitcoin) }

// Testnet3 is Bitcoin's third test network.
func Testnet3() Params { return newParams(&chaincfg.TestNet3Params, coinTypeBitcoin) }

// Testnet4 is Bitcoin's fourth test network.
func Testnet4() Params { return newParams(&chaincfg.TestNet4Params, coinTypeBitcoin) }

// Signet is Bitcoin's signed test network.
func Signet() Params { return newParams(&chaincfg.SigNetParams, coinTypeBitcoin) }

func newParams(net *chaincfg.Params, coinType uint32) Params {
	chain := "bip122:" + net.GenesisHash.String()[:caipDigits]
	return Params{
		Chain: htlc.ChainID(chain),
		Asset: htlc.AssetID(fmt.Sprintf("%s/slip44:%d", chain, coinType)),
		Net:   net,
	}
}

// ParamsOf finds the chain among those that the adapter knows.
func ParamsOf(chain htlc.ChainID) (Params, error) {
	for _, p := range []Params{Regtest(), Testnet3(), Testnet4(), Signet()} {
		if p.Chain == chain {
			return p, nil
		}
	}
	return Params{}, &adapters.Error{
		Reason: "UNKNOWN_CHAIN", Op: fmt.Sprintf("look up chain %s", chain),
		Err: fmt.Errorf("%w: no chain of the Bitcoin family that is known here", adapters.ErrWrongChain),
	}
}
