package pace

import (
	"fmt"
	"math"
	"time"
)

// State is the whole of what the law knows, and what it orders. It is a value:
// Admit and Next make a new one of it, and time is an argument.
type State struct {
	Rate   float64       // requests a second; 0: not known yet
	Window time.Duration // 0: Rate is kept evenly; else Rate·Window requests at the start of each
	Until  time.Time     // nothing leaves before
	Stops  int           // counts pauses; what left before one is old news after it
	Reason string        // of the last change

	fixed   bool
	most    float64 // Rate at most; 0: no bound
	rows    int
	allowed int // in flight

	accepted int       // since the last refusal
	refusal  time.Time // when that was sent
	opened   time.Time // the window began, or the run
	before   time.Time // the window before that
	admitted int       // in this window
	got      int       // accepted in this window

	probing  bool
	refused  time.Time     // the first refusal of those in a row
	base     time.Time     // the windows that could end are counted from here
	told     time.Duration // the server's last word on how long to wait
	gap      time.Duration // the silence that ended the last refusals
	tested   bool          // a shorter window was tried
	trying   bool          // in this window
	strikes  int           // times that what looked like a window was none
	refusals int

	step     float64 // what the rate grows by while patience requests are accepted
	patience int
	grown    int // accepted since the last step
	measured float64
	low      float64 // accepted over time, between the last two refusals
	from     float64 // the rate after the last refusal
	ceiling  float64 // a little above that at which it came
	latency  time.Duration

	crowd   int // in flight at the last refusal, itself included
	crowded int // accepted since then with as many in flight
	packed  int // refusals in a row that came only when so many were in flight
	room    int // a bound on those in flight that was found; 0: none; -1: there is none

	saved   float64 // tokens of the last silence that are still to be made up
	makeup  float64 // the part of a silence that is worth making up
	resumed time.Time

	first     int // accepted before the first refusal
	firstTook time.Duration
}

// Observation is one reply.
type Observation struct {
	Kind  ReplyKind
	Hint  Hint
	Sent  time.Time
	Among int  // those in flight then, itself included
	Paced bool // the bucket held it back, so that the rate was what counted
	Stale bool // sent before the last pause began
}

const (
	sureDepth     = 10.0
	firstStep     = 0.05
	firstPatience = 300
	stepTakes     = 1.0  // seconds
	steady        = 60.0 // seconds
	costly        = 30.0
	leastPatience = 50
	agree         = 1.06
	longWindow    = 1900 * time.Millisecond
	haste         = 4.0
	catchUp       = 1.25
	leastRoom     = 4
	leastSilence  = 150 * time.Millisecond
	allInFlight   = 1 << 30
)

// silences are the times after which a limit may be over: those that people set.
var silences = []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second,
	2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second, time.Minute}

// Start is the State at the start of a run.
func Start(o Options, now time.Time) State {
	s := State{allowed: 4, most: o.Max, rows: o.Rows, step: firstStep, patience: firstPatience, makeup: 1}
	switch {
	case o.Rate > 0:
		s.Rate, s.fixed, s.allowed = o.Rate, true, allInFlight
	case o.Memory.Rate > 0:
		s.Rate, s.Window = o.Memory.Rate*0.99, o.Memory.Window
		s.saved = 0.8 * float64(o.Memory.Burst)
		if s.Window > 0 {
			s.Rate, s.saved = o.Memory.Rate, 0
			s.patience, s.step = 16, 1
		}
		s.patience = max(firstPatience, o.Memory.Patience)
		s.measured = o.Memory.Rate
		s.from, s.low = s.Rate, o.Memory.Rate
		s.tested = true
		s.room = o.Memory.InFlight
		s.cap()
	}
	return s
}

func (s *State) cap() {
	if s.most > 0 {
		s.Rate = min(s.Rate, s.most)
	}
}

// pace is the rate at which the bucket is to let through; 0: any.
func (s State) pace() float64 {
	r := s.Rate
	if s.room > 0 {
		r = 0
	}
	if s.Window > 0 {
		r *= haste
	} else if s.saved > 0 {
		r *= catchUp
	}
	if s.most > 0 && (r == 0 || r > s.most) {
		return s.most
	}
	return r
}

