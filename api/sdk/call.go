package sdk

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

// Waiting times between attempts: doubled from the first to the last.
const (
	firstWait = 100 * time.Millisecond
	lastWait  = 5 * time.Second
)

// NewRequestID makes a random UUID (version 4).
func NewRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program instead
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// fillRequestID gives a request without an id a copy with one. The caller's
// message stays as it is: sending it again is another request.
func fillRequestID(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if message, ok := req.(proto.Message); ok {
		reflected := message.ProtoReflect()
		field := reflected.Descriptor().Fields().ByName("request_id")
		if field != nil && field.Kind() == protoreflect.StringKind && reflected.Get(field).String() == "" {
			message = proto.Clone(message)
			message.ProtoReflect().Set(field, protoreflect.ValueOfString(NewRequestID()))
			req = message
		}
	}
	return invoke(ctx, method, req, reply, conn, opts...)
}

// once lists the calls whose answer a repetition can't give again.
func once(method string) bool { return method == kofov1.TokenService_CreateToken_FullMethodName }

// retry repeats a call that the network lost. Reading calls change nothing and
// mutating ones have a request id, so a repetition is safe even where the
// first attempt was executed.
func retry(attempts int) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		wait := firstWait
		for n := 1; ; n++ {
			err := invoke(ctx, method, req, reply, conn, opts...)
			if err == nil || n >= attempts || once(method) || !lost(err) {
				return err
			}
			if pause(ctx, wait) != nil {
				return err
			}
			wait = min(2*wait, lastWait)
		}
	}
}

// lost reports whether the network failed, and not the node.
func lost(err error) bool {
	return status.Code(err) == codes.Unavailable && !reason.Carried(err)
}

// pause waits for about d, so that many clients don't come back at once.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d/2 + mathrand.N(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
