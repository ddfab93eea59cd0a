package peer

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"testing"

	"github.com/kofo-network/kofo/htlc"
)

// TestFingerprintIsThatOfTheCertificate's key, and stays when the certificate
// is made anew.
func TestFingerprintIsThatOfTheCertificate(t *testing.T) {
	identity := key(1)
	public, ok := identity.Public().(ed25519.PublicKey)
	if !ok {
		t.Fatal("no Ed25519 key")
	}
	want, err := Fingerprint(htlc.PartyID(public))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		made, err := Certificate(identity)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParseCertificate(made.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(parsed.RawSubjectPublicKeyInfo)
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s, the certificate has %s", want, got)
		}
	}
}
