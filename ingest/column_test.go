package ingest

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A row costs as little to tell from a header where ids have no digits, or names of
// columns have some.
func TestRowsAreNotReadAsHeaders(t *testing.T) {
	allocations := func(header, row string, m map[string]string) float64 {
		t.Helper()
		name := filepath.Join(t.TempDir(), "rows.csv")
		const rows = 2000
		if err := os.WriteFile(name, []byte(header+"\n"+strings.Repeat(row+"\n", rows)), 0o600); err != nil {
			t.Fatal(err)
		}
		return testing.AllocsPerRun(1, func() {
			r, err := Open(name, Options{Map: m})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			for err == nil {
				_, err = r.Next()
			}
			if err != io.EOF {
				t.Fatal(err)
			}
		}) / rows
	}
	for _, c := range []struct {
		header, row string
		m           map[string]string
	}{
		{"tagId,clientId,note", "tag1,client00000001,some note", nil},
		{"tagId,client2,note", "tag1,client00000001,some note", map[string]string{"clientId": "client2"}},
		{"tagId,clientId,備註", "gold,alice,\"她說 \"\"好\"\"\"", nil},
	} {
		if n := allocations(c.header, c.row, c.m); n > 5 { // reading one as a header takes some twenty
			t.Errorf("%s: %.1f allocations a row", c.header, n)
		}
	}
}

// mayName must know all that fieldOf does, however a file writes it.
func TestMayName(t *testing.T) {
	n, err := newNames(Options{Map: map[string]string{"clientId": "The  客戶\u200B No_1", "botId": `b "x"`}})
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"The 客戶 No_1", "the客戶no1", `b "x"`}
	for f, name := range fieldNames {
		if !n.mapped[f] {
			names = append(append(names, name), aliases[f]...)
		}
	}
	for _, name := range names {
		wide := strings.Map(func(r rune) rune {
			if r >= '!' && r <= '~' {
				return r - '!' + '！'
			}
			return r
		}, name)
		for _, as := range []string{name, strings.ToUpper(name), wide, "\uFEFF " + name + strings.Repeat(" \u3000", 300), strings.Join(strings.Split(name, ""), "-")} {
			if f, _ := n.fieldOf(as); f < 0 {
				t.Errorf("%q is no name", as)
			}
			for _, cell := range []string{as, `"` + strings.ReplaceAll(as, `"`, `""`) + `"`} {
				if !n.mayName([]byte(cell)) {
					t.Errorf("%q is not known", cell)
				}
			}
		}
	}
	for _, cell := range []string{"", "gold", "clientId", "clientId2", "tag\xffId", "tagId\x00", "標籤", strings.Repeat("tagId", 100)} {
		if f, _ := n.fieldOf(cell); f >= 0 || n.mayName([]byte(cell)) {
			t.Errorf("%q is known as %d", cell, f)
		}
	}
	cell := []byte(names[0])
	if got := testing.AllocsPerRun(100, func() { n.mayName(cell) }); got > 0 {
		t.Errorf("%.0f allocations", got)
	}
}
