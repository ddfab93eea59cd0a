package config

import (
	"path/filepath"
	"time"

	"github.com/kofo-network/kofo/htlc"
)

// Names of files in the data folder.
const (
	FileName       = "kofod.yml"
	AdminTokenFile = "admin.token"
	CertFile       = "tls/cert.pem"
	KeyFile        = "tls/key.pem"
)

// Config is everything that a node is told. The doc tags make
// docs/configuration.md.
type Config struct {
	DataDir string   `koanf:"data_dir" doc:"Folder of everything that the node keeps: seed file, database, certificate, copies of Terms. Relative paths below start here"`
	Roles   []string `koanf:"roles" doc:"What this process does: all, or tower for a watchtower alone, which has no seed and no API"`
	API     API      `koanf:"api" doc:"The API for the owner's programs"`
	Peer    Peer     `koanf:"peer" doc:"Answers of other nodes to tickets of this one"`
	Store   Store    `koanf:"store" doc:"The database"`
	Bus     Bus      `koanf:"bus" doc:"The NATS bus between watchers and engine. It only wakes: losing it loses nothing"`
	Keys    Keys     `koanf:"keys" doc:"How the seed is opened. Where neither key file nor passphrase is given, kofod asks on the terminal"`
	Signer  Signer   `koanf:"signer" doc:"The process that holds the keys, for a node without a seed; see docs/signers.md"`
	Chains  []Chain  `koanf:"chains" doc:"The chains served. Test networks only"`
	Policy  Policy   `koanf:"policy" doc:"What this node agrees to"`
	Payouts Payouts  `koanf:"payouts" doc:"Where coins may go and how much of them, whatever credential asks for it"`
	Towers  Towers   `koanf:"towers" doc:"The watchtowers that redeem and refund in this node's place while it is down; see docs/watchtower.md"`
	Tower   Tower    `koanf:"tower" doc:"Only with the role tower: what this watchtower does for others"`
	Mainnet Mainnet  `koanf:"mainnet" doc:"Mainnets. Refused by this version"`
	Log     Log      `koanf:"log" doc:"The log, on standard error"`
	Metrics Metrics  `koanf:"metrics" doc:"Metrics for Prometheus"`
	Traces  Traces   `koanf:"traces" doc:"Traces for OpenTelemetry: what was done for a swap, when, and for how long. Nothing waits for the collector; what it does not take is dropped"`
}

// API is how the node serves its owner.
type API struct {
	Listen      string        `koanf:"listen" doc:"host:port of gRPC and REST, under TLS"`
	REST        bool          `koanf:"rest" doc:"Serve REST and OpenAPI beside gRPC on the same port"`
	TLSCert     string        `koanf:"tls_cert" doc:"PEM file of the certificate chain. Where empty, one is generated in tls/ of the data folder"`
	TLSKey      string        `koanf:"tls_key" doc:"PEM file of its key"`
	TLSNames    []string      `koanf:"tls_names" doc:"Further host names and addresses that the generated certificate is for"`
	MaxMessage  int           `koanf:"max_message" doc:"Largest request, in bytes"`
	MaxConns    int           `koanf:"max_conns" doc:"Most connections at one time"`
	MaxStreams  int           `koanf:"max_streams" doc:"Most calls at one time on one connection"`
	MaxWatchers int           `koanf:"max_watchers" doc:"Most Watch streams at one time"`
	CallTimeout time.Duration `koanf:"call_timeout" doc:"Longest that one call may take; streams are not limited"`
	Rate        int           `koanf:"rate" doc:"Calls a second for one token; ten times as many at once"`
}

// Peer is how other nodes reach this one.
type Peer struct {
	Listen    string `koanf:"listen" doc:"host:port for other nodes. Where empty, answers come by hand"`
	Advertise string `koanf:"advertise" doc:"host:port that tickets name; listen where empty"`
}

// Store is the database.
type Store struct {
	Driver  string `koanf:"driver" doc:"sqlite or postgres"`
	Reserve int    `koanf:"disk_reserve" doc:"MiB that are kept back in the data folder. When the disk is nearly full they are given up, so that running swaps settle while no new one begins; 0 for none"`
	DSN     Secret `koanf:"dsn" doc:"SQLite: the file, kofo.db of the data folder where empty. PostgreSQL: its URL"`
}

