package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"strings"
	"time"

	"github.com/kofo-network/kofo/internal/devnet"
	"github.com/kofo-network/kofo/internal/devnet/bitcoinchain"
	"github.com/kofo-network/kofo/internal/devnet/control"
	"github.com/kofo-network/kofo/internal/devnet/evmchain"
)

// chainsRequest is what the chains' process is told, as its one argument.
type chainsRequest struct {
	Interval time.Duration
	PayEVM   map[string]string // address -> wei, in the first block
}

// RunChains is the body of ChainsCommand: it runs both chains until ctx ends,
// and writes their endpoints to out as one line of JSON.
func RunChains(ctx context.Context, request string, out io.Writer, log *slog.Logger) error {
	var r chainsRequest
	if err := json.Unmarshal([]byte(request), &r); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	o := devnet.Options{
		Bitcoin: bitcoinchain.Options{Interval: r.Interval},
		EVM:     evmchain.Options{Interval: r.Interval},
		Ready:   out,
		Logger:  log,
	}
	for address, amount := range r.PayEVM {
		wei, ok := new(big.Int).SetString(amount, 10)
		if !ok {
			return fmt.Errorf("amount %q of %s is no number", amount, address)
		}
		o.PayEVM = append(o.PayEVM, devnet.Payment{Address: address, Amount: wei})
	}
	return devnet.Run(ctx, o)
}

// startChains starts the chains' process and waits until it serves.
func (d *demo) startChains(ctx context.Context, pay map[string]string) error {
	request, err := json.Marshal(chainsRequest{Interval: blockInterval, PayEVM: pay})
	if err != nil {
		return err
	}
	d.chains, err = start(ctx, d.o.Executable, "chains", d.dir, ChainsCommand, string(request))
	if err != nil {
		return err
	}
	line, err := d.chains.line(ctx)
	d.chains.watch()
	if err != nil {
		return err
	}
	d.endpoints, err = control.ReadEndpoints(strings.NewReader(line))
	if err != nil {
		return err
	}
	d.control = control.NewClient(d.endpoints.Control)
	return nil
}
