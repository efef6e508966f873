// Package report says what became of the rows of a job. Everything in it is
// derived from the disk: the input is read once more, from its start and in
// order, and each row is joined with what the journal holds of its mapping. So
// reports can be made again at any time, by another process, and of a job that
// still runs.
package report

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"time"

	"mantatag/ingest"
	"mantatag/report/journal"
)

// ErrOutdated is the error of reports that were made from a view of the journal
// while a run began or ended.
var ErrOutdated = errors.New("a run of this job began or ended while the reports were made; make them again")

// Source is what reports are made from. Journal, Input and Bot are needed.
type Source struct {
	Journal *journal.Journal // open for a run or for reading
	Input   string           // the path of the input given last
	Options ingest.Options   // how that input is read
	Bot     string

	// Program is the version of mantatag. What another one made is made again.
	Program string

	// HoldInDoubt reports mappings in doubt as retryable, since the run is not
	// to send them again.
	HoldInDoubt bool

	// Running says that a run of the job goes on in another process.
	Running bool

	// StoppedBy and Message are why the run ended, for when the journal could
	// not record it. If StoppedBy is empty, they are taken from the journal's
	// last session. Terminated says that the interrupt was a SIGTERM or
	// SIGHUP.
	StoppedBy  string
	Message    string
	Terminated bool

	// Say says the sentence with a name of [English] or [ingest.English] in the
	// user's language. nil: in English.
	Say func(id string, args ...any) string

	// Kept is told of an outcome file that somebody edited, which Write keeps
	// under another name before it writes its own. nil: nobody is.
	Kept func(file, as string)

	disk *disk // nil: the real one
}

// Write writes the outcome files, report.html and summary.json into the job's
// folder and returns the summary. It reads the input only if something has
// changed since they were last written; else it rewrites summary.json, and what
// tells the next run that nothing was left of the input, as it is there now. With a journal that is only viewed, a run may have begun or ended meanwhile:
// the error is then ErrOutdated, and the reports are to be made from a new view.
// For the summary to know of the end of a run, write that into the journal
// first.
//
// If the input cannot be read to its end, everything is still written for the
// rows before that place, and the error returned: an *ingest.InputError. A
// file that cannot be written keeps its old content and does not keep the
// others from being written; the error is a *journal.DiskError. An outcome file
// that somebody edited is kept under another name: see Source.Kept. If the input
// cannot be opened, the journal cannot be read or ctx ends, all files stay as
// they were. The summary returned with an error says what is known: where the
// input cannot be opened, as Recorded does.
func Write(ctx context.Context, s Source) (Summary, error) {
	sum, err := write(ctx, s)
	// A run writes its reports when its end is in the journal. So if there is
	// none after these are in their places, its own will follow.
	if err == nil && s.Journal.Outdated() {
		err = ErrOutdated
	}
	return sum, err
}

func write(ctx context.Context, s Source) (Summary, error) {
	if s.disk == nil {
		s.disk = &realDisk
	}
	st := newState(s)
	from := st.digest(s)
	if made, ok := readStamp(s, from); ok && leftStands(s, made.Tally.Rows) {
		sum := st.summary(s, made.Tally)
		return sum, writeSummary(s, sum)
	}
	in, err := ingest.Open(s.Input, s.Options)
	if err != nil {
		return st.recorded(ctx, s, err), err
	}
	defer in.Close()

	dir := s.Journal.Dir()
	files := newOutcomeFiles(s.disk, dir, in.Layout())
	defer files.abort()
	f := newFold(s, st, in.Layout())
	f.left = newLeftKeys(s, s.Journal.Last())
	defer f.left.abandon()
	if err := f.run(ctx, in, files.write); err != nil {
		return st.stopped(s, f.tally, err), err
	}
	// Two that write at once would each take the other's files for edited ones.
	defer journal.Turn(ctx, dir)()
	if ctx.Err() != nil {
		err := interrupted(ctx)
		return st.stopped(s, f.tally, err), err
	}
	if s.Journal.Outdated() {
		return st.summary(s, f.tally), ErrOutdated
	}
	left, err := files.commit(s)
	if left == nil {
		sum := st.stopped(s, f.tally, err)
		return sum, errors.Join(err, writeSummary(s, sum))
	}
	if err = errors.Join(f.broken, err); err != nil {
		st.stop(err)
	}
	sum := st.summary(s, f.tally)
	page := s.disk.reportFile(dir, pageName)
	text, pageErr := f.page(sum)
	if pageErr == nil {
		page.write(text)
		pageErr = page.commit()
	}
	if err = errors.Join(err, pageErr); err != nil {
		sum = st.stopped(s, f.tally, err)
	}
	if err = errors.Join(err, writeSummary(s, sum)); err != nil {
		sum = st.stopped(s, f.tally, err)
	}
	if err != nil || st.digest(s) != from { // or the input was changed meanwhile
		from = ""
	} else {
		f.left.keep()
	}
	left[pageName] = []leftFile{page.left}
	// The stamp that stands if this fails says as much of the outcome files; the
	// reports are only made again by the next run.
	_ = writeStamp(s, stamp{From: from, Files: left.list(), Tally: f.tally})
	return sum, err
}

