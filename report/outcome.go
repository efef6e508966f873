package report

import (
	"errors"
	"path/filepath"

	"mantatag/ingest"
	"mantatag/report/journal"
)

// outcomeKinds are the kinds that have a file each.
var outcomeKinds = [...]journal.Kind{journal.Succeeded, journal.Failed, journal.Retryable}

// OutcomeFiles are the names of the outcome files, in all forms.
func OutcomeFiles() (names []string) {
	for _, k := range outcomeKinds {
		names = append(names, k.String()+".csv", k.String()+".ndjson")
	}
	return names
}

// form is the way in which an outcome file is written.
type form interface {
	header() []byte
	// line is the line of a row, line end included, valid until the next call.
	line(*ingest.Row, *outcome) []byte
}

// outcomeFiles are the three files of rows by outcome. All three always exist
// afterwards, empty but for the header where there is no such row, so that
// none is left from an earlier run and scripts need not ask. They are written
// beside the reading of the input, since it takes about as long.
type outcomeFiles struct {
	form  form
	files [len(outcomeKinds)]*file
	stale [len(outcomeKinds)]string // of the form that this input does not have
	disk  *disk

	next        *batch
	full, empty chan *batch
	written     chan struct{} // closed when all batches are
}

// batch is some rows with their outcomes, written one after the other.
type batch struct {
	rows []judged
	text []byte // of their own columns
}

type judged struct {
	ingest.Row
	outcome
}

// batchRows is how many rows are handed on at once.
const batchRows = 256

func newOutcomeFiles(d *disk, dir string, l ingest.Layout) *outcomeFiles {
	o := &outcomeFiles{disk: d, next: new(batch), full: make(chan *batch, 1), empty: make(chan *batch, 3), written: make(chan struct{})}
	o.empty <- new(batch)
	o.empty <- new(batch)
	ext, other := ".csv", ".ndjson"
	if l.Format == ingest.NDJSON {
		ext, other = other, ext
		o.form = &ndjsonForm{}
	} else {
		o.form = newCSVForm(l)
	}
	for i, k := range outcomeKinds {
		o.files[i] = d.file(filepath.Join(dir, k.String()+ext))
		o.stale[i] = filepath.Join(dir, k.String()+other)
	}
	go o.run()
	return o
}

// write hands a row on. What it refers to may be used again afterwards.
func (o *outcomeFiles) write(row *ingest.Row, out *outcome) {
	b, j := o.next, judged{*row, *out}
	j.Own, j.Surplus = b.keep(row.Own), b.keep(row.Surplus)
	if b.rows = append(b.rows, j); len(b.rows) == batchRows {
		o.full <- b
		o.next = <-o.empty
	}
}

func (b *batch) keep(text []byte) []byte {
	from := len(b.text)
	b.text = append(b.text, text...)
	return b.text[from:len(b.text):len(b.text)]
}

// run writes what it is handed.
func (o *outcomeFiles) run() {
	defer close(o.written)
	for b := range o.full {
		for i := range b.rows {
			row := &b.rows[i]
			f := o.files[row.kind-journal.Succeeded]
			if f.f == nil {
				f.write(o.form.header())
			}
			f.write(o.form.line(&row.Row, &row.outcome))
		}
		clear(b.rows)
		b.rows, b.text = b.rows[:0], b.text[:0]
		o.empty <- b
	}
}

// end returns when all that was handed on is written.
func (o *outcomeFiles) end() {
	if o.next != nil {
		o.full <- o.next
		close(o.full)
		o.next = nil
	}
	<-o.written
}

// commit puts all files in their places, as far as that is possible.
func (o *outcomeFiles) commit() error {
	o.end()
	var errs []error
	for i, f := range o.files {
		if f.f == nil {
			f.write(o.form.header())
		}
		errs = append(errs, f.commit(), o.disk.forget(o.stale[i]))
	}
	return errors.Join(errs...)
}

func (o *outcomeFiles) names() []string {
	var names []string
	for _, f := range o.files {
		names = append(names, filepath.Base(f.path))
	}
	return names
}

func (o *outcomeFiles) abort() {
	o.end()
	for _, f := range o.files {
		f.abort()
	}
}
