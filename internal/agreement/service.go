package agreement

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/kofo-network/kofo/htlc"
)

// Bounds and defaults of Options.
const (
	MinValidFor     = 10 * time.Second
	MaxValidFor     = 24 * time.Hour
	DefaultValidFor = 30 * time.Minute
	DefaultGrace    = 10 * time.Minute
	DefaultMaxLock  = 72 * time.Hour
	DefaultOutage   = 2 * 60 * 60 // seconds

	answerTimeout = 15 * time.Second
	bindAttempts  = 3
	tickWorkers   = 4
)

// Profile is a chain's policy: what offers are made with, and the least that
// the Terms of others must allow.
type Profile struct {
	MinConfirmations uint32
	// Steps deepen it by amount: for each asset from the smallest amount to the
	// largest, no step less deep than the one before.
	Steps  []DepthStep
	Timing htlc.Timing
}

// Chain is one chain as agreements see it.
type Chain struct {
	ID       htlc.ChainID
	Profile  Profile
	Reserver Reserver
	Prover   Prover
	// Suspended says why nothing new is begun on the chain, empty where it is;
	// it may be nil.
	Suspended func() string
}

// Options of a Service. Zero durations take the defaults.
type Options struct {
	Chains   []Chain
	Identity Identity
	Secrets  Secrets
	Store    Store
	Swaps    Swaps
	Peers    Peers
	Now      func() time.Time // decides on accept-by only
	Random   io.Reader        // for salts
	Log      *slog.Logger
	// Changed is told of every record that was stored; it must not block. It
	// may be nil.
	Changed func(Record)

	// Room is asked before this node binds itself to anything new; its error
	// refuses that as DISK_FULL. It may be nil.
	Room func() error
	// Parties are the only ones that swaps are agreed with; any where empty.
	Parties []htlc.PartyID

	// ReplyTo is this node's own address in its tickets; empty: by hand.
	ReplyTo string
	// Outage is what offers grant, in seconds, and the least to be accepted.
	Outage uint32
	// ValidFor is how long a ticket can be accepted where nothing is said.
	ValidFor time.Duration
	// Grace is how long after accept-by a countersignature is waited for.
	Grace time.Duration
	// MaxLock is how long our coins may be locked if the swap fails.
	MaxLock time.Duration
}

// Service is the agreement of one node. It may be used by many goroutines.
type Service struct {
	opts   Options
	chains map[htlc.ChainID]Chain
	locks  *locks
	pauses *pauses
}

// New checks the options. A chain that is no test network is refused.
func New(o Options) (*Service, error) {
	o.defaults()
	if o.Identity == nil || o.Secrets == nil || o.Store == nil || o.Swaps == nil || o.Peers == nil ||
		o.Now == nil || o.Random == nil || o.Log == nil {
		return nil, errors.New("agreement: a part is missing")
	}
	if o.ValidFor < MinValidFor || o.ValidFor > MaxValidFor {
		return nil, fmt.Errorf("agreement: tickets valid for %s, must be %s to %s", o.ValidFor, MinValidFor, MaxValidFor)
	}
	s := &Service{opts: o, chains: map[htlc.ChainID]Chain{}, locks: newLocks(), pauses: newPauses()}
	for _, c := range o.Chains {
		if err := CheckNetwork(c.ID); err != nil {
			return nil, err
		}
		if c.Reserver == nil || c.Prover == nil || c.Profile.MinConfirmations == 0 {
			return nil, fmt.Errorf("agreement: chain %s lacks a part or a depth", c.ID)
		}
		s.chains[c.ID] = c
	}
	return s, nil
}

func (o *Options) defaults() {
	for _, d := range []struct {
		value *time.Duration
		or    time.Duration
	}{{&o.ValidFor, DefaultValidFor}, {&o.Grace, DefaultGrace}, {&o.MaxLock, DefaultMaxLock}} {
		if *d.value == 0 {
			*d.value = d.or
		}
	}
	if o.Outage == 0 {
		o.Outage = DefaultOutage
	}
}

// Find returns the record of an offer or a swap.
func (s *Service) Find(ctx context.Context, id [32]byte) (Record, error) {
	r, err := s.opts.Store.Find(ctx, Key{Offer: id})
	if errors.Is(err, ErrNotFound) {
		r, err = s.opts.Store.Find(ctx, Key{Swap: id})
	}
	return r, stored(err)
}

// insert stores a new record.
func (s *Service) insert(ctx context.Context, r Record) (Record, error) {
	r.CreatedAt = s.opts.Now()
	r.UpdatedAt = r.CreatedAt
	if err := s.opts.Store.Insert(ctx, r); err != nil {
		return r, err
	}
	s.changed(r)
	return r, nil
}

// update stores a record whose state was from.
func (s *Service) update(ctx context.Context, r Record, from State) (Record, error) {
	r.UpdatedAt = s.opts.Now()
	if err := s.opts.Store.Update(ctx, r, from); err != nil {
		return r, stored(err)
	}
	if r.State != from {
		s.opts.Log.InfoContext(ctx, "agreement changed", "offer", r.ID().String(), "initiator", r.Initiator,
			"from", string(from), "to", string(r.State), "cause", string(r.Cause))
	}
	s.changed(r)
	return r, nil
}

func (s *Service) changed(r Record) {
	if s.opts.Changed != nil {
		s.opts.Changed(r)
	}
}

// locked runs f with the record of an offer, as it is now, while nothing else
// in this process works on it.
func (s *Service) locked(ctx context.Context, id htlc.Salt, f func(Record) (Record, error)) (Record, error) {
	unlock, err := s.locks.lock(ctx, id)
	if err != nil {
		return Record{}, explain("waiting for another call about the same offer", err)
	}
	defer unlock()
	r, err := s.opts.Store.Find(ctx, Key{Offer: id})
	if err != nil {
		return Record{}, stored(err)
	}
	return f(r)
}

// chain is that of an asset, if this node serves it.
func (s *Service) chain(asset htlc.AssetID) (Chain, error) {
	id := asset.Chain()
	if c, ok := s.chains[id]; ok {
		return c, nil
	}
	if _, ok := mainnets[id]; ok {
		return Chain{}, CheckNetwork(id)
	}
	return Chain{}, refuse(ForeignChain, map[string]string{"chain": string(id)}, "this node does not serve chain %s", id)
}
