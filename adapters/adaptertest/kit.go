package adaptertest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// sides of the ring: payer pays leg 0 to payee, payee pays leg 1 back.
const (
	payerSide = 0
	payeeSide = 1
)

// kit is one case: the chain, and two parties with coins for three legs each.
type kit struct {
	t            *testing.T
	ctx          context.Context
	h            Harness
	payer, payee *actor
	deals        int
}

// actor is a party with its adapter.
type actor struct {
	Adapter
	party Party
}

func newKit(ctx context.Context, t *testing.T, h Harness) *kit {
	t.Helper()
	k := &kit{t: t, ctx: ctx, h: h}
	k.payer, k.payee = k.actor(3), k.actor(3)
	return k
}

// actor makes a party with a number of coins.
func (k *kit) actor(coins int) *actor {
	k.t.Helper()
	list := make([]htlc.Amount, coins)
	for i := range list {
		list[i] = k.h.Profile.Coin
	}
	p := k.h.Parties.New(k.t, list...)
	return &actor{Adapter: k.h.Parties.Open(k.t, p), party: p}
}

// again is the actor after a restart.
func (k *kit) again(a *actor) *actor {
	k.t.Helper()
	return &actor{Adapter: k.h.Parties.Open(k.t, a.party), party: a.party}
}

// must ends the case where err is not nil.
func (k *kit) must(err error, format string, args ...any) {
	k.t.Helper()
	if err != nil {
		k.t.Fatalf("%s: %v", fmt.Sprintf(format, args...), err)
	}
}

// want ends the case where err is none of the kinds.
func (k *kit) want(err error, what string, kinds ...error) {
	k.t.Helper()
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return
		}
	}
	k.t.Fatalf("%s: error %v, want one of %v", what, err, kinds)
}

// deal is a swap's Terms with its secret.
type deal struct {
	terms  htlc.Terms
	secret htlc.Secret
}

// owner of the deal's reservations.
func (d deal) owner() string { return d.terms.ID().String() }

func (d deal) spend(leg int, ref string) adapters.Spend {
	return adapters.Spend{Terms: d.terms, Leg: leg, Ref: ref, Secret: d.secret}
}

// salt is unique in the whole run, because the parties are.
func (k *kit) salt() htlc.Salt {
	k.deals++
	return sha256.Sum256(fmt.Appendf(nil, "salt %s %d %d %d", k.t.Name(), k.deals, k.payer.party, k.payee.party))
}

func secretOf(salt htlc.Salt) htlc.Secret {
	raw := sha256.Sum256(append([]byte("secret"), salt[:]...))
	s, err := htlc.NewSecret(raw[:])
	if err != nil {
		panic(err) // 32 bytes are a secret
	}
	return s
}

func (k *kit) reservation(owner string, salt htlc.Salt, leg int) adapters.Reservation {
	return adapters.Reservation{
		Owner: owner, Asset: k.h.Profile.Asset, Amount: k.h.Profile.Amount, Salt: salt, Leg: leg,
	}
}

// deal agrees on a ring of two legs of which leg 0 is reserved. The offer's
// reservation is adopted by the swap, as a node does it.
func (k *kit) deal() deal {
	k.t.Helper()
	return k.dealWith(k.h.Profile.Amount)
}

// dealWith reserves another amount than the Terms will say.
func (k *kit) dealWith(reserved htlc.Amount) deal {
	k.t.Helper()
	salt := k.salt()
	offer := "offer " + salt.String()
	r := k.reservation(offer, salt, 0)
	r.Amount = reserved
	part, err := k.payer.Reserve(k.ctx, r)
	k.must(err, "reserve")
	d := k.agree(salt, part)
	k.must(k.payer.Adopt(k.ctx, offer, d.owner()), "adopt")
	return d
}

// agree fills in the Terms around what was reserved for leg 0. Leg 1 is never
// funded by the suite, so its payer's part is that of leg 0 with its key
// exchanged.
func (k *kit) agree(salt htlc.Salt, part adapters.PayerPart) deal {
	k.t.Helper()
	p := k.h.Profile
	leg := func(payer uint8, payerKey, payeeKey []byte) htlc.Leg {
		return htlc.Leg{
			Payer: payer, Payee: 1 - payer, Asset: p.Asset, Amount: p.Amount, PayerKey: payerKey, PayeeKey: payeeKey,
			Deployment: part.Deployment, Lane: part.Lane, Sequence: part.Sequence, MinConfirmations: 2, Timing: p.Timing,
		}
	}
	tip := k.tip(k.payer)
	start := max(tip.Clock, tip.Time)
	d := deal{secret: secretOf(salt), terms: htlc.Terms{
		Version: htlc.Version, Hash: htlc.HashSHA256, Salt: salt, Outage: 30, AcceptBy: start,
		Parties: []htlc.PartyID{{1}, {2}},
		Legs: []htlc.Leg{
			leg(payerSide, part.Key, k.payeeKey(k.payee, salt, 0)),
			leg(payeeSide, k.payeeKey(k.payee, salt, 1), k.payeeKey(k.payer, salt, 1)),
		},
	}}
	d.terms.SecretHash = d.secret.Hash()
	var err error
	d.terms, err = d.terms.WithSchedule(start)
	k.must(err, "schedule")
	k.must(d.terms.Validate(), "the suite's own terms")
	return d
}

