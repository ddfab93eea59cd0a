package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/internal/config"
)

// readyPrefix begins the line by which a node's process says that its API
// serves; the address follows.
const readyPrefix = "ready "

// ReadyLine is what the body of NodeCommand writes to standard output once the
// node's API serves at the address.
func ReadyLine(apiAddress string) string { return readyPrefix + apiAddress + "\n" }

var nodeConfig = template.Must(template.New("kofod.yml").Parse(`# Written by kofo demo.
data_dir: {{printf "%q" .Dir}}
api:
  listen: {{.API}}
peer:
  listen: {{.Peer}}
keys:
  key_file: seed.key
policy:
  offer_validity: 1h
  consent: {{.Consent}}
chains:
  - name: bitcoin
    kind: bitcoin
    id: {{.Bitcoin.ChainID}}
    url: {{.Bitcoin.URL}}
    user: {{printf "%q" .Bitcoin.User}}
    password_file: bitcoin.password
    profile: devnet
    poll_interval: 200ms
    fees:
      stress_rate: 20
  - name: ethereum
    kind: evm
    id: {{.EVM.ChainID}}
    url: {{.EVMURL}}
    profile: devnet
    poll_interval: 200ms
    fees:
      stress_rate: 20
`))

// writeConfig writes a party's configuration, and the password of the
// Bitcoin node beside it.
func (d *demo) writeConfig(p *party) error {
	password := filepath.Join(p.dir, "bitcoin.password")
	if err := os.WriteFile(password, []byte(d.endpoints.Bitcoin.Password.Reveal()), 0o600); err != nil {
		return err
	}
	f, err := os.OpenFile(p.configPath, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := nodeConfig.Execute(f, map[string]any{
		"Dir": p.dir, "Bitcoin": d.endpoints.Bitcoin, "EVM": d.endpoints.EVM, "EVMURL": p.evmURL,
		"API": p.api, "Peer": p.peer,
		// Where somebody vanishes, the refund after the time lock is what is
		// shown, not an earlier one by consent of who came back.
		"Consent": !strings.HasSuffix(d.o.Scenario, "vanishes"),
	}); err != nil {
		_ = f.Close()
		return fmt.Errorf("write %s: %w", p.configPath, err)
	}
	return f.Close()
}

// dial connects with the certificate and the owner's token that the node
// left in its folder.
func dial(ctx context.Context, target, dir string) (*sdk.Client, error) {
	token, err := sdk.LoadToken(filepath.Join(dir, config.AdminTokenFile))
	if err != nil {
		return nil, err
	}
	return sdk.Dial(ctx, sdk.Options{Target: target, CAFile: filepath.Join(dir, config.CertFile), Token: token})
}
