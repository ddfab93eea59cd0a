package bitcoin_test

import (
	"encoding/hex"
	"errors"
	"strconv"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
	"github.com/kofo-network/kofo/htlc"
)

// sweptAfter are so many seconds that nothing climbs yet.
const sweptAfter = 2 * 24 * 3600

// farTerms is leg 1 of Terms of which the refund is far.
func (k *kit) farTerms(n byte, satoshi uint64) htlc.Terms {
	k.t.Helper()
	salt := htlc.Salt{n, 2}
	payer, err := bitcointest.Keys("payer").Leg(salt, bitcoin.Payer, leg)
	if err != nil {
		k.t.Fatal(err)
	}
	payee, err := k.payee.PayeeKey(k.ctx(), k.params.Asset, salt, leg)
	if err != nil {
		k.t.Fatal(err)
	}
	return htlc.Terms{
		Version: htlc.Version, Hash: htlc.HashSHA256, SecretHash: secret(n).Hash(), Salt: salt,
		Parties: []htlc.PartyID{{1}, {2}},
		Legs: []htlc.Leg{
			{Payee: 1, Asset: "eip155:1337/slip44:60", Amount: htlc.NewAmount(1)},
			{
				Payer: 1, Asset: k.params.Asset, Amount: htlc.NewAmount(satoshi), PayerKey: payer.PubKey().SerializeCompressed(),
				PayeeKey: payee, MinConfirmations: 1, TimeLock: k.tip(k.payer).Clock + sweptAfter,
			},
		},
	}
}

// lockMany funds a number of contracts in one block. Whoever has coins may
// fund: the miner does.
func (k *kit) lockMany(n int) []adapters.Spend {
	k.t.Helper()
	spends, byID := make([]adapters.Spend, n), map[string]int{}
	for i := range spends {
		terms := k.farTerms(byte(i), uint64(lockOf+i))
		byID[k.payScript(terms)] = i
		k.watch(k.payer, terms)
		spends[i] = adapters.Spend{Terms: terms, Leg: leg, Secret: secret(byte(i))}
	}
	payer, payee := k.tip(k.payer), k.tip(k.payee)
	k.mine(1)
	k.next(k.payer, payer)
	for _, fact := range k.next(k.payee, payee).Facts {
		i := byID[fact.Contract]
		spends[i].Ref, spends[i].FundTx = fact.Ref, fact.TxID
	}
	return spends
}

func (k *kit) payScript(terms htlc.Terms) (id string) {
	k.t.Helper()
	id = k.watch(k.payee, terms).ID
	script, err := hex.DecodeString(id)
	if err != nil {
		k.t.Fatal(err)
	}
	amount, _ := terms.Legs[leg].Amount.Uint64()
	if _, err := k.Pay(k.ctx(), script, int64(amount)); err != nil {
		k.t.Fatal(err)
	}
	return id
}

// answers are the payer's to a cooperative sweep.
func (k *kit) answers(s adapters.CoSweep, spends []adapters.Spend) [][]byte {
	k.t.Helper()
	messages := s.Messages()
	out := make([][]byte, len(messages))
	for i, m := range messages {
		spend := spends[i]
		var err error
		out[i], err = k.payer.Consent(k.ctx(), adapters.Proposal{
			Terms: spend.Terms, Leg: spend.Leg, Ref: spend.Ref, Intent: htlc.IntentRedeem,
		}, m)
		if err != nil {
			k.t.Fatalf("consent of member %d: %v", i, err)
		}
	}
	return out
}

func (k *kit) sweepTogether(spends []adapters.Spend) adapters.Swept {
	k.t.Helper()
	s, err := k.payee.SweepCooperative(k.ctx(), adapters.Sweep{Spends: spends})
	if err != nil {
		k.t.Fatalf("begin the sweep: %v", err)
	}
	swept, err := s.Complete(k.answers(s, spends))
	if err != nil {
		k.t.Fatalf("complete the sweep: %v", err)
	}
	return swept
}

