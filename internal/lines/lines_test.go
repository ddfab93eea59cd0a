package lines

import "testing"

func TestFold(t *testing.T) {
	for text, want := range map[string]string{
		"short":                       "short",
		"one two three":               "one two\n  three",
		"0123456789abc":               "0123456789abc",
		"a 0123456789abc b":           "a\n  0123456789abc\n  b",
		"first line\nsecond line too": "first line\nsecond\n  line too",
		"ends with blanks   ":         "ends with\n  blanks",
	} {
		if got := Fold(text, 10, 2); got != want {
			t.Errorf("%q is folded to %q, want %q", text, got, want)
		}
	}
}
