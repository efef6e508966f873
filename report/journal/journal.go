package journal

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// Options say how Open opens a journal.
type Options struct {
	// Host is the API host of the run. A job keeps to the one it began with,
	// once a request may have come to that.
	Host string

	// First is asked before a run becomes the first of its journal. Its error is that
	// of Open, and the journal stays as it is. nil: nobody is asked.
	First func() error

	// CompactSize is the size in bytes below which a journal is never
	// rewritten compactly; 0: 8 MiB.
	CompactSize int64

	// OpenFile opens the files that the journal writes; nil: os.OpenFile.
	OpenFile OpenFile
}

// Journal is the journal of one job, open for a run (Open) or for reading
// (View). It is safe for concurrent use.
type Journal struct {
	dir     string
	name    string // of the file
	file    File
	lock    *flock.Flock // nil: opened by View
	header  header
	reached bool // when it was opened, a request may have come to the API
	notes   []Note

	mu       sync.Mutex
	index    index
	sessions []session
	synced   int64  // bytes of the file that are durable
	end      int64  // bytes of the file, with those that wait to be written
	batch    *batch // waits to be written
	err      error  // of the first failed write; nothing is written after it
	open     bool   // for writing
	closed   bool

	reading sync.Mutex // of what Entry has read of the file
	read    []byte
	from    int64 // where read begins

	queued  chan struct{} // there is something in the batch
	hurried chan struct{} // the batch is to be written at once
	urgent  chan struct{} // and to be made durable
	stopped chan struct{} // closed when the writer has ended
}

// Open opens the journal of the job folder dir for a run, making folder and
// journal if they are not there. What an interrupted write left at its end is
// cut off, and a journal that has grown far beyond what it holds is rewritten
// compactly; Notes tells. The job is locked until Close.
//
// It fails with ErrLocked, ErrVersion, ErrCorrupt, a HostError, a DiskError or the
// error of o.First.
func Open(dir string, o Options) (_ *Journal, err error) {
	if o.OpenFile == nil {
		o.OpenFile = openOSFile
	}
	if o.CompactSize == 0 {
		o.CompactSize = 8 << 20
	}
	if err := makeDir(dir); err != nil {
		return nil, &DiskError{dir, err}
	}
	l, err := lock(dir)
	if err != nil {
		return nil, err
	}
	j := &Journal{
		dir:     dir,
		name:    filepath.Join(dir, journalName),
		lock:    l,
		open:    true,
		queued:  make(chan struct{}, 1),
		hurried: make(chan struct{}, 1),
		urgent:  make(chan struct{}, 1),
		stopped: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			if j.file != nil {
				j.file.Close()
			}
			l.Unlock()
		}
	}()
	// One that is open elsewhere is in the way of the next compaction only.
	if err := Remove(filepath.Join(dir, compactName)); err != nil && !errors.Is(err, os.ErrNotExist) && !inUse(err) {
		return nil, &DiskError{filepath.Join(dir, compactName), err}
	}
	r, err := j.replay(o.OpenFile)
	if err != nil {
		return nil, err
	}
	if len(r.sessions) == 0 && o.First != nil {
		if err := o.First(); err != nil {
			return nil, err
		}
	}
	j.noteTorn(r)
	if r.headed && r.header.API != o.Host {
		if r.reached() {
			return nil, &HostError{dir, r.header.API, o.Host}
		}
		if r, err = j.restart(r, o.Host); err != nil {
			return nil, &DiskError{j.name, err}
		}
	}
	if j.wantsCompaction(r, o.CompactSize) {
		if r, err = j.compact(r, o.OpenFile); err != nil {
			return nil, err
		}
	}
	if err := j.resume(r, o.Host); err != nil {
		return nil, &DiskError{j.name, err}
	}
	j.batch = newBatch(nil, j.end)
	go j.write()
	return j, nil
}

// View opens the journal of a job for reading, also while a run writes to it:
// it shows the journal as it stood when it was opened. An unfinished line at
// the end is left out. It fails as Open does, never with ErrLocked or a
// HostError, and with an error that is fs.ErrNotExist if there is no journal.
func View(dir string) (*Journal, error) {
	j := &Journal{dir: dir, name: filepath.Join(dir, journalName)}
	f, err := os.Open(j.name)
	if err != nil {
		return nil, &DiskError{j.name, err}
	}
	j.file = f
	r := &replay{name: j.name, file: f, index: &j.index}
	if err := r.run(); err != nil {
		f.Close()
		return nil, err
	}
	j.take(r)
	j.noteTorn(r)
	return j, nil
}

