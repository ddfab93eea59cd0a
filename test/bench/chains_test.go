package bench

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"log/slog"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/devnet/bitcoinchain"
	"github.com/kofo-network/kofo/internal/devnet/evmchain"
)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// began is when the terms of every swap are agreed, by the chains' clocks.
const began = int64(1_900_000_000)

// market makes swaps of BTC for ETH between two parties, with contracts
// computed by the adapters of both chains.
type market struct {
	parties      [2]ed25519.PrivateKey
	payer, payee []byte // of the leg on Bitcoin
	rig          *evmRig
	bitcoin      *bitcoin.Adapter
}

func newMarket(b *testing.B) *market {
	b.Helper()
	m := &market{rig: newEVMRig(b, evmchain.DefaultGasLimit)}
	for i := range m.parties {
		m.parties[i] = ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), byte(i+1)))
	}
	chain, err := bitcoinchain.Start(b.Context(), bitcoinchain.Options{})
	must(b, err)
	b.Cleanup(func() { must(b, chain.Close()) })
	user, password := chain.Credentials()
	keys, book := bitcointest.Keys("benchmarks"), bitcointest.NewBook()
	m.bitcoin, err = bitcoin.Open(b.Context(), bitcoin.Config{
		Chain: bitcoin.Regtest().Chain, URL: chain.URL(), User: user, Password: bitcoin.Password(password),
	}, bitcoin.NewLocalSigner(keys), book, book, slog.New(slog.DiscardHandler))
	must(b, err)
	for i, to := range []*[]byte{&m.payer, &m.payee} {
		key, err := keys.Account(0, uint32(i))
		must(b, err)
		*to = key.PubKey().SerializeCompressed()
	}
	return m
}

func (m *market) party(i int) htlc.PartyID {
	return htlc.PartyID(m.parties[i].Public().(ed25519.PublicKey))
}

func (m *market) contract(terms htlc.Terms, leg int) (adapters.Contract, error) {
	if terms.Legs[leg].Chain() == bitcoin.Regtest().Chain {
		return m.bitcoin.Contract(terms, leg)
	}
	return m.rig.adapter.Contract(terms, leg)
}

// signed are the terms of swap n as the participant gets them.
func (m *market) signed(n uint64) (htlc.TermsSigned, error) {
	timing := htlc.Timing{ClockLead: 30, ClockLag: 30, FundWindow: 3600, BuryFund: 3600, BuryRedeem: 3600, BuryRefund: 3600, Sighting: 60}
	salt := htlc.Salt{1}
	binary.BigEndian.PutUint64(salt[8:], n)
	terms, err := htlc.Terms{
		Version: htlc.Version, Hash: htlc.HashSHA256, SecretHash: laneSecret(n).Hash(), Salt: salt, Outage: 3600,
		AcceptBy: began, Parties: []htlc.PartyID{m.party(0), m.party(1)},
		Legs: []htlc.Leg{
			{
				Payer: 0, Payee: 1, Asset: bitcoin.Regtest().Asset, Amount: htlc.NewAmount(5_000_000),
				PayerKey: m.payer, PayeeKey: m.payee, MinConfirmations: 1, Timing: timing,
			},
			{
				Payer: 1, Payee: 0, Asset: m.rig.adapter.NativeAsset(), Amount: htlc.NewAmount(1_000_000_000),
				PayerKey: m.rig.funder.Address[:], PayeeKey: payee[:], Deployment: contracts.Address().Bytes(), Lane: n,
				MinConfirmations: 1, Timing: timing,
			},
		},
	}.WithSchedule(began)
	if err != nil {
		return htlc.TermsSigned{}, fmt.Errorf("terms of swap %d: %w", n, err)
	}
	return htlc.TermsSigned{Terms: terms, Self: 1, Signatures: []htlc.Signature{
		htlc.SignTerms(m.parties[0], terms), htlc.SignTerms(m.parties[1], terms),
	}}, nil
}

// life is what the participant learns of swap n, from the agreement to the end
// in which both sides are paid.
func (m *market) life(n uint64) ([]htlc.Event, error) {
	opened, err := m.signed(n)
	if err != nil {
		return nil, err
	}
	block := func(height uint64) htlc.BlockID { return htlc.BlockID{Height: height, Hash: [32]byte{byte(height)}} }
	name := func(what string) string { return fmt.Sprintf("%064x", n) + what }
	passed := htlc.Observed{State: htlc.CheckPassed}
	secret := laneSecret(n)
	return []htlc.Event{
		opened,
		htlc.LegFunded{Leg: 0, TxID: name("fund0"), Ref: name("fund0:0"), Block: block(100)},
		htlc.FundingPrepared{TxID: name("fund1")},
		htlc.FundingChecked{Facts: htlc.FundingFacts{
			Clock: began, StateRead: passed, RedeemRuns: passed, RedeemMeans: passed, TermsCopied: passed, DiskSpace: passed, BackEndsAgree: passed, Final: passed, ChainsCalm: passed,
		}},
		htlc.Submitted{Leg: 1, Purpose: htlc.PurposeFund, TxID: name("fund1")},
		htlc.LegFunded{Leg: 1, TxID: name("fund1"), Ref: name("fund1"), Block: block(200)},
		htlc.SecretSeen{Leg: 1, TxID: name("redeem1"), Secret: secret},
		htlc.Submitted{Leg: 0, Purpose: htlc.PurposeRedeem, TxID: name("redeem0")},
		htlc.LegRedeemed{Leg: 1, TxID: name("redeem1"), Ref: name("fund1"), Secret: secret, Block: block(201)},
		htlc.LegRedeemed{Leg: 0, TxID: name("redeem0"), Ref: name("fund0:0"), Secret: secret, Block: block(101)},
	}, nil
}
