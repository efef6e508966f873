package ingest

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/xuri/excelize/v2"
)

const sameRows = 200

// people are names as they stand in a column that is not looked at, but that
// the encoding is told from.
var people = map[string][]string{
	"traditional": {"王小明", "陳淑芬", "張家豪", "林「美」玲", "黃志偉,業務", "許功蓋", "吳雅婷 小姐", "\"蔡\"依林"},
	"simplified":  {"王小明", "陈淑芬", "张家豪", "林“美”玲", "黄志伟,业务", "许建国", "吴雅婷 小姐", "\"蔡\"依林"},
	"western":     {"José García", "Zoë Müller", "François, père", "Søren Åberg", "Renée \"Née\" Dupré", "Günther Weiß", "Málaga Niño", "Łukasz"},
}

// sameTable is the table of the same rows, cells as they are meant.
func sameTable(names []string) [][]string {
	table := [][]string{{"姓名", "clientId", "Tag_ID", "platform", "platform client id"}}
	if slices.Contains(names, "Zoë Müller") {
		table[0][0] = "Prénom"
	}
	for i := range sameRows {
		name := strings.ReplaceAll(names[i%len(names)], "Ł", "L")
		if i%50 == 7 {
			name += "\n" + name
		}
		table = append(table, []string{name, fmt.Sprintf("client%04d", i), "vip-2026", "LINE", fmt.Sprintf("U%032x", i*7919)})
	}
	return table
}

func wantMapping(i int) Mapping {
	return Mapping{TagID: "vip-2026", ClientID: fmt.Sprintf("client%04d", i), Platform: "line", PlatformClientID: fmt.Sprintf("U%032x", i*7919)}
}

func writeTable(t *testing.T, table [][]string, delim rune, end string) string {
	t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Comma = delim
	if err := w.WriteAll(table); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(b.String(), "\n", end)
}

func pack(t testing.TB, container string, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	switch container {
	case gzipped:
		w := gzip.NewWriter(&b)
		w.Write(text)
		w.Close()
	case zstded:
		w, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(text)
		w.Close()
	default:
		return text
	}
	return b.Bytes()
}

func encode(t testing.TB, c *charset, text string) []byte {
	t.Helper()
	if c.coding == nil {
		return []byte(text)
	}
	b, err := c.coding.NewEncoder().Bytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSameRowsHoweverWritten(t *testing.T) {
	encodings := []struct {
		charset *charset
		mark    string
		people  string
	}{
		{utf8Text, "", "traditional"},
		{utf8Text, "\xEF\xBB\xBF", "traditional"},
		{utf16LE, "\xFF\xFE", "traditional"},
		{utf16LE, "", "simplified"},
		{utf16BE, "\xFE\xFF", "simplified"},
		{utf16BE, "", "traditional"},
		{big5, "", "traditional"},
		{gb18030, "", "simplified"},
		{western, "", "western"},
	}
	name := filepath.Join(t.TempDir(), "input")
	for _, e := range encodings {
		for _, delim := range ",;\t|" {
			for _, end := range []string{"\n", "\r\n", "\r"} {
				text := append([]byte(e.mark), encode(t, e.charset, writeTable(t, sameTable(people[e.people]), delim, end))...)
				for _, container := range []string{bare, gzipped, zstded} {
					what := fmt.Sprintf("%s %q %q %q %s", e.charset.name, e.mark, delim, end, container)
					if err := os.WriteFile(name, pack(t, container, text), 0o600); err != nil {
						t.Fatal(err)
					}
					l := checkSame(t, what, name)
					if l.Encoding != e.charset.name || rune(l.Delimiter) != delim || l.Container != container || l.CRLF != (end == "\r\n") {
						t.Errorf("%s: found to be %s %q %s %v", what, l.Encoding, l.Delimiter, l.Container, l.CRLF)
					}
				}
			}
		}
	}
}

// checkSame reads the rows of a file and wants the same mappings.
func checkSame(t *testing.T, what, name string) Layout {
	t.Helper()
	r, err := Open(name, Options{})
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return Layout{}
	}
	defer r.Close()
	for i := range sameRows {
		row, err := r.Next()
		if err != nil || row.Err != nil || row.Mapping != wantMapping(i) {
			t.Errorf("%s: row %d is %v, %v, %v", what, i+1, row.Mapping, row.Err, err)
			return r.Layout()
		}
	}
	if row, err := r.Next(); err == nil {
		t.Errorf("%s: a row too many: %q", what, row.Own)
	}
	return r.Layout()
}

func TestSameRowsInNDJSON(t *testing.T) {
	var b strings.Builder
	for i := range sameRows {
		m := wantMapping(i)
		fmt.Fprintf(&b, `{"姓名":"王小明 %d","clientId":%q,"tagId":%q,"platform":%q,"platformClientId":%q}`+"\n", i, m.ClientID, m.TagID, m.Platform, m.PlatformClientID)
	}
	name := filepath.Join(t.TempDir(), "input")
	for _, c := range []*charset{utf8Text, utf16LE, utf16BE, big5} {
		for _, container := range []string{bare, gzipped, zstded} {
			if err := os.WriteFile(name, pack(t, container, encode(t, c, b.String())), 0o600); err != nil {
				t.Fatal(err)
			}
			checkSame(t, c.name+" "+container, name)
		}
	}
}

// writeWorkbook writes a workbook with the table on a sheet that is not the
// first, if it has a name.
func writeWorkbook(t testing.TB, name, sheet string, table [][]string) {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	at := "Sheet1"
	if sheet != "" {
		if _, err := f.NewSheet(sheet); err != nil {
			t.Fatal(err)
		}
		at = sheet
	}
	for i, row := range table {
		cell, _ := excelize.CoordinatesToCellName(1, i+1)
		if err := f.SetSheetRow(at, cell, &row); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.SaveAs(name); err != nil {
		t.Fatal(err)
	}
}

func TestSameRowsInWorkbook(t *testing.T) {
	name := filepath.Join(t.TempDir(), "input.xlsx")
	writeWorkbook(t, name, "", sameTable(people["traditional"]))
	if l := checkSame(t, "first sheet", name); l.Format != XLSX || l.Sheet != "Sheet1" {
		t.Errorf("found to be %s, sheet %q", l.Format, l.Sheet)
	}
}
