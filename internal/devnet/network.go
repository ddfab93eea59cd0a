package devnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"time"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/btcsuite/btcd/address/v2"

	"github.com/kofo-network/kofo/internal/devnet/bitcoinchain"
	"github.com/kofo-network/kofo/internal/devnet/control"
	"github.com/kofo-network/kofo/internal/devnet/evmchain"
)

// ErrBadRequest is returned for options or calls that cannot be met.
var ErrBadRequest = errors.New("devnet: bad request")

// fundingDepth confirms the payments of Options deeply enough for any default
// of the wallets.
const fundingDepth = 6

// maxFundings bounds the payments of Options.
const maxFundings = 100

// Options of a devnet. The zero value is usable: both chains on free loopback
// ports, blocks on command only.
type Options struct {
	Bitcoin bitcoinchain.Options
	EVM     evmchain.Options
	Listen  string // of the control API, loopback host:port; empty: 127.0.0.1:0

	PayBitcoin []Payment // paid and confirmed before Start returns; amounts in satoshi
	PayEVM     []Payment // in the first block; amounts in wei

	EndpointsFile string    // Run writes the endpoints there when ready; empty: nowhere
	Ready         io.Writer // Run writes the endpoints there as one line of JSON; nil: nowhere

	Logger *slog.Logger // nil: silent; also of the chains where they have none
}

// Payment is a start balance.
type Payment struct {
	Address string   // on Bitcoin also "script:" and hexadecimal
	Amount  *big.Int // base units
}

// Network is a running devnet.
type Network struct {
	log     *slog.Logger
	bitcoin *bitcoinchain.Chain
	evm     *evmchain.Chain
	control *controlServer
}

