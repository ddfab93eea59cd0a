package demo

import (
	"context"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/wallet"
)

// offerValidity is how long the ticket may be accepted. The time locks are
// counted from its end.
var offerValidity = durationpb.New(10 * time.Second)

// party is one side: a node in a process of its own, and a client to it.
type party struct {
	name       string
	dir        string
	configPath string
	evmURL     string
	evmAddress string
	// api and peer are where the node listens, the same after a restart.
	api, peer string

	process *process
	client  *sdk.Client
	follow  context.CancelFunc
	outcome sdk.Outcome
	fees    []*sdk.AssetAmount
}

func (d *demo) btc() string { return d.endpoints.Bitcoin.ChainID + "/slip44:0" }
func (d *demo) eth() string { return d.endpoints.EVM.ChainID + "/slip44:60" }

// setUp starts the chains, deploys the contract, and starts both nodes with
// money in their wallets.
func (d *demo) setUp(ctx context.Context) error {
	d.print.step("Starting a Bitcoin and an Ethereum chain, and two settlement nodes")
	var err error
	if d.initiator, err = d.newParty("initiator"); err != nil {
		return err
	}
	if d.participant, err = d.newParty("participant"); err != nil {
		return err
	}
	deployer, err := newAccount()
	if err != nil {
		return err
	}
	if err := d.startChains(ctx, map[string]string{
		d.initiator.evmAddress:   startETHForGas,
		d.participant.evmAddress: startETH,
		deployer.Address().Hex(): startETHDeploy,
	}); err != nil {
		return err
	}
	at, _, err := evm.Deploy(ctx, htlc.ChainID(d.endpoints.EVM.ChainID), d.endpoints.EVM.HTTP, deployer)
	if err != nil {
		return fmt.Errorf("deploy the contract: %w", err)
	}
	d.print.line("  contract deployed at %s", at)
	if d.proxy, err = newProxy(d.endpoints.EVM.HTTP); err != nil {
		return err
	}
	d.initiator.evmURL, d.participant.evmURL = d.proxy.url, d.endpoints.EVM.HTTP
	for _, p := range []*party{d.initiator, d.participant} {
		if err := d.startNode(ctx, p); err != nil {
			return err
		}
	}
	return d.payInitiator(ctx)
}

// freeAddress is a loopback address with a port that nobody uses now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("look for a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// newAccount is an EVM account of a seed that nobody keeps.
func newAccount() (wallet.EVMAccount, error) {
	seed, err := wallet.NewSeed(12)
	if err != nil {
		return wallet.EVMAccount{}, err
	}
	return accountOf(seed)
}

func accountOf(seed *wallet.Seed) (wallet.EVMAccount, error) {
	keys, err := seed.Keys()
	if err != nil {
		return wallet.EVMAccount{}, err
	}
	return keys.EVMAccount(0)
}

// newParty makes a seed, locked by a key file as for an unattended node.
func (d *demo) newParty(name string) (*party, error) {
	p := &party{name: name, dir: filepath.Join(d.dir, name)}
	p.configPath = filepath.Join(p.dir, config.FileName)
	var err error
	if p.api, err = freeAddress(); err != nil {
		return nil, err
	}
	if p.peer, err = freeAddress(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return nil, err
	}
	seed, err := wallet.NewSeed(24)
	if err != nil {
		return nil, err
	}
	keyFile := filepath.Join(p.dir, "seed.key")
	if err := wallet.CreateKeyFile(keyFile); err != nil {
		return nil, err
	}
	file := wallet.SeedFile{Path: filepath.Join(p.dir, wallet.SeedFileName)}
	if err := file.Create(seed, wallet.KeyFile(keyFile)); err != nil {
		return nil, err
	}
	account, err := accountOf(seed)
	if err != nil {
		return nil, err
	}
	p.evmAddress = account.Address().Hex()
	return p, nil
}

// startNode starts a party's node and connects to it.
func (d *demo) startNode(ctx context.Context, p *party) error {
	if err := d.writeConfig(p); err != nil {
		return err
	}
	var err error
	if p.process, err = start(ctx, d.o.Executable, p.name, d.dir, NodeCommand, p.configPath); err != nil {
		return err
	}
	line, err := p.process.line(ctx)
	p.process.watch()
	if err != nil {
		return err
	}
	target := strings.TrimSpace(strings.TrimPrefix(line, readyPrefix))
	if p.client, err = dial(ctx, target, p.dir); err != nil {
		return fmt.Errorf("connect to the %s's node: %w", p.name, err)
	}
	followCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.follow = cancel
	go d.print.follow(followCtx, p.name, p.client)
	return nil
}

// payInitiator pays the bitcoin and waits until the wallet shows it.
func (d *demo) payInitiator(ctx context.Context) error {
	got, err := d.initiator.client.Wallet.Addresses(ctx, &sdk.AddressesRequest{Chain: d.endpoints.Bitcoin.ChainID})
	if err != nil {
		return fmt.Errorf("ask for a bitcoin address: %w", err)
	}
	if len(got.GetAddresses()) == 0 {
		return fmt.Errorf("the initiator's node has no bitcoin address")
	}
	for part := range startCoins {
		last := part == startCoins-1
		if _, err := d.control.PayBitcoin(ctx, got.GetAddresses()[0].GetAddress(), startBTC/startCoins, last); err != nil {
			return fmt.Errorf("pay the initiator: %w", err)
		}
	}
	_, err = d.balancesWhen(ctx, func(b balances) bool {
		return b.of("initiator", d.btc()).Cmp(big.NewInt(startBTC)) == 0
	})
	return err
}

func (p *party) vanished() {
	p.follow()
	_ = p.client.Close()
	p.client, p.process = nil, nil
}

func (p *party) stop() {
	if p.client != nil {
		p.follow()
		_ = p.client.Close()
	}
	p.process.stop()
}

// parseAmount reads an amount of the API.
func parseAmount(text string) (*big.Int, error) {
	a, err := htlc.ParseAmount(text)
	if err != nil {
		return nil, err
	}
	return a.Big(), nil
}
