package evm

import (
	"context"
	"fmt"
	"sync"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/htlc"
)

// consentVersion stands before a proposal and before its answer.
const consentVersion = 1

const (
	proposalSize = 1 + common.HashLength
	answerSize   = 1 + crypto.SignatureLength
)

// encodeProposal names the contract whose refund before the time lock is proposed. Whoever consents computes
// the id from the Terms and compares: it signs nothing that it was sent.
func encodeProposal(id common.Hash) []byte { return append([]byte{consentVersion}, id[:]...) }

func decodeProposal(message []byte) (common.Hash, error) {
	if len(message) != proposalSize || message[0] != consentVersion {
		return common.Hash{}, fmt.Errorf("%w: a proposal of version %d has %d bytes, this one %d", adapters.ErrBadConsent, consentVersion, proposalSize, len(message))
	}
	return common.Hash(message[1:]), nil
}

// consent is a signature as the deployment takes it.
type consent struct {
	v    uint8 // 27 or 28
	r, s [32]byte
}

func (c consent) encode() []byte {
	out := append([]byte{consentVersion}, c.r[:]...)
	return append(append(out, c.s[:]...), c.v)
}

func decodeConsent(answer []byte) (consent, error) {
	if len(answer) != answerSize || answer[0] != consentVersion {
		return consent{}, fmt.Errorf("%w: an answer of version %d has %d bytes, this one %d", adapters.ErrBadConsent, consentVersion, answerSize, len(answer))
	}
	return consent{r: [32]byte(answer[1:33]), s: [32]byte(answer[33:65]), v: answer[65]}, nil
}

// verify checks a signature as the deployment does: by the payee, with the lower s.
func (c consent) verify(digest common.Hash, payee common.Address) error {
	v := c.v - 27
	if v > 1 || !crypto.ValidateSignatureValues(v, common.BytesToHash(c.r[:]).Big(), common.BytesToHash(c.s[:]).Big(), true) {
		return fmt.Errorf("%w: no valid signature", adapters.ErrBadConsent)
	}
	raw := append(append(append([]byte(nil), c.r[:]...), c.s[:]...), v)
	key, err := crypto.SigToPub(digest[:], raw)
	if err != nil {
		return fmt.Errorf("%w: %w", adapters.ErrBadConsent, err)
	}
	if by := crypto.PubkeyToAddress(*key); by != payee {
		return fmt.Errorf("%w: signed by %s, the payee is %s", adapters.ErrBadConsent, by, payee)
	}
	return nil
}

// consentTo computes the contract of a proposal and what its payee signs.
func (a *Adapter) consentTo(p adapters.Proposal) (rec record, digest common.Hash, err error) {
	op := fmt.Sprintf("close leg %d by consent", p.Leg)
	if p.Intent != htlc.IntentRefund {
		return record{}, common.Hash{}, &adapters.Error{
			Reason: "NO_CONSENT", Op: fmt.Sprintf("%s, to %s", op, p.Intent), Advice: "only an early refund needs consent here: redeem with the secret",
			Err: adapters.ErrNoConsent,
		}
	}
	if rec, err = a.record(p.Terms, p.Leg); err != nil {
		return record{}, common.Hash{}, err
	}
	id := rec.id(a.domain)
	if common.HexToHash(p.Ref) != id {
		return record{}, common.Hash{}, mismatch(op, "it is funded at %q, the terms give %s", p.Ref, id)
	}
	return rec, contracts.ConsentDigest(a.domain, id), nil
}

