package pace

import (
	"fmt"
	"testing"
	"time"

	"mantatag/worker/manta/sandbox"
)

// A limit that somebody else has just used up tells nothing by its first refusals
// but that one has to wait: the run begins when there is room.
func TestLimitUsedUpAtTheStart(t *testing.T) {
	for name, limiter := range map[string]func() sandbox.Limiter{
		"clock": func() sandbox.Limiter { return &sandbox.FixedWindow{Limit: 300, Window: 10 * time.Second} },
		"first": func() sandbox.Limiter {
			return &sandbox.FixedWindow{Limit: 300, Window: 10 * time.Second, FromFirst: true}
		},
		"sliding log": func() sandbox.Limiter { return &sandbox.SlidingLog{Limit: 300, Window: 10 * time.Second} },
		"counter":     func() sandbox.Limiter { return &sandbox.SlidingCounter{Limit: 300, Window: 10 * time.Second} },
		"bucket":      func() sandbox.Limiter { return &sandbox.TokenBucket{Rate: 30, Burst: 300} },
		"shallow":     func() sandbox.Limiter { return &sandbox.TokenBucket{Rate: 30, Burst: 10} },
	} {
		for _, hint := range []hinting{silent, retryAfter} {
			t.Run(fmt.Sprintf("%s %s", name, hint), func(t *testing.T) {
				for seed := range uint64(5) {
					used := limiter()
					for used.Take(simulationStart(seed)).OK {
					}
					s := &simulation{limiter: used, hint: hint, latency: 20 * time.Millisecond, spread: 0.3, concurrency: 32, rows: 3000}
					r := s.run(seed, time.Hour)
					// 100 s for buckets, 110 s for windows, 120 s for the counter.
					if r.elapsed > 140*time.Second || r.refused > 60 {
						t.Errorf("seed %d: %v, %d refused; learned %+v", seed, r.elapsed, r.refused, r.learned)
					}
				}
			})
		}
	}
}
