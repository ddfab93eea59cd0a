package evm

import (
	"bytes"
	"context"
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// Signs reads the deployment's logs of one block.
func (a *Adapter) Signs(ctx context.Context, at adapters.BlockRef) (adapters.Signs, error) {
	if err := a.node.verify(ctx); err != nil {
		return adapters.Signs{}, err
	}
	hash := common.Hash(at.Hash)
	logs, err := a.node.eth.FilterLogs(ctx, ethereum.FilterQuery{BlockHash: &hash, Addresses: []common.Address{a.deployment}})
	if err != nil {
		return adapters.Signs{}, unreachable(fmt.Sprintf("read the logs of block %d", at.Height), err)
	}
	var s adapters.Signs
	for i := range logs {
		l := &logs[i]
		if l.Address != a.deployment || l.Removed || len(l.Topics) != 2 {
			continue
		}
		if _, err := htlcCode.UnpackFundedEvent(l); err == nil {
			s.Fundings = append(s.Fundings, l.Topics[1].Hex())
			continue
		}
		event, err := htlcCode.UnpackRedeemedEvent(l)
		if err != nil {
			continue
		}
		if secret, err := htlc.NewSecret(event.Secret[:]); err == nil {
			s.Secrets = append(s.Secrets, secret)
		}
	}
	return s, nil
}

// Errand is what somebody else needs to spend a contract of ours to our address: where it stands, and the
// call. Anybody may redeem and refund, so there is nothing to sign, and whoever sends it pays the gas.
type Errand struct {
	Target string // for Locked: the lane's slot and the id in it
	Call   []byte // a redeem has zeros for the secret
}

// RedeemErrand is the redeem of a leg, without its secret.
func (a *Adapter) RedeemErrand(terms htlc.Terms, leg int) (Errand, error) {
	rec, err := a.record(terms, leg)
	if err != nil {
		return Errand{}, err
	}
	return Errand{a.target(rec), htlcCode.PackRedeem(rec.leg, [32]byte{})}, nil
}

// RefundErrand is the refund of a leg.
func (a *Adapter) RefundErrand(terms htlc.Terms, leg int) (Errand, error) {
	rec, err := a.record(terms, leg)
	if err != nil {
		return Errand{}, err
	}
	return Errand{a.target(rec), htlcCode.PackRefund(rec.leg, rec.hash)}, nil
}

// FundingRef is the id that a block shows of the funding. It follows from the Terms.
func (a *Adapter) FundingRef(terms htlc.Terms, leg int, _ adapters.Tx) (string, error) {
	rec, err := a.record(terms, leg)
	if err != nil {
		return "", err
	}
	return rec.id(a.domain).Hex(), nil
}

// EntrustRefund is the refund of a leg for a tower, which pays the fee. Everything follows from the Terms, so
// the funding need not be signed yet.
func (a *Adapter) EntrustRefund(_ context.Context, terms htlc.Terms, leg int, _ string, _ htlc.Amount) (adapters.Entrusted, error) {
	e, err := a.RefundErrand(terms, leg)
	return a.entrusted(terms, leg, e, err)
}

// EntrustRedeem is the redeem of a leg for a tower, without its secret.
func (a *Adapter) EntrustRedeem(_ context.Context, terms htlc.Terms, leg int, _ string, _ htlc.Amount) (adapters.Entrusted, error) {
	e, err := a.RedeemErrand(terms, leg)
	return a.entrusted(terms, leg, e, err)
}

func (a *Adapter) entrusted(terms htlc.Terms, leg int, e Errand, err error) (adapters.Entrusted, error) {
	if err != nil {
		return adapters.Entrusted{}, err
	}
	id, err := a.FundingRef(terms, leg, adapters.Tx{})
	if err != nil {
		return adapters.Entrusted{}, err
	}
	return adapters.Entrusted{Target: e.Target, Funding: id, Call: e.Call}, nil
}

func (a *Adapter) target(rec record) string {
	return rec.slotKey().Hex() + ":" + rec.id(a.domain).Hex()
}

// Locked reads whether the lane's slot holds the contract.
func (a *Adapter) Locked(ctx context.Context, target string) (bool, error) {
	key, id, ok := strings.Cut(target, ":")
	if !ok || !isWord(key) || !isWord(id) {
		return false, mismatch("read a contract", "%.140q names no lane and id", target)
	}
	if err := a.node.verify(ctx); err != nil {
		return false, err
	}
	raw, err := a.node.eth.StorageAt(ctx, a.deployment, common.HexToHash(key), nil)
	if err != nil {
		return false, unreachable("read a lane", err)
	}
	return common.BytesToHash(raw) == common.HexToHash(id), nil
}

func isWord(text string) bool {
	return len(text) == 2+2*common.HashLength && strings.HasPrefix(text, "0x") &&
		strings.Trim(text[2:], "0123456789abcdef") == ""
}

// Relay signs an errand of somebody else, paid by our account. It does nothing but redeem or refund the
// target's own contract, whatever the call says.
func (a *Adapter) Relay(ctx context.Context, e Errand, secret htlc.Secret, fees adapters.FeePolicy, replace *adapters.Tx) (adapters.Tx, error) {
	data, rec, err := a.errand(e, secret)
	if err != nil {
		return adapters.Tx{}, err
	}
	if err := a.node.verify(ctx); err != nil {
		return adapters.Tx{}, err
	}
	if err := a.mustBeOpen(ctx, rec, "relay a spend of"); err != nil {
		return adapters.Tx{}, err
	}
	if replace == nil { // it may have been sent before a restart
		if replace, err = a.relayed(ctx, data); err != nil {
			return adapters.Tx{}, err
		}
	}
	msg := ethereum.CallMsg{From: a.account.Address(), To: &a.deployment, Data: data}
	units, err := a.node.eth.EstimateGas(ctx, msg)
	if err != nil {
		return adapters.Tx{}, &adapters.Error{
			Reason: "TX_REFUSED", Op: "relay a spend of " + e.Target, Retryable: true, Err: fmt.Errorf("%w: %w", adapters.ErrRejected, err),
		}
	}
	return a.spend(ctx, a.call(data, headroom(units)), adapters.Spend{Fees: fees, Replace: replace}, new(big.Int))
}

// errand completes the call and makes sure that it spends the target and nothing else.
func (a *Adapter) errand(e Errand, secret htlc.Secret) ([]byte, record, error) {
	const op = "read an errand"
	data := e.Call
	members := a.calls.decode(common.Address{}, new(big.Int), data)
	if len(members) != 1 {
		return nil, record{}, mismatch(op, "it is no call of the deployment for one contract")
	}
	if members[0].kind == adapters.Redeemed {
		raw := secret.Reveal()
		data = append(append([]byte(nil), data[:len(data)-len(raw)]...), raw[:]...)
		members = a.calls.decode(common.Address{}, new(big.Int), data)
	}
	if len(members) != 1 || members[0].kind != adapters.Redeemed && members[0].kind != adapters.Refunded {
		return nil, record{}, mismatch(op, "it neither redeems nor refunds")
	}
	rec := members[0].record
	if a.target(rec) != e.Target {
		return nil, record{}, mismatch(op, "it does not spend %.140q", e.Target)
	}
	return data, rec, nil
}

// relayed finds what this account has announced for the same call and no block has yet: a second one
// would only cost gas.
func (a *Adapter) relayed(ctx context.Context, data []byte) (*adapters.Tx, error) {
	a.signing.Lock()
	defer a.signing.Unlock()
	l, err := a.line(ctx)
	if err != nil {
		return nil, err
	}
	for _, tx := range l.owned {
		parsed, err := a.parse(tx)
		if err == nil && parsed.To() != nil && *parsed.To() == a.deployment && bytes.Equal(parsed.Data(), data) {
			return &tx, nil
		}
	}
	return nil, nil
}
