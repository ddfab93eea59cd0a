package agreement

import "github.com/kofo-network/kofo/htlc"

// testNetworks are the chains that this version may move money on. Whatever
// is not in the list counts as a mainnet: a list of mainnets could never be
// complete.
var testNetworks = map[htlc.ChainID]string{
	"bip122:0f9188f13cb7b2c71f2a335e3a4fc328": "Bitcoin regtest",
	"bip122:000000000933ea01ad0ee984209779ba": "Bitcoin testnet3",
	"bip122:00000000da84f2bafbbc53dee25a72ae": "Bitcoin testnet4",
	"bip122:00000008819873e925422c1ff0f99f7c": "Bitcoin signet",
	"bip122:683e86bd5c6d110d91b94b97137ba6bf": "btcd simnet",
	"bip122:530827f38f93b43ed12af0b3ad25a288": "Litecoin regtest",
	"bip122:4966625a4b2851d9fdee139e56211a0d": "Litecoin testnet4",
	"eip155:1337":     "local devnet",
	"eip155:31337":    "local devnet",
	"eip155:11155111": "Sepolia",
	"eip155:560048":   "Hoodi",
	"eip155:17000":    "Holesky",
	"eip155:84532":    "Base Sepolia",
	"eip155:421614":   "Arbitrum Sepolia",
	"eip155:11155420": "OP Sepolia",
	"eip155:80002":    "Polygon Amoy",
}

// mainnets are named only to give a ticket of theirs the right reason on a
// node that does not serve them.
var mainnets = map[htlc.ChainID]string{
	"bip122:000000000019d6689c085ae165831e93": "Bitcoin",
	"bip122:12a765e31ffd4059bada1e25190f6e98": "Litecoin",
	"eip155:1":     "Ethereum",
	"eip155:10":    "OP Mainnet",
	"eip155:56":    "BNB Smart Chain",
	"eip155:100":   "Gnosis",
	"eip155:137":   "Polygon",
	"eip155:324":   "ZKsync Era",
	"eip155:8453":  "Base",
	"eip155:42161": "Arbitrum One",
	"eip155:43114": "Avalanche C-Chain",
	"eip155:59144": "Linea",
}

// IsTestNetwork reports whether this version may serve the chain.
func IsTestNetwork(id htlc.ChainID) bool {
	_, ok := testNetworks[id]
	return ok
}

// CheckNetwork refuses every chain that is not a known test network.
func CheckNetwork(id htlc.ChainID) error {
	if IsTestNetwork(id) {
		return nil
	}
	meta := map[string]string{"chain": string(id)}
	if name, ok := mainnets[id]; ok {
		return refuse(MainnetRefused, meta, "%s (%s) is a mainnet, which this version refuses", id, name)
	}
	return refuse(MainnetRefused, meta, "%s is not a known test network, so it is refused like a mainnet", id)
}
