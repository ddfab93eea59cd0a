// Package signertest is the conformance suite of signer.Keys: whatever holds a
// party's keys passes it, in this process or in another.
//
// The caller gives keys of [Seed] that may do everything that [Rules] allow.
package signertest

import (
	"context"
	stdcrypto "crypto"
	"crypto/ed25519"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/signer"
	"github.com/kofo-network/kofo/internal/wallet"
)

// Words are those of a seed that anybody may know.
const Words = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"

// Chains and assets of the suite.
const (
	EVM   htlc.ChainID = "eip155:1337"
	Ether htlc.AssetID = "eip155:1337/slip44:60"
)

// Seed is the seed of Words.
func Seed(t testing.TB) *wallet.Seed {
	t.Helper()
	seed, err := wallet.ParseMnemonic(Words)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(seed.Close)
	return seed
}

// Keys are those of Words.
func Keys(t testing.TB) *wallet.Keys {
	t.Helper()
	keys, err := Seed(t).Keys()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(keys.Close)
	return keys
}

// Local are keys of this process.
func Local(t testing.TB) *signer.Local {
	t.Helper()
	local, err := signer.NewLocal(Keys(t))
	if err != nil {
		t.Fatal(err)
	}
	return local
}

// Rules allow what the suite asks for.
func Rules() signer.Rules {
	return signer.Rules{
		Chains:   []htlc.ChainID{bitcoin.Regtest().Chain, EVM},
		Accounts: []string{string(EVM) + ":" + common.Address{9}.Hex()},
		Consent:  true, Margin: time.Minute,
	}
}

// Other is the other party of every swap here.
func Other() (party htlc.PartyID, key *btcec.PublicKey, address common.Address) {
	_, public := btcec.PrivKeyFromBytes([]byte{7})
	return htlc.PartyID{8}, public, common.Address{6}
}

// acceptBy is one for all: Terms of the same salt are the same Terms.
var acceptBy = time.Now().Add(time.Hour).Unix()

// Offer is one of the party, who gives coins of the Bitcoin family for ether.
func Offer(t testing.TB, keys signer.Keys, salt htlc.Salt) htlc.Offer {
	t.Helper()
	hash, err := keys.Secrets().Hash(t.Context(), salt)
	if err != nil {
		t.Fatal(err)
	}
	o := htlc.NewOffer(keys.Identity().PartyID(), hash, salt)
	o.Outage, o.AcceptBy = 600, acceptBy
	timing := htlc.Timing{ClockLead: 60, ClockLag: 60, FundWindow: 600, BuryFund: 600, BuryRedeem: 600, BuryRefund: 600, Sighting: 30}
	o.Gives.Asset, o.Gives.Amount = bitcoin.Regtest().Asset, htlc.NewAmount(5_000_000)
	o.Gives.MinConfirmations, o.Gives.Timing = 2, timing
	o.Wants.Asset, o.Wants.Amount, o.Wants.MinConfirmations, o.Wants.Timing = Ether, htlc.NewAmount(1_000_000), 2, timing
	o.Gives.PayerKey = legKey(t, keys, salt, bitcoin.Payer, 0).SerializeCompressed()
	account, err := keys.EVM()
	if err != nil {
		t.Fatal(err)
	}
	o.Wants.PayeeKey = account.Address().Bytes()
	return o
}

