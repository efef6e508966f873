package journal

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestDocumentedExample reads the journal that docs/journal.md shows.
func TestDocumentedExample(t *testing.T) {
	doc, err := os.ReadFile("../../docs/journal.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(doc, []byte("```ndjson\n"))
	text, _, _ := bytes.Cut(rest, []byte("```"))
	r, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	if r.lines != 9 || r.outcomes() != 2 || len(r.sessions) != 1 {
		t.Errorf("%d lines, %d outcomes, %d sessions", r.lines, r.outcomes(), len(r.sessions))
	}
	if total := (Totals{Sent: 3, Refused: 1, Succeeded: 1, Failed: 1}); r.sessions[0].Totals != total {
		t.Errorf("%+v", r.sessions[0].Totals)
	}
}

func TestLongTextIsClippedBetweenCharacters(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"short", 10, "short"},
		{"語語語", 7, "語語"},
		{"語語語", 6, "語語"},
		{"\xff\xfe.", 10, "\ufffd."},
		{strings.Repeat("\xff-", 9), 5, "\ufffd-"},
	} {
		if got := clip(c.text, c.limit); got != c.want {
			t.Errorf("clip(%q, %d) = %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}

func TestKeysTellFieldsApart(t *testing.T) {
	seen := map[Key]bool{}
	for _, f := range [][6]string{
		{"h", "b", "t", "c", "", ""},
		{"h", "b", "t", "", "c", ""},
		{"h", "b", "tc", "", "", ""},
		{"hb", "", "t", "c", "", ""},
		{"h", "b", "t", "c", "p", ""},
		{"h", "b", "t", "c", "", "p"},
	} {
		k := NewKey(f[0], f[1], f[2], f[3], f[4], f[5])
		if seen[k] || k != NewKey(f[0], f[1], f[2], f[3], f[4], f[5]) {
			t.Errorf("%q", f)
		}
		seen[k] = true
	}
}

// A build whose Unicode tables are older or newer escapes other characters.
func TestAnotherSpelling(t *testing.T) {
	e := Entry{Kind: Failed, At: noon, Row: 1, Reason: "x😀"}
	text := appendEntry(nil, e, 0)
	other := bytes.Replace(text[:len(text)-1-crcTail], []byte("😀"), []byte(`\ud83d\ude00`), 1)
	other = appendSum(other, 0)
	body, ok := checkSum(bytes.TrimSuffix(other, []byte{'\n'}))
	var l line
	if !ok || !scan(body, &l) || l.entry() != e {
		t.Errorf("not read: %s", other)
	}
}
