package certificate_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kofo-network/kofo/internal/certificate"
)

func template() x509.Certificate {
	return x509.Certificate{
		Subject: pkix.Name{CommonName: "n"}, DNSNames: []string{"n"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
	}
}

// TestStored: the pair fits, is its own authority, and only its owner reads the
// key.
func TestStored(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	certFile, keyFile := filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key")
	for range 2 { // the second takes the place of the first
		if err := certificate.Store(certFile, keyFile, template()); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "n", Roots: pool}); err != nil {
		t.Error(err)
	}
	for file, want := range map[string]os.FileMode{certFile: 0o644, keyFile: 0o600} {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v", file, info, err)
		}
	}
}

// TestKeyFirst: where the key cannot be written there is no certificate that
// somebody would trust.
func TestKeyFirst(t *testing.T) {
	dir := t.TempDir()
	certFile, blocked := filepath.Join(dir, "a.crt"), filepath.Join(dir, "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := certificate.Store(certFile, filepath.Join(blocked, "a.key"), template()); err == nil {
		t.Error("a key below a file was written")
	}
	if _, err := os.Stat(certFile); !os.IsNotExist(err) {
		t.Errorf("a certificate without its key: %v", err)
	}
}
