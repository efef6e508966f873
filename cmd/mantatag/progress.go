package main

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

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

// progress counts what the pool tells and shows it: a bar on a terminal,
// otherwise a log line every ten seconds.
type progress struct {
	total atomic.Int64 // rows of the input, or their mappings; 0 until counted
	split bool         // a row may ask for several mappings, which are what is counted

	done, succeeded, failed, retryable, sent, throttled atomic.Int64

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
		p.log.Debug().Int64("row", e.Row.Number).Int64("line", e.Row.Line).Msg(p.lang.Say("this row cannot be sent: %[1]v", e.Row.Err))
	case worker.Duplicate, worker.Skipped:
		p.done.Add(1)
	case worker.Sent:
		p.sent.Add(1)
	case worker.Answered:
		if e.Answer.Class == manta.Throttled {
			p.throttled.Add(1)
		}
		if e.Answer.Class != manta.Tagged {
			p.log.Debug().Int64("row", e.Row.Number).Str("request", e.Request).Int("status", e.Answer.Status).Int("code", e.Answer.Code).
				Dur("took", e.Latency).Msg(e.Answer.Message)
		}
	case worker.Settled:
		p.done.Add(1)
		for _, n := range e.Row.Notes {
			if n.Mended {
				p.mended.Add(1)
			} else {
				p.odd.Add(1)
			}
		}
		switch e.Entry.Kind {
		case journal.Succeeded:
			p.succeeded.Add(1)
		case journal.Failed:
			p.failed.Add(1)
		case journal.Retryable:
			p.retryable.Add(1)
		}
	case worker.OutageBegan:
		p.log.Warn().Msg(p.lang.Say("the API is not answering properly (%[1]s): pausing, and trying one request at a time", e.Message))
	case worker.OutageEnded:
		p.log.Warn().Msg(p.lang.Say("the API answers again: going on"))
	case worker.Renewed:
		p.log.Warn().Msg(p.lang.Say("the token and secret were read again and have changed: going on with the new pair"))
	}
}

// sayFound sums up what was mended and what looked odd.
func (p *progress) sayFound() {
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
	settled := p.succeeded.Load() + p.failed.Load() + p.retryable.Load()
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
				Int64("failed", p.failed.Load()).Int64("retryable", p.retryable.Load()).
				Int64("rate_limited", p.throttled.Load()).Float64("rows_per_second", round(perSecond))
			done := p.lang.Number(p.done.Load())
			said := p.lang.Say("%[1]s %[2]s done", done, p.unit())
			if total := p.total.Load(); total > 0 {
				line = line.Int64("rows", total)
				said = p.lang.Say("%[1]s of %[2]s %[3]s done", done, p.lang.Number(total), p.unit())
			}
			if left > 0 {
				line = line.Float64("eta_seconds", left.Round(time.Second).Seconds())
				said = p.lang.Say("%[1]s, about %[2]s left", said, p.lang.Duration(left))
			}
			line.Msg(said)
		}
	}
}

func (p *progress) showBar(t *terminal, stop <-chan struct{}) {
	bar := progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(t.out),
		progressbar.OptionSetWidth(24),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetRenderBlankState(false),
		progressbar.OptionThrottle(0),
	)
	t.mu.Lock()
	t.clear = func() { _ = bar.Clear() }
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
			text := p.line(now)
			t.mu.Lock()
			if total := p.total.Load(); total > 0 && bar.GetMax64() != total {
				bar.ChangeMax64(total)
			}
			bar.Describe(text)
			_ = bar.Set64(min(p.done.Load(), max(p.total.Load()-1, 0)))
			t.mu.Unlock()
		}
	}
}

// unit is what is counted.
func (p *progress) unit() lang.Word {
	if p.split {
		return lang.Word("mappings")
	}
	return lang.Word("rows")
}

// line is the text beside the bar.
func (p *progress) line(now time.Time) string {
	perSecond, left := p.rate(now)
	rows := p.lang.Number(p.done.Load())
	if total := p.total.Load(); total > 0 {
		rows += "/" + p.lang.Number(total)
	}
	parts := []string{p.lang.Say("%[1]s %[2]s  %[3]s/s", rows, p.unit(), fmt.Sprintf("%.0f", perSecond))}
	if left > 0 {
		parts = append(parts, p.lang.Say("ETA %[1]s", p.lang.Duration(left)))
	}
	parts = append(parts, p.lang.Say("%[1]d ok  %[2]d failed  %[3]d 429s", p.succeeded.Load(), p.failed.Load(), p.throttled.Load()))
	if wait := time.Until(p.pace().PausedUntil); wait > time.Second {
		parts = append(parts, p.lang.Say("waiting %[1]s", p.lang.Duration(wait)))
	}
	return strings.Join(parts, "  ")
}

func round(x float64) float64 { return math.Round(x*10) / 10 }
