package main

import (
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/kofo-network/kofo/internal/rescue/rescuetest"
)

// offlineEnv says to a test process that it has no network.
const offlineEnv = "KOFO_TEST_HAS_NO_NETWORK"

// TestRescueHasNoNetwork runs every rescue in a process that has no network at
// all: its network namespace has a loopback only, and that is down. Where the
// system gives no namespace, a transport that refuses all stands in for it.
func TestRescueHasNoNetwork(t *testing.T) {
	if os.Getenv(offlineEnv) != "" {
		rescueOffline(t)
		return
	}
	dir := t.TempDir()
	run := func(attr *syscall.SysProcAttr, how string) ([]byte, error) {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRescueHasNoNetwork$", "-test.count=1") //nolint:gosec // this test itself
		child.Env, child.SysProcAttr = append(os.Environ(), offlineEnv+"="+how), attr
		child.Dir = dir
		return child.CombinedOutput()
	}
	ids := func(id int) []syscall.SysProcIDMap { return []syscall.SysProcIDMap{{HostID: id, Size: 1}} }
	out, err := run(&syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWUSER, UidMappings: ids(os.Getuid()), GidMappings: ids(os.Getgid()),
	}, "namespace")
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSPC) {
		t.Logf("no namespace without network here: %v", err)
		out, err = run(nil, "transport")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

type noTransport struct{ t *testing.T }

func (n noTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	n.t.Errorf("something was sent to %s", r.URL.Host)
	return nil, errors.New("there is no network")
}

func rescueOffline(t *testing.T) {
	http.DefaultTransport = noTransport{t}
	if os.Getenv(offlineEnv) == "namespace" {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "udp", "192.0.2.1:53")
		if err == nil {
			_ = conn.Close()
			t.Fatal("there is a network")
		}
	}
	terms := termsFile(t)
	participant, initiator := cli{t: t, in: rescuetest.ParticipantWords + "\n"}, cli{t: t, in: rescuetest.InitiatorWords + "\n"}
	_, sheet := kitAndSheet(t, rescuetest.InitiatorWords)
	bitcoin, ethereum := bitcoinFlags(sheet), ethereumFlags(sheet)
	gate := []string{"--confirmations", "9", "--sources", "2", "--unspent", "--balance", "0.1"}
	secret := secretOfTheSwap(t)
	for name, test := range map[string]struct {
		who  cli
		args []string
		pays string
	}{
		"refund on Bitcoin":           {initiator, append([]string{"refund"}, bitcoin...), ""},
		"refund on Ethereum":          {participant, append([]string{"refund"}, ethereum...), sheet.Legs[1].EVM.Payer},
		"redeem on Bitcoin":           {participant, append([]string{"redeem", "--secret", secret}, bitcoin...), ""},
		"first reveal":                {initiator, append(append([]string{"redeem"}, ethereum...), gate...), sheet.Legs[1].EVM.Account},
		"redeem of what is known":     {initiator, append([]string{"redeem", "--secret", secret}, ethereum...), sheet.Legs[1].EVM.Account},
		"redeem to an address chosen": {participant, append(append([]string{"redeem", "--secret", secret}, bitcoin...), "--to", sheet.Legs[0].Bitcoin.Payout), sheet.Legs[0].Bitcoin.Payout},
	} {
		made := test.who.must(append([]string{"rescue", test.args[0], "--terms", terms}, test.args[1:]...)...)
		pays := made["pays"].([]any)[0].(map[string]any)
		if made["raw"] == "" || made["txid"] == "" || test.pays != "" && pays["to"] != test.pays {
			t.Errorf("%s: %v", name, made)
		}
	}
}
