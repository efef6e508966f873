package ingest

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"
)

// sniffLength is how much of the text is looked at to find out its dialect.
const sniffLength = 64 << 10

// scoredRecords is how many records are split to compare dialects.
const scoredRecords = 200

// headerWithin is how many records are looked at to find the header.
const headerWithin = 20

// begin reads the beginning of the text, which sniffing looks at, without a
// byte order mark.
func (f *framer) begin() error {
	for len(f.data()) < sniffLength && f.err == nil {
		f.fill()
	}
	if f.err != nil && f.err != io.EOF {
		return f.err
	}
	for bytes.HasPrefix(f.data(), []byte("\uFEFF")) { // joined files have two
		f.consume(len("\uFEFF"), 0)
	}
	return nil
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

// delimiterOf is the delimiter that the options ask for, or 0 to find out.
func delimiterOf(o Options) (byte, error) {
	switch d := o.Delimiter; {
	case d == "" && o.Format == TSV:
		return '\t', nil
	case d == "":
		return 0, nil
	case d == "tab" || d == `\t`:
		return '\t', nil
	case len(d) == 1 && d[0] < utf8.RuneSelf && class[d[0]]&(digit|letter) == 0 && strings.IndexByte("\"\r\n \x00", d[0]) < 0:
		return d[0], nil
	}
	return 0, &InputError{Message: say("bad-delimiter", o.Delimiter)}
}

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
	best := bestOf(text, candidates, false, n)
	if bytes.IndexByte(text, '\r') >= 0 {
		if cr := bestOf(text, candidates, true, n); cr.header > best.header {
			best = cr
		}
	}
	return best.dialect
}

// fit is how well a dialect fits a text.
type fit struct {
	dialect
	header int // how good a header it finds
	even   int // how many rows have the same number of cells, above one
}

func bestOf(text []byte, delimiters []byte, cr bool, n *names) fit {
	var best fit
	for i, delim := range delimiters {
		f := dialect{delim, cr}.fit(text, n)
		if i == 0 || f.header > best.header || f.header == best.header && f.even > best.even {
			best = f
		}
	}
	return best
}

func (d dialect) fit(text []byte, n *names) fit {
	f := &framer{delim: d.delim, cr: d.cr, buf: text, end: len(text), err: io.EOF}
	var r record
	widths := map[int]int{}
	best := fit{dialect: d}
	for i := 0; i < scoredRecords && f.next(&r) != io.EOF; i++ {
		if r.fault != nil {
			continue
		}
		widths[len(r.cells)]++
		if len(r.cells) > 1 {
			best.even = max(best.even, widths[len(r.cells)])
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
		if n.lacks(at) < 0 {
			found += 4 * fieldCount
		}
		if !d.cr && found > 0 && bareCR(&r) {
			found-- // it has run on into what follows a header that ends in CR
		}
		best.header = max(best.header, found)
	}
	return best
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
