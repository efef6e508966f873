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

// formOf is how the outcome files of an input are written, and how their names end,
// and do not.
func formOf(l ingest.Layout) (f form, ext, other string) {
	if l.Format == ingest.NDJSON {
		return &ndjsonForm{}, ".ndjson", ".csv"
	}
	return newCSVForm(l), ".csv", ".ndjson"
}

// outcomeFiles are the three files of rows by outcome. All three always exist
// afterwards, empty but for the header where there is no such row, so that
// none is left from an earlier run and scripts need not ask.
type outcomeFiles struct {
	form  form
	files [len(outcomeKinds)]*file
	stale [len(outcomeKinds)]string // of the form that this input does not have
	disk  *disk
}

func newOutcomeFiles(d *disk, dir string, l ingest.Layout) *outcomeFiles {
	form, ext, other := formOf(l)
	o := &outcomeFiles{disk: d, form: form}
	for i, k := range outcomeKinds {
		o.files[i] = d.file(filepath.Join(dir, k.String()+ext))
		o.stale[i] = filepath.Join(dir, k.String()+other)
	}
	return o
}

func (o *outcomeFiles) write(row *ingest.Row, out *outcome) {
	i := int(out.kind - journal.Succeeded)
	f := o.files[i]
	if f.f == nil {
		f.write(o.form.header())
	}
	f.write(o.form.line(row, out))
}

// commit puts all files in their places, as far as that is possible.
func (o *outcomeFiles) commit() error {
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
	for _, f := range o.files {
		f.abort()
	}
}
