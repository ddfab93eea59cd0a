package config

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
)

// BackEnd is one node of a chain, and how to log in there.
type BackEnd struct {
	URL          Secret `koanf:"url" doc:"http(s) address of the back end. Printed without user and path"`
	User         string `koanf:"user" doc:"User of its RPC"`
	Password     Secret `koanf:"password" doc:"Password of that user; better one of the two below"`
	PasswordEnv  string `koanf:"password_env" doc:"Name of the environment variable with the password"`
	PasswordFile string `koanf:"password_file" doc:"File with the password"`
	CookieFile   string `koanf:"cookie_file" doc:"Cookie file of the back end, instead of user and password"`
	TLSCert      string `koanf:"tls_cert" doc:"PEM file of the certificate that the back end's must descend from"`
}

// Health says when one of several back ends is set aside.
type Health struct {
	MaxLag    uint64   `koanf:"max_lag_blocks" doc:"Blocks that a back end may be behind the best; 0 for the profile's"`
	LagTime   Duration `koanf:"lag_time" doc:"How long it may be further behind before it is set aside; 0 for the profile's"`
	Probation Duration `koanf:"probation" doc:"How long one that was set aside must agree with the others before it is asked again; 0 for the profile's"`
}

// Breaker says when a chain is not trusted with anything new.
type Breaker struct {
	ReorgDepth uint64   `koanf:"reorg_depth" doc:"A reorganisation of more than so many blocks opens it; 0 for min_confirmations"`
	Stall      Duration `koanf:"stall" doc:"No new block for so long opens it; 0 for the profile's"`
	CalmBlocks uint64   `koanf:"calm_blocks" doc:"It closes by itself after so many blocks without a cause; 0 for twice min_confirmations"`
}

// DepthStep deepens a chain's min_confirmations by amount.
type DepthStep struct {
	Asset    string      `koanf:"asset" doc:"CAIP-19 id; the chain's own coin where empty"`
	UpTo     htlc.Amount `koanf:"up_to" doc:"Largest amount of this step, in base units. The last step of an asset has none: it is for everything above"`
	Confirms uint32      `koanf:"min_confirmations" doc:"Depth for these amounts, at least the chain's own"`
}

// BackEnds are all of a chain's: the one of url first.
func (c Chain) BackEnds() []BackEnd {
	if c.single().empty() && len(c.More) > 0 {
		return c.More
	}
	return append([]BackEnd{c.single()}, c.More...)
}

// single is the back end that the chain's own keys name.
func (c Chain) single() BackEnd {
	return BackEnd{
		URL: c.URL, User: c.User, Password: c.Password, PasswordEnv: c.PasswordEnv,
		PasswordFile: c.PasswordFile, CookieFile: c.CookieFile, TLSCert: c.TLSCert,
	}
}

// Name is how people know the back end: its host and port.
func (b BackEnd) Name() string {
	if u, err := url.Parse(b.URL.Reveal()); err == nil && u.Host != "" {
		return u.Host
	}
	return redacted
}

// Login is the user and password of a back end, from wherever they were said
// to be.
func (c Config) Login(b BackEnd, environ []string) (user string, password Secret, err error) {
	switch {
	case b.CookieFile != "":
		raw, err := os.ReadFile(c.Path(b.CookieFile))
		if err != nil {
			return "", Secret{}, fmt.Errorf("cookie file of %s: %w", b.Name(), err)
		}
		user, text, ok := strings.Cut(strings.TrimSpace(string(raw)), ":")
		if !ok {
			return "", Secret{}, fmt.Errorf("cookie file of %s: not user:password", b.Name())
		}
		return user, NewSecret(text), nil
	case b.PasswordFile != "":
		raw, err := os.ReadFile(c.Path(b.PasswordFile))
		if err != nil {
			return "", Secret{}, fmt.Errorf("password file of %s: %w", b.Name(), err)
		}
		return b.User, NewSecret(strings.TrimRight(string(raw), "\r\n")), nil
	case b.PasswordEnv != "":
		text := lookup(environ, b.PasswordEnv)
		if text == "" {
			return "", Secret{}, fmt.Errorf("password of %s: the environment has no %s", b.Name(), b.PasswordEnv)
		}
		return b.User, NewSecret(text), nil
	}
	return b.User, b.Password, nil
}

func (b BackEnd) empty() bool {
	return b.URL.IsZero() && b.Password.IsZero() && b.User+b.PasswordEnv+b.PasswordFile+b.CookieFile+b.TLSCert == ""
}

// backEndKey is the key of the n-th back end's settings.
func (c Chain) backEndKey(n int) string {
	n -= len(c.BackEnds()) - len(c.More)
	if n < 0 {
		return ""
	}
	return fmt.Sprintf("backends[%d].", n)
}

func (c Chain) validateBackEnds(p *problems) {
	all := c.BackEnds()
	schemes := []string{"http", "https"}
	if c.Kind == KindEVM && len(all) < 2 && len(c.More) == 0 {
		schemes = append(schemes, "ws", "wss")
	}
	seen := map[string]bool{}
	for i, b := range all {
		at := c.backEndKey(i)
		b.validate(p, at, schemes)
		// Two addresses of one node would agree about anything.
		if name := b.Name(); seen[name] && name != redacted {
			p.add(ReasonTwice, at+"url", "%s stands twice", name)
		} else {
			seen[name] = true
		}
	}
}

