package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
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
		t.Fatalf("header %q by %q, was %q by %q", got.Header, got.Delimiter, l.Header, l.Delimiter)
	}
	for i, want := range rows {
		got, err := r.Next()
		if err != nil {
			t.Fatalf("row %d: %v\n%q", i, err, outcome)
		}
		if !bytes.Equal(got.Own, want.Own) || !bytes.Equal(got.Surplus, want.Surplus) || got.Tag != want.Tag && want.Err == nil {
			t.Fatalf("row %d came back as\n%q, %q, %s\nand was\n%q, %q, %s", i, got.Own, got.Surplus, got.Tag, want.Own, want.Surplus, want.Tag)
		}
		var fault *Fault
		switch {
		case want.Err == nil && (got.Err != nil || got.Mapping != want.Mapping):
			t.Fatalf("row %d asks for %v (%v), and was %v", i, got.Mapping, got.Err, want.Mapping)
		case errors.As(want.Err, &fault) && fault.ID != "few-cells" && got.Err == nil:
			t.Fatalf("row %d had failed, %v, and asks for %v now", i, want.Err, got.Mapping)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Fatalf("a row too many, or %v", err)
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
		var input *InputError
		if !errors.As(err, &input) || input.File != name || english[input.ID] == "" {
			t.Fatalf("%v", err)
		}
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
			t.Fatal(err)
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

func FuzzCSV(f *testing.F) {
	for _, c := range csvCases {
		f.Add([]byte(c.text), c.o.Tag, c.o.SplitTags)
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
