package agreement

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
)

func TestReasonsAreThoseOfTheAPI(t *testing.T) {
	for _, r := range Reasons() {
		if _, ok := reason.Lookup(reason.Reason(r)); !ok {
			t.Errorf("%s is no reason of the API", r)
		}
	}
}

// forge signs a changed offer as its initiator would.
func forge(t *testing.T, w *world, change func(*htlc.Offer)) string {
	t.Helper()
	o := w.a.offer(sendBTC()).Offer
	if _, err := w.a.service.Cancel(ctxOf(t), o.Salt); err != nil {
		t.Fatal(err)
	}
	change(&o)
	identity, err := keysOf(t, 1).Identity()
	if err != nil {
		t.Fatal(err)
	}
	return htlc.SignedOffer{Offer: o, Signature: identity.SignMessage(htlc.OfferMessage(o))}.Text()
}

// ticketRefusals has each reason for which a ticket is refused: what changes
// the ticket, and what changes the participant's node.
var ticketRefusals = []struct {
	name   string
	ticket func(*htlc.Offer)
	node   func(*world)
	want   Reason
}{
	{"expired", nil, func(w *world) { w.pass(DefaultValidFor + time.Second) }, TicketExpired},
	{"valid too long", func(o *htlc.Offer) { o.AcceptBy += 3 * 86400 }, nil, TermsInvalid},
	{"foreign chain", func(o *htlc.Offer) { o.Wants.Asset = "eip155:31337/slip44:60" }, nil, ForeignChain},
	{"mainnet", func(o *htlc.Offer) { o.Wants.Asset = "eip155:1/slip44:60" }, nil, MainnetRefused},
	{"mainnet bitcoin", func(o *htlc.Offer) { o.Gives.Asset = "bip122:000000000019d6689c085ae165831e93/slip44:0" }, nil, MainnetRefused},
	{"unknown asset", func(o *htlc.Offer) { o.Wants.Asset = "eip155:1337/erc20:0x0000000000000000000000000000000000000001" }, nil, UnknownAsset},
	{"unknown asset to us", func(o *htlc.Offer) { o.Gives.Asset = btc + "2" }, nil, UnknownAsset},
	{"one asset", func(o *htlc.Offer) { o.Wants.Asset, o.Wants.Timing = o.Gives.Asset, o.Gives.Timing }, nil, TermsInvalid},
	{"too small", func(o *htlc.Offer) { o.Gives.Amount = htlc.NewAmount(9_999) }, nil, AmountTooSmall},
	{"too large", func(o *htlc.Offer) { o.Gives.Amount = htlc.NewAmount(1<<62 + 1) }, nil, AmountTooLarge},
	{"tight outage", func(o *htlc.Offer) { o.Outage-- }, nil, TimeLockTooTight},
	{"tight timing", func(o *htlc.Offer) { o.Gives.Timing.BuryRedeem-- }, nil, TimeLockTooTight},
	{"tight timing of ours", func(o *htlc.Offer) { o.Wants.Timing.BuryRefund-- }, nil, TimeLockTooTight},
	{"deeper in the same time", func(o *htlc.Offer) { o.Gives.MinConfirmations *= 2 }, nil, TimeLockTooTight},
	{"shallow", func(o *htlc.Offer) { o.Gives.MinConfirmations = 2 }, nil, TermsInvalid},
	{"locked for weeks", func(o *htlc.Offer) { o.Wants.Timing.BuryRedeem += 30 * 86400 }, nil, TermsInvalid},
	{"no coins", func(o *htlc.Offer) { o.Wants.Amount = htlc.NewAmount(4e18) }, nil, InsufficientFunds},
	{"coins held", nil, func(w *world) {
		w.b.chains[eth.Chain()].held["other"] = adapters.Reservation{Asset: eth, Amount: htlc.NewAmount(25e17)}
	}, CoinsReserved},
	{"no fee to redeem", nil, func(w *world) { w.b.chains[btc.Chain()].noRedeemFee = true }, RedeemFeeMissing},
	{"chain down", nil, func(w *world) { w.b.chains[btc.Chain()].unreachable = true }, NodeUnreachable},
	{"unknown deployment", nil, func(w *world) { w.b.chains[btc.Chain()].contractErr = adapters.ErrMismatch }, TermsInvalid},
	{"store down", nil, func(w *world) { w.b.store.fail = errors.New("disk") }, StoreUnavailable},
}

