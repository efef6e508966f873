package report

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mantatag/report/journal"
)

// handle is what is asked of a file that is written; *os.File is one.
type handle interface {
	io.WriteCloser
	Name() string
	Sync() error
}

// disk is where faults enter in tests.
type disk struct {
	create  func(dir, pattern string) (handle, error)
	rename  func(from, to string) error
	remove  func(path string) error
	syncDir func(dir string) error
}

var realDisk = disk{
	create:  func(dir, pattern string) (handle, error) { return os.CreateTemp(dir, pattern) },
	rename:  journal.Replace,
	remove:  journal.Remove,
	syncDir: journal.SyncDir,
}

// tempSuffix ends the names of files that are being written.
const tempSuffix = ".tmp"

// file is written under a temporary name and put in its place as a whole. Its
// first error is kept, and nothing is written after it. The temporary file is
// made with the first byte.
type file struct {
	disk     *disk
	path     string
	f        handle
	w        *bufio.Writer
	err      error
	finished bool
	mode     fs.FileMode // 0: for its owner alone
	report   bool        // of a job, and made again by the command of that name
	left     leftFile    // how it is left, once it is finished
}

func (d *disk) file(path string) *file {
	return &file{disk: d, path: path, left: leftFile{Name: filepath.Base(path)}}
}

// reportFile is a file that is a report.
func (d *disk) reportFile(dir, name string) *file {
	f := d.file(filepath.Join(dir, name))
	f.report = true
	return f
}

func (f *file) open() {
	if f.err != nil || f.f != nil {
		return
	}
	if f.f, f.err = f.disk.create(filepath.Dir(f.path), filepath.Base(f.path)+".*"+tempSuffix); f.err != nil {
		f.f = nil
		return
	}
	f.w = bufio.NewWriterSize(f.f, 64<<10)
}

func (f *file) write(b []byte) {
	if f.open(); f.err == nil {
		f.left.Size += int64(len(b))
		f.left.Sum = crc32.Update(f.left.Sum, castagnoli, b)
		_, f.err = f.w.Write(b)
	}
}

// finish makes the content durable under its temporary name, if that was not
// done. An error is kept for commit.
func (f *file) finish() {
	if f.finished {
		return
	}
	f.finished = true
	f.open()
	if f.err == nil {
		f.err = f.w.Flush()
	}
	if f.err == nil {
		f.err = f.f.Sync()
	}
	if f.f != nil {
		if err := f.f.Close(); f.err == nil {
			f.err = err
		}
	}
	if f.err == nil && f.mode != 0 {
		f.err = os.Chmod(f.f.Name(), f.mode)
	}
	if f.err == nil {
		var info fs.FileInfo
		if info, f.err = os.Stat(f.f.Name()); f.err == nil {
			f.left.Modified = info.ModTime().UTC()
		}
	}
}

// commit makes the content durable and gives it its name. Its error is a
// *journal.DiskError, and then the old content stands.
func (f *file) commit() error {
	f.finish()
	defer f.abort()
	if f.err == nil {
		if f.err = f.disk.rename(f.f.Name(), f.path); f.err != nil && f.report {
			return journal.ReportError(f.path, f.err)
		}
	}
	if f.err == nil {
		f.f = nil // there is no temporary file any more
		f.err = f.disk.syncDir(filepath.Dir(f.path))
	}
	if _, ok := errors.AsType[*journal.DiskError](f.err); ok || f.err == nil {
		return f.err
	}
	return &journal.DiskError{File: f.path, Err: f.err}
}

// abort removes the temporary file, if there is one.
func (f *file) abort() {
	if f.f == nil {
		return
	}
	_ = f.f.Close() // it may be closed already
	_ = f.disk.remove(f.f.Name())
	f.f = nil
	if f.err == nil {
		f.err = os.ErrClosed
	}
}

func (d *disk) writeFile(path string, text []byte) error {
	f := d.file(path)
	f.write(text)
	return f.commit()
}

// forget removes a report that need not be there.
func (d *disk) forget(path string) error {
	if err := d.remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return journal.ReportError(path, err)
	}
	return nil
}

// setAside gives a file a second name in its folder, of stem, the time and ext,
// and returns its path. Where a file cannot have two names, it loses the first.
func (d *disk) setAside(path, stem, ext string) (as string, err error) {
	at := time.Now().UTC().Format("20060102-150405")
	for n := 1; ; n++ {
		name := stem + "-" + at + ext
		if n > 1 {
			name = fmt.Sprintf("%s-%s-%d%s", stem, at, n, ext)
		}
		as = filepath.Join(filepath.Dir(path), name)
		if err = os.Link(path, as); err != nil && !errors.Is(err, fs.ErrExist) {
			err = d.moveAside(path, as)
		}
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err == nil {
		err = d.syncDir(filepath.Dir(as))
	}
	return as, err
}

// moveAside gives a file another name, which nobody may have.
func (d *disk) moveAside(path, as string) error {
	f, err := os.OpenFile(as, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err = errors.Join(f.Close(), d.rename(path, as)); err != nil {
		err = errors.Join(err, d.remove(as))
	}
	return err
}

// SetAside keeps a file of a job, which is about to be replaced, under a dated
// name beside it, and returns the path.
func SetAside(path string) (string, error) {
	ext := filepath.Ext(path)
	return realDisk.setAside(path, strings.TrimSuffix(filepath.Base(path), ext), ext)
}

// sweepAge is how long nothing was written to a temporary file that nobody
// writes any more. A younger one may be of a report that is being made.
const sweepAge = time.Hour

// Sweep removes what a killed run or report left half written in the folder of
// a job, an hour later at the earliest. What cannot be removed, since it is open
// elsewhere, is harmless and waits for the next one.
func Sweep(dir string) error {
	return sweep(dir, append(OutcomeFiles(), summaryName, pageName, stampName, leftName))
}

// SweepMetrics does the same where metrics are written.
func SweepMetrics(path string) error { return sweep(filepath.Dir(path), []string{filepath.Base(path)}) }

func sweep(dir string, names []string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return &journal.DiskError{File: dir, Err: err}
	}
	for _, e := range entries {
		if !slices.Contains(names, written(e.Name())) {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) >= sweepAge {
			_ = journal.Remove(filepath.Join(dir, e.Name()))
		}
	}
	return nil
}

// written is the name of the file that is written under a temporary one, as
// os.CreateTemp makes it; "": it is none, but perhaps a person's own.
func written(temporary string) string {
	name, ok := strings.CutSuffix(temporary, tempSuffix)
	dot := strings.LastIndexByte(name, '.')
	if !ok || dot < 0 || strings.Trim(name[dot+1:], "0123456789") != "" {
		return ""
	}
	return name[:dot]
}

// WriteFile puts a file of mode 0600 in its place as a whole and durably: a
// reader sees the old content or the new. Its error is a *journal.DiskError.
func WriteFile(path string, text []byte) error { return realDisk.writeFile(path, text) }
