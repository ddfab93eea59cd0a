package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"

	"google.golang.org/grpc/status"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/monitor/engine"
)

// sentinels maps errors to reasons; the first that fits counts.
var sentinels = []struct {
	err    error
	reason reason.Reason
}{
	{store.ErrRequestReused, reason.RequestIDReused},
	{store.ErrDataNewer, reason.DataNewer},
	{store.ErrWrongSeed, reason.WrongSeed},
	{store.ErrBadPage, reason.InvalidArgument},
	{store.ErrNotFound, reason.SwapNotFound},
	{store.ErrTakenOver, reason.StoreUnavailable},
	{store.ErrOutcomeUnknown, reason.StoreUnavailable},
	{store.ErrClosed, reason.ShuttingDown},
	{engine.ErrStopped, reason.ShuttingDown},
	{engine.ErrNoSwap, reason.SwapState},
	{htlc.ErrNotCancellable, reason.NotCancellable},
	{htlc.ErrTooTight, reason.TimeLockTooTight},
	{htlc.ErrFundBy, reason.TimeLockTooTight},
	{htlc.ErrTicketVersion, reason.TicketVersion},
	{htlc.ErrTicketKind, reason.TicketKind},
	{htlc.ErrTicketAltered, reason.TicketAltered},
	{htlc.ErrBadAmount, reason.InvalidArgument},
	{htlc.ErrBadAssetID, reason.UnknownAsset},
	{htlc.ErrBadChainID, reason.ForeignChain},
	{htlc.ErrBadHex, reason.InvalidArgument},
	{adapters.ErrReserved, reason.CoinsReserved},
	{adapters.ErrInsufficientFunds, reason.InsufficientFunds},
	{adapters.ErrDust, reason.AmountTooSmall},
	{adapters.ErrAmountTooLarge, reason.AmountTooLarge},
	{adapters.ErrBudget, reason.FeeOverBudget},
	{adapters.ErrBadAddress, reason.BadAddress},
	{adapters.ErrUnknownAsset, reason.UnknownAsset},
	{adapters.ErrWrongChain, reason.WrongChain},
	{adapters.ErrMismatch, reason.TermsInvalid},
	{adapters.ErrTooEarly, reason.RefundNotOpen},
	{adapters.ErrSpent, reason.SwapState},
	{adapters.ErrNotFunded, reason.NothingToRefund},
	{adapters.ErrNonceTaken, reason.TransactionRefused},
	{adapters.ErrRejected, reason.TransactionRefused},
	{adapters.ErrSignerUnreachable, reason.SignerUnreachable},
	{adapters.ErrSignerRefused, reason.SignerRefused},
	{adapters.ErrUnreachable, reason.NodeUnreachable},
	{adapters.ErrUnknownCursor, reason.ChainNotSynced},
	{context.DeadlineExceeded, reason.DeadlineExceeded},
	{context.Canceled, reason.DeadlineExceeded},
}

// reasoned are errors that know their reason; configuration and wallet have
// them.
type reasoned interface {
	error
	Reason() string
}

// refuse is an error that a handler gives.
func refuse(r reason.Reason, metadata map[string]string, format string, args ...any) error {
	return reason.Error(r, fmt.Sprintf(format, args...), metadata)
}

// reasonOf finds the reason and the metadata of an error of a port. Narrower
// sources come first: the service that judged, then what carries a reason of
// the API, then the sentinels.
func reasonOf(err error) (reason.Reason, map[string]string) {
	meta := metadataOf(err)
	var decided *agreement.Error
	if errors.As(err, &decided) && decided.Reason != agreement.Internal {
		return reason.Reason(decided.Reason), meta
	}
	var e *adapters.Error
	if errors.As(err, &e) {
		if r, known := reason.Told(e.Reason); known {
			return r, meta
		}
	}
	var own reasoned
	if errors.As(err, &own) {
		if r, known := reason.Told(own.Reason()); known {
			return r, meta
		}
	}
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			return s.reason, meta
		}
	}
	return reason.Internal, meta
}

// described is an error with what it is about.
type described struct {
	error
	meta map[string]string
}

func (d described) Unwrap() error               { return d.error }
func (d described) Metadata() map[string]string { return d.meta }

// about adds what a call was about to an error of its port, which may know
// better.
func about(err error, meta map[string]string) error {
	if err == nil {
		return nil
	}
	return described{err, meta}
}

// metadataOf gathers what an error and those that it wraps are about. What is
// deeper counts more: it knows what was really missing.
func metadataOf(err error) map[string]string {
	out := map[string]string{}
	gather(err, out)
	if len(out) == 0 {
		return nil
	}
	return out
}

func gather(err error, out map[string]string) {
	switch e := err.(type) { //nolint:errorlint // it walks the tree of errors itself
	case *agreement.Error:
		maps.Copy(out, e.Meta)
	case interface{ Metadata() map[string]string }:
		maps.Copy(out, e.Metadata())
	}
	switch e := err.(type) { //nolint:errorlint // it walks the tree of errors itself
	case interface{ Unwrap() error }:
		gather(e.Unwrap(), out)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			gather(inner, out)
		}
	}
}

// fail turns an error of a handler into the one that the caller gets. What is
// our own fault is logged in full and told in general: its text may hold
// anything.
func fail(ctx context.Context, log *slog.Logger, method string, err error) error {
	if err == nil {
		return nil
	}
	if reason.Carried(err) {
		return err
	}
	r, metadata := reasonOf(err)
	if r == reason.Internal {
		if st, ok := status.FromError(err); ok {
			if guess, _ := reason.Of(err); guess != reason.Internal {
				return reason.Error(guess, st.Message(), nil)
			}
		}
		log.ErrorContext(ctx, "call failed by a fault of this node", "method", method, "error", err)
		return reason.Error(reason.Internal, "a fault of this node; its log says more", metadata)
	}
	return reason.Error(r, err.Error(), metadata)
}
