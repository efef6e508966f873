package pace

import "time"

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
	pause    time.Duration // the last one
	gap      time.Duration // the silence that ended the last refusals
	tested   bool          // a shorter window was tried
	trying   bool          // in this window
	haste    float64       // of the quota, in mean rates
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
	// Ramp. Those in flight when the first refusal comes may all be refused, so
	// they are few beside what was accepted (a 32nd) or is to come (0.15 %).
	rampStart  = 4
	rampPart   = 32
	rampOfRows = 0.0015

	// A higher rate is tried 5 % by 5 %. At one refusal in 300 requests, 0.3 %
	// are refused; a rate that measurements agree on is tried once a minute.
	firstStep     = 0.05
	firstPatience = 300
	steadyFor     = 60.0 // seconds

	// Beyond the rate that was refused before, the limit has risen: the steps
	// double, up to 40 % in 50 requests.
	widestStep    = 0.4
	leastPatience = 50

	// A step takes a second at least: replies are slower than requests, and too
	// much is told late.
	stepTakes = 1.0

	// A refusal that costs a pause is risked once in 30 times that pause, which
	// is then 3 % of the time.
	costly = 30.0

	// Rates within 6 % are the same: about what the chance of a hundred
	// arrivals makes of one rate.
	agree = 1.06

	// What a silence saved up is made up for a quarter faster than the rate: any
	// faster fills the flight with requests to be refused.
	catchUp = 1.25

	// A bucket of ten tokens is the shallowest that the law reckons with.
	sureDepth = 10.0

	// Limits on those in flight are told from limits on the rate from here on;
	// with fewer in flight, a slow bucket looks the same.
	leastRoom = 4

	leastSilence = 150 * time.Millisecond
	allInFlight  = 1 << 30
)

// Start is the State at the start of a run.
func Start(o Options, now time.Time) State {
	s := State{allowed: rampStart, most: o.Max, rows: o.Rows, step: firstStep, patience: firstPatience, makeup: 1, haste: haste}
	switch {
	case o.Rate > 0:
		s.Rate, s.fixed, s.allowed = o.Rate, true, allInFlight
	case o.Memory.Rate > 0:
		s.Rate, s.Window = o.Memory.Rate*0.99, o.Memory.Window
		s.saved = 0.8 * float64(o.Memory.Burst)
		s.patience = max(firstPatience, o.Memory.Patience)
		if s.Window > 0 {
			s.Rate, s.saved = o.Memory.Rate, 0
			s.patience, s.step = min(mostWindows, max(firstWindows, o.Memory.Patience)), 1
		}
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
		r *= s.haste
	} else if s.saved > 0 {
		r *= catchUp
	}
	if s.most > 0 && (r == 0 || r > s.most) {
		return s.most
	}
	return r
}

// depth is how much more than its rate the limit let through at first.
func (s State) depth() float64 {
	if s.measured == 0 {
		return 0
	}
	return max(0, float64(s.first)-s.measured*s.firstTook.Seconds())
}

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
			if s.open(now); !s.tested {
				s.allowed = rampStart // it may be too soon
			}
		} else if used {
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
		if s.accepted == 1 {
			s.opened = now // a window that began with it has begun by now
		}
		s.allowed = rampStart + max(s.accepted/rampPart, min(s.accepted, int(rampOfRows*float64(s.rows))))
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
			s.step = min(widestStep, 2*s.step)
			s.patience = min(s.patience, leastPatience)
		}
	}
	s.cap()
}

// Learned is what is worth keeping for the next run.
func (s State) Learned(now time.Time) Memory {
	if s.fixed || s.measured == 0 && s.room <= 0 {
		return Memory{}
	}
	return Memory{Rate: s.measured, Window: s.Window, Patience: s.patience, Refusals: s.refusals, At: now,
		Burst: int(s.depth()), InFlight: max(0, s.room)}
}