// Consent is the payee's signature that a leg's contract may be refunded before its time lock. It is the key
// of the account that the contract pays, stays good until the contract is closed, and cannot be taken back.
// The caller owes what the standard says of consent: the leg that it pays itself is dead for good, and, of the
// initiator, the secret is forfeited.
func (a *Adapter) Consent(ctx context.Context, p adapters.Proposal, message []byte) ([]byte, error) {
	rec, digest, err := a.consentTo(p)
	if err != nil {
		return nil, err
	}
	op := fmt.Sprintf("consent to the refund of leg %d", p.Leg)
	if rec.leg.Payee != a.account.Address() {
		return nil, mismatch(op, "the payee %s is not our account", rec.leg.Payee)
	}
	id, err := decodeProposal(message)
	if err == nil && id != rec.id(a.domain) {
		err = fmt.Errorf("%w: it names contract %s, the terms give %s", adapters.ErrBadConsent, id, rec.id(a.domain))
	}
	if err != nil {
		return nil, &adapters.Error{Reason: "PROPOSAL_INVALID", Op: op, Err: err}
	}
	raw, err := a.account.SignConsent(ctx, p.Terms, p.Leg)
	if err != nil {
		return nil, fmt.Errorf("%s: sign: %w", op, err)
	}
	if len(raw) != crypto.SignatureLength {
		return nil, fmt.Errorf("%s: the signer gives %d bytes: %w", op, len(raw), adapters.ErrRejected)
	}
	c := consent{r: [32]byte(raw[:32]), s: [32]byte(raw[32:64]), v: raw[64] + 27}
	if err := c.verify(digest, rec.leg.Payee); err != nil {
		return nil, fmt.Errorf("%s: check what the signer gives: %w", op, err)
	}
	return c.encode(), nil
}

// Propose begins a refund of a leg that our account pays, before its time lock, with the payee's consent.
func (a *Adapter) Propose(ctx context.Context, p adapters.Proposal) (adapters.CoSpend, error) {
	rec, digest, err := a.consentTo(p)
	if err != nil {
		return nil, err
	}
	if rec.leg.Funder != a.account.Address() {
		return nil, mismatch(fmt.Sprintf("propose the refund of leg %d", p.Leg), "the payer %s is not our account", rec.leg.Funder)
	}
	if err := a.node.verify(ctx); err != nil {
		return nil, err
	}
	if err := a.mustBeOpen(ctx, rec, "refund by consent"); err != nil {
		return nil, err
	}
	// The answer may take longer than the call that asked for it.
	ctx = context.WithoutCancel(ctx)
	return &coSpend{
		message: encodeProposal(rec.id(a.domain)), leg: p.Leg, payee: rec.leg.Payee, digest: digest,
		sign: func(c consent) (adapters.Tx, error) {
			ctx, cancel := context.WithTimeout(ctx, completeCalls*a.config.CallTimeout)
			defer cancel()
			return a.refundByConsent(ctx, p, rec, c)
		},
	}, nil
}

// completeCalls bounds how many requests without an answer Complete waits for.
const completeCalls = 3

// coSpend waits for the payee's signature.
type coSpend struct {
	message []byte
	leg     int
	payee   common.Address
	digest  common.Hash
	sign    func(consent) (adapters.Tx, error)

	mu   sync.Mutex
	over bool
}

// Message is what the payee needs.
func (s *coSpend) Message() []byte { return append([]byte(nil), s.message...) }

// Complete checks the payee's signature and signs the transaction with it, at the fees of the proposal and
// with a nonce that belongs to it from its first broadcast, like that of a refund.
func (s *coSpend) Complete(answer []byte) (adapters.Tx, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	op := fmt.Sprintf("complete the refund of leg %d by consent", s.leg)
	if s.over {
		return adapters.Tx{}, &adapters.Error{Reason: "SESSION_OVER", Op: op, Err: adapters.ErrSessionOver}
	}
	s.over = true
	c, err := decodeConsent(answer)
	if err == nil {
		err = c.verify(s.digest, s.payee)
	}
	if err != nil {
		return adapters.Tx{}, &adapters.Error{Reason: "CONSENT_INVALID", Op: op, Err: err}
	}
	return s.sign(c)
}

func (a *Adapter) refundByConsent(ctx context.Context, p adapters.Proposal, rec record, c consent) (adapters.Tx, error) {
	if err := a.node.verify(ctx); err != nil {
		return adapters.Tx{}, err
	}
	if err := a.mustBeOpen(ctx, rec, "refund by consent"); err != nil {
		return adapters.Tx{}, err
	}
	data := htlcCode.PackRefundByConsent(rec.leg, rec.hash, c.v, c.r, c.s)
	if err := a.mustPay(ctx, data, fmt.Sprintf("refund leg %d by consent", p.Leg)); err != nil {
		return adapters.Tx{}, err
	}
	limit := a.estimate(ctx, ethereum.CallMsg{From: a.account.Address(), To: &a.deployment, Data: data}, costsOf(rec.leg.Token).refund.limit)
	return a.spend(ctx, a.call(data, limit), adapters.Spend{Terms: p.Terms, Leg: p.Leg, Fees: p.Fees}, rec.value())
}
