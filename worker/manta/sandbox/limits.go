package sandbox

import (
	"sort"
	"time"
)

// Limiter is a rate limit as a server keeps it. Time is an argument, so that a
// limiter works in real, bubbled and simulated time alike; the times of one
// limiter's calls never go backward. Limiters are not safe for concurrent use.
// The zero state of each type is that of a client never seen before.
type Limiter interface {
	// Take counts a request that arrives at now and says whether it is let in.
	Take(now time.Time) Verdict

	// Wait is how long from now a request would be let in, if none came
	// before it; 0 at once. It counts nothing and changes nothing.
	Wait(now time.Time) time.Duration
}

// Releaser is a Limiter that must be told when a request that it let in ends.
type Releaser interface {
	Limiter
	Release()
}

// Verdict is the answer to one request, and what the server could tell of its
// limit after it.
type Verdict struct {
	OK        bool
	Limit     int           // requests in Window; 0: there is nothing to tell
	Window    time.Duration // 0: the limit is not one per time
	Remaining int           // requests that would be let in at once
	Reset     time.Duration // until all of Limit is there again
	Wait      time.Duration // until the next request would be let in
}

// Ideal is the shortest time in which a client that knows l, starting at now
// with a new l and hampered by no latency, gets n requests let in. It is of no
// use for a [ConcurrencyCap], which knows no time.
func Ideal(l Limiter, now time.Time, n int) time.Duration {
	start := now
	for range n {
		now = now.Add(l.Wait(now))
		l.Take(now)
	}
	return now.Sub(start)
}

// Unlimited lets everything in.
type Unlimited struct{}

func (Unlimited) Take(time.Time) Verdict       { return Verdict{OK: true} }
func (Unlimited) Wait(time.Time) time.Duration { return 0 }

// TokenBucket holds Burst tokens at first and gains Rate a second.
type TokenBucket struct {
	Rate  float64 // per second, above 0
	Burst int     // at least 1

	full time.Time // when the bucket will be, or was, full
}

func (b *TokenBucket) interval() time.Duration {
	return time.Duration(float64(time.Second) / b.Rate)
}

func (b *TokenBucket) Wait(now time.Time) time.Duration {
	ready := b.full.Add(-time.Duration(b.Burst-1) * b.interval())
	return until(now, ready)
}

func (b *TokenBucket) Take(now time.Time) Verdict {
	ok := b.Wait(now) == 0
	if ok {
		b.full = now.Add(until(now, b.full) + b.interval())
	}
	lack := until(now, b.full)
	v := Verdict{OK: ok, Reset: lack, Wait: b.Wait(now)}
	v.Limit, v.Window = perWindow(b.Rate)
	v.Remaining = int((time.Duration(b.Burst)*b.interval() - lack) / b.interval())
	return v
}

// perWindow says a rate as requests in a second, or in a minute if it is slow.
func perWindow(rate float64) (limit int, window time.Duration) {
	if rate < 1 {
		return max(1, int(rate*60)), time.Minute
	}
	return int(rate), time.Second
}

// FixedWindow lets Limit requests in per Window. Windows lie on multiples of
// Window since 1970, or, with FromFirst, each begins with the first request
// after the end of the last (as Redis INCR with EXPIRE does it).
type FixedWindow struct {
	Limit     int
	Window    time.Duration
	FromFirst bool

	end   time.Time // of the window that taken counts in
	taken int
}

func (w *FixedWindow) Wait(now time.Time) time.Duration {
	if w.taken < w.Limit {
		return 0
	}
	return until(now, w.end)
}

func (w *FixedWindow) Take(now time.Time) Verdict {
	if !now.Before(w.end) {
		w.taken = 0
		w.end = now.Add(w.Window)
		if !w.FromFirst {
			w.end = windowStart(now, w.Window).Add(w.Window)
		}
	}
	ok := w.taken < w.Limit
	if ok {
		w.taken++
	}
	return Verdict{OK: ok, Limit: w.Limit, Window: w.Window,
		Remaining: w.Limit - w.taken, Reset: until(now, w.end), Wait: w.Wait(now)}
}

// SlidingLog lets a request in if fewer than Limit were let in during the
// Window before it. It keeps the time of each.
type SlidingLog struct {
	Limit  int
	Window time.Duration

	taken []time.Time // the last Limit at most, the oldest at next
	next  int
}

