package report

import (
	"fmt"
	"strings"
	"unicode"
)

// visible is a text on one line in which every character can be seen: white
// space becomes a space, and what does not print is written as its number.
func visible(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case unicode.IsGraphic(r):
			b.WriteRune(r)
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// harmless is visible text that no spreadsheet runs as a formula: one that
// begins like a formula gets an apostrophe in front. Spreadsheets set up for
// Chinese or Japanese take the full-width signs too.
func harmless(s string) string {
	s = visible(s)
	if t := strings.TrimSpace(s); t != "" && strings.ContainsRune("=+-@＝＋－＠﹦﹢﹣﹫", []rune(t)[0]) {
		return "'" + s
	}
	return s
}
