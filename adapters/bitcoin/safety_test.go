package bitcoin_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/htlc"
)

func decode(t *testing.T, raw adapters.RawTx) *wire.MsgTx {
	t.Helper()
	tx := new(wire.MsgTx)
	if err := tx.Deserialize(bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	return tx
}

// The contract's hash fits the secret in each case: its size alone decides.
func TestSafety_A1_SecretSize(t *testing.T) { secretSizes(t, newKit(t)) }

func secretSizes(t *testing.T, k *kit) {
	for i, size := range []int{0, 31, 33, 521, htlc.SecretSize} {
		raw := bytes.Repeat([]byte{7}, size)
		owner := fmt.Sprintf("swap of %d", size)
		terms := k.terms(owner, byte(i+1), lockOf)
		terms.SecretHash = sha256.Sum256(raw)
		funding := k.fund(owner, terms)
		k.mine(1)
		key, err := bitcointest.Keys("payee").Leg(terms.Salt, bitcoin.Payee, leg)
		if err != nil {
			t.Fatal(err)
		}
		tx, err := bitcoin.RedeemWith(terms, leg, refOf(funding), raw, key)
		if err != nil {
			t.Fatal(err)
		}
		want := size == htlc.SecretSize
		if err := bitcoin.Consensus(terms, leg, tx); (err == nil) != want {
			t.Errorf("%d bytes in a block: %v", size, err)
		}
		if _, err := k.Submit(tx); (err == nil) != want {
			t.Errorf("%d bytes in the mempool: %v", size, err)
		}
	}
	k.mine(1)
}

// redeemLeaf is a redeem script without or with other conditions.
func redeemLeaf(t *testing.T, terms htlc.Terms, sized bool, hashOp byte, hash []byte) []byte {
	t.Helper()
	b := txscript.NewScriptBuilder()
	if sized {
		b.AddOp(txscript.OP_SIZE).AddInt64(32).AddOp(txscript.OP_EQUALVERIFY)
	}
	script, err := b.AddOp(hashOp).AddData(hash).AddOp(txscript.OP_EQUALVERIFY).
		AddData(terms.Legs[leg].PayeeKey[1:]).AddOp(txscript.OP_CHECKSIG).Script()
	if err != nil {
		t.Fatal(err)
	}
	return script
}

// foreignLock pays a lock that differs in its redeem leaf; nobody may take it
// for the contract.
func foreignLock(t *testing.T, k *kit, terms htlc.Terms, leaf []byte) {
	t.Helper()
	script, err := bitcoin.ScriptWith(terms, leg, leaf)
	if err != nil {
		t.Fatal(err)
	}
	cursor := k.tip(k.payee)
	id, err := k.Pay(k.ctx(), script, lockOf)
	if err != nil {
		t.Fatal(err)
	}
	k.mine(1)
	if step := k.next(k.payee, cursor); len(step.Facts) != 0 {
		t.Errorf("a foreign lock is reported: %+v", step.Facts)
	}
	for index := range 2 {
		if k.funded(k.payee, terms, fmt.Sprintf("%s:%d", id, index)) {
			t.Error("a foreign lock counts as funded")
		}
	}
	err = k.payee.SimulateRedeem(k.ctx(), terms, leg, id.String()+":0")
	wantReason(t, err, adapters.ErrMismatch, "CONTRACT_MISMATCH")
}

func TestSafety_A1_LockWithoutSizeCheck(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, lockOf)
	k.watch(k.payee, terms)
	foreignLock(t, k, terms, redeemLeaf(t, terms, false, txscript.OP_SHA256, terms.SecretHash[:]))
}

func TestSafety_A2_OnlySHA256(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, lockOf)
	k.watch(k.payee, terms)
	for name, lock := range map[string]struct {
		op   byte
		size int
	}{
		"HASH160": {txscript.OP_HASH160, 20}, "RIPEMD160": {txscript.OP_RIPEMD160, 20},
		"SHA1": {txscript.OP_SHA1, 20}, "HASH256": {txscript.OP_HASH256, 32},
	} {
		t.Run(name, func(t *testing.T) {
			foreignLock(t, k, terms, redeemLeaf(t, terms, true, lock.op, terms.SecretHash[:lock.size]))
		})
	}
	for _, id := range []uint8{0, 2, 255} {
		altered := terms
		altered.Hash = id
		_, err := k.payee.Contract(altered, leg)
		wantReason(t, err, adapters.ErrMismatch, "CONTRACT_MISMATCH")
		_, err = k.payer.Fund(k.ctx(), "swap", altered, leg)
		wantReason(t, err, adapters.ErrMismatch, "CONTRACT_MISMATCH")
	}
	// The vector that the other chains' contracts are held against.
	if got := secret(1).Hash(); got != sha256.Sum256(func() []byte { b := secret(1).Reveal(); return b[:] }()) {
		t.Fatal("the hash of a secret is not its SHA-256")
	}
}

