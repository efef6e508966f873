package pace

import (
	"cmp"
	"math"
	"time"
)

// State is the whole of what the law knows, and what it orders. It is a value:
// Admit and Next make a new one of it, and time is an argument.
//
// After the ramp the law keeps a quota in each Window (window.go), or an even
// Rate (rate.go), or a number in flight (room.go). refusal.go is what they share:
// everyone stops, and one request asks whether the limit is over.
type State struct {
	Rate   float64       // requests a second, on average; 0: not known yet
	Window time.Duration // 0: Rate is kept evenly; else a quota leaves in each
	Until  time.Time     // nothing leaves before
	Stops  int           // counts pauses; what left before one is old news after it
	Reason string        // of the last change

	fixed   bool    // Rate is what was asked for
	most    float64 // Rate at most; 0: no bound
	rows    int     // about how many requests there will be; 0: unknown
	start   int     // in flight when the ramp begins
	allowed int     // in flight

	refusals int
	accepted int           // since the last refusal
	run      int           // accepted between the last two refusals
	sent     time.Time     // the last request
	refusal  time.Time     // when the last refused request was sent
	latency  time.Duration // of accepted requests, smoothed
	jitter   time.Duration // its mean deviation
	told     bool          // accepted answers say what is left
	left     int           // what they said last
	heard    time.Time     // when the request was sent whose answer said so
	named    Hint          // the quota and window that the server names, if it is always the same
	several  bool          // it is not

	// The silence after a refusal.
	probing bool
	refused time.Time     // the first refusal of those in a row
	base    time.Time     // the windows that could end are counted from here
	pause   time.Duration // the last one
	probes  int           // refused since the silence began
	asked   bool          // the server said how long to wait
	gap     time.Duration // the silence that ended the last refusals
	least   time.Duration // a silence that is known to be needed
	resumed time.Time     // the last silence was over

	// A quota in a window.
	quota    int           // of each window
	extra    int           // beyond it, on trial
	held     int           // the last that some windows in a row kept
	trusted  bool          // it comes from memory, and is all of the limit
	windows  int           // begun so far
	opened   time.Time     // the window began, or the run
	anew     time.Time     // what was sent before counts no more
	before   time.Time     // the window before that
	admitted int           // in this window
	got      int           // accepted in this window
	tested   bool          // shorter windows were tried
	trying   bool          // in this window
	passed   int           // such trials that passed
	whole    time.Duration // the window before the trial
	proven   bool          // it was over in time at least once
	early    bool          // it was not over when the next one was tried
	full     bool          // what it accepts is the quota
	spent    bool          // the quota was all sent when it was refused, or more than one was
	late     time.Duration // how much later than likely windows end; less than 0: sooner
	fewer    int           // windows that let in less than the quota
	strikes  int           // windows with refusals, of late
	well     int           // windows without, since
	struck   int           // times that what looked like a window was none

	// An even rate. Larger quotas and more room are tried by the same counters.
	step     float64 // what the rate grows by while patience requests are accepted
	patience int
	sure     int     // what patience begins with after a refusal
	grown    int     // accepted since the last step
	measured float64 // the rate at which the limit is taken to be
	low      float64 // the last measurement; 0: none yet
	from     float64 // the rate after the last refusal
	first    mark    // the first refusal
	burst    trail   // of what was accepted before it
	saved    float64 // tokens of the last silence that are still to be made up
	kept     float64 // the part of a silence that the limit saves up
	deep     float64 // how deep a bucket it is at most, by what measurements agree on
	prior    stretch // the stretch that was measured last
	marks    trail   // of what was accepted since the last silence
	wake     int     // a refusal before so many are accepted is that of making up

	// Others on the same limit.
	company float64       // the share of measurements unlike the one before, of late
	shared  bool          // they seem to use it too
	turn    time.Duration // and it seems to be a window of about this length; 0: it does not
	given   int           // refusals since then, at each of which some of the rate was given back
	usedUp  bool          // there was nothing left at the start of the run
	others  bool          // what was taken for a quota was not all of the limit

	// A bound on those in flight.
	room    int // 0: none was found
	crowd   int // in flight at the last refusal, itself included
	crowded int // accepted since then with as many in flight
	packed  int // refusals in a row that came only when so many were in flight
}

