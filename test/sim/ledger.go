package main

// ledger is the state of a model chain at its tip. Everything that a block
// does to it can be undone.
type ledger struct {
	account bool
	loose   bool // planted bug A1
	// contracts are all that the Terms of this world define.
	contracts map[string]*contract

	// Of chains with coins. spent says by what and at which height.
	coins map[string]output
	spent map[string]spentBy

	// Of chains with accounts.
	balance map[int]int64
	nonce   map[string]uint64
	used    map[nonceKey]spentBy
	locks   map[string]lockState

	fees, supply int64
}

type spentBy struct {
	tx     *tx
	height uint64
}

type nonceKey struct {
	account string
	nonce   uint64
}

type lockState uint8

const (
	lockNone lockState = iota
	lockOpen
	lockClosed
)

func newLedger(account bool) *ledger {
	return &ledger{
		account: account, contracts: map[string]*contract{}, coins: map[string]output{}, spent: map[string]spentBy{},
		balance: map[int]int64{}, nonce: map[string]uint64{}, used: map[nonceKey]spentBy{}, locks: map[string]lockState{},
	}
}

// endow gives a party what it begins with.
func (l *ledger) endow(who int, coin string, amount int64) {
	l.supply += amount
	if l.account {
		l.balance[who] += amount
		return
	}
	l.coins[coin] = output{owner: who, amount: amount}
}

// sum is everything that exists; it never changes.
func (l *ledger) sum() int64 {
	total := l.fees
	for _, c := range l.coins {
		total += c.amount
	}
	for _, b := range l.balance {
		total += b
	}
	for id, s := range l.locks {
		if s == lockOpen {
			total += l.contracts[id].amount
		}
	}
	return total
}

// apply puts a transaction into the block at the given height, whose own clock
// and whose parent's are given. included is false where no block can hold it
// now; ok is false where it is in the block and does nothing.
func (l *ledger) apply(t *tx, b *block, parentClock int64) (included, ok bool) {
	if l.account {
		return l.applyAccount(t, b)
	}
	return l.applyCoins(t, b, parentClock), true
}

func (l *ledger) applyCoins(t *tx, b *block, parentClock int64) bool {
	sum := int64(0)
	for _, in := range t.ins {
		c, ok := l.coins[in]
		if !ok || !l.maySpend(c, t, parentClock) {
			return false
		}
		sum += c.amount
	}
	for _, o := range t.outs {
		sum -= o.amount
	}
	if sum < 0 {
		return false
	}
	for _, in := range t.ins {
		c := l.coins[in]
		delete(l.coins, in)
		l.spent[in] = spentBy{t, b.ref.Height}
		b.undo(func() {
			l.coins[in] = c
			delete(l.spent, in)
		})
	}
	for i, o := range t.outs {
		ref := t.ref(i)
		l.coins[ref] = o
		b.undo(func() { delete(l.coins, ref) })
	}
	l.fees += sum
	b.undo(func() { l.fees -= sum })
	return true
}

func (t *tx) ref(i int) string { return t.id + ":" + string(rune('0'+i)) }

func (l *ledger) maySpend(c output, t *tx, clock int64) bool {
	if c.contract == "" {
		return c.owner == t.by
	}
	k := l.contracts[c.contract]
	switch t.kind {
	case kindRedeem:
		return t.by == k.payee && k.opens(t.secret, l.loose)
	case kindRefund:
		return t.by == k.payer && clock > k.timeLock
	case kindConsent:
		return true // the signatures of both stand behind its id
	case kindFund, kindMismatch, kindVoid:
	}
	return false
}

func (l *ledger) applyAccount(t *tx, b *block) (included, ok bool) {
	need := t.rate
	if t.kind == kindFund {
		need += t.amount
	}
	if l.nonce[t.account] != t.nonce || l.balance[t.by] < need {
		return false, false
	}
	l.nonce[t.account]++
	key := nonceKey{t.account, t.nonce}
	l.used[key] = spentBy{t, b.ref.Height}
	b.undo(func() {
		l.nonce[t.account]--
		delete(l.used, key)
	})
	l.pay(b, t.by, -t.rate)
	l.fees += t.rate
	b.undo(func() { l.fees -= t.rate })
	return true, l.call(t, b)
}

// call is what the deployment does. Anybody may redeem and refund; the payout
// goes where the contract says.
func (l *ledger) call(t *tx, b *block) bool {
	if t.kind == kindVoid {
		return true
	}
	k, ok := l.contracts[t.contract]
	if !ok {
		return false
	}
	state := l.locks[t.contract]
	switch t.kind {
	case kindFund:
		if state != lockNone || t.by != k.payer || t.amount != k.amount {
			return false
		}
		l.pay(b, t.by, -k.amount)
		l.setLock(b, k.id, lockOpen)
		return true
	case kindRedeem:
		if state != lockOpen || !k.opens(t.secret, l.loose) {
			return false
		}
		l.pay(b, k.payee, k.amount)
	case kindRefund:
		if state != lockOpen || b.ref.Clock <= k.timeLock {
			return false
		}
		l.pay(b, k.payer, k.amount)
	case kindConsent:
		if state != lockOpen {
			return false
		}
		l.pay(b, k.payer, k.amount)
	case kindMismatch, kindVoid:
		return false
	}
	l.setLock(b, k.id, lockClosed)
	return true
}

func (l *ledger) pay(b *block, who int, amount int64) {
	l.balance[who] += amount
	b.undo(func() { l.balance[who] -= amount })
}

func (l *ledger) setLock(b *block, id string, s lockState) {
	was := l.locks[id]
	l.locks[id] = s
	b.undo(func() { l.locks[id] = was })
}
