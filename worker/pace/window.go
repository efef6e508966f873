package pace

import (
	"fmt"
	"time"
)

// A window lets a quota in at once and then nothing until it is over. The law
// meets it by sending each request a window after the one a quota before it: the
// pattern in which the first quota was accepted comes again and again. That is
// right for windows of the clock, windows that begin with a request, and windows
// that slide, and needs none of them told from the others.

const (
	// The first time that a quota is repeated it is tried in a quarter of the
	// time that it took to be let in again; then, if refused, in the half.
	tryPart = 4

	// So few are as good as an even rate.
	leastQuota = 4

	// A shorter period is no window to us: an even rate comes as near.
	leastWindow = 40 * time.Millisecond

	// A larger quota is tried after 4 windows that went well, or the 16 that are
	// sixteen seconds, then four times as many after a trial that failed, up to 128
	// and to two minutes.
	firstWindows = 4
	firstTrial   = 16 * time.Second
	mostWindows  = 128
	longestTrial = 2 * time.Minute

	// Within a window no more than four times the mean rate: a burst that is
	// faster gains less than a quarter of the last window. In a short one twice as
	// fast: of those that leave close together fewer are overtaken by one of the
	// next window.
	haste      = 4.0
	shortHaste = 8.0

	// The guard of a short window gives away a twentieth of it, so that less is
	// tried, and half as fast after each time that it was too little, but no less
	// than a hundredth of the window.
	easing     = 32 // windows in which the mean deviation of latencies is given up
	leastGuard = 100

	// Three windows with a refusal before the quota was used up, and less than 16
	// without between them: what is refused is not what comes after the quota. One
	// that has grown beyond what some windows kept may be too large: then three in a
	// row.
	mostStrikes = 3
	forgiven    = 16

	// So often a quota is supposed where there was none.
	mostStruck = 2

	// Quotas are remembered send by send, so they have an end.
	mostQuota = 1 << 16

	// A pause that the server asked for is rounded up to a second or two. Windows
	// that are not longer are short: to be too early in one costs little.
	longWindow = 1900 * time.Millisecond

	// A window of a second that is met in its midst may seem one of two or three:
	// that it lets in more is no sign of company then.
	leastShared = 4 * time.Second
)

// setQuota makes the limit n requests in each w.
func (s *State) setQuota(n int, w time.Duration) {
	s.quota, s.extra, s.Window = max(1, n), 0, w
	s.Rate = float64(s.quota) / w.Seconds()
}

// guard is how much longer than the window its pattern is: what the way to the
// server may vary by between two requests, so that neither comes too early. Where
// many leave within that the limit counts them in the order in which they come,
// which varies less: the farther apart they are, the more of it is needed.
func (s State) guard() time.Duration {
	return max(s.Window/500, s.likely()+s.late)
}

// likely is the guard before a window has shown whether it is too much or too little.
func (s State) likely() time.Duration {
	apart := s.Window / time.Duration(s.haste()*float64(max(1, s.quota)))
	varies := s.jitter + min(apart, 2*s.jitter)
	if !s.short() {
		varies = varies * 3 / 2
	}
	return s.Window/500 + varies
}

// ease makes the guard of a short window a little smaller.
func (s *State) ease() {
	if s.short() && s.proven {
		least := s.Window/leastGuard - s.likely()
		s.late = max(min(s.late, least), s.late-s.jitter/easing>>min(s.fewer, 20))
	}
}

func (s State) short() bool { return s.Window < longWindow }

func (s State) haste() float64 {
	if s.short() {
		return shortHaste
	}
	return haste
}

// mostWindows is after how many windows a larger quota is tried at the latest.
func (s State) mostWindows() int {
	return max(firstWindows, min(mostWindows, int(longestTrial/s.Window)))
}

// likeWindow is whether a limit that took silent to be over may be a window: it
// refused another request meanwhile, which no bucket does, or it said so.
func (s *State) likeWindow(silent time.Duration) bool {
	if s.struck >= mostStruck || s.told || s.shared {
		return false
	}
	return s.probes > 0 && s.sure < firstPatience || s.asked && s.Rate == 0 || silent > longWindow
}

// suppose takes n, accepted in elapsed until a request was accepted again, for
// a quota.
func (s *State) suppose(n int, elapsed time.Duration) {
	if (s.others || s.usedUp) && elapsed > leastShared && n >= leastCount {
		s.share(float64(n)/elapsed.Seconds(), snap(elapsed))
		return
	}
	s.setQuota(n, snap(elapsed))
	s.tested, s.trying, s.proven, s.trusted, s.late, s.fewer, s.strikes, s.passed, s.held = false, false, false, false, 0, 0, 0, 0, 0
	s.patience, s.step, s.grown = max(firstWindows, int(firstTrial/s.Window)), 1, 0
	s.Reason = fmt.Sprintf("perhaps a quota of %d in %v", s.quota, s.Window)
}

