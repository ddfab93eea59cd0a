package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/config"
	"github.com/kofo-network/kofo/internal/signer"
	"github.com/kofo-network/kofo/internal/signer/wire"
	"github.com/kofo-network/kofo/internal/wallet"
)

// signerPair is what the node shows to its signer: tls/signer-client.crt.
const signerPair = "signer-client"

// openKeys takes the keys of the seed, or those of another process where there
// is none.
func (c *core) openKeys(ctx context.Context, seed *wallet.Seed) (err error) {
	if seed == nil {
		err = c.dialSigner(ctx)
	} else {
		err = c.ownKeys(seed)
	}
	if err != nil {
		return err
	}
	c.identity = c.keys.Identity()
	c.storage, err = c.keys.Storage(ctx)
	return err
}

func (c *core) ownKeys(seed *wallet.Seed) error {
	keys, err := seed.Keys()
	if err != nil {
		return fmt.Errorf("derive keys: %w", err)
	}
	c.onClose(keys.Close)
	c.keys, err = signer.NewLocal(keys)
	return err
}

func (c *core) dialSigner(ctx context.Context) error {
	own, err := wire.EnsurePair(filepath.Join(c.cfg.DataDir, "tls"), signerPair)
	if err != nil {
		return err
	}
	certificate, err := os.ReadFile(c.cfg.Path(c.cfg.Signer.Certificate))
	if err != nil {
		return fmt.Errorf("certificate of the signer: %w", err)
	}
	o := wire.Options{Address: c.cfg.Signer.Address, Own: own, Signer: certificate, Timeout: c.cfg.Signer.Timeout}
	for _, chain := range c.cfg.Chains {
		if chain.Kind == config.KindBitcoin {
			o.Chains = append(o.Chains, htlc.ChainID(chain.ID))
		}
	}
	client, err := wire.Dial(ctx, o)
	if err != nil {
		return err
	}
	c.onClose(func() {
		if err := client.Close(); err != nil {
			c.log.Warn("close the connection to the signer", "error", err)
		}
	})
	c.keys, c.askSigner = client, client.Check
	return nil
}
