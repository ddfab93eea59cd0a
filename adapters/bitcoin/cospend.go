package bitcoin

import (
	"context"
	"fmt"
	"sync"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcec/v2/schnorr/musig2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// joint is a transaction that spends contracts by their key paths, with what it
// spends: signatures cover the amounts and scripts of all inputs.
type joint struct {
	tx      *wire.MsgTx
	spent   []*wire.TxOut // by input
	fetcher txscript.PrevOutputFetcher
	hashes  *txscript.TxSigHashes
}

func newJoint(points []wire.OutPoint, spent, outputs []*wire.TxOut) joint {
	tx := wire.NewMsgTx(txVersion)
	outs := make(map[wire.OutPoint]*wire.TxOut, len(points))
	for i := range points {
		in := wire.NewTxIn(&points[i], nil, nil)
		in.Sequence = replaceable
		tx.AddTxIn(in)
		outs[points[i]] = spent[i]
	}
	tx.TxOut = outputs
	fetcher := txscript.NewMultiPrevOutFetcher(outs)
	return joint{tx: tx, spent: spent, fetcher: fetcher, hashes: txscript.NewTxSigHashes(tx, fetcher)}
}

// padded is the transaction with room for its signatures, so that its size is
// exact.
func (j joint) padded() *wire.MsgTx {
	tx := j.tx.Copy()
	for _, in := range tx.TxIn {
		in.Witness = wire.TxWitness{make([]byte, schnorr.SignatureSize)}
	}
	return tx
}

func (j joint) digest(input int) (digest [32]byte, err error) {
	raw, err := txscript.CalcTaprootSignatureHash(j.hashes, txscript.SigHashDefault, j.tx, input, j.fetcher)
	if err != nil {
		return digest, fmt.Errorf("digest of input %d: %w", input, err)
	}
	return [32]byte(raw), nil
}

// total is what the inputs carry and what the outputs carry.
func (j joint) total() (in, out int64) {
	for _, s := range j.spent {
		in += s.Value
	}
	for _, o := range j.tx.TxOut {
		out += o.Value
	}
	return in, out
}

// half is the proposer's half of the signature of one input. The key is derived
// again when it is needed; the nonces are in memory only, and used once.
type half struct {
	c      *contract
	salt   htlc.Salt
	leg    int
	role   Role
	digest [32]byte
	nonces *musig2.Nonces
}

// coSpend is adapters.CoSpend for one contract or several, each with a session
// of its own.
type coSpend struct {
	a      *Adapter
	joint  joint
	halves []half
	fee    int64

	mu   sync.Mutex
	over bool
}

// cosigners are who signs and who consents.
func cosigners(intent htlc.Intent) (proposer, consenter Role, err error) {
	switch intent {
	case htlc.IntentRedeem:
		return Payee, Payer, nil
	case htlc.IntentRefund:
		return Payer, Payee, nil
	case htlc.IntentNone:
	}
	return 0, 0, &adapters.Error{
		Reason: "NO_CONSENT", Op: fmt.Sprintf("spend together for intent %d", intent), Err: adapters.ErrNoConsent,
	}
}

func (c *contract) keyOf(role Role) *btcec.PublicKey {
	if role == Payer {
		return c.payer
	}
	return c.payee
}

// Propose begins a spend by the key path, to an own address and at the fees of
// the policy. Nothing binds yet: without the other party's answer there is no
// signature, and the script paths are as open as before.
func (a *Adapter) Propose(ctx context.Context, p adapters.Proposal) (adapters.CoSpend, error) {
	role, _, err := cosigners(p.Intent)
	if err != nil {
		return nil, err
	}
	c, point, err := a.spendable(ctx, adapters.Spend{Terms: p.Terms, Leg: p.Leg, Ref: p.Ref})
	if err != nil {
		return nil, err
	}
	payout, err := a.payoutFor(ctx, c)
	if err != nil {
		return nil, err
	}
	j, fee, err := a.pricedJoint(ctx, []wire.OutPoint{point}, []*wire.TxOut{wire.NewTxOut(c.amount, c.script)}, payout, p.Fees)
	if err != nil {
		return nil, err
	}
	h, err := a.begin(j, 0, half{c: c, salt: p.Terms.Salt, leg: p.Leg, role: role})
	if err != nil {
		return nil, err
	}
	return &coSpend{a: a, joint: j, halves: []half{h}, fee: fee}, nil
}

// pricedJoint pays all inputs, less the fee, to one script.
func (a *Adapter) pricedJoint(ctx context.Context, points []wire.OutPoint, spent []*wire.TxOut, payout []byte, fees adapters.FeePolicy) (joint, int64, error) {
	out := wire.NewTxOut(0, payout)
	j := newJoint(points, spent, []*wire.TxOut{out})
	in, _ := j.total()
	now, err := a.prices(ctx)
	if err != nil {
		return joint{}, 0, err
	}
	size := virtualSize(j.padded())
	most := in - a.params.dustLimit(payout)
	rate, err := climb(now.market, size, fees, a.config.ClimbWindow, most)
	if err == nil {
		err = now.relays(rate, size)
	}
	if err != nil {
		return joint{}, 0, err
	}
	fee := feeFor(rate, size)
	if fee > most {
		return joint{}, 0, dust(fmt.Sprintf("spend %d satoshi together", in), fee+a.params.dustLimit(payout))
	}
	out.Value = in - fee
	// The digests cover the outputs: they are made anew with the value.
	return newJoint(points, spent, []*wire.TxOut{out}), fee, nil
}

// begin draws the nonces of one input.
func (a *Adapter) begin(j joint, input int, h half) (half, error) {
	key, err := a.cosignKey(h.salt, h.role, h.leg, h.c.keyOf(h.role))
	if err != nil {
		return half{}, err
	}
	defer key.Zero()
	if h.digest, err = j.digest(input); err != nil {
		return half{}, err
	}
	h.nonces, err = h.c.newNonces(key, h.digest)
	return h, err
}

// message is what the other party of an input needs.
func (s *coSpend) message(input int) []byte {
	return coProposal{
		nonce: s.halves[input].nonces.PubNonce, input: input, spent: s.joint.spent, tx: s.joint.tx,
	}.encode()
}

// Message is what the other party needs for its consent.
func (s *coSpend) Message() []byte { return s.message(0) }

// Complete checks the answer and returns the signed transaction.
func (s *coSpend) Complete(answer []byte) (adapters.Tx, error) { return s.complete([][]byte{answer}) }

// complete checks every answer before the first own signature is made. It works
// once: whatever comes of it, the nonces are gone.
func (s *coSpend) complete(answers [][]byte) (adapters.Tx, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return adapters.Tx{}, sessionOver()
	}
	s.over = true
	defer func() {
		for _, h := range s.halves {
			forget(h.nonces)
		}
	}()
	parts := make([]coAnswer, len(answers))
	for i, raw := range answers {
		var err error
		if parts[i], err = decodeCoAnswer(raw); err == nil {
			err = s.halves[i].check(parts[i])
		}
		if err != nil {
			return adapters.Tx{}, badAnswer(i, err)
		}
	}
	for i, h := range s.halves {
		signature, err := s.a.finishHalf(h, parts[i])
		if err != nil {
			return adapters.Tx{}, err
		}
		s.joint.tx.TxIn[i].Witness = wire.TxWitness{signature}
	}
	if err := verifyInputs(s.joint.tx, s.joint.fetcher, s.joint.hashes); err != nil {
		return adapters.Tx{}, mismatch("the cooperative spend fails: %v", err)
	}
	return s.a.finish(s.joint.tx, s.fee)
}

