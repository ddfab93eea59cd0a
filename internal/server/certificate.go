package server

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"time"

	"github.com/kofo-network/kofo/internal/certificate"
)

// Lifetime of a generated certificate, and how long before its end a start
// makes a new one.
const (
	certificateLife  = 5 * 365 * 24 * time.Hour
	certificateRenew = 90 * 24 * time.Hour
)

// Certificate is what the node shows. Its fingerprint is the SHA-256 of the
// leaf, by which clients can pin it.
type Certificate struct {
	tls         tls.Certificate
	Fingerprint string
}

// LoadCertificate reads a certificate that the owner has.
func LoadCertificate(certFile, keyFile string) (Certificate, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return Certificate{}, fmt.Errorf("certificate of the API: %w", err)
	}
	return newCertificate(pair), nil
}

func newCertificate(pair tls.Certificate) Certificate {
	sum := sha256.Sum256(pair.Certificate[0])
	return Certificate{tls: pair, Fingerprint: hex.EncodeToString(sum[:])}
}

// EnsureCertificate reads the generated certificate, or makes one where there
// is none, where it is for other names, or where it ends soon. It is its own
// authority, so that clients trust exactly this file.
func EnsureCertificate(certFile, keyFile string, names []string, now time.Time) (Certificate, error) {
	names = withLocalNames(names)
	c, err := LoadCertificate(certFile, keyFile)
	switch {
	case err == nil && serves(c, names, now):
		return c, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return Certificate{}, err
	}
	if err := certificate.Store(certFile, keyFile, template(names, now)); err != nil {
		return Certificate{}, err
	}
	return LoadCertificate(certFile, keyFile)
}

func withLocalNames(names []string) []string {
	out := []string{"localhost", "127.0.0.1", "::1"}
	if host, err := os.Hostname(); err == nil && host != "" {
		out = append(out, host)
	}
	for _, n := range names {
		if n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

func serves(c Certificate, names []string, now time.Time) bool {
	leaf, err := x509.ParseCertificate(c.tls.Certificate[0])
	if err != nil || now.Add(certificateRenew).After(leaf.NotAfter) {
		return false
	}
	return !slices.ContainsFunc(names, func(n string) bool { return leaf.VerifyHostname(n) != nil })
}

func template(names []string, now time.Time) x509.Certificate {
	out := x509.Certificate{
		Subject:   pkix.Name{CommonName: "kofod"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLife),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			out.IPAddresses = append(out.IPAddresses, ip)
		} else {
			out.DNSNames = append(out.DNSNames, n)
		}
	}
	return out
}
