package report

import (
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
	at    time.Time
}

// NewRejects begins a table in the file with that path; say is as in [Source].
func NewRejects(path string, l ingest.Layout, say func(id string, args ...any) string) *Rejects {
	r := &Rejects{file: realDisk.file(path), words: say, at: time.Now().UTC()}
	if l.Format == ingest.NDJSON {
		r.form = &ndjsonForm{}
	} else {
		r.form = newCSVForm(l)
	}
	r.file.write(r.form.header())
	return r
}

// Write adds a row, whose Err is the reason. An error is kept for Commit.
func (r *Rejects) Write(row ingest.Row) {
	r.file.write(r.form.line(&row, &outcome{kind: journal.Failed, reason: r.words.fault(row.Err), at: r.at}))
}

// Commit puts the file in its place. Its error is a *journal.DiskError.
func (r *Rejects) Commit() error { return r.file.commit() }

// Abort leaves what was there before, unless there was a Commit.
func (r *Rejects) Abort() { r.file.abort() }
