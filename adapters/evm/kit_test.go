package evm_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/params"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/adaptertest"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
)

const chainName = htlc.ChainID("eip155:1337")

const nativeAsset = htlc.AssetID(chainName + "/slip44:60")

// party is one side with its own adapter and store.
type party struct {
	*evm.Adapter
	book    *evmtest.Book
	account evmtest.Account
}

// The adapter offers the whole standard.
var _ adaptertest.Adapter = (*evm.Adapter)(nil)

// kit is a chain with the deployment, a payer and a payee.
type kit struct {
	*evmtest.Chain
	t            *testing.T
	htlc         common.Address
	payer, payee *party
	url          string
	tokens       []evm.Token
}

func newKit(t *testing.T) *kit { return newKitAt(t, func(c *evmtest.Chain) string { return c.URL }) }

func newKitAt(t *testing.T, url func(*evmtest.Chain) string, tokens ...string) *kit {
	t.Helper()
	c := evmtest.NewChain(t, evmtest.Osaka())
	k := &kit{Chain: c, t: t, htlc: c.DeployHtlc(), url: url(c)}
	for _, name := range tokens {
		token := c.Deploy(name)
		k.tokens = append(k.tokens, evm.Token{Address: token.Address, Min: htlc.NewAmount(1)})
		token.Must(c.Accounts[1], "mint", c.Accounts[1].Address, new(big.Int).Mul(big.NewInt(1000), evmtest.Ether))
	}
	k.payer = k.open(c.Accounts[1], evmtest.NewBook())
	k.payee = k.open(c.Accounts[2], evmtest.NewBook())
	return k
}

func (k *kit) config() evm.Config {
	return evm.Config{Chain: chainName, URL: k.url, Tokens: k.tokens, Bury: 3, Lanes: 4, PollInterval: 5 * time.Millisecond}
}

func (k *kit) open(account evmtest.Account, book *evmtest.Book) *party {
	k.t.Helper()
	return k.openLogging(account, book, slog.New(slog.DiscardHandler))
}

func (k *kit) openLogging(account evmtest.Account, book *evmtest.Book, log *slog.Logger) *party {
	k.t.Helper()
	return &party{Adapter: k.openAll(account, book, book, log), book: book, account: account}
}

// openWith is open with a journal of its own.
func (k *kit) openWith(account evmtest.Account, journal evm.Journal, book *evmtest.Book) *party {
	k.t.Helper()
	return &party{Adapter: k.openAll(account, journal, book, slog.New(slog.DiscardHandler)), book: book, account: account}
}

func (k *kit) openAll(account evmtest.Account, journal evm.Journal, lanes evm.Lanes, log *slog.Logger) *evm.Adapter {
	k.t.Helper()
	a, err := evm.Open(k.Context(), k.config(), evmtest.Signer{Account: account}, journal, lanes, log)
	if err != nil {
		k.t.Fatalf("open: %v", err)
	}
	k.t.Cleanup(a.Close)
	return a
}

func secret(n byte) htlc.Secret {
	raw := sha256.Sum256([]byte{'s', n})
	s, err := htlc.NewSecret(raw[:])
	if err != nil {
		panic(err)
	}
	return s
}

func (k *kit) asset(token int) htlc.AssetID {
	if token < 0 {
		return nativeAsset
	}
	return htlc.AssetID(string(chainName) + "/erc20:0x" + hex.EncodeToString(k.tokens[token].Address[:]))
}

// terms reserve a lane of the payer and give Terms of which leg 1 goes from payer to payee.
func (k *kit) terms(owner string, n byte, asset htlc.AssetID, amount *big.Int) htlc.Terms {
	k.t.Helper()
	return k.agree(k.payer, k.payee, owner, n, asset, amount)
}

// agree is terms with the parties named.
func (k *kit) agree(payer, payee *party, owner string, n byte, asset htlc.AssetID, amount *big.Int) htlc.Terms {
	k.t.Helper()
	value, err := htlc.AmountFromBig(amount)
	if err != nil {
		k.t.Fatal(err)
	}
	part, err := payer.Reserve(k.Context(), adapters.Reservation{Owner: owner, Asset: asset, Amount: value, Leg: 1})
	if err != nil {
		k.t.Fatalf("reserve: %v", err)
	}
	key, err := payee.PayeeKey(k.Context(), asset, htlc.Salt{}, 1)
	if err != nil {
		k.t.Fatalf("payee key: %v", err)
	}
	return htlc.Terms{
		Version: htlc.Version, Hash: htlc.HashSHA256, SecretHash: secret(n).Hash(), Salt: htlc.Salt{n},
		Parties: []htlc.PartyID{{1}, {2}},
		Legs: []htlc.Leg{
			{Payee: 1, Asset: "bip122:0f9188f13cb7b2c71f2a335e3a4fc328/slip44:1", Amount: htlc.NewAmount(1)},
			{
				Payer: 1, Asset: asset, Amount: value, PayerKey: part.Key, PayeeKey: key, Deployment: part.Deployment,
				Lane: part.Lane, Sequence: part.Sequence, MinConfirmations: 1,
				FundBy: int64(k.Now()) + 600, TimeLock: int64(k.Now()) + 3600,
			},
		},
	}
}

