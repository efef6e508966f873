package pace

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"mantatag/worker/manta/sandbox"
)

// goingOn is a limiter whose clock is ahead: that of earlier runs goes on.
type goingOn struct {
	sandbox.Limiter
	by time.Duration
}

func (g *goingOn) Take(now time.Time) sandbox.Verdict { return g.Limiter.Take(now.Add(g.by)) }
func (g *goingOn) Wait(now time.Time) time.Duration   { return g.Limiter.Wait(now.Add(g.by)) }

// TestShortRuns: many small jobs one soon after the other, some of them cut off,
// leave no memory that holds up a large one. A bucket that was half empty when it was
// met from memory once seemed one of a request in thirty years.
func TestShortRuns(t *testing.T) {
	for _, tt := range []struct {
		name    string
		limiter func() sandbox.Limiter
		atMost  time.Duration // for 3,000 rows
	}{
		{"bucket", func() sandbox.Limiter { return &sandbox.TokenBucket{Rate: 50, Burst: 20} }, 80 * time.Second},
		{"deep bucket", func() sandbox.Limiter { return &sandbox.TokenBucket{Rate: 50, Burst: 100} }, 80 * time.Second},
		{"window", func() sandbox.Limiter { return &sandbox.FixedWindow{Limit: 500, Window: 10 * time.Second} }, 4 * time.Minute},
		{"sliding log", func() sandbox.Limiter { return &sandbox.SlidingLog{Limit: 500, Window: 10 * time.Second} }, 4 * time.Minute},
	} {
		for _, hint := range []hinting{silent, retryAfter} {
			for _, latency := range []time.Duration{20 * time.Millisecond, 150 * time.Millisecond} {
				t.Run(fmt.Sprintf("%s %s %s", tt.name, hint, latency), func(t *testing.T) {
					for seed := range uint64(20) {
						rng := rand.New(rand.NewPCG(seed, 7))
						l := &goingOn{Limiter: tt.limiter()}
						var m Memory
						said := ""
						run := func(rows int, cut, atMost time.Duration) {
							s := &simulation{limiter: l, hint: hint, latency: latency, spread: 0.3, concurrency: 32, rows: rows, memory: m}
							r := s.run(seed, cut)
							l.by += r.elapsed + time.Duration(rng.IntN(1000))*time.Millisecond
							if r.learned.Rate > 0 {
								m = r.learned
							}
							said += fmt.Sprintf(" %d rows %.1f/s,", rows, r.learned.Rate)
							if r.elapsed > atMost || r.learned.Rate > 0 && !m.sensible() {
								t.Errorf("seed %d: %v, %d refused;%s", seed, r.elapsed.Round(time.Second), r.refused, said)
							}
						}
						for range 8 {
							rows := []int{5, 10, 40, 100, 400}[rng.IntN(5)]
							cut := []time.Duration{time.Second, 2 * time.Second, time.Minute}[rng.IntN(3)]
							run(rows, cut, 20*time.Second+time.Duration(rows)*3*time.Second/50)
						}
						run(3000, time.Hour, tt.atMost)
					}
				})
			}
		}
	}
}

// TestCapFromMemory: what a short job has learned of a limit on those in flight makes
// the next one no slower, and where it was told as such all but ideal.
func TestCapFromMemory(t *testing.T) {
	for _, tt := range []struct {
		most    int
		latency time.Duration
		rows    int
	}{
		{4, 100 * time.Millisecond, 600}, {8, 20 * time.Millisecond, 1000}, {8, 100 * time.Millisecond, 1000},
		{8, 100 * time.Millisecond, 6000}, {20, 150 * time.Millisecond, 1000}, {20, 150 * time.Millisecond, 6000},
	} {
		for _, hint := range []hinting{silent, retryAfter} {
			ideal := float64(tt.rows) / float64(tt.most) * tt.latency.Seconds() * 1.046 // the mean of the spread
			for seed := range uint64(8) {
				var m Memory
				said := ""
				first := 0.0
				for range 4 {
					s := &simulation{limiter: &sandbox.ConcurrencyCap{Max: tt.most}, hint: hint, latency: tt.latency, spread: 0.3, concurrency: 32, rows: tt.rows, memory: m}
					r := s.run(seed, time.Hour)
					over := r.elapsed.Seconds() / ideal
					said += fmt.Sprintf(" %.2f (%d refused, from %.0f/s and %d in flight),", over, r.refused, m.Rate, m.InFlight)
					if first == 0 {
						first = over
					}
					silences := 1.1 * float64(r.refused) / ideal // a second and the way there
					if over > 1.2*first || m.InFlight > 0 && over > 1.12+silences {
						t.Errorf("%d at once, %v, %d rows, %s, seed %d:%s", tt.most, tt.latency, tt.rows, hint, seed, said)
						break
					}
					if r.learned.Rate > 0 {
						m = r.learned
					}
				}
			}
		}
	}
}

// TestWindowFromMemory: a run that begins shortly before a window of the clock ends is
// let in more than the quota that it remembers, which is no sign of others on it.
func TestWindowFromMemory(t *testing.T) {
	for _, hint := range []hinting{silent, retryAfter} {
		c := scenario{limiter: func() sandbox.Limiter { return &sandbox.FixedWindow{Limit: 500, Window: 10 * time.Second} },
			hint: hint, latency: 20 * time.Millisecond, rows: 12_000, memory: true}
		for seed := uint64(100); seed < 117; seed++ {
			if r, over := c.run(seed); over > 1.15 {
				t.Errorf("%s, seed %d: %.2f of the ideal, %d refused", hint, seed, over, r.refused)
			}
		}
	}
}

// TestRampFromMemory: a job that met no limit is the ramp's half way for the next one,
// and a limit that is met then refuses few.
func TestRampFromMemory(t *testing.T) {
	for _, rows := range []int{200, 1000, 3000} {
		for seed := range uint64(10) {
			var m Memory
			run := func(l sandbox.Limiter) result {
				s := &simulation{limiter: l, latency: 150 * time.Millisecond, spread: 0.3, concurrency: 128, rows: rows, memory: m}
				r := s.run(seed, time.Hour)
				m = r.learned
				return r
			}
			first := run(sandbox.Unlimited{})
			var later result
			for range 3 {
				later = run(sandbox.Unlimited{})
			}
			if rows > 200 && later.elapsed > first.elapsed*3/4 || later.elapsed > first.elapsed {
				t.Errorf("%d rows, seed %d: %v, and three runs later %v", rows, seed, first.elapsed, later.elapsed)
			}
			if !m.sensible() {
				t.Errorf("%d rows, seed %d: %+v", rows, seed, m)
			}
			if met := run(&sandbox.TokenBucket{Rate: 50, Burst: 50}); met.refused > 35 {
				t.Errorf("%d rows, seed %d: met with %d refusals", rows, seed, met.refused)
			}
		}
	}
}
