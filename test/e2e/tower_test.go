//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/ethereum/go-ethereum/common"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/internal/wallet"
	"github.com/kofo-network/kofo/monitor/killpoint"
)

// tower is a watchtower's process.
type tower struct {
	t       *testing.T
	set     settings
	process *child
	party   string
	account common.Address // that pays gas
}

var towerConfig = template.Must(template.New("tower.yml").Parse(`data_dir: {{.Dir}}
peer: {listen: "127.0.0.1:{{.Peer}}"}
store: {disk_reserve: 8}
tower: {packages: 100, price: "{{.MorePolicy}}"}
log: {level: debug}
metrics: {listen: "127.0.0.1:{{.Metrics}}"}
chains:
  - {name: bitcoin, kind: bitcoin, id: "` + bitcoinChain + `", url: "{{.Bitcoin}}", user: ` + rpcUser + `, password: ` + rpcPassword + `,
     profile: devnet, poll_interval: 200ms, fees: {stress_rate: 20}}
  - {name: ethereum, kind: evm, id: "` + ethereumChain + `", url: "{{.Ethereum}}",
     profile: devnet, poll_interval: 200ms, fees: {stress_rate: 20}}
`))

// price of the tests' towers.
const price = "a coffee a month"

// newTower makes a running tower with coins for gas.
func newTower(ctx context.Context, t *testing.T, on *chains) *tower {
	t.Helper()
	dir, err := os.MkdirTemp(nodes.dir, strings.ReplaceAll(t.Name(), "/", "-")+"-tower-")
	must(t, err)
	w := &tower{t: t, set: settings{Dir: dir, Bitcoin: on.bitcoin.url, Ethereum: on.ethereum.url, MorePolicy: price}}
	w.set.takePorts(t)
	f, err := os.Create(filepath.Join(dir, "tower.yml"))
	must(t, err)
	must(t, towerConfig.Execute(f, w.set))
	must(t, f.Close())
	t.Cleanup(w.close)
	w.start(ctx)
	seed, err := wallet.SeedFile{Path: filepath.Join(dir, "tower.age")}.Open(wallet.KeyFile(filepath.Join(dir, "tower.key")))
	must(t, err)
	keys, err := seed.Keys()
	must(t, err)
	account, err := keys.EVMAccount(0)
	must(t, err)
	w.account = account.Address()
	must(t, on.ethereum.pay(ctx, w.account, big.NewInt(1e17)))
	return w
}

func (w *tower) start(ctx context.Context) {
	w.t.Helper()
	var err error
	w.process, err = spawn("tower", w.set.Dir, nil, nodes.kofod, "--role", "tower", "--config", filepath.Join(w.set.Dir, "tower.yml"))
	must(w.t, err)
	ready, err := w.process.line(ctx, "ready ")
	must(w.t, err)
	_, w.party, _ = strings.Cut(ready, " party ")
}

// restart kills the tower and starts it again.
func (w *tower) restart(ctx context.Context) {
	w.t.Helper()
	w.process.kill()
	w.start(ctx)
}

func (w *tower) close() {
	if w.process == nil {
		return
	}
	if err := w.process.stop(); err != nil {
		w.t.Error(err)
	}
	if w.t.Failed() {
		raw, _ := os.ReadFile(w.process.log)
		w.t.Logf("log of the tower:\n%s", tail(string(raw), 12_000))
	}
}

// guardedBy makes a node lock nothing that the tower has not acknowledged.
func (w *tower) guards(s *settings) {
	alone(s)
	s.More = fmt.Sprintf("towers: {required: 1, list: [{name: first, address: \"127.0.0.1:%d\", party: %s, price: %q}]}", w.set.Peer, w.party, price)
}

// guardedPair is a pair with a tower; the initiator of swaps of ether for bitcoin
// is the second.
func guardedPair(ctx context.Context, t *testing.T, send string) (pair, *tower, *sdk.OfferRequest) {
	t.Helper()
	w := newTower(ctx, t, nodes.chains)
	p := newPairOn(ctx, t, embedded, nodes.chains, w.guards)
	if send == btc {
		return p, w, offerBTC()
	}
	turned := pair{t: t, initiator: p.participant, participant: p.initiator, since: p.since}
	return turned, w, &sdk.OfferRequest{
		Send:     &sdk.AssetAmount{Asset: eth, Amount: receiveETH.String()},
		Receive:  &sdk.AssetAmount{Asset: btc, Amount: sendBTC.String()},
		ValidFor: durationpb.New(10_000_000_000),
	}
}

