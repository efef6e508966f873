package report

import (
	"bytes"
	_ "embed"
	"html/template"
	"math"
	"path/filepath"
	"strconv"
	"time"
)

const (
	pageName   = "report.html"
	shownKinds = 20
)

//go:embed report.html.tmpl
var pageText string

// page is what the template shows. All of it is text that html/template
// escapes, but for the chart.
type page struct {
	Sum      Summary
	File     string
	Began    string
	Ended    string
	Done     bool
	Headline string
	Stopped  string // why the run stopped; empty if it did not
	Next     []string
	Unread   bool

	Outcomes     []share
	RowFacts     []fact
	Kinds        []shownKind
	MoreKinds    string
	Chart        template.HTML
	RequestFacts []fact
	JobFacts     []fact
}

type fact struct{ Name, Value string }

type share struct {
	Class, Name, Count, Share string
	Some                      bool
}

type shownKind struct {
	Count, Outcome, Reason, Answer string
	Examples                       []string
}

// page is report.html.
func (f *fold) page(sum Summary) ([]byte, error) {
	w := words(f.src.Say)
	t, err := template.New(pageName).Funcs(template.FuncMap{"say": w.say}).Parse(pageText)
	if err != nil {
		return nil, err
	}
	p := page{
		Sum:          sum,
		File:         visible(filepath.Base(sum.Input.Path)),
		Began:        sum.StartedAt.UTC().Format(time.DateTime),
		Done:         sum.State == Complete && sum.Rows.Succeeded == sum.Rows.Read,
		Headline:     w.headline(sum),
		Next:         NextSteps(sum, w),
		Unread:       sum.Input.Rows == nil,
		Outcomes:     w.outcomeShares(sum.Rows),
		RowFacts:     w.rowFacts(sum),
		RequestFacts: w.requestFacts(sum),
		JobFacts:     w.jobFacts(sum),
	}
	if sum.FinishedAt != nil {
		p.Ended = sum.FinishedAt.UTC().Format(time.DateTime)
	}
	if sum.StoppedBy != "" {
		p.Stopped = w.say("stopped", w.say("by-"+sum.StoppedBy), visible(sum.Message))
	}
	p.Kinds, p.MoreKinds = f.kinds.shown(w)
	if p.Chart, err = w.chart(f.series.points()); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, p)
	return b.Bytes(), err
}

func (w words) outcomeShares(rows Rows) []share {
	one := func(class string, n int64) share {
		percent := 0.0
		if rows.Read > 0 {
			percent = 100 * float64(n) / float64(rows.Read)
		}
		return share{class, w.say(class), thousands(n), strconv.FormatFloat(percent, 'f', 1, 64) + "%", n > 0}
	}
	return []share{
		one("succeeded", rows.Succeeded),
		one("failed", rows.Failed),
		one("retryable", rows.Retryable),
		one("pending", rows.Pending),
	}
}

// facts leaves out those of later that are zero.
func facts(first []fact, later ...fact) []fact {
	for _, f := range later {
		if f.Value != "0" {
			first = append(first, f)
		}
	}
	return first
}

func (w words) rowFacts(sum Summary) []fact {
	read := []fact{{w.say("read"), thousands(sum.Rows.Read)}}
	if n := sum.Input.Rows; n != nil && *n != sum.Rows.Read {
		read = []fact{{w.say("mappings"), thousands(sum.Rows.Read)}, {w.say("input-rows"), thousands(*n)}}
	}
	return facts(read,
		fact{w.say("earlier"), thousands(sum.Rows.Earlier)},
		fact{w.say("duplicates"), thousands(sum.Rows.Duplicates)},
		fact{w.say("in-doubt"), thousands(sum.InDoubt)},
	)
}

func (w words) requestFacts(sum Summary) []fact {
	r := sum.Requests
	return facts([]fact{{w.say("sent"), thousands(r.Sent)}, {w.say("succeeded"), thousands(r.Succeeded)}},
		fact{w.say("rate-limited"), thousands(r.RateLimited)},
		fact{w.say("refused"), thousands(r.Refused)},
		fact{w.say("server-errors"), thousands(r.ServerErrors)},
		fact{w.say("network-errors"), thousands(r.NetworkErrors)},
		fact{w.say("average"), decimal(sum.Rate.Average)},
		fact{w.say("learned"), decimal(sum.Rate.Learned)},
	)
}

func (w words) jobFacts(sum Summary) []fact {
	end := w.say("not-ended")
	if sum.FinishedAt != nil {
		end = sum.FinishedAt.UTC().Format(time.RFC3339)
	}
	took := time.Duration(sum.ElapsedSeconds * float64(time.Second)).Round(time.Second)
	return []fact{
		{w.say("file"), visible(sum.Input.Path) + " (" + sum.Input.Format + ", " + sum.Input.Encoding + ")"},
		{w.say("job"), visible(sum.Job)},
		{w.say("runs"), strconv.Itoa(sum.Sessions)},
		{w.say("began"), sum.StartedAt.UTC().Format(time.RFC3339)},
		{w.say("ended"), end},
		{w.say("took"), took.String()},
	}
}

// decimal is a rate, to three digits.
func decimal(x float64) string {
	if x >= 100 {
		return thousands(int64(math.Round(x)))
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

// shown is the kinds as the page shows them, and a sentence on those that are
// left out.
func (ks *kinds) shown(w words) (list []shownKind, more string) {
	var left int64
	for i, k := range ks.list() {
		if i >= shownKinds {
			left += k.count
			continue
		}
		s := shownKind{Count: thousands(k.count), Outcome: w.say(k.outcome.String()), Reason: k.examples[0].reason, Answer: k.answer(w)}
		varies := false
		for _, e := range k.examples {
			varies = varies || e.reason != s.Reason
		}
		if k.mixed {
			s.Reason, varies = w.say("mixed"), true
		}
		for _, e := range k.examples {
			row, line := strconv.FormatInt(e.row, 10), strconv.FormatInt(e.line, 10)
			if varies {
				s.Examples = append(s.Examples, w.say("example-reason", row, line, e.reason))
			} else {
				s.Examples = append(s.Examples, w.say("example", row, line))
			}
		}
		list = append(list, s)
	}
	if left > 0 {
		more = w.say("more-kinds", thousands(left))
	}
	return list, more
}

// answer is the status and code that the rows of a kind got.
func (k *kind) answer(w words) string {
	switch {
	case k.status == 0:
		return ""
	case k.code == 0:
		return w.say("http", strconv.Itoa(k.status))
	default:
		return w.say("http-code", strconv.Itoa(k.status), strconv.Itoa(k.code))
	}
}
