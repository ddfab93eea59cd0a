//go:build e2e

package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/internal/wallet"
	"github.com/kofo-network/kofo/monitor/killpoint"
)

// TestSafety_C9_RestartKeepsNonces: the chain's node loses a withdrawal, and
// the party's node is killed. What it sends after its start neither takes the
// withdrawal's nonce nor waits for it: both are mined, and no nonce is left
// out.
func TestSafety_C9_RestartKeepsNonces(t *testing.T) {
	t.Parallel()
	eachStorage(t, func(ctx context.Context, t *testing.T, where storage) {
		p := newPair(ctx, t, where)
		endpoint := p.participant.behindRelay(ctx, ethereumChain)
		var to common.Address
		_, err := rand.Read(to[:])
		must(t, err)
		paid := big.NewInt(1e17)
		endpoint.lose("eth_sendRawTransaction")
		_, err = p.participant.client.Wallet.Withdraw(ctx, &sdk.WithdrawRequest{
			Amount: &sdk.AssetAmount{Asset: eth, Amount: paid.String()}, To: to.Hex(),
		})
		must(t, err)
		p.participant.kill()
		if endpoint.losses() == 0 {
			t.Fatal("nothing was lost")
		}
		endpoint.lose("")
		p.participant.start(ctx)

		id := p.agree(ctx)
		p.participant.ends(ctx, id, sdk.OutcomeSwapped)
		s := p.initiator.ends(ctx, id, sdk.OutcomeSwapped)
		p.usedOnce(ctx, s, 0, 1)
		p.usedOnce(ctx, s, 1, 1)
		have, err := nodes.chains.ethereum.balance(ctx, to)
		must(t, err)
		if have.Cmp(paid) != 0 {
			t.Errorf("%s of the withdrawal arrived, not %s", have, paid)
		}
		p.nonces(ctx, p.participant, 2) // the withdrawal and the funding
	})
}

// nonces checks how many a party's account has used, and that none waits.
func (p pair) nonces(ctx context.Context, who *party, want uint64) {
	p.t.Helper()
	for _, at := range []string{"latest", "pending"} {
		var count hexutil.Uint64
		must(p.t, who.chains.ethereum.rpc.CallContext(ctx, &count, "eth_getTransactionCount", who.account, at))
		if uint64(count) != want {
			p.t.Errorf("the %s has used %d nonces (%s), wanted are %d", who.name, count, at, want)
		}
	}
}

// TestSafety_C9_SecondProcess: something else works with a party's account in
// the middle of a swap.
func TestSafety_C9_SecondProcess(t *testing.T) {
	t.Parallel()
	t.Run("same-folder", func(t *testing.T) {
		t.Parallel()
		ctx := swapContext(t)
		p := newPair(ctx, t, embedded)
		id := p.agree(ctx)
		for _, side := range []*party{p.initiator, p.participant} {
			second := *side
			second.set.takePorts(t)
			second.refuses(ctx, "ALREADY_RUNNING", exitRefused)
		}
		p.swapped(ctx, id)
	})
	// On another machine nothing keeps it from starting: then it alone goes on.
	t.Run("same-database", func(t *testing.T) {
		t.Parallel()
		ctx := swapContext(t)
		p := newPair(ctx, t, production)
		id := p.agree(ctx)
		first := p.participant
		p.participant = first.elsewhere()
		p.participant.start(ctx)
		code, err := first.process.ended(ctx)
		must(t, err)
		// Its next write finds that the store has a new owner, or before that a
		// swap which the other has moved.
		said := first.log()
		if !strings.Contains(said, store.ErrTakenOver.Error()) && !strings.Contains(said, store.ErrConflict.Error()) || code == 0 {
			t.Errorf("the first process ended with %d and does not say why", code)
		}
		p.swapped(ctx, id)
	})
	// Another program with the same key takes the nonce of a transaction that
	// is signed and stored, and not yet sent: it is signed anew, once.
	for name, c := range map[string]struct {
		initiator bool
		point     string
	}{
		"nonce-of-the-funding": {false, killpoint.FundReleased},
		"nonce-of-the-redeem":  {true, killpoint.RedeemReleased},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := swapContext(t)
			p := newPair(ctx, t, production)
			victim := p.participant
			if c.initiator {
				victim = p.initiator
			}
			victim.restart(ctx, "KOFO_KILL_AT="+c.point)
			id := p.agree(ctx)
			must(t, victim.process.killed(ctx))
			victim.forget()
			must(t, victim.takeNonce(ctx))
			victim.start(ctx)
			p.swapped(ctx, id)
			p.nonces(ctx, victim, 2)
		})
	}
}

// takeNonce uses up the next nonce of the party's account.
func (p *party) takeNonce(ctx context.Context) error {
	account, err := p.keys().EVMAccount(0)
	if err != nil {
		return err
	}
	on := p.chains.ethereum
	var nonce hexutil.Uint64
	if err := on.rpc.CallContext(ctx, &nonce, "eth_getTransactionCount", p.account, "latest"); err != nil {
		return err
	}
	signer := types.LatestSignerForChainID(big.NewInt(ethereumID))
	tx := types.NewTx(&types.DynamicFeeTx{
		ChainID: big.NewInt(ethereumID), Nonce: uint64(nonce), Gas: 21_000, GasTipCap: big.NewInt(1e9), GasFeeCap: big.NewInt(2e10),
		To: &p.account, Value: big.NewInt(1),
	})
	signature, err := account.SignHash(signer.Hash(tx))
	if err != nil {
		return err
	}
	if tx, err = tx.WithSignature(signer, signature); err != nil {
		return err
	}
	raw, err := tx.MarshalBinary()
	if err != nil {
		return err
	}
	if err := on.rpc.CallContext(ctx, nil, "eth_sendRawTransaction", hexutil.Bytes(raw)); err != nil {
		return err
	}
	return eventually(ctx, "the nonce is taken", func() error {
		var now hexutil.Uint64
		err := on.rpc.CallContext(ctx, &now, "eth_getTransactionCount", p.account, "latest")
		if err == nil && now <= nonce {
			err = fmt.Errorf("%d are used", now)
		}
		return err
	})
}

// elsewhere is the party on another machine: with its seed and database, and
// nothing else.
func (p *party) elsewhere() *party {
	p.t.Helper()
	dir, err := os.MkdirTemp(nodes.dir, filepath.Base(p.dir))
	must(p.t, err)
	for _, file := range []string{"seed.key", wallet.SeedFileName} {
		copyFile(p.t, filepath.Join(p.dir, file), filepath.Join(dir, file))
	}
	other := *p
	other.dir, other.set.Dir, other.client, other.process = dir, dir, nil, nil
	other.set.takePorts(p.t)
	p.t.Cleanup(other.close)
	return &other
}
