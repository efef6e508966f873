package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// replay reads a journal from its beginning.
type replay struct {
	name string // of the file, for messages
	file File

	header   header
	headed   bool // the header was read
	index    *index
	sessions []session
	lines    int64 // whole lines before end

	end    int64 // where the last whole line ends, its line feed included
	size   int64 // where the file ends
	proven int64 // bytes that some line says are durable

	answered bool // some line is of an answer of the API's, or of a request that may have been done

	// unended: the line that ends at end lacks its line feed, which is counted
	// in end all the same.
	unended bool
}

// session is a Session and where its entries lie.
type session struct {
	Session
	from int64 // the byte after its first line
}

// doubtful is the first line that makes no sense but may be what a power cut
// left of a write that was not yet durable.
type doubtful struct {
	line, offset int64
}

// run reads the whole file. It fails with ErrCorrupt, ErrVersion or a
// DiskError.
func (r *replay) run() error {
	in := lineReader{file: r.file}
	var bad *doubtful
	var l line
	for number := int64(1); ; number++ {
		text, err := in.next()
		if err == io.EOF {
			break
		}
		if err != nil && err != errTooLong {
			return &DiskError{r.name, err}
		}
		offset := in.offset
		if !in.ended {
			r.tail(text, number, &l, bad)
			break
		}
		synced, ok := r.take(text, offset, bad != nil, &l)
		if err := r.unknownVersion(); err != nil {
			return err
		}
		switch {
		case ok && bad == nil:
			r.lines = number
			r.end = in.at
			r.proven = max(r.proven, synced)
		case ok:
			if synced > bad.offset {
				return &CorruptError{r.name, bad.line, bad.offset, errZeros}
			}
		case zeroed(text):
			if bad == nil {
				bad = &doubtful{number, offset}
			}
		default:
			return &CorruptError{r.name, number, offset, errLine}
		}
	}
	r.size = in.read
	return r.unknownVersion()
}

// unknownVersion is the error for a journal that a newer program wrote.
func (r *replay) unknownVersion() error {
	if !r.headed || r.header.Version == version {
		return nil
	}
	return fmt.Errorf("%s is of version %d: %w", r.name, r.header.Version, ErrVersion)
}

// elsewhere tells the statuses, 0 for none, that without a code of the API come from a
// server that is not the API, and surely did nothing.
func elsewhere(status int) bool {
	switch status {
	case 0, http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect,
		http.StatusNotFound, http.StatusMethodNotAllowed:
		return true
	}
	return false
}

// reached reports whether the API may have had any request of the job: not where
// none was made, nor where there was never a connection, or only redirects and the
// word that there is no such page.
func (r *replay) reached() bool { return r.answered || r.index.anyDoubt() }

// tail reads a last line that has no line feed. It counts if it is whole.
func (r *replay) tail(text []byte, number int64, l *line, bad *doubtful) {
	if bad != nil {
		return
	}
	offset := r.end
	n := wholePrefix(text)
	if n == 0 {
		return
	}
	if synced, ok := r.take(text[:n], offset, false, l); ok {
		r.lines = number
		r.end = offset + int64(n) + 1
		r.proven = max(r.proven, synced)
		r.unended = true
	}
}

// zeroed reports whether a line has zeros as a file system may leave them in
// the place of a write that a power cut overtook: from the first byte of a
// line, or over many bytes. No single damaged bit looks like that, since a
// line begins with a brace.
func zeroed(text []byte) bool {
	return bytes.HasPrefix(text, []byte{0}) || bytes.Contains(text, []byte{0, 0})
}

