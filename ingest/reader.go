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
	Sheet     string // of a workbook; "" is the first that is not hidden
	SplitTags string // what stands between the tags of a cell that holds several, \n for a line break; "" for one tag a cell
}

// Layout is what was found out about an input when it was opened.
type Layout struct {
	Format    string   // csv, tsv, ndjson or xlsx; csv stands for any delimiter but the tab
	Container string   // gzip, zstd, or "" for a plain file
	Encoding  string   // utf-8, utf-16le, utf-16be, big5, gb18030 or windows-1252; "" for a workbook
	Guessed   bool     // the encoding was told from the likelihood of its bytes
	Sample    string   // some decoded text beyond ASCII, by which a person sees whether the encoding is right
	Sheet     string   // of a workbook
	Others    []string // its other sheets that are not hidden, where none was asked for
	Hidden    int64    // rows of the sheet that are hidden, and count like the others
	CRLF      bool     // the lines end in CR LF, and those of the outcome files should
	Delimiter byte     // of the outcome files' columns; 0 for NDJSON

	// Header is the text of the header as it stands, without line end and
	// without mantatag's own columns. For NDJSON it is nil.
	Header []byte

	Columns  []Column // which column was found for which field
	Tags     bool     // a row may ask for several tags: see Row.Tag
	Outcomes bool     // it has what mantatag adds to an outcome file; in NDJSON, the rows read so far have
	Skipped  int64    // lines above the header, such as a title
}

// Column says which column of the input, or key of its objects, holds a field.
type Column struct {
	Field string
	Name  string // as the input writes it
}

// rows reads the rows of one format.
type rows interface {
	next(*unchecked) error
	layout() Layout
}

// Reader reads the rows of one input in order. It is not safe for use by
// several goroutines at once.
type Reader struct {
	name    string
	close   []func()
	rows    rows
	checker *checker
	now     unchecked   // the row of the input that was taken last
	row     Row         // the same, while further tags of it are to come
	ahead   []unchecked // read already
	err     error       // ends the rows, after those

	aheadBytes int // how much text of rows was read already
}

// Open opens the file with that name and finds out its format, its header and
// what stands where. An error that is due to the file or the options is an
// [*InputError]. Close the reader when done: it has a goroutine that reads
// ahead.
func Open(name string, o Options) (*Reader, error) {
	r, err := open(name, o)
	if err != nil {
		return nil, named(name, lockFile(name, err))
	}
	return r, nil
}

func open(name string, o Options) (*Reader, error) {
	if !slices.Contains([]string{"", "auto", CSV, TSV, NDJSON, XLSX}, o.Format) {
		return nil, &InputError{Message: say("bad-format", o.Format)}
	}
	if o.Platform != "" {
		platform := platformOf([]byte(o.Platform))
		if platform == "" {
			return nil, &InputError{Message: say("bad-platform", o.Platform)}
		}
		o.Platform = platform
	}
	names, err := newNames(o)
	if err != nil {
		return nil, err
	}
	delim, err := delimiterOf(o)
	if err != nil {
		return nil, err
	}
	src, err := openSource(name)
	if err != nil {
		return nil, err
	}
	r := &Reader{name: name, close: []func(){func() { src.Close() }}}
	r.checker = &checker{tag: o.Tag, platform: o.Platform, bot: o.BotID}
	r.checker.split, r.checker.wide = splitOf(o)
	begins := make([]byte, 16)
	n, _ := src.ReadAt(begins, 0) // what cannot be read fails below
	container, err := containerOf(begins[:n])
	switch {
	case err != nil:
	case container == workbook:
		err = r.openSheet(src, o, names)
	case o.Format == XLSX:
		err = &InputError{Message: say("no-workbook")}
	default:
		err = r.openText(src, container, o, delim, names)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// openText finds out the encoding of a text, in a pass of its own, and then
// what is written in it.
func (r *Reader) openText(src *source, container string, o Options, delim byte, names *names) error {
	found := Layout{Container: container, Tags: o.SplitTags != ""}
	var v verdict
	if o.Encoding != "" {
		c, err := charsetNamed(o.Encoding)
		if err != nil {
			return err
		}
		v.charset = c
	} else {
		text, done, err := src.unpack(container)
		if err != nil {
			return err
		}
		v, err = judge(text, names)
		done()
		if err != nil {
			return err
		}
		if err := src.rewind(); err != nil {
			return err
		}
	}
	found.Encoding, found.Guessed, found.Sample = v.charset.name, v.guessed, v.sample

	text, done, err := src.unpack(container)
	if err != nil {
		return err
	}
	in := newAhead(v.charset.decode(text))
	r.close = append(r.close, done, in.Close)
	f := newFramer(in)
	if err := f.begin(); err != nil {
		return err
	}
	format := o.Format
	if format == "" || format == "auto" {
		if err := noMarkup(f.data()); err != nil {
			return err
		}
		format = sniffFormat(f.data())
	}
	if format == NDJSON {
		r.rows, err = newObjects(f, found, r.checker, names)
		return err
	}
	d := sniffDialect(f.data(), delim, names)
	f.delim, f.cr = d.delim, d.cr
	found.Format, found.Delimiter, found.CRLF = CSV, d.delim, endsInCRLF(f.data())
	if d.delim == '\t' {
		found.Format = TSV
	}
	t, err := newTable(f, found, r.checker, names)
	if err != nil {
		return err
	}
	f.width, r.rows = t.width, t
	return nil
}

// Next reads the next row. Its error is io.EOF after the last row, an
// [*InputError] when the input cannot be read on, or a fault of the disk. A
// row that cannot be sent is no error: see [Row.Err].
func (r *Reader) Next() (Row, error) {
	if r.checker.nextTag(&r.row) {
		return r.row, nil
	}
	if err := r.take(); err != nil {
		return Row{}, err
	}
	if r.check(); r.checker.doubtful {
		r.lookAhead()
		r.check()
	}
	r.checker.nextTag(&r.row)
	return r.row, nil
}

// take takes the next row of the input.
func (r *Reader) take() error {
	if len(r.ahead) == 0 {
		return r.read(&r.now)
	}
	r.now, r.ahead = r.ahead[0], r.ahead[1:]
	r.aheadBytes -= r.now.bytes()
	return nil
}

// check finds what the row that was taken asks for.
func (r *Reader) check() {
	cells := r.now.cells
	r.row = r.now.row
	r.checker.check(&r.row, &cells)
}

// read reads a row. An error comes again and again.
func (r *Reader) read(u *unchecked) error {
	if r.err != nil {
		return r.err
	}
	*u = unchecked{}
	if r.err = r.rows.next(u); r.err != nil && r.err != io.EOF {
		r.err = named(r.name, r.err)
	}
	return r.err
}

// Layout is what was found out about the input.
func (r *Reader) Layout() Layout { return r.rows.layout() }

// Close closes the file and ends the reading ahead. There is nothing to lose,
// and so no error.
func (r *Reader) Close() error {
	for _, f := range slices.Backward(r.close) {
		f()
	}
	r.close = nil
	return nil
}

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
		if err := r.count(); err == io.EOF {
			return n, nil
		} else if err != nil {
			return 0, err
		}
	}
}

// count reads the next row as Next does, and only as far as need be to know that
// there is one.
func (r *Reader) count() error {
	if r.checker.split == "" {
		return r.read(&r.now)
	}
	_, err := r.Next()
	return err
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
