package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc/metadata"

	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/internal/certificate"
	"github.com/kofo-network/kofo/internal/store"
)

// tokenPrefix makes a token recognisable, to people and to scanners of leaked
// credentials.
const tokenPrefix = "kofo_"

// newToken draws a token and returns its text, its hash and a name for it.
func newToken() (text string, hash [sha256.Size]byte, id string) {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails: it ends the program instead
	text = tokenPrefix + base64.RawURLEncoding.EncodeToString(raw[:])
	hash = sha256.Sum256([]byte(text))
	// The id must not shorten a search for the text, so it is random too.
	_, _ = rand.Read(raw[:6])
	return text, hash, hex.EncodeToString(raw[:6])
}

// EnsureAdminToken gives the owner on this machine a token with every scope,
// in a file that only its owner reads. A file whose token is still valid
// stays.
func EnsureAdminToken(ctx context.Context, tokens Tokens, path string, now time.Time) error {
	raw, err := os.ReadFile(path)
	if err == nil {
		known, err := tokens.TokenByHash(ctx, sha256.Sum256([]byte(strings.TrimSpace(string(raw)))))
		if err == nil && known.Valid(now) {
			return os.Chmod(path, 0o600)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("admin token: %w", err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("admin token: %w", err)
	}
	text, hash, id := newToken()
	// Stored first: a file with a token that nobody knows would help nobody.
	err = tokens.AddToken(ctx, store.Token{ID: id, Hash: hash, Name: "owner on this machine", Scopes: []string{scopeAdmin, scopeWithdraw}})
	if err != nil {
		return fmt.Errorf("admin token: %w", err)
	}
	return certificate.WriteOwnerFile(path, []byte(text+"\n"))
}

type callerKey struct{}

// callerOf is the token of a call; the interceptor has put it there.
func callerOf(ctx context.Context) store.Token {
	t, _ := ctx.Value(callerKey{}).(store.Token)
	return t
}

// gatekeeper knows who may do what.
type gatekeeper struct {
	tokens Tokens
	now    func() time.Time
	rate   int
	log    *slog.Logger

	mu      sync.Mutex
	buckets map[string]*bucket
	// unknown limits the tries of tokens that nobody has, over all callers.
	unknown *rate.Limiter
	streams map[string]map[*stream]struct{}
}

// bucket is what is remembered of a token's calls.
type bucket struct {
	limit *rate.Limiter
	// touched is when the store was last told of a use.
	touched time.Time
}

// touchEvery is how exactly the last use of a token is known.
const touchEvery = time.Minute

// stream is a running one, by its token.
type stream struct{ end context.CancelCauseFunc }

// maxBuckets bounds the memory for limits; beyond it all of them start anew.
const maxBuckets = 10_000

var errRevoked = errors.New("the token was revoked")

func newGatekeeper(tokens Tokens, now func() time.Time, perSecond int, log *slog.Logger) *gatekeeper {
	return &gatekeeper{
		tokens: tokens, now: now, rate: perSecond, log: log, buckets: map[string]*bucket{},
		unknown: rate.NewLimiter(20, 100), streams: map[string]map[*stream]struct{}{},
	}
}

// admit finds the caller's token and checks scope and rate.
func (g *gatekeeper) admit(ctx context.Context, method string) (context.Context, error) {
	c, ok := calls[method]
	if !ok {
		return ctx, refuse(reason.NotImplemented, nil, "no call %s", method)
	}
	if c.scope == scopeNone {
		return ctx, nil
	}
	text, err := bearer(ctx)
	if err != nil {
		return ctx, err
	}
	token, err := g.tokens.TokenByHash(ctx, sha256.Sum256([]byte(text)))
	switch {
	case errors.Is(err, store.ErrNotFound):
		if !g.unknown.Allow() {
			return ctx, refuse(reason.RateLimited, nil, "too many calls with unknown tokens")
		}
		return ctx, refuse(reason.Unauthenticated, nil, "the token is unknown")
	case err != nil:
		return ctx, fmt.Errorf("look up the token: %w", err)
	case !token.Revoked.IsZero():
		return ctx, refuse(reason.Unauthenticated, nil, "the token was revoked")
	case !token.Valid(g.now()):
		return ctx, refuse(reason.Unauthenticated, nil, "the token expired at %s", token.Expires.UTC().Format(time.RFC3339))
	case !allows(token.Scopes, c.scope) && (c.or == "" || !allows(token.Scopes, c.or)):
		return ctx, refuse(reason.PermissionDenied, map[string]string{reason.KeyScope: c.scope}, "the token lacks the scope %s", c.scope)
	}
	allowed, touch := g.count(token.ID)
	if !allowed {
		return ctx, refuse(reason.RateLimited, nil, "more than %d calls a second", g.rate)
	}
	if touch {
		// For people to look at: no reason to refuse a call.
		if err := g.tokens.TouchToken(ctx, token.ID, g.now()); err != nil {
			g.log.WarnContext(ctx, "use of a token not noted", "token", token.ID, "error", err)
		}
	}
	return context.WithValue(ctx, callerKey{}, token), nil
}

func bearer(ctx context.Context) (string, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	values := md.Get("authorization")
	if len(values) == 0 {
		return "", refuse(reason.Unauthenticated, nil, "the call has no token")
	}
	scheme, text, ok := strings.Cut(values[0], " ")
	if len(values) > 1 || !ok || !strings.EqualFold(scheme, "bearer") || text == "" {
		return "", refuse(reason.Unauthenticated, nil, "the authorization is no bearer token")
	}
	return text, nil
}

// count takes a call from the token's rate, and says whether the store is to be
// told of it.
func (g *gatekeeper) count(token string) (allowed, touch bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b, ok := g.buckets[token]
	if !ok {
		if len(g.buckets) >= maxBuckets {
			clear(g.buckets)
		}
		b = &bucket{limit: rate.NewLimiter(rate.Limit(g.rate), 10*g.rate)}
		g.buckets[token] = b
	}
	if !b.limit.Allow() {
		return false, false
	}
	now := g.now()
	if touch = now.Sub(b.touched) >= touchEvery; touch {
		b.touched = now
	}
	return true, touch
}

// follow ties a stream to its token: it ends when the token does. The caller
// calls leave at the end.
func (g *gatekeeper) follow(ctx context.Context) (_ context.Context, leave func()) {
	token := callerOf(ctx)
	ctx, end := context.WithCancelCause(ctx)
	s := &stream{end: end}
	stop := func() {}
	if !token.Expires.IsZero() {
		timer := time.AfterFunc(token.Expires.Sub(g.now()), func() {
			end(refuse(reason.Unauthenticated, nil, "the token expired"))
		})
		stop = func() { timer.Stop() }
	}
	g.mu.Lock()
	if g.streams[token.ID] == nil {
		g.streams[token.ID] = map[*stream]struct{}{}
	}
	g.streams[token.ID][s] = struct{}{}
	g.mu.Unlock()
	return ctx, func() {
		stop()
		end(nil)
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.streams[token.ID], s)
		if len(g.streams[token.ID]) == 0 {
			delete(g.streams, token.ID)
		}
	}
}

// still refuses a token that was revoked since it was admitted.
func (g *gatekeeper) still(ctx context.Context) error {
	token, err := g.tokens.TokenByHash(ctx, callerOf(ctx).Hash)
	if err != nil {
		return fmt.Errorf("look up the token: %w", err)
	}
	if !token.Revoked.IsZero() {
		return refuse(reason.Unauthenticated, nil, "%v", errRevoked)
	}
	return nil
}

// revoked ends the running streams of a token.
func (g *gatekeeper) revoked(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for s := range g.streams[id] {
		s.end(refuse(reason.Unauthenticated, nil, "%v", errRevoked))
	}
}
