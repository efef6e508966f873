package report

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mantatag/ingest"
	"mantatag/report/journal"
)

// Rejects is a table of the rows of an input that cannot be sent, with the
// columns of failed.csv (for NDJSON, the lines of failed.ndjson). It is put in
// its place as a whole by Commit.
type Rejects struct {
	form  form
	file  *file
	words words
	at    time.Time // also that of the file, which tells whether it was edited
}

// NewRejects begins a table in the file with that path; say is as in [Source].
func NewRejects(path string, l ingest.Layout, say func(id string, args ...any) string) *Rejects {
	form, _, _ := formOf(l)
	r := &Rejects{form: form, file: realDisk.file(path), words: say, at: time.Now().UTC().Truncate(time.Millisecond)}
	r.file.write(r.form.header())
	return r
}

// Write adds a row, whose Err is the reason. An error is kept for Commit.
func (r *Rejects) Write(row ingest.Row) {
	r.file.write(r.form.line(&row, &outcome{kind: journal.Failed, reason: r.words.fault(row.Err), at: r.at}))
}

// Commit puts the file in its place. If somebody edited the one that was there,
// that is kept under another name, which is returned. Its error is a
// *journal.DiskError.
func (r *Rejects) Commit() (kept string, err error) {
	path := r.file.path
	if _, edited := Replaceable(path); edited {
		ext := filepath.Ext(path)
		if kept, err = realDisk.setAside(path, strings.TrimSuffix(filepath.Base(path), ext)+"-edited", ext); err != nil {
			return "", &journal.DiskError{File: path, Err: err}
		}
	}
	if err := r.file.commit(); err != nil {
		return kept, err
	}
	_ = os.Chtimes(path, r.at, r.at) // else the next time it is kept needlessly
	return kept, nil
}

// Replaceable reports whether a table of rejects may take the place of the file
// path: there is none, or it is empty or such a table itself; and whether that
// was edited since.
func Replaceable(path string) (ours, edited bool) {
	f, err := os.Open(path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist), false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false, false
	}
	head, err := io.ReadAll(io.LimitReader(f, 1<<20)) // with a row at least
	if err != nil {
		return false, false
	}
	object := bytes.Contains(head, []byte(`"mantatag":{`))
	ours = len(head) == 0 || object || bytes.Contains(head, []byte("mantatag_outcome"))
	hasRows := object || bytes.Contains(bytes.TrimSpace(head), []byte("\n"))
	// Each row says when the table was made, and so does the file's time.
	return ours, ours && hasRows && !bytes.Contains(head, []byte(info.ModTime().UTC().Format(timeLayout)))
}

// Abort leaves what was there before, unless there was a Commit.
func (r *Rejects) Abort() { r.file.abort() }
