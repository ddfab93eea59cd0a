package htlc_test

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/htlc"
)

func TestTermsValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*htlc.Terms)
		want   error
	}{
		"version":          {func(t *htlc.Terms) { t.Version = 2 }, htlc.ErrVersion},
		"no hash":          {func(t *htlc.Terms) { t.SecretHash = htlc.SecretHash{} }, htlc.ErrZeroHash},
		"no salt":          {func(t *htlc.Terms) { t.Salt = htlc.Salt{} }, htlc.ErrZeroHash},
		"one leg":          {func(t *htlc.Terms) { t.Legs, t.Parties = t.Legs[:1], t.Parties[:1] }, htlc.ErrRing},
		"a party too many": {func(t *htlc.Terms) { t.Parties = append(t.Parties, htlc.PartyID{9}) }, htlc.ErrRing},
		"wrong payer":      {func(t *htlc.Terms) { t.Legs[0].Payer = 1 }, htlc.ErrRing},
		"wrong payee":      {func(t *htlc.Terms) { t.Legs[1].Payee = 1 }, htlc.ErrRing},
		"party twice":      {func(t *htlc.Terms) { t.Parties[1] = t.Parties[0] }, htlc.ErrPartyTwice},
		"no asset":         {func(t *htlc.Terms) { t.Legs[0].Asset = "gold" }, htlc.ErrBadAssetID},
		"asset too long":   {func(t *htlc.Terms) { t.Legs[0].Asset = eth + htlc.AssetID(strings.Repeat("0", 140)) }, htlc.ErrBadAssetID},
		"longest asset": {func(t *htlc.Terms) {
			t.Legs[0].Asset = "abcdefgh:" + "x/abcdefgh:0" + htlc.AssetID(strings.Repeat("0", 127))
		}, nil},
		"nothing":            {func(t *htlc.Terms) { t.Legs[0].Amount = htlc.Amount{} }, htlc.ErrAmountZero},
		"service fee":        {func(t *htlc.Terms) { t.Legs[0].ServiceFee = htlc.NewAmount(1) }, htlc.ErrServiceFee},
		"no payer key":       {func(t *htlc.Terms) { t.Legs[0].PayerKey = nil }, htlc.ErrKey},
		"no payee key":       {func(t *htlc.Terms) { t.Legs[0].PayeeKey = nil }, htlc.ErrKey},
		"long payer key":     {func(t *htlc.Terms) { t.Legs[0].PayerKey = make([]byte, 65) }, htlc.ErrKey},
		"long payee key":     {func(t *htlc.Terms) { t.Legs[0].PayeeKey = make([]byte, 65) }, htlc.ErrKey},
		"long deployment":    {func(t *htlc.Terms) { t.Legs[0].Deployment = make([]byte, 65) }, htlc.ErrKey},
		"no confirmations":   {func(t *htlc.Terms) { t.Legs[0].MinConfirmations = 0 }, htlc.ErrConfirmations},
		"many confirmations": {func(t *htlc.Terms) { t.Legs[0].MinConfirmations = 10_001 }, htlc.ErrConfirmations},
		"no accept-by":       {func(t *htlc.Terms) { t.AcceptBy = 0 }, htlc.ErrTimeRange},
		"lock is a height":   {func(t *htlc.Terms) { t.Legs[1].TimeLock = 499_999_999 }, htlc.ErrTimeRange},
		"lock after 2106":    {func(t *htlc.Terms) { t.Legs[0].TimeLock = math.MaxUint32 + 1 }, htlc.ErrTimeRange},
		"negative fund-by":   {func(t *htlc.Terms) { t.Legs[0].FundBy = -1 }, htlc.ErrTimeRange},
		"as agreed":          {func(*htlc.Terms) {}, nil},
	} {
		terms := testTerms(btc, eth)
		c.change(&terms)
		err := terms.Validate()
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err != nil {
			continue
		}
		if back, err := htlc.DecodeTerms(terms.Encode()); err != nil || back.ID() != terms.ID() {
			t.Errorf("%s: valid, and not readable: %v", name, err)
		}
	}
}

func TestWithScheduleOfTooFewLegs(t *testing.T) {
	if _, err := (htlc.Terms{}).WithSchedule(startTime); !errors.Is(err, htlc.ErrRing) {
		t.Error(err)
	}
	if _, err := testTerms(btc, eth).WithSchedule(math.MaxInt64 - 10); !errors.Is(err, htlc.ErrTimeRange) {
		t.Error(err)
	}
}

func TestTimingAtLeast(t *testing.T) {
	profile := testTerms(btc, eth).Legs[0].Timing
	if !profile.AtLeast(profile) {
		t.Error("not at least itself")
	}
	for i, lower := range []func(*htlc.Timing){
		func(g *htlc.Timing) { g.ClockLead-- }, func(g *htlc.Timing) { g.ClockLag-- }, func(g *htlc.Timing) { g.FundWindow-- },
		func(g *htlc.Timing) { g.BuryFund-- }, func(g *htlc.Timing) { g.BuryRedeem-- }, func(g *htlc.Timing) { g.BuryRefund-- },
		func(g *htlc.Timing) { g.Sighting-- },
	} {
		less := profile
		lower(&less)
		if less.AtLeast(profile) || !profile.AtLeast(less) {
			t.Errorf("duration %d is not compared", i)
		}
	}
}

