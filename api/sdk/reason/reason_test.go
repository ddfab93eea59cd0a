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

// cells keeps a text from ending its cell.
func cells(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

func reasonTables() string {
	var out strings.Builder
	for _, g := range reason.Groups() {
		fmt.Fprintf(&out, "\n### %s\n\n| Code | What happened | What to do | gRPC code | Exit code |\n|---|---|---|---|---|\n", g.Title)
		for _, info := range g.Infos {
			fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %d |\n", info.Reason, cells(info.Text), cells(info.Advice), info.Code, info.Reason.ExitCode())
		}
	}
	return out.String() + "\n"
}

func detailTable() string {
	var out strings.Builder
	out.WriteString("\n| In the log | What it means | A call tells |\n|---|---|---|\n")
	for _, d := range reason.Details() {
		fmt.Fprintf(&out, "| `%s` | %s | `%s` |\n", d.Code, cells(d.Text), d.Told)
	}
	return out.String() + "\n"
}

// The tables of the page on errors are made from the lists.
func TestDocsListEveryReason(t *testing.T) {
	const path = "../../../docs/errors.md"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	for name, table := range map[string]string{"reasons": reasonTables(), "details": detailTable()} {
		begin, end := "<!-- "+name+": made by go generate -->\n", "<!-- end of "+name+" -->"
		before, rest, found := strings.Cut(page, begin)
		have, after, closed := strings.Cut(rest, end)
		switch {
		case !found || !closed:
			t.Fatalf("%s lacks the marks of the table of %s", path, name)
		case *update:
			page = before + begin + table + end + after
		case have != table:
			t.Errorf("the table of %s in %s is out of date: run this test with -update", name, path)
		}
	}
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDetailsBelongToReasons(t *testing.T) {
	last := ""
	for _, d := range reason.Details() {
		if told, ok := reason.Told(d.Code); !ok || told != d.Told || d.Text == "" {
			t.Errorf("%s is told as %q", d.Code, told)
		}
		if _, ok := reason.Lookup(d.Told); !ok {
			t.Errorf("%s belongs to %s, which is no reason", d.Code, d.Told)
		}
		if _, twice := reason.Lookup(reason.Reason(d.Code)); twice || d.Code <= last {
			t.Errorf("%s is a reason itself, or not in order", d.Code)
		}
		last = d.Code
	}
	if told, ok := reason.Told("TICKET_USED"); !ok || told != reason.TicketUsed {
		t.Errorf("a reason is told as %q", told)
	}
	if _, ok := reason.Told("NEVER_HEARD_OF"); ok {
		t.Error("an unknown code is told")
	}
}
