package worker

import (
	"time"
)

const (
	// A request has stalled when it takes longer than five times the usual, and
	// two seconds, which a busy server or network may take for a moment.
	stallTimes = 5
	leastStall = 2 * time.Second
	// firstStall is for when nothing was answered yet, so that nothing is usual.
	firstStall = 10 * time.Second

	// usualOf is about how many answers the usual time is the mean of.
	usualOf = 16
)

// stallAfter is how long a request may take before it has stalled, where usual
// is what an answer takes lately; 0: nothing was answered yet.
func stallAfter(usual time.Duration) time.Duration {
	if usual == 0 {
		return firstStall
	}
	return max(leastStall, stallTimes*usual)
}

// usually is the usual time of an answer after one that took took. It follows a
// server that becomes slow as a whole within a few dozen answers, while a few
// late ones among many move it little: one counts as no more than a stall.
func usually(usual, took time.Duration) time.Duration {
	if usual == 0 {
		return took
	}
	return usual + (min(took, stallAfter(usual))-usual)/usualOf
}

// took notes how long an answer took.
func (r *run) took(d time.Duration) {
	for {
		was := r.usual.Load()
		if r.usual.CompareAndSwap(was, int64(usually(time.Duration(was), d))) {
			return
		}
	}
}

// watch sees to it that nobody waits for a request that has stalled: it counts
// no longer as in flight, and as a failure where an outage is looked for. Who
// allows one request at a time gets no more than one, stalled or not. The timer
// is to be stopped at the answer.
func (r *run) watch(a *attempts, p *permit) *time.Timer {
	t := a.ticket // which is another one after the answer
	after := stallAfter(time.Duration(r.usual.Load()))
	return time.AfterFunc(after, func() {
		defer r.catch()
		r.outage.stalled(p, r.say("no answer within %[1]s", after.Round(time.Second/10)))
		if r.Concurrency > 1 {
			t.Free()
			r.replace(a)
		}
		a.wasAnswered()
	})
}
