package bitcoin

import (
	"context"
	"time"

	"github.com/btcsuite/btcd/address/v2"
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

// RefundWith signs a refund to any script, together with other inputs, which the
// caller signs.
func RefundWith(p Params, terms htlc.Terms, leg int, ref string, out *wire.TxOut, others []wire.OutPoint) (*wire.MsgTx, *contract, error) {
	c, err := buildContract(p, terms, leg)
	if err != nil {
		return nil, nil, err
	}
	point, err := parseRef(ref)
	if err != nil {
		return nil, nil, err
	}
	s := c.refunding(point, out.PkScript)
	tx := s.unsigned(0)
	tx.TxOut[0] = out
	for _, other := range others {
		in := wire.NewTxIn(&other, nil, nil)
		in.Sequence = replaceable
		tx.AddTxIn(in)
	}
	return tx, c, nil
}

// Lock is the output of the contract.
func (c *contract) Lock() *wire.TxOut { return wire.NewTxOut(c.amount, c.script) }

// SignRefund signs the first input of what RefundWith made; fetcher knows all
// outputs that it spends.
func SignRefund(c *contract, tx *wire.MsgTx, fetcher txscript.PrevOutputFetcher, key *btcec.PrivateKey) error {
	hashes := txscript.NewTxSigHashes(tx, fetcher)
	signature, err := txscript.RawTxInTapscriptSignature(tx, hashes, 0, c.amount, c.script, c.refund.tap, txscript.SigHashDefault, key)
	if err != nil {
		return err
	}
	tx.TxIn[0].Witness = wire.TxWitness{signature, c.refund.tap.Script, c.refund.control}
	return nil
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

// AddressOf is the address of a taproot output.
func AddressOf(p Params, script []byte) string {
	addr, err := address.NewAddressTaproot(script[2:], p.Net)
	if err != nil {
		panic(err)
	}
	return addr.EncodeAddress()
}

// FundSize is what the quote takes for a funding.
const FundSize = fundSize

// DustLimit and VirtualSize are those of the package.
var (
	DustLimit   = Regtest().dustLimit
	VirtualSize = virtualSize
	FeeFor      = feeFor
)

// Wallet is a wallet that is told of blocks by hand.
type Wallet struct{ w *wallet }

// OpenWallet reads its stores.
func OpenWallet(ctx context.Context, signer Signer, coins CoinStore, holds HoldStore) (*Wallet, error) {
	w := newWallet(&Adapter{params: Regtest(), signer: signer}, coins, holds)
	return &Wallet{w}, w.load(ctx)
}

// Cursor is the last block that it was told of.
func (w *Wallet) Cursor() adapters.BlockRef { return w.w.cursor }

// Connect tells it of the next block.
func (w *Wallet) Connect(ctx context.Context, ref adapters.BlockRef, block *wire.MsgBlock) error {
	return w.w.connect(ctx, ref, block)
}

// Disconnect tells it that its last block has left the chain.
func (w *Wallet) Disconnect(ctx context.Context, to adapters.BlockRef) error {
	return w.w.disconnect(ctx, to)
}

// Script is that of an own address.
func (w *Wallet) Script(index uint32) ([]byte, error) { return w.w.script(path{Receive, index}) }

// Coin is what it knows of an output.
func (w *Wallet) Coin(point wire.OutPoint) (Coin, bool) {
	c, known := w.w.known[point]
	return c, known
}

// ExpectBlocksEvery sets the pace by which the wallet reckons how many blocks
// it remembers a spent coin for.
func (a *Adapter) ExpectBlocksEvery(spacing time.Duration) {
	net := *a.params.Net
	net.TargetTimePerBlock = spacing
	a.params.Net = &net
}
