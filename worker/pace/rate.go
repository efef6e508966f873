package pace

import (
	"fmt"
	"math"
	"time"
)

// A bucket is met with an even rate. It is empty at each refusal, so what was
// accepted between two of them, over the time, is its rate.

const (
	// A higher rate is tried 5 % by 5 %. At one refusal in 400 requests, 0.25 %
	// are refused. What measurements agree on is tried more rarely, but once a
	// minute: a limit that has risen is not to wait for longer.
	firstStep     = 0.05
	firstPatience = 400
	steadyFor     = 60.0 // seconds

	// Each step without a refusal makes the next one twice as wide in half the
	// time, up to 40 % in 20 requests: the limit has risen, or was never met.
	widestStep    = 0.4
	leastPatience = 20

	// A rate that is only a guess is tried 10 % by 10 % at first.
	guessStep = 0.1

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

	// Two stretches that measure the same to 2 % have no more to tell of the depth.
	// It explains those that differ if by the least depth they differ by 1 % less.
	// A rate that is refused after less than a quarter of what the step takes had
	// hardly grown: it was measured too high, and the bucket may be deeper.
	depthAgrees = 1.02
	depthTells  = 1.01
	hardlyGrown = 0.25

	// Where silences save up nothing, as with counters, a rate that is refused within
	// little more than two seconds of one is above the limit, and that is all it says:
	// a counter of a second knows no longer time. Such a stretch is not measured. The
	// rate is lowered by 7 %: to climb that again costs about as much as a refusal.
	soonRefused = 2.2 // seconds
	soonKept    = 0.93

	// A silence longer than two seconds is that of a window or a ban: it saves up
	// no more than a bucket holds, which is full at its end.
	mostSaved = 2.0

	// Beyond this many times the rate after the last refusal a measurement is but a
	// mean over the climb.
	farClimbed = 1.4

	// Fewer accepted say little.
	leastCount = 30

	// Of a limit that others use too, each refusal gives 15 % back, and what is
	// claimed grows with the root of the rate: who has more gives back more than
	// he claims, until all have the same. That is one refusal in 56 accepted at
	// 5 a second, and in 625 at 25. After 20 s without a refusal the claims grow
	// with the square of the time.
	yield    = 0.85
	claim    = 0.03
	claimFor = 20.0

	// A window refuses all of them at its end, together, and each only a few times,
	// so they may meet sooner: at first 70 % is given back, then 35, then a fifth at
	// least, and all claim the same, 1.5 a second in the course of a window.
	firstGiven = 0.7
	turnGiven  = 0.2
	turnClaim  = 1.5

	// Silences within 30 % are those of the same ban.
	banAgree = 1.3

	// A measurement that took less is no reason to be sure.
	leastMeasured = 5.0
)

// mark is how many had been accepted since the last refusal at a time.
type mark struct {
	at       time.Time
	accepted int
}

// trail is some marks: where a window began, else evenly spaced by what was
// accepted. When it is full each second one is dropped, and the next come half as
// often.
type trail struct {
	marks [16]mark
	n     int
	every int
}

func (t *trail) add(m mark) {
	if t.n > 0 && m.accepted < t.marks[t.n-1].accepted+t.every {
		return
	}
	if t.n == len(t.marks) {
		t.n /= 2
		for i := range t.n {
			t.marks[i] = t.marks[2*i]
		}
		t.every = max(2, 2*t.every)
	}
	t.marks[t.n] = m
	t.n++
}

// guess begins an even rate that was not measured.
func (s *State) guess(rate float64) {
	s.Rate, s.from, s.measured, s.low = rate, rate, rate, 0
	s.patience, s.sure, s.step, s.grown = leastPatience, leastPatience, guessStep, 0
	s.deep, s.prior = math.Inf(1), stretch{}
	s.cap()
}

// grow tries a little more with each request that the rate held back and that was
// accepted.
func (s *State) grow() {
	if s.shared {
		more := claim / math.Sqrt(s.Rate)
		if s.turn > 0 {
			more = turnClaim / s.turn.Seconds() / s.Rate
		}
		long := float64(s.accepted) / s.Rate / claimFor
		s.Rate += more * max(1, long*long)
		s.cap()
		return
	}
	patience := max(s.patience, int(s.Rate*stepTakes))
	if steady := int(s.Rate * steadyFor); steady < leastPatience {
		patience = max(1, steady) // so slow that twenty requests take too long
	}
	more := s.step / float64(patience)
	if s.step == firstStep { // as a square: near the measured rate for long
		more *= 2 * float64(s.grown) / float64(patience)
	}
	s.Rate *= 1 + more
	if s.grown++; s.grown >= patience {
		s.grown = 0
		s.step = min(widestStep, 2*s.step)
		s.patience = max(min(s.patience, 50), s.patience/2)
	}
	s.cap()
}

