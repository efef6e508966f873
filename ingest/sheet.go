package ingest

import (
	"archive/zip"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/xuri/excelize/v2"
)

const (
	// sheetInMemory is how large a part of a workbook may be to be kept in
	// memory; a larger one is unpacked into the system's folder for temporary
	// files and read from there.
	sheetInMemory = 1 << 20
	// workbookLimit is how large the parts of a workbook may be together.
	workbookLimit = 4 << 30
	// otherPartsLimit is how large those may be that are no rows: pictures,
	// for instance, which are of no use here and would be kept in memory.
	otherPartsLimit = 64 << 20
)

// sheet gives the rows of a worksheet as records, each cell as it is shown.
type sheet struct {
	src  *source
	rows *excelize.Rows
	line int64
	text []byte
}

// openSheet opens a worksheet. Its rows are written as CSV in Row.Own.
func (r *Reader) openSheet(src *source, o Options, n *names) (err error) {
	defer caught(&err)
	if err := checkWorkbook(src); err != nil {
		return err
	}
	f, err := excelize.OpenFile(src.file.Name(), excelize.Options{UnzipSizeLimit: workbookLimit, UnzipXMLSizeLimit: sheetInMemory})
	if err != nil {
		return damagedWorkbook(err)
	}
	r.close = append(r.close, func() { f.Close() })
	all := f.GetSheetList()
	name := ""
	for i, s := range all {
		if o.Sheet == "" && i == 0 || o.Sheet != "" && strings.EqualFold(s, strings.TrimSpace(o.Sheet)) {
			name = s
			break
		}
	}
	if name == "" {
		return &InputError{Message: say("no-sheet", o.Sheet, quoteNames(all))}
	}
	found := Layout{Format: XLSX, Sheet: name, Delimiter: ',', Tags: o.SplitTags != ""}
	in, err := f.Rows(name)
	if err != nil {
		return damagedWorkbook(err)
	}
	r.close = append(r.close, func() { in.Close() })
	t, err := newTable(&sheet{src: src, rows: in}, found, r.checker, n)
	if err != nil {
		return err
	}
	t.ragged = true // a row of a sheet ends with its last cell that is not empty
	r.rows = t
	return nil
}

// caught turns a panic of the library, which meets files of any making, into
// a fault of the workbook.
func caught(err *error) {
	if p := recover(); p != nil {
		*err = damagedWorkbook(fmt.Errorf("%v", p))
	}
}

func (s *sheet) next(r *record) (err error) {
	defer caught(&err)
	for s.rows.Next() {
		s.line++
		cells, err := s.rows.Columns()
		if err != nil {
			return damagedWorkbook(err)
		}
		if len(cells) == 0 {
			continue
		}
		*r = record{cells: r.cells[:0], line: s.line, hidden: s.rows.GetRowOpts().Hidden}
		s.text = s.text[:0]
		for i, cell := range cells {
			if i > 0 {
				s.text = append(s.text, ',')
			}
			from, form := len(s.text), literal
			if strings.ContainsAny(cell, ",\"\r\n") || strings.TrimSpace(cell) != cell {
				s.text = quoteCell(s.text, []byte(cell))
				form = escaped
			} else {
				s.text = append(s.text, cell...)
			}
			r.cells = append(r.cells, span{from, len(s.text), form})
		}
		r.text = s.text
		if len(s.text) > MaxRow {
			r.text = beginning(s.text)
			r.cells = r.cells[:0]
			r.fault = &Fault{Message: say("long-row", MaxRow, keptOfLongRow)}
		}
		return nil
	}
	if err := s.rows.Error(); err != nil {
		return damagedWorkbook(err)
	}
	if err := s.src.unchanged(); err != nil {
		return err
	}
	return io.EOF
}

// checkWorkbook reads all of an archive once: the library takes XML that is
// damaged or breaks off for the end of the sheet, and so it has to be found
// before anything is sent. So have parts that are made to fill memory.
func checkWorkbook(src *source) error {
	z, err := zip.NewReader(src, src.size)
	if err != nil {
		return &InputError{Message: say("cut-off", workbook), Hint: say("hint-get-again"), Err: err}
	}
	isWorkbook := false
	var size, packed, others uint64
	for _, part := range z.File {
		isWorkbook = isWorkbook || strings.EqualFold(part.Name, "xl/workbook.xml")
		size += part.UncompressedSize64
		packed += part.CompressedSize64
		if !hasRows(part) {
			others += part.UncompressedSize64
		}
	}
	switch {
	case !isWorkbook:
		return &InputError{Message: say("no-workbook-zip"), Hint: say("hint-formats")}
	case size > workbookLimit || size > expandFree && size/expandMost > packed:
		return &InputError{Message: say("bomb", expandMost)}
	case others > otherPartsLimit:
		return &InputError{Message: say("pictures", int(others>>20)), Hint: say("hint-bare-sheet")}
	}
	for _, part := range z.File {
		if err := checkPart(part); err != nil {
			return damagedWorkbook(fmt.Errorf("%s: %w", part.Name, err))
		}
	}
	return nil
}

// hasRows tells the parts of a workbook that grow with its rows.
func hasRows(part *zip.File) bool {
	name := strings.ToLower(part.Name)
	return strings.HasPrefix(name, "xl/worksheets/") || name == "xl/sharedstrings.xml"
}

// checkPart reads a part to its end, where its checksum is compared. Those
// that hold rows have to be whole XML.
func checkPart(part *zip.File) error {
	in, err := part.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	if hasRows(part) && strings.HasSuffix(strings.ToLower(part.Name), ".xml") {
		x := xml.NewDecoder(in)
		for err == nil {
			_, err = x.RawToken()
		}
		if err != io.EOF {
			return err
		}
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

func damagedWorkbook(err error) error {
	return &InputError{Message: say("damaged", workbook, err.Error()), Hint: say("hint-get-again"), Err: err}
}
