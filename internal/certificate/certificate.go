// Package certificate makes and stores certificates that are their own
// authority: whoever is to trust one is given exactly that file.
//
// The caller owes names and validity in the template; serial number, key and
// what makes it an authority are set here.
package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
)

// Modes of the two files: a certificate is shown to everybody anyway.
const (
	certMode = 0o644
	keyMode  = 0o600
)

// Make signs the template with a new key, and returns both in PEM.
func Make(template x509.Certificate) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return nil, nil, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign
	template.IsCA, template.BasicConstraintsValid = true, true
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), nil
}

// Store makes a certificate and writes it and its key.
func Store(certFile, keyFile string, template x509.Certificate) error {
	cert, key, err := Make(template)
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	// The key first: a certificate without its key would be trusted in vain.
	if err := replace(keyFile, key, keyMode); err != nil {
		return err
	}
	return replace(certFile, cert, certMode)
}

// WriteOwnerFile replaces a file in one step, readable by its owner only.
func WriteOwnerFile(path string, content []byte) error { return replace(path, content, keyMode) }

func replace(path string, content []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".tmp-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = os.Remove(temp.Name()) }()
	_, err = temp.Write(content)
	if err := errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
