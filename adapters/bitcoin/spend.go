package bitcoin

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

const (
	txVersion = 2
	// replaceable is a sequence that signals BIP-125 and turns the lock time on.
	replaceable = math.MaxUint32 - 2
	// taprootScriptSize is that of the output scripts of contracts and wallet.
	taprootScriptSize = 34
)

// spending is a spend of a contract before its fee is known.
type spending struct {
	contract *contract
	point    wire.OutPoint
	amount   int64
	leaf     leaf
	lockTime uint32
	secret   []byte // nil for a refund
	payout   []byte // script
}

// unsigned is the transaction with room for its signature, so that its size is
// exact.
func (s spending) unsigned(fee int64) *wire.MsgTx {
	tx := wire.NewMsgTx(txVersion)
	in := wire.NewTxIn(&s.point, nil, s.witness(make([]byte, schnorr.SignatureSize)))
	in.Sequence = replaceable
	tx.AddTxIn(in)
	tx.AddTxOut(wire.NewTxOut(s.amount-fee, s.payout))
	tx.LockTime = s.lockTime
	return tx
}

func (s spending) witness(signature []byte) wire.TxWitness {
	if s.secret == nil {
		return wire.TxWitness{signature, s.leaf.tap.Script, s.leaf.control}
	}
	return wire.TxWitness{signature, s.secret, s.leaf.tap.Script, s.leaf.control}
}

// signing asks for the spend's signature. The secret is no part of it.
func (s spending) signing(tx *wire.MsgTx) signing {
	purpose, role := ForRefund, Payer
	if s.secret != nil {
		purpose, role = ForRedeem, Payee
	}
	c := s.contract
	return signing{purpose: purpose, terms: c.terms, leg: c.leg, tx: tx, inputs: []signInput{{
		prev: wire.NewTxOut(s.amount, c.script), leaf: &s.leaf, by: LegKeyRef{Salt: c.terms.Salt, Role: role, Leg: c.leg},
	}}}
}

