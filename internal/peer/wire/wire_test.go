package wire

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	peerv1 "github.com/kofo-network/kofo/api/gen/kofo/peer/v1"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
)

type answerFunc func(offer htlc.Salt, acceptance string) (string, error)

func (f answerFunc) Answer(_ context.Context, offer htlc.Salt, acceptance string) (string, error) {
	return f(offer, acceptance)
}

// fixed is a connection to a peer that always answers the same.
type fixed struct {
	grpc.ClientConnInterface
	response *peerv1.AnswerResponse
}

func (f fixed) Invoke(_ context.Context, _ string, _, reply any, _ ...grpc.CallOption) error {
	proto.Merge(reply.(*peerv1.AnswerResponse), f.response)
	return nil
}

func TestMalformedResponses(t *testing.T) {
	for name, r := range map[string]*peerv1.AnswerResponse{
		"empty":     {},
		"version":   {Version: 2, Result: &peerv1.AnswerResponse_Countersignature{Countersignature: []byte("x")}},
		"no result": {Version: 1},
	} {
		if _, err := Answer(context.Background(), fixed{response: r}, htlc.Salt{1}, "x", ""); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var no *agreement.Refusal
	r := &peerv1.AnswerResponse{Version: 1, Result: &peerv1.AnswerResponse_Refusal{}}
	if _, err := Answer(context.Background(), fixed{response: r}, htlc.Salt{1}, "x", ""); !errors.As(err, &no) {
		t.Errorf("empty refusal: %v", err)
	}
}

func TestUnknownVersionIsRefused(t *testing.T) {
	s := &server{answerer: answerFunc(func(htlc.Salt, string) (string, error) {
		t.Error("judged")
		return "", nil
	})}
	res, err := s.Answer(context.Background(), &peerv1.AnswerRequest{Version: 9})
	if err != nil || res.GetRefusal().GetReason() != "TICKET_VERSION" {
		t.Errorf("%v %v", res, err)
	}
}

func FuzzAnswerRequest(f *testing.F) {
	good, err := proto.Marshal(&peerv1.AnswerRequest{Version: 1, OfferId: make([]byte, 32), Acceptance: []byte("kofo1qqqq")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{})
	s := &server{answerer: answerFunc(func(_ htlc.Salt, acceptance string) (string, error) {
		_, err := htlc.ParseAcceptance(acceptance)
		return "ok", err
	})}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var req peerv1.AnswerRequest
		if proto.Unmarshal(raw, &req) != nil {
			return
		}
		res, err := s.Answer(context.Background(), &req)
		if (res == nil) == (err == nil) {
			t.Fatalf("%v %v", res, err)
		}
	})
}

func FuzzPrintable(f *testing.F) {
	f.Add("plain")
	f.Add("a\x1b[0m\u202eb\xff")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range printable(text) {
			if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
				t.Fatalf("%q passes", r)
			}
		}
	})
}
