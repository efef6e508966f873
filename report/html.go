package report

import (
	"bytes"
	_ "embed"
	"html/template"
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
	t, err := template.New(pageName).Funcs(template.FuncMap{"say": say}).Parse(pageText)
	if err != nil {
		return nil, err
	}
	p := page{
		Sum:          sum,
		File:         visible(filepath.Base(sum.Input.Path)),
		Began:        sum.StartedAt.UTC().Format(time.DateTime),
		Done:         sum.State == Complete && sum.Rows.Succeeded == sum.Rows.Read,
		Headline:     headline(sum),
		Next:         NextSteps(sum),
		Unread:       sum.Input.Rows == nil,
		Outcomes:     outcomeShares(sum.Rows),
		RowFacts:     rowFacts(sum),
		RequestFacts: requestFacts(sum),
		JobFacts:     jobFacts(sum),
	}
	if sum.FinishedAt != nil {
		p.Ended = sum.FinishedAt.UTC().Format(time.DateTime)
	}
	if sum.StoppedBy != "" {
		p.Stopped = say("stopped", say("by-"+sum.StoppedBy), visible(sum.Message))
	}
	p.Kinds, p.MoreKinds = f.kinds.shown()
	if p.Chart, err = chart(f.series.points()); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, p)
	return b.Bytes(), err
}

func outcomeShares(rows Rows) []share {
	one := func(class string, n int64) share {
		percent := 0.0
		if rows.Read > 0 {
			percent = 100 * float64(n) / float64(rows.Read)
		}
		return share{class, say(class), thousands(n), strconv.FormatFloat(percent, 'f', 1, 64) + "%", n > 0}
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

func rowFacts(sum Summary) []fact {
	return facts([]fact{{say("read"), thousands(sum.Rows.Read)}},
		fact{say("earlier"), thousands(sum.Rows.Earlier)},
		fact{say("duplicates"), thousands(sum.Rows.Duplicates)},
		fact{say("in-doubt"), thousands(sum.InDoubt)},
	)
}

func requestFacts(sum Summary) []fact {
	r := sum.Requests
	return facts([]fact{{say("sent"), thousands(r.Sent)}, {say("succeeded"), thousands(r.Succeeded)}},
		fact{say("rate-limited"), thousands(r.RateLimited)},
		fact{say("refused"), thousands(r.Refused)},
		fact{say("server-errors"), thousands(r.ServerErrors)},
		fact{say("network-errors"), thousands(r.NetworkErrors)},
		fact{say("average"), decimal(sum.Rate.Average)},
		fact{say("learned"), decimal(sum.Rate.Learned)},
	)
}

func jobFacts(sum Summary) []fact {
	end := say("not-ended")
	if sum.FinishedAt != nil {
		end = sum.FinishedAt.UTC().Format(time.RFC3339)
	}
	took := time.Duration(sum.ElapsedSeconds * float64(time.Second)).Round(time.Second)
	return []fact{
		{say("file"), visible(sum.Input.Path) + " (" + sum.Input.Format + ", " + sum.Input.Encoding + ")"},
		{say("job"), visible(sum.Job)},
		{say("runs"), strconv.Itoa(sum.Sessions)},
		{say("began"), sum.StartedAt.UTC().Format(time.RFC3339)},
		{say("ended"), end},
		{say("took"), took.String()},
	}
}

func decimal(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// shown is the kinds as the page shows them, and a sentence on those that are
// left out.
func (ks *kinds) shown() (list []shownKind, more string) {
	var left int64
	for i, k := range ks.list() {
		if i >= shownKinds {
			left += k.count
			continue
		}
		s := shownKind{Count: thousands(k.count), Outcome: say(k.outcome.String()), Reason: k.examples[0].reason, Answer: k.answer()}
		varies := false
		for _, e := range k.examples {
			varies = varies || e.reason != s.Reason
		}
		if k.mixed {
			s.Reason, varies = say("mixed"), true
		}
		for _, e := range k.examples {
			row, line := strconv.FormatInt(e.row, 10), strconv.FormatInt(e.line, 10)
			if varies {
				s.Examples = append(s.Examples, say("example-reason", row, line, e.reason))
			} else {
				s.Examples = append(s.Examples, say("example", row, line))
			}
		}
		list = append(list, s)
	}
	if left > 0 {
		more = say("more-kinds", thousands(left))
	}
	return list, more
}

// answer is the status and code that the rows of a kind got.
func (k *kind) answer() string {
	switch {
	case k.status == 0:
		return ""
	case k.code == 0:
		return say("http", strconv.Itoa(k.status))
	default:
		return say("http-code", strconv.Itoa(k.status), strconv.Itoa(k.code))
	}
}
