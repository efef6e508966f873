package main

import (
	"strings"
	"testing"
	"time"

	"mantatag/cmd/mantatag/lang"
	"mantatag/report/journal"
	"mantatag/worker"
	"mantatag/worker/pace"
)

// When a job goes on, all counts are of the same rows: those of the input.
func TestProgressAddsUp(t *testing.T) {
	p := &progress{lang: lang.New(lang.English)}
	for _, e := range []worker.Event{
		{Kind: worker.Skipped, Entry: journal.Entry{Kind: journal.Succeeded}},
		{Kind: worker.Skipped, Entry: journal.Entry{Kind: journal.Failed}},
		{Kind: worker.Skipped, Entry: journal.Entry{Kind: journal.Retryable}},
		{Kind: worker.Duplicate},
		{Kind: worker.Unsendable},
		{Kind: worker.Settled, Entry: journal.Entry{Kind: journal.Succeeded}},
	} {
		p.note(e)
	}
	for name, c := range map[string]struct{ got, want int64 }{
		"done": {p.done.Load(), 6}, "succeeded": {p.succeeded.Load(), 2}, "failed": {p.failed.Load(), 2},
		"retryable": {p.retryable.Load(), 1}, "duplicates": {p.duplicates.Load(), 1}, "settled": {p.settled.Load(), 2},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, not %d", name, c.got, c.want)
		}
	}
}

// A run that waits says what for, and until when.
func TestProgressSaysWhatItWaitsFor(t *testing.T) {
	now := time.Date(2026, 11, 25, 3, 0, 0, 0, time.Local)
	paused := pace.Status{PausedUntil: now.Add(time.Minute)}
	outage := &worker.Outage{Since: now.Add(-time.Minute), Next: now.Add(20 * time.Second), GiveUp: now.Add(9 * time.Minute)}
	trying := &worker.Outage{Since: now.Add(-time.Minute), Next: now, GiveUp: now.Add(9 * time.Minute)}
	for _, c := range []struct {
		lang      string
		pace      pace.Status
		outage    *worker.Outage
		log, line string
	}{
		{lang.English, pace.Status{}, nil, "25 of 1,000 rows done, about 39s left", "25/1,000 rows  0/s  25 ok  0 failed  0 429s"},
		{lang.English, pace.Status{PausedUntil: now.Add(time.Second)}, nil, "25 of 1,000 rows done, about 39s left", "25/1,000 rows  0/s  25 ok  0 failed  0 429s"},
		{lang.English, pace.Status{PausedUntil: now.Add(time.Second), Pause: 10 * time.Second}, nil, "25 of 1,000 rows done; too many requests for the API: waiting until 03:00:01", "25/1,000 rows  0/s  25 ok  0 failed  too many requests:  waiting until 03:00:01"},
		{lang.English, paused, nil, "25 of 1,000 rows done; too many requests for the API: waiting until 03:01:00", "25/1,000 rows  0/s  25 ok  0 failed  too many requests:  waiting until 03:01:00"},
		{lang.English, paused, outage, "25 of 1,000 rows done; the API has not answered properly since 02:59:00; next try at 03:00:20; gives up at 03:09:00",
			"25/1,000 rows  outage since 02:59:00  next try 03:00:20  gives up 03:09:00"},
		{lang.English, pace.Status{}, trying, "25 of 1,000 rows done; the API has not answered properly since 02:59:00; trying now; gives up at 03:09:00",
			"25/1,000 rows  0/s  25 ok  0 failed  outage since 02:59:00  gives up 03:09:00"},
		{lang.TraditionalChinese, paused, nil, "已完成 25 / 1,000 資料列；請求超過 API 的限制：等到 03:01:00", "25/1,000 資料列  每秒 0  成功 25  失敗 0  429 0  請求過多：  等到 03:01:00"},
	} {
		p := &progress{lang: lang.New(c.lang), pace: func() pace.Status { return c.pace }}
		p.total.Store(1000)
		p.done.Store(25)
		p.succeeded.Store(25)
		p.outage.Store(c.outage)
		if got := p.said(now, 39*time.Second); got != c.log {
			t.Errorf("%q, not %q", got, c.log)
		}
		if got := p.line(p.fields(now), 79); !strings.HasPrefix(got, c.line) {
			t.Errorf("%q, not %q", got, c.line)
		}
	}
}

