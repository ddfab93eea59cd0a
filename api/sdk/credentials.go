package sdk

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"google.golang.org/grpc/credentials"

	"github.com/kofo-network/kofo/api/internal/pin"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

// Token is the text of a credential. It prints redacted in every format.
type Token struct{ text string }

// NewToken takes the text that CreateToken returned.
func NewToken(text string) Token { return Token{strings.TrimSpace(text)} }

// LoadToken reads the text from a file.
func LoadToken(path string) (Token, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Token{}, fmt.Errorf("token file: %w", err)
	}
	return NewToken(string(raw)), nil
}

const redacted = "token(redacted)"

func (t Token) String() string { return redacted }

// Format keeps every verb from printing the text.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText keeps encoders from writing the text.
func (t Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue keeps handlers from writing the text.
func (t Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// bearer adds the token to every call, over TLS only.
type bearer struct{ token Token }

// GetRequestMetadata is asked by gRPC for every call.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.token.text}, nil
}

// RequireTransportSecurity keeps gRPC from sending the token in the clear.
func (bearer) RequireTransportSecurity() bool { return true }

func (o Options) credentials() (credentials.TransportCredentials, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS13, ServerName: o.ServerName}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, badOption("CAFile", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, badOption("CAFile", fmt.Errorf("%s holds no PEM certificate", o.CAFile))
		}
	}
	if o.Fingerprint != "" {
		if err := pin.To(config, o.Fingerprint); err != nil {
			return nil, badOption("Fingerprint", err)
		}
	}
	return credentials.NewTLS(config), nil
}

// Fingerprint is the SHA-256 of a certificate (DER) in hex.
func Fingerprint(der []byte) string { return pin.Fingerprint(der) }

func badOption(field string, err error) error {
	return reason.Error(reason.BadConfig, fmt.Sprintf("%s: %v", field, err), map[string]string{reason.KeyField: field})
}
