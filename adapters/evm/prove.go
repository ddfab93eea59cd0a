package evm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/ethclient/gethclient"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// dummySecret stands for the real one in every question to a node. It is public and opens nothing.
var dummySecret = sha256.Sum256([]byte("kofo dummy secret: opens nothing"))

// rehearsal is a redeem with the dummy secret, and the state in which it would run: the same record, with
// the dummy's hash, open on the leg's lane.
type rehearsal struct {
	msg   ethereum.CallMsg
	state map[common.Address]gethclient.OverrideAccount
}

func (a *Adapter) rehearse(rec record) rehearsal {
	dummy := rec
	dummy.hash = sha256.Sum256(dummySecret[:])
	return rehearsal{
		msg: ethereum.CallMsg{From: rec.leg.Payee, To: &a.deployment, Data: htlcCode.PackRedeem(rec.leg, dummySecret)},
		state: map[common.Address]gethclient.OverrideAccount{
			a.deployment: {StateDiff: map[common.Hash]common.Hash{rec.slotKey(): dummy.id(a.domain)}},
		},
	}
}

// SimulateRedeem runs the redeem of the leg with the dummy secret at the tip. Before the leg is funded the
// deployment is given the coins too; once it is, exactly this contract has to be open, because the rehearsal
// itself would open any.
func (a *Adapter) SimulateRedeem(ctx context.Context, terms htlc.Terms, leg int, ref string) error {
	rec, err := a.record(terms, leg)
	if err != nil {
		return err
	}
	if err := a.node.verify(ctx); err != nil {
		return err
	}
	run := a.rehearse(rec)
	if ref == "" {
		if err := a.endow(ctx, rec, run); err != nil {
			return err
		}
	} else if err := a.mustBeOpen(ctx, rec, "simulate the redeem of"); err != nil {
		return err
	}
	_, err = gethclient.New(a.node.rpc).CallContract(ctx, run.msg, nil, &run.state)
	if err == nil {
		return nil
	}
	if !answered(err) {
		return unreachable("simulate the redeem", err)
	}
	return &adapters.Error{
		Reason: "REDEEM_SIMULATION_FAILED", Op: fmt.Sprintf("simulate the redeem of leg %d for %s: %s", leg, rec.leg.Payee, revertReason(err)),
		Advice: "the payee could not be paid now", Retryable: true, Err: fmt.Errorf("%w: %w", adapters.ErrRejected, err),
	}
}

// revertReason names the deployment's error, if it is one.
func revertReason(err error) string {
	var data rpc.DataError
	if !errors.As(err, &data) {
		return "no reason"
	}
	text, _ := data.ErrorData().(string)
	raw, err := hexutil.Decode(text)
	if err != nil || len(raw) < 4 {
		return "no reason"
	}
	if decoded, err := htlcCode.UnpackError(raw); err == nil {
		return fmt.Sprintf("%T", decoded)
	}
	return hexutil.Encode(raw[:4])
}

// endow adds the leg's amount to the deployment's balance in the rehearsal.
func (a *Adapter) endow(ctx context.Context, rec record, run rehearsal) error {
	account := run.state[a.deployment]
	if rec.native() {
		balance, err := a.node.eth.BalanceAt(ctx, a.deployment, nil)
		if err != nil {
			return unreachable("read the deployment's balance", err)
		}
		account.Balance = balance.Add(balance, rec.leg.Amount)
		run.state[a.deployment] = account
		return nil
	}
	held, err := a.tokenView(ctx, rec.leg.Token, "balanceOf", a.deployment)
	if err != nil {
		return err
	}
	if held.Cmp(rec.leg.Amount) >= 0 {
		return nil
	}
	key, err := a.balanceKey(ctx, rec)
	if err != nil {
		return err
	}
	run.state[rec.leg.Token] = gethclient.OverrideAccount{
		StateDiff: map[common.Hash]common.Hash{key: common.BigToHash(rec.leg.Amount)},
	}
	return nil
}

// balanceKey finds where the token stores the deployment's balance: of the words that balanceOf reads, the
// one that changes its answer.
func (a *Adapter) balanceKey(ctx context.Context, rec record) (common.Hash, error) {
	client, token := gethclient.New(a.node.rpc), rec.leg.Token
	data, err := tokenABI.Pack("balanceOf", a.deployment)
	if err != nil {
		return common.Hash{}, fmt.Errorf("encode balanceOf: %w", err)
	}
	// From us: geth wants the sender to have the price of the gas, here too.
	msg := ethereum.CallMsg{From: a.account.Address(), To: &token, Data: data}
	list, _, _, err := client.CreateAccessList(ctx, msg)
	if err != nil {
		return common.Hash{}, unreachable("ask what balanceOf reads", err)
	}
	want := common.BigToHash(rec.leg.Amount)
	for _, entry := range *list {
		if entry.Address != token {
			continue
		}
		for _, key := range entry.StorageKeys {
			state := map[common.Address]gethclient.OverrideAccount{token: {StateDiff: map[common.Hash]common.Hash{key: want}}}
			if raw, err := client.CallContract(ctx, msg, nil, &state); err == nil && common.BytesToHash(raw) == want {
				return key, nil
			}
		}
	}
	return common.Hash{}, &adapters.Error{
		Reason: "SIMULATION_UNSUPPORTED", Op: fmt.Sprintf("find the balances of token %s", token),
		Advice: "a token with such storage can be checked only when it is locked", Err: adapters.ErrUnknownAsset,
	}
}