// believe takes the quota that the server names for true from then on, when all
// of it is there. A bucket is named as so many in a second, and a window that is
// as short is kept as well by an even rate.
func (s *State) believe(from time.Time) {
	if s.named.Window < longWindow {
		s.guess(s.named.rate())
		return
	}
	s.suppose(s.named.Limit, s.named.Window)
	s.setQuota(s.named.Limit, s.named.Window)
	s.tested, s.proven, s.anew = true, true, from
	s.measured, s.held = s.Rate, s.quota
	s.begin(from)
	s.base = from
	s.Reason = fmt.Sprintf("the server names a quota of %d in %v", s.quota, s.Window)
}

// inWindow says when the next request may leave as far as the window is
// concerned, and begins the next window when it is due. earlier is when the
// request a quota before it was sent.
func (s *State) inWindow(now, earlier time.Time, inFlight int) (wait time.Duration, ok bool) {
	if earlier.Before(s.anew) {
		earlier = time.Time{}
	}
	switch {
	case s.admitted >= s.quota+s.extra: // the next window's first
		period := s.Window + s.guard()
		if !s.tested {
			if inFlight > 0 {
				return 0, false // whether this was a quota is not known yet
			}
			period = s.trial()
		}
		// A pattern that took longer is drawn together.
		start := later(later(earlier, s.opened), s.sent.Add(-time.Duration(float64(s.Window)/s.haste())))
		if wait = start.Add(period).Sub(now); wait > 0 {
			return wait, false
		}
		s.open()
		s.begin(now)
	case s.admitted < s.quota:
		if wait = earlier.Add(s.Window + s.guard()).Sub(now); wait > 0 {
			return wait, false
		}
	}
	return 0, true
}

// trial is the period that is tried next. Where a refusal is cheap each is tried
// twice: a window of the clock may end between two quotas once, and let both in.
func (s State) trial() time.Duration {
	if s.trying && s.passed%2 == 0 && s.cheap() {
		return s.Window
	}
	return s.Window / tryPart
}

// cheap reports that a refusal costs a short silence.
func (s State) cheap() bool { return s.gap.Seconds() <= mostSaved }

// open decides what the next window is to be.
func (s *State) open() {
	switch {
	case !s.tested && s.trial() < leastWindow:
		s.Window = 0
		s.struck = mostStruck // it is surely none
		if !s.cheap() {
			s.Rate /= tryPart // the next refusal is dear, and a full bucket lets in anything for a moment
		}
		s.guess(s.Rate)
		s.Reason = "no window: a quota soon after the other was accepted"
	case !s.tested:
		trial := s.trial()
		if s.trying {
			s.passed++
		}
		if trial < s.Window {
			s.whole = s.Window
		}
		s.trying, s.allowed = true, 1
		s.setQuota(s.quota, trial)
	default:
		if !s.proven {
			s.allowed = 1 // whether it is over in time one request will tell
		}
		if s.well++; s.well >= firstWindows {
			s.held = s.quota
			s.ease()
		}
		if s.well >= forgiven {
			s.strikes = 0
		}
		if s.extra > 0 && s.got >= s.quota+s.extra { // they were let in
			s.setQuota(s.quota+s.extra, s.Window)
			if s.short() {
				s.well = 0 // a burst over the end of a window of the clock is of two quotas
			}
			if s.fewer == 0 && !s.trusted && s.Window > leastShared && s.quota >= leastCount {
				s.others = true // it was never lowered, and is not all of the limit
				s.share(s.Rate, s.Window)
				return
			}
		}
		s.extra = 0
		if s.grown++; s.grown >= s.patience && s.quota < mostQuota && s.named.Limit == 0 {
			s.extra = int(s.step)
			s.step *= 2
		}
	}
}

// begin begins a window with the request that leaves, or left, at now.
func (s *State) begin(now time.Time) {
	s.before, s.opened, s.admitted, s.got = s.opened, now, 0, 0
	s.windows++
}

