package evm

import (
	"context"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/htlc"
)

// Signer is an account whose key is in this process or elsewhere. It is given
// what it signs, never a bare digest, so that it can judge it; see Inspect.
//
// What it answers is never believed: each signature is verified, and stands on
// the transaction that was asked for. It must end with its context. Errors that
// are no adapters.Error are taken to pass.
type Signer interface {
	Address() common.Address
	// SignTransaction signs what Unsigned.Encode gives, and returns r, s and the
	// recovery id (0 or 1).
	SignTransaction(ctx context.Context, payload []byte) ([]byte, error)
	// SignConsent signs ConsentTypedData: the leg, which pays the account, may be
	// refunded before its time lock.
	SignConsent(ctx context.Context, terms htlc.Terms, leg int) ([]byte, error)
}

// HashSigner is an account whose key signs any digest. It need not show the key.
type HashSigner interface {
	Address() common.Address
	SignHash(digest common.Hash) ([]byte, error)
}

// LocalSigner signs whatever it is asked for: what may be paid to whom is judged
// before.
type LocalSigner struct{ HashSigner }

// NewLocalSigner signs with a key of this process.
func NewLocalSigner(account HashSigner) LocalSigner { return LocalSigner{account} }

// SignTransaction is that of Signer.
func (s LocalSigner) SignTransaction(_ context.Context, payload []byte) ([]byte, error) {
	if _, err := DecodeUnsigned(payload); err != nil {
		return nil, err
	}
	return s.SignHash(crypto.Keccak256Hash(payload))
}

// SignConsent is that of Signer.
func (s LocalSigner) SignConsent(_ context.Context, terms htlc.Terms, leg int) ([]byte, error) {
	digest, err := consentDigest(terms, leg, s.Address())
	if err != nil {
		return nil, err
	}
	return s.SignHash(digest)
}

// consentDigest is what the payee of a leg signs.
func consentDigest(terms htlc.Terms, leg int, payee common.Address) (common.Hash, error) {
	rec, call, err := callOf(terms, leg)
	if err != nil {
		return common.Hash{}, err
	}
	if rec.leg.Payee != payee {
		return common.Hash{}, mismatch(fmt.Sprintf("consent to the refund of leg %d", leg), "the payee %s is not our account", rec.leg.Payee)
	}
	id, ok := new(big.Int).SetString(call.Chain.Reference(), 10)
	if !ok {
		return common.Hash{}, mismatch("consent", "chain %q", call.Chain)
	}
	return contracts.ConsentDigest(contracts.Domain(id, call.To), call.Contract), nil
}

// signed has a transaction signed, and makes sure that it came back as it was
// asked for and by our account.
func (a *Adapter) signed(ctx context.Context, inner types.DynamicFeeTx) (*types.Transaction, adapters.RawTx, error) {
	u := Unsigned{
		ChainID: a.chainID.Uint64(), Nonce: inner.Nonce, Gas: inner.Gas, Tip: inner.GasTipCap, FeeCap: inner.GasFeeCap,
		To: *inner.To, Value: inner.Value, Data: inner.Data,
	}
	if u.Value == nil {
		u.Value = new(big.Int)
	}
	payload, err := u.Encode()
	if err != nil {
		return nil, nil, err
	}
	signature, err := a.account.SignTransaction(ctx, payload)
	if err != nil {
		return nil, nil, fmt.Errorf("sign for %s: %w", a.accountName(), err)
	}
	raw, by, err := Signed(payload, signature)
	if err == nil && by != a.account.Address() {
		err = mismatch("take the signature of "+a.accountName(), "it is that of %s", by)
	}
	if err != nil {
		return nil, nil, &adapters.Error{
			Reason: "SIGNER_ANSWER_WRONG", Op: "have a transaction signed for " + a.accountName(), Retryable: true,
			Advice: "nothing was stored or sent; look at the signer", Err: fmt.Errorf("%w: %w", adapters.ErrMismatch, err),
		}
	}
	var tx types.Transaction
	if err := tx.UnmarshalBinary(raw); err != nil {
		return nil, nil, fmt.Errorf("read a signed transaction: %w", err)
	}
	return &tx, raw, nil
}