// inspectCannotSee are refusals that need our own half of the Terms.
var inspectCannotSee = map[string]bool{"unknown deployment": true}

func TestTicketRefusals(t *testing.T) {
	for _, c := range ticketRefusals {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			change := c.ticket
			if change == nil {
				change = func(*htlc.Offer) {}
			}
			ticket := forge(t, w, change)
			if c.node != nil {
				c.node(w)
			}
			in, err := w.b.service.Inspect(ctxOf(t), ticket)
			switch {
			case inspectCannotSee[c.name]:
			case err != nil:
				wantReason(t, err, c.want)
			case len(in.Against) == 0:
				t.Error("inspect finds nothing")
			default:
				wantReason(t, in.Against[0], c.want)
			}
			_, err = w.b.service.Accept(ctxOf(t), AcceptRequest{Ticket: ticket, ByHand: true})
			wantReason(t, err, c.want)
			w.b.store.fail = nil
			delete(w.b.chains[eth.Chain()].held, "other")
			if holds := w.b.holds(); len(holds) > 0 {
				t.Errorf("a refused ticket holds %v", holds)
			}
			for _, r := range w.b.store.all() {
				if r.Acceptance() != "" {
					t.Error("a refused ticket was signed")
				}
			}
		})
	}
}

// offerRefusals are those of our own offers and quotes.
var offerRefusals = []struct {
	name    string
	change  func(*OfferRequest, *world)
	want    Reason
	quoteOK bool
}{
	{"zero", func(r *OfferRequest, _ *world) { r.Send.Amount = htlc.Amount{} }, AmountTooSmall, false},
	{"dust", func(r *OfferRequest, _ *world) { r.Receive.Amount = htlc.NewAmount(1) }, AmountTooSmall, false},
	{"too large", func(r *OfferRequest, _ *world) { r.Send.Amount = htlc.Amount{1} }, AmountTooLarge, false},
	{"no asset", func(r *OfferRequest, _ *world) { r.Send.Asset = "BTC" }, UnknownAsset, false},
	{"unknown asset", func(r *OfferRequest, _ *world) { r.Send.Asset = "eip155:1337/slip44:61" }, UnknownAsset, false},
	{"foreign chain", func(r *OfferRequest, _ *world) { r.Send.Asset = "eip155:4242/slip44:60" }, ForeignChain, false},
	{"mainnet", func(r *OfferRequest, _ *world) { r.Send.Asset = "eip155:8453/slip44:60" }, MainnetRefused, false},
	{"no coins", func(r *OfferRequest, _ *world) { r.Send.Amount = htlc.NewAmount(4 * btcReward) }, InsufficientFunds, true},
	{"no fee", func(_ *OfferRequest, w *world) { w.a.chains[eth.Chain()].noRedeemFee = true }, RedeemFeeMissing, false},
	{"reservation fails", func(_ *OfferRequest, w *world) {
		w.a.chains[btc.Chain()].reserveErr = fmt.Errorf("reserve: %w", adapters.ErrReserved)
	}, CoinsReserved, true},
	{"chain down", func(_ *OfferRequest, w *world) { w.a.chains[eth.Chain()].unreachable = true }, NodeUnreachable, false},
	{"store down", func(_ *OfferRequest, w *world) { w.a.store.fail = errors.New("disk") }, StoreUnavailable, true},
	{"locked too long", func(_ *OfferRequest, w *world) { w.a.options.MaxLock = time.Hour; w.a.restart() }, TermsInvalid, false},
	{"no randomness", func(_ *OfferRequest, w *world) { w.a.options.Random = strings.NewReader("x"); w.a.restart() }, Internal, false},
}

