package ingest

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// outcomeFile writes rows as an outcome file has them: the input's columns,
// mantatag's nine, and what stood under no column.
func outcomeFile(rows []Row, l Layout) string {
	var b bytes.Buffer
	d := string(l.Delimiter)
	end := "\n"
	if l.CRLF {
		end = "\r\n"
	}
	b.Write(l.Header)
	for _, name := range []string{"row", "line", "outcome", "status", "code", "reason", "in_doubt", "attempts", "at"} {
		b.WriteString(d + "mantatag_" + name)
	}
	if l.Tags {
		b.WriteString(d + "mantatag_tag")
	}
	b.WriteString(end)
	for _, row := range rows {
		b.Write(row.Own)
		b.WriteString(d + "7" + d + "9" + d + "failed" + d + d + d + "\"a \"\"reason\"\"" + d + " of ours\"" + d + "false" + d + "1" + d + "2026-11-02T03:04:05Z")
		if l.Tags {
			b.WriteString(d)
			b.Write(quoteCell(nil, []byte(row.Tag)))
		}
		b.Write(row.Surplus)
		b.WriteString(end)
	}
	return b.String()
}

// outcomeObjects does so for NDJSON.
func outcomeObjects(rows []Row) string {
	var b bytes.Buffer
	for _, row := range rows {
		own := row.Own[:len(row.Own)-1]
		b.Write(own)
		if len(bytes.TrimSpace(own)) > 1 {
			b.WriteByte(',')
		}
		added, _ := json.Marshal(map[string]any{"reason": "no", "tag": row.Tag, "surplus": string(row.Surplus)})
		b.WriteString(`"mantatag":` + string(added) + "}\n")
	}
	return b.String()
}

// again reads an outcome file as the input that it is and compares.
func again(t *testing.T, name, outcome string, rows []Row, l Layout, o Options) {
	t.Helper()
	r, err := openText(t, name, outcome, o)
	if err != nil {
		t.Fatalf("an outcome file is no input: %v\n%q", err, outcome)
	}
	defer r.Close()
	if got := r.Layout(); l.Delimiter != got.Delimiter || !bytes.Equal(l.Header, got.Header) {
		t.Errorf("header %q by %q, was %q by %q", got.Header, got.Delimiter, l.Header, l.Delimiter)
	}
	for i, want := range rows {
		got, err := r.Next()
		if err != nil {
			t.Fatalf("row %d: %v\n%q", i, err, outcome)
		}
		if !bytes.Equal(got.Own, want.Own) || !bytes.Equal(got.Surplus, want.Surplus) || got.Tag != want.Tag && want.Err == nil {
			t.Errorf("row %d came back as\n%q, %q, %s\nand was\n%q, %q, %s", i, got.Own, got.Surplus, got.Tag, want.Own, want.Surplus, want.Tag)
		}
		switch {
		case want.Err == nil && (got.Err != nil || got.Mapping != want.Mapping):
			t.Errorf("row %d asks for %v (%v), and was %v", i, got.Mapping, got.Err, want.Mapping)
		case want.Err != nil && got.Err == nil:
			t.Errorf("row %d had failed, %v, and asks for %v now", i, want.Err, got.Mapping)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("a row too many, or %v", err)
	}
}

// openText opens a text through a file that the calls of one target share.
func openText(t *testing.T, name, text string, o Options) (*Reader, error) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Open(name, o)
}

// readText reads the rows of a text and checks what holds for every input. It
// gives nil for a text that cannot be used.
func readText(t *testing.T, name, text string, o Options) ([]Row, Layout) {
	t.Helper()
	r, err := openText(t, name, text, o)
	if err != nil {
		checkFault(t, name, err)
		return nil, Layout{}
	}
	defer r.Close()
	var rows []Row
	var number, line int64
	for {
		row, err := r.Next()
		if err == io.EOF {
			return rows, r.Layout()
		}
		if err != nil {
			checkFault(t, name, err)
			return nil, Layout{}
		}
		if row.Number < number || row.Number > number+1 || row.Line < line {
			t.Fatalf("row %d of line %d follows row %d of line %d", row.Number, row.Line, number, line)
		}
		number, line = row.Number, row.Line
		if (row.Err == nil) == (row.TagID == "" || row.ClientID == "" && (row.Platform == "" || row.PlatformClientID == "")) {
			t.Fatalf("row %d: %v with %v", number, row.Mapping, row.Err)
		}
		rows = append(rows, row.Clone())
	}
}

func checkFault(t *testing.T, name string, err error) {
	t.Helper()
	var input *InputError
	if !errors.As(err, &input) || input.File != name || english[input.ID] == "" || input.ID == "unreadable" {
		t.Fatalf("%v", err)
	}
}

