// Package lines writes text for people: folded at the width of a screen, and
// without references to what is not there.
//
// The caller owes it not to fold what is to be pasted: commands, tickets and
// anything else that a shell or a program reads again.
package lines

import (
	"strings"
	"unicode/utf8"
)

// Width is the longest line that is written for people. Ids, tickets and what
// else has no blanks stay whole.
const Width = 100

// Fold breaks lines between words, and begins what is broken off with blanks.
func Fold(text string, width, indent int) string {
	var b strings.Builder
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		used := 0
		for j, word := range strings.SplitAfter(line, " ") {
			length := utf8.RuneCountInString(strings.TrimRight(word, " "))
			if j > 0 && length > 0 && used+length > width {
				b.WriteString("\n" + strings.Repeat(" ", indent))
				used = indent
			}
			b.WriteString(word)
			used += utf8.RuneCountInString(word)
		}
	}
	folded := strings.Split(b.String(), "\n")
	for i := range folded {
		folded[i] = strings.TrimRight(folded[i], " ")
	}
	return strings.Join(folded, "\n")
}