// estimateRedeem is the gas of the redeem by our account, learned with the dummy secret.
func (a *Adapter) estimateRedeem(ctx context.Context, rec record) uint64 {
	run := a.rehearse(rec)
	arg := map[string]any{"from": a.account.Address(), "to": a.deployment, "input": hexutil.Bytes(run.msg.Data)}
	var units hexutil.Uint64
	if err := a.node.rpc.CallContext(ctx, &units, "eth_estimateGas", arg, "latest", run.state); err != nil {
		a.log.Debug("gas of a redeem is not estimated", "error", err)
		return costsOf(rec.leg.Token).redeem.limit
	}
	return headroom(uint64(units))
}

// Funded reads the chain's state at a block: whether the deployment is genuine there and exactly this
// contract is open. Nodes answer for blocks that left the chain as well, and those prove nothing.
func (a *Adapter) Funded(ctx context.Context, terms htlc.Terms, leg int, _ string, at adapters.BlockRef) (bool, error) {
	rec, err := a.record(terms, leg)
	if err != nil {
		return false, err
	}
	if err := a.node.verify(ctx); err != nil {
		return false, err
	}
	hash := common.Hash(at.Hash)
	here, err := a.node.header(ctx, at.Height)
	if err != nil {
		return false, unreachable("read the block", err)
	}
	if here == nil || here.Hash() != hash {
		return false, &adapters.Error{
			Reason: "UNKNOWN_CURSOR", Op: fmt.Sprintf("read the state at block %d %s", at.Height, hash), Retryable: true,
			Advice: "the block left the chain, or the node is behind", Err: adapters.ErrUnknownCursor,
		}
	}
	if err := a.checkCode(ctx, &hash); err != nil {
		return false, err
	}
	word, err := a.node.wordAt(ctx, a.deployment, rec.slotKey(), here)
	if err != nil {
		return false, unreachable(fmt.Sprintf("read lane %d at block %d", rec.leg.Lane, at.Height), err)
	}
	return word.Cmp(rec.id(a.domain).Big()) == 0, nil
}

// CheckMeans is nil where our account can pay for its part of the leg at stress fees.
func (a *Adapter) CheckMeans(ctx context.Context, owner string, terms htlc.Terms, leg int, payer bool) error {
	if leg < 0 || leg >= len(terms.Legs) {
		return mismatch("check the means", "the terms have no leg %d", leg)
	}
	// Asked before the other party has chosen its half: the contract cannot be computed yet.
	amount := terms.Legs[leg].Amount
	token, err := a.token(terms.Legs[leg].Asset)
	if err != nil {
		return err
	}
	if err := a.node.verify(ctx); err != nil {
		return err
	}
	v, err := a.look(ctx, 0)
	if err != nil {
		return err
	}
	if payer {
		return a.checkMeans(ctx, v, owner, token, amount.Big(), a.heldFees(token))
	}
	// What is kept for this redeem pays for it. What the same swap holds back on this chain for its own
	// funding does not.
	v.redeems = slices.DeleteFunc(v.redeems, func(r RedeemReservation) bool { return r.Owner == owner && r.Leg == leg })
	return a.checkMeans(ctx, v, "", common.Address{}, new(big.Int), a.stressRedeem(token))
}

// checkMeans compares balances, less what others hold, with an amount of the asset and fees in the native
// coin.
func (a *Adapter) checkMeans(ctx context.Context, v view, owner string, token common.Address, amount, fees *big.Int) error {
	need := map[common.Address]*big.Int{{}: new(big.Int).Set(fees)}
	if token == (common.Address{}) {
		need[token].Add(need[token], amount)
	} else {
		need[token] = amount
	}
	for coin, wanted := range need {
		balance, err := a.balanceOf(ctx, coin)
		if err != nil {
			return err
		}
		asset := a.assetOf(coin)
		have := new(big.Int).Sub(balance, a.held(v, asset, owner))
		if have.Cmp(wanted) < 0 && balance.Cmp(wanted) >= 0 {
			return heldByOthers(asset, maxOf(have, new(big.Int)), wanted)
		}
		if have.Cmp(wanted) < 0 {
			return insufficient("set the amount and its fees aside", asset, maxOf(have, new(big.Int)), wanted)
		}
	}
	return nil
}

// mustPay runs a call of the deployment at the tip. Sent while the token is paused or an account blocked, it would
// only burn its fee, with every block anew. A node that fails otherwise than by a revert proves nothing.
func (a *Adapter) mustPay(ctx context.Context, data []byte, op string) error {
	_, err := a.node.eth.CallContract(ctx, ethereum.CallMsg{From: a.account.Address(), To: &a.deployment, Data: data}, nil)
	if err == nil || !reverted(err) {
		return nil
	}
	return &adapters.Error{
		Reason: "PAYOUT_BLOCKED", Op: fmt.Sprintf("%s: %s", op, revertReason(err)), Retryable: true,
		Advice: "the asset is paused, or an account is blocked; it is tried again with every block", Err: fmt.Errorf("%w: %w", adapters.ErrUnpayable, err),
	}
}

// codeReverted is how nodes say that a call was reverted.
const codeReverted = 3

func reverted(err error) bool {
	var no rpc.Error
	return errors.As(err, &no) && (no.ErrorCode() == codeReverted || strings.Contains(no.Error(), "execution reverted"))
}