// take reads one line, without its line feed, that lies at offset. Unless it
// is only looked at, it becomes part of what the replay knows. It returns what
// the line says to be durable, and whether the line is valid.
func (r *replay) take(text []byte, offset int64, look bool, l *line) (synced int64, ok bool) {
	body, ok := checkSum(text)
	if !ok {
		return 0, false
	}
	if isEntry(body) {
		if !scan(body, l) || !r.headed && !look {
			return 0, false
		}
		if !look {
			r.index.apply(l.Kind, l.Key, l.InDoubt, offset)
			r.answered = r.answered || l.Code != 0 || !elsewhere(l.Status) || l.InDoubt || l.Kind == Lost || l.Kind == Succeeded || l.Kind == Failed
			if n := len(r.sessions); n > 0 {
				r.sessions[n-1].Totals.add(l.Kind)
			}
		}
		return l.synced, true
	}
	if !r.headed && !look {
		return 0, r.takeHeader(body)
	}
	var s sessionLine
	if decodeJSON(body, &s) != nil || s.Kind != "session" {
		return 0, false
	}
	if look {
		return s.Synced, true
	}
	n, last := len(r.sessions), 0
	if n > 0 {
		last = r.sessions[n-1].Number
	}
	switch number := s.Session.Number; {
	case number > last:
		r.sessions = append(r.sessions, session{s.Session, offset + int64(len(text)) + 1})
		r.index.session = uint32(number)
	case number == last && n > 0:
		r.sessions[n-1].Session = s.Session
	default:
		return 0, false
	}
	return s.Synced, true
}

// takeHeader reads the first line. Of a newer version only the number counts.
func (r *replay) takeHeader(body []byte) bool {
	var h header
	if v, ok := newerVersion(body); ok {
		h.Version = v
	} else if decodeJSON(body, &h) != nil || h.Kind != "journal" || h.Version != version {
		return false
	}
	r.header, r.headed = h, true
	return true
}

// newerVersion reads the version of a header that this program may not
// understand otherwise.
func newerVersion(body []byte) (int, bool) {
	s := scanner{text: body}
	var v int
	ok := s.skip(`{"kind":"journal"`) && s.count(`,"version":`, &v)
	return v, ok && v > version
}

// lineReader reads a file line by line in bounded memory.
type lineReader struct {
	file File
	buf  []byte
	from int   // of the text in buf that is not yet given out
	to   int   // end of the text in buf
	read int64 // bytes read from the file

	offset int64 // where the line that next gave begins
	at     int64 // where the next one begins
	ended  bool  // the line that next gave had a line feed
}

// errTooLong comes with the beginning of a line longer than maxLine.
var errTooLong = errors.New("line too long")

// next returns the next line without its line feed, valid until the next call.
func (r *lineReader) next() ([]byte, error) {
	if r.buf == nil {
		r.buf = make([]byte, 64<<10)
	}
	r.offset = r.at
	seen := 0
	for {
		if i := bytes.IndexByte(r.buf[r.from+seen:r.to], '\n'); i >= 0 {
			text := r.buf[r.from : r.from+seen+i]
			r.from += len(text) + 1
			r.at = r.offset + int64(len(text)) + 1
			r.ended = true
			return text, nil
		}
		seen = r.to - r.from
		if seen >= maxLine {
			return r.skipLong()
		}
		more, err := r.fill()
		if err != nil {
			return nil, err
		}
		if !more {
			if seen == 0 {
				return nil, io.EOF
			}
			text := r.buf[r.from:r.to]
			r.from, r.at, r.ended = r.to, r.read, false
			return text, nil
		}
	}
}

// fill reads more of the file into buf, behind what is not yet given out.
func (r *lineReader) fill() (bool, error) {
	r.to = copy(r.buf, r.buf[r.from:r.to])
	r.from = 0
	if r.to == len(r.buf) {
		r.buf = append(r.buf, make([]byte, len(r.buf))...)
	}
	n, err := r.file.ReadAt(r.buf[r.to:], r.read)
	r.to += n
	r.read += int64(n)
	if err == io.EOF {
		err = nil
	}
	return n > 0, err
}

// skipLong passes over a line longer than maxLine. It returns enough of it to
// tell that it is not valid, and two zeros at the end if it had them anywhere.
func (r *lineReader) skipLong() ([]byte, error) {
	zeros := false
	for {
		i := bytes.IndexByte(r.buf[r.from:r.to], '\n')
		part := r.buf[r.from:r.to]
		if i >= 0 {
			part = part[:i]
		}
		zeros = zeros || zeroed(part)
		if i >= 0 {
			r.from += i + 1
			break
		}
		r.from = r.to
		more, err := r.fill()
		if err != nil {
			return nil, err
		}
		if !more {
			r.at, r.ended = r.read, false
			return nil, errTooLong
		}
	}
	r.at = r.read - int64(r.to-r.from)
	r.ended = true
	if zeros {
		return []byte{0, 0}, errTooLong
	}
	return nil, errTooLong
}