func (k *kit) sweepRedeems(req adapters.Sweep) adapters.Swept {
	k.t.Helper()
	swept, err := k.payee.SweepRedeems(k.ctx(), req)
	if err != nil {
		k.t.Fatalf("sweep: %v", err)
	}
	return swept
}

// mineSwept mines a sweep and wants one fact for each of its members.
func (k *kit) mineSwept(swept adapters.Swept, kind adapters.FactKind, members int) {
	k.t.Helper()
	cursor := k.tip(k.payer)
	k.broadcast(k.payee, swept.Tx)
	k.mine(1)
	facts := k.next(k.payer, cursor).Facts
	if len(facts) != members {
		k.t.Fatalf("%d facts, want %d", len(facts), members)
	}
	for _, fact := range facts {
		if fact.Kind != kind || fact.TxID != swept.Tx.ID || (fact.Secret != nil) != (kind == adapters.Redeemed) {
			k.t.Fatalf("fact %+v, want %s", fact, kind)
		}
	}
}

// Sizes in virtual bytes of a hundred members and one output of 43 bytes to an
// own address: by the script path 101.29 each, by consent 58.04. With a P2WPKH
// output of 31 bytes the latter is 57.92: see TestCooperativeSizes.
func TestSweepSizes(t *testing.T) {
	k := newKit(t)
	for _, c := range []struct {
		name string
		kind adapters.FactKind
		sign func(spends []adapters.Spend) adapters.Swept
		size uint64
	}{
		{"script path", adapters.Redeemed, func(s []adapters.Spend) adapters.Swept { return k.sweepRedeems(adapters.Sweep{Spends: s}) }, 10_129},
		{"key path", adapters.ClosedByConsent, k.sweepTogether, 5_804},
	} {
		spends := k.lockMany(100)
		swept := c.sign(spends)
		size := bitcoin.VirtualSize(decode(t, swept.Tx.Raw))
		t.Logf("%s: %d vB, %.2f each, saves %d vB and %s satoshi", c.name, size, float64(size)/100, swept.Saved.Size, swept.Saved.Fee)
		if size != c.size {
			t.Errorf("%s: %d vB, want %d", c.name, size, c.size)
		}
		fee, _ := swept.Tx.Fee.Uint64()
		saved, _ := swept.Saved.Fee.Uint64()
		if alone := uint64(100 * 155); swept.Saved.Size != alone-size || saved != uint64(bitcoin.FeeFor(swept.Tx.FeeRate, alone))-fee {
			t.Errorf("%s saves %d vB and %d satoshi beside a fee of %d", c.name, swept.Saved.Size, saved, fee)
		}
		k.mineSwept(swept, c.kind, len(spends))
	}
}

// sweepFive sweeps by either path on whatever node.
func sweepFive(t *testing.T, k *kit) {
	for kind, sign := range map[adapters.FactKind]func([]adapters.Spend) adapters.Swept{
		adapters.Redeemed:        func(s []adapters.Spend) adapters.Swept { return k.sweepRedeems(adapters.Sweep{Spends: s}) },
		adapters.ClosedByConsent: k.sweepTogether,
	} {
		spends := k.lockMany(5)
		swept := sign(spends)
		if len(swept.Tx.Spends) != len(spends) || swept.Tx.Spends[4] != spends[4].Ref {
			t.Fatalf("the sweep spends %v", swept.Tx.Spends)
		}
		k.mineSwept(swept, kind, len(spends))
	}
}

func TestSweeps(t *testing.T) { sweepFive(t, newKit(t)) }

// ofMember wants the error to name a member of a sweep.
func ofMember(t *testing.T, name string, err, kind error, reason string, member int) {
	t.Helper()
	var e *adapters.Error
	if !errors.Is(err, kind) || !errors.As(err, &e) || e.Reason != reason || e.Meta[adapters.MetaMember] != strconv.Itoa(member) {
		t.Errorf("%s: error %v, want %s of member %d", name, err, reason, member)
	}
}

