package journal

import (
	"errors"
	"io"
	"runtime"
	"time"
)

// lag is how long an entry that nobody waits for may wait for others to share
// its fsync.
const lag = 10 * time.Millisecond

// batch is what one fsync makes durable.
type batch struct {
	text    []byte
	offset  int64 // in the file
	written int   // of text, ahead of the fsync
	marks   []mark

	waited  bool          // somebody waits for done though there may be no text
	done    chan struct{} // closed when the batch is durable, or err is set
	durable []func(error) // called then
	then    []func(error) // called once the text so far is written, or cannot be
	err     error
}

// mark is an entry of a batch, for the index.
type mark struct {
	key     Key
	kind    Kind
	inDoubt bool
	offset  int64
}

// newBatch is an empty batch at offset that takes over the memory of an old one.
func newBatch(old *batch, offset int64) *batch {
	b := &batch{offset: offset, done: make(chan struct{})}
	if old != nil {
		clear(old.then)
		clear(old.durable)
		b.text, b.marks, b.durable, b.then = old.text[:0], old.marks[:0], old.durable[:0], old.then[:0]
	}
	return b
}

// Append queues an entry, which is durable a few milliseconds later. then, if
// there is one, is called by the writer before that, as soon as the end of the
// process alone cannot lose the entry any more, or with the DiskError that keeps
// it from being written. It must not wait for anything.
//
// After a failed write the journal is written no more, and this and all later
// calls return the same DiskError. What was not durable by then may be lost.
func (j *Journal) Append(e Entry, then func(error)) error {
	if e.Kind == None || e.Kind > Retryable {
		return errors.New("an entry without a kind cannot be written to the journal")
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.writable(); err != nil {
		return err
	}
	j.add(e)
	if then != nil {
		j.batch.then = append(j.batch.then, then)
	}
	signal(j.queued)
	return nil
}

// Hurry has all that was appended written at once, though not made durable any
// sooner.
func (j *Journal) Hurry() { signal(j.hurried) }

// Intend writes intents, at once and together, and does not wait: durable is called
// by the writer when all of them are, or with the DiskError that keeps them from it.
// It must not wait for anything. The error is that of Append, and then nothing is
// called.
func (j *Journal) Intend(all []Entry, durable func(error)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.writable(); err != nil {
		return err
	}
	for _, e := range all {
		j.add(e)
	}
	j.batch.durable = append(j.batch.durable, durable)
	signal(j.urgent)
	return nil
}

// add puts an entry into the batch. The lock is held.
func (j *Journal) add(e Entry) {
	b := j.batch
	before := len(b.text)
	b.text = appendEntry(b.text, e, j.synced)
	b.marks = append(b.marks, mark{e.Key, e.Kind, e.InDoubt, j.end})
	j.end += int64(len(b.text) - before)
}

// Begin records the beginning of a run, durably. Its number is given by the
// journal.
func (j *Journal) Begin(s Session) error {
	j.mu.Lock()
	s.Number = 1
	if n := len(j.sessions); n > 0 {
		s.Number = j.sessions[n-1].Number + 1
	}
	s.End, s.Totals = time.Time{}, Totals{}
	j.mu.Unlock()
	end, s, err := j.appendSession(s)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sessions = append(j.sessions, session{s, end})
	j.index.session = uint32(s.Number)
	return nil
}

// End records the end of the run that Begin began, durably, with all that was
// appended before. All that is known only then is taken from s: its End, why it
// ended, and what there is to say of its pace.
func (j *Journal) End(s Session) error {
	if err := j.Flush(); err != nil {
		return err
	}
	j.mu.Lock()
	n := len(j.sessions)
	if n == 0 {
		j.mu.Unlock()
		return errors.New("no session was begun in the journal")
	}
	ended := j.sessions[n-1].Session
	j.mu.Unlock()
	ended.End, ended.StoppedBy, ended.Message, ended.Terminated = s.End, s.StoppedBy, s.Message, s.Terminated
	ended.LearnedPerSecond, ended.LearnedInFlight, ended.GivenPerSecond, ended.BoundInFlight = s.LearnedPerSecond, s.LearnedInFlight, s.GivenPerSecond, s.BoundInFlight
	_, ended, err := j.appendSession(ended)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sessions[n-1].Session = ended
	return nil
}

// appendSession writes a session's line and returns where it ends, and the
// session as it was written, when that is durable.
func (j *Journal) appendSession(s Session) (int64, Session, error) {
	s.Begin, s.Message = stamp(s.Begin), clip(s.Message, maxReason)
	if !s.End.IsZero() {
		s.End = stamp(s.End)
	}
	j.mu.Lock()
	if err := j.writable(); err != nil {
		j.mu.Unlock()
		return 0, s, err
	}
	b := j.batch
	before := len(b.text)
	text, err := appendJSON(b.text, sessionLine{"session", j.synced, s})
	if err != nil {
		j.mu.Unlock()
		return 0, s, err
	}
	b.text = text
	j.end += int64(len(text) - before)
	end := j.end
	j.mu.Unlock()
	signal(j.urgent)
	<-b.done
	return end, s, b.err
}

// Flush returns when all that was appended before is durable.
func (j *Journal) Flush() error {
	j.mu.Lock()
	if err := j.writable(); err != nil {
		j.mu.Unlock()
		return err
	}
	b := j.batch
	b.waited = true
	j.mu.Unlock()
	signal(j.urgent)
	<-b.done
	return b.err
}

// Close makes all that was appended durable, closes the file and gives the
// job free. A second Close does nothing.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	writing := j.open
	j.open, j.closed = false, true
	j.mu.Unlock()
	if writing {
		signal(j.urgent)
		<-j.stopped
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.err
	if cerr := j.file.Close(); err == nil && cerr != nil {
		err = &DiskError{j.name, cerr}
	}
	if j.lock != nil {
		j.lock.Unlock()
	}
	return err
}

// writable returns why nothing can be appended, or nil.
func (j *Journal) writable() error {
	if j.err != nil {
		return j.err
	}
	if !j.open {
		return ErrClosed
	}
	return nil
}

// signal wakes the writer, who may have been told already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// write is the writer: the only one to write to the file, one batch after the
// other, so that only what was written since the last fsync is not durable.
func (j *Journal) write() {
	defer close(j.stopped)
	var spare *batch
	for {
		j.gather()
		j.mu.Lock()
		b, open := j.batch, j.open
		if len(b.text) == 0 && !b.waited || j.err != nil {
			j.mu.Unlock()
			if !open {
				return
			}
			continue
		}
		j.batch = newBatch(spare, j.end)
		text, then := b.text[b.written:], b.then
		j.mu.Unlock()

		var err error
		if len(b.text) > 0 {
			err = j.put(text, b.offset+int64(b.written))
			tell(then, err)
			if err == nil {
				err = j.sync()
			}
		}

		j.mu.Lock()
		then = nil
		if err != nil {
			then = j.fail(err)
		}
		j.settle(b)
		j.mu.Unlock()
		tell(b.durable, b.err)
		tell(then, err)
		spare = b
		if !open {
			return
		}
	}
}

// gather returns when the batch is to be made durable, and writes meanwhile what
// it is asked to hurry with.
func (j *Journal) gather() {
	var late <-chan time.Time
	for {
		queued := j.queued
		if late != nil {
			queued = nil
		}
		select {
		case <-j.urgent:
			return
		case <-late:
			return
		case <-queued:
			late = time.After(lag)
		case <-j.hurried:
			runtime.Gosched()
			j.ahead()
		}
	}
}

// sync makes durable what was written, and goes on to write what it is asked to
// hurry with meanwhile: nobody's place in flight waits for a slow disk.
func (j *Journal) sync() error {
	synced := make(chan error, 1)
	go func() { synced <- j.file.Sync() }()
	for {
		select {
		case err := <-synced:
			if err != nil {
				err = &DiskError{j.name, err}
			}
			return err
		case <-j.hurried:
			runtime.Gosched()
			j.ahead()
		}
	}
}

// ahead writes what the batch has so far.
func (j *Journal) ahead() {
	j.mu.Lock()
	b := j.batch
	text, then := b.text[b.written:], b.then
	if len(text) == 0 || j.err != nil {
		j.mu.Unlock()
		return
	}
	b.then = nil
	j.mu.Unlock()
	err := j.put(text, b.offset+int64(b.written))
	j.mu.Lock()
	if err != nil {
		then = append(then, j.fail(err)...)
	} else {
		b.written += len(text)
	}
	j.mu.Unlock()
	tell(then, err)
}

func (j *Journal) put(text []byte, offset int64) error {
	n, err := j.file.WriteAt(text, offset)
	if err == nil && n < len(text) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return &DiskError{j.name, err}
	}
	return nil
}

// tell tells those who wait for a text to be written, without the lock.
func tell(then []func(error), err error) {
	for _, then := range then {
		then(err)
	}
}

// fail ends all writing, and returns those to be told. The lock is held.
func (j *Journal) fail(err error) (then []func(error)) {
	if j.err == nil {
		j.err = err
		j.settle(j.batch)
		then = append(j.batch.then, j.batch.durable...)
		j.batch.then, j.batch.durable = nil, nil
	}
	return then
}

// settle tells those who wait for a batch how it went, and the index what is
// durable now.
func (j *Journal) settle(b *batch) {
	b.err = j.err
	if b.err == nil {
		j.synced = b.offset + int64(len(b.text))
		for _, m := range b.marks {
			j.index.apply(m.kind, m.key, m.inDoubt, m.offset)
			if n := len(j.sessions); n > 0 {
				j.sessions[n-1].Totals.add(m.kind)
			}
		}
	}
	close(b.done)
}
