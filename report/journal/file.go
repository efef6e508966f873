package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"
)

const (
	journalName = "journal.ndjson"
	compactName = "journal.ndjson.new"
	lockName    = "lock"
)

// File is what the journal asks of its file; *os.File is one. Tests put a
// file that fails in its place.
type File interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

// OpenFile opens a File, with the meaning of os.OpenFile.
type OpenFile func(name string, flag int, perm os.FileMode) (File, error)

func openOSFile(name string, flag int, perm os.FileMode) (File, error) {
	return os.OpenFile(name, flag, perm)
}

// syncDir makes the names in a folder durable. Windows cannot, and does not
// need it.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// makeDir makes the folder of a job, and its name durable, if it is not there.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// lock takes the lock of a job folder, or fails with ErrLocked.
func lock(dir string) (*flock.Flock, error) {
	path := filepath.Join(dir, lockName)
	l := flock.New(path, flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, &DiskError{path, err}
	}
	if ok {
		// Another run may just have retired the folder: then it is gone, or
		// this is the lock of the old folder.
		held, err1 := l.Stat()
		named, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(held, named) {
			return l, nil
		}
		l.Unlock()
	}
	return nil, fmt.Errorf("%s: %w", dir, ErrLocked)
}

// Running reports whether a run has the job of the folder dir.
func Running(dir string) bool {
	l, err := lock(dir)
	if err != nil {
		return errors.Is(err, ErrLocked)
	}
	l.Unlock()
	return false
}

// Retire renames the folder of a job to a dated name beside it, so that a new
// job can take its place, and returns that name; "" if there was no folder.
// It fails with ErrLocked while a run has the job.
func Retire(dir string, now time.Time) (string, error) {
	dir = filepath.Clean(dir)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	l, err := lock(dir)
	if err != nil {
		return "", err
	}
	defer l.Unlock()
	old := dir + "-" + now.UTC().Format("20060102T150405Z")
	for n, name := 2, old; ; n++ {
		if _, err := os.Lstat(old); errors.Is(err, os.ErrNotExist) {
			break
		}
		old = fmt.Sprintf("%s-%d", name, n)
	}
	if runtime.GOOS == "windows" {
		l.Unlock() // a folder with an open file cannot be renamed there
	}
	if err := os.Rename(dir, old); err != nil {
		return "", &DiskError{dir, err}
	}
	if err := syncDir(filepath.Dir(dir)); err != nil {
		return "", &DiskError{filepath.Dir(dir), err}
	}
	return old, nil
}