// Who cannot be a part of a sweep is refused by name, in either kind of sweep.
func TestSweepMembers(t *testing.T) {
	k := newKit(t)
	spends := k.lockMany(5)
	gone := spends[4]
	spends = spends[:4]
	k.broadcast(k.payee, k.redeem(gone.Terms, gone.Ref, 4))
	k.mine(1)
	unmined := adapters.Spend{Terms: k.farTerms(200, lockOf), Leg: leg, Secret: secret(200)}
	k.payScript(unmined.Terms)
	unmined.Ref = k.sighting(k.payee, adapters.Funded).Ref
	clock := k.tip(k.payee).Clock
	for name, c := range map[string]struct {
		member func(s *adapters.Spend)
		kind   error
		reason string
	}{
		"twice":              {func(s *adapters.Spend) { *s = spends[0] }, adapters.ErrMismatch, "CONTRACT_MISMATCH"},
		"another output":     {func(s *adapters.Spend) { s.Ref = spends[0].Ref }, adapters.ErrMismatch, "CONTRACT_MISMATCH"},
		"no reference":       {func(s *adapters.Spend) { s.Ref = "" }, adapters.ErrMismatch, "CONTRACT_MISMATCH"},
		"no leg":             {func(s *adapters.Spend) { s.Leg = 7 }, adapters.ErrMismatch, "CONTRACT_MISMATCH"},
		"in no block":        {func(s *adapters.Spend) { *s = unmined }, adapters.ErrNotFunded, "NOT_FUNDED"},
		"spent":              {func(s *adapters.Spend) { *s = gone }, adapters.ErrSpent, "ALREADY_SPENT"},
		"deadline near":      {func(s *adapters.Spend) { s.Fees.Deadline = clock + bitcoin.DefaultClimbWindow }, adapters.ErrNotInSweep, "SWEEP_TOO_LATE"},
		"deadline past":      {func(s *adapters.Spend) { s.Fees.Deadline = 1 }, adapters.ErrNotInSweep, "SWEEP_TOO_LATE"},
		"refund near":        {func(s *adapters.Spend) { s.Fees.Now = clock + sweptAfter - 3600 }, adapters.ErrNotInSweep, "SWEEP_TOO_LATE"},
		"no budget to leave": {func(s *adapters.Spend) { s.Fees.Budget = htlc.NewAmount(100) }, adapters.ErrBudget, "SWEEP_TOO_LARGE"},
	} {
		list := append([]adapters.Spend{}, spends[:3]...)
		c.member(&list[2])
		_, err := k.payee.SweepRedeems(k.ctx(), adapters.Sweep{Spends: list})
		ofMember(t, name, err, c.kind, c.reason, 2)
		_, err = k.payee.SweepCooperative(k.ctx(), adapters.Sweep{Spends: list})
		ofMember(t, name+" by consent", err, c.kind, c.reason, 2)
	}
	last := spends[3]
	last.Fees = adapters.FeePolicy{Now: clock, Deadline: clock + bitcoin.DefaultClimbWindow + 1, Budget: htlc.NewAmount(1_000)}
	k.sweepRedeems(adapters.Sweep{Spends: []adapters.Spend{spends[0], last}})
	last.Secret = secret(99)
	_, err := k.payee.SweepRedeems(k.ctx(), adapters.Sweep{Spends: []adapters.Spend{spends[0], last}})
	ofMember(t, "another secret", err, adapters.ErrMismatch, "CONTRACT_MISMATCH", 1)
	_, err = k.payer.SweepRedeems(k.ctx(), adapters.Sweep{Spends: spends})
	ofMember(t, "another wallet", err, adapters.ErrMismatch, "CONTRACT_MISMATCH", 0)
	_, err = k.payer.SweepCooperative(k.ctx(), adapters.Sweep{Spends: spends})
	ofMember(t, "another wallet by consent", err, adapters.ErrMismatch, "CONTRACT_MISMATCH", 0)
	for _, n := range []int{0, 1, 401} {
		_, err := k.payee.SweepRedeems(k.ctx(), adapters.Sweep{Spends: make([]adapters.Spend, n)})
		wantReason(t, err, adapters.ErrNotInSweep, "SWEEP_SIZE")
	}
}

