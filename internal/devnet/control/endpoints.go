package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
)

// ErrBadEndpoints is returned for a description that cannot be used.
var ErrBadEndpoints = errors.New("control: bad endpoints")

// maxEndpointsBytes bounds what is read as a description.
const maxEndpointsBytes = 64 << 10

// Credential is a password or token. It prints redacted; JSON carries it.
type Credential string

const redacted = "[redacted]"

// String hides the credential.
func (Credential) String() string { return redacted }

// GoString hides the credential.
func (Credential) GoString() string { return redacted }

// LogValue hides the credential.
func (Credential) LogValue() slog.Value { return slog.StringValue(redacted) }

// Reveal is the credential itself.
func (c Credential) Reveal() string { return string(c) }

// Endpoints tells where a devnet is served.
type Endpoints struct {
	Bitcoin BitcoinEndpoint `json:"bitcoin"`
	EVM     EVMEndpoint     `json:"evm"`
	Control ControlEndpoint `json:"control"`
}

// BitcoinEndpoint is a btcd JSON-RPC server without TLS.
type BitcoinEndpoint struct {
	ChainID  string     `json:"chain_id"` // CAIP-2
	URL      string     `json:"url"`
	User     string     `json:"user"`
	Password Credential `json:"password"`
}

// EVMEndpoint is an Ethereum JSON-RPC server without authentication.
type EVMEndpoint struct {
	ChainID string `json:"chain_id"` // CAIP-2
	HTTP    string `json:"http"`
	WS      string `json:"ws"`
}

// ControlEndpoint is the devnet's own API.
type ControlEndpoint struct {
	URL   string     `json:"url"`
	Token Credential `json:"token"`
}

// ReadEndpoints reads one description and checks that every address in it is
// loopback: a devnet is nowhere else.
func ReadEndpoints(r io.Reader) (Endpoints, error) {
	var e Endpoints
	decoder := json.NewDecoder(io.LimitReader(r, maxEndpointsBytes))
	if err := decoder.Decode(&e); err != nil {
		return Endpoints{}, fmt.Errorf("%w: %w", ErrBadEndpoints, err)
	}
	for _, address := range []struct{ text, scheme string }{
		{e.Bitcoin.URL, "http"}, {e.EVM.HTTP, "http"}, {e.EVM.WS, "ws"}, {e.Control.URL, "http"},
	} {
		u, err := url.Parse(address.text)
		if err != nil || u.Scheme != address.scheme {
			return Endpoints{}, fmt.Errorf("%w: address %q", ErrBadEndpoints, address.text)
		}
		if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() || u.Port() == "" {
			return Endpoints{}, fmt.Errorf("%w: address %q is not a loopback port", ErrBadEndpoints, address.text)
		}
	}
	return e, nil
}

// LoadEndpoints reads the file that a devnet wrote.
func LoadEndpoints(path string) (Endpoints, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Endpoints{}, fmt.Errorf("control: %w", err)
	}
	return ReadEndpoints(bytes.NewReader(raw))
}

// Save writes the description in one step and readable by the owner only, since
// it holds credentials.
func (e Endpoints) Save(path string) error {
	raw, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return fmt.Errorf("control: endpoints: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".endpoints-")
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	_, writeErr := tmp.Write(append(raw, '\n'))
	if err := errors.Join(writeErr, tmp.Close()); err != nil {
		return errors.Join(fmt.Errorf("control: %w", err), os.Remove(tmp.Name()))
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return errors.Join(fmt.Errorf("control: %w", err), os.Remove(tmp.Name()))
	}
	return nil
}
