package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/rs/zerolog"
	"github.com/schollz/progressbar/v3"

	"mantatag/cmd/mantatag/lang"
	"mantatag/report/journal"
	"mantatag/worker"
	"mantatag/worker/manta"
	"mantatag/worker/pace"
)

const (
	redrawEvery = 200 * time.Millisecond
	logEvery    = 10 * time.Second
	// rateOver is the time over which the shown rate is averaged.
	rateOver = 10 * time.Second
)

// progress counts what the pool tells, and shows it: a line with a bar on a terminal,
// otherwise a log line every ten seconds.
type progress struct {
	total atomic.Int64 // rows of the input, or their mappings; 0 until counted
	split bool         // a row may ask for several mappings, which are what is counted

	// Of the rows of the input, whatever run their outcome is of: done is the
	// sum of the others.
	done, succeeded, failed, retryable, duplicates atomic.Int64

	// Of this run alone.
	settled, sent, throttled atomic.Int64
	proven                   atomic.Bool  // the API has taken or refused a row in this run
	again                    atomic.Int64 // rows sent that an earlier run had left in doubt

	outage atomic.Pointer[worker.Outage] // nil: none is on

	mended, odd atomic.Int64 // cells, by the notes of the rows that were sent

	lang *lang.Language
	log  zerolog.Logger
	pace func() pace.Status

	mu      sync.Mutex
	samples []sample // settled rows over the last rateOver
}

type sample struct {
	at      time.Time
	settled int64
}

// note takes one event of the pool.
func (p *progress) note(e worker.Event) {
	switch e.Kind {
	case worker.Unsendable:
		p.done.Add(1)
		p.failed.Add(1)
		p.settled.Add(1)
		p.log.Debug().Int64("row", e.Row.Number).Int64("line", e.Row.Line).Msg(p.lang.Say("this row cannot be sent: %[1]v", e.Row.Err))
	case worker.Duplicate:
		p.done.Add(1)
		p.duplicates.Add(1)
	case worker.Skipped:
		p.outcome(e.Entry.Kind)
	case worker.Sent:
		p.sent.Add(1)
		if e.Again {
			p.again.Add(1)
		}
	case worker.Answered:
		switch e.Answer.Class {
		case manta.Throttled:
			p.throttled.Add(1)
		case manta.Tagged, manta.RowRefused:
			p.proven.Store(true)
		}
		if e.Answer.Class != manta.Tagged {
			p.log.Debug().Int64("row", e.Row.Number).Str("request", e.Request).Int("status", e.Answer.Status).Int("code", e.Answer.Code).
				Dur("took", e.Latency).Msg(e.Answer.Message)
		}
	case worker.Settled:
		p.outcome(e.Entry.Kind)
		p.settled.Add(1)
		for _, n := range e.Row.Notes {
			switch {
			case n.Mended:
				p.mended.Add(1)
			case n.ID != "hidden-row": // those were told before
				p.odd.Add(1)
			}
		}
	case worker.OutageBegan:
		sentence := p.lang.Say("the API is not answering properly (%[1]s): pausing, and trying one request at a time", e.Message)
		if !p.proven.Load() {
			sentence = p.lang.Say("the API is not answering properly (%[1]s), and has not once in this run: pausing, and trying one request at a time; check --api-url and the network meanwhile", e.Message)
		}
		p.log.Warn().Msg(sentence)
	case worker.OutageLasts:
		lasts := e.Outage // a copy, lest every event goes to the heap
		p.outage.Store(&lasts)
	case worker.OutageEnded:
		p.outage.Store(nil)
		p.log.Warn().Msg(p.lang.Say("the API answers again: going on"))
	case worker.Renewed:
		p.log.Warn().Msg(p.lang.Say("there is a new token and secret, read again or renewed: going on with them"))
	}
}

// outcome counts a row's, of this run or an earlier one.
func (p *progress) outcome(kind journal.Kind) {
	p.done.Add(1)
	switch kind {
	case journal.Succeeded:
		p.succeeded.Add(1)
	case journal.Failed:
		p.failed.Add(1)
	case journal.Retryable:
		p.retryable.Add(1)
	}
}

