package wallet

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/htlc"
)

func mustKeys(t testing.TB, words string) *Keys {
	t.Helper()
	keys, err := mustSeed(t, words).Keys()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

type derivationVector struct {
	Mnemonic string
	PartyID  string `json:"party_id"`
	Seal     string
	Purposes map[Purpose]string
	Swaps    []struct {
		Salt, Secret string
		SecretHash   string `json:"secret_hash"`
		Legs         []struct {
			Role      Role
			Leg       int
			Key       string
			PublicKey string `json:"public_key"`
		}
	}
}

// TestDerivationVectors holds the derivation still. The vectors were computed
// by another implementation, from the table in doc.go.
func TestDerivationVectors(t *testing.T) {
	var vectors []derivationVector
	readVectors(t, "derivation.json", &vectors)
	if len(vectors) < 2 {
		t.Fatal("vectors are missing")
	}
	for _, v := range vectors {
		keys := mustKeys(t, v.Mnemonic)
		identity, err := keys.Identity()
		if err != nil || identity.PartyID().String() != v.PartyID {
			t.Errorf("party %s, %v", identity.PartyID(), err)
		}
		for purpose, want := range v.Purposes {
			key, err := keys.Purpose(purpose)
			if got := key.Reveal(); err != nil || hex.EncodeToString(got[:]) != want {
				t.Errorf("purpose %s: %x, %v", purpose, got, err)
			}
		}
		checkSealKey(t, keys, unhex(t, v.Seal))
		checkSwapVectors(t, keys, v)
	}
}

// checkSealKey compares by use, since a Sealer does not tell its key.
func checkSealKey(t *testing.T, keys *Keys, want []byte) {
	t.Helper()
	expected, err := newSealer(want)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := expected.Seal([]byte("plain"), nil)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := keys.Sealer()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sealer.Open(sealed, nil); err != nil {
		t.Errorf("sealing key: %v", err)
	}
}

func checkSwapVectors(t *testing.T, keys *Keys, v derivationVector) {
	t.Helper()
	for _, swap := range v.Swaps {
		salt := htlc.Salt(unhex(t, swap.Salt))
		secret, err := keys.Secret(salt)
		if raw := secret.Reveal(); err != nil || hex.EncodeToString(raw[:]) != swap.Secret {
			t.Errorf("secret %x, %v", raw, err)
		}
		if secret.Hash().String() != swap.SecretHash {
			t.Errorf("hash %s", secret.Hash())
		}
		for _, leg := range swap.Legs {
			key, err := keys.Leg(salt, leg.Role, leg.Leg)
			if err != nil {
				t.Fatal(err)
			}
			public, xonly := key.PublicKey(), key.XOnly()
			if hex.EncodeToString(public[:]) != leg.PublicKey || !bytes.Equal(xonly[:], public[1:]) {
				t.Errorf("role %d, leg %d: public key %x", leg.Role, leg.Leg, public)
			}
			if got := hex.EncodeToString(key.Reveal().Serialize()); got != leg.Key {
				t.Errorf("role %d, leg %d: key %s", leg.Role, leg.Leg, got)
			}
		}
	}
}

func TestDerivationRefusesBadInput(t *testing.T) {
	keys := mustKeys(t, abandon)
	salt := htlc.Salt{1}
	for _, tt := range []struct {
		name string
		want error
		call func() error
	}{
		{"secret of zero salt", ErrZeroSalt, func() error { _, err := keys.Secret(htlc.Salt{}); return err }},
		{"leg of zero salt", ErrZeroSalt, func() error { _, err := keys.Leg(htlc.Salt{}, Payer, 0); return err }},
		{"no role", ErrBadRole, func() error { _, err := keys.Leg(salt, 0, 0); return err }},
		{"unknown role", ErrBadRole, func() error { _, err := keys.Leg(salt, 3, 0); return err }},
		{"leg -1", ErrBadLeg, func() error { _, err := keys.Leg(salt, Payer, -1); return err }},
		{"leg 65536", ErrBadLeg, func() error { _, err := keys.Leg(salt, Payer, 65536); return err }},
		{"no purpose", ErrPurpose, func() error { _, err := keys.Purpose(""); return err }},
		{"odd purpose", ErrPurpose, func() error { _, err := keys.Purpose("API\x00"); return err }},
		{"long purpose", ErrPurpose, func() error { _, err := keys.Purpose("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"); return err }},
		{"EVM index", ErrBadPath, func() error { _, err := keys.EVMAccount(1 << 31); return err }},
	} {
		if err := tt.call(); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestUnusableScalars(t *testing.T) {
	order := unhex(t, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
	for _, raw := range [][]byte{make([]byte, 32), order, bytes.Repeat([]byte{0xff}, 32)} {
		if _, err := newPrivateKey(raw); !errors.Is(err, ErrUnusableKey) {
			t.Errorf("%x: %v", raw, err)
		}
	}
}

// TestNoTwoKeysAlike: whatever differs in the input gives another key.
func TestNoTwoKeysAlike(t *testing.T) {
	keys := mustKeys(t, abandon)
	rapid.Check(t, func(t *rapid.T) {
		type input struct {
			salt htlc.Salt
			role Role
			leg  int
		}
		draw := rapid.Custom(func(t *rapid.T) input {
			return input{
				salt: htlc.Salt{rapid.ByteRange(0, 1).Draw(t, "salt"), 31: 1},
				role: rapid.SampledFrom([]Role{Payer, Payee}).Draw(t, "role"),
				leg:  rapid.SampledFrom([]int{0, 1, 255, 256, 65535}).Draw(t, "leg"),
			}
		})
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		ka, errA := keys.Leg(a.salt, a.role, a.leg)
		kb, errB := keys.Leg(b.salt, b.role, b.leg)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if (a == b) != (ka.PublicKey() == kb.PublicKey()) {
			t.Fatalf("%v and %v", a, b)
		}
	})
}

func TestClosedKeys(t *testing.T) {
	keys := mustKeys(t, abandon)
	identity, err := keys.Identity()
	if err != nil {
		t.Fatal(err)
	}
	keys.Close()
	keys.Close()
	if !bytes.Equal(keys.root().seed, make([]byte, 64)) || !bytes.Equal(keys.root().prk, make([]byte, 32)) {
		t.Error("roots are not wiped")
	}
	for name, call := range map[string]func() error{
		"identity": func() error { _, err := keys.Identity(); return err },
		"secret":   func() error { _, err := keys.Secret(htlc.Salt{1}); return err },
		"leg":      func() error { _, err := keys.Leg(htlc.Salt{1}, Payer, 0); return err },
		"sealer":   func() error { _, err := keys.Sealer(); return err },
		"purpose":  func() error { _, err := keys.Purpose(PurposeAPITLS); return err },
		"EVM":      func() error { _, err := keys.EVMAccount(0); return err },
	} {
		if err := call(); !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if identity.PartyID().String() != "324d853335f431e0ed4808ca4180d0116175f97ea70341a27289189be63cd93e" {
		t.Error("a derived key died with its root")
	}
}

func TestZero(t *testing.T) {
	keys := mustKeys(t, abandon)
	key, err := keys.Purpose(PurposeAPITLS)
	if err != nil {
		t.Fatal(err)
	}
	leg, err := keys.Leg(htlc.Salt{1}, Payer, 0)
	if err != nil {
		t.Fatal(err)
	}
	revealed := leg.Reveal()
	key.Zero()
	leg.Zero()
	if key.Reveal() != [32]byte{} || !leg.key().Key.IsZero() {
		t.Error("not wiped")
	}
	if revealed.Key.IsZero() {
		t.Error("the signer's copy was wiped too")
	}
	if _, err := schnorr.Sign(leg.Reveal(), make([]byte, 32)); err == nil {
		t.Error("a wiped key signs")
	}
}

func TestIdentitySigns(t *testing.T) {
	identity, err := mustKeys(t, abandon).Identity()
	if err != nil {
		t.Fatal(err)
	}
	party, message := identity.PartyID(), []byte("domain: message")
	a := identity.SignMessage(message)
	b, err := identity.Sign(rand.Reader, message, crypto.Hash(0))
	if err != nil || !bytes.Equal(a[:], b) || !ed25519.Verify(party[:], message, b) {
		t.Errorf("%x, %x, %v", a, b, err)
	}
	if _, err := identity.Sign(rand.Reader, message, crypto.SHA256); err == nil {
		t.Error("signed what should have been hashed")
	}
}

// TestIdentityCarriesTLS makes a certificate without revealing the key.
func TestIdentityCarriesTLS(t *testing.T) {
	identity, err := mustKeys(t, abandon).Identity()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, identity.Public(), identity)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	party := identity.PartyID()
	if !bytes.Equal(certificate.PublicKey.(ed25519.PublicKey), party[:]) {
		t.Error("certificate of somebody else")
	}
	var _ = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: identity}
}

func TestKeysByManyGoroutines(t *testing.T) {
	keys := mustKeys(t, abandon)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			_, err := keys.Leg(htlc.Salt{byte(i + 1)}, Payee, i)
			if err != nil && !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
		})
	}
	keys.Close()
	group.Wait()
}
