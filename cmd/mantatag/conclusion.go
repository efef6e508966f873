package main

import (
	"cmp"
	"time"

	"mantatag/cmd/mantatag/lang"
	"mantatag/ingest"
	"mantatag/report"
	"mantatag/worker/manta"
	"mantatag/worker/pace"
)

// maskedSecret stands for the secret wherever a request is shown.
const maskedSecret = "••••••"

// conclusion is the result of check. Its JSON keys do not depend on the
// language; its sentences do.
type conclusion struct {
	Version  int              `json:"version"` // 1
	Input    checkedInput     `json:"input"`
	BotID    string           `json:"bot_id"` // "": none was given
	Job      string           `json:"job"`    // "": there is none yet
	Rows     checkedRows      `json:"rows"`
	Problems []checkedKind    `json:"problems"` // why rows cannot be sent
	Warnings []checkedKind    `json:"warnings"` // what is odd
	Mended   []checkedKind    `json:"mended"`   // what was read as it was meant
	Repeats  []checkedRepeat  `json:"duplicates"`
	Requests []previewRequest `json:"requests"` // the first
	Pace     checkedPace      `json:"pace"`
	Token    *checkedToken    `json:"token"` // null: none was given, or it does not say when it expires
	Output   string           `json:"output"`
	ExitCode int              `json:"exit_code"`

	lang    *lang.Language
	layout  ingest.Layout
	learned pace.Memory
}

type checkedInput struct {
	Path      string          `json:"path"`
	Format    string          `json:"format"`
	Container string          `json:"container"`
	Encoding  string          `json:"encoding"`
	Guessed   bool            `json:"encoding_guessed"`
	Sample    string          `json:"sample"`
	Sheet     string          `json:"sheet"`
	Others    []string        `json:"other_sheets"` // that are not read; empty where --sheet is given
	Delimiter string          `json:"delimiter"`
	Skipped   int64           `json:"skipped_lines"` // above the header
	Columns   []checkedColumn `json:"columns"`
	Rows      int64           `json:"rows"`
}

type checkedColumn struct {
	Field string `json:"field"`
	Name  string `json:"name"`
}

// checkedRows counts mappings where --split-tags is given, as summary.json does.
type checkedRows struct {
	Read       int64 `json:"read"`
	Sendable   int64 `json:"sendable"` // read less failed
	Failed     int64 `json:"failed"`
	Duplicates int64 `json:"duplicates"`    // of the sendable ones
	Done       int64 `json:"done"`          // of the sendable ones, by earlier runs of the job
	Refused    int64 `json:"failed_before"` // of the sendable ones: refused in earlier runs
	ToSend     int64 `json:"to_send"`
}

type checkedKind struct {
	ID       string           `json:"id"`
	Count    int64            `json:"count"`
	Examples []checkedExample `json:"examples"`
}

type checkedExample struct {
	Row    int64  `json:"row"`
	Line   int64  `json:"line"`
	Column string `json:"column"`
	Reason string `json:"reason"`
}

type checkedRepeat struct {
	Row   int64 `json:"row"`
	Line  int64 `json:"line"`
	First int64 `json:"same_as_row"`
}

type previewRequest struct {
	Method string `json:"method"`
	URL    string `json:"url"`
	Body   string `json:"body"`
}

type checkedPace struct {
	PerSecond float64    `json:"per_second"` // 0: nothing is known
	Learned   *time.Time `json:"learned_at"` // null: the rate was given, or nothing is known
	Settled   bool       `json:"settled"`    // it is the limit, or was given
	Seconds   float64    `json:"seconds"`    // that a run would take; 0: nothing is known
}

type checkedToken struct {
	Expires  time.Time `json:"expires_at"`
	Outlives *bool     `json:"outlives_run"` // null: how long a run would take is not known
}