// alterations change one field each that the contract must cover.
var alterations = map[string]func(*htlc.Terms, *htlc.Leg){
	"payer":        func(_ *htlc.Terms, l *htlc.Leg) { l.PayerKey = otherKey(9) },
	"payee":        func(_ *htlc.Terms, l *htlc.Leg) { l.PayeeKey = otherKey(9) },
	"payer's y":    func(_ *htlc.Terms, l *htlc.Leg) { l.PayerKey = flip(l.PayerKey, 0, 1) },
	"payee's y":    func(_ *htlc.Terms, l *htlc.Leg) { l.PayeeKey = flip(l.PayeeKey, 0, 1) },
	"swapped":      func(_ *htlc.Terms, l *htlc.Leg) { l.PayerKey, l.PayeeKey = l.PayeeKey, l.PayerKey },
	"same keys":    func(_ *htlc.Terms, l *htlc.Leg) { l.PayerKey = l.PayeeKey },
	"short key":    func(_ *htlc.Terms, l *htlc.Leg) { l.PayeeKey = l.PayeeKey[1:] },
	"long key":     func(_ *htlc.Terms, l *htlc.Leg) { l.PayerKey = append(bytes.Clone(l.PayerKey), 0) },
	"no key":       func(_ *htlc.Terms, l *htlc.Leg) { l.PayerKey = nil },
	"no point":     func(_ *htlc.Terms, l *htlc.Leg) { l.PayeeKey = append([]byte{2}, bytes.Repeat([]byte{0xff}, 32)...) },
	"amount":       func(_ *htlc.Terms, l *htlc.Leg) { l.Amount = htlc.NewAmount(lockOf + 1) },
	"zero":         func(_ *htlc.Terms, l *htlc.Leg) { l.Amount = htlc.Amount{} },
	"too much":     func(_ *htlc.Terms, l *htlc.Leg) { l.Amount = htlc.NewAmount(21_000_000*100_000_000 + 1) },
	"far too much": func(_ *htlc.Terms, l *htlc.Leg) { l.Amount = htlc.Amount{0: 1, 31: 1} },
	"asset":        func(_ *htlc.Terms, l *htlc.Leg) { l.Asset = htlc.AssetID(l.Asset.Chain() + "/slip44:2") },
	"chain":        func(_ *htlc.Terms, l *htlc.Leg) { l.Asset = bitcoin.Testnet4().Asset },
	"time lock":    func(_ *htlc.Terms, l *htlc.Leg) { l.TimeLock++ },
	"a height":     func(_ *htlc.Terms, l *htlc.Leg) { l.TimeLock = 499_999_999 },
	"time < 0":     func(_ *htlc.Terms, l *htlc.Leg) { l.TimeLock = -1 },
	"time > 2^32":  func(_ *htlc.Terms, l *htlc.Leg) { l.TimeLock += 1 << 32 },
	"service fee":  func(_ *htlc.Terms, l *htlc.Leg) { l.ServiceFee = htlc.NewAmount(1) },
	"deployment":   func(_ *htlc.Terms, l *htlc.Leg) { l.Deployment = []byte{1} },
	"lane":         func(_ *htlc.Terms, l *htlc.Leg) { l.Lane = 1 },
	"sequence":     func(_ *htlc.Terms, l *htlc.Leg) { l.Sequence = 1 },
	"hash":         func(t *htlc.Terms, _ *htlc.Leg) { t.SecretHash[31] ^= 1 },
	"no hash":      func(t *htlc.Terms, _ *htlc.Leg) { t.SecretHash = htlc.SecretHash{} },
	"function":     func(t *htlc.Terms, _ *htlc.Leg) { t.Hash = 2 },
}

func otherKey(n byte) []byte {
	key, _ := bitcointest.Keys("other").Account(0, uint32(n))
	return key.PubKey().SerializeCompressed()
}

func flip(b []byte, i int, mask byte) []byte {
	b = bytes.Clone(b)
	b[i] ^= mask
	return b
}

func altered(terms htlc.Terms, alter func(*htlc.Terms, *htlc.Leg)) htlc.Terms {
	terms.Legs = append([]htlc.Leg(nil), terms.Legs...)
	alter(&terms, &terms.Legs[leg])
	return terms
}

