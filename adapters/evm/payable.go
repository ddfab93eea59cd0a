package evm

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient/gethclient"

	"github.com/kofo-network/kofo/adapters"
)

// mustBePayable holds a redeem back that was in a block, failed there and would fail again: while the issuer of
// a token blocks the payee, each try would burn its fee. The first try is never held back, whatever a node says
// of it, and a node that does not tell of the failure, or cannot rehearse, holds nothing back either. The
// rehearsal is made with the dummy secret.
func (a *Adapter) mustBePayable(ctx context.Context, rec record, spend adapters.Spend) error {
	if spend.Replace == nil || !a.failed(ctx, *spend.Replace) {
		return nil
	}
	run := a.rehearse(rec)
	_, err := gethclient.New(a.node.rpc).CallContract(ctx, run.msg, nil, &run.state)
	if err == nil || !reverted(err) {
		return nil
	}
	return &adapters.Error{
		Reason: "PAYOUT_BLOCKED", Op: fmt.Sprintf("redeem leg %d for %s: %s", spend.Leg, rec.leg.Payee, revertReason(err)), Retryable: true,
		Advice: "one try has failed; the asset is paused, or an account is blocked; it is asked for again with every block",
		Err:    fmt.Errorf("%w: %w", adapters.ErrUnpayable, err),
	}
}

// failed reports whether a stored spend, or what took its nonce to do the same for more, is in a block and was
// reverted there.
func (a *Adapter) failed(ctx context.Context, old adapters.Tx) bool {
	ids := []string{old.ID}
	owners, err := a.journal.Announced(ctx, a.config.Chain, a.accountName(), old.Nonce)
	if err == nil && len(owners) > 0 && owners[0].Nonce == old.Nonce && owners[0].ID != old.ID && a.twins(old, owners[0]) {
		ids = append(ids, owners[0].ID)
	}
	for _, id := range ids {
		receipt, err := a.node.receipt(ctx, common.HexToHash(id))
		if err == nil && receipt.Status == types.ReceiptStatusFailed {
			return true
		}
	}
	return false
}

// twins are two signings of one act.
func (a *Adapter) twins(x, y adapters.Tx) bool {
	one, err := a.parse(x)
	if err != nil {
		return false
	}
	other, err := a.parse(y)
	return err == nil && sameAct(one, other)
}