// conclude puts everything together.
func (o *checkOptions) conclude(s *surveyor, api target, input, dir string) *conclusion {
	l := s.layout
	c := &conclusion{
		Version: 1, BotID: s.bot, Output: o.output, lang: o.lang, layout: l,
		Input: checkedInput{
			Path: input, Format: l.Format, Container: l.Container, Encoding: l.Encoding, Guessed: l.Guessed,
			Sample: l.Sample, Sheet: l.Sheet, Others: append([]string{}, l.Others...), Skipped: l.Skipped, Columns: []checkedColumn{}, Rows: s.found.Rows,
		},
		Rows: checkedRows{
			Read: s.found.Mappings, Sendable: s.found.Sendable, Failed: s.found.Failed, Duplicates: s.duplicates,
			Done: s.done, Refused: s.refused, ToSend: s.toSend(),
		},
		Problems: o.kinds(s.found.Faults()), Warnings: o.kinds(s.found.Odd()), Mended: o.kinds(s.found.Mended()),
		Repeats: []checkedRepeat{}, Requests: []previewRequest{},
	}
	if s.job != nil {
		c.Job = dir
	}
	if l.Delimiter != 0 && l.Format != ingest.XLSX {
		c.Input.Delimiter = string(rune(l.Delimiter))
	}
	for _, column := range l.Columns {
		c.Input.Columns = append(c.Input.Columns, checkedColumn(column))
	}
	for _, r := range s.repeats {
		c.Repeats = append(c.Repeats, checkedRepeat{r.row, r.line, r.first})
	}
	client := &manta.Client{API: api.url, Bot: cmp.Or(s.bot, "BOT")}
	for _, m := range s.preview {
		method, url, body := client.Preview(maskedSecret, manta.Mapping(m))
		c.Requests = append(c.Requests, previewRequest{method, url, string(body)})
	}
	if s.found.Failed > 0 {
		c.ExitCode = report.ExitFailed
	}
	return c
}

func (o *checkOptions) kinds(found []ingest.Finding) []checkedKind {
	kinds := []checkedKind{}
	for _, f := range found {
		k := checkedKind{ID: f.ID, Count: f.Count}
		for _, e := range f.Examples {
			k.Examples = append(k.Examples, checkedExample{e.Row, e.Line, e.Column, o.lang.Message(e.Message)})
		}
		kinds = append(kinds, k)
	}
	return kinds
}

// estimate says how long a run would take, and whether the token would last.
func (o *checkOptions) estimate(c *conclusion, host, token string) error {
	c.Pace.PerSecond = float64(o.rate)
	if dir := stateFolder(o.stateDir); o.rate == 0 && host != sandboxHost && dir != "" {
		learned, err := (&pace.Store{Dir: dir, Host: host, Bot: c.BotID}).Load(time.Now())
		if err != nil {
			return usagef("what earlier runs learned of the rate limit cannot be read: %w; mend that, or say with --rate at which rate to reckon", err)
		}
		if learned.Settled == 0 && learned.Accepted == 0 {
			learned = pace.Memory{} // it is of a version that kept less, and nothing can be said of it
		}
		c.learned = learned
		if c.Pace.PerSecond = cmp.Or(learned.Settled, learned.Kept); !learned.At.IsZero() {
			c.Pace.Learned = &learned.At
		}
	}
	c.Pace.Settled = o.rate > 0 || c.learned.Settled > 0
	if most := float64(o.maxRate); most > 0 && c.Pace.PerSecond > most {
		c.Pace.PerSecond = most
	}
	if c.Pace.PerSecond > 0 {
		c.Pace.Seconds = float64(c.Rows.ToSend) / c.Pace.PerSecond
	}
	exp := expiry(token)
	if exp.IsZero() {
		return nil
	}
	c.Token = &checkedToken{Expires: exp.UTC()}
	if c.Pace.PerSecond > 0 {
		outlives := exp.After(time.Now().Add(c.duration()))
		c.Token.Outlives = &outlives
	}
	return nil
}

// duration is how long a run would take, if the pace is known.
func (c *conclusion) duration() time.Duration {
	return time.Duration(c.Pace.Seconds * float64(time.Second))
}
