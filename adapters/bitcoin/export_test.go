package bitcoin

import (
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// RedeemWith signs a redeem with any bytes for a secret, and does not run it.
func RedeemWith(terms htlc.Terms, leg int, ref string, secret []byte, key *btcec.PrivateKey) (*wire.MsgTx, error) {
	c, err := buildContract(Regtest(), terms, leg)
	if err != nil {
		return nil, err
	}
	point, err := parseRef(ref)
	if err != nil {
		return nil, err
	}
	s := spending{contract: c, point: point, amount: c.amount, leaf: c.redeem, secret: secret, payout: c.script}
	tx := s.unsigned(1_000)
	return tx, s.sign(tx, key)
}

// Consensus runs the spend of a leg's contract under the rules of blocks only,
// without those of the mempool.
func Consensus(terms htlc.Terms, leg int, tx *wire.MsgTx) error {
	c, err := buildContract(Regtest(), terms, leg)
	if err != nil {
		return err
	}
	fetcher := txscript.NewCannedPrevOutputFetcher(c.script, c.amount)
	const rules = txscript.ScriptBip16 | txscript.ScriptVerifyWitness | txscript.ScriptVerifyTaproot |
		txscript.ScriptVerifyCheckLockTimeVerify | txscript.ScriptVerifyCheckSequenceVerify
	engine, err := txscript.NewEngine(c.script, tx, 0, rules, nil, txscript.NewTxSigHashes(tx, fetcher), c.amount, fetcher)
	if err != nil {
		return err
	}
	return engine.Execute()
}

// ScriptWith is the output script of the leg with another redeem leaf.
func ScriptWith(terms htlc.Terms, leg int, redeem []byte) ([]byte, error) {
	c, err := buildContract(Regtest(), terms, leg)
	if err != nil {
		return nil, err
	}
	tree := txscript.AssembleTaprootScriptTree(txscript.NewBaseTapLeaf(redeem), c.refund.tap)
	root := tree.RootNode.TapHash()
	return txscript.PayToTaprootScript(txscript.ComputeTaprootOutputKey(c.internal, root[:]))
}

// Climb is the fee policy.
func Climb(market, size uint64, policy adapters.FeePolicy, window, most int64) (uint64, error) {
	return climb(market, size, policy, window, most)
}

// Judge maps a node's text.
func Judge(says string) error { return judge("test", says) }

// FundSize is what the quote takes for a funding.
const FundSize = fundSize

// DustLimit and VirtualSize are those of the package.
var (
	DustLimit   = Regtest().dustLimit
	VirtualSize = virtualSize
	FeeFor      = feeFor
)
