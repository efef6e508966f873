package report

import (
	"errors"
	"hash/crc32"
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
	stale [len(outcomeKinds)]string // the names of the form that this input does not have
	disk  *disk
}

func newOutcomeFiles(d *disk, dir string, l ingest.Layout) *outcomeFiles {
	form, ext, other := formOf(l)
	o := &outcomeFiles{disk: d, form: form}
	for i, k := range outcomeKinds {
		o.files[i] = d.reportFile(dir, k.String()+ext)
		o.stale[i] = k.String() + other
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

// commit puts all files in their places, as far as that is possible, and returns
// how they were left. What somebody wrote where they go, or where those of the
// other form are, is kept under another name first.
func (o *outcomeFiles) commit(s Source) (leftFiles, error) {
	last, err := lastStamp(s)
	if err != nil {
		return nil, err
	}
	left := leftFiles{}
	for _, f := range last.Files {
		left[f.Name] = append(left[f.Name], f)
	}
	// Where no stamp says anything, a table without rows is nobody's work.
	head := leftFile{Size: int64(len(o.form.header())), Sum: crc32.Checksum(o.form.header(), castagnoli)}
	var staleErrs [len(outcomeKinds)]error
	for i, f := range o.files {
		if f.f == nil {
			f.write(o.form.header())
		}
		f.finish()
		if f.err == nil {
			known := left[f.left.Name]
			if len(known) == 0 {
				known = append(known, head)
			}
			if known, f.err = spare(s, f.left.Name, append(known, f.left)); f.err == nil {
				left[f.left.Name] = append(known, f.left)
			}
		}
		var now []leftFile
		if now, staleErrs[i] = spare(s, o.stale[i], left[o.stale[i]]); staleErrs[i] == nil {
			left[o.stale[i]] = now
		}
	}
	if err := writeStamp(s, stamp{Files: left.list()}); err != nil {
		return nil, err
	}
	var errs []error
	for i, f := range o.files {
		if f.err == nil { // somebody may have saved it just now
			_, f.err = spare(s, f.left.Name, left[f.left.Name])
		}
		err := f.commit()
		if err == nil {
			left[f.left.Name] = []leftFile{f.left}
		}
		if staleErrs[i] == nil {
			staleErrs[i] = o.removeStale(s, o.stale[i], left)
		}
		errs = append(errs, err, staleErrs[i])
	}
	return left, errors.Join(errs...)
}

// removeStale removes a file of the form that this input does not have.
func (o *outcomeFiles) removeStale(s Source, name string, left leftFiles) error {
	if _, err := spare(s, name, left[name]); err != nil {
		return err
	}
	if err := o.disk.forget(filepath.Join(s.Journal.Dir(), name)); err != nil {
		return err
	}
	delete(left, name)
	return nil
}

func (o *outcomeFiles) abort() {
	for _, f := range o.files {
		f.abort()
	}
}
