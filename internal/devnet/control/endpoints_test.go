package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func valid() Endpoints {
	return Endpoints{
		Bitcoin: BitcoinEndpoint{ChainID: "bip122:00", URL: "http://127.0.0.1:1", User: "u", Password: "hunter2"},
		EVM:     EVMEndpoint{ChainID: "eip155:1337", HTTP: "http://127.0.0.1:2", WS: "ws://127.0.0.1:2"},
		Control: ControlEndpoint{URL: "http://[::1]:3", Token: "hunter2"},
	}
}

func encode(t testing.TB, e Endpoints) []byte {
	t.Helper()
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestReadEndpoints(t *testing.T) {
	got, err := ReadEndpoints(bytes.NewReader(encode(t, valid())))
	if err != nil || got != valid() {
		t.Fatal(got, err)
	}
	for name, spoil := range map[string]func(*Endpoints){
		"other host": func(e *Endpoints) { e.Bitcoin.URL = "http://192.0.2.1:1" },
		"a name":     func(e *Endpoints) { e.EVM.HTTP = "http://localhost:1" },
		"scheme":     func(e *Endpoints) { e.EVM.WS = "http://127.0.0.1:2" },
		"no port":    func(e *Endpoints) { e.Control.URL = "http://127.0.0.1" },
		"missing":    func(e *Endpoints) { e.Control.URL = "" },
	} {
		e := valid()
		spoil(&e)
		if _, err := ReadEndpoints(bytes.NewReader(encode(t, e))); !errors.Is(err, ErrBadEndpoints) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCredentialsPrintRedacted(t *testing.T) {
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("endpoints", "token", valid().Control.Token)
	text := fmt.Sprintf("%v %+v %#v %s %q %x", valid(), valid(), valid(), valid().Control.Token, valid().Control.Token, valid().Control.Token) + logged.String()
	if strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%x", "hunter2")) {
		t.Fatal(text)
	}
}

func FuzzReadEndpoints(f *testing.F) {
	f.Add(encode(f, valid()))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := ReadEndpoints(bytes.NewReader(raw))
		if err != nil {
			if !errors.Is(err, ErrBadEndpoints) {
				t.Fatal(err)
			}
			return
		}
		again, err := ReadEndpoints(bytes.NewReader(encode(t, e)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(encode(t, e), encode(t, again)) {
			t.Fatal("does not survive a round trip")
		}
	})
}
