package report

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"time"

	"mantatag/report/journal"
)

const summaryName = "summary.json"

// Summary is what summary.json holds. Rows are those of the input given last;
// requests, average rate and times are of the last session.
type Summary struct {
	Version   int      `json:"version"` // 1
	Job       string   `json:"job"`     // the folder
	Input     Input    `json:"input"`
	BotID     string   `json:"bot_id"`
	State     string   `json:"state"`      // complete: every row has an outcome; incomplete
	StoppedBy string   `json:"stopped_by"` // "" or interrupt, deadline, credentials, bot, outage, failures, disk, input, config
	Message   string   `json:"message"`    // one sentence
	ExitCode  int      `json:"exit_code"`
	Rows      Rows     `json:"rows"`
	InDoubt   int64    `json:"in_doubt"` // rows that were, or may have been, sent without an answer of the API's own, whatever their outcome
	Requests  Requests `json:"requests"`
	Rate      Rate     `json:"rate"`
	Sessions  int      `json:"sessions"` // runs of the job so far

	StartedAt  time.Time  `json:"started_at"`
	FinishedAt *time.Time `json:"finished_at"` // nil: the run goes on, or was cut off

	// ElapsedSeconds lasts to the last entry of a run that was not finished.
	ElapsedSeconds float64 `json:"elapsed_seconds"`

	PendingDoubt  int64 `json:"-"` // of the rows in doubt: pending
	InFlight      int64 `json:"-"` // rows that a run has sent, and goes on: not in doubt
	PendingFlight int64 `json:"-"` // of these: pending

	Unsendable int64 `json:"-"` // of the failed rows: never sent, since they cannot be

	// Recorded says that the input could not be opened, so that Rows are the mappings
	// that some run has sent, or was about to send, whatever input asked for them.
	Recorded bool `json:"-"`
}

// Complete and Incomplete are the states of a job.
const (
	Complete   = "complete"
	Incomplete = "incomplete"
)

// Input is what is known of the input given last.
type Input struct {
	Path     string `json:"path"`
	Format   string `json:"format"`
	Encoding string `json:"encoding"`
	Rows     *int64 `json:"rows"` // nil until all of it was read; with --split-tags, fewer than their mappings
}

// Rows counts rows by outcome, or with --split-tags the mappings that they ask
// for: Read is the sum of Succeeded, Failed, Retryable and Pending.
type Rows struct {
	Read      int64 `json:"read"`
	Succeeded int64 `json:"succeeded"`
	Failed    int64 `json:"failed"`
	Retryable int64 `json:"retryable"`
	Pending   int64 `json:"pending"`

	Earlier    int64 `json:"earlier"`    // of these, with an outcome that was recorded before the last session
	Duplicates int64 `json:"duplicates"` // of these, asking for what an earlier row of the input asks for
}

// Requests counts the requests of the last session by their answers. Sent may
// be more than all answers, by those that a run cut off left unanswered.
type Requests struct {
	Sent          int64 `json:"sent"`
	Succeeded     int64 `json:"succeeded"`
	RateLimited   int64 `json:"rate_limited"`   // 429
	Refused       int64 `json:"refused"`        // other 4xx of the API itself
	ServerErrors  int64 `json:"server_errors"`  // 5xx, 408, 425, and answers that are not the API's
	NetworkErrors int64 `json:"network_errors"` // no answer
}

// Rate is in requests or rows a second.
type Rate struct {
	Learned float64 `json:"learned_per_second"` // the limit that was found, in requests; 0: none that is sure
	Average float64 `json:"average_per_second"` // rows that got their outcome in the last session

	// For the screen alone, of the last session that sent anything, as Learned is:
	InFlight int     `json:"-"` // requests at once that the API takes; 0: no such bound was found
	Given    float64 `json:"-"` // --rate, in requests; 0: auto
	Bound    int     `json:"-"` // --concurrency, where nothing else held the run back
}

func (r *Requests) add(e journal.Entry) {
	switch e.Kind {
	case journal.Intent:
		r.Sent++
	case journal.Unsent:
		r.Sent--
	case journal.Succeeded, journal.Failed, journal.Refused, journal.Lost, journal.Retryable:
		*r.class(e)++
	}
}

// class is the counter to which an answer belongs.
func (r *Requests) class(e journal.Entry) *int64 {
	switch {
	case e.Kind == journal.Succeeded:
		return &r.Succeeded
	case e.Kind == journal.Lost, e.Status == 0:
		return &r.NetworkErrors
	case e.Status == http.StatusTooManyRequests:
		return &r.RateLimited
	case e.Kind == journal.Failed, e.Status == http.StatusUnauthorized, e.Code != 0 && e.Status < 500:
		return &r.Refused
	default:
		return &r.ServerErrors
	}
}

func (st *state) summary(s Source, t tally) Summary {
	sum := Summary{
		Version:   1,
		Job:       s.Journal.Dir(),
		Input:     Input{Path: s.Input, Format: t.Format, Encoding: t.Encoding},
		BotID:     s.Bot,
		State:     Incomplete,
		StoppedBy: st.last.StoppedBy,
		Message:   st.last.Message,
		Rows:      t.Rows,
		InDoubt:   t.InDoubt,
		Rate:      st.rate,
		Sessions:  len(st.sessions),
		StartedAt: st.last.Begin,
	}
	sum.PendingDoubt, sum.InFlight, sum.PendingFlight, sum.Unsendable = t.PendingDoubt, t.InFlight, t.PendingFlight, t.Unsendable
	if t.Whole {
		sum.Input.Rows = &t.Input
		if t.Rows.Pending == 0 {
			sum.State = Complete
		}
	}
	var elapsed time.Duration
	if t.Session == st.last.Number {
		sum.Requests = t.Requests
		elapsed = max(0, t.Latest.Sub(st.last.Begin))
	} else {
		// The counts were kept by an earlier session, and this one has no
		// entries: every outcome is from before it.
		sum.Rows.Earlier = t.Rows.Succeeded + t.Rows.Failed + t.Rows.Retryable - t.Unrecorded
	}
	if end := st.last.End; !end.IsZero() {
		sum.FinishedAt = &end
		elapsed = end.Sub(st.last.Begin)
	}
	sum.ElapsedSeconds = elapsed.Seconds()
	if done := st.last.Totals.Succeeded + st.last.Totals.Failed + st.last.Totals.Retryable; done > 0 && elapsed > 0 {
		sum.Rate.Average = math.Round(float64(done)/elapsed.Seconds()*100) / 100
	}
	sum.ExitCode = ExitCode(Ending{StoppedBy: sum.StoppedBy, Terminated: st.last.Terminated, Rows: sum.Rows, Unread: !t.Whole})
	if sum.Message == "" {
		sum.Message = words(s.Say).headline(sum)
	}
	return sum
}

// JSON is the summary as summary.json holds it.
func (sum Summary) JSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(sum)
	return b.Bytes(), err
}

func writeSummary(s Source, sum Summary) error {
	text, err := sum.JSON()
	if err != nil {
		return err
	}
	f := s.disk.reportFile(s.Journal.Dir(), summaryName)
	f.write(text)
	return f.commit()
}
