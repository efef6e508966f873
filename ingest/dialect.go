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

// lineEnds tells from the beginning of a text, quoted cells left out, whether
// its lines end in a CR alone and whether they end in CR LF.
func lineEnds(text []byte) (cr, crlf bool) {
	var crs, lfs, crlfs int
	quoted := false
	for i, c := range text {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\n' && i > 0 && text[i-1] == '\r':
			crlfs++
		case c == '\n':
			lfs++
		case c == '\r' && i+1 < len(text) && text[i+1] != '\n':
			crs++
		}
	}
	return crs > 0 && lfs+crlfs == 0, crlfs > lfs
}

var delimiters = []byte{',', '\t', ';', '|'}

// sniffDelimiter finds the delimiter with which the text has a header with the
// columns that are needed or, where none has, the one that makes the most even
// table.
func sniffDelimiter(text []byte, cr bool, n *names) byte {
	best, bestScore := delimiters[0], -1
	for _, d := range delimiters {
		if score := scoreDelimiter(text, cr, d, n); score > bestScore {
			best, bestScore = d, score
		}
	}
	return best
}

func scoreDelimiter(text []byte, cr bool, delim byte, n *names) int {
	f := newFramer(bytes.NewReader(text))
	f.delim, f.cr = delim, cr
	var r record
	widths := map[int]int{}
	header, most := 0, 0
	for i := 0; f.next(&r) != io.EOF; i++ {
		if r.fault != nil {
			continue
		}
		widths[len(r.cells)]++
		if len(r.cells) > 1 {
			most = max(most, widths[len(r.cells)])
		}
		if i < headerWithin {
			found := 0
			head := readCells(&r, delim)
			l, _ := n.match(head)
			for _, at := range l {
				if at >= 0 {
					found++
				}
			}
			if n.missing(l, head) == nil {
				found += fieldCount
			}
			header = max(header, found)
		}
	}
	return header<<24 + most
}