// Bus is the message bus.
type Bus struct {
	URL         Secret `koanf:"url" doc:"URL of a NATS server or, with commas between, of a cluster. Where empty, one is embedded"`
	Credentials string `koanf:"credentials" doc:"NATS credentials file"`
	Prefix      string `koanf:"prefix" doc:"First part of every subject and stream name, so that nodes can share a cluster"`
	Replicas    int    `koanf:"replicas" doc:"Copies of the stream in the cluster: 1, 3 or 5"`
}

// Keys is how the seed is opened.
type Keys struct {
	SeedFile      string `koanf:"seed_file" doc:"The encrypted seed"`
	KeyFile       string `koanf:"key_file" env:"KOFO_KEY_FILE" doc:"age identity that opens the seed, for unattended nodes. Readable by its owner only"`
	PassphraseEnv string `koanf:"passphrase_env" doc:"Name of the environment variable that may hold the passphrase"`
	PassphraseFD  int    `koanf:"passphrase_fd" doc:"Number of an open file descriptor to read the passphrase from; -1 for none"`
}

// Signer is where the keys are, if not here.
type Signer struct {
	Address     string        `koanf:"address" doc:"host:port of the signer. Where it is set no seed is opened"`
	Certificate string        `koanf:"certificate" doc:"PEM file that kofo-signer certificate prints. The signer is given this node's, tls/signer-client.crt of the data folder"`
	Timeout     time.Duration `koanf:"timeout" doc:"Longest that one signature is waited for. A chain's line of transactions waits with it"`
}

// Elsewhere reports whether the keys are in another process.
func (s Signer) Elsewhere() bool { return s.Address != "" }

// Chain is one chain and its back end.
type Chain struct {
	Name         string      `koanf:"name" doc:"Name for people: letters, digits and dashes"`
	Kind         string      `koanf:"kind" doc:"bitcoin or evm"`
	ID           string      `koanf:"id" doc:"CAIP-2 id"`
	URL          Secret      `koanf:"url" doc:"The back end: http(s) for bitcoin, http(s) or ws(s) for evm. Printed without user and path"`
	User         string      `koanf:"user" doc:"User of the back end's RPC"`
	Password     Secret      `koanf:"password" doc:"Password of that user; better one of the two below"`
	PasswordEnv  string      `koanf:"password_env" doc:"Name of the environment variable with the password"`
	PasswordFile string      `koanf:"password_file" doc:"File with the password"`
	CookieFile   string      `koanf:"cookie_file" doc:"Cookie file of the back end, instead of user and password"`
	TLSCert      string      `koanf:"tls_cert" doc:"PEM file of the certificate that the back end's must descend from"`
	More         []BackEnd   `koanf:"backends" doc:"Further back ends of the chain, at best of different operators. With two or more in all, each is judged by the others, and two must agree before the secret is shown or coins are locked; http(s) only"`
	Health       Health      `koanf:"health" doc:"When one of several back ends is set aside"`
	Breaker      Breaker     `koanf:"breaker" doc:"When the chain is not trusted with new swaps and first reveals"`
	Depth        []DepthStep `koanf:"depth" doc:"More confirmations for larger amounts. Where neither these nor min_confirmations are given, the profile's"`
	Finality     bool        `koanf:"finality" doc:"EVM: besides min_confirmations, wait until the chain calls the funding's block finalized, where the back end tells"`
	Genesis      string      `koanf:"genesis" doc:"Hash of block 0, 64 hexadecimal digits. Where empty, the id tells it (bitcoin) or the first answer is kept (evm, local chains only)"`
	Deployment   string      `koanf:"deployment" doc:"EVM: address of the Solidity deployment; the release's deterministic address where empty"`
	Tokens       []Token     `koanf:"tokens" doc:"EVM: the ERC-20 tokens that are swapped. List no token whose balances change by themselves"`
	Profile      string      `koanf:"profile" doc:"Defaults of timing and depth: standard, or devnet (one-second blocks; regtest and chain ids 1337 and 31337 only)"`
	Confirms     uint32      `koanf:"min_confirmations" doc:"Depth at which a funding or a spend counts; 0 for the profile's"`
	Timing       Timing      `koanf:"timing" doc:"What time locks are computed from; 0 for the profile's"`
	Fees         Fees        `koanf:"fees" doc:"Limits of fees"`
	Poll         Duration    `koanf:"poll_interval" doc:"How often a back end without notifications is asked"`
	Birth        uint64      `koanf:"birth_height" doc:"Bitcoin: height of the last block before this seed was made; older blocks are not searched for its coins. 0 searches all, which is right for local chains only"`
	Lanes        uint64      `koanf:"lanes" doc:"EVM: most contracts of this node open at one time; 0 for the default"`
	Bury         uint64      `koanf:"bury" doc:"Depth at which a lane's close or a used nonce counts as final; 0 for min_confirmations"`
}

