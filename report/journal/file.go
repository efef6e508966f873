package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

const (
	journalName = "journal.ndjson"
	compactName = "journal.ndjson.new"
	lockName    = "lock"
	turnName    = "reports.lock"
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

// SyncDir makes the names in a folder durable. Windows cannot, and does not
// need it.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Replace renames a file, over one that may be there already.
func Replace(from, to string) error {
	return whileInUse(func() error { return os.Rename(from, to) })
}

// Remove removes a file.
func Remove(path string) error {
	return whileInUse(func() error { return os.Remove(path) })
}

// ReadFile reads a file that another process may be replacing.
func ReadFile(path string) (text []byte, err error) {
	err = whileInUse(func() error {
		text, err = os.ReadFile(path)
		return err
	})
	return text, err
}

// OpenToRead opens a file that another process may be replacing.
func OpenToRead(path string) (f *os.File, err error) {
	err = whileInUse(func() error {
		f, err = os.Open(path)
		return err
	})
	return f, err
}

// whileInUse does what fails on Windows while another process has the file
// open, be it a virus scanner for a moment: it tries again for about two seconds.
func whileInUse(do func() error) error {
	err := do()
	for pause := time.Millisecond; pause < 2*time.Second && inUse(err); pause *= 2 {
		time.Sleep(pause)
		err = do()
	}
	return err
}

// inUse reports whether err is how Windows says that a file is open elsewhere.
func inUse(err error) bool {
	const accessDenied, sharingViolation = syscall.Errno(5), syscall.Errno(32)
	return runtime.GOOS == "windows" && (errors.Is(err, accessDenied) || errors.Is(err, sharingViolation))
}

// makeDir makes the folder of a job and those above it, as far as they are not
// there, and their names durable.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	above := filepath.Dir(dir)
	if above != dir {
		if err := makeDir(above); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		if errors.Is(err, os.ErrExist) { // another run has just made it
			return nil
		}
		return err
	}
	return SyncDir(above)
}

// lockWait is how long a busy lock is tried for. Running may hold it for a
// moment, which is no reason to refuse a run.
const lockWait = 200 * time.Millisecond

// lock takes the lock of a job folder, or fails with ErrLocked.
func lock(dir string) (*flock.Flock, error) {
	path := filepath.Join(dir, lockName)
	l := flock.New(path, flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	ok, err := l.TryLockContext(ctx, lockWait/40)
	if err != nil && ctx.Err() == nil && !errors.Is(err, os.ErrNotExist) {
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
	return nil, &LockedError{dir}
}

// Running reports whether a run has the job of the folder dir. It changes
// nothing there, and keeps no run from beginning.
func Running(dir string) bool {
	path := filepath.Join(dir, lockName)
	if _, err := os.Stat(path); err != nil {
		return false
	}
	l := flock.New(path, flock.SetFlag(os.O_RDONLY))
	free, err := l.TryRLock()
	if free {
		l.Unlock()
	}
	return err == nil && !free
}

// turnWait is how long a turn is waited for: longer than reports take to be put in
// their places, unless a process that has its turn was stopped.
const turnWait = 10 * time.Second

// Turn waits until no other process puts reports into the job folder dir, and
// keeps others waiting until done is called. Where no turn comes it goes on
// without: then what nobody edited may be kept as if somebody had, and nothing is
// lost.
func Turn(ctx context.Context, dir string) (done func()) {
	l := flock.New(filepath.Join(dir, turnName), flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(ctx, turnWait)
	defer cancel()
	_, _ = l.TryLockContext(ctx, lockWait/40)
	return func() { _ = l.Close() }
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
	switch err := Replace(dir, old); {
	case inUse(err):
		return "", &OpenFolderError{dir, err}
	case err != nil:
		return "", &DiskError{dir, err}
	}
	if err := SyncDir(filepath.Dir(dir)); err != nil {
		return "", &DiskError{filepath.Dir(dir), err}
	}
	return old, nil
}