func TestOfferRefusals(t *testing.T) {
	for _, c := range offerRefusals {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			req := sendBTC()
			c.change(&req, w)
			_, err := w.a.service.Offer(ctxOf(t), req)
			wantReason(t, err, c.want)
			_, err = w.a.service.Quote(ctxOf(t), QuoteRequest{Send: req.Send, Receive: req.Receive})
			if c.quoteOK != (err == nil) {
				t.Errorf("quote: %v", err)
			}
			if err != nil {
				wantReason(t, err, c.want)
			}
			w.a.store.fail = nil
			if holds := w.a.holds(); len(holds) > 0 {
				t.Errorf("a refused offer holds %v", holds)
			}
		})
	}
	w := newWorld(t)
	for _, d := range []time.Duration{time.Second, 25 * time.Hour, -time.Hour} {
		req := sendBTC()
		req.ValidFor = d
		_, err := w.a.service.Offer(ctxOf(t), req)
		wantReason(t, err, TermsInvalid)
	}
}

func TestOwnTicket(t *testing.T) {
	w := newWorld(t)
	ticket := w.a.offer(sendBTC()).Ticket()
	_, err := w.a.service.Accept(ctxOf(t), AcceptRequest{Ticket: ticket})
	wantReason(t, err, TicketOwn)
	in, err := w.a.service.Inspect(ctxOf(t), ticket)
	if err != nil || len(in.Against) != 1 || in.Against[0].Reason != TicketOwn {
		t.Errorf("inspect: %v %v", err, in.Against)
	}
}

// TestSafety_A13_EmptyPayeeRefused: who cannot pay for its own redeem is
// refused at quote, offer, inspection, acceptance and countersignature, with
// the amount that is missing.
func TestSafety_A13_EmptyPayeeRefused(t *testing.T) {
	w := newWorld(t)
	names := func(err error) {
		t.Helper()
		wantReason(t, err, RedeemFeeMissing)
		if err != nil && !strings.Contains(err.Error(), "missing 21000") {
			t.Errorf("the amount is not named: %v", err)
		}
	}
	offer := w.a.offer(sendBTC())
	r := w.b.accept(offer.Ticket(), true)

	w.a.chains[eth.Chain()].noRedeemFee = true
	_, err := w.a.service.Countersign(ctxOf(t), r.Acceptance())
	names(err)
	_, err = w.a.service.Offer(ctxOf(t), sendBTC())
	names(err)
	_, err = w.a.service.Quote(ctxOf(t), QuoteRequest{Send: sendBTC().Send, Receive: sendBTC().Receive})
	names(err)
	_, err = w.a.service.Quote(ctxOf(t), QuoteRequest{Send: sendBTC().Send, Receive: sendBTC().Receive, Participant: true})
	names(err)

	c := w.node(3)
	c.chains[btc.Chain()].noRedeemFee = true
	in, err := c.service.Inspect(ctxOf(t), offer.Ticket())
	if err != nil || len(in.Against) != 1 {
		t.Fatalf("inspect: %v %v", err, in.Against)
	}
	names(in.Against[0])
	_, err = c.service.Accept(ctxOf(t), AcceptRequest{Ticket: offer.Ticket(), ByHand: true})
	names(err)
	if len(c.store.all()) != 0 || len(c.holds()) != 0 {
		t.Error("a refused ticket left something behind")
	}
}

