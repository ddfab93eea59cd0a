package evm_test

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
)

// shown reports whether the secret was in a request to the node.
func shown(w *wire, n byte) bool {
	raw := secret(n).Reveal()
	return strings.Contains(w.log(), hex.EncodeToString(raw[:]))
}

// announced is a redeem that owns its nonce, of a process that was killed before it handed it to a node.
func (k *kit) announced(in htlc.Terms, n byte) adapters.Tx {
	k.t.Helper()
	redeem := k.urgent(k.payer, in, n, nil)
	if err := k.payer.book.Announce(k.Context(), redeem); err != nil {
		k.t.Fatal(err)
	}
	k.payer = k.open(k.payer.account, k.payer.book)
	return redeem
}

// The process dies between the journal and the node, and comes back when the incoming leg was refunded. Whoever
// shows the secret then, may lose the other leg: nothing that uses the account does.
func TestSafety_A6_SecretOfADeadRedeemStaysInside(t *testing.T) {
	k, w := newWiredKit(t)
	in := k.incoming(1)
	redeem := k.announced(in, 1)
	k.NextBlockAt(uint64(in.Legs[1].TimeLock) + 1)
	k.Commit()
	refund, err := k.payee.Refund(k.Context(), adapters.Spend{Terms: in, Leg: 1})
	if err != nil {
		t.Fatal(err)
	}
	k.broadcast(k.payee, refund)
	k.mined(k.payee, refund.Nonce)
	_, err = k.payer.Redeem(k.Context(), adapters.Spend{Terms: in, Leg: 1, Secret: secret(1), Replace: &redeem})
	wantReason(t, err, adapters.ErrSpent, "ALREADY_SPENT")
	out := k.terms("out", 2, nativeAsset, evmtest.Ether)
	k.fund("out", out)
	paid := k.withdraw(k.payer, 1)
	k.broadcast(k.payer, paid)
	k.mined(k.payer, paid.Nonce)
	if shown(w, 1) {
		t.Fatal("lost: the secret is handed out after the incoming leg has gone back to its payer")
	}
	if !k.funded(k.payer, out) {
		t.Fatal("the nonce of the dead redeem holds up what comes after it")
	}
}

// A redeem that a node has taken, and then lost, is not sent again either, nor raised, once its contract is gone.
func TestSafety_A6_LostRedeemOfAClosedContractIsNotRevived(t *testing.T) {
	for name, raise := range map[string]bool{"sent again": false, "raised": true} {
		t.Run(name, func(t *testing.T) {
			k, w := newWiredKit(t)
			in := k.incoming(1)
			w.set(func(w *wire) { w.dropTxs = true })
			redeem := k.calm(k.payer, in, 1, nil)
			k.broadcast(k.payer, redeem)
			w.set(func(w *wire) { w.dropTxs = false; w.seen.Reset() })
			k.NextBlockAt(uint64(in.Legs[1].TimeLock) + 1)
			k.Commit()
			refund, err := k.payee.Refund(k.Context(), adapters.Spend{Terms: in, Leg: 1})
			if err != nil {
				t.Fatal(err)
			}
			k.broadcast(k.payee, refund)
			k.mined(k.payee, refund.Nonce)
			if raise {
				k.spike(gwei(int64(redeem.FeeRate/1e9) + 1))
			}
			paid := k.withdraw(k.payer, 1)
			k.broadcast(k.payer, paid)
			k.mined(k.payer, paid.Nonce)
			if shown(w, 1) {
				t.Fatal("the secret is handed out again")
			}
		})
	}
}

// The contract is open still, but no node has the redeem: showing the secret is up to the redeem's owner, who
// asks its own questions first. Another nonce serves it then.
func TestSafety_A6_OnlyTheOwnerShowsTheSecret(t *testing.T) {
	k, w := newWiredKit(t)
	in := k.incoming(1)
	redeem := k.announced(in, 1)
	paid := k.withdraw(k.payer, 1)
	k.broadcast(k.payer, paid)
	k.mined(k.payer, paid.Nonce)
	if shown(w, 1) || !k.funded(k.payer, in) {
		t.Fatal("a withdrawal has shown the secret")
	}
	wantReason(t, k.payer.Broadcast(k.Context(), redeem), adapters.ErrNonceTaken, "NONCE_TAKEN")
	again := k.urgent(k.payer, in, 1, &redeem)
	k.broadcast(k.payer, again)
	k.mined(k.payer, again.Nonce)
	if k.funded(k.payer, in) {
		t.Fatal("not redeemed")
	}
}

// After a restart the node is asked whether it has a redeem; one that it has stays where it is.
func TestRedeemThatTheNodeHasStays(t *testing.T) {
	k := newKit(t)
	in := k.incoming(1)
	redeem := k.calm(k.payer, in, 1, nil)
	k.broadcast(k.payer, redeem)
	k.payer = k.open(k.payer.account, k.payer.book)
	paid := k.withdraw(k.payer, 1)
	k.broadcast(k.payer, paid)
	k.mined(k.payer, paid.Nonce)
	if _, found, err := k.payer.Paid(k.Context(), redeem.ID); err != nil || !found {
		t.Fatalf("the redeem was replaced: %v", err)
	}
}

// fullJournal cannot be written.
type fullJournal struct{ evm.Journal }

var errFull = errors.New("the disk is full")

func (fullJournal) Announce(context.Context, adapters.Tx) error { return errFull }

// What fails before anything is handed to a node says so, and keeps its reason.
func TestBroadcastSaysWhatWasNotSent(t *testing.T) {
	k, w := newWiredKit(t)
	in := k.incoming(1)
	redeem := k.calm(k.payer, in, 1, nil)
	w.set(func(w *wire) { w.down = true })
	err := k.payer.Broadcast(k.Context(), redeem)
	if wantReason(t, err, adapters.ErrUnreachable, "NODE_UNREACHABLE"); !errors.Is(err, adapters.ErrNotSent) {
		t.Fatal(err)
	}
	w.set(func(w *wire) { w.down = false })
	full := k.openWith(k.payer.account, fullJournal{k.payer.book}, k.payer.book)
	if err := full.Broadcast(k.Context(), redeem); !errors.Is(err, errFull) || !errors.Is(err, adapters.ErrNotSent) || !adapters.Retryable(err) {
		t.Fatal(err)
	}
	if shown(w, 1) {
		t.Fatal("it was sent")
	}
	w.set(func(w *wire) { w.refuse = hex.EncodeToString(redeem.Raw) })
	err = k.payer.Broadcast(k.Context(), redeem)
	if wantReason(t, err, adapters.ErrInsufficientFunds, "INSUFFICIENT_FUNDS"); errors.Is(err, adapters.ErrNotSent) || !shown(w, 1) {
		t.Fatalf("the node has read it: %v", err)
	}
}