// Began are Terms that the party has begun.
func Began(t testing.TB, keys signer.Keys, salt htlc.Salt) htlc.Terms {
	t.Helper()
	other, key, address := Other()
	terms, err := Offer(t, keys, salt).Complete(htlc.ParticipantHalf{
		Participant: other, PayeeKey: key.SerializeCompressed(), PayerKey: address.Bytes(), Deployment: contracts.Address().Bytes(), Lane: 3, Sequence: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return terms
}

// Joined are Terms that somebody else has begun: the party gives ether.
func Joined(t testing.TB, keys signer.Keys, salt htlc.Salt) htlc.Terms {
	t.Helper()
	terms := Began(t, keys, salt)
	_, key, address := Other()
	account, err := keys.EVM()
	if err != nil {
		t.Fatal(err)
	}
	terms.Parties[0], terms.Parties[1] = terms.Parties[1], terms.Parties[0]
	terms.Legs[0].PayerKey, terms.Legs[0].PayeeKey = key.SerializeCompressed(), legKey(t, keys, salt, bitcoin.Payee, 0).SerializeCompressed()
	terms.Legs[1].PayerKey, terms.Legs[1].PayeeKey = account.Address().Bytes(), address.Bytes()
	return terms
}

func legKey(t testing.TB, keys signer.Keys, salt htlc.Salt, role bitcoin.Role, leg int) *btcec.PublicKey {
	t.Helper()
	key, err := Wallet(t, keys).LegKey(t.Context(), salt, role, leg)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Wallet is that of the Bitcoin family.
func Wallet(t testing.TB, keys signer.Keys) bitcoin.Signer {
	t.Helper()
	w, err := keys.Bitcoin(bitcoin.Regtest().Chain)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Run runs the suite. What is derived must be what Local derives.
func Run(t *testing.T, keys signer.Keys) {
	local := Local(t)
	t.Run("identity", func(t *testing.T) { identity(t, keys, local) })
	t.Run("secrets", func(t *testing.T) { secrets(t, keys, local) })
	t.Run("storage", func(t *testing.T) { storage(t, keys, local) })
	t.Run("derivation", func(t *testing.T) { derivation(t, keys, local) })
	t.Run("bitcoin", func(t *testing.T) { spends(t, keys) })
	t.Run("evm", func(t *testing.T) { transactions(t, keys) })
	t.Run("ended", func(t *testing.T) { ended(t, keys) })
}

func identity(t *testing.T, keys signer.Keys, local *signer.Local) {
	who := keys.Identity()
	if who.PartyID() != local.Identity().PartyID() {
		t.Fatalf("party %s, want %s", who.PartyID(), local.Identity().PartyID())
	}
	party := who.PartyID()
	offer := Offer(t, keys, htlc.Salt{1})
	signature, err := who.SignOffer(t.Context(), offer)
	if err != nil || !ed25519.Verify(party[:], htlc.OfferMessage(offer), signature[:]) {
		t.Errorf("offer: %v", err)
	}
	for name, terms := range map[string]htlc.Terms{"begun": Began(t, keys, htlc.Salt{1}), "joined": Joined(t, keys, htlc.Salt{2})} {
		for range 2 { // asked again it is the same
			signature, err := who.SignTerms(t.Context(), terms)
			if err != nil || htlc.VerifyTerms(party, terms, signature) != nil {
				t.Errorf("terms, %s: %v", name, err)
			}
		}
	}
	public, ok := who.TLS().Public().(ed25519.PublicKey)
	if !ok || htlc.PartyID(public) != party {
		t.Errorf("TLS shows %x", public)
	}
	handshake := Handshake()
	raw, err := who.TLS().Sign(nil, handshake, stdcrypto.Hash(0))
	if err != nil || !ed25519.Verify(party[:], handshake, raw) {
		t.Errorf("handshake: %v", err)
	}
}

// Handshake is what a server signs in TLS 1.3.
func Handshake() []byte {
	out := make([]byte, 0, 160)
	for range 64 {
		out = append(out, 0x20)
	}
	out = append(out, "TLS 1.3, server CertificateVerify\x00"...)
	return append(out, make([]byte, 32)...)
}

func secrets(t *testing.T, keys signer.Keys, local *signer.Local) {
	terms := Began(t, keys, htlc.Salt{3})
	if _, err := keys.Identity().SignTerms(t.Context(), terms); err != nil {
		t.Fatal(err)
	}
	want, err := local.Secrets().Secret(t.Context(), terms)
	if err != nil {
		t.Fatal(err)
	}
	got, err := keys.Secrets().Secret(t.Context(), terms)
	if err != nil || got.Reveal() != want.Reveal() {
		t.Errorf("another secret, or %v", err)
	}
}

func storage(t *testing.T, keys signer.Keys, local *signer.Local) {
	want, err := local.Storage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := keys.Storage(t.Context())
	if err != nil || got.Recovery().Reveal() != want.Recovery().Reveal() {
		t.Fatalf("other keys, or %v", err)
	}
	one, err := want.Sealer()
	if err != nil {
		t.Fatal(err)
	}
	other, err := got.Sealer()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := one.Seal([]byte("text"), []byte("what"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := other.Open(sealed, []byte("what")); err != nil || string(plain) != "text" {
		t.Errorf("opened as %q: %v", plain, err)
	}
}

func derivation(t *testing.T, keys signer.Keys, local *signer.Local) {
	mine, theirs := Wallet(t, keys), Wallet(t, local)
	for _, branch := range []bitcoin.Branch{bitcoin.Receive, bitcoin.Change} {
		for _, index := range []uint32{0, 1, 1_000} {
			got, err := mine.AccountKey(branch, index)
			want, _ := theirs.AccountKey(branch, index)
			if err != nil || !got.IsEqual(want) {
				t.Errorf("key %d/%d: %v", branch, index, err)
			}
		}
	}
	for _, role := range []bitcoin.Role{bitcoin.Payer, bitcoin.Payee} {
		got, err := mine.LegKey(t.Context(), htlc.Salt{5}, role, 1)
		want, _ := theirs.LegKey(t.Context(), htlc.Salt{5}, role, 1)
		if err != nil || !got.IsEqual(want) || len(schnorr.SerializePubKey(got)) != schnorr.PubKeyBytesLen {
			t.Errorf("leg key, role %d: %v", role, err)
		}
	}
	got, err := keys.EVM()
	if err != nil {
		t.Fatal(err)
	}
	want, err := local.EVM()
	if err != nil || got.Address() != want.Address() {
		t.Errorf("account %s, want %s", got.Address(), want.Address())
	}
}

// spends are verified by whoever has them signed: see the adapter.
func spends(t *testing.T, keys signer.Keys) {
	chain := bitcoin.Regtest().Chain
	offline, err := bitcoin.NewOfflineSigner(chain, Wallet(t, keys))
	if err != nil {
		t.Fatal(err)
	}
	for name, terms := range map[string]htlc.Terms{"refund": Began(t, keys, htlc.Salt{6}), "redeem": Joined(t, keys, htlc.Salt{7})} {
		sheet, err := offline.Sheet(terms, 0)
		if err != nil || sheet.Payer != (name == "refund") || sheet.Payee != (name == "redeem") {
			t.Fatalf("%s: %+v, %v", name, sheet, err)
		}
		out := bitcoin.TypedOutput{Ref: fmt.Sprintf("%064x:0", 1), Satoshi: sheet.Satoshi, Address: sheet.Address, FeeRate: 2_000}
		if name == "refund" {
			_, _, err = offline.Refund(terms, 0, out)
		} else {
			var secret htlc.Secret
			if secret, err = Local(t).Secrets().Secret(t.Context(), terms); err == nil {
				_, _, err = offline.Redeem(terms, 0, out, secret)
			}
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Wallet(t, keys).SignPSBT(t.Context(), bitcoin.SignRequest{Chain: chain, Purpose: bitcoin.ForRefund, PSBT: []byte("psbt")}); err == nil {
		t.Error("something was signed that is no PSBT")
	}
}

func transactions(t *testing.T, keys signer.Keys) {
	account, err := keys.EVM()
	if err != nil {
		t.Fatal(err)
	}
	terms := Began(t, keys, htlc.Salt{8})
	refund, err := evm.RefundCalldata(terms, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, u := range map[string]evm.Unsigned{
		"a refund":  {To: refund.To, Data: refund.Data, Value: new(big.Int)},
		"a payment": {To: common.Address{9}, Value: big.NewInt(5)},
		"idle":      {To: account.Address(), Value: new(big.Int)},
	} {
		u.ChainID, u.Gas, u.Tip, u.FeeCap = 1337, 90_000, big.NewInt(1), big.NewInt(2)
		payload, err := u.Encode()
		if err != nil {
			t.Fatal(err)
		}
		signature, err := account.SignTransaction(t.Context(), payload)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, by, err := evm.Signed(payload, signature); err != nil || by != account.Address() {
			t.Errorf("%s: signed by %s, %v", name, by, err)
		}
	}
	if signature, err := account.SignTransaction(t.Context(), []byte{2}); err == nil {
		t.Errorf("something was signed that is no transaction: %x", signature)
	}
	signature, err := account.SignConsent(t.Context(), terms, 1)
	if err != nil {
		t.Fatal(err)
	}
	digest := contracts.ConsentDigest(contracts.Domain(big.NewInt(1337), refund.To), refund.Contract)
	if key, err := crypto.SigToPub(digest[:], signature); err != nil || crypto.PubkeyToAddress(*key) != account.Address() {
		t.Errorf("consent: %v", err)
	}
	if _, err := account.SignConsent(t.Context(), Joined(t, keys, htlc.Salt{9}), 1); err == nil {
		t.Error("it consents for somebody else")
	}
}

// ended: nobody waits longer than its context.
func ended(t *testing.T, keys signer.Keys) {
	terms := Began(t, keys, htlc.Salt{4})
	account, err := keys.EVM()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = account.SignConsent(ctx, terms, 1)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("it waits on")
	}
}
