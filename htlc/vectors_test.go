package htlc_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/kofo-network/kofo/htlc"
)

// vector is Terms in a readable form with what must come out of them.
type vector struct {
	Note       string           `json:"note"`
	SecretHash string           `json:"secret_hash"`
	Salt       string           `json:"salt"`
	Outage     uint32           `json:"outage"`
	AcceptBy   int64            `json:"accept_by"`
	PartySeeds []string         `json:"party_ed25519_seeds"`
	Parties    []string         `json:"parties"`
	Legs       []vectorLeg      `json:"legs"`
	Encoding   string           `json:"encoding"`
	ID         htlc.SwapID      `json:"id"`
	Signatures []htlc.Signature `json:"signatures"`
}

type vectorLeg struct {
	Asset            htlc.AssetID `json:"asset"`
	Amount           htlc.Amount  `json:"amount"`
	PayerKey         string       `json:"payer_key"`
	PayeeKey         string       `json:"payee_key"`
	Deployment       string       `json:"deployment"`
	Lane             uint64       `json:"lane"`
	Sequence         uint64       `json:"sequence"`
	MinConfirmations uint32       `json:"min_confirmations"`
	Timing           [7]uint32    `json:"timing"` // in the order of the encoding
	FundBy           int64        `json:"fund_by"`
	TimeLock         int64        `json:"time_lock"`
}

const vectorDir = "../test/vectors/terms"

// vectors are what -update writes.
func vectors() map[string]htlc.Terms {
	token18 := testTerms(token, btc)
	token18.Legs[0].Amount, _ = htlc.ParseAmount("115792089237316195423570985008687907853269984665640564039457584007913129639935")
	token18.Legs[1].Deployment = nil
	bitcoin := testTerms(btc, eth)
	bitcoin.Legs[0].Deployment, bitcoin.Legs[0].Lane, bitcoin.Legs[0].Sequence = nil, 0, 0
	bitcoin.Legs[0].PayerKey[0], bitcoin.Legs[0].PayeeKey = 2, append([]byte{3}, bytes.Repeat([]byte{0x21}, 32)...)
	return map[string]htlc.Terms{
		"btc-for-eth": bitcoin, "largest-amount": token18, "ring-of-three": testTerms(btc, eth, ltc), "ring-of-four": testTerms(btc, token, eth, ltc),
	}
}

func vectorOf(name string, t htlc.Terms) vector {
	v := vector{
		Note:       "Terms " + name + ": version 1, hash 1 (SHA-256), leg k goes from party k to party k+1, no service fee",
		SecretHash: t.SecretHash.String(), Salt: t.Salt.String(), Outage: t.Outage, AcceptBy: t.AcceptBy,
		Encoding: hex.EncodeToString(t.Encode()), ID: t.ID(), Signatures: signAll(t),
	}
	for i, p := range t.Parties {
		v.PartySeeds = append(v.PartySeeds, hex.EncodeToString(partyKey(i).Seed()))
		v.Parties = append(v.Parties, p.String())
	}
	for _, l := range t.Legs {
		g := l.Timing
		v.Legs = append(v.Legs, vectorLeg{
			Asset: l.Asset, Amount: l.Amount, PayerKey: hex.EncodeToString(l.PayerKey), PayeeKey: hex.EncodeToString(l.PayeeKey),
			Deployment: hex.EncodeToString(l.Deployment), Lane: l.Lane, Sequence: l.Sequence, MinConfirmations: l.MinConfirmations,
			Timing: [7]uint32{g.ClockLead, g.ClockLag, g.FundWindow, g.BuryFund, g.BuryRedeem, g.BuryRefund, g.Sighting},
			FundBy: l.FundBy, TimeLock: l.TimeLock,
		})
	}
	return v
}

// terms builds the Terms from the readable form alone.
func (v vector) terms(t *testing.T) htlc.Terms {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		must(err)
		if len(b) == 0 {
			return nil
		}
		return b
	}
	out := htlc.Terms{Version: htlc.Version, Hash: htlc.HashSHA256, Outage: v.Outage, AcceptBy: v.AcceptBy, Salt: htlc.Salt(unhex(v.Salt))}
	var err error
	out.SecretHash, err = htlc.ParseSecretHash(v.SecretHash)
	must(err)
	for _, p := range v.Parties {
		id, err := htlc.ParsePartyID(p)
		must(err)
		out.Parties = append(out.Parties, id)
	}
	for i, l := range v.Legs {
		g := l.Timing
		out.Legs = append(out.Legs, htlc.Leg{
			Payer: uint8(i), Payee: uint8((i + 1) % len(v.Legs)), Asset: l.Asset, Amount: l.Amount,
			PayerKey: unhex(l.PayerKey), PayeeKey: unhex(l.PayeeKey), Deployment: unhex(l.Deployment),
			Lane: l.Lane, Sequence: l.Sequence, MinConfirmations: l.MinConfirmations,
			Timing: htlc.Timing{
				ClockLead: g[0], ClockLag: g[1], FundWindow: g[2], BuryFund: g[3], BuryRedeem: g[4], BuryRefund: g[5], Sighting: g[6],
			},
			FundBy: l.FundBy, TimeLock: l.TimeLock,
		})
	}
	return out
}

// TestVectors checks encoding, id and signatures of Terms against files that
// other implementations can read.
func TestVectors(t *testing.T) {
	if *update {
		for name, terms := range vectors() {
			golden(t, filepath.Join(vectorDir, name+".json"), indented(t, vectorOf(name, terms)))
		}
	}
	files, err := filepath.Glob(filepath.Join(vectorDir, "*.json"))
	if err != nil || len(files) < len(vectors()) {
		t.Fatalf("%d vectors, %v", len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v vector
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		terms := v.terms(t)
		if err := terms.Validate(); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if got := hex.EncodeToString(terms.Encode()); got != v.Encoding {
			t.Errorf("%s: encoding\n%s, want\n%s", file, got, v.Encoding)
		}
		decoded, err := htlc.DecodeTerms(mustHex(t, v.Encoding))
		if err != nil || decoded.ID() != v.ID || terms.ID() != v.ID {
			t.Errorf("%s: id %s, want %s, %v", file, terms.ID(), v.ID, err)
		}
		if err := htlc.VerifyAll(terms, v.Signatures); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		for i, sig := range signAll(terms) {
			if sig != v.Signatures[i] {
				t.Errorf("%s: party %d signs otherwise", file, i)
			}
		}
	}
}

func mustHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
