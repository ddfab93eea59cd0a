package htlc_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/htlc"
)

// texts has one text of every kind.
func texts(t testing.TB) map[htlc.TextKind]string {
	t.Helper()
	o := sampleOffer()
	c, terms := sampleCountersignature(t)
	return map[htlc.TextKind]string{
		htlc.TextOffer:            signOffer(o, keyOf(1)).Text(),
		htlc.TextAcceptance:       sampleAcceptance(t, o).Text(),
		htlc.TextCountersignature: c.Text(),
		htlc.TextTerms:            htlc.SignedTerms{Terms: terms, Signatures: c.Signatures[:], Since: []uint64{5, 6}}.Text(),
	}
}

// parsers read a text of their kind and write it again.
var parsers = map[htlc.TextKind]func(string) (string, error){
	htlc.TextOffer:            again(htlc.ParseTicket),
	htlc.TextAcceptance:       again(htlc.ParseAcceptance),
	htlc.TextCountersignature: again(htlc.ParseCountersignature),
	htlc.TextTerms:            again(htlc.ParseSignedTerms),
}

func again[T interface{ Text() string }](parse func(string) (T, error)) func(string) (string, error) {
	return func(text string) (string, error) {
		v, err := parse(text)
		if err != nil {
			return "", err
		}
		return v.Text(), nil
	}
}

func TestTextsComeBack(t *testing.T) {
	for kind, text := range texts(t) {
		if strings.ContainsAny(text, " \n") || !strings.HasPrefix(text, "kofo1") || len(text) > htlc.MaxTextLen {
			t.Errorf("%s is not one line: %.40q", kind, text)
		}
		wrapped := "  " + text[:30] + "\r\n" + text[30:90] + "\n" + text[90:] + "\n"
		for _, form := range []string{text, wrapped} {
			if got, err := parsers[kind](form); err != nil || got != text {
				t.Errorf("%s: %v", kind, err)
			}
		}
		if got, err := htlc.KindOfText(text); err != nil || got != kind {
			t.Errorf("kind of %s: %s, %v", kind, got, err)
		}
	}
}

func TestWrongPaste(t *testing.T) {
	all := texts(t)
	for want, parse := range parsers {
		for kind, text := range all {
			if kind == want {
				continue
			}
			_, err := parse(text)
			if !errors.Is(err, htlc.ErrTicketKind) || !strings.Contains(err.Error(), kind.String()) || !strings.Contains(err.Error(), want.String()) {
				t.Errorf("a %s for a %s: %v", kind, want, err)
			}
		}
	}
}

func TestAlteredTexts(t *testing.T) {
	for kind, text := range texts(t) {
		for i := range text {
			for _, r := range []byte{'q', 'p', 'z', 'Q', '1', '_'} {
				if text[i] == r {
					continue
				}
				_, err := parsers[kind](text[:i] + string(r) + text[i+1:])
				if !errors.Is(err, htlc.ErrTicketAltered) && !(i == 4 && errors.Is(err, htlc.ErrTicketVersion)) {
					t.Fatalf("%s with %q at %d: %v", kind, r, i, err)
				}
			}
			if _, err := parsers[kind](text[:i]); !errors.Is(err, htlc.ErrTicketTruncated) {
				t.Fatalf("%s cut to %d: %v", kind, i, err)
			}
			if _, err := parsers[kind](text[:i] + text[i+1:]); err == nil {
				t.Fatalf("%s without character %d: accepted", kind, i)
			}
		}
		if _, err := parsers[kind](text + "q"); !errors.Is(err, htlc.ErrTicketAltered) {
			t.Errorf("%s with more behind: %v", kind, err)
		}
	}
	for _, text := range []string{"hello", "bitcoin:bc1q", strings.Repeat("q", htlc.MaxTextLen+1)} {
		if _, err := htlc.ParseTicket(text); !errors.Is(err, htlc.ErrTicketAltered) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	if _, err := htlc.ParseTicket("kofo2qqqq"); !errors.Is(err, htlc.ErrTicketVersion) {
		t.Errorf("version 2: %v", err)
	}
}

// TestAlteredTextsAtRandom swaps, repeats and replaces several characters.
func TestAlteredTextsAtRandom(t *testing.T) {
	text := texts(t)[htlc.TextOffer]
	rapid.Check(t, func(r *rapid.T) {
		b := []byte(text)
		for range rapid.IntRange(1, 6).Draw(r, "changes") {
			i, j := rapid.IntRange(5, len(b)-1).Draw(r, "i"), rapid.IntRange(5, len(b)-1).Draw(r, "j")
			b[i], b[j] = b[j], b[i]
		}
		if _, err := htlc.ParseTicket(string(b)); string(b) != text && !errors.Is(err, htlc.ErrTicketAltered) {
			r.Fatalf("%v", err)
		}
	})
}

func TestForgedTexts(t *testing.T) {
	o := sampleOffer()
	if _, err := htlc.ParseTicket(signOffer(o, keyOf(9)).Text()); !errors.Is(err, htlc.ErrSignature) {
		t.Errorf("signed by another: %v", err)
	}
	bad := o
	bad.Outage++
	forged := htlc.SignedOffer{Offer: bad, Signature: signOffer(o, keyOf(1)).Signature}
	if _, err := htlc.ParseTicket(forged.Text()); !errors.Is(err, htlc.ErrSignature) {
		t.Errorf("changed after signing: %v", err)
	}
	c, terms := sampleCountersignature(t)
	half := htlc.SignedTerms{Terms: terms, Signatures: c.Signatures[:1]}
	if _, err := htlc.ParseSignedTerms(half.Text()); !errors.Is(err, htlc.ErrSignature) {
		t.Errorf("copy with one signature: %v", err)
	}
}

func FuzzTexts(f *testing.F) {
	for _, text := range texts(f) {
		f.Add(text)
	}
	f.Add("kofo1")
	f.Add("kofo1qqqqqq")
	f.Fuzz(func(t *testing.T, text string) {
		for kind, parse := range parsers {
			got, err := parse(text)
			if err == nil && got != strings.Join(strings.Fields(text), "") {
				t.Fatalf("a %s with two spellings", kind)
			}
		}
	})
}
