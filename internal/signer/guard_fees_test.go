package signer_test

import (
	"math/big"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/bindings"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/signer"
	"github.com/kofo-network/kofo/internal/signer/signertest"
)

// closing is what a node has an account sign: a call of the deployment, at one
// gas, so that the fee is the price.
type closing struct {
	t       *testing.T
	account evm.Signer
}

func closer(t *testing.T, keys signer.Keys) closing {
	t.Helper()
	account, err := keys.EVM()
	if err != nil {
		t.Fatal(err)
	}
	return closing{t, account}
}

func (c closing) sign(nonce uint64, to common.Address, data []byte, fee int64) error {
	c.t.Helper()
	payload, err := evm.Unsigned{
		ChainID: 1337, Nonce: nonce, Gas: 1, Tip: big.NewInt(1), FeeCap: big.NewInt(fee), To: to, Value: new(big.Int), Data: data,
	}.Encode()
	if err != nil {
		c.t.Fatal(err)
	}
	_, err = c.account.SignTransaction(c.t.Context(), payload)
	return err
}

func (c closing) refund(nonce uint64, terms htlc.Terms, fee int64) error {
	c.t.Helper()
	call, err := evm.RefundCalldata(terms, 1)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.sign(nonce, call.To, call.Data, fee)
}

func (c closing) redeem(nonce uint64, terms htlc.Terms, secret htlc.Secret, fee int64) error {
	c.t.Helper()
	call, err := evm.RedeemCalldata(terms, 1, secret)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.sign(nonce, call.To, call.Data, fee)
}

// batch refunds the legs of several terms at once.
func (c closing) batch(nonce uint64, fee int64, all ...htlc.Terms) error {
	c.t.Helper()
	var items []bindings.HtlcReclaim
	for _, t := range all {
		l := t.Legs[1]
		items = append(items, bindings.HtlcReclaim{Leg: bindings.HtlcLeg{
			Funder: common.BytesToAddress(l.PayerKey), Lane: l.Lane, Sequence: l.Sequence, Payee: common.BytesToAddress(l.PayeeKey),
			Amount: l.Amount.Big(), TimeLock: uint64(l.TimeLock),
		}, SecretHash: t.SecretHash})
	}
	return c.sign(nonce, contracts.Address(), bindings.NewHtlc().PackRefundMany(items, big.NewInt(1000)), fee)
}

func feeRules(most, perDay uint64) signer.Rules {
	rules := signertest.Rules()
	rules.MaxFees = map[htlc.ChainID]htlc.Amount{signertest.EVM: htlc.NewAmount(most)}
	rules.FeesPerDay = map[htlc.ChainID]htlc.Amount{signertest.EVM: htlc.NewAmount(perDay)}
	return rules
}

// worth is terms whose second leg, in ether, the party is paid or pays.
func worth(t *testing.T, g signer.Keys, salt byte, wei uint64, pays bool) htlc.Terms {
	t.Helper()
	terms := signertest.Began(t, g, htlc.Salt{salt})
	if pays {
		terms = signertest.Joined(t, g, htlc.Salt{salt})
	}
	terms.Legs[1].Amount, terms.Legs[1].Lane = htlc.NewAmount(wei), uint64(salt)
	return terms
}

