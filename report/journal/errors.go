package journal

import (
	"errors"
	"fmt"
)

var (
	// ErrLocked: another run has the job.
	ErrLocked = errors.New("the job is already running; wait for that run to end, or stop it")

	// ErrVersion: the journal is of a version that this program does not know.
	ErrVersion = errors.New("the journal was written by a newer mantatag; update mantatag and run the same command again")

	// ErrCorrupt: the journal is damaged in a way that no interrupted write
	// explains. The error that wraps it names file, line and byte.
	ErrCorrupt = errors.New("the journal is damaged")

	// ErrClosed: the journal was closed, or was opened by View.
	ErrClosed = errors.New("the journal is not open for writing")
)

// DiskError says that a file of the job could not be read or written. After
// one, nothing more is written to the journal.
type DiskError struct {
	File string
	Err  error
}

func (e *DiskError) Error() string {
	return fmt.Sprintf("the job's file %s cannot be used: %v; what was recorded is safe: mend the cause and run the same command again", e.File, e.Err)
}

func (e *DiskError) Unwrap() error { return e.Err }

// HostError says that the job belongs to another API host.
type HostError struct {
	Dir  string
	Job  string // the host of the job
	Host string // the host that was asked for
}

func (e *HostError) Error() string {
	return fmt.Sprintf("the job %s belongs to the API host %s, not %s; give another --job, or --fresh to start over", e.Dir, e.Job, e.Host)
}

func corrupt(file string, line, offset int64, what string) error {
	return fmt.Errorf("%s: line %d (byte %d): %s: %w: put back a copy of the file that is sound, or start over with --fresh, which keeps the old job folder",
		file, line, offset, what, ErrCorrupt)
}
