package config

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
)

// key is one key of the configuration. Keys inside a list have "[]" behind
// the list's name: "chains[].url".
type key struct {
	path string
	typ  reflect.Type
	doc  string
	env  string // of keys outside lists
	leaf bool   // false: a section or a list of sections
}

// keys lists every key in the order of the struct.
func keys() []key { return keysOf(reflect.TypeFor[Config](), "") }

func keysOf(t reflect.Type, prefix string) []key {
	var out []key
	for i := range t.NumField() {
		f := t.Field(i)
		k := key{path: prefix + f.Tag.Get("koanf"), typ: f.Type, doc: f.Tag.Get("doc"), env: f.Tag.Get("env"), leaf: true}
		if k.env == "" {
			k.env = envName(k.path)
		}
		switch inner, list := section(f.Type); {
		case inner == nil:
			out = append(out, k)
		case list:
			k.leaf = false
			out = append(out, k)
			out = append(out, keysOf(inner, k.path+"[].")...)
		default:
			k.leaf = false
			out = append(out, k)
			out = append(out, keysOf(inner, k.path+".")...)
		}
	}
	return out
}

// section returns the struct behind a type that holds keys of its own, and
// whether it stands in a list.
func section(t reflect.Type) (inner reflect.Type, list bool) {
	if t.Kind() == reflect.Slice {
		inner, _ = section(t.Elem())
		return inner, inner != nil
	}
	if t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return t, false
	}
	return nil, false
}

func envName(path string) string {
	return "KOFO_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

func flagName(path string) string {
	return strings.NewReplacer(".", "-", "_", "-").Replace(path)
}

// outside are the leaves outside lists, which environment and flags can set.
func outside() []key {
	return slices.DeleteFunc(keys(), func(k key) bool { return !k.leaf || strings.Contains(k.path, "[]") })
}

// nearest returns the candidate that takes the fewest edits, "" where all are
// too far to be meant.
func nearest(word string, candidates []string) string {
	best, least := "", len(word)/2+2
	for _, c := range candidates {
		if d := distance(word, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