// TestSafety_A9_SecondOfferWithSameHash: neither a secret hash nor a salt is
// taken twice in the life of a store, in whatever role, and whatever became of
// the first.
func TestSafety_A9_SecondOfferWithSameHash(t *testing.T) {
	w := newWorld(t)
	offer := w.a.offer(sendBTC())
	r := w.b.accept(offer.Ticket(), true)
	x := keyOfStranger()
	refused := func(when string) {
		t.Helper()
		for name, change := range map[string]func(*htlc.Offer){
			"hash": func(o *htlc.Offer) { o.Salt[0]++ },
			"salt": func(o *htlc.Offer) { o.SecretHash[0]++ },
			"both": func(*htlc.Offer) {},
		} {
			o := offer.Offer
			o.Initiator = htlc.PartyID(x.Public().(ed25519.PublicKey))
			change(&o)
			ticket := htlc.SignedOffer{Offer: o, Signature: htlc.Signature(ed25519.Sign(x, htlc.OfferMessage(o)))}.Text()
			for who, n := range map[string]*node{"participant": w.b, "initiator": w.a} {
				got, err := n.service.Accept(ctxOf(t), AcceptRequest{Ticket: ticket, ByHand: true})
				if why := ReasonOf(err); why != TicketUsed && why != TicketOwn {
					t.Errorf("same %s at the %s, %s: %v, state %s", name, who, when, err, got.Record.State)
				}
			}
		}
	}
	refused("while it lives")
	if _, err := w.b.service.Cancel(ctxOf(t), r.ID()); err != nil {
		t.Fatal(err)
	}
	refused("after its end")

	// A random source that repeats itself is found out before anything of the
	// second offer is signed or reserved.
	w.a.options.Random = zeros{}
	w.a.restart()
	first := w.a.offer(OfferRequest{Send: AssetAmount{btc, htlc.NewAmount(10_000)}, Receive: sendBTC().Receive})
	if _, err := w.a.service.Cancel(ctxOf(t), first.ID()); err != nil {
		t.Fatal(err)
	}
	held := len(w.a.holds())
	_, err := w.a.service.Offer(ctxOf(t), sendBTC())
	wantReason(t, err, TicketUsed)
	if len(w.a.holds()) != held {
		t.Error("the second offer reserved something")
	}
}

func keyOfStranger() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte("a stranger's seed of 32 bytes...")[:32])
}

// zeros is a broken random source.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 7
	}
	return len(p), nil
}

// TestSafety_A3_ForeignAcceptance: an acceptance whose Terms differ from the
// offer in any way, or whose contract cannot be computed, binds nobody.
func TestSafety_A3_ForeignAcceptance(t *testing.T) {
	w := newWorld(t)
	offer := w.a.offer(sendBTC())
	good := w.b.accept(offer.Ticket(), true)
	identity, err := keysOf(t, 2).Identity()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*htlc.Terms)
		want   Reason
	}{
		"amount":         {func(t *htlc.Terms) { t.Legs[0].Amount = htlc.NewAmount(btcReward + 1) }, TermsInvalid},
		"our key":        {func(t *htlc.Terms) { t.Legs[1].PayeeKey = make([]byte, 20) }, TermsInvalid},
		"tight":          {func(t *htlc.Terms) { t.Legs[0].TimeLock-- }, TimeLockTooTight},
		"key of no form": {func(t *htlc.Terms) { t.Legs[0].PayeeKey = []byte{1} }, TermsInvalid},
	} {
		terms, err := htlc.DecodeTerms(good.Terms.Encode())
		if err != nil {
			t.Fatal(err)
		}
		c.change(&terms)
		a := htlc.Acceptance{Terms: terms, Signature: identity.SignMessage(htlc.TermsMessage(terms))}
		_, err = w.a.service.Countersign(ctxOf(t), a.Text())
		wantReason(t, err, c.want)
		if w.a.find(offer.ID()).State != StateOffered {
			t.Fatalf("%s: bound", name)
		}
	}
	forged := htlc.Acceptance{Terms: good.Terms}
	_, err = w.a.service.Countersign(ctxOf(t), forged.Text())
	wantReason(t, err, TicketAltered)
	if _, err := w.a.service.Answer(ctxOf(t), htlc.Salt{9}, good.Acceptance()); ReasonOf(err) != TermsInvalid {
		t.Errorf("answer under another offer's id: %v", err)
	}
}

func TestMainnetsCannotBeServed(t *testing.T) {
	w := newWorld(t)
	for id := range mainnets {
		if IsTestNetwork(id) {
			t.Errorf("%s is both", id)
		}
		o := w.a.options
		o.Chains = []Chain{{ID: id, Profile: Profile{MinConfirmations: 1}, Reserver: w.a.chains[btc.Chain()], Prover: w.a.chains[btc.Chain()]}}
		_, err := New(o)
		wantReason(t, err, MainnetRefused)
	}
	for id := range testNetworks {
		if err := id.Validate(); err != nil {
			t.Error(err)
		}
	}
	wantReason(t, CheckNetwork("eip155:4242"), MainnetRefused)
}
