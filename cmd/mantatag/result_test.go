package main

import (
	"strings"
	"testing"
	"time"

	"mantatag/cmd/mantatag/lang"
	"mantatag/report"
	"mantatag/worker/pace"
)

// What is said of the pace is what held the run back.
func TestSayPace(t *testing.T) {
	ended := time.Now()
	for _, c := range []struct {
		want     string
		rate     report.Rate
		requests report.Requests
		ended    *time.Time
	}{
		{"", report.Rate{}, report.Requests{Sent: 8}, &ended},
		{"The API allows about 49.9 requests a second.", report.Rate{Learned: 49.88}, report.Requests{Sent: 900, RateLimited: 4}, &ended},
		{"The API allows about 1,450 requests a second.", report.Rate{Learned: 1450.2}, report.Requests{Sent: 900}, &ended},
		{"The run was kept to the 0.5 requests a second of --rate.", report.Rate{Learned: 81.2, Given: 0.5}, report.Requests{Sent: 9}, &ended},
		{"The API takes about 8 requests at once.", report.Rate{Learned: 60.7, InFlight: 8}, report.Requests{Sent: 900, RateLimited: 9}, &ended},
		{"The API's limit is not settled yet: 12 of 1,412 requests were over it.", report.Rate{}, report.Requests{Sent: 1412, RateLimited: 12}, &ended},
		{"", report.Rate{}, report.Requests{Sent: 1412, RateLimited: 12}, nil},
		{"No limit of the API was met: --concurrency (32) is what held the run back.", report.Rate{Bound: 32}, report.Requests{Sent: 9000}, &ended},
	} {
		s := report.Summary{Rate: c.rate, Requests: c.requests, FinishedAt: c.ended}
		if got := sayPace(lang.New(lang.English), s); got != c.want {
			t.Errorf("%q, not %q", got, c.want)
		}
	}
}

// check says of an earlier run no more than is sure.
func TestCheckSaysPace(t *testing.T) {
	at := time.Now().Add(-time.Minute)
	for _, c := range []struct {
		want   string
		memory pace.Memory
	}{
		{"At 50 requests a second, as found on 2026-11-24, a run takes about 1m 40s.\n", pace.Memory{Rate: 51, Settled: 50, At: at}},
		{"The API's limit is not settled yet: of the last run, on 2026-11-24, 150 requests were accepted in 2s and 3 refused.\n",
			pace.Memory{Rate: 66, Accepted: 150, Refused: 3, Took: 2 * time.Second, At: at}},
		{"The API's limit is not settled yet: of the last run, on 2026-11-24, 159 requests were accepted in 1m 40s and 9 refused.\n" +
			"At the 1.25 requests a second that it kept, a run takes about 1h 6m.\n",
			pace.Memory{Rate: 107, Kept: 1.25, Accepted: 159, Refused: 9, Took: 100 * time.Second, At: at}},
		{"The API's limit is not settled yet: of the last run, on 2026-11-24, 1,000 requests were accepted in 20s and 0 refused.\n" +
			"At the 50 requests a second that it kept, a run takes about 1m 40s.\n",
			pace.Memory{Ramp: 24, Kept: 50, Accepted: 1000, Took: 20 * time.Second, At: at}},
		{"The API takes about 8 requests at once, as found on 2026-11-24.\nAt the 200 requests a second that it kept, a run takes about 25s.\n",
			pace.Memory{Rate: 60.7, InFlight: 8, Kept: 200, Accepted: 4000, At: at}},
		{"The last run, on 2026-11-24, met no limit and made 1,450 requests a second with --concurrency 32: at that a run takes about 3s.\n",
			pace.Memory{Kept: 1450, Concurrency: 32, Accepted: 9000, At: at}},
		{"How long a run takes is known once one has found the API's limit; --rate says what it takes at a given one.\n", pace.Memory{Rate: 66, At: at}}, // an older version's
	} {
		store := pace.Store{Dir: t.TempDir(), Host: "api.example.com", Bot: "b"}
		if err := store.Save(c.memory); err != nil {
			t.Fatal(err)
		}
		r := &conclusion{BotID: "b", Rows: checkedRows{ToSend: 5000}, lang: lang.New(lang.English)}
		if err := (&checkOptions{stateDir: store.Dir}).estimate(r, store.Host, ""); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		r.printPace(&b)
		day := c.memory.At.Local().Format(time.DateOnly)
		if want := strings.ReplaceAll(c.want, "2026-11-24", day); b.String() != want {
			t.Errorf("%q, not %q", b.String(), want)
		}
	}
}

// Of a run that was cut off, requests that were answered are told from those of which
// nothing came back.
func TestRequestsOfARunCutOff(t *testing.T) {
	for _, c := range []struct {
		running bool
		sent    int64
		want    string
	}{
		{false, 36, "  4 requests in 5s.\n  32 more were sent, or about to be, and no answer to them is recorded.\n"},
		{false, 5, "  4 requests in 5s.\n  1 more was sent, or about to be, and no answer to it is recorded.\n"},
		{false, 4, "  4 requests in 5s.\n\n"},
		{true, 36, "  4 requests in 5s.\n\n"}, // they are on their way
	} {
		s := standing{Running: c.running, Summary: report.Summary{ElapsedSeconds: 5, Requests: report.Requests{Sent: c.sent, Succeeded: 4}}}
		var b strings.Builder
		printStanding(&b, lang.New(lang.English), s, next{left: "again"})
		if !strings.Contains(b.String(), c.want) {
			t.Errorf("%d sent, running %t:\n%s", c.sent, c.running, b.String())
		}
	}
}
