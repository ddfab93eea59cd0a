package config

import (
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
	if l.add(c.Validate()...); len(l.problems) > 0 {
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
}

func (l *loader) add(problems ...Problem) {
	for _, p := range problems {
		if p.Line == 0 {
			p.Line = l.line(p.Key)
		}
		l.problems = append(l.problems, p)
	}
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

func (l *loader) err() error { return &Error{File: l.file, Problems: l.problems} }

func (l *loader) load() (Config, error) {
	content, err := l.read()
	if err != nil {
		return Config{}, err
	}
	return l.merge(content)
}

// merge puts environment and flags over the content of the file.
func (l *loader) merge(content []byte) (Config, error) {
	k := koanf.New(".")
	if l.checkFile(content); len(l.problems) > 0 {
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
	if len(l.problems) > 0 {
		return Config{}, l.err()
	}
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
	file := l.src.File
	if file == "" {
		file = lookup(l.src.Environ, "KOFO_CONFIG")
	}
	optional := file == ""
	if optional {
		dir := DefaultDataDir(l.src.Environ)
		if l.src.Flags != nil && l.src.Flags.Changed("data-dir") {
			dir, _ = l.src.Flags.GetString("data-dir")
		}
		file = filepath.Join(dir, FileName)
	}
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
			if !ok && ours && !named[name] {
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
		l.add(Problem{Reason: ReasonBadValue, Key: path, Text: fmt.Sprintf("%q where keys are expected", fmt.Sprint(raw))})
		return
	}
	if text, ok := raw.(string); ok && field.Type() == reflect.TypeFor[[]string]() {
		raw = splitList(text)
	}
	if err := decodeLeaf(raw, field); err != nil {
		l.add(Problem{Reason: ReasonBadValue, Key: path, Text: fmt.Sprintf("%s, not %q", expected(field.Type()), show(raw, field.Type()))})
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
			l.add(Problem{Reason: ReasonBadValue, Key: at, Text: fmt.Sprintf("%q where keys are expected", fmt.Sprint(item))})
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
	if t.Kind() == reflect.String || t.Kind() == reflect.Struct {
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
