package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"runtime/debug"
	"sync"
	"time"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/internal/store"
)

// unary is every interceptor of a call, in order.
func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (answer any, err error) {
	began := s.o.Now()
	defer func() {
		if p := recover(); p != nil {
			answer, err = nil, s.panicked(ctx, info.FullMethod, p)
		}
		err = fail(ctx, s.o.Log, info.FullMethod, err)
		s.logCall(ctx, info.FullMethod, began, err)
	}()
	if s.isDraining() {
		return nil, errShuttingDown()
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Limits.CallTimeout)
	defer cancel()
	if ctx, err = s.gate.admit(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	message, ok := req.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("request of type %T", req)
	}
	if err := s.validate(message); err != nil {
		return nil, err
	}
	if !calls[info.FullMethod].mutating {
		return handler(ctx, req)
	}
	return s.once(ctx, message, info.FullMethod, handler)
}

// streaming is every interceptor of a stream, in order.
func (s *Server) streaming(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	ctx, began := ss.Context(), s.o.Now()
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked(ctx, info.FullMethod, p)
		}
		err = fail(ctx, s.o.Log, info.FullMethod, err)
		s.logCall(ctx, info.FullMethod, began, err)
	}()
	if s.isDraining() {
		return errShuttingDown()
	}
	if ctx, err = s.gate.admit(ctx, info.FullMethod); err != nil {
		return err
	}
	if calls[info.FullMethod].scope == scopeNone {
		return handler(srv, ss)
	}
	ctx, leave := s.gate.follow(ctx)
	defer leave()
	// Between its look-up and here the token may have been revoked.
	if err := s.gate.still(ctx); err != nil {
		return err
	}
	err = handler(srv, &checkedStream{ServerStream: ss, ctx: ctx, validate: s.validate})
	if cause := context.Cause(ctx); cause != nil && ss.Context().Err() == nil && reason.Carried(cause) {
		return cause // the token ended, not the caller
	}
	return err
}

// checkedStream validates what comes in.
type checkedStream struct {
	grpc.ServerStream
	ctx      context.Context
	validate func(proto.Message) error
}

func (c *checkedStream) Context() context.Context { return c.ctx }

func (c *checkedStream) RecvMsg(m any) error {
	if err := c.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	if message, ok := m.(proto.Message); ok {
		return c.validate(message)
	}
	return nil
}

// ruleTexts say a rule where the one made from the protos is hard to read.
var ruleTexts = map[string]string{"valid_for": "a ticket is valid for at least 10s and at most 24h"}

// validate applies the rules of the protos.
func (s *Server) validate(m proto.Message) error {
	err := s.rules.Validate(m)
	var broken *protovalidate.ValidationError
	if errors.As(err, &broken) && len(broken.Violations) > 0 {
		v := broken.Violations[0].Proto
		field := protovalidate.FieldPathString(v.GetField())
		text := v.GetMessage()
		if own, ok := ruleTexts[field]; ok {
			text = own
		}
		return refuse(reason.InvalidArgument, map[string]string{reason.KeyField: field}, "%s: %s", field, text)
	}
	if err != nil {
		return fmt.Errorf("check the request: %w", err)
	}
	return nil
}

