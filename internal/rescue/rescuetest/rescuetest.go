// Package rescuetest makes a swap of known seeds, for tests of what works
// without a node.
package rescuetest

import (
	"math/big"
	"testing"

	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/wallet"
)

// The parties' seeds, and when they agree.
const (
	InitiatorWords   = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
	ParticipantWords = "legal winner thank year wave sausage worth useful legal winner thank yellow"
	Now              = int64(1_900_000_000)
)

// Keys of a seed.
func Keys(t testing.TB, words string) *wallet.Keys {
	t.Helper()
	seed, err := wallet.ParseMnemonic(words)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seed.Keys()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func legKey(t testing.TB, keys *wallet.Keys, salt htlc.Salt, role wallet.Role, leg int) []byte {
	t.Helper()
	key, err := keys.Leg(salt, role, leg)
	if err != nil {
		t.Fatal(err)
	}
	return key.Reveal().PubKey().SerializeCompressed()
}

func account(t testing.TB, keys *wallet.Keys) []byte {
	t.Helper()
	a, err := keys.EVMAccount(0)
	if err != nil {
		t.Fatal(err)
	}
	return a.Address().Bytes()
}

// Agreed are Terms of 0.05 BTC for 1 ETH, signed by both.
func Agreed(t testing.TB) htlc.SignedTerms {
	t.Helper()
	one, two := Keys(t, InitiatorWords), Keys(t, ParticipantWords)
	salt := htlc.Salt{7}
	secret, err := one.Secret(salt)
	if err != nil {
		t.Fatal(err)
	}
	timing := htlc.Timing{ClockLead: 60, ClockLag: 120, FundWindow: 300, BuryFund: 180, BuryRedeem: 240, BuryRefund: 250, Sighting: 30}
	wei, err := htlc.AmountFromBig(big.NewInt(1e18))
	if err != nil {
		t.Fatal(err)
	}
	regtest := bitcoin.Regtest()
	var parties []htlc.PartyID
	var identities []wallet.Identity
	for _, k := range []*wallet.Keys{one, two} {
		identity, err := k.Identity()
		if err != nil {
			t.Fatal(err)
		}
		parties, identities = append(parties, identity.PartyID()), append(identities, identity)
	}
	terms, err := htlc.Terms{
		Version: htlc.Version, Hash: htlc.HashSHA256, SecretHash: secret.Hash(), Salt: salt, Outage: 600, AcceptBy: Now, Parties: parties,
		Legs: []htlc.Leg{
			{
				Payer: 0, Payee: 1, Asset: regtest.Asset, Amount: htlc.NewAmount(5_000_000), MinConfirmations: 2, Timing: timing,
				PayerKey: legKey(t, one, salt, wallet.Payer, 0), PayeeKey: legKey(t, two, salt, wallet.Payee, 0),
			},
			{
				Payer: 1, Payee: 0, Asset: "eip155:1337/slip44:60", Amount: wei, MinConfirmations: 3, Timing: timing,
				PayerKey: account(t, two), PayeeKey: account(t, one), Deployment: contracts.Address().Bytes(), Lane: 1, Sequence: 4,
			},
		},
	}.WithSchedule(Now)
	if err != nil {
		t.Fatal(err)
	}
	signed := htlc.SignedTerms{Terms: terms}
	for _, identity := range identities {
		signed.Signatures = append(signed.Signatures, htlc.Signature(identity.SignMessage(htlc.TermsMessage(terms))))
	}
	if err := signed.Verify(); err != nil {
		t.Fatal(err)
	}
	return signed
}
