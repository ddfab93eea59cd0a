package bitcoin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
)

// minMembers: one alone is a lone redeem, which may climb.
const minMembers = 2

// member is one contract of a sweep.
type member struct {
	spend adapters.Spend
	c     *contract
	point wire.OutPoint
}

// sweepPlan is a sweep before it is signed.
type sweepPlan struct {
	members []member
	joint   joint
	payout  []byte
	fee     int64
	saved   adapters.Saving
	now     prices
	params  Params
}

// SweepRedeems redeems every member by its secret. What the caller owes it is
// said at adapters.Sweep.
func (a *Adapter) SweepRedeems(ctx context.Context, req adapters.Sweep) (adapters.Swept, error) {
	s, err := a.plan(ctx, req, (*sweepPlan).scriptWitness)
	if err != nil {
		return adapters.Swept{}, err
	}
	for i, m := range s.members {
		if !m.spend.Secret.Opens(m.c.hash) {
			return adapters.Swept{}, ofMember(i, mismatch("the secret does not open leg %d", m.spend.Leg))
		}
	}
	if s.serves(req.Replace) {
		return adapters.Swept{Tx: *req.Replace, Saved: s.saved}, nil
	}
	if err := a.signMembers(ctx, s); err != nil {
		return adapters.Swept{}, err
	}
	if err := verifyInputs(s.joint.tx, s.joint.fetcher, s.joint.hashes); err != nil {
		return adapters.Swept{}, mismatch("the signed sweep fails: %v", err)
	}
	tx, err := a.finish(s.joint.tx, s.fee)
	if err == nil && req.Replace != nil {
		tx.Replaces = req.Replace.ID
	}
	return adapters.Swept{Tx: tx, Saved: s.saved}, err
}

// signMembers has all inputs signed at once.
func (a *Adapter) signMembers(ctx context.Context, s *sweepPlan) error {
	ask := signing{purpose: ForRedeem, tx: s.joint.tx}
	for i, m := range s.members {
		by := LegKeyRef{Salt: m.spend.Terms.Salt, Role: Payee, Leg: m.spend.Leg}
		if err := a.ownLegKey(ctx, by.Salt, by.Role, by.Leg, m.c.payee); err != nil {
			return ofMember(i, err)
		}
		ask.inputs = append(ask.inputs, signInput{prev: wire.NewTxOut(m.c.amount, m.c.script), leaf: &m.c.redeem, by: by})
	}
	err := a.wallet.do(ctx, func() error { ask.owned = a.wallet.owned(s.joint.tx); return nil })
	if err != nil {
		return err
	}
	signatures, err := a.signatures(ctx, ask)
	if err != nil {
		return err
	}
	for i, m := range s.members {
		s.joint.tx.TxIn[i].Witness = s.lone(m).witness(signatures[i])
	}
	return nil
}

// coSweep is adapters.CoSweep.
type coSweep struct {
	coSpend
	saved    adapters.Saving
	replaces string
}

// SweepCooperative begins a sweep of which every input is signed by both of its
// parties: no secret is in it. The members' other parties answer by Consent to
// a Proposal with IntentRedeem. Members whose party is slow or silent are for
// the caller to leave out; their lone redeems stand as before.
//
// It is never the same transaction again: what was stored before is replaced
// where the market has risen, and else an error says that it still serves.
func (a *Adapter) SweepCooperative(ctx context.Context, req adapters.Sweep) (adapters.CoSweep, error) {
	s, err := a.plan(ctx, req, (*sweepPlan).keyWitness)
	if err != nil {
		return nil, err
	}
	out := &coSweep{coSpend: coSpend{a: a, joint: s.joint, fee: s.fee}, saved: s.saved}
	if req.Replace != nil {
		if s.serves(req.Replace) {
			return nil, &adapters.Error{
				Reason: "SWEEP_SERVES", Op: "replace sweep " + req.Replace.ID, Retryable: true,
				Advice: "broadcast the stored one again", Err: adapters.ErrSweepServes,
			}
		}
		out.replaces = req.Replace.ID
	}
	for i, m := range s.members {
		h, err := a.begin(s.joint, i, half{c: m.c, salt: m.spend.Terms.Salt, leg: m.spend.Leg, role: Payee})
		if err != nil {
			return nil, ofMember(i, err)
		}
		out.halves = append(out.halves, h)
	}
	return out, nil
}

// Messages are what the other parties need, one for each member.
func (s *coSweep) Messages() [][]byte {
	out := make([][]byte, len(s.halves))
	for i := range out {
		out[i] = s.message(i)
	}
	return out
}

