package server

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store"
)

// tokenService answers TokenService.
type tokenService struct {
	kofov1.UnimplementedTokenServiceServer
	s *Server
}

var scopeNames = map[kofov1.Scope]string{
	kofov1.Scope_SCOPE_READ: scopeRead, kofov1.Scope_SCOPE_QUOTE: scopeQuote, kofov1.Scope_SCOPE_TRADE: scopeTrade,
	kofov1.Scope_SCOPE_REFUND: scopeRefund, kofov1.Scope_SCOPE_WITHDRAW: scopeWithdraw, kofov1.Scope_SCOPE_ADMIN: scopeAdmin,
}

func (t tokenService) CreateToken(ctx context.Context, req *kofov1.CreateTokenRequest) (*kofov1.CreateTokenResponse, error) {
	text, hash, id := newToken()
	token := store.Token{
		ID: id, Hash: hash, Name: req.GetName(), Payouts: req.GetPayouts(),
		Caps: map[htlc.AssetID]htlc.Amount{}, PerDay: map[htlc.AssetID]htlc.Amount{},
	}
	for _, scope := range req.GetScopes() {
		token.Scopes = append(token.Scopes, scopeNames[scope])
	}
	for _, c := range req.GetCaps() {
		most, err := parseAmount(c.GetPerCall())
		if err != nil {
			return nil, err
		}
		if _, twice := token.Caps[most.Asset]; twice {
			return nil, refuse(reason.InvalidArgument, map[string]string{reason.KeyField: "caps"}, "two caps for %s", most.Asset)
		}
		if c.GetPerDay() != "" {
			if token.PerDay[most.Asset], err = htlc.ParseAmount(c.GetPerDay()); err != nil {
				return nil, err
			}
		}
		token.Caps[most.Asset] = most.Amount
	}
	if req.GetExpiresAt() != nil {
		token.Expires = req.GetExpiresAt().AsTime()
	}
	if err := within(callerOf(ctx), token); err != nil {
		return nil, err
	}
	if err := t.s.o.Tokens.AddToken(ctx, token); err != nil {
		return nil, err
	}
	token.Created = t.s.o.Now()
	return &kofov1.CreateTokenResponse{Token: tokenView(token), Text: text}, nil
}

// within keeps a token from giving more than it has.
func within(giver, made store.Token) error {
	for _, scope := range made.Scopes {
		if !allows(giver.Scopes, scope) {
			return refuse(reason.PermissionDenied, map[string]string{reason.KeyScope: scope}, "the token lacks the scope %s, so it cannot give it", scope)
		}
	}
	if len(giver.Caps) > 0 {
		if len(made.Caps) == 0 {
			return refuse(reason.CapExceeded, nil, "the token has caps, so it cannot give one without")
		}
		for asset, most := range made.Caps {
			own, ok := giver.Caps[asset]
			if !ok || most.Cmp(own) > 0 {
				return refuse(reason.CapExceeded, map[string]string{reason.KeyAsset: string(asset), reason.KeyMax: own.String()}, "the cap for %s is above the token's own", asset)
			}
			// Each token is counted by itself: two would move twice as much a day.
			if day, ok := giver.PerDay[asset]; ok {
				return refuse(reason.CapExceeded, map[string]string{reason.KeyAsset: string(asset), reason.KeyMax: day.String()},
					"the token has a cap by day for %s, so it cannot give another that moves it", asset)
			}
		}
	}
	if len(giver.Payouts) > 0 {
		outside := slices.ContainsFunc(made.Payouts, func(p string) bool { return !slices.Contains(giver.Payouts, p) })
		if len(made.Payouts) == 0 || outside {
			return refuse(reason.PayoutNotAllowed, nil, "the token has a payout list, so it cannot give one that is longer or none")
		}
	}
	if !giver.Expires.IsZero() && (made.Expires.IsZero() || made.Expires.After(giver.Expires)) {
		return refuse(reason.PermissionDenied, map[string]string{reason.KeyAt: giver.Expires.UTC().Format(time.RFC3339)}, "the token ends by itself, so it cannot give one that outlives it")
	}
	return nil
}

func tokenView(t store.Token) *kofov1.Token {
	out := &kofov1.Token{
		Id: t.ID, Name: t.Name, Payouts: t.Payouts,
		CreatedAt: stamp(t.Created), ExpiresAt: stamp(t.Expires), RevokedAt: stamp(t.Revoked), UsedAt: stamp(t.Used),
	}
	for scope, name := range scopeNames {
		if slices.Contains(t.Scopes, name) {
			out.Scopes = append(out.Scopes, scope)
		}
	}
	slices.Sort(out.Scopes)
	for asset, most := range t.Caps {
		limits := &kofov1.Cap{PerCall: amount(asset, most)}
		if day, ok := t.PerDay[asset]; ok {
			limits.PerDay = day.String()
		}
		out.Caps = append(out.Caps, limits)
	}
	slices.SortFunc(out.Caps, func(a, b *kofov1.Cap) int {
		if a.GetPerCall().GetAsset() < b.GetPerCall().GetAsset() {
			return -1
		}
		return 1
	})
	return out
}

// ListTokens shows the newest first; the token of a page is how many came
// before it, which only new tokens can shift.
func (t tokenService) ListTokens(ctx context.Context, req *kofov1.ListTokensRequest) (*kofov1.ListTokensResponse, error) {
	skip := 0
	if token := req.GetPage().GetToken(); token != "" {
		n, err := strconv.ParseUint(token, 10, 31)
		if err != nil {
			return nil, errBadPage(token)
		}
		skip = int(n)
	}
	all, err := t.s.o.Tokens.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	slices.Reverse(all)
	end := min(skip+pageSize(req.GetPage()), len(all))
	out := &kofov1.ListTokensResponse{}
	for i := min(skip, end); i < end; i++ {
		out.Tokens = append(out.Tokens, tokenView(all[i]))
	}
	if end < len(all) {
		out.NextPageToken = strconv.Itoa(end)
	}
	return out, nil
}

func (t tokenService) RevokeToken(ctx context.Context, req *kofov1.RevokeTokenRequest) (*kofov1.RevokeTokenResponse, error) {
	err := t.s.o.Tokens.RevokeToken(ctx, req.GetId())
	if errors.Is(err, store.ErrNotFound) {
		return nil, refuse(reason.TokenNotFound, nil, "no token %s", req.GetId())
	}
	if err != nil {
		return nil, err
	}
	t.s.gate.revoked(req.GetId())
	all, err := t.s.o.Tokens.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	for _, token := range all {
		if token.ID == req.GetId() {
			return &kofov1.RevokeTokenResponse{Token: tokenView(token)}, nil
		}
	}
	return nil, refuse(reason.TokenNotFound, nil, "no token %s", req.GetId())
}
