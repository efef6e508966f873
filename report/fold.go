package report

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"mantatag/ingest"
	"mantatag/report/journal"
)

// outcome is what became of one row.
type outcome struct {
	kind     journal.Kind // Succeeded, Failed or Retryable; None: pending
	status   int          // HTTP status of the answer; 0 where there was none
	code     int          // errResponse.code; 0 where there was none
	reason   string
	inDoubt  bool
	attempts int
	at       time.Time
	recorded bool // in the journal, and not found by this reading
}

// tally is what the fold counts.
type tally struct {
	Format   string `json:"format"`
	Encoding string `json:"encoding"`
	Whole    bool   `json:"whole"` // the input was read to its end
	Input    int64  `json:"input_rows"`
	Rows     Rows   `json:"rows"`
	InDoubt  int64  `json:"in_doubt"`

	PendingDoubt  int64 `json:"pending_doubt"`  // of those in doubt: pending
	InFlight      int64 `json:"in_flight"`      // sent by a run that goes on, and not in doubt
	PendingFlight int64 `json:"pending_flight"` // of these: pending

	// Unrecorded rows have an outcome that is not the journal's: they cannot be
	// sent, or are held back. Each run finds them anew.
	Unrecorded int64 `json:"unrecorded"`
	Unsendable int64 `json:"unsendable"` // of these

	Session  int       `json:"session"` // the number of the last one
	Requests Requests  `json:"requests"`
	Latest   time.Time `json:"latest"` // of the session's entries; zero: it has none
}

// count counts a row, or a mapping, by what became of it.
func (t *tally) count(kind journal.Kind, inDoubt, inFlight bool) {
	t.Rows.Read++
	pending := false
	switch kind {
	case journal.Succeeded:
		t.Rows.Succeeded++
	case journal.Failed:
		t.Rows.Failed++
	case journal.Retryable:
		t.Rows.Retryable++
	default:
		t.Rows.Pending++
		pending = true
	}
	all, waiting := &t.InDoubt, &t.PendingDoubt
	switch {
	case inFlight:
		all, waiting = &t.InFlight, &t.PendingFlight
	case !inDoubt:
		return
	}
	*all++
	if pending {
		*waiting++
	}
}

// fold reads the input and the last session once and keeps what all reports
// need of them, in memory that does not grow with either.
type fold struct {
	src   Source
	st    *state
	host  string
	tally tally

	broken error     // why the input could not be read to its end
	left   *leftKeys // takes note of what is left to be sent; nil: nobody does
	kinds  kinds
	series series
}

func newFold(s Source, st *state, layout ingest.Layout) *fold {
	return &fold{
		src:   s,
		st:    st,
		host:  s.Journal.Host(),
		tally: tally{Format: layout.Format, Encoding: layout.Encoding, Session: st.last.Number},
	}
}

// run reads everything, and gives each row that has an outcome to write.
func (f *fold) run(ctx context.Context, in *ingest.Reader, write func(*ingest.Row, *outcome)) error {
	var sessionErr error
	var beside sync.WaitGroup
	beside.Go(func() { sessionErr = f.session(ctx) })
	err := f.rows(ctx, in, write)
	beside.Wait()
	return cmp.Or(err, sessionErr)
}

// rows reads the input. It tells one that cannot be read on, which is broken,
// from other errors.
func (f *fold) rows(ctx context.Context, in *ingest.Reader, write func(*ingest.Row, *outcome)) error {
	var row ingest.Row // one for all: it escapes
	var err error
	last := int64(0)
	for !f.tally.Whole && f.broken == nil {
		row, err = in.Next()
		switch {
		case err == io.EOF:
			f.tally.Whole = true
			continue
		case err != nil:
			f.broken = err
			continue
		case f.tally.Rows.Read%1024 == 0 && ctx.Err() != nil:
			return interrupted(ctx)
		}
		if row.Number != last {
			f.tally.Input, last = f.tally.Input+1, row.Number
		}
		o, err := f.judge(&row)
		if err != nil {
			return err
		}
		if o.kind != journal.None {
			write(&row, &o)
		}
	}
	return nil
}

