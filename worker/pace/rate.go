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

	// Where a silence that the server asked for saved up nothing, it is no time in
	// a measurement, which rises by a tenth at most: a bucket that only seemed so
	// would be stormed by more.
	mostLost = 1.1

	// A silence longer than two seconds is that of a window or a ban: it saves up
	// nothing, and the bucket is full at its end.
	mostSaved = 2.0

	// Beyond this many times the rate after the last refusal, the rate has climbed.
	climbed = 1.2

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

	// Measurements of a ban are few, and some find the bucket full.
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
	since := s.refused
	if since.IsZero() { // known from memory alone, whose burst may not have been there
		since = s.resumed
	}
	limit, _ := s.fill(n, n/max(0.001, now.Sub(since).Seconds()), now)
	if s.kept == 0 && s.asked { // as with counters: the silence saved nothing up
		limit = max(limit, min(n/active, mostLost*limit))
	}
	if silent > mostSaved && s.Rate < s.low {
		// It saves up more than was thought: else so slow a rate would be let in.
		limit = (limit + n/(active+silent)) / 2
	}
	most := n / active
	// Company shows in measurements of a rate: not in a few, nor in what was a mean,
	// over a climb to twice the rate, nor in a limit on those in flight.
	if s.low > 0 && n >= 5 && s.Rate < 2*s.from && s.packed == 0 {
		within := agree + 1/n
		if s.least > 0 {
			within = banAgree
		}
		s.meet(!same(limit, s.low, within))
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

// fill is how fast a bucket fills that was empty at the last refusal and is again
// at now, n accepted later: at rate at least. It was full at most at any time
// between, so that no more than its depth of what was accepted since then had been
// saved up. sure is how much more that was.
func (s *State) fill(n, rate float64, now time.Time) (_, sure float64) {
	for range 3 { // a higher rate is a smaller depth
		depth := s.depth(rate)
		for i, m := range s.marks.marks[:s.marks.n] {
			last, took := n-float64(m.accepted), now.Sub(m.at).Seconds()
			if took > 0 && (last >= leastCount || i == 0) && (last-depth)/took > rate {
				rate, sure = (last-depth)/took, last-depth
			}
		}
	}
	return rate, sure
}

// outlasted measures the rate again after a ban. By now all who were in flight
// when it began have been answered, and what they tell is worth another ban.
func (s *State) outlasted() {
	limit, sure := s.fill(float64(s.run+s.accepted-1), 0, s.refused)
	s.measured, s.low = limit, limit
	s.sure = max(leastPatience, s.run)
	if sure >= leastCount {
		s.sure = int(costly * s.gap.Seconds() * limit)
	}
	s.Rate = limit * (1 - min(0.06, 1/max(1, sure)))
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
	known := same(limit, s.low, agree)
	dear := s.gap.Seconds() > mostSaved // another refusal would cost much
	if known || dear && most < agree*limit {
		s.sure = 2 * max(s.sure, firstPatience/2)
		s.sure = max(s.sure, int(costly*s.gap.Seconds()*limit))
	} else {
		s.sure = min(firstPatience, max(leastPatience, s.accepted))
	}
	if s.least == 0 { // a ban is waited for as long as it costs
		s.sure = min(s.sure, max(leastPatience, int(steadyFor*limit)))
	}
	if took < leastMeasured {
		s.sure = min(s.sure, max(leastPatience, 3*s.accepted))
	}
	s.measured = limit
	if s.low == 0 && s.Rate > climbed*s.from && !dear {
		s.measured = (limit + s.Rate) / 2 // unless it was a bucket, which was full until lately
	}
	if (s.asked || s.kept == 0) && !known && !dear {
		s.measured = max(s.measured, (limit+most)/2) // a silence may have been longer than it took to fill
	}
	s.low = limit
	s.patience, s.step, s.grown = s.sure, firstStep, 0
}

// same is whether two measurements agree.
func same(a, b, within float64) bool { return max(a, b) < within*min(a, b) }

// cut is how far below a measurement the rate begins anew.
func (s *State) cut() float64 {
	if s.gap.Seconds() > mostSaved && s.sure < firstPatience {
		return 0.06
	}
	return min(0.03, max(0.005, 9/float64(s.sure)))
}

// resume makes up for the silence that has just ended.
func (s *State) resume(now time.Time) {
	s.resumed = now
	silent := now.Sub(s.refusal).Seconds()
	s.saved = 0
	if s.Window == 0 && s.measured > 0 && silent <= mostSaved && !s.shared {
		// One is used, and a few are left for the chance of the way to the server.
		s.saved = s.kept*min(s.Rate*silent, s.depth(s.measured)) - 1 - 3*s.jitter.Seconds()*s.Rate
		s.saved = max(0, s.saved)
	}
	// A refusal half as late again as it takes to make up is due to that.
	s.wake = int(1.5 * s.saved * catchUp / (catchUp - 1))
	if s.saved > 0 && s.asked { // what a counter lets in it holds against the next window
		s.wake = max(s.wake, int(1.5*s.Rate*silent))
	}
}

// depth is how much more than rate the limit let through at first. A bucket is
// full until it is used faster than it fills.
func (s State) depth(rate float64) float64 {
	d := 1.0
	for _, m := range s.burst.marks[:s.burst.n] {
		d = max(d, float64(s.first.accepted-m.accepted)-rate*s.first.at.Sub(m.at).Seconds())
	}
	return d
}
