package bus

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kofo-network/kofo/htlc"
)

// Bounds of what a watcher does at a time. A scan may take long; it must not
// hold up the others.
const (
	serveAtOnce    = 4
	answerTimeout  = time.Minute
	pendingAsks    = 4096
	pendingAskSize = 32 << 20
)

// Serve answers the requests for a chain, a few at a time, until ctx ends.
// The caller gets each request once it is decoded and answers it within a
// minute.
func (b *Bus) Serve(ctx context.Context, chain htlc.ChainID, answer func(context.Context, Request) (Reply, error)) error {
	sub, err := b.nc.SubscribeSync(b.requests(chain))
	if err != nil {
		return fmt.Errorf("serve requests of %s: %w", chain, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := sub.SetPendingLimits(pendingAsks, pendingAskSize); err != nil {
		return fmt.Errorf("serve requests of %s: %w", chain, err)
	}
	var busy sync.WaitGroup
	defer busy.Wait()
	slots := make(chan struct{}, serveAtOnce)
	for {
		msg, err := sub.NextMsgWithContext(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && b.nc.IsClosed():
			return fmt.Errorf("serve requests of %s: %w", chain, err)
		case err != nil: // such as a slow consumer: the askers try again
			b.o.Log.Warn("bus requests", "chain", string(chain), "error", err)
			pause(ctx, 10*time.Millisecond)
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		busy.Go(func() {
			b.serve(ctx, chain, msg, answer)
			<-slots
		})
	}
}

func (b *Bus) serve(ctx context.Context, chain htlc.ChainID, msg *nats.Msg, answer func(context.Context, Request) (Reply, error)) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	request, err := DecodeRequest(msg.Data)
	reply := Reply{}
	if err == nil {
		reply, err = answer(ctx, request)
	}
	if err != nil {
		reply.Error = err.Error()
	}
	raw, err := EncodeReply(reply)
	if err == nil && len(raw) > b.room() {
		raw, err = EncodeReply(Reply{Error: fmt.Sprintf("the reply has %d bytes, more than the server's %d", len(raw), b.room())})
	}
	if err == nil {
		err = msg.Respond(raw)
	}
	if err != nil && ctx.Err() == nil {
		b.o.Log.Warn("bus reply", "chain", string(chain), "error", err)
	}
}