// Outdated reports whether, since View opened the journal, a run has begun or
// ended, or the journal has gone from its place: what is made from it now may
// be older than what that run makes. For a journal that Open opened, no.
func (j *Journal) Outdated() bool {
	if j.open {
		return false
	}
	now, err := View(j.dir)
	if err != nil {
		return true
	}
	defer now.Close()
	seen, last := j.Last(), now.Last()
	return !j.Created().Equal(now.Created()) || seen.Number != last.Number || !seen.End.Equal(last.End)
}

// Last is the last run of the job; the zero Session: there was none.
func (j *Journal) Last() (s Session) {
	if all := j.Sessions(); len(all) > 0 {
		s = all[len(all)-1]
	}
	return s
}

// replay opens and reads the file.
func (j *Journal) replay(openFile OpenFile) (*replay, error) {
	f, err := openFile(j.name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, &DiskError{j.name, err}
	}
	j.file = f
	j.index.reset()
	r := &replay{name: j.name, file: f, index: &j.index}
	return r, r.run()
}

// restart empties the journal of a job that its API never had, which may have
// been given by a wrong name: nothing is lost that another host could not do.
func (j *Journal) restart(r *replay, host string) (*replay, error) {
	j.note("no request of this job was ever answered as by the API at %[1]s, so it is begun anew with the API host %[2]s", r.header.API, host)
	j.index.reset()
	return &replay{name: j.name, file: j.file, index: &j.index}, j.file.Truncate(0)
}

func (j *Journal) take(r *replay) {
	j.header, j.sessions, j.reached = r.header, r.sessions, r.reached()
	j.synced, j.end = r.end, r.end
}

// noteTorn tells what an interrupted write left at the end of the file.
func (j *Journal) noteTorn(r *replay) {
	if r.size > r.end {
		j.note("the last write to %[1]s was cut short; its %[2]d unfinished bytes, after line %[3]d, are left out", j.name, r.size-r.end, r.lines)
	}
}

// resume makes the file ready for appending: it ends in a whole line and is
// durable as a whole.
func (j *Journal) resume(r *replay, host string) error {
	j.take(r)
	if r.size > r.end {
		if err := j.file.Truncate(r.end); err != nil {
			return err
		}
	}
	if r.unended {
		if _, err := j.file.WriteAt([]byte{'\n'}, r.end-1); err != nil {
			return err
		}
	}
	if !r.headed {
		j.header = header{Kind: "journal", Version: version, API: host, Created: stamp(time.Now())}
		text, err := appendJSON(nil, j.header)
		if err != nil {
			return err
		}
		if _, err := j.file.WriteAt(text, 0); err != nil {
			return err
		}
		j.synced, j.end = int64(len(text)), int64(len(text))
	}
	if err := j.rewrite(r.proven, r.end); err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	return SyncDir(j.dir)
}

// rewrite writes the bytes from from to to once more. After a failed fsync a
// system may hold pages that it believes to be written; only a new write makes
// the next fsync mean them.
func (j *Journal) rewrite(from, to int64) error {
	buf := make([]byte, min(to-from, 1<<20))
	for from < to {
		n, err := j.file.ReadAt(buf[:min(to-from, int64(len(buf)))], from)
		if n == 0 {
			return err
		}
		if _, err := j.file.WriteAt(buf[:n], from); err != nil {
			return err
		}
		from += int64(n)
	}
	return nil
}

// Dir is the folder of the job.
func (j *Journal) Dir() string { return j.dir }

// Host is the API host of the job.
func (j *Journal) Host() string { return j.header.API }

// Reached reports whether, when the journal was opened, a request may have come
// to that host. Until one may, Open takes another in its place.
func (j *Journal) Reached() bool { return j.reached }

// Created is when the job began, in UTC.
func (j *Journal) Created() time.Time { return j.header.Created }

// Notes are sentences on what was found and done when the journal was opened,
// for the log; mostly there are none.
func (j *Journal) Notes() []Note { return slices.Clone(j.notes) }

// Note is a sentence as a format of fmt with its arguments, so that it can be
// said in another language. String says it in English.
type Note struct {
	Format string
	Args   []any
}

func (n Note) String() string { return fmt.Sprintf(n.Format, n.Args...) }

func (j *Journal) note(format string, args ...any) {
	j.notes = append(j.notes, Note{format, args})
}