func FuzzCSV(f *testing.F) {
	for _, c := range csvCases {
		f.Add([]byte(c.text), c.o.Tag, c.o.SplitTags)
	}
	for _, c := range oddities {
		f.Add([]byte(c.text), c.o.Tag, "")
	}
	name := filepath.Join(f.TempDir(), "input")
	f.Fuzz(func(t *testing.T, text []byte, tag, split string) {
		o := Options{Format: CSV, Encoding: "utf-8", Tag: tag, SplitTags: split}
		rows, l := readText(t, name, string(text), o)
		if rows != nil {
			again(t, name, outcomeFile(rows, l), rows, l, o)
		}
	})
}

func FuzzNDJSON(f *testing.F) {
	for _, c := range ndjsonCases {
		f.Add([]byte(c.text), c.o.Tag)
	}
	name := filepath.Join(f.TempDir(), "input")
	f.Fuzz(func(t *testing.T, text []byte, tag string) {
		o := Options{Format: NDJSON, Encoding: "utf-8", Tag: tag}
		rows, l := readText(t, name, string(text), o)
		if rows == nil || !allValid(rows) {
			return
		}
		again(t, name, outcomeObjects(rows), rows, l, o)
	})
}

// allValid tells whether the lines that are not objects are text that JSON can
// hold.
func allValid(rows []Row) bool {
	for _, row := range rows {
		if !bytes.Equal(bytes.ToValidUTF8(row.Surplus, nil), row.Surplus) {
			return false
		}
	}
	return true
}

// FuzzSniff gives any bytes to everything that finds out what they are.
func FuzzSniff(f *testing.F) {
	for _, c := range oddities {
		f.Add([]byte(c.text))
	}
	for who, c := range map[string]*charset{"traditional": big5, "simplified": gb18030, "western": western} {
		for _, name := range people[who] {
			text, err := c.coding.NewEncoder().String("name;clientId;tagId\r\n" + name + ";c;t\r\n")
			if err == nil {
				f.Add([]byte(text))
			}
		}
	}
	for _, c := range []*charset{utf16LE, utf16BE} {
		text, _ := c.coding.NewEncoder().String("clientId,tagId\n王,t\n")
		f.Add([]byte(text))
	}
	name := filepath.Join(f.TempDir(), "input")
	f.Fuzz(func(t *testing.T, text []byte) {
		readText(t, name, string(text), Options{})
	})
}

// FuzzPacked changes the bytes of packed tables.
func FuzzPacked(f *testing.F) {
	for _, container := range []string{gzipped, zstded} {
		for _, c := range csvCases[:4] {
			f.Add(pack(f, container, []byte(c.text)))
		}
	}
	name := filepath.Join(f.TempDir(), "input")
	f.Fuzz(func(t *testing.T, packed []byte) {
		readText(t, name, string(packed), Options{})
	})
}

// FuzzWorkbook puts any XML in the place of a worksheet, of the strings that its
// cells share, and of their formats. Give it -fuzzminimizetime=1x: otherwise it
// spends its time on shortening what it finds.
func FuzzWorkbook(f *testing.F) {
	names := [...]string{"xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml"}
	add := func(rows, texts string) {
		parts := bookParts(rows, texts)
		f.Add(parts[names[0]], parts[names[1]], parts[names[2]])
	}
	add(bookHeader+`<row r="2" hidden="1"><c r="A2" s="2"><v>7</v></c><c r="B2" t="s"><v>0</v></c></row>`, `<si><t>t</t></si>`)
	add(bookHeader+`<row><c s="1"><v>1.5</v></c><c t="b"><v>1</v></c></row><row><c t="str"><f>A1</f><v>c</v></c><c><f>1</f></c></row>`, `<si><r><t>a</t></r><rPh><t>b</t></rPh></si>`)
	f.Add(`<worksheet><sheetData><row r="3"><c r="B3" t="inlineStr"><is><t>clientId</t></is></c></row><row><c r="ZZ1"/></row><row r="9"><c r="B9" s="1"><v>46082.7</v></c></row></sheetData></worksheet>`, "<sst/>",
		`<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts><numFmt numFmtId="164" formatCode="[$-404]e&quot;年&quot;;[Red]-0.0%"/></numFmts><cellXfs><xf/><xf numFmtId="164"/></cellXfs></styleSheet>`)
	parts := bookParts("", "")
	name := filepath.Join(f.TempDir(), "input")
	f.Fuzz(func(t *testing.T, sheet, texts, styles string) {
		parts[names[0]], parts[names[1]], parts[names[2]] = sheet, texts, styles
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, part := range slices.Sorted(maps.Keys(parts)) {
			out, err := w.CreateHeader(&zip.FileHeader{Name: part})
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(out, parts[part])
		}
		w.Close()
		rows, l := readText(t, name, b.String(), Options{Tag: "t"})
		if rows != nil {
			again(t, name, outcomeFile(rows, l), rows, l, Options{Tag: "t", Encoding: "utf-8", Format: CSV})
		}
	})
}
