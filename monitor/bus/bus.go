// Package bus carries what watchers see to the engine, over NATS, and the
// engine's requests to the watchers.
//
// The bus carries and wakes; it decides nothing. Messages may be lost,
// doubled or late: the engine notices a gap by heights and parents and asks
// the watcher to follow again from its cursor. So the stream may live in
// memory, and deleting it loses nothing.
//
// The caller owes it: Close after the contexts of Consume and Serve ended.
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kofo-network/kofo/htlc"
)

// Options of a Bus.
type Options struct {
	URL string // of the server or cluster
	// Conn is used in place of URL where the server is in this process.
	Conn nats.InProcessConnProvider
	// Prefix keeps the nodes that share a cluster apart.
	Prefix string
	// Replicas of the stream; 1 on a single server, 3 on a cluster.
	Replicas int
	// Credentials is the path of a NATS credentials file, or empty.
	Credentials string
	Log         *slog.Logger
}

// Bounds of the stream. What falls out of it is asked for again.
const (
	streamMaxAge   = time.Hour
	streamMaxMsgs  = 100_000
	streamMaxBytes = 128 << 20
)

// heartbeat is how often the server tells an idle consumer that it is alive.
// After two missing ones the consumer is made anew.
const heartbeat = time.Second

// restartPause keeps a failing server from being asked without a rest.
const restartPause = 100 * time.Millisecond

// ackWait is how long a message waits for the stream's word before the stream is
// looked at and the message sent again; the engine knows a doubled one.
const ackWait = 2 * time.Second

// pullAhead bounds what the server sends before the engine has taken it.
const pullAhead = 256

// Bus is a connection to NATS.
type Bus struct {
	o      Options
	nc     *nats.Conn
	js     jetstream.JetStream
	stream string
	group  atomic.Uint64 // numbers the messages that were cut into parts
}

// Open connects and makes sure that the stream exists.
func Open(ctx context.Context, o Options) (*Bus, error) {
	if o.Prefix == "" || strings.ContainsAny(o.Prefix, ". *>") {
		return nil, fmt.Errorf("bus prefix %q: must be one word without . * >", o.Prefix)
	}
	opts := []nats.Option{nats.Name("kofo " + o.Prefix), nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond)}
	if o.Conn != nil {
		opts = append(opts, nats.InProcessServer(o.Conn))
	}
	if o.Credentials != "" {
		opts = append(opts, nats.UserCredentials(o.Credentials))
	}
	nc, err := nats.Connect(o.URL, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to nats %q: %w", o.URL, err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("jetstream: %w", err)
	}
	b := &Bus{o: o, nc: nc, js: js, stream: "KOFO_" + o.Prefix}
	if err := b.ensureStream(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	return b, nil
}

// Close ends the connection.
func (b *Bus) Close() { b.nc.Close() }

func (b *Bus) ensureStream(ctx context.Context) error {
	_, err := b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:      b.stream,
		Subjects:  []string{"kofo.v1." + b.o.Prefix + ".facts.*"},
		Storage:   jetstream.MemoryStorage,
		Retention: jetstream.LimitsPolicy,
		Discard:   jetstream.DiscardOld,
		MaxAge:    streamMaxAge,
		MaxMsgs:   streamMaxMsgs,
		MaxBytes:  streamMaxBytes,
		Replicas:  max(b.o.Replicas, 1),
	})
	if err != nil {
		return fmt.Errorf("stream %s: %w", b.stream, err)
	}
	return nil
}

// DeleteStream removes the stream. Operators and tests may do so at any time:
// publishers and consumers make it anew.
func (b *Bus) DeleteStream(ctx context.Context) error { return b.js.DeleteStream(ctx, b.stream) }

// Healthy reports whether the connection is up.
func (b *Bus) Healthy() bool { return b.nc.IsConnected() }

func (b *Bus) facts(chain htlc.ChainID) string {
	return "kofo.v1." + b.o.Prefix + ".facts." + token(chain)
}

func (b *Bus) requests(chain htlc.ChainID) string {
	return "kofo.v1." + b.o.Prefix + ".watch." + token(chain)
}

// token makes one subject token of a CAIP-2 id.
func token(chain htlc.ChainID) string { return strings.ReplaceAll(string(chain), ":", "_") }

// Publish sends a message and returns when the stream has it. A stream that
// was deleted is made anew. A message larger than the server takes is sent in
// parts.
func (b *Bus) Publish(ctx context.Context, m Message) error {
	raw, err := EncodeMessage(m)
	if err != nil {
		return err
	}
	subject := b.facts(m.Chain)
	for _, part := range cut(subject, raw, b.room(), b.group.Add(1)) {
		if err := b.publish(ctx, part); err != nil {
			return fmt.Errorf("publish %d bytes for %s: %w", len(raw), m.Chain, err)
		}
	}
	return nil
}