// A sweep is kept while it serves, and replaced by one that nodes take.
func TestSweepReplaced(t *testing.T) {
	k := newKit(t)
	spends := k.lockMany(4)
	first := k.sweepRedeems(adapters.Sweep{Spends: spends[:3]})
	k.broadcast(k.payee, first.Tx)
	kept := k.sweepRedeems(adapters.Sweep{Spends: spends[:3], Replace: &first.Tx})
	if kept.Tx.ID != first.Tx.ID || kept.Saved != first.Saved {
		t.Fatalf("%s replaces %s, which serves", kept.Tx.ID, first.Tx.ID)
	}
	_, err := k.payee.SweepCooperative(k.ctx(), adapters.Sweep{Spends: spends[:3], Replace: &first.Tx})
	wantReason(t, err, adapters.ErrSweepServes, "SWEEP_SERVES")
	// Fewer members: cheaper at the market, and yet it has to pay more.
	fewer := k.sweepRedeems(adapters.Sweep{Spends: spends[:2], Replace: &first.Tx})
	if fewer.Tx.Fee.Cmp(first.Tx.Fee) <= 0 || fewer.Tx.FeeRate <= first.Tx.FeeRate || fewer.Tx.Replaces != first.Tx.ID {
		t.Fatalf("%+v replaces %+v", fewer.Tx, first.Tx)
	}
	k.broadcast(k.payee, fewer.Tx)
	more := k.sweepRedeems(adapters.Sweep{Spends: spends, Replace: &fewer.Tx})
	if more.Tx.FeeRate <= fewer.Tx.FeeRate {
		t.Fatalf("%d replaces %d satoshi for 1,000 vB", more.Tx.FeeRate, fewer.Tx.FeeRate)
	}
	k.broadcast(k.payee, more.Tx)
	// The market rises: the same members, by consent now.
	config := k.config()
	config.FeeFloor = 30_000
	k.payee = k.openWith("payee", k.payee.book, config)
	s, err := k.payee.SweepCooperative(k.ctx(), adapters.Sweep{Spends: spends, Replace: &more.Tx})
	if err != nil {
		t.Fatal(err)
	}
	last, err := s.Complete(k.answers(s, spends))
	if err != nil {
		t.Fatal(err)
	}
	if last.Tx.Replaces != more.Tx.ID || last.Tx.FeeRate < 30_000 || string(decode(t, last.Tx.Raw).TxOut[0].PkScript) != string(decode(t, first.Tx.Raw).TxOut[0].PkScript) {
		t.Fatalf("%+v replaces %+v", last.Tx, more.Tx)
	}
	k.mineSwept(last, adapters.ClosedByConsent, len(spends))
}

// One silent or wrong signer costs the sweep, not the members.
func TestSweepWithoutAMember(t *testing.T) {
	k := newKit(t)
	spends := k.lockMany(3)
	s, err := k.payee.SweepCooperative(k.ctx(), adapters.Sweep{Spends: spends})
	if err != nil {
		t.Fatal(err)
	}
	answers := k.answers(s, spends)
	if _, err := s.Complete(answers[:2]); !errors.Is(err, adapters.ErrMismatch) {
		t.Fatalf("two answers for three members: %v", err)
	}
	answers[1] = answers[0]
	_, err = s.Complete(answers)
	ofMember(t, "the answer of another", err, adapters.ErrBadConsent, "CONSENT_INVALID", 1)
	_, err = s.Complete(answers)
	wantReason(t, err, adapters.ErrSessionOver, "SESSION_OVER")
	two := []adapters.Spend{spends[0], spends[2]}
	swept := k.sweepTogether(two)
	lone := k.redeem(spends[1].Terms, spends[1].Ref, 1)
	k.broadcast(k.payee, lone)
	cursor := k.tip(k.payer)
	k.broadcast(k.payee, swept.Tx)
	k.mine(1)
	if facts := k.next(k.payer, cursor).Facts; len(facts) != 3 {
		t.Fatalf("facts %+v", facts)
	}
}