// refusedInWindow says until when to wait, at least, if the server does not.
func (s *State) refusedInWindow(now time.Time) (until time.Time) {
	end := s.opened.Add(s.Window + s.guard())
	s.spent = s.admitted >= s.quota
	grown := s.held > 0 && s.quota > s.held // not the window is in doubt, but so large a quota
	inRow := s.well == 0                    // the window before was refused too
	few, spared := s.quota/16, 0
	if s.cheap() { // so it is worth one more to be sure that there is no window
		few, spared = s.quota/8, 1
	}
	switch {
	case s.trying && s.got <= few:
		// The trial of a shorter window has failed. Half of it is the next.
		s.trying, s.tested, s.strikes = false, true, 0
		s.setQuota(s.quota, s.whole)
		s.base = s.before
		s.Reason = fmt.Sprintf("a quota of %d in %v", s.quota, s.Window)
		return s.before.Add(s.Window/2 + s.guard())

	case s.extra > 0 && s.got >= s.quota*8/10:
		s.base = s.opened
		s.patience, s.step, s.grown, s.extra = min(s.mostWindows(), 4*s.patience), 1, 0, 0
		s.Reason = fmt.Sprintf("no more than a quota of %d in %v", s.quota, s.Window)
		return end

	case !s.tested && !s.trying && s.strikes <= spared && s.got >= s.quota*(2+s.strikes)/4:
		// How many it is, recovered knows: some may be in flight.
		s.strikes++
		s.base, s.full = s.opened, true
		s.Reason = fmt.Sprintf("a quota of %d in %v", s.got, s.Window)
		return end

	case !s.tested:
		s.noWindow(now, fmt.Sprintf("no window: refused after %d of %d", s.got, s.quota))

	case s.short() && s.proven && s.well >= firstWindows && s.got <= s.quota/8:
		s.overtaken(true)
		s.Reason = fmt.Sprintf("the window of %v was not quite over", s.Window)

	case (!grown || inRow) && s.strikes+1 >= mostStrikes || !grown && s.strikes > 0 && s.got < s.quota*3/4:
		s.noWindow(now, fmt.Sprintf("no window any more: refused after %d of %d", s.got, s.quota))

	case s.got == 0 && !s.proven:
		s.base, s.early = s.before, true
		s.Reason = fmt.Sprintf("the window of %v was not over", s.Window)

	default:
		// A request was overtaken by the one a quota later, or the quota has
		// become less.
		if !grown || inRow {
			s.strikes++
		}
		s.overtaken(s.quota <= s.held || s.got < s.quota*3/4)
		s.full = s.strikes > 1 && !grown
		s.Reason = fmt.Sprintf("refused after %d of %d in %v", s.got, s.quota, s.Window)
		if s.got > s.quota/2 {
			return end
		}
	}
	return time.Time{}
}

// overtaken takes in that a window let in less than its quota: if early, since a
// request came before the one a quota before it was forgotten.
func (s *State) overtaken(early bool) {
	if early {
		s.late += max(s.jitter/2, s.Window/200)
	}
	s.fewer++
	s.well, s.step, s.grown, s.extra = 0, 1, 0, 0
	s.base = s.opened
}

// noWindow goes over to an even rate.
func (s *State) noWindow(now time.Time, reason string) {
	// A bucket lets all of the quota in, or a counter next to nothing. Of a window,
	// others take a part.
	s.others = s.others || s.quota >= leastCount && s.got < s.quota*9/10 && (s.trying || s.got > s.quota/5)
	rate, saves := s.Rate, true
	switch {
	case s.trying:
		rate = min(float64(s.quota)/s.whole.Seconds(), float64(s.accepted)/max(0.001, now.Sub(s.resumed).Seconds()))
	case s.named.Limit > 0:
		rate = s.named.rate()
	case s.tested:
		rate = float64(s.accepted) / max(0.001, now.Sub(s.refusal).Seconds())
		saves = false // windows save up nothing, whatever they are
	}
	s.guess(rate)
	if !saves {
		s.kept, s.deep = 0, 0
	}
	s.Window, s.base, s.trying = 0, now, false
	if s.struck++; s.passed > 0 {
		s.struck = mostStruck // it is surely none
		s.least = s.gap
	}
	s.gap = 0
	s.Reason = reason
}

// recoveredInWindow takes in that a request was accepted again, elapsed after base.
func (s *State) recoveredInWindow(elapsed time.Duration) {
	switch {
	case s.early && s.short() && s.asked && s.probes == 0 && s.fewer == 0:
		// What the server asked for is a second at least, and a short window may have been
		// over a moment after it was tried. If it is refused again it was not.
		s.early, s.tested = false, true
		s.overtaken(true)
	case s.early:
		s.early = false
		s.setQuota(s.quota, snap(elapsed))
		s.tested = true
	case s.full:
		s.full = false
		w := s.Window
		if !s.tested {
			w = min(w, snap(elapsed)) // what seemed one quota took part of two windows
		}
		s.setQuota(s.got-1, w) // the one accepted now is not of them
	case s.tested && s.spent && s.quota > s.held && max(s.held, s.got-1) >= s.quota*3/4:
		// Two windows of the clock took part in what had seemed one quota.
		s.setQuota(min(s.quota, max(s.held, s.got-1)), s.Window)
	case s.named.Limit == 0 && s.base.Equal(s.before) && (elapsed < s.Window*7/8 || elapsed > s.Window*5/4 && !s.asked):
		s.setQuota(s.quota, snap(elapsed))
	}
	if s.tested {
		s.measured = s.Rate
	}
}

// snap is the window that people set and that is over after d; d itself, if it is
// far beyond the longest of them, which would be run against again and again.
func snap(d time.Duration) time.Duration {
	best := d
	if d >= 2*silences[len(silences)-1] {
		return d
	}
	for _, w := range silences {
		if w >= time.Second && w <= d+20*time.Millisecond {
			best = w
		}
	}
	return best
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
