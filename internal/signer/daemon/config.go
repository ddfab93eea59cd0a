// Package daemon is the reference signer: a process that has a party's seed, for
// a node that has none. It answers that node alone, over gRPC, and judges by the
// rules of its own configuration; see signer.Guarded.
//
// The caller owes Run a context that ends by an interrupt.
package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/signer"
	"github.com/kofo-network/kofo/internal/wallet"
)

// maxConfig bounds a configuration file.
const maxConfig = 1 << 20

// ErrConfig is returned for a configuration that cannot be used.
var ErrConfig = errors.New("the signer's configuration is wrong")

// Config of the process. Paths are relative to DataDir.
type Config struct {
	DataDir string `yaml:"data_dir"`
	Listen  string `yaml:"listen"`
	// SeedFile is opened by KeyFile, or else by the passphrase in the variable
	// PassphraseEnv of the environment.
	SeedFile      string `yaml:"seed_file"`
	KeyFile       string `yaml:"key_file"`
	PassphraseEnv string `yaml:"passphrase_env"`
	// Node is the certificate of the node that is answered, in PEM.
	Node     string         `yaml:"node_certificate"`
	Chains   []htlc.ChainID `yaml:"chains"`
	Accounts []string       `yaml:"accounts"`
	Parties  []string       `yaml:"parties"`
	Limits   []Limit        `yaml:"limits"`
	MaxFees  []Fee          `yaml:"max_fees"`
	Margin   time.Duration  `yaml:"margin"`
	Consent  bool           `yaml:"consent"`
}

// Limit of one asset, in base units.
type Limit struct {
	Asset   htlc.AssetID `yaml:"asset"`
	PerCall htlc.Amount  `yaml:"per_call"`
	PerDay  htlc.Amount  `yaml:"per_day"`
}

// Fee is the most that a transaction of a chain may cost, and all of them in 24
// hours, in base units of its own coin.
type Fee struct {
	Chain  htlc.ChainID `yaml:"chain"`
	Most   htlc.Amount  `yaml:"most"`
	PerDay htlc.Amount  `yaml:"per_day"`
}

// Default is what a file need not say.
func Default() Config {
	return Config{
		DataDir: ".", Listen: "127.0.0.1:7443", SeedFile: wallet.SeedFileName,
		PassphraseEnv: "KOFO_SIGNER_PASSPHRASE", Node: "node.crt", Margin: 10 * time.Minute,
	}
}

// Load reads a file. Keys that are not known are refused: a rule that is spelt
// wrong would not hold.
func Load(path string) (Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	defer func() { _ = file.Close() }()
	raw, err := io.ReadAll(io.LimitReader(file, maxConfig))
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	c, err := Parse(raw)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	if !filepath.IsAbs(c.DataDir) {
		c.DataDir = filepath.Join(filepath.Dir(path), c.DataDir)
	}
	return c, nil
}

// Parse reads the text of a file.
func Parse(raw []byte) (Config, error) {
	c := Default()
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return c, c.validate()
}

func (c Config) validate() error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("%w: listen %q is no host:port", ErrConfig, c.Listen)
	}
	if len(c.Chains) == 0 {
		return fmt.Errorf("%w: chains is empty, it would sign nothing", ErrConfig)
	}
	for _, chain := range c.Chains {
		if err := chain.Validate(); err != nil {
			return fmt.Errorf("%w: chains: %w", ErrConfig, err)
		}
		if !agreement.IsTestNetwork(chain) {
			return fmt.Errorf("%w: chains: %s is no test network, and this version signs for no other", ErrConfig, chain)
		}
	}
	for _, l := range c.Limits {
		if err := l.Asset.Validate(); err != nil || l.PerCall.IsZero() && l.PerDay.IsZero() {
			return fmt.Errorf("%w: limits: %q needs an asset and per_call or per_day", ErrConfig, l.Asset)
		}
	}
	for _, f := range c.MaxFees {
		if err := f.Chain.Validate(); err != nil || f.Most.IsZero() {
			return fmt.Errorf("%w: max_fees: %q needs a chain and an amount", ErrConfig, f.Chain)
		}
	}
	if c.Margin < 0 {
		return fmt.Errorf("%w: margin is negative", ErrConfig)
	}
	_, err := c.parties()
	return err
}

func (c Config) parties() ([]htlc.PartyID, error) {
	var out []htlc.PartyID
	for _, text := range c.Parties {
		id, err := htlc.ParsePartyID(text)
		if err != nil {
			return nil, fmt.Errorf("%w: parties: %w", ErrConfig, err)
		}
		out = append(out, id)
	}
	return out, nil
}

// Rules are those of the configuration.
func (c Config) Rules() (signer.Rules, error) {
	parties, err := c.parties()
	if err != nil {
		return signer.Rules{}, err
	}
	r := signer.Rules{
		Chains: c.Chains, Accounts: c.Accounts, Parties: parties, MaxFees: map[htlc.ChainID]htlc.Amount{},
		FeesPerDay: map[htlc.ChainID]htlc.Amount{},
		Margin:     c.Margin, Consent: c.Consent,
	}
	for _, l := range c.Limits {
		r.Limits = append(r.Limits, signer.Limit{Asset: l.Asset, PerCall: l.PerCall, PerDay: l.PerDay})
	}
	for _, f := range c.MaxFees {
		r.MaxFees[f.Chain], r.FeesPerDay[f.Chain] = f.Most, f.PerDay
	}
	return r, nil
}

func (c Config) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.DataDir, p)
}
