package telemetry_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/internal/telemetry"
)

func TestLogKeepsTellingNamesOut(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		log := telemetry.Logger(&out, "warn", format)
		log.Info("not written")
		log.With("password", "canary").WithGroup("g").Error("written", "authorization", "canary", "swap", "s1")
		text := out.String()
		if strings.Contains(text, "canary") || strings.Contains(text, "not written") || !strings.Contains(text, "s1") {
			t.Error(text)
		}
	}
}

func TestMetricsAreServed(t *testing.T) {
	m := telemetry.New("v1")
	if err := m.Add(telemetry.Source{Name: "open_swaps", Help: "Swaps that are not closed.", Value: func() float64 { return 7 }}); err != nil {
		t.Fatal(err)
	}
	if err := m.Add(telemetry.Source{Name: "open_swaps", Help: "x", Value: func() float64 { return 7 }}); err == nil {
		t.Error("a name was taken twice")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Serve(ctx, listener) }()
	res, err := http.Get("http://" + listener.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || !strings.Contains(string(body), "kofo_open_swaps 7") || !strings.Contains(string(body), `kofo_build_info{version="v1"} 1`) {
		t.Errorf("%v %s", err, body)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
