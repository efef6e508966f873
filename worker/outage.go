package worker

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	// outageAfter is how far failures have to outnumber good answers, of which
	// each makes up for goodFor of them. A server that fails one request in
	// five gets there once in more than a thousand million requests.
	outageAfter  = 10
	goodFor      = 2
	firstProbe   = time.Second
	longestProbe = 30 * time.Second
)

// outage tells a server that fails from a row that fails. Its state is a
// streak: failures that good answers do not make up for. That the good ones do
// not end a streak at once matters at the beginning of an outage, when answers
// to earlier requests still come in between. When a streak is long enough
// everyone stops, one probe at a time goes out after pauses that grow, and
// after the first good answer the number allowed in flight doubles with each
// further one.
type outage struct {
	intake  context.Context
	timeout time.Duration             // how long it may last before giveUp is called
	giveUp  func(why string)          // called, without the lock, when it has
	changed func(on bool, why string) // called without the lock

	mu       sync.Mutex
	streak   int       // which streak this is
	excess   int       // of failures over what good answers made up for; 0: no streak
	since    time.Time // the first failure of the streak
	on       bool
	declared []int // streaks that were outages
	room     int   // how many may be in flight; 0 is no bound
	inFlight int
	pause    time.Duration
	probeAt  time.Time
	wake     chan struct{} // closed and replaced whenever a waiter should look again

	// era lasts from one beginning of an outage to the next.
	era    context.Context
	endEra context.CancelFunc
}

func newOutage(intake context.Context, timeout time.Duration, giveUp func(string), changed func(bool, string)) *outage {
	o := &outage{intake: intake, timeout: timeout, giveUp: giveUp, changed: changed, wake: make(chan struct{})}
	o.era, o.endEra = context.WithCancel(intake)
	return o
}

// permit is the leave to send one request; every permit is given back by one
// call of good, bad or leave. Its value is the number of outages before it.
type permit int

// enter waits until a request may leave, as far as an outage is concerned. The
// context that it returns ends when the next outage begins, or intake does: a
// request that has not left by then must not. It fails when intake ends.
func (o *outage) enter() (context.Context, permit, error) {
	for {
		o.mu.Lock()
		wake := o.wake
		pause := time.Until(o.probeAt)
		full := o.room > 0 && o.inFlight >= o.room
		if !full && !(o.on && pause > 0) {
			o.inFlight++
			era, p := o.era, permit(len(o.declared))
			o.mu.Unlock()
			return era, p, context.Cause(o.intake)
		}
		o.mu.Unlock()

		var timer <-chan time.Time
		if !full {
			timer = time.After(pause)
		}
		select {
		case <-o.intake.Done():
			return nil, 0, context.Cause(o.intake)
		case <-wake:
		case <-timer:
		}
	}
}

// leave gives back a permit that nothing was sent on.
func (o *outage) leave(p permit) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.back(p)
}

// good reports an answer that shows the server at work.
func (o *outage) good(p permit) {
	o.mu.Lock()
	if o.on && !o.current(p) {
		// An answer to a request from before the outage: only a probe ends it.
		o.mu.Unlock()
		return
	}
	ended := o.on
	if o.excess > 0 {
		if o.excess = max(0, o.excess-goodFor); o.excess == 0 || ended {
			o.excess = 0
			o.streak++
		}
	}
	switch {
	case ended:
		o.on, o.room = false, 2
	case o.room > 1<<16:
		o.room = 0
	case o.room > 0:
		o.room *= 2
	}
	o.back(p)
	o.mu.Unlock()
	if ended {
		o.changed(false, "")
	}
}

// bad reports a failure that any row could have met, and returns its streak.
func (o *outage) bad(p permit, why string) (streak int) {
	o.mu.Lock()
	if !o.current(p) {
		// The request was in flight when the last outage began, and is of it
		// however late it fails.
		defer o.mu.Unlock()
		return o.declared[len(o.declared)-1]
	}
	now := time.Now()
	if o.excess == 0 {
		o.since = now
	}
	o.excess++
	streak = o.streak
	o.back(p)
	began := !o.on && o.excess >= outageAfter
	switch {
	case began:
		o.declared = append(o.declared, streak)
		// Requests in flight until now may stall for long; a probe does not
		// wait for them.
		o.on, o.room, o.inFlight, o.pause = true, 1, 0, firstProbe
		o.endEra()
		o.era, o.endEra = context.WithCancel(o.intake)
	case o.on:
		o.pause = min(2*o.pause, longestProbe)
	}
	over := false
	if o.on {
		// The last probe leaves when the time is up.
		end := o.since.Add(o.timeout)
		over = !now.Before(end)
		if o.probeAt = now.Add(jittered(o.pause)); o.probeAt.After(end) {
			o.probeAt = end
		}
	}
	o.mu.Unlock()

	if began {
		o.changed(true, why)
	}
	if over {
		o.giveUp(why)
	}
	return streak
}

func (o *outage) current(p permit) bool { return int(p) == len(o.declared) }

// back takes a permit back and lets the waiters look again.
func (o *outage) back(p permit) {
	if o.current(p) {
		o.inFlight--
	}
	if o.room > 0 || o.on {
		close(o.wake)
		o.wake = make(chan struct{})
	}
}

// spent counts the attempts that were a row's own: those of streaks that
// turned out to be an outage are not.
func (o *outage) spent(streaks []int) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range streaks {
		if !slices.Contains(o.declared, s) {
			n++
		}
	}
	return n
}

func jittered(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1)
}
