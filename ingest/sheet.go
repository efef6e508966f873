package ingest

import (
	"bytes"
	"encoding/xml"
	"io"
	"slices"
	"strconv"
	"strings"
)

// sheet gives the rows of a worksheet as records, each cell as it is shown. It
// reads the sheet as a stream: a workbook's parts that grow with its rows are
// never in memory.
type sheet struct {
	src    *source
	in     *tokens
	texts  texts
	shown  numberFormats
	ids    []int // the columns of ids, once the header is known
	line   int64
	column int   // of the last cell, from 1
	hidden int64 // rows so far, of those with a cell
	cell   []byte
	text   []byte
}

// openSheet opens a worksheet. Its rows are written as CSV in Row.Own.
func (r *Reader) openSheet(src *source, o Options, n *names) error {
	book, err := openWorkbook(src)
	if err != nil {
		return err
	}
	chosen, err := book.sheet(o.Sheet)
	if err != nil {
		return err
	}
	var hidden hiddenRows
	if err := book.check(chosen.part, &hidden); err != nil {
		return err
	}
	s := &sheet{src: src, shown: numberFormats{book: book}}
	r.close = append(r.close, s.texts.close, s.shown.close)
	if err := book.readTexts(&s.texts); err != nil {
		return err
	}
	in, err := chosen.part.Open()
	if err != nil {
		return damagedWorkbook(err)
	}
	r.close = append(r.close, func() { in.Close() })
	s.in = newTokens(in)
	var others []string
	if o.Sheet == "" && !chosen.hidden {
		others = book.beside(chosen)
	}
	found := Layout{Format: XLSX, Sheet: chosen.name, Others: others, Delimiter: ',', Tags: o.SplitTags != ""}
	r.checker.workbook = true
	t, err := newTable(s, found, r.checker, n)
	if err != nil {
		return book.elsewhere(err, chosen.name)
	}
	s.ids = t.at[:]
	t.found.Hidden = max(0, hidden.n-s.hidden)
	t.ragged = true // a row of a sheet ends with its last cell that is not empty
	r.rows = t
	return nil
}

func (s *sheet) next(r *record) error {
	for {
		token, err := s.in.next()
		if err != nil {
			return damagedWorkbook(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			switch e.Name.Local {
			case "row":
				if s.line, err = rowNumber(&e, s.line); err != nil {
					return damagedWorkbook(err)
				}
				*r = record{cells: r.cells[:0], line: s.line, hidden: isTrue(attribute(&e, "hidden"))}
				s.text, s.column = s.text[:0], 0
			case "c":
				if err := s.addCell(r, &e); err != nil {
					return err
				}
			}
		case xml.EndElement:
			switch {
			case e.Name.Local == "sheetData":
				if err := s.src.unchanged(); err != nil {
					return err
				}
				return io.EOF
			case e.Name.Local == "row" && len(r.cells) > 0:
				r.text = s.text
				if r.hidden {
					s.hidden++
				}
				if len(s.text) > MaxRow {
					r.text = beginning(s.text)
					r.cells = r.cells[:0]
					r.fault = &Fault{Message: say("long-row", MaxRow, keptOfLongRow)}
				}
				return nil
			}
		}
	}
}

// rowNumber is the number of a row that may not give it.
func rowNumber(e *xml.StartElement, before int64) (int64, error) {
	text := attribute(e, "r")
	if text == "" {
		return before + 1, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return 0, &Fault{Message: say("bad-row", text, strconv.FormatInt(before, 10))}
	}
	return n, nil
}

// addCell adds a cell to the row, and empty ones in the places that the sheet
// leaves out before it.
func (s *sheet) addCell(r *record, e *xml.StartElement) error {
	s.column++
	if at := attribute(e, "r"); at != "" {
		column := columnNumber(at)
		if column < s.column {
			return damagedWorkbook(&Fault{Message: say("bad-cell", strconv.FormatInt(s.line, 10), at, s.column-1)})
		}
		s.column = column
	}
	value, err := s.value(e)
	if err != nil {
		return damagedWorkbook(err)
	}
	if s.lacksResult(e) && slices.Contains(s.ids, s.column-1) {
		r.noResult = s.column
		value = []byte("#N/A") // with which the row fails again when it comes back in an outcome file
	}
	if len(value) == 0 || len(s.text) > MaxRow { // a row that is too long has failed, and need not grow
		return nil
	}
	for len(r.cells) < s.column {
		if len(r.cells) > 0 {
			s.text = append(s.text, ',')
		}
		r.cells = append(r.cells, span{len(s.text), len(s.text), literal})
	}
	last := &r.cells[len(r.cells)-1]
	if bytes.ContainsAny(value, ",\"\r\n") || len(bytes.TrimSpace(value)) != len(value) {
		s.text = quoteCell(s.text, value)
		last.kind = escaped
	} else {
		s.text = append(s.text, value...)
	}
	last.to = len(s.text)
	return nil
}

// lacksResult tells whether the cell that was read has a formula and not its
// result, as programs write it that do not calculate. A result that is an empty
// text is an empty value of that type.
func (s *sheet) lacksResult(e *xml.StartElement) bool {
	return s.in.formula && len(s.cell) == 0 && (!s.in.valued || attribute(e, "t") != "str")
}

// maxColumns is how many columns a sheet may have.
const maxColumns = 1 << 14

// columnNumber is 28 for AB7, and 0 for what is no cell's name.
func columnNumber(cell string) int {
	n := 0
	for _, c := range []byte(strings.TrimRight(cell, "0123456789")) {
		if c < 'A' || c > 'Z' {
			return 0
		}
		if n = 26*n + int(c-'A') + 1; n > maxColumns {
			return 0
		}
	}
	return n
}

// value reads a cell to its end and says how it is shown. It is valid until the
// next cell.
func (s *sheet) value(e *xml.StartElement) ([]byte, error) {
	kind, style := attribute(e, "t"), attribute(e, "s")
	var err error
	if s.cell, err = s.in.text(s.cell[:0], "c"); err != nil || len(s.cell) == 0 {
		return nil, err
	}
	switch kind {
	case "", "n":
		return s.shown.shown(s.cell, style, slices.Contains(s.ids, s.column-1))
	case "s":
		n, err := strconv.Atoi(string(bytes.TrimSpace(s.cell)))
		if err != nil || n < 0 || n >= s.texts.n {
			return nil, &Fault{Message: say("no-text", strconv.FormatInt(s.line, 10), string(s.cell), s.texts.n)}
		}
		text, err := s.texts.at(n)
		if err != nil {
			err = noTemporary(err)
		}
		return text, err
	case "b":
		if isTrue(string(s.cell)) {
			return []byte("TRUE"), nil
		}
		return []byte("FALSE"), nil
	case "d": // written as 2026-03-01T00:00:00, which is not what a person sees
		return []byte(strings.NewReplacer("-", "/", "T", " ").Replace(string(s.cell))), nil
	}
	return unescaped(s.cell), nil // a text of its own, or a formula's, or an error
}
