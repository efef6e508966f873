package pace

import (
	"testing"
	"time"

	"mantatag/worker/manta/sandbox"
)

// What is told as the limit is none higher, and none is told before it is known.
func TestSettledIsTheLimit(t *testing.T) {
	bucket := func(rate float64, burst int) func() sandbox.Limiter {
		return func() sandbox.Limiter { return &sandbox.TokenBucket{Rate: rate, Burst: burst} }
	}
	window := func() sandbox.Limiter { return &sandbox.FixedWindow{Limit: 300, Window: 10 * time.Second} }
	ban := func() sandbox.Limiter {
		return &sandbox.Ban{Limiter: &sandbox.TokenBucket{Rate: 50, Burst: 20}, For: 10 * time.Second}
	}
	for _, c := range []struct {
		name    string
		limiter func() sandbox.Limiter
		rows    int
		limit   float64
		told    bool // of most seeds
	}{
		{"bucket, 1 s", bucket(50, 20), 70, 50, false},
		{"bucket, 2 s", bucket(50, 20), 120, 50, false},
		{"bucket, 2 s, a large burst", bucket(50, 100), 200, 50, false},
		{"bucket, a minute", bucket(50, 20), 3000, 50, true},
		{"bucket, a minute, a large burst", bucket(50, 100), 3000, 50, true},
		{"fast bucket, a minute", bucket(400, 100), 24_000, 400, true},
		{"slow bucket, five minutes", bucket(2, 10), 600, 2, true},
		{"window, 15 s", window, 450, 30, false},
		{"window, three minutes", window, 5400, 30, true},
		{"ban", ban, 1000, 50, false},
		{"no limit", func() sandbox.Limiter { return sandbox.Unlimited{} }, 3000, 0, false},
	} {
		told, worst := 0, 0.0
		const seeds = 20
		for seed := range uint64(seeds) {
			s := &simulation{limiter: c.limiter(), latency: 20 * time.Millisecond, spread: 0.3, concurrency: 32, rows: c.rows}
			s.run(seed, time.Hour)
			if got := s.copy[0].gate.status(s.now).Learned.Settled; got > 0 {
				told++
				worst = max(worst, got)
			}
		}
		t.Logf("%s: told by %d of %d, at most %.4g", c.name, told, seeds, worst)
		if worst > 1.02*c.limit {
			t.Errorf("%s: %g was told as the limit, which is %g", c.name, worst, c.limit)
		}
		if c.told != (told > seeds/2) {
			t.Errorf("%s: told by %d of %d", c.name, told, seeds)
		}
	}
}

// A run from memory tells what the run before had settled.
func TestSettledIsKept(t *testing.T) {
	for _, c := range []struct {
		memory Memory
		limit  float64
		want   bool
	}{
		{Memory{Rate: 50, Burst: 20, Patience: 400, Settled: 49.5}, 50, true},
		{Memory{Rate: 66, Burst: 20, Patience: 60}, 50, false},
		{Memory{Rate: 50, Burst: 20, Patience: 400, Settled: 49.5}, 25, false},
	} {
		s := &simulation{limiter: &sandbox.TokenBucket{Rate: c.limit, Burst: 20}, latency: 20 * time.Millisecond, spread: 0.3,
			concurrency: 32, rows: 100, memory: c.memory}
		s.run(1, time.Hour)
		if got := s.copy[0].gate.status(s.now).Learned; (got.Settled > 0) != c.want || got.Settled > c.limit {
			t.Errorf("from %+v: %+v", c.memory, got)
		}
	}
}

// What bounds a run that meets no limit is --concurrency, and a cap on those in
// flight is no rate.
func TestBoundsInFlightAreTold(t *testing.T) {
	run := func(l sandbox.Limiter, rows int) Memory {
		s := &simulation{limiter: l, latency: 20 * time.Millisecond, spread: 0.3, concurrency: 32, rows: rows}
		s.run(1, time.Hour)
		return s.copy[0].gate.status(s.now).Learned
	}
	if m := run(sandbox.Unlimited{}, 10_000); m.Concurrency != 32 || m.Rate != 0 || m.Kept < 1000 || m.Kept > 32/0.02 {
		t.Errorf("no limit: %+v", m)
	}
	if m := run(sandbox.Unlimited{}, 500); m.String() != "" || m.Concurrency != 0 || m.Ramp <= rampStart || m.Ramp > 32 {
		t.Errorf("no limit, within the ramp: %#v", m)
	}
	if m := run(sandbox.Unlimited{}, 6); m.Ramp == 0 || m.Kept != 0 {
		t.Errorf("no limit, too short to say at what pace: %#v", m)
	}
	if m := run(&sandbox.ConcurrencyCap{Max: 8}, 6000); m.InFlight < 7 || m.InFlight > 8 || m.Settled != 0 || m.Concurrency != 0 {
		t.Errorf("a cap: %+v", m)
	}
}