// sayFound sums up what was mended, what looked odd and what was in doubt. What may
// have been done twice is for warn.
func (p *progress) sayFound(warn func(sentence string)) {
	if n := p.again.Load(); n > 0 {
		warn(p.lang.Say("rows that an earlier run had left in doubt and that were sent again: %[1]d; each may have reached the API twice (--in-doubt hold keeps such rows back)", n))
	}
	if n := p.mended.Load(); n > 0 {
		p.log.Info().Int64("mended", n).Msg(p.lang.Say("cells that were not as they should be and were read as they were surely meant: %[1]d; mantatag check lists them", n))
	}
	if n := p.odd.Load(); n > 0 {
		p.log.Warn().Int64("odd", n).Msg(p.lang.Say("%[1]d cells look odd and were sent as they are; mantatag check lists them", n))
	}
}

// rate is how many rows a second got their outcome lately, and the time that
// the rest would take at it; 0 where there is nothing to tell from.
func (p *progress) rate(now time.Time) (perSecond float64, left time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	settled := p.settled.Load()
	p.samples = append(p.samples, sample{now, settled})
	for len(p.samples) > 2 && now.Sub(p.samples[0].at) > rateOver {
		p.samples = p.samples[1:]
	}
	first := p.samples[0]
	if d := now.Sub(first.at).Seconds(); d > 0 {
		perSecond = float64(settled-first.settled) / d
	}
	if rest := p.total.Load() - p.done.Load(); rest > 0 && perSecond > 0 {
		left = time.Duration(float64(rest) / perSecond * float64(time.Second))
	}
	return perSecond, left
}

// show reports until stop is closed.
func (p *progress) show(t *terminal, bar bool, stop <-chan struct{}) {
	if bar {
		p.showBar(t, stop)
		return
	}
	tick := time.NewTicker(logEvery)
	defer tick.Stop()
	p.rate(time.Now())
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			perSecond, left := p.rate(now)
			line := p.log.Info().Int64("done", p.done.Load()).Int64("succeeded", p.succeeded.Load()).
				Int64("failed", p.failed.Load()).Int64("retryable", p.retryable.Load()).Int64("duplicates", p.duplicates.Load()).
				Int64("rate_limited", p.throttled.Load()).Float64("rows_per_second", round(perSecond))
			if total := p.total.Load(); total > 0 {
				line = line.Int64("rows", total)
			}
			if left > 0 {
				line = line.Float64("eta_seconds", left.Round(time.Second).Seconds())
			}
			line.Msg(p.said(now, left))
		}
	}
}

func (p *progress) showBar(t *terminal, stop <-chan struct{}) {
	t.mu.Lock()
	t.clear = func() { t.line("") }
	t.mu.Unlock()
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			t.mu.Lock()
			t.clear()
			t.clear = nil
			t.mu.Unlock()
			return
		case now := <-tick.C:
			fields := p.fields(now)
			t.mu.Lock()
			t.line(p.line(fields, t.columns()-spare))
			t.mu.Unlock()
		}
	}
}

// said is how far the run is, and what it waits for or, if for nothing, how much
// time is left.
func (p *progress) said(now time.Time, left time.Duration) string {
	done := p.lang.Number(p.done.Load())
	said := p.lang.Say("%[1]s %[2]s done", done, p.unit())
	if total := p.total.Load(); total > 0 {
		said = p.lang.Say("%[1]s of %[2]s %[3]s done", done, p.lang.Number(total), p.unit())
	}
	outage, pause := p.outage.Load(), p.pause(now)
	switch {
	case outage != nil && outage.Next.After(now):
		return p.lang.Say("%[1]s; the API has not answered properly since %[2]s; next try at %[3]s; gives up at %[4]s", said, timeOfDay(outage.Since), timeOfDay(outage.Next), timeOfDay(outage.GiveUp))
	case outage != nil:
		return p.lang.Say("%[1]s; the API has not answered properly since %[2]s; trying now; gives up at %[3]s", said, timeOfDay(outage.Since), timeOfDay(outage.GiveUp))
	case !pause.IsZero():
		return p.lang.Say("%[1]s; too many requests for the API: waiting until %[2]s", said, timeOfDay(pause))
	case left > 0:
		return p.lang.Say("%[1]s, about %[2]s left", said, p.lang.Duration(left))
	}
	return said
}

// longPause is what is worth telling.
const longPause = 2 * time.Second

