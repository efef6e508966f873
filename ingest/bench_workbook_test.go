package ingest

import (
	"archive/zip"
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// writeTexts writes a workbook of n rows with two columns of texts that are all
// different and one of texts that are all the same.
func writeTexts(tb testing.TB, name string, n int) {
	tb.Helper()
	file, err := os.Create(name)
	if err != nil {
		tb.Fatal(err)
	}
	z := zip.NewWriter(file)
	part := func(name string, write func(w io.Writer)) {
		out, err := z.Create(name)
		if err != nil {
			tb.Fatal(err)
		}
		w := bufio.NewWriter(out)
		fmt.Fprint(w, `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`+"\n")
		write(w)
		if err := w.Flush(); err != nil {
			tb.Fatal(err)
		}
	}
	const main = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	const related = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	part("[Content_Types].xml", func(w io.Writer) {
		fmt.Fprint(w, `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>`)
	})
	part("_rels/.rels", func(w io.Writer) {
		fmt.Fprintf(w, `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`+
			`<Relationship Id="rId1" Type="%s/officeDocument" Target="xl/workbook.xml"/></Relationships>`, related)
	})
	part("xl/workbook.xml", func(w io.Writer) {
		fmt.Fprintf(w, `<workbook %s xmlns:r=%q><sheets><sheet name="Data" sheetId="1" r:id="rId1"/></sheets></workbook>`, main, related)
	})
	part("xl/_rels/workbook.xml.rels", func(w io.Writer) {
		fmt.Fprintf(w, `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`+
			`<Relationship Id="rId1" Type="%[1]s/worksheet" Target="worksheets/sheet1.xml"/>`+
			`<Relationship Id="rId2" Type="%[1]s/sharedStrings" Target="sharedStrings.xml"/></Relationships>`, related)
	})
	part("xl/sharedStrings.xml", func(w io.Writer) {
		fmt.Fprintf(w, `<sst %s><si><t>name</t></si><si><t>clientId</t></si><si><t>tagId</t></si><si><t>vip</t></si>`, main)
		for i := range n {
			fmt.Fprintf(w, `<si><t>王小明 %d</t></si><si><t>client%09d</t></si>`, i, i)
		}
		fmt.Fprint(w, `</sst>`)
	})
	part("xl/worksheets/sheet1.xml", func(w io.Writer) {
		fmt.Fprintf(w, `<worksheet %s><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>2</v></c></row>`, main)
		for i := range n {
			fmt.Fprintf(w, `<row r="%[1]d"><c r="A%[1]d" t="s"><v>%[2]d</v></c><c r="B%[1]d" t="s"><v>%[3]d</v></c><c r="C%[1]d" t="s"><v>3</v></c></row>`, i+2, 4+2*i, 5+2*i)
		}
		fmt.Fprint(w, `</sheetData></worksheet>`)
	})
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	if err := file.Close(); err != nil {
		tb.Fatal(err)
	}
}

// heap is how many bytes are in use after a collection.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkWorkbook reads workbooks of more and more different texts: the heap
// in use at the last row, over what it was before.
func BenchmarkWorkbook(b *testing.B) {
	for _, texts := range []int{60_000, 600_000, 1_000_000} {
		b.Run(fmt.Sprintf("texts-%d", texts), func(b *testing.B) {
			name := filepath.Join(b.TempDir(), "book.xlsx")
			writeTexts(b, name, texts/2)
			for b.Loop() {
				before := heap()
				r, err := Open(name, Options{})
				if err != nil {
					b.Fatal(err)
				}
				for n := range texts / 2 {
					if row, err := r.Next(); err != nil || row.Err != nil {
						b.Fatal(n, err, row.Err)
					}
				}
				b.ReportMetric(float64(heap()-before)/(1<<20), "MiB-in-use")
				if _, err := r.Next(); err != io.EOF {
					b.Fatal(err)
				}
				r.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(texts/2), "ns/row")
		})
	}
}
