package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Reference is docs/configuration.md: every key with its type, its default,
// its variable and what it means.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	values := defaults()
	heading := "---"
	for _, k := range keys() {
		if !k.leaf {
			continue
		}
		section := ""
		if cut := strings.LastIndex(k.path, "."); cut >= 0 {
			section = k.path[:cut]
		}
		if section != heading {
			heading = section
			writeHeading(&b, section)
		}
		variable := "`" + k.env + "`"
		if strings.Contains(k.path, "[]") {
			variable = "file only"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", k.path, typeName(k.typ), values[k.path], variable, k.doc)
	}
	b.WriteString(referenceTail())
	return b.String()
}

func writeHeading(b *strings.Builder, section string) {
	title, doc := "General", ""
	if section != "" {
		title = "`" + section + "`"
		for _, k := range keys() {
			if k.path == section || k.path+"[]" == section {
				doc = k.doc + ".\n\n"
			}
		}
	}
	fmt.Fprintf(b, "\n## %s\n\n%s| Key | Type | Default | Environment | Meaning |\n|---|---|---|---|---|\n", title, doc)
}

// defaults are those of Default, in words.
func defaults() map[string]string {
	out := map[string]string{}
	var walk func(v reflect.Value, prefix string)
	walk = func(v reflect.Value, prefix string) {
		for i := range v.NumField() {
			path := prefix + v.Type().Field(i).Tag.Get("koanf")
			field := v.Field(i)
			switch inner, list := section(field.Type()); {
			case inner == nil:
				out[path] = defaultText(field)
			case list && path == "chains":
				walk(reflect.ValueOf(defaultChain()), path+"[].")
			case list:
				walk(reflect.New(inner).Elem(), path+"[].")
			default:
				walk(field, path+".")
			}
		}
	}
	walk(reflect.ValueOf(Default("~/.kofo")), "")
	return out
}

func defaultText(v reflect.Value) string {
	switch value := tree(v).(type) {
	case []any:
		if len(value) == 0 {
			return ""
		}
		return fmt.Sprintf("`%v`", value)
	case string:
		if value == "" || value == "0s" {
			return ""
		}
		if strings.HasSuffix(value, "m0s") {
			value = strings.TrimSuffix(value, "0s")
		}
		if strings.HasSuffix(value, "h0m") {
			value = strings.TrimSuffix(value, "0m")
		}
		return "`" + value + "`"
	default:
		return fmt.Sprintf("`%v`", value)
	}
}

func typeName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[Duration]():
		return "duration"
	case reflect.TypeFor[Secret]():
		return "secret"
	case reflect.TypeFor[[]string]():
		return "list"
	}
	switch t.Kind() {
	case reflect.Array:
		return "amount"
	case reflect.Bool:
		return "bool"
	case reflect.String:
		return "text"
	default:
		return "number"
	}
}

const referenceHead = `# Configuration

<!-- Made from internal/config by: go test ./internal/config -update -->

kofod and kofo read one YAML file, ` + "`kofod.yml`" + ` of the data folder or the one that
` + "`--config`" + ` or ` + "`KOFO_CONFIG`" + ` names. The environment overrides the file, flags override
both. The flag of a key has dashes: ` + "`store.dsn`" + ` is ` + "`--store-dsn`" + `. ` + "`kofod config check`" + `
reads all three and reports everything that is wrong; ` + "`kofod config print`" + ` shows
what is in effect, without secrets.

Durations have a unit (` + "`90s`" + `, ` + "`2h`" + `), amounts are whole base units, lists in the
environment have commas between.
`

// referenceTail shows what the profiles stand for.
func referenceTail() string {
	var b strings.Builder
	b.WriteString("\n## Profiles\n\nWhat `timing` and `min_confirmations` are where they are not given.\n\n")
	b.WriteString("| Profile | Kind | Confirmations | Clock lead | Clock lag | Fund window | Bury fund | Bury redeem | Bury refund | Sighting |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|\n")
	for _, name := range []string{ProfileStandard, ProfileDevnet} {
		for _, kind := range []string{KindBitcoin, KindEVM} {
			p := profiles[name][kind]
			t := p.timing
			fmt.Fprintf(&b, "| %s | %s | %d | %s | %s | %s | %s | %s | %s | %s |\n", name, kind, p.confirmations,
				t.ClockLead, t.ClockLag, t.FundWindow, t.BuryFund, t.BuryRedeem, t.BuryRefund, t.Sighting)
		}
	}
	b.WriteString("\nThe longest time lock that follows, from the making of a ticket, at the latest:\n\n")
	b.WriteString("| Profile | Pays first | Pays second | Outage | Offer validity | Lock |\n|---|---|---|---|---|---|\n")
	for _, name := range []string{ProfileStandard, ProfileDevnet} {
		for _, pair := range [][2]string{{KindBitcoin, KindEVM}, {KindEVM, KindBitcoin}} {
			c := Config{Chains: []Chain{{Profile: name, Kind: pair[0]}, {Profile: name, Kind: pair[1]}}}
			c.complete()
			lock, err := longestLock(c.Chains[0], c.Chains[1], c.Policy)
			if err != nil {
				continue // a test computes them too
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", name, pair[0], pair[1], c.Policy.Outage, c.Policy.OfferValidity, lock)
		}
	}
	return b.String()
}