// pause is the end of a pause that lasts; zero: there is none.
func (p *progress) pause(now time.Time) time.Time {
	s := p.pace()
	if left := s.PausedUntil.Sub(now); left > 0 && max(left, s.Pause) > longPause {
		return s.PausedUntil
	}
	return time.Time{}
}

func timeOfDay(t time.Time) string { return t.Local().Format(time.TimeOnly) }

// unit is what is counted.
func (p *progress) unit() lang.Word {
	if p.split {
		return lang.Word("mappings")
	}
	return lang.Word("rows")
}

// field is a part of the line. The line loses those of the highest rank first
// where a terminal has no room for all, and what a run waits for last: without
// it, a count that stands still looks like a program that does.
type field struct {
	rank int
	text string
}

// fields are the parts of the line, from left to right.
func (p *progress) fields(now time.Time) []field {
	perSecond, left := p.rate(now)
	rows := p.lang.Number(p.done.Load())
	if total := p.total.Load(); total > 0 {
		rows += "/" + p.lang.Number(total)
	}
	fields := []field{
		{1, p.lang.Say("%[1]s %[2]s", rows, p.unit())},
		{6, p.lang.Say("%[1]s/s", fmt.Sprintf("%.0f", perSecond))},
	}
	if left > 0 {
		fields = append(fields, field{7, p.lang.Say("ETA %[1]s", p.lang.Duration(left))})
	}
	fields = append(fields,
		field{5, p.lang.Say("%[1]d ok", p.succeeded.Load())},
		field{4, p.lang.Say("%[1]d failed", p.failed.Load())})
	if n := p.retryable.Load(); n > 0 {
		fields = append(fields, field{5, p.lang.Say("%[1]d retryable", n)})
	}
	if n := p.duplicates.Load(); n > 0 {
		fields = append(fields, field{7, p.lang.Say("%[1]d repeated", n)})
	}
	fields = append(fields, field{8, p.lang.Say("%[1]d 429s", p.throttled.Load())})
	if outage, pause := p.outage.Load(), p.pause(now); outage != nil {
		fields = append(fields, field{0, p.lang.Say("outage since %[1]s", timeOfDay(outage.Since))})
		if outage.Next.After(now) {
			fields = append(fields, field{2, p.lang.Say("next try %[1]s", timeOfDay(outage.Next))})
		}
		fields = append(fields, field{3, p.lang.Say("gives up %[1]s", timeOfDay(outage.GiveUp))})
	} else if !pause.IsZero() {
		fields = append(fields, field{2, p.lang.Say("too many requests:")}, field{0, p.lang.Say("waiting until %[1]s", timeOfDay(pause))})
	}
	return fields
}

const (
	// spare is what the line leaves free of a terminal's width, for the ^C that
	// the terminal itself writes behind it: a line that wraps is never wiped.
	spare = 3

	// aroundBar are the columns of a bar that are not its inside, such as
	// "  12% [" and "]".
	aroundBar = 8

	shortestBar, longestBar = 10, 24
)

// line is what of the fields has room in so many columns, and behind them the
// bar if there is room for it as well.
func (p *progress) line(fields []field, columns int) string {
	text := fit(fields, columns)
	total, room := p.total.Load(), columns-lang.Width(text)-aroundBar
	if total == 0 || room < shortestBar {
		return text
	}
	bar := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(io.Discard),
		progressbar.OptionSetTheme(progressbar.ThemeASCII), // a terminal may draw other blocks in two columns
		progressbar.OptionSetWidth(min(room, longestBar)),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetRenderBlankState(false),
		progressbar.OptionThrottle(0),
	)
	_ = bar.Set64(min(p.done.Load(), total-1))
	bar.Describe(text)
	return strings.Trim(bar.String(), "\r ")
}

// fit joins the fields, leaving out as many as it has to.
func fit(fields []field, columns int) string {
	join := func() string {
		var texts []string
		for _, f := range fields {
			texts = append(texts, f.text)
		}
		return strings.Join(texts, "  ")
	}
	for len(fields) > 1 && lang.Width(join()) > columns {
		least := slices.MaxFunc(fields, func(a, b field) int { return a.rank - b.rank })
		fields = slices.DeleteFunc(slices.Clone(fields), func(f field) bool { return f == least })
	}
	text := join()
	for lang.Width(text) > max(columns, 0) {
		_, last := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-last]
	}
	return text
}

func round(x float64) float64 { return math.Round(x*10) / 10 }
