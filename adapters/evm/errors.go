package evm

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// ErrNonceTaken is returned by Broadcast, and by a Journal, for a transaction whose nonce belongs to
// another. It can never be mined: sign again.
var ErrNonceTaken = adapters.ErrNonceTaken

func unreachable(op string, err error) error {
	return &adapters.Error{
		Reason: "NODE_UNREACHABLE", Op: op, Retryable: true, Err: fmt.Errorf("%w: %w", adapters.ErrUnreachable, err),
	}
}

func mismatch(op string, format string, args ...any) error {
	return &adapters.Error{
		Reason: "CONTRACT_MISMATCH", Op: op, Err: fmt.Errorf("%w: %s", adapters.ErrMismatch, fmt.Sprintf(format, args...)),
	}
}

func insufficient(op string, asset htlc.AssetID, have, need *big.Int) error {
	missing := new(big.Int).Sub(need, have)
	return &adapters.Error{
		Reason: "INSUFFICIENT_FUNDS", Op: op, Retryable: true,
		Advice: fmt.Sprintf("missing %s of %s", missing, asset),
		Meta: map[string]string{
			"asset": string(asset), "missing": missing.String(), "have": have.String(), "need": need.String(),
		},
		Err: fmt.Errorf("%w: %s needed, %s spendable", adapters.ErrInsufficientFunds, need, have),
	}
}

// heldByOthers: it is there, and other swaps keep it back.
func heldByOthers(asset htlc.AssetID, have, need *big.Int) error {
	return &adapters.Error{
		Reason: "COINS_RESERVED", Op: "set the amount and its fees aside", Retryable: true,
		Advice: "wait until another swap ends, cancel an offer, or send coins to the wallet",
		Meta: map[string]string{
			"asset": string(asset), "missing": new(big.Int).Sub(need, have).String(), "have": have.String(), "need": need.String(),
		},
		Err: fmt.Errorf("%w: %w: %s needed, %s not reserved", adapters.ErrReserved, adapters.ErrInsufficientFunds, need, have),
	}
}

// notSent: the transaction has not left the process by this call.
func notSent(err error) error { return fmt.Errorf("%w: %w", adapters.ErrNotSent, err) }

// displaced: another transaction has the nonce, and either may be the one that is mined.
func displaced(reason, op, by, advice string) error {
	return &adapters.Error{
		Reason: reason, Op: op, Retryable: true, Advice: advice,
		Err: fmt.Errorf("%w: %s was announced for its nonce, and may lose to this one", adapters.ErrRejected, by),
	}
}

func paymentDisplaced(op, by string) error {
	return displaced("PAYMENT_DISPLACED", op, by, "sign it again once something else has used up its nonce for good")
}

func nonceTaken(op string) error {
	return &adapters.Error{
		Reason: "NONCE_TAKEN", Op: op, Retryable: true, Advice: "sign it again",
		Err: ErrNonceTaken,
	}
}

// refusal sorts a node's answer to a transaction. The texts are those of go-ethereum, which other nodes
// copy; what is not known counts as retryable, because giving up is the dangerous default.
func refusal(op string, err error) error {
	text := strings.ToLower(err.Error())
	e := &adapters.Error{Reason: "TX_REFUSED", Op: op, Retryable: true, Err: fmt.Errorf("%w: %w", adapters.ErrRejected, err)}
	switch {
	case strings.Contains(text, "insufficient funds"):
		e.Reason, e.Err = "INSUFFICIENT_FUNDS", fmt.Errorf("%w: %w", adapters.ErrInsufficientFunds, err)
	case strings.Contains(text, "replacement transaction underpriced"):
		e.Reason, e.Advice = "REPLACEMENT_UNDERPRICED", "a replacement has to pay a tenth more"
	case strings.Contains(text, "underpriced"), strings.Contains(text, "max fee per gas less than"):
		e.Reason, e.Advice = "FEE_TOO_LOW", "sign it again at the present fees"
	case strings.Contains(text, "invalid sender"), strings.Contains(text, "invalid chain id"),
		strings.Contains(text, "transaction type not supported"), strings.Contains(text, "intrinsic gas too low"),
		strings.Contains(text, "exceeds the configured cap"), strings.Contains(text, "exceeds block gas limit"):
		e.Retryable = false
	}
	return e
}

// definiteTexts are the answers by which nodes judge a transaction itself. Others speak of the node's state
// (a full pool, a limit of requests, another transaction at the nonce), and such a transaction may be at
// other nodes, or be taken the next moment.
var definiteTexts = []string{
	"insufficient funds", "insufficientfunds", "upfront cost exceeds account balance",
	"intrinsic gas", "intgastoolow", "floor data gas", "gas limit too high", "exceeds block gas limit", "gaslimitexceeded",
	"exceeds the configured cap", "higher than max fee per gas", "transaction type not supported", "oversized data",
	"invalid sender", "invalid chain id", "max fee per gas less than", "fee cap less than block base fee",
	"transaction underpriced", "gas price below", "feetoolow",
}

// definite reports whether a node's answer says that it will not take the transaction as it is.
func definite(err error) bool {
	if !answered(err) || known(err) || nonceTooLow(err) {
		return false
	}
	text := strings.ToLower(err.Error())
	if strings.Contains(text, "replacement transaction underpriced") {
		return false // another one is at its nonce
	}
	for _, part := range definiteTexts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// known reports whether the node says that it already has the transaction.
func known(err error) bool {
	text := strings.ToLower(err.Error())
	return strings.Contains(text, "already known") || strings.Contains(text, "known transaction") ||
		strings.Contains(text, "already imported")
}

func nonceTooLow(err error) bool {
	return strings.Contains(strings.ToLower(err.Error()), "nonce too low")
}
