package lines

import (
	"regexp"
	"strings"
)

var (
	adviceKey    = regexp.MustCompile("`[^`]+`")
	adviceAmount = regexp.MustCompile("`([a-z_]+)` of `asset`")
)

// without are the parts of advice that say nothing where a key has no value,
// and what stands there then. The first that fits goes first.
var without = []struct{ part, key, instead string }{
	{"move at most `max` in one call; of a cap by day ", "max", ""},
	{"; of a cap by day wait until `at`", "at", ""},
	{"wait until `at`, or use", "at", "use"},
	{" to `min`", "min", ""},
	{" to `max`", "max", ""},
	{" until `at`", "at", ""},
	{" with `scope`", "scope", " that allows it"},
	{"correct `field`", "field", "correct what is named"},
}

// Advice puts values into the advice of a reason, which names keys of an
// error's metadata. What it refers to in vain is left out. Commands stay.
func Advice(text string, value func(key string) string) string {
	for _, clause := range without {
		if value(clause.key) == "" {
			text = strings.Replace(text, clause.part, clause.instead, 1)
		}
	}
	text = adviceAmount.ReplaceAllStringFunc(text, func(found string) string {
		if amount := value(adviceAmount.FindStringSubmatch(found)[1]); amount != "" {
			return amount
		}
		if asset := value("asset"); asset != "" {
			return "more " + asset
		}
		return "more"
	})
	return adviceKey.ReplaceAllStringFunc(text, func(found string) string {
		key := strings.Trim(found, "`")
		if told := value(key); told != "" {
			return told
		}
		return key
	})
}

// Nothing is the value of every key where there is no metadata.
func Nothing(string) string { return "" }
