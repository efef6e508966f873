package pace

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// gate lets requests through one by one as the law says. It has no clock and
// never blocks, so that the simulation runs the same code as Pacer.
type gate struct {
	law         State
	bucket      *rate.Limiter
	pace        float64           // that the bucket is set to
	next        *rate.Reservation // of the one who waits; nil: none yet
	paced       bool              // next had to wait
	concurrency int
	held        int // places of concurrency: see Ticket.Free
	inFlight    int // and not stalled
	fresh       int // of these, admitted since the last stop
	log         sendLog
	took        time.Duration // from Send to Done, of late
	seen        evidence
}

// pass is one request's way through the gate.
type pass struct {
	stop   int // State.Stops when admitted
	sent   time.Time
	among  int  // in flight then, itself included
	full   bool // hardly any place was left then
	paced  bool // the bucket made it wait
	window int  // State.windows when admitted

	landed bool // it counts no longer as in flight
	free   bool // nor against concurrency
}

func newGate(o Options, now time.Time) *gate {
	law := Start(o, now)
	return &gate{
		law:         law,
		pace:        law.pace(),
		bucket:      rate.NewLimiter(limit(law.pace()), burst(&law)),
		concurrency: max(1, o.Concurrency),
		seen:        evidence{known: o.Memory.Settled, ramp: o.Memory.Ramp},
	}
}

// limit is r for the bucket, in which no rate is Inf.
func limit(r float64) rate.Limit {
	if r == 0 {
		return rate.Inf
	}
	return rate.Limit(r)
}

// burst is the depth of our bucket. Ten milliseconds' worth makes up for
// timers that fire late, which at depth 1 would lose tokens.
func burst(s *State) int {
	return 1 + int(s.pace()/100)
}

// admit lets one request in, or says how long it has to wait at least; 0 is
// until a reply comes.
func (g *gate) admit(now time.Time) (p pass, wait time.Duration, ok bool) {
	if g.held >= g.concurrency || g.fresh >= g.law.allowed || g.law.room > 0 && g.inFlight >= g.law.room {
		return pass{}, 0, false
	}
	law, wait, ok := g.law.Admit(now, g.earlier(), g.inFlight)
	if !ok {
		g.unreserve(now)
		return pass{}, wait, false
	}
	if g.next == nil {
		g.next = g.bucket.ReserveN(now, 1)
	}
	if wait := g.next.DelayFrom(now); wait > 0 {
		g.paced = true
		return pass{}, wait, false
	}
	g.law, g.next = law, nil
	g.adjust(now)
	g.held++
	g.inFlight++
	g.fresh++
	p = pass{stop: g.law.Stops, paced: g.paced, window: g.law.windows}
	g.paced = false
	return p, 0, true
}

// earlier is when the request a quota before the next one was sent.
func (g *gate) earlier() time.Time {
	if g.law.Window == 0 {
		return time.Time{}
	}
	return g.log.at(g.log.n + g.inFlight - g.law.quota)
}

// sendLog is when the last requests that were accepted had been sent.
type sendLog struct {
	n    int // how many there ever were
	last []time.Time
}

func (l *sendLog) add(t time.Time) {
	if len(l.last) < mostQuota {
		l.last = append(l.last, t)
	} else {
		l.last[l.n%mostQuota] = t
	}
	l.n++
	for i := l.n - 1; i > 0 && l.at(i).Before(l.at(i-1)); i-- { // its reply was late
		a, b := i%mostQuota, (i-1)%mostQuota
		l.last[a], l.last[b] = l.last[b], l.last[a]
	}
}

// at is when the i-th was sent; zero: it is not known.
func (l *sendLog) at(i int) time.Time {
	if i < 0 || i >= l.n || i < l.n-len(l.last) {
		return time.Time{}
	}
	return l.last[i%mostQuota]
}

// soon is about how many requests may leave within d, as far as pace and latency
// tell: at least one, at most twelve for each that may be in flight.
func (g *gate) soon(d time.Duration) int {
	flight := min(g.concurrency, g.law.allowed)
	if g.law.room > 0 {
		flight = min(flight, g.law.room)
	}
	due := float64(g.bucket.Limit()) * d.Seconds()
	if g.law.Window > 0 { // most of the time nothing leaves
		due = g.law.Rate * d.Seconds()
	}
	if g.took > 0 {
		due = min(due, float64(flight)*float64(d)/float64(g.took))
	}
	return max(1, int(min(due, float64(12*flight))))
}

func (g *gate) unreserve(now time.Time) {
	if g.next != nil {
		g.next.CancelAt(now)
		g.next = nil
	}
}

// leave is the moment of sending; false if a pause began since admit.
func (g *gate) leave(p *pass, now time.Time) bool {
	if p.stop != g.law.Stops || now.Before(g.law.Until) {
		g.free(p)
		return false
	}
	p.sent, p.among, p.full = now, g.inFlight, 10*g.held >= 9*g.concurrency
	return true
}

// land counts a request as in flight no longer.
func (g *gate) land(p *pass) {
	if p.landed {
		return
	}
	p.landed = true
	g.inFlight--
	if p.stop == g.law.Stops {
		g.fresh--
	}
}

// free gives a request's place to the next, whatever became of it.
func (g *gate) free(p *pass) {
	g.land(p)
	if !p.free {
		p.free = true
		g.held--
	}
}

// reply tells the law; changed is whether the decision is worth a line.
func (g *gate) reply(p *pass, r Reply, now time.Time) (d Decision, changed bool) {
	g.land(p)
	if r.Kind != Throttled { // what got no answer may have been let in
		g.log.add(p.sent)
	}
	if took := now.Sub(p.sent); g.took == 0 {
		g.took = took
	} else if r.Kind != Lost {
		g.took += (took - g.took) / 16
	}
	before := g.law
	g.law = g.law.Next(Observation{
		Kind: r.Kind, Hint: r.Hint,
		Sent: p.sent, Among: p.among, Paced: p.paced, Past: p.window != before.windows,
		// One that asked after a silence and stalled has no say once another has found out.
		Stale: p.stop != before.Stops || p.sent.Before(before.resumed),
	}, now)
	g.seen.add(&before, &g.law, p, r, now)
	g.adjust(now)
	if g.law.Stops != before.Stops {
		g.fresh = 0
		// What the bucket held belongs to the time before the refusal.
		g.unreserve(now)
		if held := g.bucket.TokensAt(now); held >= 1 && !math.IsInf(held, 1) {
			g.bucket.AllowN(now, int(held))
		}
	}
	d = Decision{At: now, Reason: g.law.Reason, Rate: g.law.Rate, PausedUntil: g.law.Until}
	return d, g.law.Reason != before.Reason || g.law.Stops != before.Stops
}

// adjust sets the bucket to the law's pace.
func (g *gate) adjust(now time.Time) {
	if pace := g.law.pace(); pace != g.pace {
		g.pace = pace
		g.unreserve(now)
		g.bucket.SetLimitAt(now, limit(pace))
		g.bucket.SetBurstAt(now, burst(&g.law))
	}
}

func (g *gate) status(now time.Time) Status {
	return Status{
		Rate:        g.law.Rate,
		PausedUntil: g.law.Until,
		Pause:       g.law.pause,
		InFlight:    g.inFlight,
		Learned:     g.seen.tell(g.law.Learned(now), g.law, g.concurrency),
	}
}
