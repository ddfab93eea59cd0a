package bitcoin_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
)

// The endpoint begins to serve another chain in the middle of a swap: nothing
// is signed, nothing is sent, no block is taken back.
func TestSafety_C8_WrongChain(t *testing.T) {
	k := newKit(t)
	p := newProxy(t, k.url)
	config := k.config()
	config.URL = p.url
	k.payer = k.openWith("payer", k.payer.book, config)
	k.payee = k.openWith("payee", k.payee.book, config)
	terms := k.terms("swap", 1, lockOf)
	k.watch(k.payee, terms)
	start := k.tip(k.payee)
	ref := refOf(k.fund("swap", terms))
	k.mine(1)
	cursor := k.next(k.payee, start).Block
	redeem := k.redeem(terms, ref, 1)

	p.genesis.Store(wrongGenesis())
	calls := map[string]func(ctx context.Context) error{
		"status":    func(ctx context.Context) error { _, err := k.payee.Status(ctx); return err },
		"broadcast": func(ctx context.Context) error { return k.payee.Broadcast(ctx, redeem) },
		"funded": func(ctx context.Context) error {
			_, err := k.payee.Funded(ctx, terms, leg, ref, cursor)
			return err
		},
		"fund": func(ctx context.Context) error { _, err := k.payer.Fund(ctx, "swap", terms, leg); return err },
		"redeem": func(ctx context.Context) error {
			_, err := k.payee.Redeem(ctx, adapters.Spend{Terms: terms, Leg: leg, Ref: ref, Secret: secret(1)})
			return err
		},
		"next": func(ctx context.Context) error {
			strange := cursor // as another chain would have another block at this height
			strange.Hash[0] ^= 1
			_, err := k.payee.Next(ctx, strange)
			return err
		},
	}
	for name, call := range calls {
		if err := call(k.ctx()); !errors.Is(err, adapters.ErrWrongChain) {
			t.Errorf("%s on the wrong chain: %v", name, err)
		}
	}
	_, err := bitcoin.Open(k.ctx(), config, bitcointest.Signer("payer"), k.payer.book, k.payer.book, discard())
	wantReason(t, err, adapters.ErrWrongChain, "WRONG_CHAIN")
	raw := secret(1).Reveal()
	if p.sent(fmt.Sprintf("%x", raw)) {
		t.Fatal("the secret was sent to another chain")
	}
	// A lost connection makes the next question begin with the genesis block.
	p.genesis.Store(nil)
	k.tip(k.payee)
	p.down.Store(true)
	if _, err := k.payee.Tip(k.ctx()); !errors.Is(err, adapters.ErrUnreachable) {
		t.Fatalf("tip without a node: %v", err)
	}
	p.down.Store(false)
	p.genesis.Store(wrongGenesis())
	if err := k.payee.Wait(k.ctx()); !errors.Is(err, adapters.ErrWrongChain) {
		t.Fatalf("wait after a new connection to another chain: %v", err)
	}
	if _, err := k.payee.Tip(k.ctx()); !errors.Is(err, adapters.ErrWrongChain) {
		t.Fatalf("tip after a new connection to another chain: %v", err)
	}
	p.genesis.Store(nil)
	k.broadcast(k.payee, redeem)
	if !p.sent(fmt.Sprintf("%x", raw)) {
		t.Fatal("the test does not see what is sent")
	}
}

func wrongGenesis() *string {
	text := chainhash.Hash{1}.String()
	return &text
}