func (k *kit) watch(p *party, terms htlc.Terms) adapters.Contract {
	k.t.Helper()
	c, err := p.Watch(k.Context(), terms, 1, "")
	if err != nil {
		k.t.Fatalf("watch: %v", err)
	}
	return c
}

// fund signs and broadcasts without mining.
func (k *kit) fund(owner string, terms htlc.Terms) adapters.Funding {
	k.t.Helper()
	return k.fundBy(k.payer, owner, terms)
}

func (k *kit) fundBy(p *party, owner string, terms htlc.Terms) adapters.Funding {
	k.t.Helper()
	f := k.signFunding(p, owner, terms)
	for _, tx := range f.Txs {
		k.broadcast(p, tx)
	}
	return f
}

func (k *kit) signFunding(p *party, owner string, terms htlc.Terms) adapters.Funding {
	k.t.Helper()
	f, err := p.Fund(k.Context(), owner, terms, 1)
	if err != nil {
		k.t.Fatalf("fund: %v", err)
	}
	return f
}

func (k *kit) broadcast(p *party, tx adapters.Tx) {
	k.t.Helper()
	if err := p.Broadcast(k.Context(), tx); err != nil {
		k.t.Fatalf("broadcast: %v", err)
	}
}

func (k *kit) redeem(terms htlc.Terms, n byte) adapters.Tx {
	k.t.Helper()
	tx, err := k.payee.Redeem(k.Context(), adapters.Spend{Terms: terms, Leg: 1, Secret: secret(n)})
	if err != nil {
		k.t.Fatalf("redeem: %v", err)
	}
	return tx
}

func (k *kit) tip(p *party) adapters.BlockRef {
	k.t.Helper()
	tip, err := p.Tip(k.Context())
	if err != nil {
		k.t.Fatalf("tip: %v", err)
	}
	return tip
}

func (k *kit) next(p *party, cursor adapters.BlockRef) adapters.Step {
	k.t.Helper()
	step, err := p.Next(k.Context(), cursor)
	if err != nil {
		k.t.Fatalf("next: %v", err)
	}
	return step
}

// mine makes a block and wants exactly one fact of the given kind in it.
func (k *kit) mine(p *party, kind adapters.FactKind) adapters.Fact {
	k.t.Helper()
	cursor := k.tip(p)
	k.Commit()
	step := k.next(p, cursor)
	if step.Kind != adapters.Connect || len(step.Facts) != 1 || step.Facts[0].Kind != kind {
		k.t.Fatalf("step %v %+v, want one %s", step.Kind, step.Facts, kind)
	}
	return step.Facts[0]
}

// sighting waits until the mempool shows a fact of the kind.
func (k *kit) sighting(p *party, kind adapters.FactKind) adapters.Fact {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.Context(), 10*time.Second)
	defer cancel()
	for {
		facts, err := p.Mempool(ctx)
		if err != nil {
			k.t.Fatalf("mempool: %v", err)
		}
		for _, f := range facts {
			if f.Kind == kind {
				return f
			}
		}
		if err := p.Wait(ctx); err != nil {
			k.t.Fatalf("no %s in the mempool: %v", kind, err)
		}
	}
}

func (k *kit) funded(p *party, terms htlc.Terms) bool {
	k.t.Helper()
	ok, err := p.Funded(k.Context(), terms, 1, "", k.tip(p))
	if err != nil {
		k.t.Fatalf("funded: %v", err)
	}
	return ok
}

func wantReason(t *testing.T, err error, kind error, reason string) {
	t.Helper()
	var e *adapters.Error
	if !errors.Is(err, kind) || !errors.As(err, &e) || e.Reason != reason {
		t.Fatalf("error %v, want %s (%v)", err, reason, kind)
	}
}

func gwei(n int64) *big.Int { return new(big.Int).Mul(big.NewInt(n), big.NewInt(params.GWei)) }
