package bitcoin

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// ErrConfig is returned by Open for a configuration that cannot work.
var ErrConfig = errors.New("bitcoin: bad configuration")

func mismatch(format string, args ...any) error {
	return &adapters.Error{
		Reason: "CONTRACT_MISMATCH", Op: "check the contract",
		Err: fmt.Errorf("%w: %s", adapters.ErrMismatch, fmt.Sprintf(format, args...)),
	}
}

func unknownAsset(asset htlc.AssetID) error {
	return &adapters.Error{Reason: "UNKNOWN_ASSET", Op: fmt.Sprintf("look up asset %s", asset), Err: adapters.ErrUnknownAsset}
}

func unreachable(op string, err error) error {
	if errors.Is(err, errLogin) {
		return &adapters.Error{
			Reason: "NODE_UNREACHABLE", Op: op, Retryable: true, Advice: "check the user and the password in the configuration", Err: err,
		}
	}
	return &adapters.Error{
		Reason: "NODE_UNREACHABLE", Op: op, Retryable: true,
		Err: fmt.Errorf("%w: %w", adapters.ErrUnreachable, err),
	}
}

func insufficient(op string, missing int64) error {
	return &adapters.Error{
		Reason: "INSUFFICIENT_FUNDS", Op: op, Retryable: true,
		Advice: "send coins to the wallet, or wait until coming ones are confirmed",
		Meta:   map[string]string{"missing": strconv.FormatInt(missing, 10)},
		Err:    fmt.Errorf("%w: %d satoshi are missing", adapters.ErrInsufficientFunds, missing),
	}
}

func dust(op string, least int64) error {
	return &adapters.Error{
		Reason: "DUST_AMOUNT", Op: op, Err: fmt.Errorf("%w: at least %d satoshi", adapters.ErrDust, least),
	}
}

// adviceReserved names the split too, where a coin is larger than what its swap needs.
const adviceReserved = "a coin serves one swap at a time: wait until one ends or cancel an offer, or split a coin that is free"

func reserved(op string) error {
	return &adapters.Error{
		Reason: "COINS_RESERVED", Op: op, Retryable: true, Err: adapters.ErrReserved, Advice: adviceReserved,
	}
}

func alreadyReserved(owner string) error {
	return &adapters.Error{
		Reason: "ALREADY_RESERVED", Op: "reserve coins for " + owner + " a second time",
		Advice: "release the first reservation", Err: adapters.ErrReserved,
	}
}

func spent(op string, point wire.OutPoint) error {
	return &adapters.Error{
		Reason: "ALREADY_SPENT", Op: op, Retryable: true,
		Advice: "a reorganisation may bring it back", Err: fmt.Errorf("%w: %s", adapters.ErrSpent, point),
	}
}

// fateOf says what became of a coin that is gone.
func fateOf(c Coin) string {
	if c.Undone {
		return fmt.Sprintf("coin %s left the chain with its block, and what it was made of is spent by %s", c.Point, c.SpentBy)
	}
	return fmt.Sprintf("coin %s is spent by %s", c.Point, c.SpentBy)
}

// coinGone: an own coin of the transaction is spent by something else. It is
// no ErrSpent, which speaks of contracts: nothing is locked.
func coinGone(op string, c Coin) error {
	return &adapters.Error{
		Reason: "COIN_SPENT", Op: op, Advice: "sign it again with other coins",
		Err: fmt.Errorf("%w: %s", adapters.ErrRejected, fateOf(c)),
	}
}

// coinLost is coinGone at the final depth.
func coinLost(op string, c Coin) error {
	return &adapters.Error{
		Reason: "COIN_SPENT", Op: op, Advice: "sign it again with other coins",
		Err: fmt.Errorf("%w: %w: %s, for good", adapters.ErrRejected, adapters.ErrNonceTaken, fateOf(c)),
	}
}

// notSent: nothing was handed to the node.
func notSent(err error) error { return fmt.Errorf("%w: %w", adapters.ErrNotSent, err) }

// coinBusy: the node misses an own coin that no block has spent.
func coinBusy(op string, refusal error) error {
	return &adapters.Error{
		Reason: "COIN_IN_USE", Op: op, Retryable: true,
		Advice: "something else that spends one of its coins waits in the mempool, or the coin's own block was undone",
		Err:    fmt.Errorf("%w: %s", adapters.ErrRejected, refusal.Error()),
	}
}

