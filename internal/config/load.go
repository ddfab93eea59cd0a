package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/kofo-network/kofo/htlc"
)

// maxFile bounds the file.
const maxFile = 1 << 20

// Sources say where a configuration comes from.
type Sources struct {
	// File is read and must exist. Where empty, kofod.yml of the data folder is
	// read if it is there.
	File string
	// Environ holds "NAME=value", as os.Environ returns.
	Environ []string
	// Flags are those that AddFlags has added, parsed; nil for none.
	Flags *pflag.FlagSet
	// Serve says that a node shall run with it: passwords must be where they
	// are said to be, which programs that only talk to the node do not need.
	Serve bool
}

// Path is the file that is read. An optional one may be missing: nobody asked
// for it.
func (src Sources) Path() (file string, optional bool) {
	if src.File != "" {
		return src.File, false
	}
	if file = lookup(src.Environ, "KOFO_CONFIG"); file != "" {
		return file, false
	}
	dir := DefaultDataDir(src.Environ)
	if src.Flags != nil && src.Flags.Changed("data-dir") {
		dir, _ = src.Flags.GetString("data-dir")
	}
	return filepath.Join(dir, FileName), true
}

// AddFlags adds a flag for every key outside lists.
func AddFlags(flags *pflag.FlagSet) {
	for _, k := range outside() {
		flags.String(flagName(k.path), "", k.doc)
	}
}

// DefaultDataDir is KOFO_DATA_DIR, else .kofo in the user's home.
func DefaultDataDir(environ []string) string {
	if dir := lookup(environ, envName("data_dir")); dir != "" {
		return dir
	}
	if home := lookup(environ, "HOME"); home != "" {
		return filepath.Join(home, ".kofo")
	}
	return ".kofo"
}

// Load reads, completes and validates a configuration. Its error is an *Error
// with everything that is wrong.
func Load(src Sources) (Config, error) {
	l := &loader{src: src, lines: map[string]int{}}
	c, err := l.load()
	if err != nil {
		return Config{}, err
	}
	l.judge(c)
	if len(l.problems) > 0 {
		return Config{}, l.err()
	}
	return c, nil
}

// loader gathers what is wrong on the way.
type loader struct {
	src      Sources
	file     string
	lines    map[string]int // of keys in the file
	problems []Problem
	twice    bool // a key of the file stands twice
}

func (l *loader) add(problems ...Problem) {
	for _, p := range problems {
		if p.Line == 0 {
			p.Line = l.line(p.Key)
		}
		l.problems = append(l.problems, p)
	}
}

// judge adds what is wrong with the values to what is wrong with the text.
func (l *loader) judge(c Config) {
	found := c.validate()
	if l.src.Serve {
		found = append(found, c.validatePasswords(l.src.Environ)...)
	}
	for _, p := range found {
		if !l.told(p.Key) {
			l.add(p)
		}
	}
	if !slices.ContainsFunc(l.problems, touchesLocks) {
		l.add(c.validateLocks()...)
	}
}

// told reports whether a key's problem is known already: the value of a key
// that could not be read is its default, and one that is misspelled is missing.
func (l *loader) told(key string) bool {
	return slices.ContainsFunc(l.problems, func(p Problem) bool {
		if p.Reason == ReasonUnknownKey && p.Suggest != "" {
			return p.Key[:strings.LastIndexByte(p.Key, '.')+1]+p.Suggest == key
		}
		return p.Key == key && p.Reason != ReasonTwice
	})
}

// line of a key, or of the nearest section around it.
func (l *loader) line(path string) int {
	for path != "" {
		if n, ok := l.lines[path]; ok {
			return n
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return 0
		}
		path = path[:cut]
	}
	return 0
}

// err tells everything in the order of the file; what stands elsewhere comes
// last.
func (l *loader) err() error {
	slices.SortStableFunc(l.problems, func(a, b Problem) int {
		if (a.Line == 0) != (b.Line == 0) {
			return cmp.Compare(b.Line, a.Line)
		}
		return cmp.Compare(a.Line, b.Line)
	})
	return &Error{File: l.file, Problems: l.problems}
}

func (l *loader) load() (Config, error) {
	content, err := l.read()
	if err != nil {
		return Config{}, err
	}
	return l.merge(content)
}

