package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// seal makes bytes of a transaction for the node's journal.
func (a *adapter) seal(t *tx) adapters.Tx {
	a.n.w.counter++
	t.id = fmt.Sprintf("%s%d", t.kind, a.n.w.counter)
	t.by = a.n.self
	a.n.w.txs[t.id] = t
	for i, o := range t.outs {
		if o.owner == a.n.self {
			a.held.coins = append(a.held.coins, t.ref(i))
		}
	}
	return adapters.Tx{
		Chain: a.c.id, ID: t.id, Raw: adapters.RawTx(t.id), Fee: htlc.NewAmount(uint64(t.rate)),
		FeeRate: uint64(t.rate), Account: t.account, Nonce: t.nonce, Spends: t.ins,
	}
}

func (a *adapter) slow(op string) error {
	if a.n.sleepy {
		return failing("SIGNER_SLOW", op, errors.New("the signer does not answer yet"))
	}
	return a.reach(op)
}

// market is the rate that gets a transaction mined, by what the back end says.
func (a *adapter) market() int64 { return a.c.floor }

// account whose nonces a leg's transactions use. Funding and its abandonment
// share one, each kind of spend has its own.
func (a *adapter) account(terms htlc.Terms, leg int, spends string) string {
	c, _ := contractOf(terms, leg)
	return fmt.Sprintf("%d/%s/%s", a.n.self, c.ID, spends)
}

// Fund signs the funding of a leg, and its refund on chains with coins.
func (a *adapter) Fund(_ context.Context, owner string, terms htlc.Terms, leg int) (adapters.Funding, error) {
	if err := a.slow("fund"); err != nil {
		return adapters.Funding{}, err
	}
	contract, err := contractOf(terms, leg)
	if err != nil {
		return adapters.Funding{}, err
	}
	k := a.c.ledger.contracts[contract.ID]
	t := &tx{kind: kindFund, contract: k.id, amount: k.amount, rate: a.market()}
	if a.c.ledger.account {
		t.account = a.account(terms, leg, "fund")
		t.nonce = a.c.ledger.nonce[t.account]
		return adapters.Funding{Txs: []adapters.Tx{a.seal(t)}}, nil
	}
	coin, ok := a.free(owner, k.amount+t.rate)
	if !ok {
		return adapters.Funding{}, failing("FUNDS", "fund", adapters.ErrInsufficientFunds)
	}
	a.held.owner[coin] = owner
	t.ins = []string{coin}
	t.outs = []output{{owner: eve, contract: k.id, amount: k.amount}}
	if change := a.c.ledger.coins[coin].amount - k.amount - t.rate; change > 0 {
		t.outs = append(t.outs, output{owner: a.n.self, amount: change})
	}
	funding := a.seal(t)
	refund := a.seal(&tx{
		kind: kindRefund, contract: k.id, rate: a.market(), ins: []string{funding.ID + ":0"},
		outs: []output{{owner: a.n.self, amount: k.amount - a.market()}},
	})
	return adapters.Funding{Txs: []adapters.Tx{funding}, Refund: &refund}, nil
}

// free chooses among the coins that no other swap holds.
func (a *adapter) free(owner string, amount int64) (string, bool) {
	var fit []string
	for _, coin := range a.held.coins {
		o, there := a.c.ledger.coins[coin]
		if by := a.held.owner[coin]; there && o.amount >= amount && (by == "" || by == owner) {
			fit = append(fit, coin)
		}
	}
	if len(fit) == 0 {
		return "", false
	}
	return fit[a.n.rng.IntN(len(fit))], true
}

// Redeem signs the redeem of the incoming leg; the last one serves while it
// pays enough.
func (a *adapter) Redeem(ctx context.Context, s adapters.Spend) (adapters.Tx, error) {
	raw := s.Secret.Reveal()
	return a.spend(ctx, s, &tx{kind: kindRedeem, secret: raw[:]})
}

// Refund signs the refund of our own leg.
func (a *adapter) Refund(ctx context.Context, s adapters.Spend) (adapters.Tx, error) {
	if a.view().ref.Clock <= s.Terms.Legs[s.Leg].TimeLock {
		return adapters.Tx{}, failing("TOO_EARLY", "refund", adapters.ErrTooEarly)
	}
	return a.spend(ctx, s, &tx{kind: kindRefund})
}

