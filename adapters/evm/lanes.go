package evm

import (
	"context"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// LaneReservation keeps a lane, an amount and fees for one leg that our account pays.
//
//	reserved -> announced (a funding that names the lane was handed to a node) -> closed and buried
//	    |            |
//	 released     released: kept until the funding can no longer come
type LaneReservation struct {
	Chain          htlc.ChainID
	Account        string
	Lane, Sequence uint64
	Owner          string
	Leg            int
	Asset          htlc.AssetID
	Amount, Fees   htlc.Amount
	// Announced and FundNonce: a funding with this nonce of the account was handed to a node, or one with a
	// nonce that was forgotten.
	Announced bool
	FundNonce uint64
	// Released: the owner is done with it.
	Released bool
	// NotAfter is the chain's time after which no funding of the lane may come any more: the fund-by time
	// of its terms, or 1 once its fundings are abandoned. Zero: not known.
	NotAfter int64
}

// Lanes stores reservations. (Chain, Account, Lane) is unique. Calls are durable when they return. Setting a
// redeem's fee to zero removes it.
type Lanes interface {
	Lanes(ctx context.Context, chain htlc.ChainID, account string) ([]LaneReservation, error)
	PutLane(ctx context.Context, r LaneReservation) error
	DeleteLane(ctx context.Context, chain htlc.ChainID, account string, lane uint64) error
	RedeemFees(ctx context.Context, chain htlc.ChainID, account string) ([]RedeemReservation, error)
	SetRedeemFee(ctx context.Context, r RedeemReservation) error
}

// view is the chain's state that decisions on lanes need: now, and at the depth that counts as final.
type view struct {
	now, buried      map[uint64]*big.Int // lane -> slot
	buriedNonce      uint64
	reserved         []LaneReservation
	redeems          []RedeemReservation
	hashNow, hashOld common.Hash
	paying           map[common.Address]*big.Int // by coin, what payments that wait for a block will take
	usable           uint64                      // lanes from 0 that reservations may be given
}

func (a *Adapter) stored(ctx context.Context) ([]LaneReservation, error) {
	all, err := a.lanes.Lanes(ctx, a.config.Chain, a.accountName())
	if err != nil {
		return nil, fmt.Errorf("read the reserved lanes: %w", err)
	}
	return all, nil
}

// reservation of an owner's leg, nil if none.
func (a *Adapter) reservation(ctx context.Context, owner string, leg int) (*LaneReservation, error) {
	all, err := a.stored(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Owner == owner && all[i].Leg == leg && !all[i].Released {
			return &all[i], nil
		}
	}
	return nil, nil
}

// look reads so many lanes from 0, and one more for each that may never be free again, and all reserved
// ones, at two block hashes.
func (a *Adapter) look(ctx context.Context, extra uint64) (view, error) {
	v := view{now: map[uint64]*big.Int{}, buried: map[uint64]*big.Int{}}
	var err error
	if v.reserved, err = a.stored(ctx); err != nil {
		return v, err
	}
	if v.redeems, err = a.redeems(ctx); err != nil {
		return v, err
	}
	head, err := a.node.eth.HeaderByNumber(ctx, nil)
	if err != nil {
		return v, unreachable("read the tip", err)
	}
	old := head
	if height := head.Number.Uint64(); a.config.Bury > 1 {
		old, err = a.node.header(ctx, height-min(height, a.config.Bury-1))
		if err != nil || old == nil {
			return v, unreachable("read the buried block", err)
		}
	}
	v.hashNow, v.hashOld = head.Hash(), old.Hash()
	var lanes []uint64
	var keys []common.Hash
	add := func(lane uint64) {
		if _, ok := v.now[lane]; !ok {
			v.now[lane] = nil
			lanes, keys = append(lanes, lane), append(keys, slotKey(a.account.Address(), lane))
		}
	}
	v.usable = extra
	for _, r := range v.reserved {
		if extra > 0 && r.Released && r.forgotten() {
			v.usable++
		}
	}
	for lane := range v.usable {
		add(lane)
	}
	for _, r := range v.reserved {
		add(r.Lane)
	}
	now, err := a.node.words(ctx, a.deployment, keys, v.hashNow)
	if err != nil {
		return v, unreachable("read the lanes", err)
	}
	buried, err := a.node.words(ctx, a.deployment, keys, v.hashOld)
	if err != nil {
		return v, unreachable("read the buried lanes", err)
	}
	for i, lane := range lanes {
		v.now[lane], v.buried[lane] = now[i], buried[i]
	}
	if v.buriedNonce, err = a.node.eth.NonceAtHash(ctx, a.account.Address(), v.hashOld); err != nil {
		return v, unreachable("read the buried nonce", err)
	}
	v.paying, err = a.paying(ctx, v.hashNow)
	return v, err
}

// over reports whether a reservation can never again lock anything nor holds anything.
func (v view) over(r LaneReservation) bool {
	slot, sequence := v.buried[r.Lane], new(big.Int).SetUint64(r.Sequence)
	switch {
	case !r.Announced:
		return true
	case slot.Bit(openBit) == 1:
		return false
	case slot.Cmp(sequence) > 0:
		return true
	}
	return v.buriedNonce > r.FundNonce
}

// holds is what a reservation keeps back: the amount while nothing is locked, the fees until it is closed.
func (v view) holds(r LaneReservation) (amount, fees *big.Int) {
	slot := v.now[r.Lane]
	switch {
	case slot.Bit(openBit) == 1:
		return new(big.Int), r.Fees.Big()
	case slot.Cmp(new(big.Int).SetUint64(r.Sequence)) > 0:
		return new(big.Int), new(big.Int)
	}
	return r.Amount.Big(), r.Fees.Big()
}

// held sums what everybody but owner keeps back of an asset, what payments that wait will take, and all that
// is kept for redeems, the owner's too: its funding must not take that.
func (a *Adapter) held(v view, asset htlc.AssetID, owner string) *big.Int {
	sum := new(big.Int)
	for coin, amount := range v.paying {
		if a.assetOf(coin) == asset {
			sum.Add(sum, amount)
		}
	}
	for _, r := range v.reserved {
		// A forgotten funding that its owner has released is not waited for with coins, which would be for ever.
		if r.Owner == owner && !r.Released || r.Released && (v.over(r) || r.forgotten()) {
			continue
		}
		amount, fees := v.holds(r)
		if r.Asset == asset {
			sum.Add(sum, amount)
		}
		if asset == a.native {
			sum.Add(sum, fees)
		}
	}
	if asset == a.native {
		for _, r := range v.redeems {
			sum.Add(sum, r.Fee.Big())
		}
	}
	return sum
}

// Reserve gives the leg a lane that is free for good, and keeps amount and fees back. Asking again for the
// same owner and leg gives the same answer.
func (a *Adapter) Reserve(ctx context.Context, r adapters.Reservation) (adapters.PayerPart, error) {
	token, err := a.token(r.Asset)
	if err != nil {
		return adapters.PayerPart{}, err
	}
	if err := a.node.verify(ctx); err != nil {
		return adapters.PayerPart{}, err
	}
	if err := a.checkAmount(token, r.Amount); err != nil {
		return adapters.PayerPart{}, err
	}
	a.signing.Lock()
	defer a.signing.Unlock()
	v, err := a.look(ctx, a.config.Lanes)
	if err != nil {
		return adapters.PayerPart{}, err
	}
	if v.reserved, err = a.reap(ctx, v); err != nil {
		return adapters.PayerPart{}, err
	}
	for _, old := range v.reserved {
		if old.Owner != r.Owner || old.Leg != r.Leg || old.Released {
			continue
		}
		if old.Asset != r.Asset || old.Amount != r.Amount {
			return adapters.PayerPart{}, &adapters.Error{
				Reason: "ALREADY_RESERVED", Op: fmt.Sprintf("reserve %s of %s for %s", r.Amount, r.Asset, r.Owner),
				Advice: fmt.Sprintf("it holds %s of %s", old.Amount, old.Asset), Err: adapters.ErrReserved,
			}
		}
		return a.part(old), nil
	}
	made, err := a.place(ctx, v, r, token)
	if err != nil {
		return adapters.PayerPart{}, err
	}
	if err := a.lanes.PutLane(ctx, made); err != nil {
		return adapters.PayerPart{}, fmt.Errorf("store the reservation of lane %d: %w", made.Lane, err)
	}
	return a.part(made), nil
}

// place chooses the lane and checks the means.
func (a *Adapter) place(ctx context.Context, v view, r adapters.Reservation, token common.Address) (LaneReservation, error) {
	made := LaneReservation{
		Chain: a.config.Chain, Account: a.accountName(), Owner: r.Owner, Leg: r.Leg, Asset: r.Asset, Amount: r.Amount,
	}
	fees, err := htlc.AmountFromBig(a.heldFees(token))
	if err != nil {
		return made, fmt.Errorf("price the fees: %w", err)
	}
	made.Fees = fees
	if err := a.checkMeans(ctx, v, r.Owner, token, r.Amount.Big(), fees.Big()); err != nil {
		return made, err
	}
	lane, ok := v.free()
	if !ok {
		return made, &adapters.Error{
			Reason: "NO_FREE_LANE", Op: fmt.Sprintf("reserve one of %d lanes", a.config.Lanes), Retryable: true,
			Advice: "wait until a swap has closed and is buried, or configure more lanes", Err: adapters.ErrReserved,
		}
	}
	made.Lane, made.Sequence = lane, v.now[lane].Uint64()
	return made, nil
}

// free is the lane to take: used before (cheaper to lock), not reserved, and free at both blocks.
func (v view) free() (uint64, bool) {
	taken := map[uint64]bool{}
	for _, r := range v.reserved {
		taken[r.Lane] = true
	}
	fresh, found := uint64(0), false
	for lane := range v.usable {
		slot := v.now[lane]
		if taken[lane] || slot.Bit(openBit) == 1 || slot.Cmp(v.buried[lane]) != 0 || !slot.IsUint64() {
			continue
		}
		if slot.Sign() > 0 {
			return lane, true
		}
		if !found {
			fresh, found = lane, true
		}
	}
	return fresh, found
}

// reap deletes released reservations that are over.
func (a *Adapter) reap(ctx context.Context, v view) ([]LaneReservation, error) {
	var kept []LaneReservation
	for _, r := range v.reserved {
		if !r.Released || !v.over(r) {
			kept = append(kept, r)
			continue
		}
		if err := a.lanes.DeleteLane(ctx, r.Chain, r.Account, r.Lane); err != nil {
			return nil, fmt.Errorf("free lane %d: %w", r.Lane, err)
		}
	}
	return kept, nil
}

func (a *Adapter) part(r LaneReservation) adapters.PayerPart {
	return adapters.PayerPart{
		Key: a.account.Address().Bytes(), Deployment: a.deployment.Bytes(), Lane: r.Lane, Sequence: r.Sequence,
	}
}

// heldFees are kept back for lock and refund, at stress fees.
func (a *Adapter) heldFees(token common.Address) *big.Int {
	c := costsOf(token)
	return times(headroom(c.fund.expected+c.refund.expected), a.config.StressFee)
}

// PayeeKey is the address that a leg of the asset pays.
func (a *Adapter) PayeeKey(_ context.Context, asset htlc.AssetID, _ htlc.Salt, _ int) ([]byte, error) {
	if _, err := a.token(asset); err != nil {
		return nil, err
	}
	return a.account.Address().Bytes(), nil
}

// Release gives back what owner holds. A lane whose funding may still come stays taken until it cannot.
func (a *Adapter) Release(ctx context.Context, owner string) error {
	a.signing.Lock()
	defer a.signing.Unlock()
	all, err := a.stored(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.Owner != owner || r.Released {
			continue
		}
		if r.Announced {
			r.Released = true
			err = a.lanes.PutLane(ctx, r)
		} else {
			err = a.lanes.DeleteLane(ctx, r.Chain, r.Account, r.Lane)
		}
		if err != nil {
			return fmt.Errorf("release lane %d: %w", r.Lane, err)
		}
	}
	return a.releaseRedeems(ctx, owner)
}

// Adopt renames the owner of what from holds.
func (a *Adapter) Adopt(ctx context.Context, from, to string) error {
	a.signing.Lock()
	defer a.signing.Unlock()
	all, err := a.stored(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.Owner != from || r.Released {
			continue
		}
		r.Owner = to
		if err := a.lanes.PutLane(ctx, r); err != nil {
			return fmt.Errorf("rename the owner of lane %d: %w", r.Lane, err)
		}
	}
	return a.adoptRedeems(ctx, from, to)
}

// noteFunding marks the lanes that a transaction would lock, before it is handed to a node.
func (a *Adapter) noteFunding(ctx context.Context, l line, tx *types.Transaction) error {
	for _, rec := range a.fundings(tx) {
		if err := a.noteLane(ctx, l, rec, tx.Nonce()); err != nil {
			return err
		}
	}
	return nil
}

func (a *Adapter) noteLane(ctx context.Context, l line, rec record, nonce uint64) error {
	r := l.lane(rec)
	why := "its reservation was released"
	switch {
	case r == nil || r.Released:
	case l.late(*r):
		why = "its time to fund is over, or it was abandoned"
	case r.Announced && r.FundNonce >= nonce:
		return nil
	default:
		r.Announced, r.FundNonce = true, nonce
		if err := a.lanes.PutLane(ctx, *r); err != nil {
			return fmt.Errorf("mark lane %d: %w", r.Lane, err)
		}
		return nil
	}
	return &adapters.Error{
		Reason: "NOT_RESERVED", Op: fmt.Sprintf("broadcast a funding on lane %d, sequence %d", rec.leg.Lane, rec.leg.Sequence),
		Advice: why, Err: adapters.ErrReserved,
	}
}