// Complete checks all answers and returns the signed sweep.
func (s *coSweep) Complete(answers [][]byte) (adapters.Swept, error) {
	if len(answers) != len(s.halves) {
		return adapters.Swept{}, mismatch("%d answers for %d members", len(answers), len(s.halves))
	}
	tx, err := s.complete(answers)
	tx.Replaces = s.replaces
	return adapters.Swept{Tx: tx, Saved: s.saved}, err
}

// plan checks the members and prices the sweep.
func (a *Adapter) plan(ctx context.Context, req adapters.Sweep, witness func(*sweepPlan, member) wire.TxWitness) (*sweepPlan, error) {
	if n := len(req.Spends); n < minMembers || n > maxMembers {
		return nil, &adapters.Error{
			Reason: "SWEEP_SIZE", Op: fmt.Sprintf("sweep %d contracts", n), Advice: "redeem them alone, or in several sweeps",
			Err: fmt.Errorf("%w: a sweep has %d to %d members", adapters.ErrNotInSweep, minMembers, maxMembers),
		}
	}
	s := &sweepPlan{params: a.params}
	if err := a.gather(ctx, s, req.Spends); err != nil {
		return nil, err
	}
	var err error
	if s.payout, err = a.payoutFor(ctx, s.members[0].c); err != nil {
		return nil, err
	}
	if s.now, err = a.prices(ctx); err != nil {
		return nil, err
	}
	last := stored(req.Replace)
	if last != nil {
		s.payout = last.payout
	}
	err = s.price(last, witness)
	return s, err
}

// gather admits the members: in a block, unspent, far from their deadlines, and
// each once.
func (a *Adapter) gather(ctx context.Context, s *sweepPlan, spends []adapters.Spend) error {
	if err := a.node.verify(ctx); err != nil {
		return err
	}
	tip, err := a.node.tip(ctx)
	if err != nil {
		return err
	}
	seen := make(map[wire.OutPoint]bool, len(spends))
	for i, spend := range spends {
		m := member{spend: spend}
		if m.c, err = buildContract(a.params, spend.Terms, spend.Leg); err != nil {
			return ofMember(i, err)
		}
		if m.point, err = parseRef(spend.Ref); err != nil {
			return ofMember(i, err)
		}
		if seen[m.point] {
			return ofMember(i, mismatch("output %s is in the sweep twice", m.point))
		}
		seen[m.point] = true
		if err := a.checkFar(m, tip.Clock); err != nil {
			return ofMember(i, err)
		}
		if err := a.checkMined(ctx, m); err != nil {
			return ofMember(i, err)
		}
		s.members = append(s.members, m)
	}
	return nil
}

// checkFar refuses a member whose refund or own deadline is so near that its
// fee may have to climb, which a sweep does not: whoever bumps or replaces one
// pays for all.
func (a *Adapter) checkFar(m member, clock int64) error {
	until := int64(m.c.timeLock)
	if d := m.spend.Fees.Deadline; d > 0 {
		until = min(until, d)
	}
	left := until - max(clock, m.spend.Fees.Now)
	if left > a.config.ClimbWindow {
		return nil
	}
	return &adapters.Error{
		Reason: "SWEEP_TOO_LATE", Op: fmt.Sprintf("sweep leg %d, %d seconds before its deadline", m.spend.Leg, left),
		Advice: "send its own redeem",
		Err:    fmt.Errorf("%w: within %d seconds of a deadline a contract is redeemed alone", adapters.ErrNotInSweep, a.config.ClimbWindow),
	}
}

// checkMined: a funding that is in no block would hold up all others.
func (a *Adapter) checkMined(ctx context.Context, m member) error {
	out, err := a.node.txOut(ctx, m.point, false)
	if err != nil {
		return err
	}
	if out != nil {
		return m.c.compare(out)
	}
	if err := a.checkUnspent(ctx, m.c, m.point); err != nil {
		return err
	}
	return &adapters.Error{
		Reason: "NOT_FUNDED", Op: "sweep " + refOf(m.point), Retryable: true,
		Err: fmt.Errorf("%w: it is in no block", adapters.ErrNotFunded),
	}
}

// lone is the member's own redeem.
func (s *sweepPlan) lone(m member) spending { return m.c.redeeming(m.point, m.spend.Secret, s.payout) }

func (s *sweepPlan) scriptWitness(m member) wire.TxWitness {
	return s.lone(m).witness(make([]byte, schnorr.SignatureSize))
}

func (s *sweepPlan) keyWitness(member) wire.TxWitness {
	return wire.TxWitness{make([]byte, schnorr.SignatureSize)}
}