func (a *Adapter) finishHalf(h half, theirs coAnswer) ([]byte, error) {
	key, err := a.cosignKey(h.salt, h.role, h.leg, h.c.keyOf(h.role))
	if err != nil {
		return nil, err
	}
	defer key.Zero()
	return h.combine(key, theirs)
}

// Consent signs the other party's spend, of which the message tells everything,
// and asks no node. It signs as the payer where the payee redeems, as the payee
// where the payer takes its leg back, and nothing but p.Ref.
//
// That the rules of consent allow it is for the caller to know: see the package
// documentation. Asked again it draws new nonces, so that an answer that was
// lost is simply asked for again.
func (a *Adapter) Consent(_ context.Context, p adapters.Proposal, message []byte) ([]byte, error) {
	_, role, err := cosigners(p.Intent)
	if err != nil {
		return nil, err
	}
	c, err := buildContract(a.params, p.Terms, p.Leg)
	if err != nil {
		return nil, err
	}
	point, err := parseRef(p.Ref)
	if err != nil {
		return nil, err
	}
	key, err := a.cosignKey(p.Terms.Salt, role, p.Leg, c.keyOf(role))
	if err != nil {
		return nil, err
	}
	defer key.Zero()
	proposal, err := decodeCoProposal(message)
	if err == nil {
		err = proposal.check(c, point, p.Intent)
	}
	if err != nil {
		return nil, badProposal(refOf(point), err)
	}
	digest, err := proposal.joint().digest(proposal.input)
	if err != nil {
		return nil, badProposal(refOf(point), err)
	}
	answer, err := c.consent(key, digest, proposal.nonce)
	if err != nil {
		return nil, err
	}
	return answer.encode(), nil
}

// check refuses a proposal of which the own input is not exactly the contract.
// Other inputs are nobody's business but the proposer's: where they are not
// what the proposal says, the signature fits nothing.
func (p coProposal) check(c *contract, point wire.OutPoint, intent htlc.Intent) error {
	if len(p.tx.TxIn) != 1 && intent != htlc.IntentRedeem {
		return fmt.Errorf("a %s stands alone, this one has %d inputs", intent, len(p.tx.TxIn))
	}
	if own := p.tx.TxIn[p.input].PreviousOutPoint; own != point {
		return fmt.Errorf("it spends %s", own)
	}
	if out := p.spent[p.input]; out.Value != c.amount || string(out.PkScript) != string(c.script) {
		return fmt.Errorf("it takes %s for %d satoshi to %x", point, out.Value, out.PkScript)
	}
	if in, out := p.joint().total(); out > in {
		return fmt.Errorf("it pays out %d satoshi of %d", out, in)
	}
	return nil
}

func badProposal(ref string, err error) error {
	return &adapters.Error{
		Reason: "PROPOSAL_INVALID", Op: "consent to a spend of " + ref, Advice: "nothing was signed",
		Err: fmt.Errorf("%w: %w", adapters.ErrBadConsent, err),
	}
}

// badAnswer names the member of a sweep whose answer it is.
func badAnswer(member int, err error) error {
	return ofMember(member, &adapters.Error{
		Reason: "CONSENT_INVALID", Op: "complete a cooperative spend", Advice: "begin again, or spend by the script path",
		Err: fmt.Errorf("%w: %w", adapters.ErrBadConsent, err),
	})
}

func sessionOver() error {
	return &adapters.Error{
		Reason: "SESSION_OVER", Op: "complete a cooperative spend", Advice: "propose it again", Err: adapters.ErrSessionOver,
	}
}
