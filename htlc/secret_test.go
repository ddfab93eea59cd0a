package htlc

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestSafety_D9_SecretPrintsRedacted puts a canary into everything that
// prints, and looks for it in hexadecimal, decimal and raw form.
func TestSafety_D9_SecretPrintsRedacted(t *testing.T) {
	raw := []byte("canary-canary-canary-canary-32by")
	secret, err := NewSecret(raw)
	if err != nil {
		t.Fatal(err)
	}
	holders := map[string]any{
		"value":      secret,
		"pointer":    &secret,
		"exported":   struct{ S Secret }{secret},
		"unexported": struct{ s Secret }{secret},
		"inside":     &struct{ s *Secret }{&secret},
		"event":      SecretSeen{Secret: secret},
		"swap":       Swap{Secret: &secret},
		"slice":      []Secret{secret},
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d", "%p", "%T"} {
		for name, h := range holders {
			fmt.Fprintf(&out, name+" "+verb+"\n", h)
		}
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		for name, h := range holders {
			slog.New(handler).Info("canary", name, h)
		}
	}
	for _, h := range holders {
		b, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	decimals := strings.Trim(fmt.Sprintf("%d", raw[:8]), "[]")
	for _, leak := range []string{string(raw[:8]), hex.EncodeToString(raw[:8]), strings.ToUpper(hex.EncodeToString(raw[:8])), decimals, strings.ReplaceAll(decimals, " ", ",")} {
		if i := strings.Index(out.String(), leak); i >= 0 {
			t.Errorf("%q is in the output: ...%.80s", leak, out.String()[max(0, i-40):])
		}
	}
}
