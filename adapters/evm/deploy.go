package evm

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/htlc"
)

// deployPoll is how often Deploy looks for its transactions.
const deployPoll = 50 * time.Millisecond

// deployGas is more than proxy and deployment need, under announced rules too.
const deployGas = 8_000_000

// Deploy puts the deployment at its deterministic address where it is missing, paid by account, and
// returns when its code is there. The node must mine, and must relay transactions without a chain id if the
// deployment proxy is missing too (geth: --rpc.allow-unprotected-txs). It is for development chains and for
// the first user of a chain. made is false where it stood already. Nothing is sent where the node serves
// another chain than the one named: it would be paid there.
func Deploy(ctx context.Context, chain htlc.ChainID, url string, account HashSigner) (at common.Address, made bool, err error) {
	client, err := rpc.DialContext(ctx, url)
	if err != nil {
		return at, false, unreachable("connect to the node", err)
	}
	defer client.Close()
	d := deployer{eth: ethclient.NewClient(client), account: account}
	if d.chainID, err = d.eth.ChainID(ctx); err != nil {
		return at, false, unreachable("ask the chain id", err)
	}
	if got := htlc.ChainID("eip155:" + d.chainID.String()); got != chain {
		return at, false, &adapters.Error{
			Reason: "WRONG_CHAIN", Op: fmt.Sprintf("deploy on %s", chain), Advice: "correct id or url of the chain in the configuration",
			Err: fmt.Errorf("%w: it serves %s", adapters.ErrWrongChain, got),
		}
	}
	at = contracts.Address()
	if there, err := d.has(ctx, at); err != nil || there {
		return at, false, err
	}
	if err := d.proxy(ctx); err != nil {
		return at, false, err
	}
	if err := d.send(ctx, &contracts.Proxy, contracts.DeployData(), new(big.Int), deployGas); err != nil {
		return at, false, err
	}
	there, err := d.has(ctx, at)
	if err == nil && !there {
		err = fmt.Errorf("deploy to %s: %w", at, errNoCode)
	}
	return at, err == nil, err
}

const (
	proxyTries = 10
	proxyPause = 200 * time.Millisecond
)

var errNoCode = errors.New("the transaction was mined and left no code")

type deployer struct {
	eth     *ethclient.Client
	account HashSigner
	chainID *big.Int
}

func (d deployer) has(ctx context.Context, at common.Address) (bool, error) {
	code, err := d.eth.CodeAt(ctx, at, nil)
	if err != nil {
		return false, unreachable("read code", err)
	}
	return len(code) > 0, nil
}

func (d deployer) proxy(ctx context.Context) error {
	if there, err := d.has(ctx, contracts.Proxy); err != nil || there {
		return err
	}
	if err := d.send(ctx, &contracts.ProxyDeployer, nil, contracts.ProxyCost, payGas); err != nil {
		return err
	}
	var tx types.Transaction
	if err := tx.UnmarshalBinary(contracts.ProxyTransaction); err != nil {
		return fmt.Errorf("read the proxy's transaction: %w", err)
	}
	// The node's pool may be a moment behind the block that has paid for it.
	for try := 0; ; try++ {
		err := d.eth.SendTransaction(ctx, &tx)
		if err == nil || known(err) {
			return d.mined(ctx, tx.Hash())
		}
		if try == proxyTries || ctx.Err() != nil {
			return refusal("create the deployment proxy", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(proxyPause):
		}
	}
}

func (d deployer) send(ctx context.Context, to *common.Address, data []byte, value *big.Int, gas uint64) error {
	nonce, err := d.eth.PendingNonceAt(ctx, d.account.Address())
	if err != nil {
		return unreachable("read the nonce", err)
	}
	fee, err := d.eth.SuggestGasPrice(ctx)
	if err != nil {
		return unreachable("ask for the gas price", err)
	}
	signer := types.LatestSignerForChainID(d.chainID)
	tx := types.NewTx(&types.DynamicFeeTx{
		ChainID: d.chainID, Nonce: nonce, GasTipCap: fee, GasFeeCap: new(big.Int).Lsh(fee, 1), Gas: gas, To: to, Value: value, Data: data,
	})
	signature, err := d.account.SignHash(signer.Hash(tx))
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	if tx, err = tx.WithSignature(signer, signature); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	if err := d.eth.SendTransaction(ctx, tx); err != nil {
		return refusal("deploy", err)
	}
	return d.mined(ctx, tx.Hash())
}

func (d deployer) mined(ctx context.Context, tx common.Hash) error {
	ticker := time.NewTicker(deployPoll)
	defer ticker.Stop()
	for {
		r, err := d.eth.TransactionReceipt(ctx, tx)
		switch {
		case err == nil && r.Status == types.ReceiptStatusSuccessful:
			return nil
		case err == nil:
			return fmt.Errorf("deploy: transaction %s: %w", tx, errNoCode)
		case !errors.Is(err, ethereum.NotFound) && !answered(err): // it may still build its index
			return unreachable("wait for a transaction", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
