package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	markdownLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	inlineCode   = regexp.MustCompile("`[^`]*`")
	fragmentKind = regexp.MustCompile(`^(Feature|Change|Fix|Security|Removal): (.+)$`)
	fragmentName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*\.md$`)
	adrName      = regexp.MustCompile(`^[0-9]{4}-[a-z0-9-]+\.md$`)
)

// brokenLinks returns the relative links of a page that lead nowhere, or out of
// the tree: the documents stand alone.
func brokenLinks(root, rel, doc string) []string {
	var broken []string
	for _, m := range markdownLink.FindAllStringSubmatch(inlineCode.ReplaceAllString(doc, ""), -1) {
		target, _, _ := strings.Cut(m[1], "#")
		if target == "" || strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
			continue
		}
		to := filepath.Join(filepath.Dir(filepath.FromSlash(rel)), filepath.FromSlash(target))
		if !filepath.IsLocal(to) {
			broken = append(broken, fmt.Sprintf("%s: %s leads out of the tree", rel, m[1]))
		} else if _, err := os.Stat(filepath.Join(root, to)); err != nil {
			broken = append(broken, fmt.Sprintf("%s: %s leads nowhere", rel, m[1]))
		}
	}
	return broken
}

func TestLinks(t *testing.T) {
	root := repoRoot(t)
	for _, rel := range treeFiles(t, root, ".md") {
		for _, problem := range brokenLinks(root, rel, read(t, root, rel)) {
			t.Error(problem)
		}
	}
}

func TestLinkCheckBites(t *testing.T) {
	root := repoRoot(t)
	for doc, want := range map[string]int{
		"[a](nowhere.md)":                1,
		"[a](../../elsewhere/x.md)":      1,
		"[a](safety.md#rows) [b](#here)": 0,
		"[a](https://example.com/x)":     0,
		"`[a](nowhere.md)`":              0,
	} {
		if got := brokenLinks(root, "docs/x.md", doc); len(got) != want {
			t.Errorf("%s: %q, want %d", doc, got, want)
		}
	}
}

// checkFragment holds a changelog fragment to the form of changelog/README.md.
func checkFragment(name, text string) []string {
	var problems []string
	report := func(what string) { problems = append(problems, name+": "+what) }
	if !fragmentName.MatchString(name) {
		report("the name is not short-words-with-dashes.md")
	}
	head, rest, _ := strings.Cut(text, "\n")
	m := fragmentKind.FindStringSubmatch(head)
	if m == nil {
		report("the first line is not `Kind: sentence`")
		return problems
	}
	if len(head) > 100 {
		report("the first line has more than 100 characters")
	}
	if r := []rune(m[2]); unicode.IsLower(r[0]) || strings.HasSuffix(m[2], ".") {
		report("the sentence wants a capital letter and no full stop")
	}
	if rest != "" && !strings.HasPrefix(rest, "\n") {
		report("an empty line separates the detail")
	}
	if (m[1] == "Change" || m[1] == "Removal") && strings.TrimSpace(rest) == "" {
		report(m[1] + " needs a detail")
	}
	return problems
}

func TestChangelogFragments(t *testing.T) {
	root := repoRoot(t)
	const folder = "changelog/unreleased/"
	for _, rel := range treeFiles(t, root, "") {
		if name, ok := strings.CutPrefix(rel, folder); ok && name != ".gitkeep" {
			for _, problem := range checkFragment(name, read(t, root, rel)) {
				t.Error(problem)
			}
		}
	}
}

func TestChangelogCheckBites(t *testing.T) {
	good := "Fix: Watching continues after a lost connection\n\nSeen with slow nodes.\n"
	if problems := checkFragment("lost-connection.md", good); len(problems) != 0 {
		t.Errorf("a good fragment: %q", problems)
	}
	for name, c := range map[string]struct{ file, text, want string }{
		"name":      {"Lost.md", good, "name"},
		"kind":      {"a.md", "Bug: It works again\n", "Kind"},
		"length":    {"a.md", "Fix: X" + strings.Repeat("x", 100), "100"},
		"stop":      {"a.md", "Fix: It works again.\n", "full stop"},
		"lowercase": {"a.md", "Fix: it works again\n", "capital"},
		"separator": {"a.md", "Fix: It works again\nDetail\n", "empty line"},
		"detail":    {"a.md", "Removal: The flag x is gone\n", "detail"},
	} {
		t.Run(name, func(t *testing.T) {
			problems := checkFragment(c.file, c.text)
			if len(problems) != 1 || !strings.Contains(problems[0], c.want) {
				t.Errorf("found %q, want one problem with %q", problems, c.want)
			}
		})
	}
}

// Every decision is in the index, with the state that its page has.
func TestDecisionsAreIndexed(t *testing.T) {
	root := repoRoot(t)
	index := read(t, root, "docs/adr/README.md")
	numbers := map[string]string{}
	for _, rel := range treeFiles(t, root, ".md") {
		name, ok := strings.CutPrefix(rel, "docs/adr/")
		if !ok || name == "README.md" || name == "template.md" {
			continue
		}
		if !adrName.MatchString(name) {
			t.Errorf("%s is not named NNNN-short-title.md", rel)
			continue
		}
		number := name[:4]
		if other := numbers[number]; other != "" {
			t.Errorf("%s and %s have one number", other, name)
		}
		numbers[number] = name
		state := regexp.MustCompile(`(?m)^State: (.+)$`).FindStringSubmatch(read(t, root, rel))
		if state == nil {
			t.Errorf("%s has no line `State: ...`", rel)
			continue
		}
		row := regexp.MustCompile(`(?m)^\| \[` + number + `\]\(` + regexp.QuoteMeta(name) + `\) \| .+ \| ` + regexp.QuoteMeta(state[1]) + ` \|$`)
		if !row.MatchString(index) {
			t.Errorf("docs/adr/README.md has no row `| [%s](%s) | ... | %s |`", number, name, state[1])
		}
	}
}
