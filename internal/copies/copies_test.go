package copies

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/vault"
	"github.com/kofo-network/kofo/internal/wallet"
)

func newVault(t testing.TB, words string) (*vault.Vault, *wallet.Keys) {
	t.Helper()
	seed, err := wallet.ParseMnemonic(words)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seed.Keys()
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.New(keys)
	if err != nil {
		t.Fatal(err)
	}
	return v, keys
}

const (
	ours   = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
	theirs = "legal winner thank year wave sausage worth useful legal winner thank yellow"
)

// signedTerms are Terms of two parties, of which the second has our keys.
func signedTerms(t testing.TB, keys *wallet.Keys, salt byte) htlc.SignedTerms {
	t.Helper()
	identity, err := keys.Identity()
	if err != nil {
		t.Fatal(err)
	}
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, ed25519.SeedSize))
	secret, err := htlc.NewSecret(bytes.Repeat([]byte{salt}, htlc.SecretSize))
	if err != nil {
		t.Fatal(err)
	}
	leg := func(from, to uint8, asset htlc.AssetID) htlc.Leg {
		return htlc.Leg{
			Payer: from, Payee: to, Asset: asset, Amount: htlc.NewAmount(1000), PayerKey: []byte{1}, PayeeKey: []byte{2},
			MinConfirmations: 1,
			Timing:           htlc.Timing{ClockLead: 3, ClockLag: 4, FundWindow: 60, BuryFund: 40, BuryRedeem: 40, BuryRefund: 40, Sighting: 40},
		}
	}
	terms, err := htlc.Terms{
		Version: htlc.Version, Hash: htlc.HashSHA256, SecretHash: secret.Hash(), Salt: htlc.Salt{salt}, Outage: 40, AcceptBy: 1_900_000_000,
		Parties: []htlc.PartyID{htlc.PartyID(other.Public().(ed25519.PublicKey)), identity.PartyID()},
		Legs:    []htlc.Leg{leg(0, 1, "test:a/slip44:1"), leg(1, 0, "test:b/slip44:1")},
	}.WithSchedule(1_900_000_000)
	if err != nil {
		t.Fatal(err)
	}
	return htlc.SignedTerms{
		Terms: terms, Since: []uint64{5, 9},
		Signatures: []htlc.Signature{htlc.SignTerms(other, terms), htlc.Signature(identity.SignMessage(htlc.TermsMessage(terms)))},
	}
}

func TestFolderKeepsCopies(t *testing.T) {
	v, keys := newVault(t, ours)
	f := Folder{Dir: filepath.Join(t.TempDir(), "copies"), Vault: v}
	c := Copy{Signed: signedTerms(t, keys, 1), Self: 1}
	if c.Note = htlc.NoteOut; f.Write(c) != nil {
		t.Fatal("not written")
	}
	if got, err := f.Read(c.Signed.Terms.ID()); err != nil || got.Note != htlc.NoteOut || !got.Opening().RevealOut {
		t.Fatalf("the note is lost: %v", err)
	}
	if c.Note = htlc.NoteBegun; f.Write(c) != nil {
		t.Fatal("not written")
	}
	if got, err := f.Read(c.Signed.Terms.ID()); err != nil || got.Note != htlc.NoteBegun || got.Opening().RevealOut {
		t.Fatalf("a secret that was about to be shown counts as shown: %v", err)
	}
	c.Note = htlc.NoteInside
	for range 2 {
		if err := f.Write(c); err != nil {
			t.Fatal(err)
		}
	}
	got, err := f.Read(c.Signed.Terms.ID())
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Fatalf("the copy is another: %v", err)
	}
	if opening := got.Opening(); !opening.Restored || opening.Self != 1 || opening.Since[1] != 9 {
		t.Errorf("opens with %+v", opening)
	}
	if info, err := os.Stat(f.Path(c.Signed.Terms.ID())); err != nil || info.Mode().Perm() != 0o600 || info.Size() < padTo {
		t.Errorf("mode: %v, %v", info, err)
	}
	two := Copy{Signed: signedTerms(t, keys, 2), Self: 1}
	if err := f.Write(two); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.Dir, "0"+Suffix), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := f.All()
	if err != nil || len(all) != 3 || !errors.Is(all[0].Err, vault.ErrDamaged) || all[1].Err != nil || all[2].Err != nil {
		t.Errorf("all: %+v, %v", all, err)
	}
}

