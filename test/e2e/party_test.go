//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/ethereum/go-ethereum/common"
	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/disk"
	"github.com/kofo-network/kofo/internal/wallet"
)

// The chains of the stack.
const (
	bitcoinChain  = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
	ethereumChain = "eip155:1337"
	ethereumID    = 1337
	btc           = bitcoinChain + "/slip44:0"
	eth           = ethereumChain + "/slip44:60"
)

// storage is where a node keeps its data.
type storage struct{ driver, bus string }

var (
	embedded   = storage{driver: "sqlite", bus: "embedded"}
	production = storage{driver: "postgres", bus: "nats"}
)

// settings are what a node's configuration is made of.
type settings struct {
	Dir, Driver, DSN, Bus, Prefix string
	API, Peer, Metrics            int
	Ballast                       int // MiB; small, since there are many nodes
	// Birth of the seed: nodes that read every block from the first one, a dozen
	// at a time, keep each other from answering in time.
	Birth             int
	Bitcoin, Ethereum string
	// MoreBitcoin and MoreEthereum are further keys of the chains, in YAML.
	MoreBitcoin, MoreEthereum string
	// MorePolicy are further keys of the policy.
	MorePolicy string
	// More are further sections.
	More string
	// Signer is the section of that name, of a node without a seed.
	Signer string
}

// party is a kofod process with a client.
type party struct {
	t       *testing.T
	name    string
	dir     string
	chains  *chains
	account common.Address
	client  *sdk.Client
	process *child
	set     settings
}

var nodeConfig = template.Must(template.New("kofod.yml").Parse(`data_dir: {{.Dir}}
api: {listen: "127.0.0.1:{{.API}}"}
peer: {listen: "127.0.0.1:{{.Peer}}"}
store: {driver: {{.Driver}}, dsn: "{{.DSN}}", disk_reserve: {{.Ballast}}}
bus: {url: "{{.Bus}}", prefix: {{.Prefix}}}
keys: {key_file: seed.key}
policy: {offer_validity: 10s{{.MorePolicy}}}
{{.Signer}}
log: {level: debug}
metrics: {listen: "127.0.0.1:{{.Metrics}}"}
chains:
  - {name: bitcoin, kind: bitcoin, id: "` + bitcoinChain + `", url: "{{.Bitcoin}}", user: ` + rpcUser + `, password: ` + rpcPassword + `,
     profile: devnet, poll_interval: 200ms, birth_height: {{.Birth}}, fees: {stress_rate: 20}{{.MoreBitcoin}}}
  - {name: ethereum, kind: evm, id: "` + ethereumChain + `", url: "{{.Ethereum}}",
     profile: devnet, poll_interval: 200ms, fees: {stress_rate: 20}{{.MoreEthereum}}}
{{.More}}
`))

// sinceBirth is how many blocks may be undone and the seed is still younger than
// the first one that its node reads.
const sinceBirth = 20

func newAccount() (wallet.EVMAccount, error) {
	seed, err := wallet.NewSeed(12)
	if err != nil {
		return wallet.EVMAccount{}, err
	}
	keys, err := seed.Keys()
	if err != nil {
		return wallet.EVMAccount{}, err
	}
	return keys.EVMAccount(0)
}

// newParty makes a node with a seed of its own; nothing runs yet. Its folder
// is below the stack's, where KOFO_E2E_KEEP leaves it.
func newParty(ctx context.Context, t *testing.T, name string, where storage, on *chains) *party {
	t.Helper()
	dir, err := os.MkdirTemp(nodes.dir, strings.ReplaceAll(t.Name(), "/", "-")+"-"+name+"-")
	must(t, err)
	p := &party{t: t, name: name, dir: dir, chains: on}
	p.account = p.makeSeed()
	height, err := on.bitcoin.height(ctx)
	must(t, err)
	p.set = settings{
		Dir: dir, Ballast: 8, Birth: max(height-sinceBirth, 0), Driver: where.driver, Prefix: strings.ToLower(fmt.Sprintf("t%x", p.account[:6])),
		Bitcoin: on.bitcoin.url, Ethereum: on.ethereum.url,
	}
	p.set.takePorts(t)
	if where.driver == "postgres" {
		p.set.DSN, err = nodes.postgres.Create(ctx)
		must(t, err)
	}
	if where.bus == "nats" {
		p.set.Bus = nodes.natsURL
	}
	t.Cleanup(p.close)
	return p
}

// takePorts chooses where a node listens.
func (s *settings) takePorts(t *testing.T) {
	t.Helper()
	for _, port := range []*int{&s.API, &s.Peer, &s.Metrics} {
		var err error
		*port, err = freePort()
		must(t, err)
	}
}

// makeSeed writes a new seed, in the place of one that is there, and returns
// its EVM account.
func (p *party) makeSeed() common.Address {
	p.t.Helper()
	key, file := filepath.Join(p.dir, "seed.key"), filepath.Join(p.dir, wallet.SeedFileName)
	for _, path := range []string{key, file} {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			p.t.Fatal(err)
		}
	}
	seed, err := wallet.NewSeed(24)
	must(p.t, err)
	must(p.t, wallet.CreateKeyFile(key))
	must(p.t, wallet.SeedFile{Path: file}.Create(seed, wallet.KeyFile(key)))
	keys, err := seed.Keys()
	must(p.t, err)
	account, err := keys.EVMAccount(0)
	must(p.t, err)
	return account.Address()
}