func (a *adapter) spend(ctx context.Context, s adapters.Spend, t *tx) (adapters.Tx, error) {
	a.n.interleave(ctx, a.c)
	if err := a.slow(t.kind.String()); err != nil {
		return adapters.Tx{}, err
	}
	contract, err := contractOf(s.Terms, s.Leg)
	if err != nil {
		return adapters.Tx{}, err
	}
	k := a.c.ledger.contracts[contract.ID]
	if a.c.ledger.locks[k.id] == lockClosed {
		return adapters.Tx{}, failing("SPENT", t.kind.String(), adapters.ErrSpent)
	}
	t.contract, t.rate = k.id, a.market()
	if s.Replace != nil {
		old := a.n.w.txs[s.Replace.ID]
		same := a.c.ledger.account && old.nonce >= a.c.ledger.nonce[old.account] || len(old.ins) == 1 && old.ins[0] == s.Ref
		if same && old.rate >= t.rate {
			return *s.Replace, nil
		}
	}
	if a.c.ledger.account {
		t.account = a.account(s.Terms, s.Leg, t.kind.String())
		t.nonce = a.c.ledger.nonce[t.account]
		return a.seal(t), nil
	}
	t.ins = []string{s.Ref}
	t.outs = []output{{owner: a.n.self, amount: k.amount - t.rate}}
	return a.seal(t), nil
}

// taken tells by what else, and how deep, what a transaction needs was taken:
// one of its coins, or what the maker of a coin needed that is not there.
func (a *adapter) taken(funding *tx) (other bool, depth uint64) {
	l := a.c.ledger
	if l.account {
		by, ok := l.used[nonceKey{funding.account, funding.nonce}]
		if !ok || by.tx == funding {
			return false, 0
		}
		return true, a.c.depth(by.height)
	}
	for _, in := range funding.ins {
		if by, ok := l.spent[in]; ok {
			if by.tx != funding {
				other, depth = true, max(depth, a.c.depth(by.height))
			}
			continue
		}
		id, _, _ := strings.Cut(in, ":")
		maker, made := a.n.w.txs[id]
		if _, there := l.coins[in]; !there && made {
			gone, deep := a.taken(maker)
			other, depth = other || gone, max(depth, deep)
		}
	}
	return other, depth
}

// Abandon spends otherwise what fundings need that are in no block.
func (a *adapter) Abandon(_ context.Context, ask adapters.Abandonment) (adapters.Abandoned, error) {
	if err := a.slow("abandon"); err != nil {
		return adapters.Abandoned{}, err
	}
	void, waits := true, false
	var open *tx
	t := &tx{kind: kindVoid, rate: a.market()}
	for _, f := range ask.Fundings {
		funding := a.n.w.txs[f.ID]
		other, depth := a.taken(funding)
		void = void && other && depth >= ask.Confirmations
		if _, in := a.c.find(funding); in {
			waits = true
		}
		if other {
			waits = waits || depth < ask.Confirmations
			continue
		}
		open = funding
		for _, in := range funding.ins {
			if _, there := a.c.ledger.coins[in]; there {
				t.ins = append(t.ins, in)
			}
		}
	}
	if void || waits || open == nil {
		return adapters.Abandoned{Void: void}, nil
	}
	if ask.Replace != nil {
		if old := a.n.w.txs[ask.Replace.ID]; old.rate >= t.rate && old.nonce == open.nonce {
			return adapters.Abandoned{Tx: ask.Replace}, nil
		}
	}
	return a.abandonment(t, open)
}

func (a *adapter) abandonment(t, open *tx) (adapters.Abandoned, error) {
	t.account, t.nonce = open.account, open.nonce
	if !a.c.ledger.account {
		sum := -t.rate
		for _, in := range t.ins {
			sum += a.c.ledger.coins[in].amount
		}
		if len(t.ins) == 0 || sum <= 0 {
			return adapters.Abandoned{}, nil
		}
		t.outs = []output{{owner: a.n.self, amount: sum}}
	}
	signed := a.seal(t)
	return adapters.Abandoned{Tx: &signed}, nil
}