// signatureOf is the wallet's signature of a spend.
func (a *Adapter) signatureOf(ctx context.Context, s spending, tx *wire.MsgTx) ([]byte, error) {
	ask := s.signing(tx)
	err := a.wallet.do(ctx, func() error { ask.owned = a.wallet.owned(tx); return nil })
	if err != nil {
		return nil, err
	}
	out, err := a.signatures(ctx, ask)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// sign signs the leaf with a key of this process. It does not run the script:
// see check.
func (s spending) sign(tx *wire.MsgTx, key *btcec.PrivateKey) error {
	fetcher := txscript.NewCannedPrevOutputFetcher(s.contract.script, s.amount)
	hashes := txscript.NewTxSigHashes(tx, fetcher)
	signature, err := txscript.RawTxInTapscriptSignature(
		tx, hashes, 0, s.amount, s.contract.script, s.leaf.tap, txscript.SigHashDefault, key)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	tx.TxIn[0].Witness = s.witness(signature)
	return nil
}

// check runs the script.
func (s spending) check(tx *wire.MsgTx) error {
	fetcher := txscript.NewCannedPrevOutputFetcher(s.contract.script, s.amount)
	return verifyInputs(tx, fetcher, txscript.NewTxSigHashes(tx, fetcher))
}

func (c *contract) redeeming(point wire.OutPoint, secret htlc.Secret, payout []byte) spending {
	raw := secret.Reveal()
	return spending{contract: c, point: point, amount: c.amount, leaf: c.redeem, secret: raw[:], payout: payout}
}

func (c *contract) refunding(point wire.OutPoint, payout []byte) spending {
	return spending{contract: c, point: point, amount: c.amount, leaf: c.refund, lockTime: c.timeLock, payout: payout}
}

// Redeem signs the spend with the secret. It is a lone spend: one input, one
// output to the wallet, so that nothing else can hold it up.
func (a *Adapter) Redeem(ctx context.Context, spend adapters.Spend) (adapters.Tx, error) {
	c, point, err := a.spendable(ctx, spend)
	if err != nil {
		return adapters.Tx{}, err
	}
	if !spend.Secret.Opens(c.hash) {
		return adapters.Tx{}, mismatch("the secret does not open leg %d", spend.Leg)
	}
	if err := a.ownLegKey(ctx, spend.Terms.Salt, Payee, spend.Leg, c.payee); err != nil {
		return adapters.Tx{}, err
	}
	return a.spend(ctx, spend, c, func(payout []byte) spending { return c.redeeming(point, spend.Secret, payout) })
}

// Refund signs the spend after the time lock.
func (a *Adapter) Refund(ctx context.Context, spend adapters.Spend) (adapters.Tx, error) {
	c, point, err := a.spendable(ctx, spend)
	if err != nil {
		return adapters.Tx{}, err
	}
	tip, err := a.node.tip(ctx)
	if err != nil {
		return adapters.Tx{}, err
	}
	if tip.Clock <= int64(c.timeLock) {
		return adapters.Tx{}, &adapters.Error{
			Reason: "TOO_EARLY", Op: fmt.Sprintf("refund leg %d at chain clock %d", spend.Leg, tip.Clock), Retryable: true,
			Err: fmt.Errorf("%w: it opens when the clock is past %d", adapters.ErrTooEarly, c.timeLock),
		}
	}
	if err := a.ownLegKey(ctx, spend.Terms.Salt, Payer, spend.Leg, c.payer); err != nil {
		return adapters.Tx{}, err
	}
	return a.spend(ctx, spend, c, func(payout []byte) spending { return c.refunding(point, payout) })
}

// spendable builds the contract and makes sure that the output at spend.Ref is
// it, and unspent.
func (a *Adapter) spendable(ctx context.Context, spend adapters.Spend) (*contract, wire.OutPoint, error) {
	c, err := buildContract(a.params, spend.Terms, spend.Leg)
	if err != nil {
		return nil, wire.OutPoint{}, err
	}
	point, err := parseRef(spend.Ref)
	if err != nil {
		return nil, point, err
	}
	if err := a.node.verify(ctx); err != nil {
		return nil, point, err
	}
	return c, point, a.checkUnspent(ctx, c, point)
}

// checkUnspent accepts an unconfirmed funding: to sign a spend of it early
// does no harm. That a spend waits in the mempool is no reason either: it may
// be ours, or lose.
func (a *Adapter) checkUnspent(ctx context.Context, c *contract, point wire.OutPoint) error {
	op := "look for the funding " + refOf(point)
	out, err := a.node.unspentOf(ctx, point)
	if err != nil {
		return err
	}
	if out == nil {
		_, known, err := a.node.rawTx(ctx, point.Hash)
		if err != nil {
			return err
		}
		if known {
			return spent(op, point)
		}
		return &adapters.Error{Reason: "NOT_FUNDED", Op: op, Retryable: true, Err: adapters.ErrNotFunded}
	}
	return c.compare(out)
}

// unspentOf is the output as a back end has it; nil where none has. Of several
// the one that is asked must not hold a spend back by its word alone, and that
// of what is spent after all goes nowhere.
func (n *node) unspentOf(ctx context.Context, point wire.OutPoint) (*unspent, error) {
	ctx, asked := n.backs.Stay(ctx)
	out, err := n.anyTxOut(ctx, point)
	if out != nil || err != nil {
		return out, err
	}
	for _, name := range n.backs.Usable() {
		if name == asked {
			continue
		}
		if out, err := n.anyTxOut(n.backs.Pin(ctx, name), point); err == nil && out != nil {
			return out, nil
		}
	}
	return nil, nil
}

// anyTxOut looks in the chain first: Core's dialect hides an output from the
// mempool's view once any spend of it waits.
func (n *node) anyTxOut(ctx context.Context, point wire.OutPoint) (*unspent, error) {
	out, err := n.txOut(ctx, point, false)
	if err == nil && out == nil {
		out, err = n.txOut(ctx, point, true)
	}
	return out, err
}

// compare: every byte of the script, and the amount.
func (c *contract) compare(out *unspent) error {
	if out.script != c.id {
		return mismatch("the output's script is %.80s, the terms give %s", out.script, c.id)
	}
	if out.amount != c.amount {
		return mismatch("%d satoshi are locked, the terms say %d", out.amount, c.amount)
	}
	return nil
}

// spend prices and signs a spend, or returns the last one where it serves.
func (a *Adapter) spend(ctx context.Context, spend adapters.Spend, c *contract, with func(payout []byte) spending) (adapters.Tx, error) {
	payout, err := a.payoutFor(ctx, c)
	if err != nil {
		return adapters.Tx{}, err
	}
	last := replaced(spend)
	if last != nil {
		payout = last.payout
	}
	s := with(payout)
	fee, err := a.priceSpend(ctx, s, spend.Fees, last)
	switch {
	case last != nil && (fee == last.fee || errors.Is(err, adapters.ErrBudget)):
		return *spend.Replace, nil
	case err != nil:
		return adapters.Tx{}, err
	}
	tx, err := a.signSpend(ctx, s, fee)
	if err == nil && last != nil {
		tx.Replaces = spend.Replace.ID
	}
	return tx, err
}

// priceSpend is the fee of a spend: what the climb says, or more where the node
// wants more for it; the last one's where that serves.
func (a *Adapter) priceSpend(ctx context.Context, s spending, policy adapters.FeePolicy, last *earlier) (int64, error) {
	now, err := a.prices(ctx)
	if err != nil {
		return 0, err
	}
	size := virtualSize(s.unsigned(0))
	most := s.amount - a.params.dustLimit(s.payout)
	rate, err := climb(now.market, size, policy, a.config.ClimbWindow, most)
	if err != nil {
		return 0, err
	}
	fee := feeFor(rate, size)
	top := max(fee, mayPay(adapters.FeePolicy{Budget: policy.Budget}, most))
	if last != nil && fee < worthwhile(last.fee, fee, feeFor(min(rateOf(top, size), maxFeeRate), size), now.step, size) {
		wanted, refused, err := a.acceptable(ctx, s, last.fee, max(top, last.fee), now)
		if err != nil || refused || wanted < last.fee+feeFor(now.step, size) {
			return last.fee, err // also where all that may be paid is not enough: another node may take it
		}
		return wanted, nil
	}
	offered, refused, err := a.acceptable(ctx, s, fee, top, now)
	switch {
	case err != nil || !refused:
		return offered, err
	case last != nil:
		return fee, nil
	}
	return 0, overBudget(size, rateOf(top, size), now.relay)
}

func (a *Adapter) signSpend(ctx context.Context, s spending, fee int64) (adapters.Tx, error) {
	if s.amount-fee < a.params.dustLimit(s.payout) {
		return adapters.Tx{}, dust(fmt.Sprintf("spend %d satoshi", s.amount), fee+a.params.dustLimit(s.payout))
	}
	tx := s.unsigned(fee)
	signature, err := a.signatureOf(ctx, s, tx)
	if err != nil {
		return adapters.Tx{}, err
	}
	tx.TxIn[0].Witness = s.witness(signature)
	if err := s.check(tx); err != nil {
		return adapters.Tx{}, mismatch("the signed spend fails: %v", err)
	}
	return a.finish(tx, fee)
}

// finish turns a signed transaction into what the caller stores.
func (a *Adapter) finish(tx *wire.MsgTx, fee int64) (adapters.Tx, error) {
	return storable(a.params.Chain, tx, fee)
}

func storable(chain htlc.ChainID, tx *wire.MsgTx, fee int64) (adapters.Tx, error) {
	var raw bytes.Buffer
	if err := tx.Serialize(&raw); err != nil {
		return adapters.Tx{}, fmt.Errorf("encode the transaction: %w", err)
	}
	out := adapters.Tx{
		Chain: chain, ID: tx.TxHash().String(), Raw: raw.Bytes(),
		Fee: amountOf(fee), FeeRate: rateOf(fee, virtualSize(tx)),
	}
	for _, in := range tx.TxIn {
		out.Spends = append(out.Spends, refOf(in.PreviousOutPoint))
	}
	return out, nil
}

// payoutPurpose: redeem and refund of a contract pay to one own address.
func payoutPurpose(c *contract) string { return "payout of " + c.id }

func (a *Adapter) payoutFor(ctx context.Context, c *contract) (script []byte, err error) {
	err = a.wallet.do(ctx, func() error {
		if err := a.wallet.load(ctx); err != nil {
			return err
		}
		script, err = a.wallet.payout(payoutPurpose(c))
		return err
	})
	return script, err
}

// earlier is what matters of the last stored spend.
type earlier struct {
	fee    int64
	payout []byte
}

// replaced reads the last stored spend, nil where there is none or where it
// spends another output, as after a reorganisation.
func replaced(spend adapters.Spend) *earlier {
	if spend.Replace == nil || len(spend.Replace.Spends) != 1 || spend.Replace.Spends[0] != spend.Ref {
		return nil
	}
	tx := new(wire.MsgTx)
	if err := tx.Deserialize(bytes.NewReader(spend.Replace.Raw)); err != nil || len(tx.TxOut) != 1 {
		return nil
	}
	fee, fits := spend.Replace.Fee.Uint64()
	if !fits || fee > math.MaxInt64 {
		return nil
	}
	return &earlier{fee: int64(fee), payout: tx.TxOut[0].PkScript}
}

// Broadcast hands stored bytes to the node, after it has shown its genesis
// block: a redeem on another chain would give the secret away for nothing.
//
// What fails before that is adapters.ErrNotSent. A withdrawal that has lost a
// coin at the final depth is adapters.ErrNonceTaken: Withdraw signs it again.
func (a *Adapter) Broadcast(ctx context.Context, tx adapters.Tx) error {
	parsed, own, err := a.admit(ctx, tx)
	if err != nil {
		return notSent(err)
	}
	err = a.node.send(ctx, "broadcast "+tx.ID, hex.EncodeToString(tx.Raw))
	var refused *rpcError
	if !errors.As(err, &refused) {
		return err
	}
	err = judge("broadcast "+tx.ID, refused.Message)
	if !errors.Is(err, adapters.ErrSpent) {
		return err
	}
	if err = a.unlessMined(ctx, parsed.TxHash(), err); err != nil && own {
		return a.coinSpent(ctx, parsed, err)
	}
	return err
}

// admit reads a stored transaction and marks its own coins as used.
func (a *Adapter) admit(ctx context.Context, tx adapters.Tx) (parsed *wire.MsgTx, own bool, err error) {
	parsed, err = decodeTx(tx.Raw)
	switch {
	case tx.Chain != a.params.Chain:
		return nil, false, mismatch("transaction %s belongs to %s", tx.ID, tx.Chain)
	case err != nil:
		return nil, false, mismatch("transaction %s cannot be read: %v", tx.ID, err)
	case parsed.TxHash().String() != tx.ID:
		return nil, false, mismatch("the bytes of transaction %s are those of %s", tx.ID, parsed.TxHash())
	}
	if err := a.node.verify(ctx); err != nil {
		return nil, false, err
	}
	err = a.wallet.do(ctx, func() error { own, err = a.wallet.use(ctx, parsed); return err })
	return parsed, own, err
}

// coinSpent tells what became of a transaction's own coins, which the node
// calls spent: by the transaction itself, where the node forgot it, or by
// something else.
func (a *Adapter) coinSpent(ctx context.Context, tx *wire.MsgTx, refusal error) error {
	id := tx.TxHash()
	op := "broadcast " + id.String()
	return a.wallet.current(ctx, func() error {
		answer := coinBusy(op, refusal)
		for _, in := range tx.TxIn {
			c, known := a.wallet.known[in.PreviousOutPoint]
			h := a.wallet.held[in.PreviousOutPoint]
			switch {
			case !known || !c.Gone():
			case c.SpentBy == id:
				return nil
			case strings.HasPrefix(h.owner, withdrawals) && a.wallet.taken(c, id.String()):
				return coinLost(op, c)
			default:
				answer = coinGone(op, c)
			}
		}
		return answer
	})
}

// unlessMined: btcd forgets a mined transaction whose outputs are all spent and
// then calls its inputs missing.
func (a *Adapter) unlessMined(ctx context.Context, txid chainhash.Hash, refusal error) error {
	if _, found, err := a.node.rawTx(ctx, txid); err == nil && found {
		return nil
	}
	return refusal
}