func (s State) quota() int { return max(1, int(s.Rate*s.Window.Seconds()+0.5)) }

// depth is how much more than its rate the limit let through at first.
func (s State) depth() float64 {
	if s.measured == 0 {
		return 0
	}
	return max(0, float64(s.first)-s.measured*s.firstTook.Seconds())
}

func (s State) guard() time.Duration { return s.Window/200 + s.latency/2 + 10*time.Millisecond }

// Admit is asked before each request; a wait above 0 means not before.
func (s State) Admit(now time.Time) (State, time.Duration) {
	if wait := s.Until.Sub(now); wait > 0 {
		return s, wait
	}
	if s.opened.IsZero() {
		s.opened, s.refusal, s.resumed = now, now, now
	}
	if s.Window > 0 && !s.probing {
		used := s.admitted >= s.quota()
		if used && !s.tested && !s.trying {
			s.shorten()
			s.trying = true
		}
		end := s.opened.Add(s.Window + s.guard())
		if !now.Before(end) {
			if used {
				s.enlarge()
			}
			s.open(now)
		} else if used {
			return s, end.Sub(now)
		}
	}
	s.admitted++
	return s, 0
}

// enlarge tries a larger quota after more and more windows that went well.
func (s *State) enlarge() {
	if s.grown++; s.grown >= s.patience && s.tested {
		s.Rate += s.step / s.Window.Seconds()
		s.step *= 2
		s.cap()
	}
}

func (s *State) open(now time.Time) {
	s.before, s.opened, s.admitted, s.got = s.opened, now, 0, 0
	s.trying = false
}

// shorten makes the next shorter window of this, with the same quota.
func (s *State) shorten() {
	for i := len(silences) - 1; i >= 0; i-- {
		if shorter := silences[i]; shorter < s.Window && shorter > longWindow {
			s.Rate *= s.Window.Seconds() / shorter.Seconds()
			s.Window = shorter
			return
		}
	}
	s.tested = true
}

// Next is the State after a reply that came at now.
func (s State) Next(o Observation, now time.Time) State {
	switch o.Kind {
	case Accepted:
		s.onAccept(o, now)
		s.heed(o.Hint, now)
	case Throttled:
		s.onRefusal(o, now)
	}
	return s
}

// heed slows down for what an accepted request was told, before the first
// refusal: no more in flight than are left, and none once none is left. A reset
// within two seconds is within the rounding of the header, and a bucket's usual
// state.
func (s *State) heed(h Hint, now time.Time) {
	if h.Reset < 2*time.Second || s.fixed {
		return
	}
	if h.Left > 0 {
		s.allowed = min(s.allowed, h.Left)
		return
	}
	if until := now.Add(h.Reset); until.After(s.Until) {
		s.Until = until
		s.Stops++
		s.Reason = "the server says that nothing is left"
	}
}

func (s *State) onAccept(o Observation, now time.Time) {
	s.accepted++
	if took := now.Sub(o.Sent); s.latency == 0 {
		s.latency = took
	} else {
		s.latency += (took - s.latency) / 16
	}
	s.got++
	if o.Stale {
		return
	}
	switch {
	case s.probing:
		s.recovered(o)
		return
	case s.refusals == 0 && s.Rate == 0:
		s.allowed = 4 + max(s.accepted/32, min(s.accepted, int(0.0015*float64(s.rows))))
		return
	case s.allowed < allInFlight:
		s.allowed++
	}
	if o.Among >= s.crowd {
		s.crowded++
	}
	if s.room > 0 {
		if s.grown++; s.grown >= s.patience {
			s.grown = 0
			s.patience *= 2
			s.room++
		}
		return
	}
	if s.saved > 0 {
		s.saved -= (catchUp - 1) / catchUp
		return
	}
	if s.fixed || !o.Paced || s.Window > 0 {
		return
	}
	// A step takes a second at least, lest it be told too late that it was too much.
	patience := max(s.patience, int(s.Rate*stepTakes))
	s.Rate *= 1 + s.step/float64(patience)
	if s.grown++; s.grown >= patience {
		s.grown = 0
		if s.Rate > s.ceiling {
			s.step = min(0.4, 2*s.step)
			s.patience = min(s.patience, leastPatience)
		}
	}
	s.cap()
}

