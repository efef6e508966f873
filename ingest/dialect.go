package ingest

import (
	"bytes"
	"io"
)

// sniffLength is how much of the text is looked at to find out its dialect.
const sniffLength = 64 << 10

// headerWithin is how many records are looked at to find the header.
const headerWithin = 20

func (f *framer) skipBOM() bool {
	bom := bytes.HasPrefix(f.data(), []byte("\xEF\xBB\xBF"))
	if bom {
		f.consume(3, 0)
	}
	return bom
}

// sniffFormat tells NDJSON from a table.
func sniffFormat(text []byte) string {
	text = bytes.TrimLeft(text, " \t\r\n")
	if len(text) > 0 && (text[0] == '{' || text[0] == '[') {
		return NDJSON
	}
	return CSV
}

// endsInCRLF tells whether the lines at the beginning of a text, quoted cells
// left out, mostly end in CR LF.
func endsInCRLF(text []byte) bool {
	crlf, lf, quoted := 0, 0, false
	for i, c := range text {
		switch {
		case c == '"':
			quoted = !quoted
		case c != '\n' || quoted:
		case i > 0 && text[i-1] == '\r':
			crlf++
		default:
			lf++
		}
	}
	return crlf > lf
}

var delimiters = []byte{',', '\t', ';', '|'}

// dialect is how a table is written.
type dialect struct {
	delim byte
	cr    bool // lines end in a CR alone
}

// sniffDialect finds the dialect in which the text has a header with the
// columns that are needed or, where none has, the one that makes the most even
// table. A delimiter that is given is kept to.
func sniffDialect(text []byte, delim byte, n *names) dialect {
	candidates := delimiters
	if delim != 0 {
		candidates = []byte{delim}
	}
	best, bestScore := dialect{delim: candidates[0]}, -1
	for _, cr := range []bool{false, true} {
		if cr && bytes.IndexByte(text, '\r') < 0 {
			continue
		}
		for _, delim := range candidates {
			d := dialect{delim, cr}
			if score := d.score(text, n); score > bestScore {
				best, bestScore = d, score
			}
		}
	}
	return best
}

func (d dialect) score(text []byte, n *names) int {
	f := newFramer(bytes.NewReader(text))
	f.delim, f.cr = d.delim, d.cr
	var r record
	widths := map[int]int{}
	header, even := 0, 0
	for i := 0; f.next(&r) != io.EOF; i++ {
		if r.fault != nil {
			continue
		}
		widths[len(r.cells)]++
		if len(r.cells) > 1 {
			even = max(even, widths[len(r.cells)])
		}
		if i >= headerWithin {
			continue
		}
		cells := readCells(&r, d.delim)
		at, _ := n.match(cells)
		found := 0
		for _, column := range at {
			if column >= 0 {
				found += 2
			}
		}
		if n.missing(at, cells) == nil {
			found += 4 * fieldCount
		}
		if !d.cr && found > 0 && bareCR(&r) {
			found-- // it has run on into what follows a header that ends in CR
		}
		header = max(header, found)
	}
	return header<<24 + even
}

// bareCR tells whether a CR stands in a cell that is not quoted.
func bareCR(r *record) bool {
	for i := range r.cells {
		cell := bytes.TrimLeft(r.cell(i), " ")
		if bytes.IndexByte(cell, '\r') >= 0 && cell[0] != '"' {
			return true
		}
	}
	return false
}
