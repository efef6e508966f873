package sandbox

import (
	"math/rand/v2"
	"testing"
	"time"
)

var t0 = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// step is n requests at once, at a time, of which ok are let in; wait is what
// the limiter names after the last of them.
type step struct {
	at   time.Duration
	n    int
	ok   int
	wait time.Duration
}

func TestLimiters(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	for name, c := range map[string]struct {
		limiter Limiter
		steps   []step
	}{
		"unlimited": {Unlimited{}, []step{{0, 1000, 1000, 0}}},
		"token bucket": {&TokenBucket{Rate: 10, Burst: 3}, []step{
			{0, 5, 3, 100 * ms}, {99 * ms, 1, 0, 1 * ms}, {100 * ms, 2, 1, 100 * ms},
			{250 * ms, 2, 1, 50 * ms}, {10 * s, 9, 3, 100 * ms}}},
		"fixed window by the clock": {&FixedWindow{Limit: 2, Window: 10 * s}, []step{
			{9 * s, 3, 2, 1 * s}, {10 * s, 3, 2, 10 * s}, {19999 * ms, 1, 0, 1 * ms}, {20 * s, 1, 1, 0}}},
		"fixed window from the first request": {&FixedWindow{Limit: 2, Window: 10 * s, FromFirst: true}, []step{
			{9 * s, 3, 2, 10 * s}, {10 * s, 1, 0, 9 * s}, {19 * s, 3, 2, 10 * s}, {60 * s, 1, 1, 0}}},
		"sliding log": {&SlidingLog{Limit: 3, Window: 10 * s}, []step{
			{0, 1, 1, 0}, {4 * s, 1, 1, 0}, {9 * s, 2, 1, 1 * s}, {10 * s, 2, 1, 4 * s},
			{14 * s, 2, 1, 5 * s}, {60 * s, 4, 3, 10 * s}}},
		// 10 in the last window: at a quarter of the next 7.5 of them count.
		"sliding counter": {&SlidingCounter{Limit: 10, Window: 10 * s}, []step{
			{0, 12, 10, 11 * s}, {10 * s, 1, 0, 1 * s}, {11 * s, 2, 1, 1 * s}, {15 * s, 9, 4, 1 * s},
			{40 * s, 11, 10, 11 * s}}},
		"sliding counter that counts refusals": {&SlidingCounter{Limit: 10, Window: 10 * s, CountRefused: true}, []step{
			{0, 20, 10, 15500 * ms}, {10 * s, 9, 0, 10 * s}, {20 * s, 2, 1, 2222223 * time.Microsecond}}},
		"leaky bucket": {&LeakyBucket{Rate: 10, Burst: 2}, []step{
			{0, 5, 3, 100 * ms}, {99 * ms, 1, 0, 1 * ms}, {100 * ms, 2, 1, 100 * ms}, {10 * s, 4, 3, 100 * ms}}},
		"leaky bucket without burst": {&LeakyBucket{Rate: 10}, []step{
			{0, 2, 1, 100 * ms}, {99 * ms, 1, 0, 1 * ms}, {100 * ms, 1, 1, 100 * ms}}},
		"concurrency cap": {&ConcurrencyCap{Max: 2}, []step{{0, 3, 2, 0}, {60 * s, 1, 0, 0}}},
		"ban": {&Ban{Limiter: &TokenBucket{Rate: 10, Burst: 1}, For: 5 * s}, []step{
			{0, 1, 1, 100 * ms}, {50 * ms, 1, 0, 5 * s}, {5 * s, 1, 0, 5 * s}, {10 * s, 1, 1, 100 * ms}}},
		"schedule": {&Schedule{Steps: []Step{
			{0, &TokenBucket{Rate: 1, Burst: 1}}, {10 * s, &TokenBucket{Rate: 4, Burst: 1}}}}, []step{
			{0, 2, 1, 1 * s}, {1 * s, 2, 1, 1 * s}, {9500 * ms, 2, 1, 500 * ms}, {10 * s, 2, 1, 250 * ms}}},
	} {
		t.Run(name, func(t *testing.T) {
			for i, st := range c.steps {
				var v Verdict
				ok := 0
				for range st.n {
					if v = c.limiter.Take(t0.Add(st.at)); v.OK {
						ok++
					}
				}
				if ok != st.ok || v.Wait != st.wait {
					t.Errorf("step %d, at %v: %d of %d let in, then a wait of %v; want %d and %v",
						i, st.at, ok, st.n, v.Wait, st.ok, st.wait)
				}
			}
		})
	}
}

