package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
)

var (
	// ErrLocked: another run has the job. The error that wraps it is a LockedError.
	ErrLocked = errors.New("the job is already running")

	// ErrVersion: the journal is of a version that this program does not know.
	ErrVersion = errors.New("the journal was written by a newer mantatag; update mantatag and run the same command again")

	// ErrCorrupt: the journal is damaged in a way that no interrupted write
	// explains. The error that wraps it is a CorruptError.
	ErrCorrupt = errors.New("the journal is damaged")

	// ErrClosed: the journal was closed, or was opened by View.
	ErrClosed = errors.New("the journal is not open for writing")
)

// LockedError says which job another run has.
type LockedError struct{ Dir string }

func (e *LockedError) Error() string {
	return fmt.Sprintf("the job in %s is already running; wait for that run to end, or stop it", e.Dir)
}

func (e *LockedError) Unwrap() error { return ErrLocked }

// DiskError says that a file of the job could not be read or written. After
// one, nothing more is written to the journal.
type DiskError struct {
	File string
	Err  error
}

func (e *DiskError) Error() string {
	return fmt.Sprintf("the job's file %s cannot be used: %v; nothing that was recorded is lost: mend the cause and run the same command again", e.File, e.Err)
}

func (e *DiskError) Unwrap() error { return e.Err }

// OpenFolderError is the DiskError of a job's folder that cannot be moved while
// something in it is open, on Windows.
type OpenFolderError struct {
	Dir string
	Err error
}

func (e *OpenFolderError) Error() string {
	key, args := e.Sentence()
	return fmt.Sprintf(key, args...)
}

// Sentence is the error's format and arguments, for other languages.
func (e *OpenFolderError) Sentence() (string, []any) {
	return "the job folder %[1]s cannot be moved: %[2]v; close what is open in it, also in a terminal that stands there, and run the same command again", []any{e.Dir, e.Err}
}

func (e *OpenFolderError) Unwrap() error { return &DiskError{e.Dir, e.Err} }

// OpenReportError is the DiskError of a report that cannot be replaced while
// another program has it open, on Windows. It can be made again from the others.
type OpenReportError struct {
	File string
	Err  error
}

// ReportError is the error of a report that could not be replaced.
func ReportError(file string, err error) error {
	if inUse(err) {
		return &OpenReportError{file, err}
	}
	return &DiskError{file, err}
}

func (e *OpenReportError) Error() string {
	key, args := e.Sentence()
	return fmt.Sprintf(key, args...)
}

// Sentence is the error's format and arguments, for other languages.
func (e *OpenReportError) Sentence() (string, []any) {
	return "%[1]s cannot be written: %[2]v; if it is open in another program, such as Excel, close it there; then mantatag report \"%[3]s\" writes it", []any{e.File, e.Err, filepath.Dir(e.File)}
}

func (e *OpenReportError) Unwrap() error { return &DiskError{e.File, e.Err} }

// HostError says that the job belongs to another API host, which a request of it
// may have come to.
type HostError struct {
	Dir  string
	Job  string // the host of the job
	Host string // the host that was asked for
}

func (e *HostError) Error() string {
	return fmt.Sprintf("the job %s belongs to the API host %s, not %s; give another --job, or --fresh to start over", e.Dir, e.Job, e.Host)
}

// What is wrong with a damaged journal.
var (
	errZeros   = errors.New("zeros in the place of a line that was once written whole")
	errLine    = errors.New("the line does not have the checksum or the form that it was written with")
	errChanged = errors.New("the line that stood here cannot be read any more")
)

// CorruptError says where and how a journal is damaged.
type CorruptError struct {
	File   string
	Line   int64 // 0: not known
	Offset int64 // of the line's first byte
	What   error
}

func (e *CorruptError) Error() string {
	key, args := e.Sentence()
	return fmt.Sprintf(key, args...)
}

// Sentence is the error's format and arguments, for other languages.
func (e *CorruptError) Sentence() (string, []any) {
	offset := strconv.FormatInt(e.Offset, 10)
	if e.Line == 0 {
		return "%[1]s: byte %[2]s: %[3]v: the journal is damaged: put back a copy of the file that is sound, or start over with --fresh, which keeps the old job folder",
			[]any{e.File, offset, e.What}
	}
	return "%[1]s: line %[2]s (byte %[3]s): %[4]v: the journal is damaged: put back a copy of the file that is sound, or start over with --fresh, which keeps the old job folder",
		[]any{e.File, strconv.FormatInt(e.Line, 10), offset, e.What}
}

func (e *CorruptError) Unwrap() error { return ErrCorrupt }
