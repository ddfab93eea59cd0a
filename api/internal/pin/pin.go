// Package pin makes TLS accept exactly one certificate, named by its
// fingerprint: the SHA-256 of its DER in hex.
package pin

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Errors of this package.
var (
	ErrCertificate = errors.New("the certificate is not the expected one")
	ErrFingerprint = errors.New("not the hex of a SHA-256")
)

// Fingerprint names a certificate.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// To changes the configuration so that the certificate of the fingerprint is
// accepted and no other. Colons between the digits and either case are let
// pass, since tools print both.
//
// The fingerprint replaces the proof by authority and name, so the library's
// own check is turned off; that the other end holds the certificate's key is
// still proven by the handshake.
func To(config *tls.Config, fingerprint string) error {
	want, err := hex.DecodeString(strings.ReplaceAll(fingerprint, ":", ""))
	if err != nil || len(want) != sha256.Size {
		return fmt.Errorf("%w: %q", ErrFingerprint, fingerprint)
	}
	config.InsecureSkipVerify = true
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return ErrCertificate
		}
		got := sha256.Sum256(state.PeerCertificates[0].Raw)
		if !bytes.Equal(got[:], want) {
			return fmt.Errorf("%w: its SHA-256 is %x, expected %x", ErrCertificate, got, want)
		}
		return nil
	}
	return nil
}