func TestDecodeTermsRefuses(t *testing.T) {
	good := testTerms(btc, eth).Encode()
	edit := func(at int, v byte) []byte {
		raw := append([]byte(nil), good...)
		raw[at] = v
		return raw
	}
	for name, raw := range map[string][]byte{
		"empty": nil, "cut": good[:len(good)-1], "a byte more": append(append([]byte(nil), good...), 0),
		"other magic": edit(0, 'k'), "nine parties": edit(8+2+1+64+4+8, 9), "huge": make([]byte, htlc.MaxTermsSize+1),
	} {
		if _, err := htlc.DecodeTerms(raw); !errors.Is(err, htlc.ErrEncoding) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := htlc.DecodeTerms(edit(9, 2)); !errors.Is(err, htlc.ErrVersion) {
		t.Errorf("version 2: %v", err)
	}
	for i := range good {
		if _, err := htlc.DecodeTerms(good[:i]); err == nil {
			t.Errorf("the first %d bytes are enough", i)
		}
	}
	var terms htlc.Terms
	if err := terms.UnmarshalText([]byte("!")); !errors.Is(err, htlc.ErrEncoding) {
		t.Error(err)
	}
	var sig htlc.Signature
	if err := sig.UnmarshalText([]byte("00")); !errors.Is(err, htlc.ErrSignature) {
		t.Error(err)
	}
}

func TestIdentifiers(t *testing.T) {
	for id, ok := range map[htlc.AssetID]bool{
		btc: true, eth: true, token: true,
		"": false, "eip155:1": false, "eip155:1/slip44": false, "EIP155:1/slip44:60": false, "eip155:/slip44:60": false,
		"eip155:1/erc20:0xDAC17F958D2EE523A2206206994597C13D831EC7": false, "eip155:1/slip44:60/2": false, "ei:1/slip44:60": false,
		"eip155:1/slip44:" + htlc.AssetID(strings.Repeat("1", 129)): false, "eip155:1/slip44:é": false,
	} {
		if err := id.Validate(); (err == nil) != ok || err != nil && !errors.Is(err, htlc.ErrBadAssetID) {
			t.Errorf("%q: %v", id, err)
		}
	}
	for id, ok := range map[htlc.ChainID]bool{
		"eip155:1": true, "bip122:0f9188f13cb7b2c71f2a335e3a4fc328": true,
		"": false, "eip155": false, "eip155:": false, "eip155:1:2": false, "toolongname:1": false, "eip155:" + htlc.ChainID(strings.Repeat("1", 33)): false,
	} {
		if err := id.Validate(); (err == nil) != ok || err != nil && !errors.Is(err, htlc.ErrBadChainID) {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, bad := range []string{"", "00", strings.Repeat("0", 63), strings.Repeat("g", 64), strings.Repeat("0", 66)} {
		if _, err := htlc.ParseSwapID(bad); !errors.Is(err, htlc.ErrBadHex) {
			t.Errorf("swap id %q: %v", bad, err)
		}
	}
	var b htlc.BlockID
	for _, bad := range []string{"5", "x:" + strings.Repeat("0", 64), "5:00"} {
		if err := b.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("block %q was read", bad)
		}
	}
}

func TestAmount(t *testing.T) {
	largest := strings.TrimSpace(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)).String())
	for _, bad := range []string{"", "00", "01", "-1", "+1", " 1", "1.0", "1e3", "0x1", "१", largest + "0", "115792089237316195423570985008687907853269984665640564039457584007913129639936"} {
		if _, err := htlc.ParseAmount(bad); !errors.Is(err, htlc.ErrBadAmount) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	top, err := htlc.ParseAmount(largest)
	if err != nil || top.String() != largest {
		t.Fatalf("%s, %v", top, err)
	}
	one := htlc.NewAmount(1)
	if _, err := top.Add(one); !errors.Is(err, htlc.ErrBadAmount) {
		t.Errorf("sum beyond 256 bits: %v", err)
	}
	if _, err := one.Sub(htlc.NewAmount(2)); !errors.Is(err, htlc.ErrBadAmount) {
		t.Errorf("less than nothing: %v", err)
	}
	if v, err := top.Sub(one); err != nil || v.Cmp(top) != -1 || top.Cmp(v) != 1 || one.Cmp(htlc.NewAmount(1)) != 0 {
		t.Errorf("%s, %v", v, err)
	}
	if _, ok := top.Uint64(); ok {
		t.Error("2^256-1 fits in 64 bits")
	}
	if v, ok := htlc.NewAmount(math.MaxUint64).Uint64(); !ok || v != math.MaxUint64 {
		t.Errorf("%d %v", v, ok)
	}
	for _, v := range []*big.Int{nil, big.NewInt(-1), new(big.Int).Lsh(big.NewInt(1), 256)} {
		if _, err := htlc.AmountFromBig(v); !errors.Is(err, htlc.ErrBadAmount) {
			t.Errorf("%v: %v", v, err)
		}
	}
	if !(htlc.Amount{}).IsZero() || one.IsZero() {
		t.Error("zero")
	}
}
