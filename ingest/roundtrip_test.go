package ingest

import (
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
			again(t, name, outcomeFile(rows, l), rows, l, o)
		}
		if t.Failed() {
			t.Fatalf("seed %d: %q", seed, b.String())
		}
	}
}