// Duration is a time.Duration whose zero means a default.
type Duration = time.Duration

// Timing is htlc.Timing for people.
type Timing struct {
	ClockLead  Duration `koanf:"clock_lead" doc:"Most that the chain's clock runs ahead of real time"`
	ClockLag   Duration `koanf:"clock_lag" doc:"Most that it runs behind"`
	FundWindow Duration `koanf:"fund_window" doc:"To broadcast the funding and see it in a block"`
	BuryFund   Duration `koanf:"bury_fund" doc:"From a funding's block to min_confirmations, at stress fees"`
	BuryRedeem Duration `koanf:"bury_redeem" doc:"From the broadcast of a redeem to min_confirmations, at stress fees"`
	BuryRefund Duration `koanf:"bury_refund" doc:"The same of a refund"`
	Sighting   Duration `koanf:"sighting" doc:"To notice a spend"`
}

// Fees are limits of what a chain's transactions may cost.
type Fees struct {
	Stress        uint64      `koanf:"stress_rate" doc:"Fee rate that budgets and smallest amounts are computed with: sat/vB, or gwei for each gas; 0 for the default"`
	BudgetShare   int         `koanf:"budget_permille" doc:"Most that redeeming or refunding may cost, in thousandths of the value at risk"`
	MaxShare      uint64      `koanf:"max_fee_percent" doc:"The smallest leg is that of which redeem and refund at the stress rate are this part; 0 for the default"`
	ClimbWindow   Duration    `koanf:"climb_window" doc:"How long before a deadline the rate begins to climb to the budget; 0 for the default"`
	BudgetMinimum htlc.Amount `koanf:"budget_min" doc:"Budget where the leg is no coin of the chain's own, in base units of that coin; 0 for redeem and refund at the stress rate"`
}

// Token is an ERC-20 token that may be swapped.
type Token struct {
	Asset    string      `koanf:"asset" doc:"CAIP-19 id, lower case"`
	Symbol   string      `koanf:"symbol" doc:"Short name"`
	Decimals uint32      `koanf:"decimals" doc:"Places of the decimal point"`
	Min      htlc.Amount `koanf:"min" doc:"Smallest leg in base units; 0 for no limit"`
	Max      htlc.Amount `koanf:"max" doc:"Largest leg in base units; 0 for no limit"`
	Trust    string      `koanf:"trust" doc:"What its holders trust, shown in every quote; a general note where empty"`
}

// Policy is what the node agrees to.
type Policy struct {
	Outage        Duration    `koanf:"outage" doc:"How long a party may be offline between two legs; 0 for the profiles' default (2h, devnet 8s)"`
	OfferValidity Duration    `koanf:"offer_validity" doc:"How long a ticket can be accepted where the caller does not say; 0 for the profiles' default (30m, devnet 20s)"`
	MaxLock       Duration    `koanf:"max_lock" doc:"Longest that own coins may be locked if the swap fails"`
	MaxAmounts    []MaxAmount `koanf:"max_amounts" doc:"Largest leg of an asset that this node pays or is paid"`
	Consent       bool        `koanf:"consent" doc:"Ask the other party for spends with both parties' consent, which are cheaper and may come before the time lock, and answer it. Without them the script paths are used"`
	ConsentWait   Duration    `koanf:"consent_wait" doc:"How long consent to a redeem is waited for before the redeem by script goes out; at most 30s"`
	CopiesDir     string      `koanf:"copies_dir" doc:"Where an encrypted copy of every swap's Terms is written before funding; best on another disk than the database"`
	MoreCopies    []CopyDir   `koanf:"more_copies" doc:"Further folders for these copies, such as one on another machine"`
}

// CopyDir is a further folder for copies of Terms.
type CopyDir struct {
	Dir      string `koanf:"dir" doc:"The folder"`
	Required bool   `koanf:"required" doc:"Nothing is funded while a copy can't be written there; else the log tells"`
}

// MaxAmount limits one asset.
type MaxAmount struct {
	Asset  string      `koanf:"asset" doc:"CAIP-19 id"`
	Amount htlc.Amount `koanf:"amount" doc:"In base units"`
}

