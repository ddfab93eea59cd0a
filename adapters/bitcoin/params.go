package bitcoin

import (
	"fmt"
	"time"

	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Params are what sets one chain of the family apart from the others.
type Params struct {
	Chain  htlc.ChainID // bip122: and the first 32 digits of the genesis hash
	Asset  htlc.AssetID // the chain's own coin
	Symbol string
	Net    *chaincfg.Params
	// DustRate is what the chain's nodes price the spending of an output with,
	// in base units for a byte, to tell dust by.
	DustRate int64
	// Scrypt: headers show their work by scrypt and not by their own hash.
	Scrypt bool
}

// caipDigits of the genesis hash name a chain in CAIP-2.
const caipDigits = 32

// Numbers in SLIP-44, which CAIP-19 uses on test networks as well; keys derive
// from the network's own number.
const (
	coinTypeBitcoin  = 0
	coinTypeLitecoin = 2
)

const (
	symbolBitcoin  = "BTC"
	symbolLitecoin = "LTC"
)

// Dust rates of the chains' own nodes.
const (
	dustRateBitcoin  = 3
	dustRateLitecoin = 30
)

// Regtest is Bitcoin's regression-test network.
func Regtest() Params {
	return newParams(&chaincfg.RegressionNetParams, coinTypeBitcoin, dustRateBitcoin)
}

// Testnet3 is Bitcoin's third test network.
func Testnet3() Params { return newParams(&chaincfg.TestNet3Params, coinTypeBitcoin, dustRateBitcoin) }

// Testnet4 is Bitcoin's fourth test network.
func Testnet4() Params { return newParams(&chaincfg.TestNet4Params, coinTypeBitcoin, dustRateBitcoin) }

// Signet is Bitcoin's signed test network.
func Signet() Params { return newParams(&chaincfg.SigNetParams, coinTypeBitcoin, dustRateBitcoin) }

// LitecoinRegtest is Litecoin's regression-test network, as its nodes have run it
// since 0.21.2: with taproot, and without extension blocks, whose transactions
// are of a form of their own.
func LitecoinRegtest() Params {
	p := newParams(litecoinRegtest, coinTypeLitecoin, dustRateLitecoin)
	p.Symbol, p.Scrypt = symbolLitecoin, true
	return p
}

// litecoinRegtest is what differs from Bitcoin's: genesis and addresses. The
// decoder of addresses knows prefixes of registered networks only, and a network
// registers under its number, which Litecoin's shares with Bitcoin's on the wire;
// nothing here speaks that protocol, so it stands in for a name.
var litecoinRegtest = func() *chaincfg.Params {
	net := chaincfg.RegressionNetParams
	genesis, err := chainhash.NewHashFromStr("530827f38f93b43ed12af0b3ad25a288dc02ed74d6d7857862df51fc56c416f9")
	if err != nil {
		panic(err)
	}
	net.Name, net.Net, net.GenesisHash, net.GenesisBlock = "litecoin-regtest", 0x72746c72, genesis, nil
	net.Bech32HRPSegwit, net.ScriptHashAddrID = "rltc", 0x3a
	net.TargetTimePerBlock = 150 * time.Second
	if err := chaincfg.Register(&net); err != nil {
		panic(err)
	}
	return &net
}()

func newParams(net *chaincfg.Params, coinType uint32, dustRate int64) Params {
	chain := "bip122:" + net.GenesisHash.String()[:caipDigits]
	return Params{
		Chain: htlc.ChainID(chain),
		Asset: htlc.AssetID(fmt.Sprintf("%s/slip44:%d", chain, coinType)),
		Net:   net, DustRate: dustRate, Symbol: symbolBitcoin,
	}
}

// ParamsOf finds the chain among those that the adapter knows.
func ParamsOf(chain htlc.ChainID) (Params, error) {
	for _, p := range []Params{Regtest(), Testnet3(), Testnet4(), Signet(), LitecoinRegtest()} {
		if p.Chain == chain {
			return p, nil
		}
	}
	return Params{}, &adapters.Error{
		Reason: "UNKNOWN_CHAIN", Op: fmt.Sprintf("look up chain %s", chain),
		Err: fmt.Errorf("%w: no chain of the Bitcoin family that is known here", adapters.ErrWrongChain),
	}
}
