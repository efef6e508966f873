package pace

import (
	"fmt"
	"math"
	"time"
)

// State is the whole of what the law knows, and what it orders. It is a value:
// Admit and the like make a new one of it, from an argument that is the time.
type State struct {
	Rate   float64       // requests a second; 0: not known yet
	Window time.Duration // 0: Rate is kept evenly; else Rate·Window at once in each
	Burst  int           // what a silence may save up
	Until  time.Time     // nothing leaves before
	Stops  int           // counts pauses; what left before one is old news after it
	Reason string        // of the last change

	fixed   bool
	most    float64
	rows    int
	allowed int // in flight

	opened   time.Time // first request of this window, or of the run
	admitted int       // since then

	since     time.Time // last refusal
	sinceSent time.Time
	accepted  int       // since then
	owed      float64   // tokens saved by the last silence
	resumed   time.Time // when that ended

	probing  bool
	tries    int       // refused in a row
	base     time.Time // what the silences count from
	refused  time.Time // the first time of these
	strikes  int       // times that what looked like a window was none
	refusals int

	step     float64 // by which the rate grows in patience accepted requests
	patience int
	grown    int // accepted since the last step
	measured float64
	latency  time.Duration
}

// Observation is one reply.
type Observation struct {
	Kind     ReplyKind
	Hint     Hint
	Sent     time.Time
	InFlight int  // when it was sent, itself included
	Stale    bool // sent before the last pause began
}

const (
	cut           = 0.97
	firstStep     = 0.05
	firstPatience = 300
	mostPatience  = 10_000
	leastPatience = 100
	sameRate      = 1.06
	windowAtLeast = 1900 * time.Millisecond
	haste         = 4.0
)

// silences are the times after which a limit may be over: those that people set.
var silences = []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second,
	2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second, time.Minute}

const allInFlight = 1 << 30

// Start is the State at the start of a run.
func Start(o Options, now time.Time) State {
	s := State{allowed: 4, most: o.Max, rows: o.Rows, Burst: 1, step: firstStep, patience: firstPatience}
	switch {
	case o.Rate > 0:
		s.Rate, s.fixed, s.allowed = o.Rate, true, allInFlight
	case o.Memory.Rate > 0:
		s.Rate, s.Window, s.Burst = o.Memory.Rate*cut, o.Memory.Window, max(1, o.Memory.Burst)
		s.patience = max(firstPatience, o.Memory.Patience)
		s.measured = o.Memory.Rate
		s.capRate()
	}
	return s
}

func (s *State) capRate() {
	if s.most > 0 {
		s.Rate = min(s.Rate, s.most)
	}
}

// pace is the rate at which the bucket is to let through; 0: any.
func (s State) pace() float64 {
	r := s.Rate
	if s.Window > 0 {
		r *= haste
	}
	if s.most > 0 && (r == 0 || r > s.most) {
		return s.most
	}
	return r
}

func (s State) quota() int { return max(1, int(s.Rate*s.Window.Seconds()+0.5)) }

func (s State) guard() time.Duration { return s.Window/200 + s.latency/2 + 10*time.Millisecond }

// Admit is asked before each request; a wait above 0 means not before.
func (s State) Admit(now time.Time) (State, time.Duration) {
	if wait := s.Until.Sub(now); wait > 0 {
		return s, wait
	}
	if s.opened.IsZero() {
		s.opened, s.base, s.since, s.resumed = now, now, now, now
	}
	if s.Window > 0 {
		end := s.opened.Add(s.Window + s.guard())
		if !now.Before(end) {
			s.opened, s.admitted = now, 0
		} else if s.admitted >= s.quota() {
			return s, end.Sub(now)
		}
	}
	s.admitted++
	return s, 0
}

// Next is the State after a reply that came at now.
func (s State) Next(o Observation, now time.Time) State {
	switch o.Kind {
	case Accepted:
		s.onAccept(o, now)
	case Throttled:
		s.onRefusal(o, now)
	}
	return s
}