// Observation is one reply.
type Observation struct {
	Kind  ReplyKind
	Hint  Hint
	Sent  time.Time
	Among int  // those in flight then, itself included
	Paced bool // the bucket held it back, so that the rate was what counted
	Stale bool // sent before the last pause was over
	Past  bool // of a window before this one
}

const (
	// Ramp. Those in flight when the first refusal comes may all be refused, so
	// they are few beside what was accepted (a 48th) or is to come (0.15 %). Half of
	// what earlier runs came to without a refusal is where it begins, but no more than
	// a limit that is met then may refuse.
	rampStart  = 4
	mostStart  = 16
	rampPart   = 48
	rampOfRows = 0.0015

	// Of a rate that the server names so much is sent that a few may arrive early.
	ofNamed = 0.99

	allInFlight = 1 << 30
)

// Start is the State at the start of a run.
func Start(o Options, now time.Time) State {
	start := max(rampStart, min(mostStart, o.Memory.Ramp/2))
	s := State{start: start, allowed: start, most: o.Max, rows: o.Rows, step: firstStep, patience: firstPatience, kept: 1, deep: math.Inf(1)}
	switch {
	case o.Rate > 0:
		s.Rate, s.fixed, s.allowed = o.Rate, true, allInFlight
	case o.Memory.Rate > 0:
		s.Rate = o.Memory.Rate * 0.99
		s.saved = 0.8 * float64(o.Memory.Burst)
		s.first = mark{now, o.Memory.Burst}
		s.burst.add(mark{at: now})
		s.patience = max(leastPatience, cmp.Or(o.Memory.Patience, min(firstPatience, int(steadyFor*s.Rate))))
		if s.sure = s.patience; s.sure < firstPatience/2 {
			s.saved = 0
		}
		if o.Memory.Window > 0 {
			s.setQuota(int(o.Memory.Rate*o.Memory.Window.Seconds()+0.5), o.Memory.Window)
			s.saved, s.proven, s.held, s.trusted = 0, true, s.quota, true
			s.patience, s.step = max(firstWindows, min(s.mostWindows(), o.Memory.Patience)), 1
		}
		s.measured = o.Memory.Rate
		s.from, s.low = s.Rate, o.Memory.Rate
		s.tested = true
		if s.room = o.Memory.InFlight; s.room > 0 {
			s.crowd, s.patience, s.saved = s.room+1, 2*firstPatience, 0
		}
		s.cap()
	}
	return s
}

func (s *State) cap() {
	if s.most > 0 {
		s.Rate = min(s.Rate, s.most)
	}
	if named := s.named.rate(); named > 0 && !s.fixed {
		s.Rate = min(s.Rate, named*ofNamed)
	}
}

// pace is the rate at which the bucket is to let through; 0: any.
func (s *State) pace() float64 {
	r := s.Rate
	if s.room > 0 {
		r = 0
	}
	if s.Window > 0 {
		r *= s.haste()
	} else if s.saved > 0 {
		r *= catchUp
	}
	if s.most > 0 && (r == 0 || r > s.most) {
		return s.most
	}
	return r
}

// Admit is asked before each request. If it may not leave yet it has to wait,
// or, where the wait is 0, a reply has to come first. earlier is when the request
// a quota before this one was sent; zero: there was none. inFlight are those that
// have had no reply.
func (s State) Admit(now, earlier time.Time, inFlight int) (next State, wait time.Duration, ok bool) {
	if wait := s.Until.Sub(now); wait > 0 {
		return s, wait, false
	}
	if s.opened.IsZero() {
		s.opened, s.refusal, s.resumed = now, now, now
	}
	if s.Window > 0 && !s.probing {
		if wait, ok := s.inWindow(now, earlier, inFlight); !ok {
			return s, wait, false
		}
	}
	s.admitted++
	s.sent = now
	return s, 0, true
}

