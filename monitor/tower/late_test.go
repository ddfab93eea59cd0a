package tower_test

import (
	"context"
	"errors"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/tower"
)

func (r *rig) offer(p tower.Package, o tower.Opener, seen string) error {
	r.t.Helper()
	sealed, err := tower.Seal(p, o)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.tower.Keep(context.Background(), htlc.PartyID{1}, tower.Offered{
		Locator: o.Locator(), Kind: o.Kind(), Bytes: sealed, Until: 2000, Seen: seen,
	})
}

// A refund whose funding the tower has passed by is opened by its owner, and kept
// over a restart.
func TestRefundThatComesAfterItsFunding(t *testing.T) {
	r := newRig(t)
	r.btc.mine(fundingSign)
	r.run()
	if err := r.offer(refund(), funding, "another:0"); !errors.Is(err, tower.ErrPackage) {
		t.Fatalf("opened by another funding: %v", err)
	}
	if err := r.offer(refund(), funding, funding.Seen()); err != nil {
		t.Fatal(err)
	}
	if got := r.state(funding); got != tower.Opened {
		t.Fatal(got)
	}
	r.restart()
	for range 3 {
		r.btc.mine(block{})
	}
	r.run()
	r.want(r.btc, 0)
}

func TestWhatDoesNotOpenIsNotKept(t *testing.T) {
	r := newRig(t)
	err := r.tower.Keep(context.Background(), htlc.PartyID{1}, tower.Offered{
		Locator: funding.Locator(), Kind: tower.Refund, Bytes: []byte("junk"), Until: 2000, Seen: funding.Seen(),
	})
	if !errors.Is(err, tower.ErrSealed) {
		t.Fatal(err)
	}
	if found, err := r.store.Packages(context.Background(), funding.Locator()); err != nil || len(found) != 0 {
		t.Fatalf("%+v, %v", found, err)
	}
	redeem := tower.RedeemOpener(htlc.SecretHash{1})
	p := tower.Package{Kind: tower.Redeem, Chain: btc, Target: "contract", Opens: 9, Confirmations: 1, Call: []byte{1}}
	if err := r.offer(p, redeem, "funding:0"); !errors.Is(err, tower.ErrPackage) {
		t.Fatalf("a redeem that is opened by a funding: %v", err)
	}
}

// What is due is left to its owner for a while, so that the two do not outbid
// each other.
func TestPatience(t *testing.T) {
	r := newRig(t)
	late := refund() // opens after height 3
	late.Patience = 150
	r.keep(late, funding)
	r.btc.mine(fundingSign)
	for range 4 {
		r.btc.mine(block{})
	}
	r.run() // height 5, clock 550
	r.want(r.btc, 0)

	secret := secretOf(t, 9)
	redeem := tower.Package{Kind: tower.Redeem, Chain: eth, Target: "contract", Opens: 9000, Confirmations: 1, Patience: 200, Call: []byte{1}}
	r.keep(redeem, tower.RedeemOpener(secret.Hash()))
	r.btc.mine(block{signs: adapters.Signs{Secrets: []htlc.Secret{secret}}})
	r.run()
	r.want(r.eth)
	r.eth.mine(block{})
	r.run()
	r.want(r.eth)
	r.restart()
	r.eth.mine(block{})
	r.run()
	r.want(r.eth, 0)
}
