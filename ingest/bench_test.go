package ingest

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gocarina/gocsv"
)

const benchRows = 200_000

// benchFile is a table as a CRM exports it; quote stands around each cell.
func benchFile(b *testing.B, quote string) string {
	var s strings.Builder
	s.WriteString("name,clientId,tagId,platform,platformClientId\n")
	for i := range benchRows {
		q := quote
		fmt.Fprintf(&s, "%s王小明 %d%s,%sclient%07d%s,%svip-2026%s,%sline%s,%sU%032x%s\n", q, i, q, q, i, q, q, q, q, q, q, i*7919, q)
	}
	name := filepath.Join(b.TempDir(), "rows.csv")
	if err := os.WriteFile(name, []byte(s.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	return name
}

// BenchmarkRead compares reading rows with a bare loop of encoding/csv over
// the same file, and with gocsv's Unmarshaller for each row.
func BenchmarkRead(b *testing.B) {
	for _, c := range []struct{ name, quote string }{{"unquoted", ""}, {"quoted", `"`}} {
		name := benchFile(b, c.quote)
		b.Run(c.name+"/csv", func(b *testing.B) { benchCSV(b, name) })
		b.Run(c.name+"/gocsv", func(b *testing.B) { benchGocsv(b, name) })
		b.Run(c.name+"/ingest", func(b *testing.B) { benchIngest(b, name) })
	}
}

// BenchmarkReadBig5 is the same for a table in Big5; a bare loop does not
// decode it.
func BenchmarkReadBig5(b *testing.B) {
	name := benchFile(b, "")
	text, err := os.ReadFile(name)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(name, encode(b, big5, string(text)), 0o600); err != nil {
		b.Fatal(err)
	}
	b.Run("csv", func(b *testing.B) { benchCSV(b, name) })
	b.Run("ingest", func(b *testing.B) { benchIngest(b, name) })
}

func benchCSV(b *testing.B, name string) {
	b.ReportAllocs()
	for b.Loop() {
		f, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		r := csv.NewReader(f)
		r.ReuseRecord = true
		n := 0
		for ; err == nil; n++ {
			_, err = r.Read()
		}
		f.Close()
		if err != io.EOF || n != benchRows+2 {
			b.Fatal(n, err)
		}
	}
	perRow(b)
}

func benchGocsv(b *testing.B, name string) {
	b.ReportAllocs()
	for b.Loop() {
		f, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		r := csv.NewReader(f)
		r.ReuseRecord = true
		u, err := gocsv.NewUnmarshaller(r, idCells{})
		for err == nil {
			_, err = u.Read()
		}
		f.Close()
		if err != io.EOF {
			b.Fatal(err)
		}
	}
	perRow(b)
}

func benchIngest(b *testing.B, name string) {
	b.ReportAllocs()
	for b.Loop() {
		r, err := Open(name, Options{})
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for {
			row, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil || row.Err != nil {
				b.Fatal(err, row.Err)
			}
			n++
		}
		r.Close()
		if n != benchRows {
			b.Fatal(n)
		}
	}
	perRow(b)
}

func perRow(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}
