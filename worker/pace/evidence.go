package pace

import "time"

// evidence is what speaks for the limit that the law works with. The law needs
// none, since it mends a wrong guess by itself; but what a user is told as the
// API's limit is to be true.
type evidence struct {
	began             time.Time // the first request
	last              time.Time // the last accepted reply
	accepted, refused int
	crowded           int // accepted, and sent with hardly any place left

	// Outside the first burst: since the first refusal.
	first time.Time
	after int

	// Since the refusal that began what the law goes by now. A bucket was empty
	// then, so that what was accepted since is no more than its rate.
	since  time.Time
	kept   int
	agreed bool // it was measured again since then, with the same result

	known float64 // settled by an earlier run
	ramp  int     // that of earlier runs
}

const (
	// A rate this many times the measured one shows that it is no limit any more.
	climbed = 1.2

	// A measurement that has not been repeated is settled when its rate was kept
	// for half a minute.
	keptFor = 30 * time.Second

	// keptAfter is how long outside the first burst says at what pace a run goes.
	keptAfter = 10 * time.Second

	// crowdedRun is how many requests there have to be for a bound to be told
	// from the ramp.
	crowdedRun = 1000
)

// add takes in a reply, which made after of before.
func (e *evidence) add(before, after *State, p *pass, r Reply, now time.Time) {
	if e.began.IsZero() {
		e.began, e.since = p.sent, p.sent
	}
	switch r.Kind {
	case Throttled:
		if e.refused++; e.refused == 1 {
			e.first = p.sent
		}
	case Accepted:
		e.accepted++
		e.kept++
		e.last = now
		if e.refused > 0 {
			e.after++
		}
		if p.full {
			e.crowded++
		}
	}
	if after.measured != before.measured {
		// One that was lowered without being measured agrees with nothing.
		e.agreed = before.low > 0 && after.low > 0 && after.low != before.low && same(after.low, before.low, agree)
		if !e.agreed {
			e.since, e.kept = after.refusal, 0
		}
	}
}

// settled is the rate that can be told as the limit; 0: none can be yet.
func (e *evidence) settled(s State) float64 {
	took := e.last.Sub(e.since).Seconds()
	switch {
	case s.fixed, s.measured == 0, s.room > 0:
		return 0
	case s.Window > 0 && s.tested && s.proven && s.windows > 2:
		return s.Rate
	case e.known > 0 && same(e.known, s.measured, agree) && s.Rate < climbed*s.measured:
		return min(e.known, s.measured)
	case s.Window > 0, took < leastMeasured, !e.agreed && took < keptFor.Seconds():
		return 0
	}
	if kept := float64(e.kept) / took; same(kept, s.measured, agree) {
		return min(kept, s.measured)
	}
	return 0
}

// tell completes what is worth keeping for the next run.
func (e *evidence) tell(m Memory, s State, concurrency int) Memory {
	if s.fixed {
		return Memory{}
	}
	if m.Rate == 0 && m.InFlight == 0 {
		if e.refused > 0 || e.accepted == 0 {
			return m
		}
		m.Ramp, m.At = max(e.ramp, min(s.allowed, concurrency)), e.last
		if e.accepted >= crowdedRun && 2*e.crowded >= e.accepted {
			m.Concurrency = concurrency
		}
	}
	m.Settled = e.settled(s)
	m.Accepted, m.Refused, m.Took = e.accepted, e.refused, e.last.Sub(e.began)
	switch after := e.last.Sub(e.first); {
	case e.refused == 0 && m.Rate == 0 && m.Concurrency == 0 && m.Took < keptAfter: // the ramp had just begun
	case e.refused == 0 && m.Took > 0:
		m.Kept = float64(e.accepted) / m.Took.Seconds()
	case e.refused > 0 && after >= keptAfter:
		m.Kept = float64(e.after) / after.Seconds()
	}
	return m
}