// recovered is what the first request to be accepted after a refusal tells.
func (s *State) recovered(o Observation) {
	s.probing, s.allowed = false, 4
	if s.fixed {
		return
	}
	elapsed := o.Sent.Sub(s.base)
	if s.Rate == 0 {
		// The first burst, over the time until there was room again.
		s.Rate = float64(s.got-1) / elapsed.Seconds()
		s.from = s.Rate
		s.patience = 50
	}
	switch {
	case s.Window > 0:
		if s.before.Equal(s.base) { // the window had been believed shorter
			q := s.quota()
			s.Window = snap(elapsed)
			s.Rate = float64(q) / s.Window.Seconds()
			s.tested = true
		} else if s.base.Equal(s.opened) {
			// Those in flight at the refusal count too.
			s.measured = float64(s.got-1) / s.Window.Seconds()
			s.Rate = s.measured
		}
	case o.Sent.Sub(s.refused) > longWindow && s.strikes < 2:
		s.Window = snap(elapsed)
		s.Rate = max(1, float64(s.got-1)) / s.Window.Seconds()
		s.Reason = fmt.Sprintf("looks like a quota of %d in %v", s.quota(), s.Window)
		s.tested = false
		s.patience, s.step, s.grown = 4, 1, 0
	}
	s.gap = o.Sent.Sub(s.refusal)
	s.open(o.Sent)
	s.admitted, s.got = 1, 1
	s.resumed = o.Sent
	if s.saved = 0; s.Window == 0 && s.measured > 0 {
		s.saved = s.makeup * s.Rate * o.Sent.Sub(s.refusal).Seconds()
	}
	s.cap()
}

// snap is the window that people set and that is over after d.
func snap(d time.Duration) time.Duration {
	for i := len(silences) - 1; i >= 0; i-- {
		if silences[i] <= d+20*time.Millisecond {
			return silences[i]
		}
	}
	return d
}

// crowding sees whether refusals come whenever so many are in flight, and only
// then, which is a limit on those in flight and not on the rate.
func (s *State) crowding(o Observation) {
	switch {
	case s.probing || s.fixed || s.room < 0:
		return
	case s.room > 0:
		if s.room--; s.accepted < firstPatience/2 || s.room < leastRoom-1 {
			s.room = -1
		}
		return
	case o.Among < leastRoom:
		s.packed = 0
	case s.crowd == 0 || s.crowded < 10:
		s.packed++
	default:
		s.packed = 0
	}
	s.crowd, s.crowded = o.Among, 0
	if s.packed >= 4 {
		s.room = o.Among - 1
		s.patience, s.grown = firstPatience, 0
	}
}

// longer is the next longer window than w that people set.
func longer(w time.Duration) time.Duration {
	for _, d := range silences {
		if d > w {
			return d
		}
	}
	return 2 * w
}

