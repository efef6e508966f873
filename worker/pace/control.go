package pace

import (
	"fmt"
	"time"
)

// State is the whole of what the law knows, and what it orders: Rate, Burst,
// InFlight, Until. Next makes a new State of it for each reply.
type State struct {
	Rate     float64   // requests a second; 0: as latency allows
	Burst    int       // tokens that a silence may save up
	InFlight int       // bound on requests in flight
	Until    time.Time // nothing leaves before
	Stops    int       // counts the pauses; what left before one is old news after it
	Reason   string    // of the last change

	fixed    bool
	most     float64
	accepted int // since the last refusal
	refusals int
	since    time.Time     // the last refusal, or the start
	silence  time.Duration // the next one, should the probe be refused
	probing  bool
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
	firstSilence = 200 * time.Millisecond
	allInFlight  = 1 << 30
)

// Start is the State at the start of a run.
func Start(o Options, now time.Time) State {
	s := State{InFlight: 4, since: now, silence: firstSilence, most: o.Max, Rate: o.Max}
	if o.Rate > 0 {
		s.Rate, s.fixed = o.Rate, true
		s.InFlight = allInFlight
	} else if o.Memory.Rate > 0 {
		s.Rate = o.Memory.Rate
		if s.most > 0 {
			s.Rate = min(s.Rate, s.most)
		}
		s.InFlight = allInFlight
	}
	return s
}

// Next is the State after a reply that came at now.
func (s State) Next(o Observation, now time.Time) State {
	switch o.Kind {
	case Accepted:
		return s.onAccept(o, now)
	case Throttled:
		return s.onRefusal(o, now)
	}
	return s
}

func (s State) onAccept(o Observation, now time.Time) State {
	s.accepted++
	if wait := o.Hint.pause(); wait > 0 && s.Until.Before(now.Add(wait)) {
		s.Until = now.Add(wait)
		s.Stops++
		s.Reason = fmt.Sprintf("the server says that nothing is left for %v", wait)
	}
	if o.Stale {
		return s
	}
	if s.probing {
		s.probing, s.silence = false, firstSilence
		s.InFlight = allInFlight
	}
	if s.fixed {
		return s
	}
	if s.refusals == 0 && s.Rate == 0 {
		s.InFlight = 4 + s.accepted/50
		return s
	}
	s.Rate *= 1 + 0.05/300 // 5 % in 300 requests
	if s.most > 0 {
		s.Rate = min(s.Rate, s.most)
	}
	return s
}

func (s State) onRefusal(o Observation, now time.Time) State {
	wait := o.Hint.pause()
	if o.Stale {
		// Old news, but for a longer pause.
		if until := now.Add(wait); until.After(s.Until) {
			s.Until = until
		}
		return s
	}
	if !s.fixed && !s.probing {
		cut := s.Rate * 0.9
		if measured := float64(s.accepted) / max(0.1, now.Sub(s.since).Seconds()); s.Rate == 0 || s.accepted >= 10 && measured < cut {
			cut = measured
		}
		s.Rate = max(cut, 0.1)
	}
	s.Reason = fmt.Sprintf("refused after %d accepted", s.accepted)
	s.refusals++
	s.accepted, s.since = 0, now
	s.Until = now.Add(max(wait, s.silence))
	s.silence = min(2*s.silence, LongestPause)
	s.probing, s.InFlight = true, 1
	s.Stops++
	return s
}

// Learned is what is worth keeping for the next run.
func (s State) Learned(now time.Time) Memory {
	if s.refusals == 0 || s.fixed {
		return Memory{}
	}
	return Memory{Rate: s.Rate, Refusals: s.refusals, At: now}
}