// refusedAtRate measures the rate.
func (s *State) refusedAtRate(o Observation, now time.Time) {
	s.base = now
	if s.accepted < s.wake && s.Rate < agree*s.low {
		if s.kept /= 4; s.kept < 0.2 {
			s.kept = 0
		}
		s.Reason = "refused while making up for a silence"
		return
	}
	n := float64(s.accepted)
	silent := s.resumed.Sub(s.refusal).Seconds()
	active := max(0.001, o.Sent.Sub(s.resumed).Seconds())
	if active < soonRefused && s.savesNothing() && s.low > 0 && s.Rate < agree*s.from {
		s.Rate *= soonKept
		s.from, s.measured = s.Rate, min(s.measured, s.Rate)
		s.deepen()
		s.patience, s.step, s.grown = max(s.patience, firstPatience), firstStep, 0
		s.Reason = fmt.Sprintf("refused soon, after %d accepted in %.1f s", s.accepted, active+silent)
		return
	}
	this := stretch{marks: s.marks, n: n, from: s.refused, to: now}
	if s.refused.IsZero() { // known from memory alone, whose burst may not have been there
		this.from = s.resumed
	}
	if s.alone() {
		s.fathom(&this)
	}
	s.prior = this
	limit, _ := s.measure(&this, this.mean())
	if silent > mostSaved && s.Rate < s.low {
		// It saves up more than was thought: else so slow a rate would be let in.
		limit = (limit + n/(active+silent)) / 2
	}
	most := n / active
	// Company shows in measurements of a rate: not in one request or two, nor in what
	// was a mean, over a climb to twice the rate, nor in a limit on those in flight.
	if s.low > 0 && n > 2 && s.Rate < 2*s.from && s.packed == 0 {
		s.meet(!same(limit, s.low, agree+1/n))
	}
	s.learn(limit, most, active+silent)
	next := s.measured * (1 - s.cut() + 0.5/max(1, n))
	if s.accepted < leastCount {
		next = max(next, s.Rate/2) // too few to say more
	}
	if s.shared {
		next = s.Rate * yield
		if s.turn > 0 {
			s.given++
			next = s.Rate * (1 - max(turnGiven, firstGiven/float64(s.given)))
		}
	}
	s.Rate = min(s.Rate, next)
	s.from = s.Rate
	s.Reason = fmt.Sprintf("refused after %d accepted in %.1f s", s.accepted, active+silent)
}

// stretch is what was accepted between two refusals.
type stretch struct {
	marks    trail
	n        float64
	from, to time.Time
}

func (t *stretch) mean() float64 {
	return t.n / max(0.001, t.to.Sub(t.from).Seconds())
}

// fill is how fast a bucket so deep fills that was empty at both ends: at rate at
// least. It was full at most at any time between, so that no more than its depth of
// what was accepted since then had been saved up. sure is how much more that was.
func (t *stretch) fill(depth, rate float64) (_, sure float64) {
	for i, m := range t.marks.marks[:t.marks.n] {
		last, took := t.n-float64(m.accepted), t.to.Sub(m.at).Seconds()
		if took > 0 && (last >= leastCount || i == 0) && (last-depth)/took > rate {
			rate, sure = (last-depth)/took, last-depth
		}
	}
	return rate, sure
}

// measure is the rate that a stretch shows, by the depth that goes with it.
func (s *State) measure(t *stretch, rate float64) (_, sure float64) {
	for range 3 { // a higher rate is a smaller depth
		if more, n := t.fill(s.depth(rate), rate); more > rate {
			rate, sure = more, n
		}
	}
	return rate, sure
}

// fathom finds how deep the bucket is: so that this stretch and the one before
// measure the same. The deeper it is, the lower both are, and the shorter one falls
// faster. What saves up nothing, as counters, shows as a bucket that is hardly deep.
// The last measurement is what it is by that depth.
func (s *State) fathom(this *stretch) {
	long, short := this, &s.prior
	if long.n < short.n {
		long, short = short, long
	}
	if short.n < leastCount {
		return
	}
	apart := func(depth float64) float64 {
		a, _ := long.fill(depth, long.mean())
		b, _ := short.fill(depth, short.mean())
		return a / b
	}
	rate, _ := s.measure(this, this.mean())
	least, most := s.shallow(), s.depth(rate)
	if apart(most) < depthAgrees {
		if this.n < hardlyGrown*float64(s.sure) {
			s.deepen()
		}
		return
	}
	if most <= least || apart(most) < depthTells*apart(least) {
		return // no depth explains it: the limit has changed
	}
	for range 20 {
		if mid := (least + most) / 2; apart(mid) > 1 {
			most = mid
		} else {
			least = mid
		}
	}
	s.deep = least
	s.low, _ = s.prior.fill(least, s.prior.mean())
}

// deepen doubles the depth that a bucket may have, beginning with the least that
// there is, since it was taken for too little.
func (s *State) deepen() { s.deep = 2 * max(s.deep, s.shallow()) }