func (s *SlidingLog) Wait(now time.Time) time.Duration {
	if len(s.taken) < s.Limit {
		return 0
	}
	return until(now, s.taken[s.next].Add(s.Window))
}

func (s *SlidingLog) Take(now time.Time) Verdict {
	ok := s.Wait(now) == 0
	if ok && len(s.taken) < s.Limit {
		s.taken = append(s.taken, now)
	} else if ok {
		s.taken[s.next] = now
		s.next = (s.next + 1) % s.Limit
	}

	past := sort.Search(len(s.taken), func(i int) bool { return s.nth(i).Add(s.Window).After(now) })
	return Verdict{OK: ok, Limit: s.Limit, Window: s.Window,
		Remaining: s.Limit - (len(s.taken) - past),
		Reset:     until(now, s.nth(len(s.taken)-1).Add(s.Window)), Wait: s.Wait(now)}
}

// nth is the n-th oldest of the times kept.
func (s *SlidingLog) nth(n int) time.Time { return s.taken[(s.next+n)%len(s.taken)] }

// SlidingCounter approximates a sliding window by two fixed ones: what was let
// in during the last counts in proportion to how much of it still lies in the
// Window before now. With CountRefused, refused requests count like the others,
// so that a client that does not fall silent keeps itself out.
type SlidingCounter struct {
	Limit        int
	Window       time.Duration
	CountRefused bool

	start         time.Time // of the window that this counts
	last, current int64
}

// at is the two counters and how far now is into its window. All sums are in
// microseconds, exact, so that a client that waits for Wait is let in.
func (s *SlidingCounter) at(now time.Time) (start time.Time, last, current int64, into int64) {
	start, last, current = windowStart(now, s.Window), s.last, s.current
	switch start.Sub(s.start) {
	case 0:
	case s.Window:
		last, current = current, 0
	default:
		last, current = 0, 0
	}
	return start, last, current, now.Sub(start).Microseconds()
}

func (s *SlidingCounter) Wait(now time.Time) time.Duration {
	start, last, current, into := s.at(now)
	window, limit := s.Window.Microseconds(), int64(s.Limit)

	// ready is when last·(window−into) + (current+1)·window ≤ limit·window.
	ready := func(last, current int64) (into int64, ok bool) {
		switch room := limit - 1 - current; {
		case room < 0:
			return 0, false
		case last <= room:
			return 0, true
		default:
			return window - room*window/last, true
		}
	}
	at, ok := ready(last, current)
	if ok && into >= at {
		return 0
	}
	if !ok {
		at, _ = ready(current, 0)
		at += window
	}
	return until(now, start.Add(time.Duration(at)*time.Microsecond))
}

func (s *SlidingCounter) Take(now time.Time) Verdict {
	ok := s.Wait(now) == 0
	var into int64
	s.start, s.last, s.current, into = s.at(now)
	if ok || s.CountRefused {
		s.current++
	}
	window := s.Window.Microseconds()
	used := s.current + (s.last*(window-into)+window-1)/window
	return Verdict{OK: ok, Limit: s.Limit, Window: s.Window,
		Remaining: max(0, s.Limit-int(used)),
		Reset:     until(now, s.start.Add(2*s.Window)), Wait: s.Wait(now)}
}

// LeakyBucket is nginx's limit_req with nodelay: it reckons in milliseconds and
// thousandths of a request, and lets in what exceeds Rate by Burst at most. With
// Burst 0 two requests within one interval never both pass.
type LeakyBucket struct {
	Rate  float64 // per second, at least 0.001
	Burst int

	seen   bool
	last   int64 // milliseconds since 1970
	excess int64 // thousandths of a request
}

func (b *LeakyBucket) perSecond() int64 { return int64(b.Rate * 1000) }

func (b *LeakyBucket) excessAt(milli int64) int64 {
	return max(0, b.excess-b.perSecond()*(milli-b.last)/1000)
}

func (b *LeakyBucket) Wait(now time.Time) time.Duration {
	over := b.excess + 1000 - int64(b.Burst)*1000
	if !b.seen || over <= 0 {
		return 0
	}
	milli := (over*1000 + b.perSecond() - 1) / b.perSecond()
	return until(now, time.UnixMilli(b.last+milli))
}

