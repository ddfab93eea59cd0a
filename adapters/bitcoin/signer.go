package bitcoin

import (
	"context"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// SignPurpose says what a transaction is signed for.
type SignPurpose string

// The purposes.
const (
	ForFund     SignPurpose = "fund"
	ForRedeem   SignPurpose = "redeem"
	ForRefund   SignPurpose = "refund"
	ForCancel   SignPurpose = "cancel" // takes a funding back that is in no block
	ForWithdraw SignPurpose = "withdraw"
)

// SignRequest asks for the signatures of one transaction.
type SignRequest struct {
	Chain   htlc.ChainID
	Purpose SignPurpose
	// Terms and Leg are what it belongs to. Terms is nil for a withdrawal, for
	// the cancel of a funding, and for a sweep, which redeems several contracts:
	// each input says which.
	Terms *htlc.Terms
	Leg   int
	// PSBT in binary form, see BuildPSBT. A redeem's holds no secret: the
	// signature does not cover it.
	PSBT []byte
}

// Signer holds the keys of a wallet, in this process or elsewhere, and gives no
// private key away.
//
// What it answers is never believed: the transaction that is stored is the one
// that was asked for, each signature in it is verified first. A Signer that
// answers late or not at all holds up what waits for it, so it must end with
// its context. Errors that are no adapters.Error are taken to pass.
type Signer interface {
	// AccountKey is the public key branch/index of the BIP-86 account, before
	// the tweak. It asks nobody.
	AccountKey(branch Branch, index uint32) (*btcec.PublicKey, error)
	// LegKey is the public key of one role in leg number leg of Terms with this
	// salt.
	LegKey(ctx context.Context, salt htlc.Salt, role Role, leg int) (*btcec.PublicKey, error)
	// SignPSBT answers with the same PSBT and its signatures (BIP-371).
	SignPSBT(ctx context.Context, req SignRequest) ([]byte, error)
}

// cosigner is a Signer that takes part in cooperative spends. MuSig2 takes two
// rounds with nonces that live in memory between them, which no PSBT carries
// yet: a signer in another process spends by the script path.
type cosigner interface {
	cosignKey(salt htlc.Salt, role Role, leg int) (*btcec.PrivateKey, error)
}

// LocalSigner signs with keys of this process whatever it is asked for: what
// may be paid to whom is judged before.
type LocalSigner struct{ keys Keys }

// NewLocalSigner signs with keys.
func NewLocalSigner(keys Keys) LocalSigner { return LocalSigner{keys} }

// AccountKey is that of Signer.
func (s LocalSigner) AccountKey(branch Branch, index uint32) (*btcec.PublicKey, error) {
	key, err := s.keys.Account(branch, index)
	if err != nil {
		return nil, fmt.Errorf("derive key %d/%d: %w", branch, index, err)
	}
	defer key.Zero()
	return key.PubKey(), nil
}

// LegKey is that of Signer.
func (s LocalSigner) LegKey(_ context.Context, salt htlc.Salt, role Role, leg int) (*btcec.PublicKey, error) {
	key, err := s.keys.Leg(salt, role, leg)
	if err != nil {
		return nil, fmt.Errorf("derive the key of leg %d: %w", leg, err)
	}
	defer key.Zero()
	return key.PubKey(), nil
}

// SignPSBT is that of Signer.
func (s LocalSigner) SignPSBT(_ context.Context, req SignRequest) ([]byte, error) {
	packet, err := decodePSBT(req.PSBT)
	if err != nil {
		return nil, err
	}
	if err := signPacket(s.keys, packet); err != nil {
		return nil, err
	}
	return encodePSBT(packet)
}

func (s LocalSigner) cosignKey(salt htlc.Salt, role Role, leg int) (*btcec.PrivateKey, error) {
	key, err := s.keys.Leg(salt, role, leg)
	if err != nil {
		return nil, fmt.Errorf("derive the key of leg %d: %w", leg, err)
	}
	return key, nil
}

// ownLegKey makes sure that the key of a role in a leg of the Terms is ours.
func (a *Adapter) ownLegKey(ctx context.Context, salt htlc.Salt, role Role, leg int, want *btcec.PublicKey) error {
	key, err := a.signer.LegKey(ctx, salt, role, leg)
	if err != nil {
		return err
	}
	if !key.IsEqual(want) {
		return mismatch("the key of leg %d is not this wallet's (%x)", leg, schnorr.SerializePubKey(want))
	}
	return nil
}

// cosignKey is the key of a role in a leg, for a cooperative spend. The caller
// calls its Zero.
func (a *Adapter) cosignKey(salt htlc.Salt, role Role, leg int, want *btcec.PublicKey) (*btcec.PrivateKey, error) {
	s, ok := a.signer.(cosigner)
	if !ok {
		return nil, &adapters.Error{
			Reason: "SIGNER_CANNOT_COSIGN", Op: fmt.Sprintf("sign leg %d together with the other party", leg),
			Advice: "the contract is spent by its script path", Err: fmt.Errorf("%w: the keys are in another process", adapters.ErrNoConsent),
		}
	}
	key, err := s.cosignKey(salt, role, leg)
	if err != nil {
		return nil, err
	}
	if !key.PubKey().IsEqual(want) {
		key.Zero()
		return nil, mismatch("the key of leg %d is not this wallet's (%x)", leg, schnorr.SerializePubKey(want))
	}
	return key, nil
}