func (s *State) onRefusal(o Observation, now time.Time) {
	wait := o.Hint.pause()
	s.told = wait
	if o.Stale {
		// Old news, but for a longer pause.
		if until := now.Add(wait); until.After(s.Until) {
			s.Until = until
		}
		return
	}
	s.refusals++
	s.Stops++
	s.crowding(o)
	var until time.Time
	switch {
	case s.probing:
	case s.room > 0:
		s.base = now
		s.Reason = fmt.Sprintf("refused with %d in flight: room for %d", o.Among, s.room)
	case s.fixed:
		s.base = now
	case s.Rate == 0:
		s.first, s.firstTook = s.accepted, o.Sent.Sub(s.opened)
		s.base = s.opened
	case s.Window > 0 && s.got == 0:
		s.base = s.before
		if s.trying = !s.tested; s.trying {
			// The test has failed: the next longer window is the one.
			until = s.before.Add(longer(s.Window) + s.guard())
		}
		s.Reason = fmt.Sprintf("the window of %v was not over", s.Window)
	case s.Window > 0 && (s.got < s.quota()/2 || wait > 0 && now.Add(wait).Sub(s.opened) > s.Window+1500*time.Millisecond):
		s.strikes = 2
		s.patience, s.step, s.grown = 50, firstStep, 0
		s.base = now
		s.Window = 0
		s.Reason = fmt.Sprintf("no window: refused after %d", s.got)
		s.accepted = 0
	case s.Window > 0:
		s.base = s.opened
		if s.got < s.quota()*9/10 {
			s.strikes++
		}
		until = s.opened.Add(s.Window + s.guard())
		s.Rate = float64(s.got) / s.Window.Seconds()
		s.measured = s.Rate
		s.patience, s.step, s.grown = min(64, 2*s.patience), 1, 0
		s.Reason = fmt.Sprintf("a quota of %d in %v", s.quota(), s.Window)
	default:
		s.base = now
		m, took := float64(s.accepted), o.Sent.Sub(s.refusal).Seconds()
		// The bucket saved up during the silence, or was soon full.
		silent := s.resumed.Sub(s.refusal).Seconds()
		low := m / max(took, 0.001)
		high := min(s.Rate, m/max(0.001, took-silent+min(silent, sureDepth/s.Rate)))
		if s.Rate > agree*s.from {
			high = s.Rate
		}
		if s.saved > 0 {
			if s.makeup /= 4; s.makeup < 0.2 {
				s.makeup = 0
			}
			s.Reason = "refused while making up for a silence"
			break
		}
		s.learn(low, high)
		s.ceiling = s.Rate * agree
		next := s.measured * (s.cut() + 0.5/max(1, m))
		if m < 30 {
			next = max(next, s.Rate/2)
		}
		s.Rate = min(s.Rate, next)
		s.from = s.Rate
		s.Reason = fmt.Sprintf("refused after %v accepted in %.2f s", m, took)
	}
	if !s.probing {
		s.refused = now
		s.accepted = 0
	}
	s.refusal = o.Sent
	s.probing, s.allowed = true, 1
	s.Until = s.silence(now, wait)
	if wait == 0 && until.After(s.Until) {
		s.Until = until
	}
}

// cut is how far below a measurement the rate begins anew.
func (s *State) cut() float64 { return 1 - min(0.03, max(0.005, 9/float64(s.patience))) }

// learn takes a measurement in: the limit lies between low and high. If low is
// what it was the last time it is the limit, and the better it is known, the
// more rarely a higher rate is tried.
func (s *State) learn(low, high float64) {
	if s.low > 0 && math.Max(low, s.low) < agree*math.Min(low, s.low) {
		s.measured = low
		s.patience = min(2*max(s.patience, firstPatience/2), int(max(firstPatience, steady*low)))
		s.patience = max(s.patience, int(costly*s.gap.Seconds()*low))
	} else {
		s.measured = (low + high) / 2
		s.patience = min(firstPatience, max(20, s.accepted))
	}
	s.low, s.step, s.grown = low, firstStep, 0
}

// silence is until when to wait after a refusal.
func (s *State) silence(now time.Time, asked time.Duration) time.Time {
	least := leastSilence
	if s.Rate > 0 && s.Window == 0 {
		least = max(least, time.Duration(1.2/s.Rate*float64(time.Second)))
	}
	if asked > 0 {
		return now.Add(max(asked, least))
	}
	for _, d := range silences {
		at := s.base.Add(d + s.guard())
		if d < time.Second || at.Sub(s.refused) < d/2 {
			at = s.refused.Add(d)
		}
		if s.Window == 0 && s.Rate > 0 && at.Sub(now) < s.gap/2 {
			continue
		}
		if at.Sub(now) >= least {
			return at
		}
	}
	return now.Add(min(LongestPause, now.Sub(s.refused)))
}

// Learned is what is worth keeping for the next run.
func (s State) Learned(now time.Time) Memory {
	if s.fixed || s.measured == 0 && s.room <= 0 {
		return Memory{}
	}
	return Memory{Rate: s.measured, Window: s.Window, Patience: s.patience, Refusals: s.refusals, At: now,
		Burst: int(s.depth()), InFlight: max(0, s.room)}
}
