package ingest

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"
)

// MaxRow is the most bytes of text that one row may have, so that memory stays
// bounded whatever is in the file.
const MaxRow = 1 << 20

// keptOfLongRow is how much of a longer row is repeated in the outcome files.
const keptOfLongRow = 4 << 10

// record is one row of the text before anything is known of its meaning. Its
// slices are valid until the next record is read.
type record struct {
	text     []byte // without line end
	line     int64
	cells    []span // where the cells stand in text, white space and quotes included
	loose    bool   // quotation marks within a quoted cell were not doubled
	hidden   bool   // a sheet does not show it
	noResult int    // a column of ids, from 1, with a formula whose result a sheet does not have; 0: none
	fault    *Fault // the text could not be split: it is one line, and has no cells
}

// span is where a cell stands.
type span struct {
	from, to int
	kind     kind
}

// kind says how a cell's value is had from its text.
type kind uint8

const (
	literal  kind = iota // it is the text
	enclosed             // it is the text but for the quotation marks around it
	escaped              // it has to be decoded
)

func (r *record) cell(i int) []byte { return r.text[r.cells[i].from:r.cells[i].to] }

// framer cuts a text into records by the quoting rules of RFC 4180, read
// generously: white space around a quoted cell, quotation marks in an unquoted
// one, and undoubled ones in a quoted cell that ends on its line are all
// taken. A quotation mark that opens a cell and never properly closes it costs
// only its own line: reading starts again at the next, so that it cannot
// swallow the rows that follow.
type framer struct {
	src   io.Reader
	delim byte
	width int  // cells of the header, once it is known
	cr    bool // a CR alone ends a line too

	buf        []byte
	start, end int   // what was read and not yet given out
	line       int64 // the number of the line at start
	err        error // what src returned last
}

func newFramer(src io.Reader) *framer {
	return &framer{src: src, buf: make([]byte, 128<<10), line: 1}
}

func (f *framer) data() []byte { return f.buf[f.start:f.end] }

// fill reads more of the text behind what is there.
func (f *framer) fill() {
	if f.start > 0 {
		f.end = copy(f.buf, f.data())
		f.start = 0
	}
	if f.end == len(f.buf) {
		f.buf = append(f.buf, make([]byte, len(f.buf))...)
	}
	for range 100 {
		var n int
		n, f.err = f.src.Read(f.buf[f.end:])
		f.end += n
		if n > 0 || f.err != nil {
			return
		}
	}
	f.err = io.ErrNoProgress
}

func (f *framer) consume(n int, lines int64) {
	f.start += n
	f.line += lines
}

var errLongRow = errors.New("long row")

// lineEnd finds the end of the line that has begun by from: where its text
// ends and where the next one begins. Offsets count from the
// first byte not yet given out.
func (f *framer) lineEnd(from int) (end, next int, err error) {
	for scan := from; ; {
		data := f.data()
		i := bytes.IndexByte(data[scan:], '\n')
		if f.cr {
			if j := bytes.IndexByte(data[scan:], '\r'); j >= 0 && (i < 0 || j < i) {
				i = j
			}
		}
		switch {
		case i >= 0 && scan+i-from > MaxRow:
			return 0, 0, errLongRow
		case i >= 0 && data[scan+i] == '\n':
			end = scan + i
			return f.trimCR(from, end), end + 1, nil
		case i >= 0 && scan+i+1 < len(data):
			end, next = scan+i, scan+i+1
			if data[next] == '\n' {
				next++
			}
			return end, next, nil
		case f.err == io.EOF && i >= 0:
			return scan + i, len(data), nil
		case f.err == io.EOF:
			return f.trimCR(from, len(data)), len(data), nil
		case f.err != nil:
			return 0, 0, f.err
		case len(data)-from > MaxRow:
			return 0, 0, errLongRow
		}
		if i < 0 {
			scan = len(data)
		} else {
			scan += i
		}
		f.fill()
	}
}

func (f *framer) trimCR(from, end int) int {
	if !f.cr {
		for end > from && f.buf[f.start+end-1] == '\r' {
			end--
		}
	}
	return end
}

// nonEmpty finds the next line that is not empty, without giving it out.
func (f *framer) nonEmpty() (end, next int, err error) {
	for {
		end, next, err = f.lineEnd(0)
		if err != nil {
			return 0, 0, err
		}
		if next == 0 {
			return 0, 0, io.EOF
		}
		endOfDOS := end == 1 && f.data()[0] == 0x1A && next == len(f.data()) && f.err == io.EOF
		if end > 0 && !endOfDOS {
			return end, next, nil
		}
		f.consume(next, 1)
	}
}

// give gives out the text up to end as a record, and goes on from next.
func (f *framer) give(r *record, end, next int, lines int64) {
	r.text, r.line = f.data()[:end], f.line
	f.consume(next, lines)
}

// nextLine reads one line that is not empty, unsplit.
func (f *framer) nextLine(r *record) error {
	*r = record{cells: r.cells[:0]}
	end, next, err := f.nonEmpty()
	if err == errLongRow {
		return f.longRow(r)
	}
	if err == nil {
		f.give(r, end, next, 1)
	}
	return err
}

