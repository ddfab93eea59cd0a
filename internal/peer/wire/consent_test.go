package wire

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	peerv1 "github.com/kofo-network/kofo/api/gen/kofo/peer/v1"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/runner"
)

type silent struct {
	grpc.ClientConnInterface
	response *peerv1.ConsentResponse
}

func (f silent) Invoke(_ context.Context, _ string, _, reply any, _ ...grpc.CallOption) error {
	proto.Merge(reply.(*peerv1.ConsentResponse), f.response)
	return nil
}

func TestMalformedConsents(t *testing.T) {
	for name, r := range map[string]*peerv1.ConsentResponse{
		"empty":     {},
		"version":   {Version: 2, Result: &peerv1.ConsentResponse_Answer{Answer: []byte("x")}},
		"no result": {Version: 1},
		"no answer": {Version: 1, Result: &peerv1.ConsentResponse_Answer{}},
		"long":      {Version: 1, Result: &peerv1.ConsentResponse_Answer{Answer: make([]byte, maxConsent+1)}},
	} {
		if _, err := Consent(context.Background(), silent{response: r}, runner.Question{}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzConsentRequest(f *testing.F) {
	good, err := proto.Marshal(&peerv1.ConsentRequest{
		Version: 1, SwapId: make([]byte, 32), Leg: 1, Intent: peerv1.Intent_INTENT_REDEEM, Ref: "ref", Message: []byte("message"),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{})
	s := &server{consenter: never{}}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var req peerv1.ConsentRequest
		if proto.Unmarshal(raw, &req) != nil {
			return
		}
		res, err := s.Consent(context.Background(), &req)
		if (res == nil) == (err == nil) {
			t.Fatalf("%v %v", res, err)
		}
	})
}

// never is not asked: no caller of the fuzz test is anybody.
type never struct{}

func (never) Answer(context.Context, htlc.PartyID, runner.Question) ([]byte, error) {
	panic("a question of nobody was judged")
}
