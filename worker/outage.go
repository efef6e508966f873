package worker

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// outageAfter failures with no good answer between them are an outage. At
	// an error rate of one in five that takes ten million requests to happen
	// by chance, and a request lost to it costs a pause of a second.
	outageAfter  = 10
	firstProbe   = time.Second
	longestProbe = 30 * time.Second
)

// outage tells a server that fails from a row that fails. Its state is a
// streak of failures with no good answer between; when the streak is long
// enough everyone stops, one probe at a time goes out after pauses that grow,
// and after the first good answer the number allowed in flight doubles with
// each further one.
type outage struct {
	timeout time.Duration             // how long it may last before giveUp is called
	giveUp  func(why string)          // called, without the lock, when it has
	changed func(on bool, why string) // called without the lock

	mu       sync.Mutex
	streak   int // which streak this is; a good answer begins the next
	failures int // in this streak
	since    time.Time
	on       bool
	declared map[int]bool // streaks that were outages
	room     int          // how many may be in flight; 0 is no bound
	inFlight int
	pause    time.Duration
	probeAt  time.Time
	wake     chan struct{} // closed and replaced whenever a waiter should look again
}

func newOutage(timeout time.Duration, giveUp func(string), changed func(bool, string)) *outage {
	return &outage{timeout: timeout, giveUp: giveUp, changed: changed, declared: map[int]bool{}, wake: make(chan struct{})}
}

// permit is the leave to send one request; every permit is given back by one
// call of good, bad or leave. Its value is the number of outages before it.
type permit int

// enter waits until a request may leave, as far as an outage is concerned.
func (o *outage) enter(ctx context.Context) (permit, error) {
	for {
		o.mu.Lock()
		wake := o.wake
		pause := o.probeAt.Sub(time.Now())
		full := o.room > 0 && o.inFlight >= o.room
		if !full && !(o.on && pause > 0) {
			o.inFlight++
			p := permit(len(o.declared))
			o.mu.Unlock()
			return p, nil
		}
		o.mu.Unlock()

		var timer <-chan time.Time
		if !full {
			timer = time.After(pause)
		}
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
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
	ended := o.on
	if o.failures > 0 {
		o.streak++
	}
	o.failures, o.on = 0, false
	switch {
	case ended:
		o.room = 2
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
	now := time.Now()
	if o.failures == 0 {
		o.since = now
	}
	o.failures++
	streak = o.streak
	probe := o.on && o.current(p)
	began := !o.on && o.failures >= outageAfter
	switch {
	case began:
		o.declared[streak] = true
		// Requests in flight until now may stall for long; a probe does not
		// wait for them.
		o.on, o.room, o.inFlight, o.pause = true, 1, 0, firstProbe
		o.probeAt = now.Add(jittered(o.pause))
	case probe:
		o.pause = min(2*o.pause, longestProbe)
		o.probeAt = now.Add(jittered(o.pause))
	}
	over := o.on && now.Sub(o.since) >= o.timeout
	o.back(p)
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

// stale reports whether an outage has begun since p was given.
func (o *outage) stale(p permit) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.on && !o.current(p)
}

// spent counts the attempts that were a row's own: those of streaks that
// turned out to be an outage are not.
func (o *outage) spent(streaks []int) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range streaks {
		if !o.declared[s] {
			n++
		}
	}
	return n
}

func jittered(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1)
}
