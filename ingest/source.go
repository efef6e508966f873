package ingest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// source reads a file as it was when it was opened: no further than its size
// then, and with an error at the end if it was changed meanwhile, so that half
// a row that someone was writing is never taken for a whole one.
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
		return nil, &InputError{Message: say("irregular")}
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
	if left > 0 {
		n, err := s.file.Read(p[:min(int64(len(p)), left)])
		s.read += int64(n)
		if err == io.EOF {
			return n, s.changed()
		}
		return n, err
	}
	info, err := s.file.Stat()
	if err != nil {
		return 0, err
	}
	if info.Size() != s.size || !info.ModTime().Equal(s.time) {
		return 0, s.changed()
	}
	return 0, io.EOF
}

func (s *source) changed() error {
	return &InputError{Message: say("changed"), Hint: say("hint-again")}
}

func (s *source) Close() error { return s.file.Close() }

// cause is what the system said, without the name of the file.
func cause(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
