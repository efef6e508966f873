package pace

import "time"

// A window lets a quota in at once and then nothing until it is over. The law
// meets it with the same: the quota, in haste, and silence until the window must
// be over.

const (
	// Limits that last shorter are kept evenly: what that loses at the end of a
	// job is less than one window.
	longWindow = 1900 * time.Millisecond

	// The quota leaves at four times the mean rate, in a quarter of the window.
	// At once would gain time in the last window of a job alone, and a sliding
	// window opens again no faster than it was filled.
	haste     = 4.0
	slowHaste = 2.0 // after a refusal in the midst of a quota

	// A larger quota is tried after 4 windows that went well, 8 after a trial
	// that failed, in the end 64.
	firstWindows = 4
	mostWindows  = 64

	// A server's rounding up to a second, and half a second of latency.
	rounding = 1500 * time.Millisecond
)

// silences are the times after which a limit may be over: the windows that
// people set, and short ones, for buckets.
var silences = []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second,
	2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second, time.Minute}

// quota is how many requests go into a window.
func (s State) quota() int { return max(1, int(s.Rate*s.Window.Seconds()+0.5)) }

// guard is how long after its end a window is taken to be over.
func (s State) guard() time.Duration { return s.Window/200 + s.latency/2 + 10*time.Millisecond }

// enlarge tries a larger quota after more and more windows that went well.
func (s *State) enlarge() {
	if s.grown++; s.grown >= s.patience && s.tested {
		s.Rate += s.step / s.Window.Seconds()
		s.step *= 2
		s.cap()
	}
}

// open begins a window.
func (s *State) open(now time.Time) {
	s.before, s.opened, s.admitted, s.got = s.opened, now, 0, 0
	s.trying = false
}

// shorten makes the next shorter window of this, with the same quota.
func (s *State) shorten() {
	for i := len(silences) - 1; i >= 0; i-- {
		if shorter := silences[i]; shorter < s.Window && shorter > longWindow {
			longer := s.Window.Seconds() / shorter.Seconds()
			s.Rate *= longer
			s.haste = max(1.25, s.haste/longer) // no faster than it was filled
			s.Window = shorter
			return
		}
	}
	s.tested = true
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

// longer is the next longer window than w that people set.
func longer(w time.Duration) time.Duration {
	for _, d := range silences {
		if d > w {
			return d
		}
	}
	return 2 * w
}
