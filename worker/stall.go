package worker

import (
	"time"

	"mantatag/worker/pace"
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
// allows one request at a time gets no more than one, stalled or not.
type watch struct {
	run    *run
	timer  *time.Timer // nil: is to be made
	after  time.Duration
	a      *attempts
	ticket *pace.Ticket // which is another one of the row's after the answer
	permit *permit
}

// begin begins to watch a row's request, when none is watched.
func (w *watch) begin(a *attempts, p *permit) {
	w.a, w.ticket, w.permit = a, a.ticket, p
	w.after = stallAfter(time.Duration(w.run.usual.Load()))
	if w.timer == nil {
		w.timer = time.AfterFunc(w.after, w.stalled)
	} else {
		w.timer.Reset(w.after)
	}
}

// end is called at the answer. It reports false if the request had stalled: then
// the watch is not to be used again, since it may still be at it.
func (w *watch) end() bool { return w.timer.Stop() }

func (w *watch) stalled() {
	r := w.run
	defer r.catch()
	r.outage.stalled(w.permit, r.say("no answer within %[1]s", w.after.Round(time.Second/10)))
	if r.Concurrency > 1 {
		w.ticket.Free()
		r.replace(w.a)
	}
	w.a.wasAnswered()
}
