// Package reason holds the reasons of Kofo's errors: names that stay the same
// over versions, by which programs decide what to do. Node, command line and
// SDK share it.
//
// On the wire a reason stands in a google.rpc.ErrorInfo among the details of
// the status; see Error and Of.
package reason

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Domain is that of every ErrorInfo.
const Domain = "kofo.network"

// Reason says what went wrong. The empty reason is no error of Kofo's.
type Reason string

// Keys of the metadata of an error.
const (
	KeyAsset     = "asset"
	KeyHave      = "have"      // base units
	KeyNeed      = "need"      // base units
	KeyMissing   = "missing"   // base units
	KeyAmount    = "amount"    // base units
	KeyRemaining = "remaining" // base units
	KeyMin       = "min"       // base units
	KeyMax       = "max"       // base units
	KeyChain     = "chain"
	KeyField     = "field"
	KeySwapID    = "swap_id"
	KeyOfferID   = "offer_id"
	KeyRequestID = "request_id"
	KeyLeg       = "leg"
	KeyAt        = "at" // RFC 3339
	KeyScope     = "scope"
)

// Code is the gRPC code that the reason travels under; Internal for one that
// is not listed.
func (r Reason) Code() codes.Code {
	if info, ok := Lookup(r); ok {
		return info.Code
	}
	return codes.Internal
}

// Lookup says more of a reason.
func Lookup(r Reason) (Info, bool) {
	for _, g := range groups {
		for _, info := range g.Infos {
			if info.Reason == r {
				return info, true
			}
		}
	}
	return Info{}, false
}

// All lists every reason, for tables and tests.
func All() []Info {
	var out []Info
	for _, g := range groups {
		out = append(out, g.Infos...)
	}
	return out
}

// Groups lists every reason under its heading.
func Groups() []Group { return slices.Clone(groups) }

// The exit codes of the command line that an error with a reason ends in.
const (
	ExitRefused     = 3
	ExitUnreachable = 4
)

// ExitCode is what kofo ends with where it gets no answer for this reason, or
// one that refuses. (The two of ExitUnreachable end as refused where a node has
// answered and says so of a chain's back end or of the other party's node.)
func (r Reason) ExitCode() int {
	if r == NodeUnreachable || r == DeadlineExceeded {
		return ExitUnreachable
	}
	return ExitRefused
}

// Error makes the error that a call returns. The text is for people and must
// hold no secret; the metadata may be nil.
func Error(r Reason, text string, metadata map[string]string) error {
	return Status(r, text, metadata).Err()
}

// Status is Error before it becomes an error.
func Status(r Reason, text string, metadata map[string]string) *status.Status {
	plain := status.New(r.Code(), text)
	full, err := plain.WithDetails(&errdetails.ErrorInfo{
		Reason: string(r), Domain: Domain, Metadata: metadata,
	})
	if err != nil {
		// Only where text or metadata are no UTF-8; the code still tells much.
		return status.New(r.Code(), fmt.Sprintf("%s (%q)", r, text))
	}
	return full
}

// Of returns the reason of an error and its metadata. Errors that carry none,
// such as those of the connection, get the reason that their code stands for.
// It is empty where err is nil or no error of a call.
func Of(err error) (Reason, map[string]string) {
	if err == nil {
		return "", nil
	}
	if info := errorInfo(err); info != nil {
		return Reason(info.GetReason()), info.GetMetadata()
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return DeadlineExceeded, nil
	}
	if st, ok := status.FromError(err); ok {
		return byCode(st.Code()), nil
	}
	return "", nil
}

// Carried reports whether the error holds a reason given by a node, and not
// one that Of guessed from its code.
func Carried(err error) bool { return errorInfo(err) != nil }

func errorInfo(err error) *errdetails.ErrorInfo {
	st, ok := status.FromError(err)
	if err == nil || !ok {
		return nil
	}
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == Domain {
			return info
		}
	}
	return nil
}

func byCode(code codes.Code) Reason {
	switch code {
	case codes.OK:
		return ""
	case codes.Unavailable:
		return NodeUnreachable
	case codes.DeadlineExceeded, codes.Canceled:
		return DeadlineExceeded
	case codes.Unauthenticated:
		return Unauthenticated
	case codes.PermissionDenied:
		return PermissionDenied
	case codes.InvalidArgument, codes.OutOfRange:
		return InvalidArgument
	case codes.ResourceExhausted:
		return RateLimited
	case codes.Unimplemented:
		return NotImplemented
	default:
		return Internal
	}
}
