package pace

import (
	"fmt"
	"math"
	"time"
)

// leastSilence lets those in flight be refused before one asks again.
const leastSilence = 150 * time.Millisecond

// silences are the times after which a limit may be over: the windows that
// people set, and short ones, for buckets.
var silences = []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second,
	2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second, time.Minute}

// mostProbes is how often in a row one asks soon whether others have left something.
// Refused as often, for some twenty seconds, it is not others but a ban, which each
// request renews.
const mostProbes = 10

// recovered is what the first request to be accepted after a refusal tells.
func (s *State) recovered(o Observation) {
	s.probing, s.allowed = false, rampStart
	s.Reason = fmt.Sprintf("accepted again after a silence of %v", o.Sent.Sub(s.refusal).Round(time.Millisecond))
	if s.fixed {
		return
	}
	elapsed := o.Sent.Sub(s.base)
	switch {
	case s.Window > 0:
		s.recoveredInWindow(elapsed)
	case s.Rate == 0 && s.run+s.accepted == 1:
		// Others had used it up. It is met from here.
		s.usedUp = true
	case s.Rate == 0 && s.named.Limit > 0:
		s.believe(o.Sent)
	case s.run+s.accepted > leastQuota && s.likeWindow(o.Sent.Sub(s.refused)):
		elapsed := o.Sent.Sub(s.resumed)
		if s.asked && s.probes == 0 {
			// Those who were refused a little later make the silence longer than the
			// first was told, and a window of a second seem one of two.
			elapsed = min(elapsed, s.refusal.Sub(s.resumed)+s.latency+s.pause)
			if elapsed-s.latency <= 2*time.Second {
				elapsed = min(elapsed, time.Second) // one that was told as two; too short is found out soon
			}
		}
		s.suppose(s.run+s.accepted-1, elapsed)
	case s.Rate == 0:
		// The first burst, over the time until there was room again.
		s.guess(float64(s.got-1) / elapsed.Seconds())
	}
	if s.gap = o.Sent.Sub(s.refusal); s.gap.Seconds() > mostSaved {
		s.deep, s.prior = math.Inf(1), stretch{} // the next stretch begins with a full bucket
	}
	if s.Window == 0 && !s.shared && same(s.gap.Seconds(), s.least.Seconds(), banAgree) && s.gap.Seconds() > mostSaved {
		s.outlasted()
	}
	if s.Window == 0 && s.sure >= firstPatience && s.gap < time.Second {
		s.allowed = max(rampStart, int(s.Rate*s.latency.Seconds())) // a bucket, surely
	}
	if s.Window > 0 && s.tested {
		s.allowed = allInFlight
	}
	s.begin(o.Sent)
	s.admitted, s.got = 1, 1
	s.resume(o.Sent)
	s.cap()
}

func (s *State) onRefusal(o Observation, now time.Time) {
	wait := o.Hint.pause()
	if o.Stale {
		// Old news, but for a longer pause.
		if until := now.Add(wait); until.After(s.Until) {
			s.Until = until
		}
		s.spent = true // one alone would have come too early
		return
	}
	s.refusals++
	s.Stops++
	s.crowding(o)
	var until time.Time
	switch {
	case s.probing:
		s.Reason = fmt.Sprintf("still refused after a silence of %v", o.Sent.Sub(s.refusal).Round(time.Millisecond))
	case s.room > 0:
		s.base = now
		s.Reason = fmt.Sprintf("refused with %d in flight: room for %d", o.Among, s.room)
	case s.fixed:
		s.base = now
		s.Reason = "refused, though at the rate that was asked for"
	case s.Rate == 0:
		s.first, s.burst, s.start = mark{now, s.accepted}, s.marks, rampStart
		s.base = s.opened
		s.Reason = fmt.Sprintf("the first refusal, after %d accepted", s.accepted)
	case s.Window > 0:
		until = s.refusedInWindow(now)
	default:
		s.refusedAtRate(o, now)
	}
	if s.probing {
		s.probes++
	} else {
		s.refused = now
		s.run, s.accepted, s.probes = s.accepted, 0, 0
	}
	s.asked = wait > 0
	s.refusal = o.Sent
	s.Until = s.silence(now, wait)
	s.probing, s.allowed = true, 1
	if wait == 0 && until.After(s.Until) {
		s.Until = until
	}
	s.pause = s.Until.Sub(now)
}

// silence is until when to wait after a refusal.
func (s *State) silence(now time.Time, asked time.Duration) time.Time {
	least := leastSilence
	if s.Rate > 0 && s.Window == 0 {
		least = max(least, time.Duration(1.2/s.Rate*float64(time.Second)))
	}
	if asked > 0 {
		if s.probing { // the time that it named was too short
			asked = min(LongestPause, max(asked, 2*s.pause))
		}
		return now.Add(max(asked, least))
	}
	switch {
	case s.Window == 0 && s.sure >= firstPatience && s.gap < time.Second && !s.probing:
		// A bucket, surely: it has a token soon.
		return now.Add(max(30*time.Millisecond, 3*s.jitter, time.Duration(1.2/s.Rate*float64(time.Second))))
	case s.Window == 0 && s.least > 0 && !s.probing:
		return now.Add(max(least, s.least)) // a ban, as long as the last one
	case s.turn > 0 && s.probes == 1:
		// The window is over a window, or some, after the last silence was.
		turns := now.Sub(s.resumed)/s.turn + 1
		return later(now.Add(least), s.resumed.Add(turns*s.turn+s.guard()))
	case s.shared && s.probes < mostProbes:
		// Others have taken it: to wait for long is to leave it all to them.
		if s.probing {
			least = max(least, min(max(2*time.Second, s.turn/10), 2*s.pause))
		}
		return now.Add(least)
	case s.Window == 0:
		least = max(least, (s.gap-s.latency)/2)
	}
	// The way to the server may take longer this time.
	again := s.base.Add(s.Window*21/20 + s.guard())
	if s.Window > 0 && s.probing && s.refusal.Before(again) && now.Add(least).After(s.base.Add(s.Window+s.guard())) {
		return later(again, now.Add(least))
	}
	for _, d := range silences {
		at := s.base.Add(d + s.guard())
		if d < time.Second || at.Sub(s.refused) < d/2 {
			at = s.refused.Add(d)
		}
		if at.Sub(now) >= least {
			return s.clear(at)
		}
		if at = s.refused.Add(d + s.guard()); s.mayHaveTurned(d) && at.Sub(now) >= least {
			return s.clear(at)
		}
	}
	// Longer than any of these: each silence as long again as all until now.
	return now.Add(min(LongestPause, max(least, now.Sub(s.refused))))
}

// mayHaveTurned is whether a window of d may have begun anew in the midst of the
// burst, which took a ninth of it or more, so that it is over later than a window
// after the first request. Only the windows that people set most are asked for a
// second time: each such request is one more refusal, and renews a ban.
func (s *State) mayHaveTurned(d time.Duration) bool {
	return (d == 10*time.Second || d == time.Minute) && s.refused.Sub(s.base) > d/9
}

// clear is at, or a little later if a ban that began with the last refusal could
// otherwise be missed by a hair, and begin anew.
func (s *State) clear(at time.Time) time.Time {
	for _, d := range silences {
		if over := s.refusal.Add(d*51/50 + s.guard()); at.Sub(s.refusal) >= d*19/20 && over.After(at) {
			return over
		}
	}
	return at
}
