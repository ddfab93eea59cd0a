package bitcoin

import (
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcec/v2/schnorr/musig2"
	"github.com/btcsuite/btcd/txscript/v2"
)

// signers are both parties, in a slice of its own: the library sorts in place.
func (c *contract) signers() []*btcec.PublicKey { return []*btcec.PublicKey{c.payer, c.payee} }

// root is that of the script tree, by which the key path's key is tweaked.
func (c *contract) root() []byte {
	root := txscript.AssembleTaprootScriptTree(c.redeem.tap, c.refund.tap).RootNode.TapHash()
	return root[:]
}

// newNonces draws nonces from the system's randomness. Key, contract and digest
// go into them too, so that a poor source alone gives nothing away.
func (c *contract) newNonces(key *btcec.PrivateKey, digest [32]byte) (*musig2.Nonces, error) {
	output, err := schnorr.ParsePubKey(c.script[2:])
	if err != nil {
		return nil, fmt.Errorf("key of the output: %w", err)
	}
	nonces, err := musig2.GenNonces(musig2.WithPublicKey(key.PubKey()), musig2.WithNonceSecretKeyAux(key),
		musig2.WithNonceCombinedKeyAux(output), musig2.WithNonceMessageAux(digest))
	if err != nil {
		return nil, fmt.Errorf("draw nonces: %w", err)
	}
	return nonces, nil
}

// forget wipes the secret half of nonces.
func forget(nonces *musig2.Nonces) { clear(nonces.SecNonce[:]) }

// session is a signing session with both public nonces. It signs once.
func (c *contract) session(key *btcec.PrivateKey, ours *musig2.Nonces, theirs pubNonce) (*musig2.Session, error) {
	party, err := musig2.NewContext(key, true, musig2.WithKnownSigners(c.signers()), musig2.WithTaprootTweakCtx(c.root()))
	if err != nil {
		return nil, fmt.Errorf("begin to sign: %w", err)
	}
	session, err := party.NewSession(musig2.WithPreGeneratedNonce(ours))
	if err != nil {
		return nil, fmt.Errorf("begin to sign: %w", err)
	}
	if _, err := session.RegisterPubNonce(theirs); err != nil {
		return nil, fmt.Errorf("combine the nonces: %w", err)
	}
	return session, nil
}

// consent signs with nonces that exist only here.
func (c *contract) consent(key *btcec.PrivateKey, digest [32]byte, theirs pubNonce) (coAnswer, error) {
	ours, err := c.newNonces(key, digest)
	if err != nil {
		return coAnswer{}, err
	}
	defer forget(ours)
	session, err := c.session(key, ours, theirs)
	if err != nil {
		return coAnswer{}, err
	}
	partial, err := session.Sign(digest, musig2.WithSortedKeys())
	if err != nil {
		return coAnswer{}, fmt.Errorf("sign: %w", err)
	}
	return coAnswer{nonce: ours.PubNonce, partial: partial.S}, nil
}

// check verifies the other party's half, which needs no secret: a wrong answer
// is known as the other party's before this one signs anything.
func (h half) check(theirs coAnswer) error {
	combined, err := musig2.AggregateNonces([][musig2.PubNonceSize]byte{h.nonces.PubNonce, theirs.nonce})
	if err != nil {
		return fmt.Errorf("combine the nonces: %w", err)
	}
	partial := musig2.NewPartialSignature(theirs.partial, nil)
	valid := partial.Verify(theirs.nonce, combined, h.c.signers(), h.c.keyOf(h.other()), h.digest,
		musig2.WithSortedKeys(), musig2.WithTaprootSignTweak(h.c.root()))
	if !valid {
		return errPartial
	}
	return nil
}

func (h half) other() Role {
	if h.role == Payer {
		return Payee
	}
	return Payer
}

// combine adds the own half to the other party's and verifies the sum.
func (h half) combine(key *btcec.PrivateKey, theirs coAnswer) ([]byte, error) {
	session, err := h.c.session(key, h.nonces, theirs.nonce)
	if err != nil {
		return nil, err
	}
	if _, err := session.Sign(h.digest, musig2.WithSortedKeys()); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	partial := musig2.NewPartialSignature(theirs.partial, nil)
	if _, err := session.CombineSig(&partial); err != nil {
		return nil, fmt.Errorf("combine the signatures: %w", err)
	}
	return session.FinalSig().Serialize(), nil
}