// merge puts environment and flags over the content of the file. What is
// wrong is gathered; an error is a text that cannot be read any further.
func (l *loader) merge(content []byte) (Config, error) {
	k := koanf.New(".")
	content, readable := l.checkFile(content)
	if !readable {
		return Config{}, l.err()
	}
	if err := k.Load(rawbytes.Provider(content), yaml.Parser()); err != nil {
		l.add(Problem{Reason: ReasonSyntax, Text: err.Error()})
		return Config{}, l.err()
	}
	if err := l.environment(k); err != nil {
		return Config{}, err
	}
	if err := l.flags(k); err != nil {
		return Config{}, err
	}
	c := Default(DefaultDataDir(l.src.Environ))
	c.Chains = make([]Chain, len(k.Slices("chains")))
	for i := range c.Chains {
		c.Chains[i] = defaultChain()
	}
	l.decode(k, &c)
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return Config{}, fmt.Errorf("data folder: %w", err)
	}
	c.DataDir = dir
	c.complete()
	return c, nil
}

// read returns the file's content; none where it was not asked for and is not
// there.
func (l *loader) read() ([]byte, error) {
	file, optional := l.src.Path()
	l.file = file
	info, err := os.Stat(file)
	if optional && errors.Is(err, fs.ErrNotExist) {
		l.file = ""
		return nil, nil
	}
	if err == nil && info.Size() > maxFile {
		err = fmt.Errorf("%d bytes, more than %d", info.Size(), maxFile)
	}
	var content []byte
	if err == nil {
		content, err = os.ReadFile(file)
	}
	if err != nil {
		l.add(Problem{Reason: ReasonFile, Text: err.Error()})
		return nil, l.err()
	}
	return content, nil
}

// sections are the first parts of variables that can only be meant for us.
func sections() []string {
	var out []string
	for _, k := range keys() {
		if !k.leaf && !strings.ContainsAny(k.path, ".[") {
			out = append(out, envName(k.path)+"_")
		}
	}
	return out
}

// signerPassphrase is the variable of kofo-signer, which may run beside a node.
const signerPassphrase = "KOFO_SIGNER_PASSPHRASE"

// environment applies the variables. One that looks like a key and is none is
// a mistake; others with the same prefix belong to other programs.
func (l *loader) environment(k *koanf.Koanf) error {
	known, names := map[string]string{}, []string{}
	for _, key := range outside() {
		known[key.env] = key.path
		names = append(names, key.env)
	}
	named := l.namedVariables(k)
	provider := env.Provider(".", env.Opt{
		Prefix:      "KOFO_",
		EnvironFunc: func() []string { return l.src.Environ },
		TransformFunc: func(name, value string) (string, any) {
			path, ok := known[name]
			ours := slices.ContainsFunc(sections(), func(s string) bool { return strings.HasPrefix(name, s) })
			if !ok && ours && !named[name] && name != signerPassphrase {
				l.add(Problem{Reason: ReasonUnknownKey, Key: name, Text: "no such variable", Suggest: nearest(name, names)})
			}
			return path, value
		},
	})
	if err := k.Load(provider, nil); err != nil {
		return fmt.Errorf("read the environment: %w", err)
	}
	return nil
}

// namedVariables are those that the file names as holders of a password.
func (l *loader) namedVariables(k *koanf.Koanf) map[string]bool {
	out := map[string]bool{k.String("keys.passphrase_env"): true, "KOFO_PASSPHRASE": true}
	for _, chain := range k.Slices("chains") {
		out[chain.String("password_env")] = true
		for _, b := range chain.Slices("backends") {
			out[b.String("password_env")] = true
		}
	}
	return out
}

func (l *loader) flags(k *koanf.Koanf) error {
	if l.src.Flags == nil {
		return nil
	}
	paths := map[string]string{}
	for _, key := range outside() {
		paths[flagName(key.path)] = key.path
	}
	var err error
	l.src.Flags.Visit(func(f *pflag.Flag) {
		if path, ok := paths[f.Name]; ok && err == nil {
			err = k.Set(path, f.Value.String())
		}
	})
	if err != nil {
		return fmt.Errorf("apply flags: %w", err)
	}
	return nil
}

// decode fills the struct key by key, so that every wrong value is reported
// with its own key.
func (l *loader) decode(k *koanf.Koanf, c *Config) {
	for _, name := range k.MapKeys("") {
		l.decodeValue(k.Get(name), reflect.ValueOf(c).Elem(), name, name)
	}
}

