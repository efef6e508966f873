package pace

import (
	"fmt"
	"math"
	"time"
)

// recovered is what the first request to be accepted after a refusal tells.
func (s *State) recovered(o Observation) {
	s.probing, s.allowed = false, rampStart
	s.Reason = fmt.Sprintf("accepted again after a silence of %v", o.Sent.Sub(s.refusal).Round(time.Millisecond))
	if s.fixed {
		return
	}
	elapsed := o.Sent.Sub(s.base)
	if s.Rate == 0 {
		// The first burst, over the time until there was room again.
		s.Rate = float64(s.got-1) / elapsed.Seconds()
		s.from = s.Rate
		s.patience = leastPatience
	}
	switch {
	case s.Window > 0:
		if s.before.Equal(s.base) { // the window had been believed shorter
			q := s.quota()
			was := s.Window
			s.Window = snap(elapsed)
			s.Rate = float64(q) / s.Window.Seconds()
			s.haste = min(haste, s.haste*s.Window.Seconds()/was.Seconds())
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
		s.patience, s.step, s.grown = firstWindows, 1, 0
	}
	s.gap = o.Sent.Sub(s.refusal)
	if s.Window == 0 || o.Sent.Sub(s.opened) > s.Window/2 || s.haste == haste {
		s.open(o.Sent)
		s.admitted, s.got = 1, 1
	}
	s.resumed = o.Sent
	if s.saved = 0; s.Window == 0 && s.measured > 0 {
		s.saved = s.makeup * s.Rate * o.Sent.Sub(s.refusal).Seconds()
	}
	s.cap()
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
		s.first, s.firstTook = s.accepted, o.Sent.Sub(s.opened)
		s.base = s.opened
		s.Reason = fmt.Sprintf("the first refusal, after %d accepted", s.accepted)
	case s.Window > 0 && s.got == 0:
		s.base = s.before
		if s.trying = !s.tested; s.trying {
			// The test has failed: the next longer window is the one.
			until = s.before.Add(longer(s.Window) + s.guard())
		}
		s.Reason = fmt.Sprintf("the window of %v was not over", s.Window)
	case s.Window > 0 && s.got < s.quota()/2 && wait <= rounding && s.haste > slowHaste:
		s.haste = slowHaste
		s.base = now
		s.Reason = fmt.Sprintf("too much haste: refused after %d of %d", s.got, s.quota())
	case s.Window > 0 && (s.got < s.quota()/2 || wait > 0 && now.Add(wait).Sub(s.opened) > s.Window+rounding):
		s.strikes = 2
		s.patience, s.step, s.grown = leastPatience, firstStep, 0
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
		s.patience, s.step, s.grown = min(mostWindows, 2*s.patience), 1, 0
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
		s.Reason = fmt.Sprintf("refused after %d accepted in %.1f s", s.accepted, took)
	}
	if !s.probing {
		s.refused = now
		s.accepted = 0
	}
	s.refusal = o.Sent
	s.Until = s.silence(now, wait)
	s.probing, s.allowed = true, 1
	if wait == 0 && until.After(s.Until) {
		s.Until = until
	}
	s.pause = s.Until.Sub(now)
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

// cut is how far below a measurement the rate begins anew.
func (s *State) cut() float64 {
	return 1 - min(0.03, max(0.005, 9/float64(s.patience)))
}

// learn takes a measurement in: the limit lies between low and high. If low is
// what it was the last time it is the limit, and the better it is known, the
// more rarely a higher rate is tried.
func (s *State) learn(low, high float64) {
	if s.low > 0 && math.Max(low, s.low) < agree*math.Min(low, s.low) {
		s.measured = low
		s.patience = min(2*max(s.patience, firstPatience/2), int(max(firstPatience, steadyFor*low)))
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
		if s.probing { // the time that it named was too short
			asked = min(LongestPause, max(asked, 2*s.pause))
		}
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
