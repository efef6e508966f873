package journal

import (
	"errors"
	"os"
	"path/filepath"
)

// linesPerMapping is how many lines for each mapping it knows a journal may
// have before it is rewritten. A mapping that succeeds at once has two; after
// compaction every mapping has one.
const linesPerMapping = 4

// wantsCompaction reports whether a journal has grown far beyond what it holds.
func (j *Journal) wantsCompaction(r *replay, least int64) bool {
	if r.end < least {
		return false
	}
	var known int64
	for i := range j.index.n {
		if j.index.slot(i).state() != None {
			known++
		}
	}
	return r.lines > linesPerMapping*known+int64(2*len(r.sessions))
}

// compact puts a new file in the place of the journal, with the last answer or
// outcome of each mapping, and reads that. At every moment the folder holds
// the old journal or the whole new one. If the new one cannot be written, the
// old one stays in use.
func (j *Journal) compact(r *replay, openFile OpenFile) (*replay, error) {
	temp := filepath.Join(j.dir, compactName)
	size, err := j.writeCompact(temp, r, openFile)
	if err != nil {
		_ = Remove(temp)
		j.note("%[1]s could not be rewritten compactly, and stays as it is: %[2]v", j.name, err)
		return r, nil
	}
	// Windows does not rename over an open file.
	if err := j.file.Close(); err != nil {
		return nil, &DiskError{j.name, err}
	}
	if err := Replace(temp, j.name); err != nil {
		_ = Remove(temp)
		j.note("%[1]s could not be rewritten compactly, and stays as it is: %[2]v", j.name, err)
		return j.replay(openFile)
	}
	if err := SyncDir(j.dir); err != nil {
		return nil, &DiskError{j.dir, err}
	}
	j.note("%[1]s was rewritten compactly, from %[2]d bytes to %[3]d", j.name, r.end, size)
	return j.replay(openFile)
}

// writeCompact writes the new file, durably, and returns its size.
func (j *Journal) writeCompact(temp string, r *replay, openFile OpenFile) (size int64, err error) {
	f, err := openFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()

	b, err := appendJSON(nil, r.header)
	if err != nil {
		return 0, err
	}
	flush := func() error {
		_, err := f.WriteAt(b, size)
		size += int64(len(b))
		b = b[:0]
		return err
	}
	unanswered := map[Key]Entry{} // no more than were in flight when a run was cut off
	in := lineReader{file: j.file}
	var l line
	for in.at < r.end {
		text, err := in.next()
		if err != nil {
			return 0, err
		}
		if !in.ended {
			text = text[:wholePrefix(text)]
		}
		body, _ := checkSum(text)
		if !isEntry(body) || !scan(body, &l) {
			continue
		}
		s, _ := j.index.find(l.Key)
		ref := j.index.ref(s)
		switch open := ref.State == Intent; {
		case open && l.Kind == Intent:
			unanswered[l.Key] = l.entry()
		case !open && ref.Offset == in.offset && l.Kind.answer():
			e := l.entry()
			e.InDoubt = ref.InDoubt
			b = appendEntry(b, e, 0)
		}
		if len(b) > 1<<20 {
			if err := flush(); err != nil {
				return 0, err
			}
		}
	}
	for _, e := range unanswered {
		e.Kind, e.InDoubt, e.Reason = Lost, true, "the run ended before an answer was recorded"
		b = appendEntry(b, e, 0)
	}
	// The sessions come last, so that none of the entries counts as theirs.
	for _, s := range r.sessions {
		b, err = appendJSON(b, sessionLine{"session", size + int64(len(b)), s.Session})
		if err != nil {
			return 0, err
		}
	}
	if err := flush(); err != nil {
		return 0, err
	}
	return size, f.Sync()
}