func (l *loader) decodeValue(raw any, parent reflect.Value, name, path string) {
	field, ok := fieldOf(parent, name)
	if !ok || raw == nil {
		return // unknown keys were reported by the check of the file
	}
	inner, list := section(field.Type())
	switch m := raw.(type) {
	case map[string]any:
		if inner != nil && !list {
			for _, sub := range sortedKeys(m) {
				l.decodeValue(m[sub], field, sub, path+"."+sub)
			}
			return
		}
	case []any:
		if list {
			l.decodeList(m, field, path)
			return
		}
	}
	if inner != nil {
		l.noKeys(path, raw)
		return
	}
	if text, ok := raw.(string); ok && field.Type() == reflect.TypeFor[[]string]() {
		raw = splitList(text)
	}
	if err := decodeLeaf(raw, field); err != nil {
		l.add(Problem{Reason: ReasonBadValue, Key: path, Text: fmt.Sprintf("%s, not %q", expected(field.Type()), show(raw, field.Type()))})
	}
}

// noKeys: a value stands where keys belong. Of a file it was told before.
func (l *loader) noKeys(path string, raw any) {
	if !l.told(path) {
		l.add(Problem{Reason: ReasonBadValue, Key: path, Text: fmt.Sprintf("%q where keys are expected", fmt.Sprint(raw))})
	}
}

// show keeps a wrong value that may be a credential out of the message.
func show(raw any, t reflect.Type) string {
	if t == reflect.TypeFor[Secret]() {
		return redacted
	}
	return fmt.Sprint(raw)
}

func (l *loader) decodeList(items []any, field reflect.Value, path string) {
	if field.Len() != len(items) {
		field.Set(reflect.MakeSlice(field.Type(), len(items), len(items)))
	}
	for i, item := range items {
		at := path + "[" + strconv.Itoa(i) + "]"
		m, ok := item.(map[string]any)
		if !ok {
			l.noKeys(at, item)
			continue
		}
		for _, sub := range sortedKeys(m) {
			l.decodeValue(m[sub], field.Index(i), sub, at+"."+sub)
		}
	}
}

func sortedKeys(m map[string]any) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func fieldOf(parent reflect.Value, name string) (reflect.Value, bool) {
	for i := range parent.NumField() {
		if parent.Type().Field(i).Tag.Get("koanf") == name {
			return parent.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func splitList(text string) []string {
	out := []string{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// decodeLeaf turns a value of YAML, the environment or a flag into that of a
// key.
func decodeLeaf(raw any, field reflect.Value) error {
	switch raw.(type) {
	case string, int, uint64, bool, []any, []string:
	default: // a map where a value belongs, or a number with a fraction
		return errors.New("of a wrong type")
	}
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result: field.Addr().Interface(), WeaklyTypedInput: true,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(numberToText, mapstructure.StringToTimeDurationHookFunc(), mapstructure.TextUnmarshallerHookFunc()),
	})
	if err != nil {
		return err
	}
	if field.Type() == reflect.TypeFor[Duration]() {
		if _, ok := raw.(string); !ok {
			return errors.New("a duration has a unit")
		}
	}
	return decoder.Decode(raw)
}

// numberToText lets amounts and texts be written without quotes.
func numberToText(from, to reflect.Type, raw any) (any, error) {
	number := from.Kind() == reflect.Int || from.Kind() == reflect.Uint64
	text := to == reflect.TypeFor[htlc.Amount]() || to == reflect.TypeFor[Secret]() || to.Kind() == reflect.String
	if number && text {
		return fmt.Sprint(raw), nil
	}
	return raw, nil
}

func expected(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[Duration]():
		return `a duration such as "90s" or "2h" is expected`
	case reflect.TypeFor[htlc.Amount]():
		return "whole base units in decimal digits are expected, in quotes where there are more than 18"
	case reflect.TypeFor[[]string]():
		return "a list of texts is expected"
	}
	if t.Kind() == reflect.Bool {
		return "true or false is expected"
	}
	if t.Kind() == reflect.String {
		return "a text is expected, in quotes where it reads as a number"
	}
	if t.Kind() == reflect.Struct {
		return "a text is expected"
	}
	return "a whole number in its range is expected"
}

func lookup(environ []string, name string) string {
	value := ""
	for _, e := range environ {
		if n, v, _ := strings.Cut(e, "="); n == name {
			value = v
		}
	}
	return value
}