// verdict is what a node's words about a transaction mean.
type verdict struct {
	says   string // lower-case part of the node's text
	reason string // empty: the node has the transaction, which is a success
	err    error
	advice string
	final  bool // trying the same bytes again cannot help
}

// verdicts hold for btcd and for nodes that follow Bitcoin Core; the first
// match counts. Where btcd and Core differ both texts stand.
var verdicts = []verdict{
	{says: "already have transaction in mempool"},
	{says: "transaction already exists"},
	{says: "txn-already-in-mempool"},
	{says: "txn-already-known"},
	{says: "already in block chain"},
	{says: "already in utxo set"},
	{says: "txn-same-nonwitness-data-in-mempool"},

	{says: "is not finalized", reason: "TOO_EARLY", err: adapters.ErrTooEarly},
	{says: "non-final", reason: "TOO_EARLY", err: adapters.ErrTooEarly},
	{says: "non-bip68-final", reason: "TOO_EARLY", err: adapters.ErrTooEarly},
	{says: "locktime requirement not satisfied", reason: "TOO_EARLY", err: adapters.ErrTooEarly},

	{says: "insufficient fee rate", reason: "REPLACEMENT_UNDERPRICED", err: adapters.ErrRejected, advice: "sign it again with a higher fee"},
	{says: "insufficient absolute fee", reason: "REPLACEMENT_UNDERPRICED", err: adapters.ErrRejected, advice: "sign it again with a higher fee"},
	{says: "insufficient fee", reason: "REPLACEMENT_UNDERPRICED", err: adapters.ErrRejected, advice: "sign it again with a higher fee"},
	{says: "fees which is under the required amount", reason: "FEE_TOO_LOW", err: adapters.ErrRejected, advice: "sign it again at the present fees"},
	{says: "min relay fee not met", reason: "FEE_TOO_LOW", err: adapters.ErrRejected, advice: "sign it again at the present fees"},
	{says: "mempool min fee not met", reason: "FEE_TOO_LOW", err: adapters.ErrRejected, advice: "sign it again at the present fees"},
	{says: "rate limiter due to low fees", reason: "FEE_TOO_LOW", err: adapters.ErrRejected, advice: "sign it again at the present fees"},
	{says: "insufficient priority", reason: "FEE_TOO_LOW", err: adapters.ErrRejected, advice: "sign it again at the present fees"},
	{says: "max-fee-exceeded", reason: "FEE_TOO_HIGH", err: adapters.ErrRejected, final: true},

	{says: "output already spent in mempool", reason: "SPENT_IN_MEMPOOL", err: adapters.ErrSpent},
	{says: "already spent by transaction", reason: "SPENT_IN_MEMPOOL", err: adapters.ErrSpent},
	{says: "txn-mempool-conflict", reason: "SPENT_IN_MEMPOOL", err: adapters.ErrSpent},
	{says: "orphan transaction", reason: "ALREADY_SPENT", err: adapters.ErrSpent},
	{says: "missing-inputs", reason: "ALREADY_SPENT", err: adapters.ErrSpent},
	{says: "missing inputs", reason: "ALREADY_SPENT", err: adapters.ErrSpent},
	{says: "bad-txns-inputs-missingorspent", reason: "ALREADY_SPENT", err: adapters.ErrSpent},

	{says: "payment is dust", reason: "DUST_AMOUNT", err: adapters.ErrDust, final: true},
	{says: "dust", reason: "DUST_AMOUNT", err: adapters.ErrDust, final: true},
	{says: "script verify flag failed", reason: "SCRIPT_FAILED", err: adapters.ErrRejected, final: true},
	{says: "failed to validate input", reason: "SCRIPT_FAILED", err: adapters.ErrRejected, final: true},
}

// judge turns a node's refusal of a transaction into an error, or into nil
// where the node has it already.
func judge(op, says string) error {
	low := strings.ToLower(says)
	for _, v := range verdicts {
		if !strings.Contains(low, v.says) {
			continue
		}
		if v.reason == "" {
			return nil
		}
		return &adapters.Error{
			Reason: v.reason, Op: op, Advice: v.advice, Retryable: !v.final,
			Err: fmt.Errorf("%w: %s", v.err, says),
		}
	}
	return &adapters.Error{
		Reason: "TX_REFUSED", Op: op, Retryable: true, Err: fmt.Errorf("%w: %s", adapters.ErrRejected, says),
	}
}
