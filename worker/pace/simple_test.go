package pace

import (
	"math"
	"testing"
	"time"

	"mantatag/worker/manta/sandbox"
)

// simple is a rival of the law, for the table: how much of the law do its figures
// need? It knows one way to keep a limit, an even rate, and one way to find it, the
// mean between two silences. It knows no window, depth of a bucket, company, bound
// on those in flight, nor ban. Its gate is its own, since it is as simple.
type simple struct {
	o        Options
	rate     float64 // requests a second; 0: not known yet
	measured float64 // by the last silence
	named    float64 // the rate that the server names; 0: none
	patience int     // how many are accepted while the rate grows by a seventh
	grown    int     // accepted since the last silence, of those that the rate held back
	accepted int     // since then
	resumed  time.Time
	refusals int

	until   time.Time // nothing leaves before
	stops   int       // counts pauses; what left before one is old news after it
	probing bool      // one request asks whether the pause was enough
	refused time.Time // when the first refused request of those in a row was sent
	pause   time.Duration
	allowed int // in flight

	next        time.Time // the rate lets one more leave
	paced       bool      // it held that one back
	held, fresh int       // as those of gate
}

const (
	simpleGuard    = 0.01 // a bucket saves up what a rate this far below it leaves
	simplePatience = 600  // at most one refusal in some 220 requests
	simpleCostly   = 20.0 // a silence is risked once in some seven times its length
)

// laws are those of -law. nil is the program's.
var laws = map[string]func(Options, time.Time) finder{
	"":       nil,
	"simple": func(o Options, _ time.Time) finder { return newSimple(o) },
}

func newSimple(o Options) *simple {
	s := &simple{o: o, allowed: rampStart, measured: o.Memory.Rate, patience: max(simplePatience, o.Memory.Patience)}
	if s.measured > 0 || o.Rate > 0 {
		s.allowed = allInFlight // the rate alone holds back
	}
	s.settle()
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
	if s.rate > 0 {
		s.next = now.Add(time.Duration(float64(time.Second) / s.rate))
	}
	s.held++
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

func (s *simple) land(p *pass) {
	if !p.landed && p.stop == s.stops {
		s.fresh--
	}
	p.landed = true
}

func (s *simple) free(p *pass) {
	s.land(p)
	if !p.free {
		s.held--
	}
	p.free = true
}

func (s *simple) reply(p *pass, r Reply, now time.Time) (Decision, bool) {
	s.land(p)
	if n := r.Hint.rate(); n > 0 {
		s.named = n
	}
	news := p.stop == s.stops
	switch wait := r.Hint.pause(); {
	case r.Kind == Throttled && !news: // but for a longer pause
		s.until = later(s.until, now.Add(wait))
	case r.Kind == Throttled:
		s.refusals++
		if !s.probing {
			s.refused = p.sent
		}
		switch {
		case wait == 0:
			wait = s.silence(now)
		case s.probing: // what the server named was too short
			wait = min(LongestPause, max(wait, 2*s.pause))
		}
		s.stop(now, wait)
	case r.Kind == Accepted:
		s.accepted++
		switch {
		case wait >= 2*time.Second && now.Add(wait).After(s.until): // nothing is left
			if !s.probing {
				s.refused = p.sent
			}
			s.stop(now, wait)
		case !news:
		case s.probing:
			s.measure(p.sent)
		case s.measured == 0 && s.o.Rate == 0:
			s.allowed = rampStart + max(s.accepted/rampPart, min(s.accepted, int(rampOfRows*float64(s.o.Rows))))
		case p.paced:
			s.grown++
			s.settle()
		}
	}
	return Decision{}, false
}

// stop has nothing leave for the time of wait, and then one request alone.
func (s *simple) stop(now time.Time, wait time.Duration) {
	s.pause = max(wait, leastSilence)
	s.until = later(s.until, now.Add(s.pause))
	s.stops++
	s.fresh, s.allowed, s.probing = 0, 1, true
}

// silence is how long to wait where the server does not say: until the next of the
// windows that people set would be over, then as long again.
func (s *simple) silence(now time.Time) time.Duration {
	for _, d := range silences {
		if wait := s.refused.Add(d * 51 / 50).Sub(now); wait >= leastSilence {
			return wait
		}
	}
	return min(LongestPause, now.Sub(s.refused))
}

// measure takes in that a request sent at now was accepted after a silence. What
// was accepted since the last silence, over all the time until now, is the limit of
// a window or of a bucket that saved the silence up; over the time without the
// silence, it is the most that a bucket can have which did not, as under a ban. The
// geometric mean of both is between them: each refusal halves what it is wrong by,
// and the longer the time between two silences the less the two differ.
func (s *simple) measure(now time.Time) {
	n, took, silent := float64(s.accepted-1), now.Sub(s.resumed).Seconds(), now.Sub(s.refused).Seconds()
	s.probing, s.allowed = false, allInFlight
	s.accepted, s.resumed, s.grown = 1, now, 0
	if n == 0 {
		if s.measured == 0 && s.o.Rate == 0 {
			s.allowed = rampStart
		}
		return
	}
	limit := n / math.Sqrt(took*max(0.001, took-silent))
	if n < leastCount {
		limit = max(limit, s.rate/2)
	}
	if same(limit, s.measured, agree) {
		s.patience = min(2*s.patience, int(steadyFor*limit))
	} else {
		s.patience = min(simplePatience, int(n))
	}
	s.patience = max(s.patience, leastPatience, int(simpleCostly*silent*limit))
	s.measured = limit
	s.settle()
}

// settle sets the rate: at first a little below the measurement, then above it, and
// faster and faster, in case the limit has risen.
func (s *simple) settle() {
	if s.o.Rate > 0 {
		s.rate = s.o.Rate
		return
	}
	x := float64(s.grown) / float64(s.patience)
	s.rate = s.measured * (1 - simpleGuard + 0.05*x*x*math.Exp(x))
	for _, most := range []float64{s.o.Max, s.named * ofNamed} {
		if most > 0 && (s.rate == 0 || s.rate > most) {
			s.rate = most
		}
	}
}

func (s *simple) status(now time.Time) Status {
	return Status{Rate: s.rate, PausedUntil: s.until, Pause: s.pause, InFlight: s.held,
		Learned: Memory{Rate: s.measured, Patience: s.patience, Refusals: s.refusals, At: now}}
}

// TestSimpleLaw: the rival is worth the comparison. All its rows get through a bucket
// and a window in not much more than the ideal time, and nothing leaves while the
// server says to wait, nor faster than it may.
func TestSimpleLaw(t *testing.T) {
	guarded := map[string]float64{ // of the ideal time
		"bucket N>=6000 | token 50/s burst 100":        1.03,
		"bucket, Retry-After | token 50/s burst 50":    1.06,
		"window, Retry-After | fixed first 100 in 10s": 1.20,
	}
	for _, c := range scenarios() {
		most, ok := guarded[c.group+" | "+c.name]
		if !ok {
			continue
		}
		c.law = laws["simple"]
		if r, over := c.run(100); r.sent-r.refused < c.rows || over > most || r.disobeyed > 0 {
			t.Errorf("%s, %s, %v: %.3f of the ideal time: %+v", c.group, c.name, c.latency, over, r)
		}
	}
	s := &simulation{limiter: sandbox.Unlimited{}, latency: 20 * time.Millisecond, concurrency: 128, rows: 3000, most: 50, law: laws["simple"]}
	if r := s.run(100, time.Hour); r.elapsed < 59*time.Second || r.elapsed > 62*time.Second {
		t.Errorf("3000 rows at 50 a second at most took %v", r.elapsed)
	}
}