// Next is the State after a reply that came at now.
func (s State) Next(o Observation, now time.Time) State {
	if h := (Hint{Limit: o.Hint.Limit, Window: o.Hint.Window}); h.rate() > 0 && !s.several {
		if s.several = s.named.rate() > 0 && s.named != h; s.several {
			h = Hint{}
		}
		s.named = h
	}
	switch o.Kind {
	case Accepted:
		s.onAccept(o, now)
		s.heed(o.Hint, o.Sent, now)
	case Throttled:
		s.onRefusal(o, now)
	}
	return s
}

// heed slows down for what an accepted request was told, before the first
// refusal: no more in flight than are left, and none once none is left. A reset
// within two seconds is within the rounding of the header, and a bucket's usual
// state.
func (s *State) heed(h Hint, sent, now time.Time) {
	if h.Reset < 2*time.Second || s.fixed {
		return
	}
	s.told = true
	if !sent.After(s.heard) { // overtaken by an answer that knows of fewer
		h.Left = min(h.Left, s.left)
	} else {
		s.heard = sent
	}
	s.left = h.Left
	if s.Window > 0 {
		return // its pattern knows better than a reset in whole seconds
	}
	if h.Left > 0 {
		s.allowed = min(s.allowed, h.Left)
		return
	}
	if until := now.Add(h.Reset); until.After(s.Until) {
		s.Until = until
		s.Stops++
		s.Reason = "the server says that nothing is left"
		if s.Rate == 0 && s.named.Limit > 0 {
			s.believe(until)
		}
	}
}

func (s *State) onAccept(o Observation, now time.Time) {
	s.accepted++
	if took := now.Sub(o.Sent); s.latency == 0 {
		s.latency, s.jitter = took, took/4
	} else {
		s.jitter += ((took - s.latency).Abs() - s.jitter) / 16
		s.latency += (took - s.latency) / 16
	}
	if !o.Past {
		s.got++
	}
	if o.Stale {
		if s.Rate == 0 && s.probing && o.Sent.Before(s.refusal) {
			s.first.accepted++
		}
		return
	}
	if s.probing {
		s.recovered(o)
		s.marks = trail{}
		s.marks.add(mark{now, s.accepted - 1})
		return
	}
	if s.Window == 0 || s.got == 1 {
		s.marks.add(mark{now, s.accepted - 1})
	}
	switch {
	case s.Rate == 0:
		if s.accepted == 1 {
			s.opened = now // a window that began with it has begun by now
		}
		s.ramp(s.accepted)
		return
	case s.Window > 0 && !s.tested:
		s.ramp(s.got)
		return
	case s.allowed < allInFlight:
		s.allowed++
	}
	if s.Window > 0 && !s.proven && s.got == 1 && !o.Past {
		s.proven, s.allowed = true, allInFlight
	}
	if o.Among >= s.crowd {
		s.crowded++
	}
	if s.room > 0 {
		s.makeRoom()
		return
	}
	if s.saved > 0 {
		s.saved -= (catchUp - 1) / catchUp
		return
	}
	if s.fixed || !o.Paced || s.Window > 0 {
		return
	}
	s.grow()
}

// ramp allows more in flight after n were accepted.
func (s *State) ramp(n int) {
	s.allowed = s.start + max(n/rampPart, min(n, int(rampOfRows*float64(s.rows))))
}

// Learned is what is worth keeping for the next run.
func (s State) Learned(now time.Time) Memory {
	if s.fixed || s.measured == 0 && s.room == 0 {
		return Memory{}
	}
	rate := max(s.measured, s.proved())
	return Memory{Rate: rate, Window: s.Window, Patience: s.sure, Refusals: s.refusals, At: now,
		Burst: int(s.drained(rate)), InFlight: s.room}
}

// proved is the least that an even rate can be, since a bucket was empty at the last
// refusal, or full at the start: a short job may end long before what it has climbed
// to is refused, and measured. 0: nothing is proved.
func (s *State) proved() float64 {
	since, n := s.refused, float64(s.accepted)
	if since.IsZero() {
		since, n = s.opened, n-s.drained(s.measured)
	}
	took := s.sent.Sub(since).Seconds()
	if s.Window > 0 || s.room > 0 || s.shared || took < 1 {
		return 0
	}
	return n / took
}
