package ingest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// source reads a file as it was when it was opened: no further than its size
// then, and with an error as soon as it was changed, so that half a row that
// someone was writing is never taken for a whole one, nor two halves for one.
type source struct {
	file *os.File
	size int64
	time time.Time
	read int64
}

func openSource(name string) (*source, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &InputError{Message: say("missing"), Err: err}
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, &InputError{Message: say("folder")}
	case !info.Mode().IsRegular():
		return nil, &InputError{Message: say("irregular"), Hint: say("hint-stdin")}
	case info.Size() == 0:
		return nil, &InputError{Message: say("empty")}
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err = file.Stat()
	if err != nil {
		file.Close()
		return nil, err
	}
	return &source{file: file, size: info.Size(), time: info.ModTime()}, nil
}

func (s *source) Read(p []byte) (int, error) {
	left := s.size - s.read
	n, err := 0, io.EOF
	if left > 0 {
		if n, err = s.file.Read(p[:min(int64(len(p)), left)]); err == io.EOF {
			err = errChanged()
		}
	}
	// After the reading, so that what it read is known to be of the same file.
	if err := s.unchanged(); err != nil {
		return 0, err
	}
	s.read += int64(n)
	return n, err
}

// unchanged says whether the file is still what was opened.
func (s *source) unchanged() error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() != s.size || !info.ModTime().Equal(s.time) {
		return errChanged()
	}
	return nil
}

func errChanged() error {
	return &InputError{Message: say("changed"), Hint: say("hint-again")}
}

// rewind goes back to the beginning.
func (s *source) rewind() error {
	s.read = 0
	_, err := s.file.Seek(0, io.SeekStart)
	return err
}

// ReadAt makes the file a zip.Reader's source.
func (s *source) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.file.ReadAt(p, off)
	if changed := s.unchanged(); changed != nil {
		return 0, changed
	}
	return n, err
}

func (s *source) Close() error { return s.file.Close() }

// lockFile gives the fault of a file another name if the file is what Excel lays
// beside an open workbook, with the user's name in it in bytes and in UTF-16. On
// Windows Excel may let nobody else read it.
func lockFile(name string, fault error) error {
	workbook, ok := strings.CutPrefix(filepath.Base(name), "~$")
	if info, err := os.Stat(name); !ok || err != nil || !info.Mode().IsRegular() || info.Size() > 1<<10 {
		return fault
	}
	if text, err := os.ReadFile(name); err == nil && bytes.IndexByte(text, 0) < 0 {
		return fault
	}
	return &InputError{Message: say("lock-file"), Hint: say("hint-lock-file", workbook), Err: fault}
}

// cause is what the system said, without the name of the file.
func cause(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
