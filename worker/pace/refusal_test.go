package pace

import (
	"testing"
	"time"

	"mantatag/worker/manta/sandbox"
)

// A refusal is followed by a silence, also of a limit that is over only after
// minutes, and of a rate of less than one a minute.
func TestNoRefusalWithoutASilence(t *testing.T) {
	for name, limiter := range map[string]func() sandbox.Limiter{
		"one in two minutes": func() sandbox.Limiter { return &sandbox.TokenBucket{Rate: 1.0 / 120, Burst: 1} },
		"60 in an hour":      func() sandbox.Limiter { return &sandbox.FixedWindow{Limit: 60, Window: time.Hour} },
		"a ban of five minutes": func() sandbox.Limiter {
			return &sandbox.Ban{Limiter: &sandbox.TokenBucket{Rate: 1, Burst: 10}, For: 5 * time.Minute}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(3) {
				s := &simulation{limiter: limiter(), latency: 20 * time.Millisecond, spread: 0.3, concurrency: 8, rows: 200}
				stops := 0
				s.trace = func(_ int, now time.Time, kind ReplyKind, law *State) {
					if kind != Throttled || law.Stops == stops {
						return
					}
					stops = law.Stops
					if silence := law.Until.Sub(now); silence < 30*time.Millisecond {
						t.Fatalf("seed %d: a silence of %v after: %s", seed, silence, law.Reason)
					}
				}
				s.run(seed, 20*time.Hour)
			}
		})
	}
}

// A ban that comes midway is not taken for others on the same limit: who asks again
// every two seconds, since they may have left something, renews it for ever.
func TestBanThatComesMidway(t *testing.T) {
	for name, before := range map[string]func() sandbox.Limiter{
		"counter": func() sandbox.Limiter { return &sandbox.SlidingCounter{Limit: 50, Window: time.Second} },
		"window":  func() sandbox.Limiter { return &sandbox.FixedWindow{Limit: 500, Window: 10 * time.Second} },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := uint64(5000); seed < 5005; seed++ {
				s := &simulation{latency: 500 * time.Millisecond, spread: 0.3, concurrency: 256, rows: 20000,
					limiter: &sandbox.Schedule{Steps: []sandbox.Step{{Limiter: before()}, {After: 150 * time.Second,
						Limiter: &sandbox.Ban{Limiter: &sandbox.TokenBucket{Rate: 50, Burst: 50}, For: 5 * time.Second}}}}}
				r := s.run(seed, 30*time.Minute)
				if r.sent-r.refused < s.rows || r.refused > r.sent/10 {
					t.Errorf("seed %d: %d of %d let in after %v, %d refused", seed, r.sent-r.refused, s.rows, r.elapsed, r.refused)
				}
			}
		})
	}
}
