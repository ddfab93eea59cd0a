package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/kofo-network/kofo/internal/wallet"
)

func open(t testing.TB, words string) *Vault {
	t.Helper()
	seed, err := wallet.ParseMnemonic(words)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seed.Keys()
	if err != nil {
		t.Fatal(err)
	}
	v, err := New(keys)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const words = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"

// The key and the names never change: copies that exist hang on them.
func TestPinned(t *testing.T) {
	v := open(t, words)
	if got := v.identity().Recipient().String(); got != "age1x6uvvcvj6qmajk2vy5uezdm3hjfkau3t7t64twh3hewt49fqhess52yxld" {
		t.Errorf("recipient %s", got)
	}
	if got := v.Name([32]byte{1}); got != "574c54dfe4e51a46ad16d0c25872aca0" {
		t.Errorf("name %s", got)
	}
}

func TestStream(t *testing.T) {
	v := open(t, words)
	plain := bytes.Repeat([]byte("kofo "), 100_000)
	var sealed bytes.Buffer
	w, err := v.Encrypt(&sealed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole := sealed.Bytes()
	r, err := v.Decrypt(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("%d bytes: %v", len(got), err)
	}
	for _, cut := range []int{0, 1, 50, len(whole) / 2, len(whole) - 1} {
		r, err := v.Decrypt(bytes.NewReader(whole[:cut]))
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

func TestForeignSeed(t *testing.T) {
	sealed, err := open(t, words).Seal([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	other := open(t, "legal winner thank year wave sausage worth useful legal winner thank yellow")
	if _, err := other.Open(sealed); !errors.Is(err, ErrForeign) {
		t.Errorf("%v", err)
	}
}

func TestVaultPrintsNoKey(t *testing.T) {
	v := open(t, words)
	key := v.identity().String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if text := fmt.Sprintf(verb, v) + fmt.Sprintf(verb, *v); strings.Contains(strings.ToUpper(text), key[20:40]) {
			t.Errorf("%s shows the key", verb)
		}
	}
	if _, err := age.ParseX25519Identity(key); err != nil {
		t.Errorf("the age tool does not take the key: %v", err)
	}
}
