package main

import (
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