// Start runs both chains and the control API.
func Start(ctx context.Context, opts Options) (*Network, error) {
	if len(opts.PayBitcoin) > maxFundings || len(opts.PayEVM) > maxFundings {
		return nil, fmt.Errorf("%w: more than %d payments on a chain", ErrBadRequest, maxFundings)
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Bitcoin.Logger == nil {
		opts.Bitcoin.Logger = opts.Logger.With("chain", "bitcoin")
	}
	if opts.EVM.Logger == nil {
		opts.EVM.Logger = opts.Logger.With("chain", "evm")
	}
	n := &Network{log: opts.Logger}
	if err := n.start(ctx, opts); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Network) start(ctx context.Context, opts Options) (err error) {
	if opts.EVM.Alloc, err = allocate(opts.EVM.Alloc, opts.PayEVM); err != nil {
		return err
	}
	if n.bitcoin, err = bitcoinchain.Start(ctx, opts.Bitcoin); err != nil {
		return err
	}
	if n.evm, err = evmchain.Start(ctx, opts.EVM); err != nil {
		return err
	}
	for _, p := range opts.PayBitcoin {
		if _, err := n.payBitcoin(ctx, p); err != nil {
			return err
		}
	}
	if len(opts.PayBitcoin) > 0 {
		if _, err := n.bitcoin.Mine(ctx, fundingDepth); err != nil {
			return err
		}
	}
	n.control, err = startControl(n, opts.Listen)
	return err
}

// allocate adds the payments to a copy of the first block's accounts.
func allocate(given types.GenesisAlloc, payments []Payment) (types.GenesisAlloc, error) {
	alloc := make(types.GenesisAlloc, len(given)+len(payments))
	for addr, account := range given {
		alloc[addr] = account
	}
	for _, p := range payments {
		addr, err := evmAddress(p.Address)
		if err != nil {
			return nil, err
		}
		if p.Amount == nil || p.Amount.Sign() <= 0 {
			return nil, fmt.Errorf("%w: amount must be positive", ErrBadRequest)
		}
		account := alloc[addr]
		sum := new(big.Int).Set(p.Amount)
		if account.Balance != nil {
			sum.Add(sum, account.Balance)
		}
		account.Balance = sum
		alloc[addr] = account
	}
	return alloc, nil
}

func evmAddress(text string) (common.Address, error) {
	if !common.IsHexAddress(text) {
		return common.Address{}, fmt.Errorf("%w: address %q", ErrBadRequest, text)
	}
	return common.HexToAddress(text), nil
}

// Bitcoin is the Bitcoin chain, for a caller in the same process.
func (n *Network) Bitcoin() *bitcoinchain.Chain { return n.bitcoin }

// EVM is the Ethereum chain, for a caller in the same process.
func (n *Network) EVM() *evmchain.Chain { return n.evm }

// AdvanceTime moves the clocks of both chains.
func (n *Network) AdvanceTime(ctx context.Context, d time.Duration) error {
	if err := n.bitcoin.AdvanceTime(ctx, d); err != nil {
		return err
	}
	return n.evm.AdvanceTime(ctx, d)
}

// Endpoints tells where the devnet is served.
func (n *Network) Endpoints() control.Endpoints {
	user, password := n.bitcoin.Credentials()
	return control.Endpoints{
		Bitcoin: control.BitcoinEndpoint{
			// CAIP-2 names a chain of the family by half of its first block's hash.
			ChainID:  "bip122:" + n.bitcoin.Params().GenesisHash.String()[:32],
			URL:      n.bitcoin.URL(),
			User:     user,
			Password: control.Credential(password),
		},
		EVM: control.EVMEndpoint{
			ChainID: fmt.Sprintf("eip155:%d", n.evm.ChainID()),
			HTTP:    n.evm.HTTPURL(),
			WS:      n.evm.WSURL(),
		},
		Control: control.ControlEndpoint{
			URL:   "http://" + n.control.addr,
			Token: n.control.token,
		},
	}
}

// Close stops everything; it may be called again.
func (n *Network) Close() error {
	var errs []error
	if n.control != nil {
		errs = append(errs, n.control.close())
	}
	if n.evm != nil {
		errs = append(errs, n.evm.Close())
	}
	if n.bitcoin != nil {
		errs = append(errs, n.bitcoin.Close())
	}
	return errors.Join(errs...)
}

// Run is a devnet as a process: it starts, tells its endpoints, and stops when
// the context ends.
func Run(ctx context.Context, opts Options) (err error) {
	n, err := Start(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	endpoints := n.Endpoints()
	if opts.EndpointsFile != "" {
		if err := endpoints.Save(opts.EndpointsFile); err != nil {
			return err
		}
	}
	if opts.Ready != nil {
		if err := json.NewEncoder(opts.Ready).Encode(endpoints); err != nil {
			return fmt.Errorf("devnet: announce: %w", err)
		}
	}
	<-ctx.Done()
	return nil
}

func (n *Network) payBitcoin(ctx context.Context, p Payment) (string, error) {
	script, err := n.bitcoinScript(p.Address)
	if err != nil {
		return "", err
	}
	if p.Amount == nil || !p.Amount.IsInt64() {
		return "", fmt.Errorf("%w: amount %v", ErrBadRequest, p.Amount)
	}
	hash, err := n.bitcoin.Pay(ctx, script, p.Amount.Int64())
	if err != nil {
		return "", err
	}
	return hash.String(), nil
}

func (n *Network) bitcoinScript(text string) ([]byte, error) {
	if script, ok, err := hexScript(text); ok {
		return script, err
	}
	addr, err := address.DecodeAddress(text, n.bitcoin.Params())
	if err != nil {
		return nil, fmt.Errorf("%w: address %q: %w", ErrBadRequest, text, err)
	}
	if !addr.IsForNet(n.bitcoin.Params()) {
		return nil, fmt.Errorf("%w: address %q is of another network", ErrBadRequest, text)
	}
	script, err := txscript.PayToAddrScript(addr)
	if err != nil {
		return nil, fmt.Errorf("%w: address %q: %w", ErrBadRequest, text, err)
	}
	return script, nil
}