// The fee of a redeem or refund comes out of the wallet, and a contract says what
// it likes of itself: only signed terms let it cost more than another transaction.
func TestCloseCostsWhatItsTermsAllow(t *testing.T) {
	const most, rich, poor = 100, 50_000, 300
	g := guarded(t, feeRules(most, 1_000_000))
	c := closer(t, g)
	signed := map[string]htlc.Terms{}
	for salt, terms := range map[string]htlc.Terms{
		"rich, pays us": worth(t, g, 1, rich, false), "rich, we pay": worth(t, g, 2, rich, true), "poor": worth(t, g, 3, poor, false),
	} {
		if _, err := g.Identity().SignTerms(t.Context(), terms); err != nil {
			t.Fatal(err)
		}
		signed[salt] = terms
	}
	token := worth(t, g, 4, rich, false)
	token.Legs[1].Asset = htlc.AssetID("eip155:1337/erc20:0x" + "00000000000000000000000000000000000000aa")
	if _, err := g.Identity().SignTerms(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	secret, err := g.Secrets().Secret(t.Context(), signed["rich, pays us"])
	if err != nil {
		t.Fatal(err)
	}
	unsigned := worth(t, g, 9, rich, false)
	for _, row := range []struct {
		name string
		most int64
		sign func(fee int64) error
	}{
		{"redeem of signed terms: the leg", rich, func(fee int64) error { return c.redeem(0, signed["rich, pays us"], secret, fee) }},
		{"refund of signed terms: the leg", rich, func(fee int64) error { return c.refund(1, signed["rich, we pay"], fee) }},
		{"a small leg: ten times the most", 10 * most, func(fee int64) error { return c.refund(2, signed["poor"], fee) }},
		{"a leg in tokens: ten times the most", 10 * most, func(fee int64) error { return c.refund(3, token, fee) }},
		{"terms that were not signed: the most", most, func(fee int64) error { return c.refund(4, unsigned, fee) }},
		{"two of signed terms: both", rich + 10*most, func(fee int64) error { return c.batch(5, fee, signed["rich, we pay"], signed["poor"]) }},
		{"one twice: once", rich, func(fee int64) error { return c.batch(6, fee, signed["rich, we pay"], signed["rich, we pay"]) }},
		{"a stranger among them: the most", most, func(fee int64) error { return c.batch(7, fee, signed["rich, we pay"], unsigned) }},
	} {
		wantRefused(t, row.name+", and one more", row.sign(row.most+1))
		if err := row.sign(row.most); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}

// Who lost the journal and kept the seed still closes what is open, at a price
// that every transaction may have.
func TestCloseWithoutAJournal(t *testing.T) {
	g := guarded(t, signertest.Rules())
	c := closer(t, g)
	terms := worth(t, g, 1, 1e18, false)
	secret, err := signertest.Local(t).Secrets().Secret(t.Context(), terms)
	if err != nil {
		t.Fatal(err)
	}
	// 150,000 gas at 300 gwei, which is what is signed for at the worst.
	if err := c.redeem(0, terms, secret, 150_000*300e9); err != nil {
		t.Errorf("redeem: %v", err)
	}
	if err := c.refund(1, terms, 150_000*300e9); err != nil {
		t.Errorf("refund: %v", err)
	}
	wantRefused(t, "a tenth of an ether", c.refund(2, terms, 1e17))
}

// What all transactions cost in a day is bounded too; half of it stays for those
// that close what was agreed.
func TestFeesOfADay(t *testing.T) {
	now := time.Now()
	path := filepath.Join(t.TempDir(), "journal")
	clock := func() time.Time { return now }
	g := signer.NewGuarded(signertest.Local(t), feeRules(100, 1_000), openJournal(t, path), clock)
	terms := worth(t, g, 1, 400, true)
	if _, err := g.Identity().SignTerms(t.Context(), terms); err != nil {
		t.Fatal(err)
	}
	c := closer(t, g)
	idle := func(nonce uint64, fee int64) error { return c.sign(nonce, c.account.Address(), nil, fee) }
	for nonce := range uint64(5) {
		if err := idle(nonce, 100); err != nil {
			t.Fatal(err)
		}
	}
	if err := idle(4, 100); err != nil {
		t.Errorf("the same nonce again: %v", err)
	}
	wantRefused(t, "over half of the day's", idle(5, 1))
	wantRefused(t, "a stranger over half of the day's", c.refund(5, worth(t, g, 9, 400, true), 1))
	if err := c.refund(5, terms, 499); err != nil {
		t.Errorf("the other half: %v", err)
	}
	g = signer.NewGuarded(signertest.Local(t), feeRules(100, 1_000), openJournal(t, path), clock)
	c = closer(t, g)
	wantRefused(t, "over the day's, after a restart", c.refund(6, terms, 2))
	now = now.Add(25 * time.Hour)
	if err := c.refund(6, terms, 2); err != nil {
		t.Errorf("the next day: %v", err)
	}
}

// A node that was broken into asks for everything that it can make up, and signs
// what terms the rules let it sign. What it can have burnt is what the rules say.
func TestHostileNodeBurnsNoMoreThanADay(t *testing.T) {
	const most, perDay = 1_000, 20_000
	g := guarded(t, feeRules(most, perDay))
	c := closer(t, g)
	random := rand.New(rand.NewPCG(1, 2))
	fees := []int64{1, most / 2, most, most + 1, 10 * most, perDay, 1e15}
	burnt := map[uint64]int64{} // of those with one nonce one is mined
	signed, nonce := 0, uint64(0)
	for n := range 400 {
		terms := worth(t, g, byte(n%200+1), 1e18, n%2 == 0)
		terms.Legs[1].Sequence = 1 + 2*uint64(n)
		if n%5 == 0 {
			if _, err := g.Identity().SignTerms(t.Context(), terms); err != nil {
				t.Fatal(err)
			}
		}
		if nonce = uint64(random.IntN(n + 1)); n%3 == 0 {
			nonce = uint64(n)
		}
		fee, err := fees[random.IntN(len(fees))], error(nil)
		switch random.IntN(4) {
		case 0:
			err = c.sign(nonce, c.account.Address(), nil, fee)
		case 1:
			err = c.batch(nonce, fee, terms, worth(t, g, byte(n%200+2), 1e18, true))
		default:
			err = c.refund(nonce, terms, fee)
		}
		if err == nil {
			signed++
			burnt[nonce] = max(burnt[nonce], fee)
		}
	}
	var sum int64
	for _, fee := range burnt {
		sum += fee
	}
	if sum > perDay || signed == 0 || sum == 0 {
		t.Errorf("%d transactions were signed that burn %d, at most %d may be", signed, sum, perDay)
	}
}

// What spends coins of a Bitcoin wallet costs no more than the rules say, in one
// transaction and in a day.
func TestFeesOfABitcoinWallet(t *testing.T) {
	for name, row := range map[string]struct {
		most, perDay uint64
		refused      bool
	}{
		"none said": {}, "enough": {most: 500_000}, "too little for one": {most: 10, refused: true},
		"too little for a day": {most: 500_000, perDay: 20, refused: true},
	} {
		rules := signertest.Rules()
		chain := bitcoin.Regtest().Chain
		rules.MaxFees = map[htlc.ChainID]htlc.Amount{chain: htlc.NewAmount(row.most)}
		rules.FeesPerDay = map[htlc.ChainID]htlc.Amount{chain: htlc.NewAmount(row.perDay)}
		rules.Accounts = append(rules.Accounts, string(chain)+":"+strange(t, 1))
		err := withdrawTo(t, openWallet(t, guarded(t, rules)), strange(t, 1))
		if row.refused {
			wantRefused(t, name, err)
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func withdrawTo(t *testing.T, a *bitcoin.Adapter, to string) error {
	t.Helper()
	_, err := a.Withdraw(t.Context(), adapters.Withdrawal{RequestID: "w", Asset: bitcoin.Regtest().Asset, To: to, Amount: htlc.NewAmount(60_000)})
	return err
}