// Where there is no room for all, what a run waits for is left.
func TestProgressSaysItInFortyColumns(t *testing.T) {
	now := time.Date(2026, 11, 25, 3, 0, 0, 0, time.Local)
	paused := pace.Status{PausedUntil: now.Add(time.Minute)}
	outage := &worker.Outage{Since: now.Add(-time.Minute), Next: now.Add(20 * time.Second), GiveUp: now.Add(9 * time.Minute)}
	for _, c := range []struct {
		pace    pace.Status
		outage  *worker.Outage
		columns int
		want    string
	}{
		{pace.Status{}, outage, 40, "outage since 02:59:00"},
		{paused, nil, 40, "waiting until 03:01:00"},
		{paused, nil, 50, "542,747/1,200,000 rows  waiting until 03:01:00"},
		{pace.Status{}, nil, 40, "542,747/1,200,000 rows  881 failed"},
	} {
		p := &progress{lang: lang.New(lang.English), pace: func() pace.Status { return c.pace }}
		p.total.Store(1_200_000)
		p.done.Store(542_747)
		p.failed.Store(881)
		p.outage.Store(c.outage)
		if got := fit(p.fields(now), c.columns-spare); got != c.want {
			t.Errorf("%d columns: %q, not %q", c.columns, got, c.want)
		}
	}
}

// A line that is wider than the terminal wraps, and then each redraw adds one.
func TestProgressFitsTheTerminal(t *testing.T) {
	for _, c := range []struct {
		lang    string
		total   int64
		columns int
		want    string
	}{
		{lang.English, 1_200_000, 120, "542,747/1,200,000 rows  0/s  541,866 ok  881 failed  12 429s  45% [=========>..............]"},
		{lang.English, 1_200_000, 80, "542,747/1,200,000 rows  0/s  541,866 ok  881 failed  12 429s  45% [====>.......]"},
		{lang.English, 1_200_000, 77, "542,747/1,200,000 rows  0/s  541,866 ok  881 failed  12 429s"},
		{lang.English, 1_200_000, 55, "542,747/1,200,000 rows  0/s  541,866 ok  881 failed"},
		{lang.English, 1_200_000, 37, "542,747/1,200,000 rows  881 failed"},
		{lang.English, 1_200_000, 20, "542,747/1,200,000 ro"},
		{lang.English, 1_200_000, 0, ""},
		{lang.English, 0, 77, "542,747 rows  0/s  541,866 ok  881 failed  12 429s"},
		{lang.TraditionalChinese, 1_200_000, 77, "542,747/1,200,000 資料列  每秒 0  成功 541,866  失敗 881  429 12"},
		{lang.TraditionalChinese, 1_200_000, 37, "542,747/1,200,000 資料列  失敗 881"},
		{lang.TraditionalChinese, 1_200_000, 19, "542,747/1,200,000 "}, // half a character has no room
	} {
		p := &progress{lang: lang.New(c.lang), pace: func() pace.Status { return pace.Status{} }}
		p.total.Store(c.total)
		p.done.Store(542_747)
		p.succeeded.Store(541_866)
		p.failed.Store(881)
		p.throttled.Store(12)
		got := p.line(p.fields(time.Now()), c.columns)
		if got != c.want {
			t.Errorf("%d columns: %q, not %q", c.columns, got, c.want)
		}
		if n := lang.Width(got); n > c.columns {
			t.Errorf("%d columns, not %d: %q", n, c.columns, got)
		}
	}
}