// outlasted measures the rate again after a ban. By now all who were in flight
// when it began have been answered, and what they tell is worth another ban.
func (s *State) outlasted() {
	limit, sure := s.measure(&stretch{marks: s.marks, n: float64(s.run + s.accepted - 1), to: s.refused}, 0)
	s.measured, s.low = limit, limit
	s.sure, s.Rate = max(leastPatience, s.run), limit*0.94
	if sure >= leastCount {
		s.sure = int(costly * s.gap.Seconds() * limit)
		s.Rate = limit * (1 - 0.5/sure) // half a request less
	}
	s.from, s.patience, s.step, s.grown = s.Rate, s.sure, firstStep, 0
}

// meet takes in whether a measurement was unlike the last one: then another client
// must have used the limit, or it has changed. What happens twice in a row is
// another client, until it has not happened for long.
func (s *State) meet(unlike bool) {
	s.company *= 0.75
	if unlike {
		s.company += 0.25
	}
	switch {
	case s.shared && s.company <= 0.03:
		s.shared, s.turn, s.others, s.usedUp = false, 0, false, false
	case !s.shared && s.company > 0.4:
		s.shared, s.given = true, 0
		if s.gap.Seconds() > mostSaved && !s.told { // answers that say what is left make long silences
			s.turn = s.gap
		}
	}
}

// share begins to share what seems to be a window of about w. The rate is kept
// evenly: all are refused at the end of the window then, whoever was the first in
// it too. He gives back half at once; who came when it was used up has less, or
// is alone by now.
func (s *State) share(rate float64, w time.Duration) {
	given := 2
	if s.others || !s.usedUp {
		rate, given = rate/2, 0
	}
	s.guess(rate)
	s.Window, s.turn, s.given = 0, w, given
	s.shared, s.company = true, 1
	s.Reason = "others seem to use the window too"
}

// learn takes a measurement in. If it is what it was the last time it is the
// limit, and the better it is known, the more rarely a higher rate is tried.
func (s *State) learn(limit, most, took float64) {
	known := same(limit, s.low, agree) && s.Rate < farClimbed*s.from
	dear := s.gap.Seconds() > mostSaved // another refusal would cost much
	if known || dear && most < agree*limit {
		s.sure = 2 * max(s.sure, firstPatience/2)
		s.sure = max(s.sure, int(costly*s.gap.Seconds()*limit))
	} else {
		s.sure = min(firstPatience, max(leastPatience, s.accepted))
	}
	s.sure = min(s.sure, max(leastPatience, int(steadyFor*limit)))
	if took < leastMeasured {
		s.sure = min(s.sure, max(leastPatience, 3*s.accepted))
	}
	s.measured = limit
	if (s.asked || s.deep <= s.shallow()) && !known && !dear {
		s.measured = max(s.measured, (limit+most)/2) // a silence may have been longer than it took to fill
	}
	s.low = limit
	s.patience, s.step, s.grown = s.sure, firstStep, 0
}

// same is whether two measurements agree.
func same(a, b, within float64) bool { return max(a, b) < within*min(a, b) }

// cut is how far below a measurement the rate begins anew.
func (s *State) cut() float64 {
	return min(0.03, max(0.005, 9/float64(s.sure)))
}

// resume makes up for the silence that has just ended.
func (s *State) resume(now time.Time) {
	s.resumed = now
	silent := now.Sub(s.refusal).Seconds()
	s.saved = 0
	if s.Window == 0 && s.measured > 0 && silent <= mostSaved && !s.shared {
		// One is used, and a few are left for the chance of the way to the server.
		s.saved = max(0, s.kept*min(s.Rate*silent, s.depth(s.measured))-s.shallow())
	}
	// A refusal half as late again as it takes to make up is due to that.
	s.wake = int(1.5 * s.saved * catchUp / (catchUp - 1))
}

// drained is how much more than rate the limit let through at first. A bucket is
// full until it is used faster than it fills.
func (s State) drained(rate float64) float64 {
	d := 1.0
	for _, m := range s.burst.marks[:s.burst.n] {
		d = max(d, float64(s.first.accepted-m.accepted)-rate*s.first.at.Sub(m.at).Seconds())
	}
	return d
}

// depth is how much the bucket can save up.
func (s State) depth(rate float64) float64 {
	return min(s.drained(rate), max(s.deep, s.shallow()))
}

// alone is whether nothing but the rate seems to refuse: no ban, no bound on those in
// flight, and nobody else.
func (s *State) alone() bool { return s.least == 0 && s.packed == 0 && !s.shared }

// savesNothing is whether measurements agreed on a depth that chance alone would show,
// or nearly, of a limit whose silences are short.
func (s *State) savesNothing() bool { return s.alone() && s.cheap() && s.deep < 2*s.shallow() }

// shallow is how deep a bucket seems by the chance of the way to the server alone.
func (s State) shallow() float64 { return 1 + 3*s.jitter.Seconds()*s.Rate }
