package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mantatag/report"
	"mantatag/worker/manta/sandbox"
)

var (
	socketsFlag = flag.Bool("sockets", false, "print how --rate auto does against the sandbox over real sockets")
	onlyFlag    = flag.String("only", "", "of -sockets: only limits whose name contains this")
)

// TestPaceOverSockets prints, with -sockets, how the program does in real time:
// one run of each limit, all at once, none longer than five minutes.
func TestPaceOverSockets(t *testing.T) {
	if !*socketsFlag {
		return
	}
	const short, long = 20 * time.Millisecond, 100 * time.Millisecond
	window := func(n int, w time.Duration) sandbox.Limiter { return &sandbox.FixedWindow{Limit: n, Window: w} }
	changing := func() sandbox.Limiter {
		bucket := func(rate float64) sandbox.Limiter { return &sandbox.TokenBucket{Rate: rate, Burst: 20} }
		return &sandbox.Schedule{Steps: []sandbox.Step{{Limiter: bucket(20)},
			{After: 60 * time.Second, Limiter: bucket(5)}, {After: 120 * time.Second, Limiter: bucket(40)}}}
	}
	results := make(chan string)
	var all sync.WaitGroup
	for _, s := range []struct {
		name    string
		limiter func() sandbox.Limiter
		hints   sandbox.Hints
		latency time.Duration
		rows    int
		copies  int
		ideal   time.Duration // 0: what the limiter allows
	}{
		{"bucket 50/s, burst 100", func() sandbox.Limiter { return &sandbox.TokenBucket{Rate: 50, Burst: 100} }, 0, short, 6000, 1, 0},
		{"bucket 150/s, burst 5", func() sandbox.Limiter { return &sandbox.TokenBucket{Rate: 150, Burst: 5} }, 0, short, 6000, 1, 0},
		{"bucket 50/s, burst 100, RateLimit", func() sandbox.Limiter { return &sandbox.TokenBucket{Rate: 50, Burst: 100} }, sandbox.RateLimitFields, short, 6000, 1, 0},
		{"leaky bucket 50/s, burst 50", func() sandbox.Limiter { return &sandbox.LeakyBucket{Rate: 50, Burst: 50} }, 0, long, 6000, 1, 0},
		{"window of the clock, 300 in 10s, Retry-After", func() sandbox.Limiter { return window(300, 10*time.Second) }, sandbox.RetryAfterSeconds, short, 6000, 1, 0},
		{"window of the clock, 50 in 1s", func() sandbox.Limiter { return window(50, time.Second) }, 0, short, 6000, 1, 0},
		{"window from the first, 300 in 10s", func() sandbox.Limiter {
			return &sandbox.FixedWindow{Limit: 300, Window: 10 * time.Second, FromFirst: true}
		}, 0, short, 6000, 1, 0},
		{"sliding log, 300 in 10s", func() sandbox.Limiter { return &sandbox.SlidingLog{Limit: 300, Window: 10 * time.Second} }, 0, short, 6000, 1, 0},
		{"sliding counter, 300 in 10s", func() sandbox.Limiter { return &sandbox.SlidingCounter{Limit: 300, Window: 10 * time.Second} }, 0, short, 6000, 1, 0},
		{"8 at once", func() sandbox.Limiter { return &sandbox.ConcurrencyCap{Max: 8} }, 0, long, 6000, 1, 78 * time.Second},
		{"bucket 50/s, burst 20, ban 10s", func() sandbox.Limiter {
			return &sandbox.Ban{Limiter: &sandbox.TokenBucket{Rate: 50, Burst: 20}, For: 10 * time.Second}
		}, 0, short, 6000, 1, 0},
		{"bucket 20/s, then 5/s, then 40/s", changing, 0, short, 3500, 1, 0},
		{"four runs on a bucket 50/s, burst 50", func() sandbox.Limiter { return &sandbox.TokenBucket{Rate: 50, Burst: 50} }, 0, short, 2500, 4, 0},
	} {
		if !strings.Contains(s.name, *onlyFlag) {
			continue
		}
		all.Go(func() {
			server := httptest.NewServer(sandbox.New(sandbox.Options{Limiter: s.limiter(), Hints: s.hints, Latency: s.latency, LatencySpread: 0.3}))
			defer server.Close()
			dir := t.TempDir()
			var runs sync.WaitGroup
			start := time.Now()
			sums := make([]report.Summary, s.copies)
			for i := range s.copies {
				runs.Go(func() { sums[i] = paced(t, server.URL, filepath.Join(dir, fmt.Sprint(i)), s.rows) })
				time.Sleep(300 * time.Millisecond) // copies do not start in the same moment
			}
			runs.Wait()
			took, refused := time.Since(start)-time.Duration(s.copies)*300*time.Millisecond, int64(0)
			var done []string
			for _, sum := range sums {
				refused += sum.Requests.RateLimited
				done = append(done, fmt.Sprintf("%.0fs", sum.ElapsedSeconds))
			}
			ideal, n := s.ideal, s.rows*s.copies
			if ideal == 0 {
				ideal = sandbox.Ideal(s.limiter(), time.Now(), n)
			}
			results <- fmt.Sprintf("| %s | %d | %.1f s | %.1f s | %.2f | %d (%.2f %%) | %s |", s.name, n, took.Seconds(), ideal.Seconds(),
				took.Seconds()/ideal.Seconds(), refused, 100*float64(refused)/float64(int64(n)+refused), strings.Join(done, ", "))
		})
	}
	go func() { all.Wait(); close(results) }()
	for line := range results {
		fmt.Println(line)
	}
}

// paced runs the program over so many rows.
func paced(t *testing.T, url, dir string, rows int) (s report.Summary) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Error(err)
		return s
	}
	var b strings.Builder
	b.WriteString("tagId,clientId\n")
	for i := range rows {
		fmt.Fprintf(&b, "t1,%s-%d\n", filepath.Base(dir), i)
	}
	input := filepath.Join(dir, "clients.csv")
	if err := os.WriteFile(input, []byte(b.String()), 0o600); err != nil {
		t.Error(err)
		return s
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "run", input, "--json", "--quiet", "--max-duration", "5m", "--log-level", "debug", "--state-dir", filepath.Join(dir, "state"))
	cmd.Env = append(os.Environ(), "MANTATAG_TEST_MAIN=1", "MANTATAG_API_URL="+url+sandbox.BasePath,
		"MANTATAG_TOKEN="+sandbox.Token, "MANTATAG_SECRET="+sandbox.Secret, "MANTATAG_BOT_ID="+sandbox.BotID)
	out, err := cmd.Output()
	if err := json.Unmarshal(out, &s); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if err != nil {
		t.Errorf("%s: %v: %s", dir, err, s.Message)
	}
	return s
}
