package ingest

import (
	"context"
	"errors"
	"io"
	"slices"
)

// The formats of an input.
const (
	CSV    = "csv"
	TSV    = "tsv"
	NDJSON = "ndjson"
	XLSX   = "xlsx"
)

// Options say how to read an input. The zero value finds everything out from
// the content.
type Options struct {
	Format string            // auto (as is ""), csv, tsv, ndjson, xlsx
	Map    map[string]string // field, such as clientId → the column that holds it

	Tag      string // the tagId of rows that have none
	Platform string // the platform of rows that have a platformClientId and no platform
	BotID    string // the run's bot; a row that names another fails. "" accepts any

	Delimiter string // one character, or "" to find out
	Encoding  string // such as big5, or "" to find out
	Sheet     string // of a workbook; "" is the first
	SplitTags string // what stands between the tags of a cell that holds several; "" for one tag a cell
}

// Layout is what was found out about an input when it was opened.
type Layout struct {
	Format    string // csv, tsv, ndjson or xlsx; csv stands for any delimiter but the tab
	Encoding  string // utf-8, big5, …
	BOM       bool   // the outcome files should begin with a byte order mark
	CRLF      bool   // the lines of the outcome files should end as the input's do, in CR LF
	Delimiter byte   // of the outcome files' columns; 0 for NDJSON

	// Header is the text of the header as it stands, without line end and
	// without mantatag's own columns. For NDJSON it is nil.
	Header []byte

	Columns []Column // which column was found for which field
	Tags    bool     // a row may ask for several tags: see Row.Tag
	Skipped int64    // lines above the header, such as a title
}

// Column says which column of the input, or key of its objects, holds a field.
type Column struct {
	Field string
	Name  string // as the input writes it
}

// rows reads the rows of one format.
type rows interface {
	next(*Row) error
	layout() Layout
}

// Reader reads the rows of one input in order. It is not safe for use by
// several goroutines at once.
type Reader struct {
	name    string
	input   io.Closer
	rows    rows
	checker *checker
	row     Row // the last, while further tags of it are to come
	err     error
}

// Open opens the file with that name and finds out its format, its header and
// what stands where. An error that is due to the file or the options is an
// [*InputError].
func Open(name string, o Options) (*Reader, error) {
	r, err := open(name, o)
	if err != nil {
		return nil, named(name, err)
	}
	return r, nil
}

func open(name string, o Options) (*Reader, error) {
	if !slices.Contains([]string{"", "auto", CSV, TSV, NDJSON, XLSX}, o.Format) {
		return nil, &InputError{Message: say("bad-format", o.Format)}
	}
	if o.Platform != "" {
		platform := platformOf(o.Platform)
		if platform == "" {
			return nil, &InputError{Message: say("bad-platform", o.Platform)}
		}
		o.Platform = platform
	}
	names, err := newNames(o)
	if err != nil {
		return nil, err
	}
	src, err := openSource(name)
	if err != nil {
		return nil, err
	}
	r := &Reader{name: name, input: src}
	r.checker = &checker{tag: o.Tag, platform: o.Platform, bot: o.BotID, split: o.SplitTags}
	if r.rows, err = newRows(src, o, r.checker, names); err != nil {
		src.Close()
		return nil, err
	}
	return r, nil
}

func newRows(src io.Reader, o Options, c *checker, names *names) (rows, error) {
	f := newFramer(src)
	for len(f.data()) < sniffLength && f.err == nil {
		f.fill()
	}
	if f.err != nil && f.err != io.EOF {
		return nil, f.err
	}
	bom := f.skipBOM()
	format := o.Format
	if format == "" || format == "auto" {
		format = sniffFormat(f.data())
	}
	if format == NDJSON {
		return newObjects(f, c, names, bom)
	}
	return newTable(f, o, c, names, bom)
}

// Next reads the next row. Its error is io.EOF after the last row, an
// [*InputError] when the input cannot be read on, or a fault of the disk. A
// row that cannot be sent is no error: see [Row.Err].
func (r *Reader) Next() (Row, error) {
	if r.err != nil {
		return Row{}, r.err
	}
	if r.checker.nextTag(&r.row) {
		return r.row, nil
	}
	r.row = Row{}
	if err := r.rows.next(&r.row); err != nil {
		if err != io.EOF {
			err = named(r.name, err)
		}
		r.err = err
		return Row{}, err
	}
	r.checker.nextTag(&r.row)
	return r.row, nil
}

// Layout is what was found out about the input.
func (r *Reader) Layout() Layout { return r.rows.layout() }

// Close closes the file.
func (r *Reader) Close() error { return r.input.Close() }

// Count reads the whole input and says how many rows it gives, for a progress
// bar. It is as fast as reading the rows is, so let it run beside the job.
func Count(ctx context.Context, name string, o Options) (int64, error) {
	r, err := Open(name, o)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for n := int64(0); ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if _, err := r.Next(); err == io.EOF {
			return n, nil
		} else if err != nil {
			return 0, err
		}
	}
}

// named gives an InputError the name of its file.
func named(name string, err error) error {
	if e, ok := errors.AsType[*InputError](err); ok {
		if e.File == "" {
			e.File = name
		}
		return err
	}
	return &InputError{File: name, Message: say("unreadable", cause(err)), Err: err}
}
