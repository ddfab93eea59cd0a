package config

import (
	"fmt"
	"math"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/safety"
)

// Bounds of values.
const (
	minOffer = 10 * time.Second
	maxOffer = 24 * time.Hour
	maxSpan  = 30 * 24 * time.Hour
	// A question is one effect of the runner, which has a minute for it.
	maxConsentWait = 30 * time.Second
)

var (
	chainName = regexp.MustCompile(`^[a-z0-9][-a-z0-9]{0,31}$`)
	busPrefix = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,32}$`)
	hash32    = regexp.MustCompile(`^(0x)?[0-9a-fA-F]{64}$`)
	address20 = regexp.MustCompile(`^0x[0-9a-fA-F]{40}$`)
)

// problems of one section; the prefix is that of its keys.
type problems struct {
	prefix string
	list   []Problem
}

func (p *problems) add(reason, key, format string, args ...any) {
	p.list = append(p.list, Problem{Reason: reason, Key: p.prefix + key, Text: fmt.Sprintf(format, args...)})
}

func (p *problems) oneOf(key, value string, allowed ...string) {
	if slices.Contains(allowed, value) {
		return
	}
	p.list = append(p.list, Problem{
		Reason: ReasonBadValue, Key: p.prefix + key, Suggest: nearest(value, allowed),
		Text: fmt.Sprintf("%q, must be %s", value, strings.Join(allowed, " or ")),
	})
}

func (p *problems) within(key string, value, least, most int) {
	if value < least || value > most {
		p.add(ReasonBadValue, key, "%d, must be from %d to %d", value, least, most)
	}
}

func (p *problems) span(key string, value, least, most time.Duration) {
	if value < least || value > most || value%time.Second != 0 {
		p.add(ReasonBadValue, key, "%s, must be from %s to %s in whole seconds", value, least, most)
	}
}

func (p *problems) hostPort(key, value string, zeroPort bool) {
	_, port, err := net.SplitHostPort(value)
	n, convErr := strconv.ParseUint(port, 10, 16)
	if err != nil || convErr != nil || n == 0 && !zeroPort {
		p.add(ReasonBadValue, key, "%q, must be host:port", value)
	}
}

// validate reports everything that is wrong with the values of a completed
// configuration, but for what they give together: see validateLocks.
func (c Config) validate() []Problem {
	var out []Problem
	out = append(out, c.validateRoot()...)
	out = append(out, c.API.validate()...)
	out = append(out, c.Signer.validate()...)
	out = append(out, c.Peer.validate()...)
	out = append(out, c.Store.validate()...)
	out = append(out, c.Bus.validate()...)
	out = append(out, c.Keys.validate()...)
	out = append(out, c.validateChains()...)
	out = append(out, c.Policy.validate(c.Chains)...)
	out = append(out, c.Payouts.validate(c.Chains)...)
	out = append(out, c.Towers.validate()...)
	out = append(out, c.Tower.validate()...)
	out = append(out, c.validateRoles()...)
	out = append(out, c.Mainnet.validate()...)
	out = append(out, c.Log.validate()...)
	if c.Metrics.Listen != "" {
		p := problems{prefix: "metrics."}
		p.hostPort("listen", c.Metrics.Listen, true)
		out = append(out, p.list...)
	}
	return append(out, c.Traces.validate()...)
}

func (t Traces) validate() []Problem {
	p := problems{prefix: "traces."}
	if t.Endpoint != "" {
		p.hostPort("endpoint", t.Endpoint, false)
	}
	if t.Permille < 0 || t.Permille > 1000 {
		p.add(ReasonBadValue, "sample_permille", "%d, must be from 0 to 1000", t.Permille)
	}
	return p.list
}

// ofLocks are the keys without which locks cannot be computed.
var ofLocks = regexp.MustCompile(`^(policy(\.(outage|offer_validity|max_lock))?|chains(\[\d+\](\.(kind|profile|timing)(\..*)?)?)?)$`)

func touchesLocks(p Problem) bool { return ofLocks.MatchString(p.Key) }

// validatePasswords: what a back end wants to be told must be there.
func (c Config) validatePasswords(environ []string) []Problem {
	var out []Problem
	for i, chain := range c.Chains {
		for n, b := range chain.BackEnds() {
			if b.CookieFile != "" {
				continue // comes and goes with the back end
			}
			if _, _, err := c.Login(b, environ); err != nil {
				key := "password_env"
				if b.PasswordFile != "" {
					key = "password_file"
				}
				out = append(out, Problem{Reason: ReasonMissing, Key: fmt.Sprintf("chains[%d].%s%s", i, chain.backEndKey(n), key), Text: err.Error()})
			}
		}
	}
	return out
}

func (c Config) validateRoot() []Problem {
	p := problems{}
	if c.DataDir == "" {
		p.add(ReasonMissing, "data_dir", "must be given")
	}
	return p.list
}

func (a API) validate() []Problem {
	p := problems{prefix: "api."}
	p.hostPort("listen", a.Listen, true)
	if (a.TLSCert == "") != (a.TLSKey == "") {
		p.add(ReasonConflict, "tls_cert", "tls_cert and tls_key belong together")
	}
	if a.TLSCert != "" && len(a.TLSNames) > 0 {
		p.add(ReasonConflict, "tls_names", "they are for the generated certificate, but tls_cert names one")
	}
	p.within("max_message", a.MaxMessage, 32<<10, 16<<20)
	p.within("max_conns", a.MaxConns, 1, 100_000)
	p.within("max_streams", a.MaxStreams, 1, 10_000)
	p.within("max_watchers", a.MaxWatchers, 1, 10_000)
	p.within("rate", a.Rate, 1, 100_000)
	p.span("call_timeout", a.CallTimeout, time.Second, time.Hour)
	return p.list
}

func (peer Peer) validate() []Problem {
	p := problems{prefix: "peer."}
	if peer.Listen != "" {
		p.hostPort("listen", peer.Listen, true)
	}
	if peer.Advertise != "" {
		p.hostPort("advertise", peer.Advertise, false)
		if peer.Listen == "" {
			p.add(ReasonConflict, "advertise", "nothing listens there: peer.listen is empty")
		}
	}
	return p.list
}

func (s Store) validate() []Problem {
	p := problems{prefix: "store."}
	p.oneOf("driver", s.Driver, "sqlite", "postgres")
	p.within("disk_reserve", s.Reserve, 0, 1<<20)
	dsn := s.DSN.Reveal()
	if s.Driver == "postgres" && !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		p.add(ReasonMissing, "dsn", "must be a URL postgres://user:password@host:port/database")
	}
	if s.Driver == "sqlite" && strings.Contains(dsn, "://") {
		p.add(ReasonConflict, "dsn", "must be a file for sqlite")
	}
	return p.list
}

func (b Bus) validate() []Problem {
	p := problems{prefix: "bus."}
	for part := range strings.SplitSeq(b.URL.Reveal(), ",") {
		u, err := url.Parse(part)
		known := err == nil && slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) && u.Host != ""
		if b.URL.Reveal() != "" && !known {
			p.add(ReasonBadValue, "url", "must be nats://host:port or tls://host:port, with commas between")
			break
		}
	}
	if b.Credentials != "" && b.URL.IsZero() {
		p.add(ReasonConflict, "credentials", "the embedded server takes none: bus.url is empty")
	}
	if !busPrefix.MatchString(b.Prefix) {
		p.add(ReasonBadValue, "prefix", "%q, must be 1 to 32 letters, digits, dashes and underscores", b.Prefix)
	}
	switch {
	case b.Replicas != 1 && b.Replicas != 3 && b.Replicas != 5:
		p.add(ReasonBadValue, "replicas", "%d, must be 1, 3 or 5", b.Replicas)
	case b.Replicas > 1 && b.URL.IsZero():
		p.add(ReasonConflict, "replicas", "%d, but the embedded server is one", b.Replicas)
	}
	return p.list
}

func (k Keys) validate() []Problem {
	p := problems{prefix: "keys."}
	if k.SeedFile == "" {
		p.add(ReasonMissing, "seed_file", "must be given")
	}
	p.within("passphrase_fd", k.PassphraseFD, -1, math.MaxInt32)
	if k.PassphraseFD >= 0 && k.PassphraseFD < 3 && k.PassphraseFD != 0 {
		p.add(ReasonBadValue, "passphrase_fd", "%d is where the node writes to", k.PassphraseFD)
	}
	if k.KeyFile != "" && k.PassphraseFD >= 0 {
		p.add(ReasonConflict, "passphrase_fd", "keys.key_file opens the seed already")
	}
	return p.list
}

func (m Mainnet) validate() []Problem {
	p := problems{prefix: "mainnet."}
	if open := safety.OpenRows; m.AcceptRisk != "" && len(open) > 0 {
		p.add(ReasonMainnet, "accept_risk", "mainnets are refused, and accepting the risk changes nothing: rows %s of the safety catalogue are open", strings.Join(open, ", "))
	}
	return p.list
}

func (l Log) validate() []Problem {
	p := problems{prefix: "log."}
	p.oneOf("level", l.Level, "debug", "info", "warn", "error")
	p.oneOf("format", l.Format, "text", "json")
	return p.list
}

func (policy Policy) validate(chains []Chain) []Problem {
	p := problems{prefix: "policy."}
	p.span("outage", policy.Outage, time.Second, maxSpan)
	p.span("offer_validity", policy.OfferValidity, minOffer, maxOffer)
	p.span("max_lock", policy.MaxLock, time.Minute, maxSpan)
	p.span("consent_wait", policy.ConsentWait, time.Second, maxConsentWait)
	if policy.CopiesDir == "" {
		p.add(ReasonMissing, "copies_dir", "must be given")
	}
	for i, more := range policy.MoreCopies {
		if more.Dir == "" {
			p.add(ReasonMissing, fmt.Sprintf("more_copies[%d].dir", i), "must be given")
		}
	}
	seen := map[string]bool{}
	for i, m := range policy.MaxAmounts {
		at := fmt.Sprintf("max_amounts[%d].", i)
		id := htlc.AssetID(m.Asset)
		switch err := id.Validate(); {
		case err != nil:
			p.add(ReasonBadValue, at+"asset", "%v", err)
		case seen[m.Asset]:
			p.add(ReasonTwice, at+"asset", "%s stands twice", m.Asset)
		case !slices.ContainsFunc(chains, func(c Chain) bool { return c.ID == string(id.Chain()) }):
			p.add(ReasonConflict, at+"asset", "no chain of this configuration has %s", m.Asset)
		}
		if m.Amount.IsZero() {
			p.add(ReasonMissing, at+"amount", "must be more than 0")
		}
		seen[m.Asset] = true
	}
	return p.list
}

// validateLocks computes the longest lock of every pair of chains, so that a
// node whose timing contradicts its policy says so at once.
func (c Config) validateLocks() []Problem {
	p := problems{}
	for i, a := range c.Chains {
		for j, b := range c.Chains {
			lock, err := longestLock(a, b, c.Policy)
			if err != nil {
				p.add(ReasonBadValue, fmt.Sprintf("chains[%d].timing", i), "no schedule for %s and %s: %v", a.Name, b.Name, err)
			} else if lock > c.Policy.MaxLock && i != j {
				p.add(ReasonTooLong, "policy.max_lock", "%s, but swaps of %s for %s lock for up to %s", c.Policy.MaxLock, a.Name, b.Name, lock)
			}
		}
	}
	return p.list
}

// longestLock is from the making of a ticket to the opening of the first leg's
// time lock, in real time and at the latest.
func longestLock(first, second Chain, policy Policy) (time.Duration, error) {
	const start = int64(1_700_000_000) // any moment that a time lock can have
	terms := htlc.Terms{
		AcceptBy: start, Outage: uint32(policy.Outage / time.Second),
		Legs: []htlc.Leg{{Timing: first.Timing.HTLC()}, {Payer: 1, Timing: second.Timing.HTLC()}},
	}
	terms, err := terms.WithSchedule(start)
	if err != nil {
		return 0, err
	}
	return policy.OfferValidity + time.Duration(terms.Legs[0].OpenMax()-start)*time.Second, nil
}

func (c Config) validateChains() []Problem {
	var out []Problem
	names, ids := map[string]bool{}, map[string]bool{}
	for i, chain := range c.Chains {
		p := problems{prefix: fmt.Sprintf("chains[%d].", i)}
		chain.validate(&p)
		if names[chain.Name] {
			p.add(ReasonTwice, "name", "%q stands twice", chain.Name)
		}
		if ids[chain.ID] {
			p.add(ReasonTwice, "id", "%s stands twice", chain.ID)
		}
		names[chain.Name], ids[chain.ID] = true, true
		out = append(out, p.list...)
	}
	return out
}

func (c Chain) validate(p *problems) {
	if !chainName.MatchString(c.Name) {
		p.add(ReasonBadValue, "name", "%q, must be lower-case letters, digits and dashes", c.Name)
	}
	p.oneOf("kind", c.Kind, KindBitcoin, KindEVM)
	p.oneOf("profile", c.Profile, ProfileStandard, ProfileDevnet)
	c.validateID(p)
	c.validateBackEnds(p)
	if c.Genesis != "" && !hash32.MatchString(c.Genesis) {
		p.add(ReasonBadValue, "genesis", "%q, must be 64 hexadecimal digits", c.Genesis)
	}
	if c.Kind == KindEVM {
		c.validateEVM(p)
	} else if c.Deployment != "" || len(c.Tokens) > 0 || c.Lanes != 0 {
		p.add(ReasonConflict, "deployment", "deployment, tokens and lanes are for chains of kind evm")
	}
	if c.Poll < 50*time.Millisecond || c.Poll > time.Hour {
		p.add(ReasonBadValue, "poll_interval", "%s, must be from 50ms to 1h", c.Poll)
	}
	if _, ok := profiles[c.Profile][c.Kind]; ok { // else they have no defaults
		if c.Confirms > 10_000 {
			p.add(ReasonBadValue, "min_confirmations", "%d, must be from 1 to 10000", c.Confirms)
		}
		c.Timing.validate(p)
		c.validateTrust(p)
	}
	p.within("fees.budget_permille", c.Fees.BudgetShare, 1, 1000)
	p.span("fees.climb_window", c.Fees.ClimbWindow, 0, maxSpan)
	if c.Fees.MaxShare > 100 {
		p.add(ReasonBadValue, "fees.max_fee_percent", "%d, must be at most 100", c.Fees.MaxShare)
	}
}

func (c Chain) validateID(p *problems) {
	id := htlc.ChainID(c.ID)
	if err := id.Validate(); err != nil {
		p.add(ReasonBadValue, "id", "%v", err)
		return
	}
	want := map[string]string{KindBitcoin: "bip122", KindEVM: "eip155"}[c.Kind]
	switch err := agreement.CheckNetwork(id); {
	case want != "" && id.Namespace() != want:
		p.add(ReasonConflict, "id", "%s is no chain of kind %s, whose ids begin with %s", c.ID, c.Kind, want)
	case err != nil:
		p.add(ReasonMainnet, "id", "%v", err)
	case c.Profile == ProfileDevnet && !devnetChains[id]:
		p.add(ReasonProfile, "profile", "devnet is for regtest and chain ids 1337 and 31337, not for %s", c.ID)
	}
}

func (c Chain) validateEVM(p *problems) {
	if c.Deployment != "" && !address20.MatchString(c.Deployment) {
		p.add(ReasonBadValue, "deployment", "%q, must be 0x and 40 hexadecimal digits", c.Deployment)
	}
	seen := map[string]bool{}
	for i, t := range c.Tokens {
		at := fmt.Sprintf("tokens[%d].", i)
		id := htlc.AssetID(t.Asset)
		switch err := id.Validate(); {
		case err != nil:
			p.add(ReasonBadValue, at+"asset", "%v", err)
		case string(id.Chain()) != c.ID || id.Namespace() != "erc20" || !address20.MatchString(id.Reference()):
			p.add(ReasonBadValue, at+"asset", "%s is no ERC-20 token of %s", t.Asset, c.ID)
		case seen[t.Asset]:
			p.add(ReasonTwice, at+"asset", "%s stands twice", t.Asset)
		}
		seen[t.Asset] = true
		if t.Symbol == "" || len(t.Symbol) > 16 || strings.ContainsAny(t.Symbol, " \t\n") {
			p.add(ReasonBadValue, at+"symbol", "%q, must be 1 to 16 characters without blanks", t.Symbol)
		}
		if t.Decimals > 36 {
			p.add(ReasonBadValue, at+"decimals", "%d, must be at most 36", t.Decimals)
		}
		if !t.Max.IsZero() && t.Max.Cmp(t.Min) < 0 {
			p.add(ReasonConflict, at+"max", "%s is below min %s", t.Max, t.Min)
		}
	}
}

func (t Timing) validate(p *problems) {
	for _, v := range []struct {
		key   string
		value time.Duration
	}{
		{"clock_lead", t.ClockLead}, {"clock_lag", t.ClockLag}, {"fund_window", t.FundWindow}, {"bury_fund", t.BuryFund},
		{"bury_redeem", t.BuryRedeem}, {"bury_refund", t.BuryRefund}, {"sighting", t.Sighting},
	} {
		p.span("timing."+v.key, v.value, time.Second, maxSpan)
	}
}

func (s Signer) validate() []Problem {
	p := problems{prefix: "signer."}
	if s.Elsewhere() {
		p.hostPort("address", s.Address, false)
	}
	p.span("timeout", s.Timeout, time.Second, time.Minute)
	return p.list
}