// Whoever finds a copy learns nothing: not the swap, not the parties, not by
// its name nor by its length.
func TestCopyTellsNothing(t *testing.T) {
	v, keys := newVault(t, ours)
	f := Folder{Dir: t.TempDir(), Vault: v}
	c := Copy{Signed: signedTerms(t, keys, 1), Self: 1}
	if err := f.Write(c); err != nil {
		t.Fatal(err)
	}
	path := f.Path(c.Signed.Terms.ID())
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	id := c.Signed.Terms.ID()
	for name, what := range map[string][]byte{"id": id[:], "party": c.Signed.Terms.Parties[0][:], "text": []byte("kofo1")} {
		if bytes.Contains(raw, what) {
			t.Errorf("the %s stands in it", name)
		}
	}
	if strings.Contains(path, id.String()[:8]) {
		t.Errorf("the name %s tells the swap", path)
	}
	foreign, _ := newVault(t, theirs)
	if _, err := Open(foreign, raw); !errors.Is(err, vault.ErrForeign) {
		t.Errorf("another seed: %v", err)
	}
	if foreign.Name(id) == v.Name(id) {
		t.Error("two seeds give one name")
	}
}

func TestDamagedCopiesAreMended(t *testing.T) {
	v, keys := newVault(t, ours)
	f := Folder{Dir: t.TempDir(), Vault: v}
	c := Copy{Signed: signedTerms(t, keys, 1), Self: 1}
	id := c.Signed.Terms.ID()
	whole, err := Seal(v, c)
	if err != nil {
		t.Fatal(err)
	}
	other, err := Seal(v, Copy{Signed: signedTerms(t, keys, 2), Self: 1})
	if err != nil {
		t.Fatal(err)
	}
	altered := bytes.Clone(whole)
	altered[len(altered)-20] ^= 1
	for name, content := range map[string][]byte{
		"empty": nil, "cut": whole[:len(whole)-20], "altered": altered, "another swap": other, "long": make([]byte, MaxSize+1),
	} {
		if err := os.WriteFile(f.Path(id), content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Read(id); err == nil {
			t.Errorf("%s: read", name)
		}
		if err := f.Write(c); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Read(id); err != nil {
			t.Errorf("%s: not mended: %v", name, err)
		}
	}
	half := c
	half.Signed.Signatures = half.Signed.Signatures[:1]
	if err := f.Write(half); !errors.Is(err, htlc.ErrSignature) {
		t.Errorf("without all signatures: %v", err)
	}
}

func TestContentIsChecked(t *testing.T) {
	v, keys := newVault(t, ours)
	good := body{Version: Version, Self: 1, Terms: signedTerms(t, keys, 1).Text()}
	for name, change := range map[string]func(*body){
		"version": func(b *body) { b.Version = 2 },
		"party":   func(b *body) { b.Self = 7 },
		"terms":   func(b *body) { b.Terms = b.Terms[:40] },
		"ticket":  func(b *body) { b.Ticket = "kofo1q" },
	} {
		bad := good
		change(&bad)
		plain, err := json.Marshal(bad)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := v.Seal(plain)
		if err != nil {
			t.Fatal(err)
		}
		want := ErrContent
		if name == "version" {
			want = ErrVersion
		}
		if _, err := Open(v, sealed); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFromText(t *testing.T) {
	_, keys := newVault(t, ours)
	signed := signedTerms(t, keys, 1)
	identity, err := keys.Identity()
	if err != nil {
		t.Fatal(err)
	}
	c, err := FromText(signed.Text(), identity.PartyID())
	if err != nil || c.Self != 1 {
		t.Errorf("party %d: %v", c.Self, err)
	}
	if _, err := FromText(signed.Text(), htlc.PartyID{1}); !errors.Is(err, vault.ErrForeign) {
		t.Errorf("somebody else's: %v", err)
	}
	if _, err := FromText("kofo1q", identity.PartyID()); err == nil {
		t.Error("a cut text")
	}
}

func TestFolderFailures(t *testing.T) {
	v, keys := newVault(t, ours)
	c := Copy{Signed: signedTerms(t, keys, 1), Self: 1}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (Folder{Dir: filepath.Join(file, "below"), Vault: v}).Write(c); err == nil {
		t.Error("a copy inside a file")
	}
	missing := Folder{Dir: filepath.Join(t.TempDir(), "none"), Vault: v}
	if _, err := missing.Read(c.Signed.Terms.ID()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no copy: %v", err)
	}
	if _, err := missing.All(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	_, keys := newVault(f, ours)
	plain, err := json.Marshal(body{Version: Version, Self: 1, Terms: signedTerms(f, keys, 1).Text()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, plain []byte) {
		if c, err := decode(plain); err == nil {
			if err := c.check(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