// panicked logs a panic. After one in a mutating call the process must end;
// see the package's documentation.
func (s *Server) panicked(ctx context.Context, method string, p any) error {
	s.o.Log.ErrorContext(ctx, "panic in a call", "method", method, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	s.panics.Add(1)
	if calls[method].mutating {
		s.o.Fatal(fmt.Errorf("panic in %s: %v", method, p))
	}
	return reason.Error(reason.Internal, "a fault of this node; its log says more", nil)
}

// logCall notes a call, without anything of its content.
func (s *Server) logCall(ctx context.Context, method string, began time.Time, err error) {
	level := slog.LevelDebug
	if calls[method].mutating || err != nil {
		level = slog.LevelInfo
	}
	r, _ := reason.Of(err)
	s.o.Log.Log(ctx, level, "call", "method", path.Base(method), "token", callerOf(ctx).ID,
		"code", status.Code(err).String(), "reason", string(r), "took", s.o.Now().Sub(began).String())
}

// flights keeps two calls with one request id from running at the same time
// in this process.
type flights struct {
	mu   sync.Mutex
	held map[store.RequestKey]chan struct{}
}

// take waits until no other call has the key.
func (f *flights) take(ctx context.Context, key store.RequestKey) (release func(), err error) {
	for {
		f.mu.Lock()
		busy, taken := f.held[key]
		if !taken {
			done := make(chan struct{})
			f.held[key] = done
			f.mu.Unlock()
			return func() {
				f.mu.Lock()
				delete(f.held, key)
				f.mu.Unlock()
				close(done)
			}, nil
		}
		f.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// once executes a mutating call, or gives the answer that it had before.
// Refused calls are forgotten: they changed nothing, and may be corrected. A
// call that a crash cut off is executed again; the ports are idempotent.
func (s *Server) once(ctx context.Context, req proto.Message, method string, handler grpc.UnaryHandler) (any, error) {
	id := requestID(req)
	key := store.RequestKey{Caller: callerOf(ctx).ID, ID: id}
	release, err := s.flights.take(ctx, key)
	if err != nil {
		return nil, err
	}
	defer release()
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	state, stored, err := s.o.Requests.BeginRequest(ctx, key, method, sha256.Sum256(content))
	if err != nil {
		if errors.Is(err, store.ErrRequestReused) {
			return nil, refuse(reason.RequestIDReused, map[string]string{reason.KeyRequestID: id}, "the request id was used for another request")
		}
		return nil, err
	}
	if state == store.RequestDone {
		return decodeAnswer(method, stored)
	}
	answer, err := handler(ctx, req)
	// What was done must be noted even if the caller went away.
	ctx = context.WithoutCancel(ctx)
	if err != nil || !final(answer) {
		if forget := s.o.Requests.ForgetRequest(ctx, key); forget != nil {
			s.o.Log.WarnContext(ctx, "request not forgotten", "method", method, "error", forget)
		}
		return answer, err
	}
	return answer, s.finish(ctx, key, answer)
}

// finish stores the answer, without what must not be stored.
func (s *Server) finish(ctx context.Context, key store.RequestKey, answer any) error {
	message, ok := answer.(proto.Message)
	if !ok {
		return fmt.Errorf("answer of type %T", answer)
	}
	if made, ok := message.(*kofov1.CreateTokenResponse); ok {
		message = &kofov1.CreateTokenResponse{Token: made.GetToken()}
	}
	raw, err := proto.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return s.o.Requests.FinishRequest(ctx, key, raw)
}

// final reports whether a repetition shall get this answer. An acceptance that
// was not delivered shall be tried again.
func final(answer any) bool {
	accepted, ok := answer.(*kofov1.AcceptResponse)
	return !ok || accepted.GetUndelivered() == nil
}

func requestID(req proto.Message) string {
	fields := req.ProtoReflect()
	if f := fields.Descriptor().Fields().ByName("request_id"); f != nil {
		return fields.Get(f).String()
	}
	return ""
}

// answers makes the empty answer of each mutating call.
var answers = map[string]func() proto.Message{
	kofov1.SettlementService_Offer_FullMethodName:       func() proto.Message { return &kofov1.OfferResponse{} },
	kofov1.SettlementService_Accept_FullMethodName:      func() proto.Message { return &kofov1.AcceptResponse{} },
	kofov1.SettlementService_Countersign_FullMethodName: func() proto.Message { return &kofov1.CountersignResponse{} },
	kofov1.SettlementService_Complete_FullMethodName:    func() proto.Message { return &kofov1.CompleteResponse{} },
	kofov1.SettlementService_Cancel_FullMethodName:      func() proto.Message { return &kofov1.CancelResponse{} },
	kofov1.SettlementService_Refund_FullMethodName:      func() proto.Message { return &kofov1.RefundResponse{} },
	kofov1.SettlementService_RaiseBudget_FullMethodName: func() proto.Message { return &kofov1.RaiseBudgetResponse{} },
	kofov1.WalletService_Withdraw_FullMethodName:        func() proto.Message { return &kofov1.WithdrawResponse{} },
	kofov1.WalletService_Split_FullMethodName:           func() proto.Message { return &kofov1.SplitResponse{} },
	kofov1.WalletService_AddPayout_FullMethodName:       func() proto.Message { return &kofov1.AddPayoutResponse{} },
	kofov1.WalletService_RemovePayout_FullMethodName:    func() proto.Message { return &kofov1.RemovePayoutResponse{} },
	kofov1.ChainService_Resume_FullMethodName:           func() proto.Message { return &kofov1.ResumeResponse{} },
	kofov1.NodeService_Shutdown_FullMethodName:          func() proto.Message { return &kofov1.ShutdownResponse{} },
	kofov1.TokenService_CreateToken_FullMethodName:      func() proto.Message { return &kofov1.CreateTokenResponse{} },
	kofov1.TokenService_RevokeToken_FullMethodName:      func() proto.Message { return &kofov1.RevokeTokenResponse{} },
}

func decodeAnswer(method string, raw []byte) (any, error) {
	make, ok := answers[method]
	if !ok {
		return nil, fmt.Errorf("no answer of %s is known", method)
	}
	answer := make()
	if err := proto.Unmarshal(raw, answer); err != nil {
		return nil, fmt.Errorf("the stored answer: %w", err)
	}
	return answer, nil
}