func (b BackEnd) validate(p *problems, at string, schemes []string) {
	u, err := url.Parse(b.URL.Reveal())
	switch {
	case b.URL.IsZero():
		p.add(ReasonMissing, at+"url", "must be given")
	case err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme):
		p.add(ReasonBadValue, at+"url", "must begin with %s:// and name a host", strings.Join(schemes, ":// or "))
	case b.TLSCert != "" && u.Scheme != "https" && u.Scheme != "wss":
		p.add(ReasonConflict, at+"tls_cert", "the url has no TLS")
	}
	given := 0
	for _, v := range []bool{!b.Password.IsZero(), b.PasswordEnv != "", b.PasswordFile != "", b.CookieFile != ""} {
		if v {
			given++
		}
	}
	switch {
	case given > 1:
		p.add(ReasonConflict, at+"password", "only one of password, password_env, password_file and cookie_file")
	case b.CookieFile != "" && b.User != "":
		p.add(ReasonConflict, at+"user", "the cookie file has the user")
	case given == 1 && b.CookieFile == "" && b.User == "":
		p.add(ReasonMissing, at+"user", "a password needs its user")
	}
}

// maxLag and maxBreaker bound what would make a check mean nothing.
const (
	maxLag     = 1000
	maxBreaker = 100_000
)

func (c Chain) validateTrust(p *problems) {
	if c.Health.MaxLag > maxLag {
		p.add(ReasonBadValue, "health.max_lag_blocks", "%d, must be from 1 to %d", c.Health.MaxLag, maxLag)
	}
	p.span("health.lag_time", c.Health.LagTime, time.Second, 24*time.Hour)
	p.span("health.probation", c.Health.Probation, time.Second, 24*time.Hour)
	if c.Breaker.ReorgDepth > maxBreaker {
		p.add(ReasonBadValue, "breaker.reorg_depth", "%d, must be from 1 to %d", c.Breaker.ReorgDepth, maxBreaker)
	}
	if c.Breaker.CalmBlocks > maxBreaker {
		p.add(ReasonBadValue, "breaker.calm_blocks", "%d, must be from 1 to %d", c.Breaker.CalmBlocks, maxBreaker)
	}
	p.span("breaker.stall", c.Breaker.Stall, time.Second, maxSpan)
	if c.Finality && c.Kind != KindEVM {
		p.add(ReasonConflict, "finality", "only chains of kind evm have it")
	}
	c.validateDepth(p)
}

// validateDepth: each asset's steps go up in amount and in depth, and the last
// one is for everything above.
func (c Chain) validateDepth(p *problems) {
	last := map[htlc.AssetID]int{}
	for i, step := range c.Depth {
		at := fmt.Sprintf("depth[%d].", i)
		id := c.stepAsset(step)
		if err := id.Validate(); err != nil {
			p.add(ReasonBadValue, at+"asset", "%v", err)
		} else if string(id.Chain()) != c.ID {
			p.add(ReasonConflict, at+"asset", "%s is none of %s", step.Asset, c.ID)
		}
		if step.Confirms < 1 || step.Confirms > agreement.MaxDepth {
			p.add(ReasonBadValue, at+"min_confirmations", "%d, must be from 1 to %d", step.Confirms, agreement.MaxDepth)
		}
		if before, ok := last[id]; ok {
			b := c.Depth[before]
			if b.UpTo.IsZero() || !step.UpTo.IsZero() && step.UpTo.Cmp(b.UpTo) <= 0 {
				p.add(ReasonConflict, at+"up_to", "the steps of an asset go from the smallest amount to the largest")
			}
			if step.Confirms < b.Confirms {
				p.add(ReasonConflict, at+"min_confirmations", "%d, less than the %d of a smaller amount", step.Confirms, b.Confirms)
			}
		}
		last[id] = i
	}
	for _, i := range last {
		if !c.Depth[i].UpTo.IsZero() {
			p.add(ReasonMissing, fmt.Sprintf("depth[%d].up_to", i), "a last step without up_to must say what holds above %s", c.Depth[i].UpTo)
		}
	}
}

// coinTypes are the chains' own coins in SLIP-44, as assets name them.
var coinTypes = map[string]string{KindBitcoin: "0", KindEVM: "60"}

func (c Chain) stepAsset(step DepthStep) htlc.AssetID {
	if step.Asset != "" {
		return htlc.AssetID(step.Asset)
	}
	return htlc.AssetID(c.ID + "/slip44:" + coinTypes[c.Kind])
}

// Policy is the chain's profile in the form that agreements take.
func (c Chain) Policy() agreement.Profile {
	out := agreement.Profile{MinConfirmations: c.Confirms, Timing: c.Timing.HTLC()}
	for _, step := range c.Depth {
		out.Steps = append(out.Steps, agreement.DepthStep{Asset: c.stepAsset(step), UpTo: step.UpTo, MinConfirmations: step.Confirms})
	}
	return out
}