// TestSafety_A7_TowerRedeems: the participant is killed when it has seen the
// initiator's reveal and before anything of its own redeem is stored. It stays
// dead; the tower, which is killed meanwhile too, redeems to its wallet with the
// secret seen on the other chain. The participant comes back and finds it done.
func TestSafety_A7_TowerRedeems(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]string{"bitcoin": btc, "ethereum": eth} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := swapContext(t)
			p, w, offer := guardedPair(ctx, t, send)
			before := p.wealth(ctx, send)
			p.participant.restart(ctx, "KOFO_KILL_AT="+killpoint.RedeemSigned)
			id := agree(ctx, t, p.initiator, p.participant, offer)
			must(t, p.participant.process.killed(ctx))
			p.participant.forget()
			w.restart(ctx)
			s := p.initiator.ends(ctx, id, sdk.OutcomeSwapped)
			p.usedOnce(ctx, s, 0, 1) // the participant is dead
			p.usedOnce(ctx, s, 1, 1)
			p.participant.start(ctx)
			p.participant.ends(ctx, id, sdk.OutcomeSwapped)
			gained := receiveETH
			if send == btc {
				gained = sendBTC
			}
			p.has(ctx, p.participant, money{send: new(big.Int).Add(before, gained)}, mostFees)
		})
	}
}

// wealth is what the participant has of an asset.
func (p pair) wealth(ctx context.Context, asset string) *big.Int {
	p.t.Helper()
	v, err := p.participant.spendable(ctx, asset)
	must(p.t, err)
	return v
}

// TestSafety_A7_TowerRefunds: the initiator dies when it has sent its lock; the
// participant never locks. When the time lock is open the tower brings the coins
// back to the initiator, which finds them when it is started again.
func TestSafety_A7_TowerRefunds(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]string{"bitcoin": btc, "ethereum": eth} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := swapContext(t)
			p, _, offer := guardedPair(ctx, t, send)
			before, err := p.initiator.spendable(ctx, send)
			must(t, err)
			p.initiator.restart(ctx, "KOFO_KILL_AT="+killpoint.FundBroadcast)
			id := agree(ctx, t, p.initiator, p.participant, offer)
			p.participantCancels(ctx, id)
			must(t, p.initiator.process.killed(ctx))
			p.initiator.forget()
			s := p.participant.ends(ctx, id, sdk.OutcomeCancelled)
			p.usedOnce(ctx, s, 0, 1) // the initiator is dead
			p.initiator.start(ctx)
			p.initiator.ends(ctx, id, sdk.OutcomeRefunded)
			p.usedOnce(ctx, s, 0, 1)
			p.has(ctx, p.initiator, money{send: before}, mostFees)
		})
	}
}

// TestTowerIsWaitedFor: nothing is locked while the required tower is away, the
// command line says what is guarded, and the swap goes on when it is back.
func TestTowerIsWaitedFor(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p, w, offer := guardedPair(ctx, t, btc)
	w.process.kill()
	id := agree(ctx, t, p.initiator, p.participant, offer)
	must(t, eventually(ctx, "the lock is held back", func() error {
		s := p.swap(ctx, id)
		if len(s.GetHeld()) == 0 || s.GetPhase() != sdk.PhaseAgreed {
			return fmt.Errorf("phase %s, held by %v", s.GetPhase(), s.GetHeld())
		}
		return nil
	}))
	var guards struct {
		Guards []struct {
			Spend  string
			Towers []struct{ Name string }
		}
	}
	must(t, json.Unmarshal(p.initiator.kofo(ctx, "", "tower", "show", id), &guards))
	if len(guards.Guards) != 2 || guards.Guards[0].Spend != "refund" || len(guards.Guards[0].Towers) != 0 {
		t.Errorf("guards while the tower is away: %+v", guards)
	}
	w.start(ctx)
	must(t, eventually(ctx, "the refund is guarded", func() error {
		if err := json.Unmarshal(p.initiator.kofo(ctx, "", "tower", "show", id), &guards); err != nil {
			return err
		}
		if len(guards.Guards) == 0 || len(guards.Guards[0].Towers) != 1 || guards.Guards[0].Towers[0].Name != "first" {
			return fmt.Errorf("guards: %+v", guards)
		}
		return nil
	}))
	p.initiator.ends(ctx, id, sdk.OutcomeSwapped)
}