// Every field of the leg changes the contract or is refused, and an altered
// lock never counts as funded, is never redeemed, and is never funded.
func TestSafety_A3_AlteredLegs(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, lockOf)
	good := k.watch(k.payee, terms)
	ref := refOf(k.fund("swap", terms))
	k.mine(1)
	for name, alter := range alterations {
		bad := altered(terms, alter)
		c, err := k.payee.Contract(bad, leg)
		if err == nil && c.ID == good.ID && bad.Legs[leg].Amount == terms.Legs[leg].Amount {
			t.Errorf("%s: the altered leg has the same contract", name)
		}
		if ok, _ := k.payee.Funded(k.ctx(), bad, leg, ref, k.tip(k.payee)); ok {
			t.Errorf("%s: the altered leg counts as funded", name)
		}
		if err := k.payee.SimulateRedeem(k.ctx(), bad, leg, ref); err == nil {
			t.Errorf("%s: the simulation passes", name)
		}
		if _, err := k.payee.Redeem(k.ctx(), adapters.Spend{Terms: bad, Leg: leg, Ref: ref, Secret: secret(1)}); err == nil {
			t.Errorf("%s: a redeem was signed", name)
		}
		if _, err := k.payer.Refund(k.ctx(), adapters.Spend{Terms: bad, Leg: leg, Ref: ref}); err == nil {
			t.Errorf("%s: a refund was signed", name)
		}
	}
	if !k.funded(k.payee, terms, ref) {
		t.Fatal("the contract itself does not count")
	}
}

// Any change of any byte of what the contract covers gives another script or
// another amount, or is refused.
func TestSafety_A3_EveryByteCounts(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, lockOf)
	good, err := k.payee.Contract(terms, leg)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]func(*htlc.Terms, *htlc.Leg, int, byte){
		"hash":      func(t *htlc.Terms, _ *htlc.Leg, i int, m byte) { t.SecretHash[i%32] ^= m },
		"payer":     func(_ *htlc.Terms, l *htlc.Leg, i int, m byte) { l.PayerKey = flip(l.PayerKey, i%33, m) },
		"payee":     func(_ *htlc.Terms, l *htlc.Leg, i int, m byte) { l.PayeeKey = flip(l.PayeeKey, i%33, m) },
		"time lock": func(_ *htlc.Terms, l *htlc.Leg, i int, m byte) { l.TimeLock ^= int64(m) << (8 * (i % 8)) },
	}
	rapid.Check(t, func(t *rapid.T) {
		field := rapid.SampledFrom([]string{"hash", "payer", "payee", "time lock"}).Draw(t, "field")
		i, mask := rapid.IntRange(0, 32).Draw(t, "byte"), rapid.ByteRange(1, 255).Draw(t, "mask")
		bad := altered(terms, func(terms *htlc.Terms, l *htlc.Leg) { fields[field](terms, l, i, mask) })
		if c, err := k.payee.Contract(bad, leg); err == nil && (c.ID == good.ID || c.Address == good.Address) {
			t.Fatalf("%s has the same contract", field)
		}
	})
}

// Wrong amounts are seen, named, and never count, also where the right amount
// comes later; a secret that such a lock gives away is not lost.
func TestSafety_A3_WrongAmount(t *testing.T) {
	k := newKit(t)
	terms := k.terms("swap", 1, lockOf)
	contract := k.watch(k.payee, terms)
	for _, amount := range []uint64{lockOf - 1, lockOf + 1} {
		bad := altered(terms, func(_ *htlc.Terms, l *htlc.Leg) { l.Amount = htlc.NewAmount(amount) })
		script, err := k.payer.Contract(bad, leg)
		if err != nil || script.ID != contract.ID {
			t.Fatalf("the script should not depend on the amount: %v", err)
		}
		tx, err := k.payer.Withdraw(k.ctx(), adapters.Withdrawal{
			RequestID: fmt.Sprint(amount), Asset: k.params.Asset, To: contract.Address, Amount: htlc.NewAmount(amount),
		})
		if err != nil {
			t.Fatal(err)
		}
		k.broadcast(k.payer, tx)
		k.sighting(k.payee, adapters.Mismatched)
		fact := k.mineFact(k.payee, adapters.Mismatched)
		if fact.Detail == "" || k.funded(k.payee, terms, fact.Ref) {
			t.Fatalf("a lock of %d satoshi counts: %+v", amount, fact)
		}
		_, err = k.payee.Redeem(k.ctx(), adapters.Spend{Terms: terms, Leg: leg, Ref: fact.Ref, Secret: secret(1)})
		wantReason(t, err, adapters.ErrMismatch, "CONTRACT_MISMATCH")
		redeem, err := k.payee.Redeem(k.ctx(), adapters.Spend{Terms: bad, Leg: leg, Ref: fact.Ref, Secret: secret(1)})
		if err != nil {
			t.Fatal(err)
		}
		k.broadcast(k.payee, redeem)
		if seen := k.mineFact(k.payee, adapters.Mismatched); seen.Secret == nil || !seen.Secret.Equal(secret(1)) {
			t.Fatalf("the secret is lost: %+v", seen)
		}
	}
	k.fund("swap", terms)
	if fact := k.mineFact(k.payee, adapters.Funded); !k.funded(k.payee, terms, fact.Ref) {
		t.Fatal("the right amount does not count")
	}
}
