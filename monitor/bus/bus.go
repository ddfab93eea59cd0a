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
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
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
	streamMaxAge  = time.Hour
	streamMaxMsgs = 100_000
	ackWait       = 5 * time.Second
)

// Bus is a connection to NATS.
type Bus struct {
	o      Options
	nc     *nats.Conn
	js     jetstream.JetStream
	stream string
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
// was deleted is made anew.
func (b *Bus) Publish(ctx context.Context, m Message) error {
	raw, err := EncodeMessage(m)
	if err != nil {
		return err
	}
	_, err = b.js.Publish(ctx, b.facts(m.Chain), raw)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if err := b.ensureStream(ctx); err != nil {
		return err
	}
	_, err = b.js.Publish(ctx, b.facts(m.Chain), raw)
	return err
}

// Consume hands each message of a chain that is published from now on to
// handle, in order, until ctx ends. Errors of handle are its own to mend: the
// bus does not send again.
func (b *Bus) Consume(ctx context.Context, chain htlc.ChainID, handle func(context.Context, Message) error) error {
	for ctx.Err() == nil {
		err := b.consumeOnce(ctx, chain, handle)
		if ctx.Err() != nil {
			break
		}
		b.o.Log.Warn("bus consumer restarts", "chain", chain, "error", err)
		if err := b.ensureStream(ctx); err != nil {
			b.o.Log.Warn("bus stream", "error", err)
		}
		pause(ctx, 200*time.Millisecond)
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

func (b *Bus) consumeOnce(ctx context.Context, chain htlc.ChainID, handle func(context.Context, Message) error) error {
	consumer, err := b.js.OrderedConsumer(ctx, b.stream, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{b.facts(chain)},
		DeliverPolicy:  jetstream.DeliverNewPolicy,
	})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullHeartbeat(ackWait))
	if err != nil {
		return err
	}
	var once sync.Once
	stop := func() { once.Do(messages.Stop) }
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	for {
		msg, err := messages.Next()
		if errors.Is(err, jetstream.ErrNoHeartbeat) {
			if _, err := b.js.Stream(ctx, b.stream); err != nil {
				return fmt.Errorf("the stream is gone: %w", err)
			}
			continue
		}
		if err != nil {
			return err
		}
		m, err := DecodeMessage(msg.Data())
		if err != nil || m.Chain != chain {
			b.o.Log.Error("bus message dropped", "chain", chain, "error", err)
			continue
		}
		if err := handle(ctx, m); err != nil && ctx.Err() == nil {
			b.o.Log.Warn("bus message not applied", "chain", chain, "error", err)
		}
	}
}

// Ask sends a request to the watcher of a chain and waits for the reply.
func (b *Bus) Ask(ctx context.Context, chain htlc.ChainID, r Request) (Reply, error) {
	raw, err := json.Marshal(r)
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
		return reply, fmt.Errorf("watcher of %s, %s: %s", chain, r.Op, reply.Error)
	}
	return reply, nil
}

// Serve answers the requests for a chain, one at a time, until ctx ends.
func (b *Bus) Serve(ctx context.Context, chain htlc.ChainID, answer func(context.Context, Request) (Reply, error)) error {
	sub, err := b.nc.SubscribeSync(b.requests(chain))
	if err != nil {
		return fmt.Errorf("serve requests of %s: %w", chain, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	for {
		msg, err := sub.NextMsgWithContext(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("serve requests of %s: %w", chain, err)
		}
		var request Request
		reply := Reply{}
		if err := json.Unmarshal(msg.Data, &request); err != nil {
			reply.Error = fmt.Sprintf("%v: %v", ErrMessage, err)
		} else if reply, err = answer(ctx, request); err != nil {
			reply.Error = err.Error()
		}
		raw, err := EncodeReply(reply)
		if err != nil {
			return err
		}
		if err := msg.Respond(raw); err != nil {
			b.o.Log.Warn("bus reply", "chain", chain, "error", err)
		}
	}
}
