package bitcoin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/url"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/backend"
)

// BackEnd is a further node of the chain.
type BackEnd struct {
	URL         string
	User        string
	Password    Password
	Certificate []byte
}

// errUntrue: an answer contradicts what its own hashes commit to.
var errUntrue = errors.New("the answer is proved to be false")

// BackEnds are the chain's nodes, and which of them is believed.
func (a *Adapter) BackEnds() *backend.Pool { return a.node.backs }

// Background looks after the back ends until ctx ends.
func (a *Adapter) Background(ctx context.Context) error { return a.node.backs.Run(ctx, prober{a.node}) }

// Close ends the broadcasts that are still under way.
func (a *Adapter) Close() { a.node.backs.Close() }

// nodeOf connects to the back ends of the configuration.
func nodeOf(ctx context.Context, c Config, params Params, log *slog.Logger) (*node, error) {
	all := append([]BackEnd{{c.URL, c.User, c.Password, c.Certificate}}, c.More...)
	n := newNode(nil, params)
	n.rpcs = nil
	var names []string
	for _, b := range all {
		rpc, err := newRPCClient(b.URL, b.User, b.Password, b.Certificate)
		if err != nil {
			return nil, err
		}
		parsed, err := url.Parse(b.URL)
		if err != nil {
			return nil, fmt.Errorf("%w: node address: %w", ErrConfig, err)
		}
		n.rpcs, names = append(n.rpcs, rpc), append(names, parsed.Host)
	}
	n.verified = make([]bool, len(n.rpcs))
	pool, err := backend.New(backend.Options{Names: names, Limits: c.Health, Now: time.Now, Log: log})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	n.backs = pool
	if len(names) > 1 {
		pool.Round(ctx, prober{n}) // so that the first question goes to a good one
	}
	return n, nil
}

// prober asks back ends for their heads.
type prober struct{ node *node }

func (p prober) Head(ctx context.Context) (backend.Head, error) {
	if err := p.node.verify(ctx); err != nil {
		return backend.Head{}, err
	}
	height, hash, err := p.node.best(ctx)
	return backend.Head{Height: height, Hash: hash}, err
}

func (p prober) HashAt(ctx context.Context, height uint64) (adapters.Hash, bool, error) {
	hash, err := p.node.hashAt(ctx, height)
	if errors.Is(err, errNoBlock) {
		return hash, false, nil
	}
	return hash, err == nil, err
}

// Chain reads every header by its hash, and the last block as a whole. Work
// proves what it shows where the chain keeps its difficulty: between two
// blocks it falls to a quarter at most.
func (p prober) Chain(ctx context.Context, from, to uint64) ([]adapters.Hash, backend.Evidence, error) {
	var hashes []adapters.Hash
	var first *big.Int
	evidence := backend.Worked
	if p.node.params.Net.ReduceMinDifficulty {
		evidence = backend.Linked
	}
	for at := from; at <= to; at++ {
		hash, err := p.node.hashAt(ctx, at)
		if err != nil {
			return nil, backend.Nothing, fmt.Errorf("block %d: %w", at, err)
		}
		h, err := p.node.readHeader(ctx, hash)
		if err != nil {
			return nil, backend.Nothing, fmt.Errorf("block %d: %w", at, err)
		}
		if at > from && hashOf(h.PrevBlock) != hashes[len(hashes)-1] {
			return nil, backend.Nothing, fmt.Errorf("block %d: %w", at, errRace)
		}
		target := blockchain.CompactToBig(h.Bits)
		if first == nil {
			first = new(big.Int).Mul(target, big.NewInt(p.node.params.Net.RetargetAdjustmentFactor))
		}
		if target.Cmp(first) > 0 {
			evidence = backend.Linked
		}
		hashes = append(hashes, hash)
	}
	if _, err := p.node.askBlock(ctx, hashes[len(hashes)-1]); err != nil {
		return nil, backend.Nothing, fmt.Errorf("block %d: %w", to, err)
	}
	return hashes, evidence, nil
}

// untrue tells on the back end that gave an answer which is proved false. The
// error is retryable: the next question goes to another one, if there is one.
func (n *node) untrue(name, op string, why error) error {
	n.backs.Accuse(name, backend.Lied, fmt.Sprintf("%s: %v", op, why))
	return unreachable(op, fmt.Errorf("%w: %w", errUntrue, why))
}

// checkHeader: a header must show the work that it claims, and at least the
// chain's least.
func (n *node) checkHeader(h *wire.BlockHeader) error {
	target := blockchain.CompactToBig(h.Bits)
	if target.Sign() <= 0 || target.Cmp(n.params.Net.PowLimit) > 0 {
		return fmt.Errorf("the difficulty %08x is none of the chain", h.Bits)
	}
	work, err := n.params.workOf(h)
	if err != nil {
		return err
	}
	if blockchain.HashToBig(&work).Cmp(target) > 0 {
		return fmt.Errorf("block %s shows too little work", h.BlockHash())
	}
	return nil
}

// checkBlock: the header commits to every transaction, and the coinbase to
// every witness, in which secrets stand.
func (n *node) checkBlock(b *wire.MsgBlock) error {
	if err := n.checkHeader(&b.Header); err != nil {
		return err
	}
	block := btcutil.NewBlock(b)
	if len(b.Transactions) == 0 {
		return errors.New("the block has no transactions")
	}
	if root := blockchain.CalcMerkleRoot(block.Transactions(), false); root != b.Header.MerkleRoot {
		return fmt.Errorf("the transactions are not those of block %s", b.BlockHash())
	}
	if err := blockchain.ValidateWitnessCommitment(block); err != nil {
		return fmt.Errorf("the witnesses are not those of block %s: %w", b.BlockHash(), err)
	}
	return nil
}

// send hands a transaction to every good back end, and returns the best answer.
func (n *node) send(ctx context.Context, op, raw string) error {
	return n.backs.Send(ctx, func(ctx context.Context) error {
		return n.call(ctx, "sendrawtransaction", nil, raw, coinsPerKilobyte)
	}, func(err error) backend.Answer {
		var refused *rpcError
		switch {
		case err == nil:
			return backend.Taken
		case !errors.As(err, &refused):
			return backend.NoAnswerTo
		}
		switch judged := judge(op, refused.Message); {
		case judged == nil:
			return backend.Taken
		case adapters.Retryable(judged):
			return backend.Passing
		}
		return backend.Definite
	})
}
