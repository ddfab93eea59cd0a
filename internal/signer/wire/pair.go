package wire

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/kofo-network/kofo/internal/certificate"
)

// serverName is what a signer's certificate is for, wherever it runs.
const serverName = "kofo-signer"

// ErrCertificate is returned for what is no certificate of a node or a signer.
var ErrCertificate = errors.New("no certificate of a node or a signer")

// Pair is the certificate by which one side is known to the other, and its key.
// It is its own authority: the other side trusts exactly this certificate.
type Pair struct{ certificate tls.Certificate }

// EnsurePair reads the pair name.crt and name.key of a folder, or makes it.
func EnsurePair(folder, name string) (Pair, error) {
	certFile, keyFile := filepath.Join(folder, name+".crt"), filepath.Join(folder, name+".key")
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err == nil {
		return Pair{pair}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return Pair{}, fmt.Errorf("certificate %s: %w", certFile, err)
	}
	if err := certificate.Store(certFile, keyFile, template()); err != nil {
		return Pair{}, err
	}
	if pair, err = tls.LoadX509KeyPair(certFile, keyFile); err != nil {
		return Pair{}, fmt.Errorf("certificate %s: %w", certFile, err)
	}
	return Pair{pair}, nil
}

func template() x509.Certificate {
	return x509.Certificate{
		Subject: pkix.Name{CommonName: serverName}, DNSNames: []string{serverName},
		// Fixed, so that no clock matters: it is trusted until its file is taken away.
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

// Certificate is what the other side is given, in PEM.
func (p Pair) Certificate() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.certificate.Certificate[0]})
}

func trust(other []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(other) {
		return nil, ErrCertificate
	}
	return pool, nil
}

func (p Pair) server(node []byte) (*tls.Config, error) {
	pool, err := trust(node)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{p.certificate},
		ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}, nil
}

func (p Pair) client(server []byte) (*tls.Config, error) {
	pool, err := trust(server)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{p.certificate}, RootCAs: pool, ServerName: serverName,
	}, nil
}