func (b *Bus) publish(ctx context.Context, msg *nats.Msg) error {
	err := b.acknowledged(ctx, msg)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if err := b.ensureStream(ctx); err != nil {
		return err
	}
	return b.acknowledged(ctx, msg)
}

// acknowledged does not wait for as long as the caller has: a stream that is
// deleted while it takes a message never answers, and the watcher would stand
// still meanwhile.
func (b *Bus) acknowledged(ctx context.Context, msg *nats.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, ackWait)
	defer cancel()
	_, err := b.js.PublishMsg(ctx, msg)
	return err
}

// room is how much of a message the server takes, less its headers.
func (b *Bus) room() int { return max(int(b.nc.MaxPayload())-1024, 1024) }

// Consume hands each message of a chain that is published from now on to
// handle, in order, until ctx ends. Errors of handle are its own to mend: the
// bus does not send again.
//
// Whenever it begins to listen, at first and after a failure, it hands over
// a message that is neither a step nor a sighting: what was published before
// is lost, and what is published from then on will come.
func (b *Bus) Consume(ctx context.Context, chain htlc.ChainID, handle func(context.Context, Message) error) error {
	for ctx.Err() == nil {
		b.consumeOnce(ctx, chain, handle)
		pause(ctx, restartPause)
		if err := b.ensureStream(ctx); err != nil && ctx.Err() == nil {
			b.o.Log.Warn("bus stream", "error", err)
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// consumeOnce listens until the first failure. The consumer is a plain one
// that acknowledges nothing: order and completeness are checked by the engine.
func (b *Bus) consumeOnce(ctx context.Context, chain htlc.ChainID, handle func(context.Context, Message) error) {
	log := b.o.Log.With("chain", string(chain))
	messages, err := b.listen(ctx, chain)
	if err != nil {
		if ctx.Err() == nil {
			log.Warn("bus consumer", "error", err)
		}
		return
	}
	defer messages.Stop()
	hand := func(m Message) {
		if err := handle(ctx, m); err != nil && ctx.Err() == nil {
			log.Debug("bus message not applied", "error", err)
		}
	}
	hand(Message{Chain: chain})
	var parts joiner
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			if ctx.Err() == nil {
				log.Warn("bus consumer restarts", "error", err)
			}
			return
		}
		raw, whole := parts.add(msg.Headers(), msg.Data())
		if !whole {
			continue
		}
		m, err := DecodeMessage(raw)
		if err == nil && m.Chain != chain {
			err = fmt.Errorf("%w: it is of chain %q", ErrMessage, m.Chain)
		}
		if err != nil {
			log.Error("bus message dropped", "error", err)
			continue
		}
		hand(m)
	}
}

func (b *Bus) listen(ctx context.Context, chain htlc.ChainID) (jetstream.MessagesContext, error) {
	consumer, err := b.js.CreateConsumer(ctx, b.stream, jetstream.ConsumerConfig{
		FilterSubject:     b.facts(chain),
		DeliverPolicy:     jetstream.DeliverNewPolicy,
		AckPolicy:         jetstream.AckNonePolicy,
		InactiveThreshold: time.Minute,
		MemoryStorage:     true,
		Replicas:          1,
	})
	if err != nil {
		return nil, err
	}
	return consumer.Messages(jetstream.PullHeartbeat(heartbeat), jetstream.PullMaxMessages(pullAhead))
}

// ErrRefused is returned by Ask where the watcher answered with a failure.
var ErrRefused = errors.New("the watcher could not do it")

// Ask sends a request to the watcher of a chain and waits for the reply.
func (b *Bus) Ask(ctx context.Context, chain htlc.ChainID, r Request) (Reply, error) {
	raw, err := EncodeRequest(r)
	if err != nil {
		return Reply{}, err
	}
	msg, err := b.nc.RequestWithContext(ctx, b.requests(chain), raw)
	if err != nil {
		return Reply{}, fmt.Errorf("ask the watcher of %s to %s: %w", chain, r.Op, err)
	}
	reply, err := DecodeReply(msg.Data)
	if err != nil {
		return Reply{}, err
	}
	if reply.Error != "" {
		return reply, fmt.Errorf("watcher of %s, %s: %w: %s", chain, r.Op, ErrRefused, reply.Error)
	}
	return reply, nil
}
