package adaptertest

import (
	"encoding/hex"
	"errors"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// redeemed: both parties see the same funding and the same redeem, whose
// secret opens the lock.
func (k *kit) redeemed() {
	d := k.deal()
	contract := k.watch(k.payee, d, "")
	k.watch(k.payer, d, "")
	readers := []*reader{k.reader(k.payer), k.reader(k.payee)}
	lock := k.fund(d)
	k.mine(1)
	var ref string
	for _, r := range readers {
		fact := r.only(adapters.Funded)
		if fact.Contract != contract.ID || fact.TxID != lock.Txs[lock.Lock].ID || fact.Ref == "" || fact.Secret != nil {
			k.t.Fatalf("funding %+v of %s", fact, contract.ID)
		}
		ref = fact.Ref
	}
	k.wantFunded(d, ref, true)
	tx := k.redeem(d, ref)
	k.send(k.payee, tx)
	k.mine(1)
	for _, r := range readers {
		fact := r.only(adapters.Redeemed)
		if fact.Contract != contract.ID || fact.TxID != tx.ID || fact.Secret == nil || !fact.Secret.Equal(d.secret) {
			k.t.Fatalf("redeem by %s, secret known: %v", fact.TxID, fact.Secret != nil)
		}
	}
	k.wantFunded(d, ref, false)
	k.mine(3)
	readers[0].none()
}

// refunded: T-1 is refused, T may be refused, T+1 is refunded.
func (k *kit) refunded() {
	d, lock := k.locked()
	r := k.reader(k.payee)
	lockTime := d.terms.Legs[0].TimeLock
	_, err := k.payer.Refund(k.ctx, d.spend(0, lock.Ref))
	k.want(err, "refund long before the time lock", adapters.ErrTooEarly)
	k.h.Chain.AdvanceClock(k.t, lockTime-1)
	if clock := k.tip(k.payer).Clock; clock != lockTime-1 {
		k.t.Fatalf("the clock is %d, want %d", clock, lockTime-1)
	}
	_, err = k.payer.Refund(k.ctx, d.spend(0, lock.Ref))
	k.want(err, "refund at T-1", adapters.ErrTooEarly)
	if !adapters.Retryable(err) {
		k.t.Fatalf("too early means that trying again helps: %v", err)
	}
	k.h.Chain.AdvanceClock(k.t, lockTime)
	if tx, err := k.payer.Refund(k.ctx, d.spend(0, lock.Ref)); err != nil {
		k.want(err, "refund at T", adapters.ErrTooEarly)
		k.h.Chain.AdvanceClock(k.t, lockTime+1)
	} else if !txOf(tx, k.h.Profile.Asset.Chain()) {
		k.t.Fatalf("refund %+v", tx)
	}
	r.none()
	tx := k.refund(d, lock.Ref)
	k.send(k.payer, tx)
	k.mine(1)
	if fact := r.only(adapters.Refunded); fact.TxID != tx.ID || fact.Secret != nil {
		k.t.Fatalf("refunded by %s, want %s", fact.TxID, tx.ID)
	}
	k.wantFunded(d, lock.Ref, false)
}

// refundPrepared: a refund signed with the funding is refused or waits before
// the time lock and is good after it. Chains that sign none refund as ever.
func (k *kit) refundPrepared() {
	d := k.deal()
	k.watch(k.payee, d, "")
	k.watch(k.payer, d, "")
	r := k.reader(k.payer)
	f := k.signFunding(d.owner(), d.terms)
	k.send(k.payer, f.Txs...)
	k.mine(1)
	ref := r.only(adapters.Funded).Ref
	k.h.Chain.AdvanceClock(k.t, d.terms.Legs[0].TimeLock-2)
	if f.Refund != nil {
		if !txOf(*f.Refund, k.h.Profile.Asset.Chain()) {
			k.t.Fatalf("prepared refund %+v", *f.Refund)
		}
		if err := k.payer.Broadcast(k.ctx, *f.Refund); err != nil {
			k.want(err, "broadcast the refund early", adapters.ErrTooEarly)
		}
	}
	k.mine(1)
	r.none()
	k.wantFunded(d, ref, true)
	k.h.Chain.AdvanceClock(k.t, d.terms.Legs[0].TimeLock+1)
	if f.Refund == nil {
		tx := k.refund(d, ref)
		f.Refund = &tx
	}
	if kept, err := k.payer.Refund(k.ctx, d.replacing(ref, *f.Refund)); err != nil || kept.ID != f.Refund.ID {
		k.t.Fatalf("the stored refund serves, but %s was signed: %v", kept.ID, err)
	}
	k.send(k.payer, *f.Refund)
	k.mine(1)
	if fact := r.only(adapters.Refunded); fact.TxID != f.Refund.ID {
		k.t.Fatalf("refunded by %s, want %s", fact.TxID, f.Refund.ID)
	}
}

func (d deal) replacing(ref string, last adapters.Tx) adapters.Spend {
	s := d.spend(0, ref)
	s.Replace = &last
	return s
}

// redeemAfterTimeLock: a contract stays redeemable until it is refunded.
func (k *kit) redeemAfterTimeLock() {
	d, lock := k.locked()
	r := k.reader(k.payer)
	k.h.Chain.AdvanceClock(k.t, d.terms.Legs[0].TimeLock+1)
	if err := k.payee.SimulateRedeem(k.ctx, d.terms, 0, lock.Ref); err != nil {
		k.t.Fatalf("simulate after the time lock: %v", err)
	}
	tx := k.redeem(d, lock.Ref)
	k.send(k.payee, tx)
	k.mine(1)
	if fact := r.only(adapters.Redeemed); fact.TxID != tx.ID {
		k.t.Fatalf("redeemed by %s, want %s", fact.TxID, tx.ID)
	}
}

// onlyOneSpend: of a redeem and a refund that were both signed and sent, one
// counts, whatever the node took.
func (k *kit) onlyOneSpend() {
	d, lock := k.locked()
	r := k.readerAfterLock(d, lock)
	k.h.Chain.AdvanceClock(k.t, d.terms.Legs[0].TimeLock+1)
	redeem, refund := k.redeem(d, lock.Ref), k.refund(d, lock.Ref)
	k.send(k.payee, redeem)
	if err := k.payer.Broadcast(k.ctx, refund); err != nil {
		k.want(err, "broadcast a refund beside a redeem", adapters.ErrSpent, adapters.ErrRejected)
	}
	k.mine(2)
	r.catchUp()
	if len(r.facts) != 1 || r.facts[0].Kind != adapters.Redeemed && r.facts[0].Kind != adapters.Refunded {
		k.t.Fatalf("facts %v, want one spend", describe(r.facts))
	}
	k.wantFunded(d, lock.Ref, false)
}

// readerAfterLock follows for an instance that is told of the funding.
func (k *kit) readerAfterLock(d deal, lock adapters.Fact) *reader {
	k.t.Helper()
	a := k.again(k.payer)
	k.watch(a, d, lock.Ref)
	return k.reader(a)
}

// wrongSecret: nothing is signed with a secret that does not open the lock.
func (k *kit) wrongSecret() {
	d, lock := k.locked()
	spend := d.spend(0, lock.Ref)
	spend.Secret = secretOf(k.salt())
	_, err := k.payee.Redeem(k.ctx, spend)
	k.want(err, "redeem with another secret", adapters.ErrMismatch)
	if adapters.Retryable(err) {
		k.t.Fatalf("a wrong secret stays wrong: %v", err)
	}
	k.send(k.payee, k.redeem(d, lock.Ref))
}

// hashes are secrets with their SHA-256 as other tools compute it.
var hashes = map[string]string{
	"0000000000000000000000000000000000000000000000000000000000000000": "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925",
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff": "af9613760f72635fbdb44a5a0a63c39f12af30f950a6ee5c971be188e89c4051",
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f": "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd",
}

// sameHash: a lock under a hash that was computed elsewhere opens with its
// secret, on this chain as on every other.
func (k *kit) sameHash() {
	for secret, hash := range hashes {
		raw, err := hex.DecodeString(secret)
		k.must(err, "decode")
		d := k.deal()
		owner := d.owner()
		d.secret, err = htlc.NewSecret(raw)
		k.must(err, "secret")
		_, err = hex.Decode(d.terms.SecretHash[:], []byte(hash))
		k.must(err, "decode")
		k.must(k.payer.Adopt(k.ctx, owner, d.owner()), "adopt")
		lock := k.lock(d)
		r := k.readerAfterLock(d, lock)
		k.send(k.payee, k.redeem(d, lock.Ref))
		k.mine(1)
		if fact := r.only(adapters.Redeemed); fact.Secret == nil || !fact.Secret.Equal(d.secret) {
			k.t.Fatalf("the redeem under %s shows another secret", hash)
		}
	}
}

// spentAndUnfunded: spends of what is not there are told apart.
func (k *kit) spentAndUnfunded() {
	d := k.deal()
	_, err := k.payee.Redeem(k.ctx, d.spend(0, ""))
	k.want(err, "redeem before the funding", adapters.ErrNotFunded, adapters.ErrMismatch)
	lock := k.lock(d)
	k.send(k.payee, k.redeem(d, lock.Ref))
	k.mine(1)
	_, err = k.payee.Redeem(k.ctx, d.spend(0, lock.Ref))
	k.want(err, "redeem twice", adapters.ErrSpent)
	k.h.Chain.AdvanceClock(k.t, d.terms.Legs[0].TimeLock+1)
	_, err = k.payer.Refund(k.ctx, d.spend(0, lock.Ref))
	k.want(err, "refund what was redeemed", adapters.ErrSpent)
	if err := k.payee.SimulateRedeem(k.ctx, d.terms, 0, lock.Ref); err == nil {
		k.t.Fatal("the simulation of a spent contract succeeds")
	}
}

// fundTwice: signing again for the same owner gives a lock of which at most
// one can stand.
func (k *kit) fundTwice() {
	d := k.deal()
	k.watch(k.payee, d, "")
	r := k.reader(k.payee)
	first := k.signFunding(d.owner(), d.terms)
	second := k.signFunding(d.owner(), d.terms)
	k.exclusive(first.Txs[first.Lock], second.Txs[second.Lock])
	k.send(k.payer, first.Txs...)
	for _, tx := range second.Txs {
		if err := k.payer.Broadcast(k.ctx, tx); err != nil && tx.ID == first.Txs[first.Lock].ID {
			k.t.Fatalf("the same bytes a second time: %v", err)
		}
	}
	k.mine(1)
	r.only(adapters.Funded)
	k.mine(2)
	r.none()
	if _, err := k.payer.Fund(k.ctx, d.owner(), d.terms, 0); err == nil {
		k.t.Fatal("a leg that is funded was signed for again")
	}
}

// exclusive wants that two transactions cannot both confirm.
func (k *kit) exclusive(x, y adapters.Tx) {
	k.t.Helper()
	if x.Account != "" && x.Account == y.Account && x.Nonce == y.Nonce {
		return
	}
	for _, a := range x.Spends {
		for _, b := range y.Spends {
			if a == b {
				return
			}
		}
	}
	k.t.Fatalf("%s and %s share neither a coin nor a nonce", x.ID, y.ID)
}

// broadcastTwice: what the node knows is a success, before and after it was
// mined and after its outputs were spent.
func (k *kit) broadcastTwice() {
	d := k.deal()
	k.watch(k.payee, d, "")
	r := k.reader(k.payee)
	f := k.fund(d)
	k.send(k.payer, f.Txs...)
	k.send(k.again(k.payer), f.Txs...)
	k.mine(1)
	ref := r.only(adapters.Funded).Ref
	k.send(k.payer, f.Txs...)
	tx := k.redeem(d, ref)
	k.send(k.payee, tx, tx)
	k.mine(1)
	r.only(adapters.Redeemed)
	k.send(k.payee, tx)
	k.send(k.again(k.payee), tx)
	k.send(k.payer, f.Txs...)
	k.mine(2)
	k.send(k.payee, tx)
	r.none()
}

// broadcastForeign: bytes that are not what they are stored as are not sent.
func (k *kit) broadcastForeign() {
	d := k.deal()
	k.watch(k.payee, d, "")
	r := k.reader(k.payee)
	f := k.signFunding(d.owner(), d.terms)
	good := f.Txs[f.Lock]
	for name, change := range map[string]func(*adapters.Tx){
		"chain": func(tx *adapters.Tx) { tx.Chain = "bip122:ffffffffffffffffffffffffffffffff" },
		"id":    func(tx *adapters.Tx) { tx.ID = tx.ID[:len(tx.ID)-2] + "zz" },
		"empty": func(tx *adapters.Tx) { tx.Raw = nil },
		"short": func(tx *adapters.Tx) { tx.Raw = tx.Raw[:len(tx.Raw)-1] },
	} {
		bad := good
		change(&bad)
		if err := k.payer.Broadcast(k.ctx, bad); err == nil {
			k.t.Errorf("another %s was sent", name)
		} else if errors.Is(err, adapters.ErrUnreachable) {
			k.t.Errorf("another %s is not the node's fault: %v", name, err)
		}
	}
	k.mine(1)
	r.none()
	k.send(k.payer, f.Txs...)
	k.mine(1)
	r.only(adapters.Funded)
}