// Payouts limit what even a stolen credential can move.
type Payouts struct {
	Accounts []string      `koanf:"accounts" doc:"The only addresses that are withdrawn to, as CAIP-10 account ids such as eip155:1337:0x70..; any where there is none and restrict is false"`
	Restrict bool          `koanf:"restrict" doc:"Withdraw to listed addresses only, even where none is listed"`
	Delay    Duration      `koanf:"delay" doc:"How long an address waits that was added by a call; 0 forbids adding by call"`
	Parties  []string      `koanf:"parties" doc:"Public keys, in hex, of the only parties that swaps are agreed with; any where empty. Without it the limits alone bound what a stolen credential can lose by bad swaps"`
	Limits   []PayoutLimit `koanf:"limits" doc:"Most that leaves this node of an asset, by withdrawals and by the legs that it pays"`
}

// PayoutLimit limits one asset.
type PayoutLimit struct {
	Asset   string      `koanf:"asset" doc:"CAIP-19 id"`
	PerCall htlc.Amount `koanf:"per_call" doc:"For one withdrawal or swap, in base units; 0 for no limit"`
	PerDay  htlc.Amount `koanf:"per_day" doc:"In any 24 hours, over restarts; 0 for no limit"`
}

// Restricted reports whether only listed addresses are paid.
func (p Payouts) Restricted() bool { return p.Restrict || len(p.Accounts) > 0 }

// Mainnet is the opt-in to chains whose coins have value.
type Mainnet struct {
	AcceptRisk string `koanf:"accept_risk" doc:"Refused while a row of the safety catalogue is open, whatever it says: kofo doctor lists the open rows"`
}

// Log is about the log.
type Log struct {
	Level  string `koanf:"level" doc:"debug, info, warn or error"`
	Format string `koanf:"format" doc:"text or json"`
}

// Metrics are for machines.
type Metrics struct {
	Listen string `koanf:"listen" doc:"host:port of /metrics, without TLS and credentials: keep it local. Not served where empty"`
}

// Traces are for people who look for the cause.
type Traces struct {
	Endpoint string `koanf:"endpoint" doc:"host:port of an OTLP collector that speaks gRPC. No traces where empty. Spans name swaps, chains, transactions and calls, and neither secrets nor tickets nor texts of errors"`
	Insecure bool   `koanf:"insecure" doc:"Talk to it without TLS: for a collector on this machine"`
	Permille int    `koanf:"sample_permille" doc:"Part of the traces that is kept, in thousandths; of a swap all spans or none, and the same swaps on every node"`
}

// Default is the configuration of a node that was told nothing.
func Default(dataDir string) Config {
	return Config{
		DataDir: dataDir,
		Roles:   []string{RoleAll},
		API: API{
			Listen: "127.0.0.1:9520", REST: true, MaxMessage: 64 << 10, MaxConns: 256, MaxStreams: 64,
			MaxWatchers: 64, CallTimeout: time.Minute, Rate: 50,
		},
		Store:   Store{Driver: "sqlite", Reserve: 128},
		Bus:     Bus{Prefix: "kofo", Replicas: 1},
		Keys:    Keys{SeedFile: "seed.age", PassphraseEnv: "KOFO_PASSPHRASE", PassphraseFD: -1},
		Policy:  Policy{MaxLock: 72 * time.Hour, CopiesDir: "terms", Consent: true, ConsentWait: 10 * time.Second},
		Payouts: Payouts{Delay: 24 * time.Hour},
		Tower:   Tower{Longest: 30 * 24 * time.Hour},
		Signer:  Signer{Certificate: "signer.crt", Timeout: 10 * time.Second},
		Log:     Log{Level: "info", Format: "text"},
		Traces:  Traces{Permille: 1000},
	}
}

// defaultChain is a chain of which only the required keys are given.
func defaultChain() Chain {
	return Chain{Profile: ProfileStandard, Poll: time.Second, Fees: Fees{BudgetShare: 500}}
}

// Path resolves a path of the configuration against the data folder.
func (c Config) Path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.DataDir, p)
}

// CertPath is the PEM file of the certificate that clients trust.
func (c Config) CertPath() string {
	if c.API.TLSCert != "" {
		return c.Path(c.API.TLSCert)
	}
	return c.Path(CertFile)
}

// Advertised is the address that tickets name; empty: answers come by hand.
func (c Config) Advertised() string {
	if c.Peer.Listen == "" || c.Peer.Advertise != "" {
		return c.Peer.Advertise
	}
	return c.Peer.Listen
}