func (k *kit) payeeKey(a *actor, salt htlc.Salt, leg int) []byte {
	k.t.Helper()
	key, err := a.PayeeKey(k.ctx, k.h.Profile.Asset, salt, leg)
	k.must(err, "payee key")
	return key
}

func (k *kit) tip(a *actor) adapters.BlockRef {
	k.t.Helper()
	tip, err := a.Tip(k.ctx)
	k.must(err, "tip")
	return tip
}

func (k *kit) watch(a *actor, d deal, ref string) adapters.Contract {
	k.t.Helper()
	c, err := a.Watch(k.ctx, d.terms, 0, ref)
	k.must(err, "watch")
	return c
}

// fund signs and broadcasts the lock of leg 0.
func (k *kit) fund(d deal) adapters.Funding {
	k.t.Helper()
	f := k.signFunding(d.owner(), d.terms)
	k.send(k.payer, f.Txs...)
	return f
}

func (k *kit) signFunding(owner string, terms htlc.Terms) adapters.Funding {
	k.t.Helper()
	f, err := k.payer.Fund(k.ctx, owner, terms, 0)
	k.must(err, "fund")
	if f.Lock != len(f.Txs)-1 || f.Lock < 0 {
		k.t.Fatalf("the lock is number %d of %d transactions, want the last", f.Lock, len(f.Txs))
	}
	return f
}

func (k *kit) send(a *actor, txs ...adapters.Tx) {
	k.t.Helper()
	for _, tx := range txs {
		k.must(a.Broadcast(k.ctx, tx), "broadcast %s", tx.ID)
	}
}

func (k *kit) redeem(d deal, ref string) adapters.Tx {
	k.t.Helper()
	tx, err := k.payee.Redeem(k.ctx, d.spend(0, ref))
	k.must(err, "redeem")
	return tx
}

func (k *kit) refund(d deal, ref string) adapters.Tx {
	k.t.Helper()
	tx, err := k.payer.Refund(k.ctx, d.spend(0, ref))
	k.must(err, "refund")
	return tx
}

func (k *kit) mine(n int) {
	k.t.Helper()
	k.h.Chain.Mine(k.t, n)
}

// locked is a deal whose leg 0 is funded in the newest block; both parties
// watch it.
func (k *kit) locked() (deal, adapters.Fact) {
	k.t.Helper()
	d := k.deal()
	return d, k.lock(d)
}

func (k *kit) lock(d deal) adapters.Fact {
	k.t.Helper()
	k.watch(k.payer, d, "")
	k.watch(k.payee, d, "")
	payer, payee := k.reader(k.payer), k.reader(k.payee)
	lock := k.fund(d)
	k.mine(1)
	fact := payee.only(adapters.Funded)
	if !sameFact(payer.only(adapters.Funded), fact) {
		k.t.Fatal("payer and payee see different fundings")
	}
	if fact.TxID != lock.Txs[lock.Lock].ID || fact.Ref == "" {
		k.t.Fatalf("funded by %s at %q, want transaction %s", fact.TxID, fact.Ref, lock.Txs[lock.Lock].ID)
	}
	return fact
}

func (k *kit) funded(a *actor, terms htlc.Terms, ref string, at adapters.BlockRef) bool {
	k.t.Helper()
	ok, err := a.Funded(k.ctx, terms, 0, ref, at)
	k.must(err, "read the state at block %d", at.Height)
	return ok
}

// wantFunded compares the state at the tip for both parties.
func (k *kit) wantFunded(d deal, ref string, want bool) {
	k.t.Helper()
	for _, a := range []*actor{k.payer, k.payee} {
		if got := k.funded(a, d.terms, ref, k.tip(a)); got != want {
			k.t.Fatalf("funded at the tip: %v, want %v", got, want)
		}
	}
}

// worth is everything that a party has of the asset.
func (k *kit) worth(a *actor) *big.Int {
	k.t.Helper()
	b := k.balance(a)
	sum := new(big.Int)
	for _, part := range []htlc.Amount{b.Spendable, b.Reserved, b.Pending} {
		sum.Add(sum, part.Big())
	}
	return sum
}

func (k *kit) balance(a *actor) adapters.Balance {
	k.t.Helper()
	all, err := a.Balances(k.ctx)
	k.must(err, "balances")
	for _, b := range all {
		if b.Asset == k.h.Profile.Asset {
			return b
		}
	}
	k.t.Fatalf("no balance of %s in %+v", k.h.Profile.Asset, all)
	return adapters.Balance{}
}

// scaled is an amount times num/den.
func (k *kit) scaled(a htlc.Amount, num, den int64) htlc.Amount {
	k.t.Helper()
	v := new(big.Int).Mul(a.Big(), big.NewInt(num))
	out, err := htlc.AmountFromBig(v.Div(v, big.NewInt(den)))
	k.must(err, "scale %s", a)
	return out
}