func (b *LeakyBucket) Take(now time.Time) Verdict {
	milli := now.UnixMilli()
	ok := b.Wait(now) == 0
	switch {
	case !b.seen: // nginx counts the first request of all as no excess
		b.seen, b.last = true, milli
	case ok:
		b.excess = max(0, b.excess-b.perSecond()*(milli-b.last)/1000+1000)
		b.last = milli
	}
	excess := b.excessAt(milli)
	v := Verdict{OK: ok, Wait: b.Wait(now),
		Remaining: int(max(0, (int64(b.Burst)*1000-excess)/1000)),
		Reset:     time.Duration(excess) * time.Second / time.Duration(b.perSecond())}
	v.Limit, v.Window = perWindow(b.Rate)
	return v
}

// ConcurrencyCap lets Max requests be in flight at once, whatever their rate.
// When one will end it does not know: a Wait of 0 says nothing.
type ConcurrencyCap struct {
	Max int

	inFlight int
}

func (c *ConcurrencyCap) Wait(time.Time) time.Duration { return 0 }
func (c *ConcurrencyCap) Release()                     { c.inFlight-- }

func (c *ConcurrencyCap) Take(time.Time) Verdict {
	ok := c.inFlight < c.Max
	if ok {
		c.inFlight++
	}
	return Verdict{OK: ok, Limit: c.Max, Remaining: c.Max - c.inFlight}
}

// Ban shuts a client out for a time whenever Limiter refuses it, and each
// request that comes during the ban starts it anew.
type Ban struct {
	Limiter Limiter
	For     time.Duration

	end time.Time
}

func (b *Ban) Wait(now time.Time) time.Duration {
	ban := until(now, b.end)
	return ban + b.Limiter.Wait(now.Add(ban))
}

func (b *Ban) Take(now time.Time) Verdict {
	if now.Before(b.end) {
		b.end = now.Add(b.For)
		return Verdict{Wait: b.Wait(now), Reset: b.For}
	}
	v := b.Limiter.Take(now)
	if !v.OK {
		b.end = now.Add(b.For)
		v.Remaining, v.Reset = 0, max(v.Reset, b.For)
		v.Wait = b.Wait(now)
	}
	return v
}

// Release tells a Limiter that wants to know.
func (b *Ban) Release() { release(b.Limiter) }

// Schedule changes the limit while it is in use: each of Steps holds from its
// time until that of the next, and the first from the beginning. Only limiters
// that are no [Releaser] can take part.
type Schedule struct {
	Steps []Step

	start time.Time // of the first request
}

// Step is one limit of a [Schedule].
type Step struct {
	After   time.Duration // since the first request
	Limiter Limiter
}

func (s *Schedule) at(now time.Time) int {
	i := 0
	for i+1 < len(s.Steps) && !s.start.IsZero() && now.Sub(s.start) >= s.Steps[i+1].After {
		i++
	}
	return i
}

func (s *Schedule) Wait(now time.Time) time.Duration {
	// A step to come may let in what the present one would still refuse.
	t := now
	for i := s.at(now); ; i++ {
		ready := t.Add(s.Steps[i].Limiter.Wait(t))
		if i+1 == len(s.Steps) {
			return ready.Sub(now)
		}
		change := s.start.Add(s.Steps[i+1].After)
		if s.start.IsZero() || ready.Before(change) {
			return ready.Sub(now)
		}
		t = change
	}
}

func (s *Schedule) Take(now time.Time) Verdict {
	if s.start.IsZero() {
		s.start = now
	}
	v := s.Steps[s.at(now)].Limiter.Take(now)
	v.Wait = s.Wait(now)
	return v
}

func release(l Limiter) {
	if r, ok := l.(Releaser); ok {
		r.Release()
	}
}

// until is how long it is from now to t, 0 if t is past.
func until(now, t time.Time) time.Duration {
	if !t.After(now) {
		return 0
	}
	return t.Sub(now)
}

// windowStart is the last multiple of window since 1970. It has no monotonic
// reading: two calls in one window are to return the same time.
func windowStart(now time.Time, window time.Duration) time.Time {
	now = now.Round(0)
	into := now.UnixNano() % int64(window)
	if into < 0 { // before 1970
		into += int64(window)
	}
	return now.Add(-time.Duration(into))
}
