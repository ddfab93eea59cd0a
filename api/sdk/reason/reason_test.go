package reason_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

var update = flag.Bool("update", false, "write the table into the docs")

func TestReasonsAreThoseOfTheProto(t *testing.T) {
	named := map[reason.Reason]bool{}
	for _, info := range reason.All() {
		if named[info.Reason] {
			t.Errorf("%s is listed twice", info.Reason)
		}
		named[info.Reason] = true
		if _, ok := kofov1.Reason_value["REASON_"+string(info.Reason)]; !ok {
			t.Errorf("%s is not in reason.proto", info.Reason)
		}
		if info.Text == "" || info.Advice == "" || info.Code == codes.OK {
			t.Errorf("%s lacks text, advice or code", info.Reason)
		}
	}
	if want := len(kofov1.Reason_value) - 1; len(named) != want {
		t.Errorf("%d reasons, reason.proto has %d", len(named), want)
	}
}

func TestErrorCarriesItsReason(t *testing.T) {
	for _, info := range reason.All() {
		err := fmt.Errorf("call: %w", reason.Error(info.Reason, "text", map[string]string{reason.KeyLeg: "1"}))
		r, metadata := reason.Of(err)
		if r != info.Reason || metadata[reason.KeyLeg] != "1" || status.Code(err) != info.Code || !reason.Carried(err) {
			t.Errorf("%s came back as %s, %v, %s", info.Reason, r, metadata, status.Code(err))
		}
	}
}

func TestReasonOfOtherErrors(t *testing.T) {
	tests := map[reason.Reason]error{
		"":                      errors.New("none of a call"),
		reason.NodeUnreachable:  status.Error(codes.Unavailable, "reset"),
		reason.DeadlineExceeded: fmt.Errorf("call: %w", context.DeadlineExceeded),
		reason.Unauthenticated:  status.Error(codes.Unauthenticated, ""),
		reason.PermissionDenied: status.Error(codes.PermissionDenied, ""),
		reason.InvalidArgument:  status.Error(codes.InvalidArgument, ""),
		reason.RateLimited:      status.Error(codes.ResourceExhausted, ""),
		reason.NotImplemented:   status.Error(codes.Unimplemented, ""),
		reason.Internal:         status.Error(codes.DataLoss, ""),
	}
	for want, err := range tests {
		if got, _ := reason.Of(err); got != want || reason.Carried(err) {
			t.Errorf("reason of %v is %q, want %q", err, got, want)
		}
	}
	if got, _ := reason.Of(nil); got != "" || reason.Carried(nil) {
		t.Errorf("nil has the reason %q", got)
	}
	if got := reason.Reason("LATER").Code(); got != codes.Internal {
		t.Errorf("an unlisted reason has the code %s", got)
	}
}

// The table of the docs is made from the list.
func TestDocsListEveryReason(t *testing.T) {
	const (
		path  = "../../../docs/api.md"
		begin = "<!-- reasons: go test ./sdk/reason -update -->\n"
		end   = "<!-- end of reasons -->"
	)
	var table strings.Builder
	table.WriteString("\n| Reason | gRPC code | What happened | What to do |\n|---|---|---|---|\n")
	for _, info := range reason.All() {
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", info.Reason, info.Code, info.Text, info.Advice)
	}
	table.WriteString("\n")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(raw), begin)
	have, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s lacks the marks of the table", path)
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+table.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have != table.String() {
		t.Errorf("the table in %s is out of date: run this test with -update", path)
	}
}