func interrupted(ctx context.Context) error { return &interruption{context.Cause(ctx)} }

// interruption says that a signal came before the reports were made.
type interruption struct{ cause error }

func (e *interruption) Error() string {
	key, args := e.Sentence()
	return fmt.Sprintf(key, args...)
}

// Sentence is the error's format and arguments, for other languages.
func (e *interruption) Sentence() (string, []any) {
	return "the reports were not made: %[1]v", []any{e.cause}
}

func (e *interruption) Unwrap() error { return e.cause }

// judge finds and counts the outcome of a row.
func (f *fold) judge(row *ingest.Row) (outcome, error) {
	rows := &f.tally.Rows
	key := journal.NewKey(f.host, f.src.Bot, row.TagID, row.ClientID, row.Platform, row.PlatformClientID)
	// What other rows tell of this one, they may have told only after it was sent.
	if row.Err != nil && f.src.Journal.Lookup(key).State != journal.Succeeded {
		o := outcome{kind: journal.Failed, reason: words(f.src.Say).fault(row.Err), at: f.st.at}
		f.tally.count(o.kind, false, false)
		f.tally.Unrecorded++
		f.tally.Unsendable++
		f.kinds.add(row, &o, faultID(row.Err))
		return o, nil
	}
	ref := f.src.standing(f.src.Journal.Ask(key, row.Number))
	first := ref.First
	o, err := f.outcome(ref)
	if err != nil {
		return o, err
	}
	f.tally.count(o.kind, o.inDoubt, ref.InFlight)
	if o.kind == journal.None || o.kind == journal.Retryable {
		f.left.add(key)
	}
	switch {
	case o.kind == journal.None:
	case !o.recorded:
		f.tally.Unrecorded++
	case o.at.Before(f.st.last.Begin):
		rows.Earlier++
	}
	if o.kind != journal.None && o.kind != journal.Succeeded {
		f.kinds.add(row, &o, "")
	}
	if first < row.Number {
		rows.Duplicates++
		o.reason = words(f.src.Say).sameAs(first, o.reason)
	}
	return o, nil
}

// standing is what is known of a mapping now: while a run goes on, what it has in
// flight is not in doubt yet, and when none does, nothing is in flight.
func (s Source) standing(ref journal.Ref) journal.Ref {
	ref.InFlight = ref.InFlight && s.Running
	ref.InDoubt = ref.InDoubt && !ref.InFlight
	return ref
}

// outcome is that of a mapping. A pending one has only its doubt.
func (f *fold) outcome(ref journal.Ref) (outcome, error) {
	recorded := ref.State == journal.Succeeded || ref.State == journal.Failed || ref.State == journal.Retryable
	if !recorded && !(ref.InDoubt && f.src.HoldInDoubt) {
		return outcome{inDoubt: ref.InDoubt}, nil
	}
	e := journal.Entry{At: f.st.at}
	if ref.Offset != 0 {
		var err error
		if e, err = f.src.Journal.Entry(ref); err != nil {
			return outcome{}, err
		}
	}
	o := outcome{ref.State, e.Status, e.Code, e.Reason, e.InDoubt || ref.InDoubt, e.Attempts, e.At, recorded}
	if !recorded { // held back
		if ref.Unanswered {
			o.attempts++ // the one that has no entry but its intent
		}
		o.kind, o.inDoubt, o.reason = journal.Retryable, true, words(f.src.Say).heldReason(e.Reason)
	}
	return o, nil
}

// session reads the entries of the last session. Nothing that it counts is
// counted by rows, beside which it runs.
func (f *fold) session(ctx context.Context) error {
	f.series.start = f.st.last.Begin
	if f.st.last.Totals == (journal.Totals{}) {
		return nil // spares looking for entries that are not there
	}
	n := 0
	for e, err := range f.src.Journal.Entries(f.st.last.Number) {
		if err != nil {
			return err
		}
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return interrupted(ctx)
		}
		f.tally.Requests.add(e)
		f.series.add(e)
		if e.At.After(f.tally.Latest) {
			f.tally.Latest = e.At
		}
	}
	return nil
}