func (s *State) onAccept(o Observation, now time.Time) {
	s.accepted++
	if took := now.Sub(o.Sent); s.latency == 0 {
		s.latency = took
	} else {
		s.latency += (took - s.latency) / 16
	}
	if o.Stale {
		return
	}
	if s.probing {
		s.recovered(o, now)
		return
	}
	if s.refusals == 0 && s.Rate == 0 {
		s.allowed = 4 + max(s.accepted/32, min(s.accepted, int(0.0015*float64(s.rows))))
		return
	}
	if s.allowed < allInFlight {
		s.allowed++
	}
	if s.fixed {
		return
	}
	if float64(s.accepted)-s.owed < 0.9*s.Rate*(now.Sub(s.resumed)-s.latency).Seconds() || float64(s.accepted) < s.owed {
		return // something else than the rate holds us back: nothing is learned of it
	}
	s.Rate *= 1 + s.step/float64(s.patience)
	if s.grown++; s.grown >= s.patience {
		s.grown = 0
		s.step = min(1, 2*s.step)
		s.patience = max(leastPatience, s.patience/2)
	}
	s.capRate()
}

// recovered is what the first request to be accepted after a refusal tells.
func (s *State) recovered(o Observation, now time.Time) {
	s.probing, s.allowed = false, 4
	if s.fixed {
		return
	}
	silence := o.Sent.Sub(s.sinceSent)
	elapsed := o.Sent.Sub(s.base)
	if s.Rate == 0 {
		// The first burst, over the time until there was room again.
		s.Rate = float64(s.accepted) / elapsed.Seconds()
		s.Burst = max(1, s.accepted)
		s.accepted = 1
	}
	s.owed = min(float64(s.Burst), s.Rate*silence.Seconds())
	s.resumed = o.Sent
	s.tries = 0
	s.capRate()
}

func (s *State) onRefusal(o Observation, now time.Time) {
	wait := o.Hint.pause()
	if o.Stale {
		// Old news, but for a longer pause.
		if until := now.Add(wait); until.After(s.Until) {
			s.Until = until
		}
		return
	}
	s.refusals++
	s.Stops++
	m, took := float64(s.accepted), o.Sent.Sub(s.resumed).Seconds()+s.owed/max(s.Rate, 0.001)
	switch {
	case s.probing:
	case s.fixed:
		s.base = now
	case s.Rate == 0:
		s.base = s.opened
	case m < s.owed:
		s.base = now
		s.Burst = max(1, int(m/2))
		s.Reason = fmt.Sprintf("refused while making up, after %v: saves up %d", m, s.Burst)
		s.accepted = 0
	default:
		s.base = now
		got := m / max(took, 0.001)
		next := max(s.Rate/2, min(s.Rate, got*(cut+1.5/max(1, m))))
		if s.measured > 0 && math.Max(got, s.measured)/math.Min(got, s.measured) < sameRate {
			s.patience = min(mostPatience, 2*max(s.patience, firstPatience/2))
		} else if m >= firstPatience {
			s.patience = firstPatience
		} else {
			s.patience = max(20, int(m))
		}
		s.Rate, s.measured = next, got
		s.step, s.grown = firstStep, 0
		s.Reason = fmt.Sprintf("refused after %v accepted in %.2f s", m, took)
		s.accepted = 0
	}
	if !s.probing {
		s.refused = now
	}
	s.since, s.sinceSent = now, o.Sent
	s.probing, s.allowed = true, 1
	s.Until = s.silence(now, wait)
	s.tries++
}

// silence is until when to wait after a refusal.
func (s *State) silence(now time.Time, asked time.Duration) time.Time {
	least := 150 * time.Millisecond
	if s.Rate > 0 {
		least = max(least, time.Duration(1.2/s.Rate*float64(time.Second)))
	}
	if asked > 0 {
		return now.Add(max(asked, least))
	}
	for _, d := range silences {
		at := s.base.Add(d + s.latency/2)
		if d < time.Second || at.Sub(s.refused) < d/2 {
			at = s.refused.Add(d)
		}
		if at.Sub(now) >= least {
			return at
		}
	}
	return now.Add(min(LongestPause, now.Sub(s.refused)))
}

// Learned is what is worth keeping for the next run.
func (s State) Learned(now time.Time) Memory {
	if s.refusals == 0 || s.fixed {
		return Memory{}
	}
	return Memory{Rate: s.measured, Window: s.Window, Burst: s.Burst, Patience: s.patience, Refusals: s.refusals, At: now}
}
