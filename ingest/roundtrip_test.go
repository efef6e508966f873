package ingest

import (
	"encoding/csv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestOutcomeFilesComeBack writes rows of random quotation marks, delimiters
// and line ends as an outcome file has them, and reads that again. It takes as
// many tables as ROUNDTRIPS says.
func TestOutcomeFilesComeBack(t *testing.T) {
	tables := 300
	if s := os.Getenv("ROUNDTRIPS"); s != "" {
		tables, _ = strconv.Atoi(s)
	}
	alphabet := strings.Split(`" " "" "" , , , ; ab c 1 \ \" 王 '`+" \n \n \n \r \r\n \x00 \xff \t", " ")
	alphabet = append(alphabet, " ", "\u3000")
	headers := []string{"clientId,tagId,x", "x;tagId;clientId;y", "\"tagId\",mantatag_row,\"client\nid\",mantatag_reason", "clientId\ttagId\t\t", "clientId"}
	name := filepath.Join(t.TempDir(), "input")
	for seed := range uint64(tables) {
		r := rand.New(rand.NewPCG(seed, 20))
		var b strings.Builder
		b.WriteString(headers[r.IntN(len(headers))] + []string{"\n", "\r\n", "\r"}[r.IntN(3)])
		for range r.IntN(60) {
			b.WriteString(alphabet[r.IntN(len(alphabet))])
		}
		o := Options{Format: CSV, Encoding: "utf-8", Tag: "t"}
		if rows, l := readText(t, name, b.String(), o); rows != nil {
			outcome := outcomeFile(rows, l)
			again(t, name, outcome, rows, l, o)
			savedAgain(t, name, outcome, rows, l, o)
		}
		if t.Failed() {
			t.Fatalf("seed %d: %q", seed, b.String())
		}
	}
}

// savedAgain reads an outcome file as a spreadsheet saves it, each line padded to
// the longest: what could not be sent still cannot.
func savedAgain(t *testing.T, name, outcome string, rows []Row, l Layout, o Options) {
	t.Helper()
	in := csv.NewReader(strings.NewReader(strings.TrimPrefix(outcome, "\uFEFF")))
	in.Comma, in.FieldsPerRecord = rune(l.Delimiter), -1
	table, err := in.ReadAll()
	if err != nil || len(table) != len(rows)+1 {
		return // a spreadsheet would read something else than we do
	}
	width := 0
	for _, cells := range table {
		width = max(width, len(cells))
	}
	var b strings.Builder
	out := csv.NewWriter(&b)
	out.Comma = rune(l.Delimiter)
	for _, cells := range table {
		if err := out.Write(append(cells, make([]string, width-len(cells))...)); err != nil {
			t.Fatal(err)
		}
	}
	out.Flush()
	saved, _ := readText(t, name, b.String(), o)
	if len(saved) != len(rows) {
		t.Fatalf("%d rows were saved again, and %d are read\n%q", len(rows), len(saved), b.String())
	}
	for i, was := range rows {
		if was.Err != nil && saved[i].Err == nil {
			t.Errorf("row %d had failed, %v, and asks for %v when it was saved again\n%q", i, was.Err, saved[i].Mapping, b.String())
		}
	}
}
