package peer

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/kofo-network/kofo/htlc"
)

// ErrWrongParty is returned where another key than the ticket's answers.
var ErrWrongParty = errors.New("the node there has not the key of the ticket")

// ErrNoIdentity is returned for a signer that is no Ed25519 identity.
var ErrNoIdentity = errors.New("the identity is no Ed25519 key")

// Certificate signs a certificate for the identity with itself. It is made
// anew at every start; only its key counts.
func Certificate(identity crypto.Signer) (tls.Certificate, error) {
	public, ok := identity.Public().(ed25519.PublicKey)
	if !ok {
		return tls.Certificate{}, ErrNoIdentity
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: fmt.Sprintf("%x", public)},
		// Fixed, so that no clock matters. Nobody checks them.
		NotBefore:   time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:    time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, identity)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("sign the node's certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: identity}, nil
}

// Fingerprint names the key that a party's node proves to hold: SHA-256 of its
// SubjectPublicKeyInfo in hex, as tools for certificates print it. The
// certificate around the key counts for nothing and has no lasting one.
func Fingerprint(party htlc.PartyID) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(ed25519.PublicKey(party[:]))
	if err != nil {
		return "", fmt.Errorf("fingerprint of a party: %w", err)
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), nil
}

func serverTLS(identity crypto.Signer) (*tls.Config, error) {
	cert, err := Certificate(identity)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert},
		// Every call is a connection of its own; tickets would only be kept.
		SessionTicketsDisabled: true,
		// Who shows a certificate proves to hold its key, which is all that it
		// says. Who shows none is nobody.
		ClientAuth: tls.RequestClientCert,
	}, nil
}

// pinned accepts the key of one party and nothing else. The usual checks are
// off because there is no authority; VerifyConnection runs in their place,
// after the handshake has proved that the key is held. To the server it shows
// our own identity, if there is one.
func pinned(party htlc.PartyID, identity crypto.Signer) (*tls.Config, error) {
	var own []tls.Certificate
	if identity != nil {
		cert, err := Certificate(identity)
		if err != nil {
			return nil, err
		}
		own = []tls.Certificate{cert}
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		Certificates:       own,
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return ErrWrongParty
			}
			key, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
			if !ok || !bytes.Equal(key, party[:]) {
				return ErrWrongParty
			}
			return nil
		},
	}, nil
}