// next reads one record, split into cells.
func (f *framer) next(r *record) error {
	*r = record{cells: r.cells[:0]}
	end, next, err := f.nonEmpty()
	if err == errLongRow {
		return f.longRow(r)
	}
	if err != nil {
		return err
	}
	if bytes.IndexByte(f.data()[:end], '"') < 0 {
		f.give(r, end, next, 1)
		r.splitPlain(f.delim)
		return nil
	}
	return f.splitQuoted(r, end, next)
}

// splitQuoted splits the record that begins with the line up to end, and may
// go on over further lines.
func (f *framer) splitQuoted(r *record, end, next int) error {
	firstEnd, firstNext, lines := end, next, int64(1)
	for pos, more := 0, true; more; {
		p := f.skipSpaces(pos, end)
		if p == end || f.data()[p] != '"' {
			pos, more = f.unquoted(r, pos, end)
			continue
		}
		form := enclosed
		if p > pos {
			form = escaped
		}
		for p++; ; {
			q := bytes.IndexByte(f.data()[p:end], '"')
			if q >= 0 {
				p += q + 1
				if p < end && f.data()[p] == '"' {
					form = escaped
					p++
					continue
				}
				break
			}
			form = escaped
			if next == len(f.data()) && f.err == io.EOF {
				return f.stray(r, firstEnd, firstNext)
			}
			p = next
			var err error
			end, next, err = f.lineEnd(p)
			if err == errLongRow || err == nil && next > MaxRow {
				return f.stray(r, firstEnd, firstNext)
			}
			if err != nil {
				return err
			}
			lines++
		}
		if after := f.skipSpaces(p, end); after > p {
			p, form = after, escaped
		}
		if p < end && f.data()[p] != f.delim {
			if lines == 1 && (f.splitLoose(r, end, false) || f.splitLoose(r, end, true)) {
				f.give(r, end, next, 1)
				return nil
			}
			return f.stray(r, firstEnd, firstNext)
		}
		r.cells = append(r.cells, span{pos, p, form})
		pos, more = p+1, p < end
	}
	f.give(r, end, next, lines)
	return nil
}

// unquoted adds the cell at pos, and says where the next begins, if there is
// one on the line.
func (f *framer) unquoted(r *record, pos, end int) (next int, more bool) {
	to := end
	if i := bytes.IndexByte(f.data()[pos:end], f.delim); i >= 0 {
		to = pos + i
	}
	form := literal
	if bytes.IndexByte(f.data()[pos:to], '"') >= 0 {
		form = escaped
	}
	r.cells = append(r.cells, span{pos, to, form})
	return to + 1, to < end
}

// splitLoose splits one line in which quotation marks are not doubled within
// quoted cells, so that a cell ends only at a mark before a delimiter or the
// end of the line; or in which they have a backslash before them instead. It
// fails where that does not give the cells that the header has.
func (f *framer) splitLoose(r *record, end int, backslash bool) bool {
	r.cells, r.loose = r.cells[:0], true
	data := f.data()
	for pos, more := 0, true; more; {
		p := f.skipSpaces(pos, end)
		if p == end || data[p] != '"' {
			pos, more = f.unquoted(r, pos, end)
			continue
		}
		closed := false
		for p++; !closed; {
			q := bytes.IndexByte(data[p:end], '"')
			if q < 0 {
				return false
			}
			p += q + 1
			if backslash && data[p-2] == '\\' {
				continue
			}
			if p < end && data[p] == '"' {
				p++
				continue
			}
			after := f.skipSpaces(p, end)
			if closed = after == end || data[after] == f.delim; closed {
				p = after
			}
		}
		r.cells = append(r.cells, span{pos, p, escaped})
		pos, more = p+1, p < end
	}
	return f.width == 0 || len(r.cells) == f.width
}

// stray gives out the first line of a record whose quotation marks do not fit,
// unsplit.
func (f *framer) stray(r *record, end, next int) error {
	f.give(r, end, next, 1)
	r.cells, r.loose = r.cells[:0], false
	r.fault = &Fault{Message: say("stray-quote")}
	return nil
}

func (f *framer) skipSpaces(p, end int) int {
	for data := f.data(); p < end && data[p] == ' '; {
		p++
	}
	return p
}

// longRow takes a line that is longer than MaxRow, keeping its beginning only.
func (f *framer) longRow(r *record) error {
	r.text, r.line = bytes.Clone(beginning(f.data())), f.line
	r.fault = &Fault{Message: say("long-row", MaxRow, keptOfLongRow)}
	for {
		f.consume(MaxRow, 0)
		_, next, err := f.lineEnd(0)
		if err == errLongRow {
			continue
		}
		if err == nil {
			f.consume(next, 1)
		}
		return err
	}
}

// beginning is what is kept of a row that is too long: whole characters only.
func beginning(text []byte) []byte {
	n := keptOfLongRow
	for n > keptOfLongRow-utf8.UTFMax && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// quoteCell appends text to b as one quoted cell.
func quoteCell(b, text []byte) []byte {
	b = append(b, '"')
	for _, c := range text {
		if c == '"' {
			b = append(b, '"')
		}
		b = append(b, c)
	}
	return append(b, '"')
}

// splitPlain splits a text without quotation marks.
func (r *record) splitPlain(delim byte) {
	from := 0
	for {
		i := bytes.IndexByte(r.text[from:], delim)
		if i < 0 {
			break
		}
		r.cells = append(r.cells, span{from: from, to: from + i})
		from += i + 1
	}
	r.cells = append(r.cells, span{from: from, to: len(r.text)})
}
