package bitcoin

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcec/v2/schnorr/musig2"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// lockTimeThreshold: below it a lock time is a height (BIP-65).
const lockTimeThreshold = 500_000_000

// contract is a leg's output, computed from the Terms alone.
type contract struct {
	terms    *htlc.Terms // nil where it was read from a presigned spend
	leg      int
	amount   int64
	hash     htlc.SecretHash
	timeLock uint32

	internal     *btcec.PublicKey // the MuSig2 key of payer and payee
	script       []byte           // of the output
	redeem       leaf
	refund       leaf
	payer, payee *btcec.PublicKey
	id           string
	address      string
}

// leaf is one branch of the script tree with the proof that it is one.
type leaf struct {
	tap     txscript.TapLeaf
	control []byte
}

// redeemScript is
//
//	SIZE 32 EQUALVERIFY SHA256 <hash> EQUALVERIFY <payee> CHECKSIG
//
// The size is checked because a longer secret might not be usable on the
// chains of the other legs.
func redeemScript(hash htlc.SecretHash, payee []byte) ([]byte, error) {
	return txscript.NewScriptBuilder().
		AddOp(txscript.OP_SIZE).AddInt64(htlc.SecretSize).AddOp(txscript.OP_EQUALVERIFY).
		AddOp(txscript.OP_SHA256).AddData(hash[:]).AddOp(txscript.OP_EQUALVERIFY).
		AddData(payee).AddOp(txscript.OP_CHECKSIG).Script()
}

// refundScript is
//
//	<payer> CHECKSIGVERIFY <time lock> CHECKLOCKTIMEVERIFY
//
// The time lock stays on the stack and is the script's true result.
func refundScript(payer []byte, timeLock uint32) ([]byte, error) {
	return txscript.NewScriptBuilder().
		AddData(payer).AddOp(txscript.OP_CHECKSIGVERIFY).
		AddInt64(int64(timeLock)).AddOp(txscript.OP_CHECKLOCKTIMEVERIFY).Script()
}

// buildContract computes the output. The keys are aggregated in sorted order,
// so that both parties get the same key without agreeing on an order.
func buildContract(params Params, terms htlc.Terms, index int) (*contract, error) {
	amount, err := checkLegAmount(params, terms, index)
	if err != nil {
		return nil, err
	}
	leg := terms.Legs[index]
	if err := checkLeg(terms, leg); err != nil {
		return nil, err
	}
	c := &contract{terms: &terms, leg: index, amount: amount, hash: terms.SecretHash, timeLock: uint32(leg.TimeLock)}
	if c.payer, err = parseKey("payer", leg.PayerKey); err != nil {
		return nil, err
	}
	if c.payee, err = parseKey("payee", leg.PayeeKey); err != nil {
		return nil, err
	}
	aggregate, _, _, err := musig2.AggregateKeys([]*btcec.PublicKey{c.payer, c.payee}, true)
	if err != nil {
		return nil, mismatch("aggregate the keys of leg %d: %v", index, err)
	}
	c.internal = aggregate.PreTweakedKey
	if err := c.buildTree(); err != nil {
		return nil, fmt.Errorf("script of leg %d: %w", index, err)
	}
	addr, err := address.NewAddressTaproot(c.script[2:], params.Net)
	if err != nil {
		return nil, fmt.Errorf("address of leg %d: %w", index, err)
	}
	c.id, c.address = hex.EncodeToString(c.script), addr.EncodeAddress()
	return c, nil
}

func (c *contract) buildTree() error {
	redeem, err := redeemScript(c.hash, schnorr.SerializePubKey(c.payee))
	if err != nil {
		return err
	}
	refund, err := refundScript(schnorr.SerializePubKey(c.payer), c.timeLock)
	if err != nil {
		return err
	}
	c.redeem.tap, c.refund.tap = txscript.NewBaseTapLeaf(redeem), txscript.NewBaseTapLeaf(refund)
	tree := txscript.AssembleTaprootScriptTree(c.redeem.tap, c.refund.tap)
	root := tree.RootNode.TapHash()
	for i, l := range []*leaf{&c.redeem, &c.refund} {
		control := tree.LeafMerkleProofs[i].ToControlBlock(c.internal)
		if l.control, err = control.ToBytes(); err != nil {
			return err
		}
	}
	output := txscript.ComputeTaprootOutputKey(c.internal, root[:])
	c.script, err = txscript.PayToTaprootScript(output)
	return err
}

// checkLegAmount refuses a leg that is not of this chain's coin, or of an amount
// that the chain does not carry. It needs the payer's half of the leg only.
func checkLegAmount(params Params, terms htlc.Terms, index int) (int64, error) {
	if index < 0 || index >= len(terms.Legs) {
		return 0, mismatch("there is no leg %d", index)
	}
	leg := terms.Legs[index]
	switch amount, fits := leg.Amount.Uint64(); {
	case leg.Asset != params.Asset:
		return 0, unknownAsset(leg.Asset)
	case leg.Amount.IsZero():
		return 0, &adapters.Error{Reason: "DUST_AMOUNT", Op: "lock nothing", Err: adapters.ErrDust}
	case !fits || amount > btcutil.MaxSatoshi:
		return 0, &adapters.Error{
			Reason: "AMOUNT_TOO_LARGE", Op: fmt.Sprintf("lock %s satoshi", leg.Amount), Err: adapters.ErrAmountTooLarge,
		}
	default:
		return int64(amount), nil
	}
}

// checkLeg refuses everything that the script does not cover: a field that
// changes nothing could be altered.
func checkLeg(terms htlc.Terms, leg htlc.Leg) error {
	switch {
	case terms.Hash != htlc.HashSHA256:
		return mismatch("hash function %d is not SHA-256", terms.Hash)
	case terms.SecretHash == htlc.SecretHash{}:
		return mismatch("the secret hash is zero")
	case !leg.ServiceFee.IsZero():
		return mismatch("a contract has no output for a service fee")
	case len(leg.Deployment) != 0 || leg.Lane != 0 || leg.Sequence != 0:
		return mismatch("this chain has no deployments and lanes")
	case leg.TimeLock < lockTimeThreshold || leg.TimeLock > math.MaxUint32:
		return mismatch("time lock %d is no lock time in unix seconds", leg.TimeLock)
	case len(leg.PayerKey) > 1 && len(leg.PayeeKey) > 1 && bytes.Equal(leg.PayerKey[1:], leg.PayeeKey[1:]):
		return mismatch("payer and payee have one key") // or its negative: who knows one knows both
	}
	return nil
}

func parseKey(whose string, raw []byte) (*btcec.PublicKey, error) {
	if len(raw) != btcec.PubKeyBytesLenCompressed {
		return nil, mismatch("the %s's key has %d bytes, not %d", whose, len(raw), btcec.PubKeyBytesLenCompressed)
	}
	key, err := btcec.ParsePubKey(raw)
	if err != nil {
		return nil, mismatch("the %s's key: %v", whose, err)
	}
	return key, nil
}

// Contract computes the leg's contract from the Terms; it asks no node.
func (a *Adapter) Contract(terms htlc.Terms, leg int) (adapters.Contract, error) {
	c, err := buildContract(a.params, terms, leg)
	if err != nil {
		return adapters.Contract{}, err
	}
	return a.describe(c, terms, leg), nil
}

func (a *Adapter) describe(c *contract, terms htlc.Terms, leg int) adapters.Contract {
	return adapters.Contract{ID: c.id, Swap: terms.ID(), Leg: leg, Chain: a.params.Chain, Address: c.address}
}
