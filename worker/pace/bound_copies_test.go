package pace

import (
	"fmt"
	"testing"
	"time"

	"mantatag/worker/manta/sandbox"
)

// TestBoundOfCopies prints, with -table, what four copies on one window reach if
// they know from the start that they share it, how long it is, and how much it lets
// in, of which each claims the half, but not how many they are: what it costs to
// find their shares, without what it costs to find each other.
func TestBoundOfCopies(t *testing.T) {
	if !*tableFlag {
		return
	}
	for _, w := range []struct {
		limit  int
		window time.Duration
		rows   int
	}{{500, 10 * time.Second, 5000}, {100, 10 * time.Second, 1500}, {1000, time.Minute, 5000}, {300, time.Minute, 1500}} {
		for _, hint := range []hinting{silent, retryAfter} {
			for _, latency := range []time.Duration{20 * time.Millisecond, 150 * time.Millisecond} {
				c := scenario{limiter: func() sandbox.Limiter { return &sandbox.FixedWindow{Limit: w.limit, Window: w.window} },
					latency: latency, rows: w.rows, copies: 4}
				var times, shares, jains []float64
				for i := range *seedsFlag {
					seed := uint64(*firstFlag + i)
					s := &simulation{limiter: c.limiter(), hint: hint, latency: latency, spread: 0.3, concurrency: 128, rows: c.rows, copies: c.copies,
						prepare: func(law *State, start time.Time) {
							law.share(float64(w.limit)/w.window.Seconds()/2, w.window)
							law.allowed = allInFlight
							law.opened, law.refusal, law.resumed = start, start, start
						}}
					ideal := c.ideal(seed, s.concurrency)
					r := s.run(seed, 5*ideal+10*time.Minute)
					times = append(times, r.elapsed.Seconds()/ideal.Seconds())
					shares = append(shares, float64(r.refused)/float64(r.sent))
					jains = append(jains, r.jain)
				}
				fmt.Printf("%d in %v, hint %v, %v: time %.3f, %.2f %% refused, Jain %.2f\n", w.limit, w.window, hint, latency,
					quantile(times, 0.5), 100*quantile(shares, 0.5), quantile(jains, 0.5))
			}
		}
	}
}
