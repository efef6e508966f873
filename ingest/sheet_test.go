package ingest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
)

func readBook(t *testing.T, name string, o Options) ([]Row, Layout) {
	t.Helper()
	r, err := Open(name, o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var rows []Row
	for {
		row, err := r.Next()
		if err == io.EOF {
			return rows, r.Layout()
		}
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row.Clone())
	}
}

// Cells count as a person sees them, and rows by their number in the sheet.
func TestWorkbook(t *testing.T) {
	f := excelize.NewFile()
	defer f.Close()
	if _, err := f.NewSheet("名單"); err != nil {
		t.Fatal(err)
	}
	zeros := "0000000000"
	padded, _ := f.NewStyle(&excelize.Style{CustomNumFmt: &zeros})
	grouped, _ := f.NewStyle(&excelize.Style{NumFmt: 3})
	scientific, _ := f.NewStyle(&excelize.Style{NumFmt: 11})
	date, _ := f.NewStyle(&excelize.Style{NumFmt: 14})
	set := func(cell string, value any, style int) {
		t.Helper()
		if err := errors.Join(f.SetCellValue("名單", cell, value), f.SetCellStyle("名單", cell, cell, style)); err != nil {
			t.Fatal(err)
		}
	}
	for cell, v := range map[string]any{
		"B1": "客戶名單", "A3": "姓名", "B3": "客戶 ID", "C3": "標籤ID", "D3": "備註",
		"A4": "王,小\"明\"", "B4": "c1", "C4": "t", "D4": "二\n行",
		"B5": "c2", "C5": "t",
		"C8": "t", "B8": 886912345678,
		"B14": "c9", "C14": "t", "D14": "x", "F14": "past the header",
	} {
		set(cell, v, 0)
	}
	for i, style := range []int{padded, grouped, scientific, date} {
		row := string(rune('0' + i))
		set("B1"+row, []any{912345678, 1234567, 886912345678, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}[i], style)
		set("C1"+row, "t", 0)
	}
	if err := errors.Join(
		f.SetCellFormula("名單", "B9", "1+1"), f.SetCellValue("名單", "C9", "t"),
		f.SetRowVisible("名單", 5, false)); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "book")
	var b bytes.Buffer
	if err := errors.Join(f.Write(&b), os.WriteFile(name, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	rows, l := readBook(t, name, Options{Sheet: "名單 "})
	compare(t, rows, []string{
		"1@4 t c1   | \"王,小\"\"明\"\"\",c1,t,\"二\n行\" | ",
		"2@5 t c2   | ,c2,t, | ",
		"3@8 t 886912345678   | ,886912345678,t, | ",
		"4@9 !no-result | ,#N/A,t, | ",
		"5@10 t 0912345678   | ,0912345678,t, | ",
		"6@11 t 1234567   | ,\"1,234,567\",t, | ",
		"7@12 !scientific | ,8.87E+11,t, | ",
		"8@13 !date | ,03-01-26,t, | ",
		"9@14 !many-cells | ,c9,t,x | ,,past the header",
	})
	if string(l.Header) != "姓名,客戶 ID,標籤ID,備註" || l.Sheet != "名單" || l.Skipped != 1 {
		t.Errorf("%+v, header %q", l, l.Header)
	}
	if len(rows[1].Notes) != 1 || rows[1].Notes[0].ID != "hidden-row" {
		t.Errorf("notes on the hidden row: %v", rows[1].Notes)
	}
}

// A workbook that is unpacked into temporary files leaves none behind.
func TestWorkbookLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	t.Setenv("TMP", folder)
	name := filepath.Join(t.TempDir(), "book.xlsx")
	f := excelize.NewFile()
	w, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	const n = 5_000
	for i := range n + 1 {
		cell, _ := excelize.CoordinatesToCellName(1, i+1)
		row := []any{"clientId", "tagId", "note"}
		if i > 0 {
			row = []any{i, "t", strings.Repeat("a note of some length ", 12)}
		}
		if err := w.SetRow(cell, row); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Flush(), f.SaveAs(name), f.Close()); err != nil {
		t.Fatal(err)
	}
	if rows, _ := readBook(t, name, Options{}); len(rows) != n || rows[n-1].Err != nil {
		t.Errorf("%d rows", len(rows))
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// The sheet that is read is the first that a person sees.
func TestHiddenSheets(t *testing.T) {
	book := func(states ...string) string {
		parts := bookParts(bookHeader, "<si><t>t</t></si>")
		var sheets, rels strings.Builder
		empty := parts["xl/worksheets/sheet1.xml"]
		for i, state := range states {
			n := string(rune('1' + i))
			parts["xl/worksheets/sheet"+n+".xml"] = strings.Replace(empty, "</sheetData>",
				`<row><c t="str"><v>of `+n+`</v></c><c t="s"><v>0</v></c></row></sheetData>`, 1)
			sheets.WriteString(`<sheet name="S` + n + `" sheetId="` + n + `" ` + state + ` r:id="rId1` + n + `"/>`)
			rels.WriteString(`<Relationship Id="rId1` + n + `" Type="/worksheet" Target="worksheets/sheet` + n + `.xml"/>`)
		}
		const first = `<sheet name="Data" sheetId="1" r:id="rId1"/>`
		parts["xl/workbook.xml"] = strings.Replace(parts["xl/workbook.xml"], first, sheets.String(), 1)
		parts["xl/_rels/workbook.xml.rels"] = strings.Replace(parts["xl/_rels/workbook.xml.rels"], "</Rel", rels.String()+"</Rel", 1)
		return writeParts(t, parts)
	}
	const hidden, very, visible = `state="hidden"`, `state="veryHidden"`, `state="visible"`
	for _, c := range []struct {
		states       []string
		o            Options
		read, others string
	}{
		{[]string{""}, Options{}, "S1", ""},
		{[]string{"", visible, hidden}, Options{}, "S1", "S2"},
		{[]string{hidden, very, visible}, Options{}, "S3", ""},
		{[]string{hidden, visible, "", very}, Options{}, "S2", "S3"},
		{[]string{hidden, very}, Options{}, "S1", ""},
		{[]string{hidden, ""}, Options{Sheet: "s1"}, "S1", ""},
		{[]string{"", ""}, Options{Sheet: "S2"}, "S2", ""},
	} {
		rows, l := readBook(t, book(c.states...), c.o)
		if l.Sheet != c.read || strings.Join(l.Others, ",") != c.others || len(rows) != 1 || rows[0].ClientID != "of "+c.read[1:] {
			t.Errorf("%q: of sheet %q, beside %q: %v", c.states, l.Sheet, l.Others, rows)
		}
	}
}