// Fold returns the summary that Write would write, and writes nothing.
func Fold(ctx context.Context, s Source) (Summary, error) {
	st := newState(s)
	if made, ok := readStamp(s, st.digest(s)); ok {
		return st.summary(s, made.Tally), nil
	}
	in, err := ingest.Open(s.Input, s.Options)
	if err != nil {
		return st.recorded(ctx, s, err), err
	}
	defer in.Close()
	f := newFold(s, st, in.Layout())
	err = f.run(ctx, in, func(*ingest.Row, *outcome) {})
	if err == nil {
		err = f.broken
	}
	if err != nil {
		return st.stopped(s, f.tally, err), err
	}
	return st.summary(s, f.tally), nil
}

// SentBefore reports whether the reports in a job's folder are of runs that sent
// something, whatever its journal says. Somebody's own file of such a name is none.
func SentBefore(dir string) bool {
	var sum Summary
	var made stamp
	for name, into := range map[string]any{summaryName: &sum, stampName: &made} {
		if text, err := journal.ReadFile(filepath.Join(dir, name)); err == nil {
			_ = json.Unmarshal(text, into) // a damaged one tells what it can
		}
	}
	sent := func(rows Rows, r Requests) bool { return rows.Succeeded > 0 || rows.Earlier > 0 || r.Sent > 0 }
	return sum.Version > 0 && sum.Job != "" && sent(sum.Rows, sum.Requests) ||
		len(made.Files) > 0 && sent(made.Tally.Rows, made.Tally.Requests)
}

// Recorded returns what the journal alone says of a job, for when the input is not
// there: its rows are the mappings that some run has sent, or was about to send,
// whatever input asked for them. How many rows are left, it does not know.
func Recorded(ctx context.Context, s Source) (Summary, error) {
	return newState(s).fromJournal(ctx, s)
}

// recorded is the summary of a job whose input cannot be opened.
func (st *state) recorded(ctx context.Context, s Source, err error) Summary {
	st.stop(err)
	sum, _ := st.fromJournal(ctx, s) // err comes before what that says
	return sum
}

func (st *state) fromJournal(ctx context.Context, s Source) (Summary, error) {
	f := newFold(s, st, ingest.Layout{})
	for _, ref := range s.Journal.All() {
		ref = s.standing(ref)
		f.tally.count(ref.State, ref.InDoubt, ref.InFlight)
	}
	err := f.session(ctx)
	sum := st.summary(s, f.tally)
	sum.Recorded = true
	return sum, err
}

// state is what the journal says of the job as a whole.
type state struct {
	words    words
	sessions []journal.Session
	last     journal.Session // the zero one if there is none
	rate     Rate

	// at stands for the time of rows that were never sent. It must not change
	// with a session that sends nothing, since the outcome files are not
	// written again after one: it is the beginning of the last session that
	// sent something, or of the first.
	at time.Time
}

func newState(s Source) *state {
	st := &state{words: s.Say, sessions: s.Journal.Sessions(), at: s.Journal.Created()}
	for i, session := range st.sessions {
		st.last = session
		if !session.End.IsZero() && session.Totals.Sent > 0 { // one that sent nothing learned nothing
			st.rate = Rate{
				Learned: session.LearnedPerSecond, InFlight: session.LearnedInFlight,
				Given: session.GivenPerSecond, Bound: session.BoundInFlight,
			}
		}
		if i == 0 || session.Totals != (journal.Totals{}) {
			st.at = session.Begin
		}
	}
	if st.last.Begin.IsZero() {
		st.last.Begin = s.Journal.Created()
	}
	if s.StoppedBy != "" {
		st.last.StoppedBy, st.last.Message, st.last.Terminated = s.StoppedBy, s.Message, s.Terminated
	}
	return st
}

// stop makes err the reason for which the run ended, unless there is one.
func (st *state) stop(err error) {
	if st.last.StoppedBy != "" {
		return
	}
	if _, ok := errors.AsType[*journal.DiskError](err); ok || errors.Is(err, journal.ErrCorrupt) {
		st.last.StoppedBy, st.last.Message = "disk", st.words.say("fault", err)
	} else if _, ok := errors.AsType[*ingest.InputError](err); ok {
		st.last.StoppedBy, st.last.Message = "input", st.words.say("fault", err)
	}
}

// stopped is the summary of a job whose reports could not be made whole.
func (st *state) stopped(s Source, t tally, err error) Summary {
	st.stop(err)
	return st.summary(s, t)
}
