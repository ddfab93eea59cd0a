package signer_test

import (
	"bytes"
	"crypto"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/devnet/bitcoinchain"
	"github.com/kofo-network/kofo/internal/signer"
	"github.com/kofo-network/kofo/internal/signer/signertest"
)

func wantRefused(t *testing.T, what string, err error) {
	t.Helper()
	var e *adapters.Error
	if !errors.Is(err, signer.ErrRefused) || !errors.As(err, &e) || e.Reason != signer.ReasonRefused || !e.Retryable {
		t.Errorf("%s: %v, want a refusal", what, err)
	}
}

// Terms are signed only where every key that should be the party's is.
func TestTermsOfOthersAreRefused(t *testing.T) {
	g := guarded(t, signertest.Rules())
	for name, alter := range map[string]func(*htlc.Terms){
		"another payer's key": func(t *htlc.Terms) { t.Legs[0].PayerKey = bytes.Clone(t.Legs[0].PayeeKey) },
		"another payee":       func(t *htlc.Terms) { t.Legs[1].PayeeKey = common.Address{5}.Bytes() },
		"another secret":      func(t *htlc.Terms) { t.SecretHash[0] ^= 1 },
		"another salt":        func(t *htlc.Terms) { t.Salt[0] ^= 1 },
		"no party":            func(t *htlc.Terms) { t.Parties[0][0] ^= 1 },
		"another deployment":  func(t *htlc.Terms) { t.Legs[1].Deployment = common.Address{5}.Bytes() },
		"nothing to win":      func(t *htlc.Terms) { t.Legs[1].Amount = htlc.Amount{} },
		"a lock too early":    func(t *htlc.Terms) { t.Legs[0].TimeLock = t.Legs[1].TimeLock },
	} {
		terms := signertest.Began(t, g, htlc.Salt{1})
		if name == "another deployment" { // the leg that the party pays
			terms = signertest.Joined(t, g, htlc.Salt{1})
		}
		alter(&terms)
		_, err := g.Identity().SignTerms(t.Context(), terms)
		wantRefused(t, name, err)
	}
	rules := signertest.Rules()
	rules.Parties = []htlc.PartyID{{1}}
	strict := guarded(t, rules)
	_, err := strict.Identity().SignTerms(t.Context(), signertest.Began(t, strict, htlc.Salt{1}))
	wantRefused(t, "a party that is not listed", err)
	rules = signertest.Rules()
	rules.Chains = rules.Chains[:1]
	narrow := guarded(t, rules)
	_, err = narrow.Identity().SignTerms(t.Context(), signertest.Began(t, narrow, htlc.Salt{1}))
	wantRefused(t, "a chain that is not served", err)
	offer := signertest.Offer(t, g, htlc.Salt{1})
	offer.Initiator = htlc.PartyID{1}
	_, err = g.Identity().SignOffer(t.Context(), offer)
	wantRefused(t, "somebody's offer", err)
}

// The secret is given for signed Terms, and not near the time lock.
func TestSecretIsGivenInTime(t *testing.T) {
	rules := signertest.Rules()
	rules.Margin = time.Hour
	journal := openJournal(t, filepath.Join(t.TempDir(), "journal"))
	now := time.Now()
	g := signer.NewGuarded(signertest.Local(t), rules, journal, func() time.Time { return now })
	terms := signertest.Began(t, g, htlc.Salt{1})
	_, err := g.Secrets().Secret(t.Context(), terms)
	wantRefused(t, "unsigned terms", err)
	if _, err := g.Identity().SignTerms(t.Context(), terms); err != nil {
		t.Fatal(err)
	}
	lock := time.Unix(terms.Legs[1].TimeLock, 0)
	now = lock.Add(-rules.Margin + time.Second)
	_, err = g.Secrets().Secret(t.Context(), terms)
	wantRefused(t, "a second after the margin", err)
	now = lock.Add(-rules.Margin)
	if _, err := g.Secrets().Secret(t.Context(), terms); err != nil {
		t.Errorf("at the margin: %v", err)
	}
	now = lock.Add(-2 * rules.Margin)
	joined := signertest.Joined(t, g, htlc.Salt{2})
	if _, err := g.Identity().SignTerms(t.Context(), joined); err != nil {
		t.Fatal(err)
	}
	_, err = g.Secrets().Secret(t.Context(), joined)
	wantRefused(t, "a swap of another initiator", err)
}

// TLS is signed for, messages of the party are not.
func TestHandshakeIsNoMessage(t *testing.T) {
	tls := guarded(t, signertest.Rules()).Identity().TLS()
	for name, message := range map[string][]byte{
		"an offer": htlc.OfferMessage(signertest.Offer(t, signertest.Local(t), htlc.Salt{1})), "nothing": nil,
		"terms": htlc.TermsMessage(htlc.Terms{}), "half a handshake": signertest.Handshake()[:100],
		"a long handshake": append(signertest.Handshake(), 1), "noise": {0x30, 0x82, 1, 2, 3},
	} {
		_, err := tls.Sign(nil, message, crypto.Hash(0))
		wantRefused(t, name, err)
	}
}

