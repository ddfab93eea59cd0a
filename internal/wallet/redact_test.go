package wallet

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/ethereum/go-ethereum/crypto"
	"gopkg.in/yaml.v3"

	"github.com/kofo-network/kofo/htlc"
)

// canaryWords share no letter sequence with anything that a log would hold.
const canaryWords = "beyond stage sleep clip because twist token leaf atom beauty genius food business side grid unable middle armed observe pair crouch tonight away coconut"

const canaryPassphrase = "xylophone-quagmire-42"

// needles are the ways in which bytes show up in text. Four bytes are enough
// to count as a leak.
func needles(raw []byte) []string {
	head, tail := raw[:4], raw[len(raw)-4:]
	var out []string
	for _, part := range [][]byte{head, tail} {
		word := binary.BigEndian.Uint32(part)
		out = append(out,
			hex.EncodeToString(part),
			strings.Trim(fmt.Sprintf("%d", part), "[]"),
			strings.Trim(fmt.Sprintf("%#v", part), "[]byte{}"),
			strings.ReplaceAll(strings.Trim(fmt.Sprintf("%d", part), "[]"), " ", ","),
			fmt.Sprint(word), fmt.Sprintf("%x", word),
			string(part),
		)
	}
	return append(out, base64.StdEncoding.EncodeToString(raw[:6]))
}

type canary struct {
	name    string
	value   any
	needles []string
}

type leaky struct{ b [32]byte }

func canaries(t *testing.T) []canary {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	seed := mustSeed(t, canaryWords)
	keys, err := seed.Keys()
	must(err)
	identity, err := keys.Identity()
	must(err)
	leg, err := keys.Leg(htlc.Salt{1}, Payer, 0)
	must(err)
	purpose, err := keys.Purpose(PurposeAPITLS)
	must(err)
	sealer, err := keys.Sealer()
	must(err)
	sealKey, err := keys.derive(labelSeal, nil)
	must(err)
	bitcoin, err := keys.BitcoinAccount(&chaincfg.MainNetParams)
	must(err)
	evm, err := keys.EVMAccount(0)
	must(err)
	secret, evmRaw := purpose.Reveal(), crypto.FromECDSA(evm.key())
	return []canary{
		{"seed", seed, append(needles(*seed.entropy()), "coconut", "beyond")},
		{"seed value", *seed, append(needles(*seed.entropy()), "coconut", "beyond")},
		{"keys", keys, append(needles(keys.root().seed), needles(keys.root().prk)...)},
		{"identity", identity, needles(*identity.key())},
		{"leg key", leg, needles(leg.Reveal().Serialize())},
		{"purpose key", purpose, needles(secret[:])},
		{"sealer", sealer, needles(sealKey)},
		{"bitcoin account", bitcoin, append(needles(bitcoin.state().branches[0].ChainCode()), "xprv", "xpub")},
		{"EVM account", evm, append(needles(evmRaw), new(big.Int).SetBytes(evmRaw).String())},
		{"passphrase", Passphrase(canaryPassphrase), []string{"xylophone", hex.EncodeToString([]byte("xylo"))}},
	}
}

// renderings are all the ways to print a value, and to print what holds it.
func renderings(value any) map[string]string {
	out := make(map[string]string)
	holders := map[string]any{
		"itself":           value,
		"pointer":          &value,
		"slice":            []any{value},
		"map":              map[string]any{"k": value},
		"exported field":   struct{ Field any }{value},
		"unexported field": struct{ field any }{value},
		"pointer to field": &struct{ field any }{value},
	}
	for name, holder := range holders {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "% x", "%q", "%d", "%o", "%b", "%U", "%g", "%t"} {
			out[name+" "+verb] = fmt.Sprintf(verb, holder)
		}
		out[name+" error"] = fmt.Errorf("wrapped: %w", errors.New(fmt.Sprint(holder))).Error()
		for encoder, encode := range map[string]func(any) ([]byte, error){
			"json": json.Marshal, "yaml": yaml.Marshal, "xml": xml.Marshal,
		} {
			// What cannot be encoded shows nothing, but its error may.
			text, err := encode(holder)
			out[name+" "+encoder] = fmt.Sprintf("%s %v", text, err)
		}
		for handler, logger := range loggers() {
			out[name+" slog "+handler] = logger(holder)
		}
	}
	return out
}

func loggers() map[string]func(any) string {
	run := func(handler func(*bytes.Buffer) slog.Handler) func(any) string {
		return func(value any) string {
			var out bytes.Buffer
			slog.New(handler(&out)).Info("canary", "value", value, slog.Group("group", "value", value))
			return out.String()
		}
	}
	return map[string]func(any) string{
		"text": run(func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) }),
		"json": run(func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) }),
	}
}

func TestSafety_D9_KeysPrintRedacted(t *testing.T) {
	for _, c := range canaries(t) {
		for how, text := range renderings(c.value) {
			lower := strings.ToLower(text)
			for _, needle := range c.needles {
				if strings.Contains(text, needle) || strings.Contains(lower, needle) {
					t.Errorf("%s leaks as %s: %s", c.name, how, text)
				}
			}
		}
		own := c.value.(interface {
			fmt.Stringer
			fmt.GoStringer
		})
		if own.String() != redacted || own.GoString() != redacted {
			t.Errorf("%s calls itself %q", c.name, own.String())
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
			if got := fmt.Sprintf(verb, c.value); got != redacted {
				t.Errorf("%s as %s is %q", c.name, verb, got)
			}
		}
	}
}

// TestCanaryTestBites: the same search finds a type that does not redact.
func TestCanaryTestBites(t *testing.T) {
	raw := bytes.Repeat([]byte{0xc3, 0x5a, 0x91, 0x0e}, 8)
	all := renderings(leaky{b: [32]byte(raw)})
	for _, how := range []string{"itself %v", "itself %x", "itself %#v", "unexported field %+v", "pointer to field %v", "map %X", "itself slog text"} {
		found := false
		for _, needle := range needles(raw) {
			found = found || strings.Contains(strings.ToLower(all[how]), needle)
		}
		if !found {
			t.Errorf("%s: not found in %s", how, all[how])
		}
	}
}
