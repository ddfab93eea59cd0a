package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/doctor"
)

// Limits bound what callers can use.
type Limits struct {
	MaxMessage  int
	MaxConns    int
	MaxStreams  int // on one connection
	MaxWatchers int
	CallTimeout time.Duration
	Rate        int // calls a second for one token
	// RefundWait is how long Refund waits for the refund to be sent.
	RefundWait time.Duration
}

// Options of a Server. Everything but Now and the limits is required.
type Options struct {
	Quoter   Quoter
	Agreer   Agreer
	Records  Records
	Swaps    Swaps
	Engine   Engine
	Journal  Journal
	Payments Payments
	Tokens   Tokens
	Requests Requests
	Payouts  Payouts
	Guards   Guards
	// Doctor looks at everything that a swap relies on.
	Doctor func(context.Context) doctor.Report
	Chains []Chain
	// Budget is the most that a redeem or refund of a leg may cost where the
	// owner says nothing.
	Budget func(leg htlc.Leg) htlc.Amount
	Info   Info
	// Feed is told of changes by the caller and read by Watch.
	Feed *Feed

	Certificate Certificate
	REST        bool
	Limits      Limits
	// GRPC is what else is done with every call: traces.
	GRPC []grpc.ServerOption

	// Shutdown asks the process to stop gracefully; it must not block.
	Shutdown func()
	// Fatal asks the process to stop because its state may be broken; it must
	// not block.
	Fatal func(error)
	Now   func() time.Time
	Log   *slog.Logger
}

func (o *Options) check() error {
	missing := o.Quoter == nil || o.Agreer == nil || o.Records == nil || o.Swaps == nil || o.Engine == nil ||
		o.Journal == nil || o.Payments == nil || o.Tokens == nil || o.Requests == nil || o.Payouts == nil || o.Guards == nil || o.Doctor == nil || o.Feed == nil || o.Budget == nil ||
		o.Shutdown == nil || o.Fatal == nil || o.Log == nil
	if missing {
		return errors.New("server: a part is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &o.Limits
	for _, d := range []struct {
		value *int
		or    int
	}{{&l.MaxMessage, 64 << 10}, {&l.MaxConns, 256}, {&l.MaxStreams, 64}, {&l.MaxWatchers, 64}, {&l.Rate, 50}} {
		if *d.value == 0 {
			*d.value = d.or
		}
	}
	if l.CallTimeout == 0 {
		l.CallTimeout = time.Minute
	}
	if l.RefundWait == 0 {
		l.RefundWait = 5 * time.Second
	}
	return nil
}