// A payment goes to listed accounts, within the limits, and costs no more than
// the rules allow.
func TestPaymentsOfAnAccount(t *testing.T) {
	rules := signertest.Rules()
	rules.Limits = []signer.Limit{{Asset: signertest.Ether, PerCall: htlc.NewAmount(60), PerDay: htlc.NewAmount(100)}}
	rules.MaxFees = map[htlc.ChainID]htlc.Amount{signertest.EVM: htlc.NewAmount(100_000)}
	rules.Consent = false
	now := time.Now()
	path := filepath.Join(t.TempDir(), "journal")
	g := signer.NewGuarded(signertest.Local(t), rules, openJournal(t, path), func() time.Time { return now })
	pay := func(to common.Address, amount int64, nonce, fee uint64) error {
		t.Helper()
		account, err := g.EVM()
		if err != nil {
			t.Fatal(err)
		}
		payload, err := evm.Unsigned{
			ChainID: 1337, Nonce: nonce, Gas: 21_000, Tip: big.NewInt(1), FeeCap: new(big.Int).SetUint64(fee), To: to, Value: big.NewInt(amount),
		}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		_, err = account.SignTransaction(t.Context(), payload)
		return err
	}
	listed := common.Address{9}
	wantRefused(t, "another address", pay(common.Address{8}, 1, 0, 1))
	wantRefused(t, "too much at once", pay(listed, 61, 0, 1))
	wantRefused(t, "too much for the fee", pay(listed, 1, 0, 5))
	for _, err := range []error{pay(listed, 60, 0, 1), pay(listed, 60, 0, 2), pay(listed, 40, 1, 1)} {
		if err != nil {
			t.Errorf("within the limits: %v", err)
		}
	}
	g = signer.NewGuarded(signertest.Local(t), rules, openJournal(t, path), func() time.Time { return now })
	wantRefused(t, "too much in a day, after a restart", pay(listed, 1, 2, 1))
	now = now.Add(25 * time.Hour)
	if err := pay(listed, 1, 2, 1); err != nil {
		t.Errorf("the next day: %v", err)
	}
	account, err := g.EVM()
	if err != nil {
		t.Fatal(err)
	}
	_, err = account.SignConsent(t.Context(), signertest.Began(t, g, htlc.Salt{1}), 1)
	wantRefused(t, "consent that the rules do not allow", err)
}

// What a swap gives counts against the limit too, once for each swap.
func TestTermsCount(t *testing.T) {
	rules := signertest.Rules()
	rules.Limits = []signer.Limit{{Asset: bitcoin.Regtest().Asset, PerDay: htlc.NewAmount(10_000_000)}}
	g := guarded(t, rules)
	for _, n := range []byte{1, 2, 2, 1} {
		if _, err := g.Identity().SignTerms(t.Context(), signertest.Began(t, g, htlc.Salt{n})); err != nil {
			t.Fatal(err)
		}
	}
	_, err := g.Identity().SignTerms(t.Context(), signertest.Began(t, g, htlc.Salt{3}))
	wantRefused(t, "a third swap", err)
}