// price finds the fee: the market's, more where another sweep is replaced.
func (s *sweepPlan) price(last *storedSweep, witness func(*sweepPlan, member) wire.TxWitness) error {
	out := wire.NewTxOut(0, s.payout)
	s.joint = s.build(out)
	for i, m := range s.members {
		s.joint.tx.TxIn[i].Witness = witness(s, m)
	}
	size, alone := virtualSize(s.joint.tx), uint64(0)
	for _, m := range s.members {
		alone += virtualSize(s.lone(m).unsigned(0))
	}
	s.fee = feeFor(s.now.market, size)
	if last != nil && !s.same(last) {
		// It pays for its own relay on top, and better than what it replaces.
		s.fee = max(s.fee, last.fee+feeFor(s.now.step, size), feeFor(rateOf(last.fee, last.size)+1, size))
	}
	rate := rateOf(s.fee, size)
	s.saved = adapters.Saving{Size: alone - size, Fee: amountOf(feeFor(rate, alone) - feeFor(rate, size))}
	for i, m := range s.members {
		if err := s.checkLeave(m); err != nil {
			return ofMember(i, err)
		}
	}
	in, _ := s.joint.total()
	out.Value = in - s.fee
	s.joint = s.build(out)
	return nil
}

// checkLeave refuses a member that could not leave the sweep by itself: its own
// redeem takes the sweep's place only where it pays for all that it throws out and
// for its own relay (BIP-125), within its budget and out of its amount. Else a
// contract of little worth would be held by a sweep that does not confirm.
func (s *sweepPlan) checkLeave(m member) error {
	leave := s.fee + feeFor(s.now.step, virtualSize(s.lone(m).unsigned(0)))
	op := fmt.Sprintf("sweep leg %d, which could leave for %d satoshi", m.spend.Leg, leave)
	budget, fits := m.spend.Fees.Budget.Uint64()
	if fits && budget != 0 && uint64(leave) > budget {
		return &adapters.Error{
			Reason: "SWEEP_TOO_LARGE", Op: op, Advice: "sweep fewer together, or send its own redeem",
			Err: fmt.Errorf("%w: %w of %d satoshi", adapters.ErrNotInSweep, adapters.ErrBudget, budget),
		}
	}
	if least := leave + s.params.dustLimit(s.payout); m.c.amount < least {
		return &adapters.Error{
			Reason: "SWEEP_TOO_LARGE", Op: op, Advice: "sweep fewer together, or send its own redeem",
			Err: fmt.Errorf("%w: %w: it has %d satoshi and needs %d", adapters.ErrNotInSweep, adapters.ErrDust, m.c.amount, least),
		}
	}
	return nil
}

func (s *sweepPlan) build(out *wire.TxOut) joint {
	points, spent := make([]wire.OutPoint, len(s.members)), make([]*wire.TxOut, len(s.members))
	for i, m := range s.members {
		points[i], spent[i] = m.point, wire.NewTxOut(m.c.amount, m.c.script)
	}
	return newJoint(points, spent, []*wire.TxOut{out})
}

// same reports whether a stored transaction spends exactly the members.
func (s *sweepPlan) same(last *storedSweep) bool {
	if len(last.spends) != len(s.members) {
		return false
	}
	for _, m := range s.members {
		if !last.spends[m.point] {
			return false
		}
	}
	return true
}

// serves: the stored one spends the same, and the market has not risen by what
// a replacement costs.
func (s *sweepPlan) serves(tx *adapters.Tx) bool {
	last := stored(tx)
	return last != nil && s.same(last) && s.fee < last.fee+feeFor(s.now.step, last.size)
}

// storedSweep is what matters of the last one.
type storedSweep struct {
	fee    int64
	size   uint64
	payout []byte
	spends map[wire.OutPoint]bool
}

// stored reads a stored sweep; nil where there is none.
func stored(tx *adapters.Tx) *storedSweep {
	if tx == nil {
		return nil
	}
	raw, err := decodeTx(tx.Raw)
	fee, fits := tx.Fee.Uint64()
	if err != nil || len(raw.TxOut) != 1 || !fits || fee > math.MaxInt64 {
		return nil
	}
	out := &storedSweep{fee: int64(fee), payout: raw.TxOut[0].PkScript, size: virtualSize(raw), spends: make(map[wire.OutPoint]bool)}
	for _, in := range raw.TxIn {
		out.spends[in.PreviousOutPoint] = true
	}
	return out
}

// ofMember says which member of a sweep an error is about.
func ofMember(i int, err error) error {
	var e *adapters.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("member %d of the sweep: %w", i, err)
	}
	named := *e
	named.Meta = maps.Clone(e.Meta)
	if named.Meta == nil {
		named.Meta = make(map[string]string)
	}
	named.Meta[adapters.MetaMember] = strconv.Itoa(i)
	return &named
}