// Broadcast hands stored bytes to the back end.
func (a *adapter) Broadcast(_ context.Context, raw adapters.Tx) error {
	t, ok := a.n.w.txs[string(raw.Raw)]
	if !ok {
		return fmt.Errorf("bytes of no transaction: %w", adapters.ErrRejected)
	}
	a.n.edge("broadcast-" + t.kind.String() + "/before")
	if err := a.reach("broadcast"); err != nil {
		return errors.Join(adapters.ErrNotSent, err)
	}
	a.n.w.released(a.n, a.c, t)
	a.steal(t)
	if a.n.back[a.c.id].swallows {
		return nil // a back end that lies
	}
	if err := a.refused(t); err != nil {
		return err
	}
	a.c.w.log("%s is handed %s %s by node %d", a.c.name, t.kind, t.id, a.n.self)
	a.clearLine(t)
	a.c.submit(t)
	a.n.edge("broadcast-" + t.kind.String() + "/after")
	if !a.n.calm && a.n.rng.IntN(16) == 0 {
		return failing("TIMEOUT", "broadcast", adapters.ErrUnreachable) // it was taken all the same
	}
	return nil
}

// clearLine takes away what keeps a transaction from its turn in the line of
// nonces: a gap that a reorganisation has left, and what pays less.
func (a *adapter) clearLine(t *tx) {
	if !a.c.ledger.account {
		return
	}
	for n := a.c.ledger.nonce[t.account]; n < t.nonce; n++ {
		if a.c.offers(t.account, n) < t.rate {
			void := &tx{kind: kindVoid, rate: t.rate, account: t.account, nonce: n}
			a.seal(void)
			a.c.w.log("%s: before %s in the line goes %s", a.c.name, t.id, void.id)
			a.c.submit(void)
		}
	}
}

// steal lets somebody with the node's own keys use what a funding needs.
func (a *adapter) steal(t *tx) {
	if t.kind != kindFund || a.n.calm || a.n.rng.IntN(24) != 0 {
		return
	}
	if _, in := a.c.find(t); in || a.c.waits(t) {
		return
	}
	thief := &tx{kind: kindVoid, rate: maxFloor, account: t.account, nonce: t.nonce}
	if !a.c.ledger.account {
		coin, there := a.c.ledger.coins[t.ins[0]]
		if !there {
			return
		}
		thief.ins, thief.outs = t.ins, []output{{owner: a.n.self, amount: coin.amount - thief.rate}}
	}
	a.seal(thief)
	a.c.w.log("%s: what %s needs goes to %s", a.c.name, t.id, thief.id)
	a.c.submit(thief)
}

// refused is what a node says of a transaction that cannot be mined now.
func (a *adapter) refused(t *tx) error {
	if _, in := a.c.find(t); in || a.c.waits(t) {
		return nil
	}
	l := a.c.ledger
	if l.account {
		by, taken := l.used[nonceKey{t.account, t.nonce}]
		switch {
		case (t.kind == kindRedeem || t.kind == kindRefund || t.kind == kindConsent) && l.locks[t.contract] == lockClosed:
			return failing("SPENT", "broadcast", adapters.ErrSpent)
		case taken && a.c.depth(by.height) >= deepEnough:
			return failing("NONCE", "broadcast", adapters.ErrNonceTaken)
		case taken:
			return failing("NONCE_USED", "broadcast", adapters.ErrRejected)
		case t.kind == kindRefund && a.c.tip().ref.Clock <= l.contracts[t.contract].timeLock:
			return failing("TOO_EARLY", "broadcast", adapters.ErrTooEarly)
		}
		return nil
	}
	for _, in := range t.ins {
		if by, spent := l.spent[in]; spent {
			switch {
			case t.kind == kindRedeem || t.kind == kindRefund || t.kind == kindConsent:
				return failing("SPENT", "broadcast", adapters.ErrSpent)
			case a.c.depth(by.height) >= deepEnough:
				return failing("COIN", "broadcast", adapters.ErrNonceTaken)
			}
			return failing("SPENT", "broadcast", adapters.ErrRejected)
		}
		coin, there := l.coins[in]
		switch {
		case !there && t.kind != kindVoid && t.kind != kindFund:
			return failing("NOT_FUNDED", "broadcast", adapters.ErrNotFunded)
		case there && t.kind == kindRefund && a.c.tip().ref.Clock <= l.contracts[coin.contract].timeLock:
			return failing("TOO_EARLY", "broadcast", adapters.ErrTooEarly)
		}
	}
	return nil
}