// Lookup returns what is known of a mapping; the zero Ref: nothing. What was
// appended counts when it is durable.
func (j *Journal) Lookup(k Key) Ref {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s, _ := j.index.find(k); s != nil {
		return j.index.ref(s)
	}
	return Ref{}
}

// Ask notes that a row asks for a mapping, and returns what is known of it, as
// Lookup does. Its First is the first row that asked in the present reading of
// the input, which is row itself if none did before. Rows are counted from 1.
func (j *Journal) Ask(k Key, row int64) Ref {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.index.insert(k)
	if s.row == 0 {
		s.row = uint32(min(row, maxRow))
	}
	return j.index.ref(s)
}

// AskAnew begins another reading of the input, of which no row has asked yet.
func (j *Journal) AskAnew() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.index.n {
		j.index.slot(i).row = 0
	}
}

// All goes through the mappings that the journal knows of, in no order that
// means anything.
func (j *Journal) All() iter.Seq2[Key, Ref] {
	return func(yield func(Key, Ref) bool) {
		for i := uint32(0); ; i++ {
			j.mu.Lock()
			if i >= j.index.n {
				j.mu.Unlock()
				return
			}
			s := *j.index.slot(i)
			ref := j.index.ref(&s)
			j.mu.Unlock()
			if s.state() == None && !s.inDoubt() {
				continue // only asked for
			}
			if !yield(s.key, ref) {
				return
			}
		}
	}
}

// nearby is how much Entry reads at once where it was asked for entries near each
// other.
const nearby = 64 << 10

// Entry reads the last answer or outcome of a mapping back. A Ref whose Offset
// is 0 has none.
func (j *Journal) Entry(r Ref) (Entry, error) {
	if r.Offset == 0 {
		return Entry{}, errors.New("there is no answer to this mapping in the journal")
	}
	j.reading.Lock()
	defer j.reading.Unlock()
	if at := r.Offset - j.from; at >= 0 && at < int64(len(j.read)) {
		if e, ok := firstEntry(j.read[at:]); ok {
			return e, nil
		}
	}
	// Who asks for one after the other mostly finds the next near the last, on
	// either side.
	from, size := r.Offset, 4096
	if near := j.from - from; near > -nearby && near < nearby {
		from, size = max(0, from-nearby/2), nearby
	}
	for ; ; from, size = r.Offset, size*8 {
		j.read = slices.Grow(j.read[:0], size)[:size]
		n, err := j.file.ReadAt(j.read, from)
		j.from, j.read = from, j.read[:n]
		if err != nil && err != io.EOF {
			return Entry{}, &DiskError{j.name, err}
		}
		if at := r.Offset - from; at < int64(n) {
			if e, ok := firstEntry(j.read[at:]); ok {
				return e, nil
			}
		}
		if from == r.Offset && (n < size || size > maxLine) {
			return Entry{}, &CorruptError{j.name, 0, r.Offset, errChanged}
		}
	}
}

// firstEntry reads the whole line that text begins with.
func firstEntry(text []byte) (Entry, bool) {
	var l line
	if end := wholePrefix(text); end > 0 {
		if body, _ := checkSum(text[:end]); scan(body, &l) {
			return l.entry(), true
		}
	}
	return Entry{}, false
}

// Sessions returns the runs of the job in their order, the present one last.
func (j *Journal) Sessions() []Session {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := make([]Session, len(j.sessions))
	for i := range j.sessions {
		all[i] = j.sessions[i].Session
	}
	return all
}

// Entries goes through the entries of a session, by its number, in the order
// in which they were written, as far as they are durable. Compaction leaves
// none of the sessions before it. An error ends the sequence.
func (j *Journal) Entries(number int) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		j.mu.Lock()
		from, to := int64(-1), j.synced
		for i, s := range j.sessions {
			if s.Number == number {
				from = s.from
				if i+1 < len(j.sessions) {
					to = j.sessions[i+1].from
				}
			}
		}
		j.mu.Unlock()
		if from < 0 {
			return
		}
		in := lineReader{file: j.file, at: from, read: from}
		var l line
		for in.at < to {
			text, err := in.next()
			if err != nil {
				yield(Entry{}, &DiskError{j.name, err})
				return
			}
			if !in.ended {
				text = text[:wholePrefix(text)]
			}
			body, ok := checkSum(text)
			if ok && !isEntry(body) {
				continue
			}
			if !ok || !scan(body, &l) {
				yield(Entry{}, &CorruptError{j.name, 0, in.offset, errChanged})
				return
			}
			if !yield(l.entry(), nil) {
				return
			}
		}
	}
}
