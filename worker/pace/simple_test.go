package pace

import (
	"math"
	"testing"
	"time"
)

// simple is a rival of the law, for the table: how much of the law do its figures
// need? It keeps the law's growth before the first refusal, its silences after one
// and its patience with measurements that agree, and knows one way to keep a limit,
// an even rate: the mean of what was accepted between two refusals, at first a
// little less and then more and more. It knows no window, bucket, ban, cap or
// company. Its gate is its own, since it is as simple.
type simple struct {
	o        Options
	rate     float64 // requests a second; 0: not known yet
	measured float64 // between the last two refusals
	patience int     // how many are accepted before the rate is at its measurement again
	grown    int     // accepted since the last measurement

	accepted int       // since the last silence
	resumed  time.Time // it was over

	until   time.Time // nothing leaves before
	stops   int       // what left before one is old news after it
	probing bool      // the next one asks whether the silence was enough
	refused time.Time // the first refusal of those in a row
	pause   time.Duration

	next     time.Time // one more may leave
	paced    bool
	allowed  int // in flight
	refusals int

	held, inFlight, fresh int // as those of gate
}

const (
	simpleGuard    = 0.02
	simplePatience = 400
)

// laws by the name that -law gives them. nil: the program's.
var laws = map[string]func(Options, time.Time) finder{
	"":       nil,
	"simple": func(o Options, now time.Time) finder { return newSimple(o, now) },
}

// TestSimple: the rival is worth the comparison. It keeps to a bucket, and waits as
// long as it is told.
func TestSimple(t *testing.T) {
	for _, c := range scenarios() {
		if c.name != "token 50/s burst 100" && c.name != "fixed 500 in 10s" || c.group == "bucket from memory" || c.copies > 1 {
			continue
		}
		c.law, c.rows = laws["simple"], 6000
		r, time := c.run(100)
		if r.disobeyed > 0 || c.name != "fixed 500 in 10s" && time > 1.05 {
			t.Errorf("%s %s %s: %.3f of the ideal, %+v", c.group, c.name, c.latency, time, r)
		}
	}
}

func newSimple(o Options, now time.Time) *simple {
	s := &simple{o: o, allowed: rampStart, patience: simplePatience}
	switch {
	case o.Rate > 0:
		s.rate, s.allowed = o.Rate, allInFlight
	case o.Memory.Rate > 0:
		s.measured, s.patience = o.Memory.Rate, max(simplePatience, o.Memory.Patience)
		s.settle()
	}
	return s
}

func (s *simple) admit(now time.Time) (p pass, wait time.Duration, ok bool) {
	switch {
	case s.held >= s.o.Concurrency || s.fresh >= s.allowed:
		return p, 0, false
	case now.Before(s.until):
		return p, s.until.Sub(now), false
	case now.Before(s.next):
		s.paced = true
		return p, s.next.Sub(now), false
	}
	if s.resumed.IsZero() {
		s.resumed = now
	}
	if r := s.rate; r > 0 {
		s.next = now.Add(time.Duration(float64(time.Second) / r))
	}
	s.held++
	s.inFlight++
	s.fresh++
	p = pass{stop: s.stops, paced: s.paced}
	s.paced = false
	return p, 0, true
}

func (s *simple) leave(p *pass, now time.Time) bool {
	if p.stop != s.stops || now.Before(s.until) {
		s.free(p)
		return false
	}
	p.sent = now
	return true
}

func (s *simple) free(p *pass) {
	s.land(p)
	if !p.free {
		p.free = true
		s.held--
	}
}

func (s *simple) land(p *pass) {
	if p.landed {
		return
	}
	p.landed = true
	s.inFlight--
	if p.stop == s.stops {
		s.fresh--
	}
}

func (s *simple) reply(p *pass, r Reply, now time.Time) (Decision, bool) {
	s.land(p)
	stale := p.stop != s.stops
	switch {
	case r.Kind == Throttled:
		s.onRefusal(stale, r.Hint, now)
	case r.Kind == Accepted:
		s.onAccept(p, stale, r.Hint, now)
	}
	return Decision{}, false
}

// onRefusal begins a silence, or goes on with it.
func (s *simple) onRefusal(stale bool, h Hint, now time.Time) {
	if stale {
		s.until = later(s.until, now.Add(h.pause()))
		return
	}
	s.refusals++
	if !s.probing {
		s.refused = now
	}
	pause := h.pause()
	switch {
	case pause == 0:
		pause = s.silence(now)
	case s.probing: // what it was told was not enough
		pause = min(LongestPause, max(pause, 2*s.pause))
	}
	s.stop(now, pause)
	s.probing = true
}

func (s *simple) stop(now time.Time, pause time.Duration) {
	s.pause = max(pause, leastSilence)
	s.until = later(s.until, now.Add(s.pause))
	s.stops++
	s.fresh, s.allowed = 0, 1
}

// silence is how long to wait where the server does not say: until the next of the
// windows that people set would be over.
func (s *simple) silence(now time.Time) time.Duration {
	for _, d := range silences {
		if wait := s.refused.Add(d * 51 / 50).Sub(now); wait >= leastSilence {
			return wait
		}
	}
	return min(LongestPause, now.Sub(s.refused))
}

// onAccept lets more and more in flight until the first refusal, and then raises
// the rate.
func (s *simple) onAccept(p *pass, stale bool, h Hint, now time.Time) {
	s.accepted++
	if h.Reset >= 2*time.Second && h.Left == 0 && now.Add(h.Reset).After(s.until) {
		s.stop(now, h.Reset)
		s.probing = true
		if r := h.rate(); r > 0 {
			s.measured = r
		}
		return
	}
	switch {
	case stale:
	case s.probing:
		s.recovered(p)
	case s.measured == 0:
		s.allowed = rampStart + max(s.accepted/rampPart, min(s.accepted, int(rampOfRows*float64(s.o.Rows))))
	default:
		s.allowed = min(allInFlight, s.allowed+1)
		if p.paced {
			s.grown++
			s.settle()
		}
	}
}

// recovered measures the limit, when a request was accepted after a silence.
func (s *simple) recovered(p *pass) {
	n, took := float64(s.accepted-1), p.sent.Sub(s.resumed).Seconds()
	s.probing, s.allowed = false, rampStart
	s.accepted, s.resumed = 1, p.sent
	if s.o.Rate > 0 || n == 0 {
		return
	}
	m := n / took
	if n < leastCount {
		m = max(m, s.rate/2)
	}
	if same(m, s.measured, agree) {
		s.patience *= 2
		s.patience = min(s.patience, max(leastPatience, int(steadyFor*m)))
		s.patience = max(s.patience, int(costly*p.sent.Sub(s.refused).Seconds()*m))
	} else {
		s.patience = min(simplePatience, max(leastPatience, int(n)))
	}
	s.measured, s.grown = m, 0
	s.settle()
}

// settle sets the rate: below the measurement, at it after patience requests, and
// faster and faster above it.
func (s *simple) settle() {
	x := float64(s.grown) / float64(s.patience)
	s.rate = s.measured * (1 - simpleGuard + 0.05*x*x*math.Exp(x))
	if s.o.Max > 0 {
		s.rate = min(s.rate, s.o.Max)
	}
}

func (s *simple) status(now time.Time) Status {
	return Status{Rate: s.rate, PausedUntil: s.until, Pause: s.pause, InFlight: s.inFlight,
		Learned: Memory{Rate: s.measured, Patience: s.patience, Refusals: s.refusals, At: now}}
}