// keys are those that the node derives from its seed file.
func (p *party) keys() *wallet.Keys {
	p.t.Helper()
	seed, err := wallet.SeedFile{Path: filepath.Join(p.dir, wallet.SeedFileName)}.Open(wallet.KeyFile(filepath.Join(p.dir, "seed.key")))
	must(p.t, err)
	keys, err := seed.Keys()
	must(p.t, err)
	return keys
}

// launch starts the process, on whatever data is there.
func (p *party) launch(env ...string) {
	p.t.Helper()
	path := filepath.Join(p.dir, config.FileName)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	must(p.t, err)
	must(p.t, nodeConfig.Execute(f, p.set))
	must(p.t, f.Close())
	p.process, err = spawn(p.name, p.dir, env, nodes.kofod, "run", "--config", path)
	must(p.t, err)
}

// start starts the process and connects to it.
func (p *party) start(ctx context.Context, env ...string) {
	p.t.Helper()
	p.launch(env...)
	target, err := p.process.line(ctx, "ready ")
	must(p.t, err)
	token, err := sdk.LoadToken(filepath.Join(p.dir, config.AdminTokenFile))
	must(p.t, err)
	p.client, err = sdk.Dial(ctx, sdk.Options{Target: target, CAFile: filepath.Join(p.dir, config.CertFile), Token: token})
	must(p.t, err)
}

// stop stops the process gently.
func (p *party) stop() {
	p.t.Helper()
	p.forget()
	must(p.t, p.process.stop())
}

// kill ends the process with SIGKILL.
func (p *party) kill() {
	p.process.kill()
	p.forget()
}

// restart stops the process gently and starts it again.
func (p *party) restart(ctx context.Context, env ...string) {
	p.t.Helper()
	p.stop()
	p.start(ctx, env...)
}

// forget closes the client of a process that has ended.
func (p *party) forget() {
	if p.client != nil {
		_ = p.client.Close()
		p.client = nil
	}
}

func (p *party) close() {
	p.forget()
	if p.process == nil {
		return
	}
	if err := p.process.stop(); err != nil {
		p.t.Error(err)
	}
	if p.t.Failed() {
		p.t.Logf("log of the %s:\n%s", p.name, tail(p.log(), 12_000))
	}
	// Folders stay until the end of the run: kept back for each of its nodes,
	// 128 MiB would fill the machine's disk.
	if err := os.Remove(filepath.Join(p.dir, disk.FileName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		p.t.Error(err)
	}
}

// log is everything that the node's processes have written.
func (p *party) log() string {
	raw, err := os.ReadFile(p.process.log)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

func tail(s string, n int) string {
	if len(s) > n {
		return "..." + s[len(s)-n:]
	}
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// api is the address of the node's API.
func (p *party) api() string { return fmt.Sprintf("127.0.0.1:%d", p.set.API) }

// payBitcoin pays into the party's wallet.
func (p *party) payBitcoin(ctx context.Context, satoshi int64) {
	p.t.Helper()
	got, err := p.client.Wallet.Addresses(ctx, &sdk.AddressesRequest{Chain: bitcoinChain})
	must(p.t, err)
	must(p.t, p.chains.bitcoin.pay(ctx, got.GetAddresses()[0].GetAddress(), satoshi))
}

// spendable is what the wallet can spend of an asset now.
func (p *party) spendable(ctx context.Context, asset string) (*big.Int, error) {
	got, err := p.client.Wallet.Balances(ctx, &sdk.BalancesRequest{})
	if err != nil {
		return nil, err
	}
	for _, b := range got.GetBalances() {
		if b.GetAsset() != asset {
			continue
		}
		v, ok := new(big.Int).SetString(b.GetSpendable(), 10)
		if !ok {
			return nil, fmt.Errorf("amount %q", b.GetSpendable())
		}
		return v, nil
	}
	return nil, fmt.Errorf("the wallet does not list %s", asset)
}

// ends waits for the end of the swap at one party.
func (p *party) ends(ctx context.Context, id string, want sdk.Outcome) *sdk.Swap {
	p.t.Helper()
	s, err := p.client.WaitClosed(ctx, id)
	if err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	if s.GetOutcome() != want {
		p.t.Fatalf("%s: ended %s (%s), want %s; held by %v; history:\n%s", p.name, s.GetOutcome(), s.GetOutcomeCause(), want,
			s.GetHeld(), p.history(ctx, id))
	}
	return s
}

// history is what happened to a swap, for failures.
func (p *party) history(ctx context.Context, id string) string {
	got, err := p.client.Settlement.History(ctx, &sdk.HistoryRequest{Id: id})
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, e := range got.GetEntries() {
		fmt.Fprintf(&b, "%s %s leg %d %s %s\n", sdk.Time(e.GetTime()).Format("15:04:05.000"), e.GetKind(), e.GetLeg(), e.GetTxid(), e.GetText())
	}
	return b.String()
}

// reaches waits until the swap is as wanted at one party.
func (p *party) reaches(ctx context.Context, id string, done func(*sdk.Swap) bool) *sdk.Swap {
	p.t.Helper()
	s, err := p.client.WaitFor(ctx, id, done)
	if err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	return s
}

// funded says that the leg in a role has so many confirmations.
func funded(role sdk.LegRole, confirmations uint64) func(*sdk.Swap) bool {
	return func(s *sdk.Swap) bool { return leg(s, role).GetConfirmations() >= confirmations }
}

// leg is the leg that the party pays or is paid by.
func leg(s *sdk.Swap, role sdk.LegRole) *sdk.Leg {
	for _, l := range s.GetLegs() {
		if l.GetRole() == role {
			return l
		}
	}
	return nil
}