// TestWalletBehindAGuard lets an adapter do all it does on a chain in this
// process, and more than it may.
func TestWalletBehindAGuard(t *testing.T) {
	rules := signertest.Rules()
	rules.MaxFees = map[htlc.ChainID]htlc.Amount{bitcoin.Regtest().Chain: htlc.NewAmount(500_000)}
	rules.Limits = []signer.Limit{{Asset: bitcoin.Regtest().Asset, PerDay: htlc.NewAmount(5_070_000)}}
	rules.Accounts = append(rules.Accounts, string(bitcoin.Regtest().Chain)+":"+strange(t, 1))
	g := guarded(t, rules)
	a := openWallet(t, g)
	terms := signertest.Began(t, g, htlc.Salt{1})
	for _, owner := range []string{"one", "two"} {
		if _, err := a.Reserve(t.Context(), adapters.Reservation{
			Owner: owner, Asset: terms.Legs[0].Asset, Amount: terms.Legs[0].Amount, Salt: terms.Salt,
		}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := a.Fund(t.Context(), "one", terms, 0)
	wantRefused(t, "terms that were not signed", err)
	if _, err := g.Identity().SignTerms(t.Context(), terms); err != nil {
		t.Fatal(err)
	}
	f, err := a.Fund(t.Context(), "one", terms, 0)
	if err != nil {
		t.Fatal(err)
	}
	if f.Refund == nil {
		t.Fatal("no refund was signed before the funding goes out")
	}
	_, err = a.Fund(t.Context(), "two", terms, 0)
	wantRefused(t, "the contract funded twice", err)
	withdraw := func(id, to string, amount uint64) error {
		_, err := a.Withdraw(t.Context(), adapters.Withdrawal{RequestID: id, Asset: bitcoin.Regtest().Asset, To: to, Amount: htlc.NewAmount(amount)})
		return err
	}
	wantRefused(t, "a withdrawal to a stranger", withdraw("a", strange(t, 2), 50_000))
	if err := withdraw("b", strange(t, 1), 60_000); err != nil {
		t.Errorf("a withdrawal to the list: %v", err)
	}
	wantRefused(t, "more than the day's", withdraw("c", strange(t, 1), 50_000))
	split := adapters.Withdrawal{RequestID: "d", Asset: bitcoin.Regtest().Asset, To: adapters.ToSelf, Amount: htlc.NewAmount(50_000), Parts: 2}
	if _, err := a.Withdraw(t.Context(), split); err != nil {
		t.Errorf("a split, which pays nobody: %v", err)
	}
}

// strange is an address that is not the wallet's.
func strange(t *testing.T, n byte) string {
	t.Helper()
	key, err := bitcointest.Signer("stranger").AccountKey(0, uint32(n))
	if err != nil {
		t.Fatal(err)
	}
	script, err := txscript.PayToTaprootScript(txscript.ComputeTaprootKeyNoScript(key))
	if err != nil {
		t.Fatal(err)
	}
	to, err := address.NewAddressTaproot(script[2:], bitcoin.Regtest().Net)
	if err != nil {
		t.Fatal(err)
	}
	return to.EncodeAddress()
}

// openWallet has three coins.
func openWallet(t *testing.T, keys signer.Keys) *bitcoin.Adapter {
	t.Helper()
	chain, err := bitcoinchain.Start(t.Context(), bitcoinchain.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := chain.Close(); err != nil {
			t.Error(err)
		}
	})
	user, password := chain.Credentials()
	book := bitcointest.NewBook()
	a, err := bitcoin.Open(t.Context(), bitcoin.Config{
		Chain: bitcoin.Regtest().Chain, URL: chain.URL(), User: user, Password: bitcoin.Password(password),
		Birth: uint64(chain.Tip().Height), PollInterval: 5 * time.Millisecond,
	}, signertest.Wallet(t, keys), book, book, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		pay(t, chain, a, 10_000_000)
	}
	if _, err := chain.Mine(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	return a
}

func pay(t *testing.T, chain *bitcoinchain.Chain, a *bitcoin.Adapter, satoshi int64) {
	t.Helper()
	text, err := a.Address(t.Context(), bitcoin.Regtest().Asset)
	if err != nil {
		t.Fatal(err)
	}
	to, err := address.DecodeAddress(text, bitcoin.Regtest().Net)
	if err != nil {
		t.Fatal(err)
	}
	script, err := txscript.PayToAddrScript(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chain.Pay(t.Context(), script, satoshi); err != nil {
		t.Fatal(err)
	}
}

func openJournal(t *testing.T, path string) *signer.Journal {
	t.Helper()
	j, err := signer.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

// A write that was cut off counts for nothing, and another damage is told.
func TestJournalSurvivesACut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	first := signer.NewGuarded(signertest.Local(t), signertest.Rules(), openJournal(t, path), time.Now)
	one, two := signertest.Began(t, first, htlc.Salt{1}), signertest.Began(t, first, htlc.Salt{2})
	if _, err := first.Identity().SignTerms(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Identity().SignTerms(t.Context(), two); err != nil {
		t.Fatal(err)
	}
	for cut := len(whole); cut < len(whole)+20; cut++ {
		if err := os.Truncate(path, int64(cut)); err != nil {
			t.Fatal(err)
		}
		g := signer.NewGuarded(signertest.Local(t), signertest.Rules(), openJournal(t, path), time.Now)
		if _, err := g.Secrets().Secret(t.Context(), one); err != nil {
			t.Errorf("cut at %d: the first entry is gone: %v", cut, err)
		}
		_, err := g.Secrets().Secret(t.Context(), two)
		wantRefused(t, "the entry that was cut off", err)
		if _, err := g.Identity().SignTerms(t.Context(), two); err != nil {
			t.Errorf("cut at %d: nothing more is written: %v", cut, err)
		}
	}
	if err := os.WriteFile(path, append([]byte("{}\n"), whole...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := signer.OpenJournal(path); !errors.Is(err, signer.ErrJournal) {
		t.Errorf("a damaged journal: %v", err)
	}
}

// Whatever stands in the file, reading it ends, and what is read is read again.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"at":"2026-01-02T03:04:05Z","key":"terms a","asset":"eip155:1/slip44:60","amount":"5"}` + "\n"))
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"key":"fund x","coins":["a:0"]}` + "\n{"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		path := filepath.Join(t.TempDir(), "journal")
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := signer.OpenJournal(path)
		if err != nil {
			return
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := signer.OpenJournal(path)
		if err != nil {
			t.Fatalf("it was read once: %v", err)
		}
		_ = again.Close()
	})
}