func TestConcurrencyCapRelease(t *testing.T) {
	for name, l := range map[string]Releaser{
		"bare": &ConcurrencyCap{Max: 1}, "within a ban": &Ban{Limiter: &ConcurrencyCap{Max: 1}, For: time.Second}} {
		l.Take(t0)
		if l.Take(t0).OK {
			t.Errorf("%s: a second request was let in", name)
		}
		l.Release()
		if !l.Take(t0.Add(time.Minute)).OK {
			t.Errorf("%s: no request is let in after the end of the first", name)
		}
	}
}

// Whoever waits for as long as the limiter says is let in, and a millisecond
// earlier is not: the promise that every hint rests on.
func TestWaitIsExact(t *testing.T) {
	for name, newLimiter := range map[string]func() Limiter{
		"token bucket":    func() Limiter { return &TokenBucket{Rate: 7, Burst: 3} },
		"fixed window":    func() Limiter { return &FixedWindow{Limit: 7, Window: 3 * time.Second} },
		"from the first":  func() Limiter { return &FixedWindow{Limit: 7, Window: 3 * time.Second, FromFirst: true} },
		"sliding log":     func() Limiter { return &SlidingLog{Limit: 7, Window: 3 * time.Second} },
		"sliding counter": func() Limiter { return &SlidingCounter{Limit: 7, Window: 3 * time.Second} },
		"counts refused": func() Limiter {
			return &SlidingCounter{Limit: 7, Window: 3 * time.Second, CountRefused: true}
		},
		"leaky bucket": func() Limiter { return &LeakyBucket{Rate: 7, Burst: 3} },
		"ban":          func() Limiter { return &Ban{Limiter: &TokenBucket{Rate: 7, Burst: 3}, For: 2 * time.Second} },
		"schedule": func() Limiter {
			return &Schedule{Steps: []Step{{0, &SlidingLog{Limit: 7, Window: 3 * time.Second}},
				{9 * time.Second, &TokenBucket{Rate: 2, Burst: 1}}, {20 * time.Second, &TokenBucket{Rate: 20, Burst: 9}}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(50) {
				l, now, random := newLimiter(), t0, rand.New(rand.NewPCG(seed, 0))
				for range 200 {
					now = now.Add(time.Duration(random.Int64N(int64(300 * time.Millisecond))))
					wait := l.Wait(now)
					if early := now.Add(wait - time.Millisecond); wait > time.Millisecond && l.Wait(early) == 0 {
						t.Fatalf("seed %d: a request is let in earlier than after the wait of %v", seed, wait)
					}
					if random.IntN(3) == 0 {
						now = now.Add(wait)
						wait = 0
					}
					v := l.Take(now)
					if v.OK != (wait == 0) {
						t.Fatalf("seed %d: let in is %v after a wait of %v", seed, v.OK, wait)
					}
					if v.Wait != l.Wait(now) || v.Wait == 0 && v.Remaining < 0 || v.Wait > 0 && v.Remaining > 0 {
						t.Fatalf("seed %d: the verdict contradicts itself: %+v", seed, v)
					}
				}
			}
		})
	}
}

func TestIdeal(t *testing.T) {
	for name, c := range map[string]struct {
		limiter Limiter
		n       int
		want    time.Duration
	}{
		"token bucket":   {&TokenBucket{Rate: 50, Burst: 20}, 6020, 2 * time.Minute},
		"fixed window":   {&FixedWindow{Limit: 100, Window: 10 * time.Second}, 1001, 100 * time.Second},
		"sliding log":    {&SlidingLog{Limit: 100, Window: 10 * time.Second}, 1001, 100 * time.Second},
		"leaky bucket":   {&LeakyBucket{Rate: 50, Burst: 20}, 6021, 2 * time.Minute},
		"ban":            {&Ban{Limiter: &TokenBucket{Rate: 50, Burst: 20}, For: time.Minute}, 6020, 2 * time.Minute},
		"counts refused": {&SlidingCounter{Limit: 100, Window: 10 * time.Second, CountRefused: true}, 1, 0},
	} {
		if got := Ideal(c.limiter, t0, c.n); got != c.want {
			t.Errorf("%s: %d requests take %v, want %v", name, c.n, got, c.want)
		}
	}
}

// TestCountersByTheRealClock: a reading of the real clock is a wall time and a
// monotonic one, taken a few nanoseconds apart, and windows begin at wall times.
func TestCountersByTheRealClock(t *testing.T) {
	for _, l := range []Limiter{
		&SlidingCounter{Limit: 10, Window: time.Hour},
		&FixedWindow{Limit: 10, Window: time.Hour},
	} {
		in := 0
		for range 1000 {
			if l.Take(time.Now()).OK {
				in++
			}
		}
		// The hour may turn meanwhile.
		if in > 20 {
			t.Errorf("%T let %d in", l, in)
		}
	}
}
