package wire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"
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
	certificate, key, err := generate()
	if err != nil {
		return Pair{}, fmt.Errorf("make a certificate: %w", err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return Pair{}, fmt.Errorf("folder of certificates: %w", err)
	}
	// The key first: a certificate without its key would be trusted in vain.
	if err := os.WriteFile(keyFile, key, 0o600); err != nil {
		return Pair{}, fmt.Errorf("write a key: %w", err)
	}
	if err := os.WriteFile(certFile, certificate, 0o644); err != nil {
		return Pair{}, fmt.Errorf("write a certificate: %w", err)
	}
	if pair, err = tls.LoadX509KeyPair(certFile, keyFile); err != nil {
		return Pair{}, fmt.Errorf("certificate %s: %w", certFile, err)
	}
	return Pair{pair}, nil
}

func generate() (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: serverName}, DNSNames: []string{serverName},
		// Fixed, so that no clock matters: it is trusted until its file is taken away.
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), nil
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
