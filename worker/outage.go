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
	outageAfter = 10
	goodFor     = 2

	// outageRows is how many rows have to fail for an outage, once anything was
	// answered well in this run: fewer that fail again and again are more
	// likely to be at fault themselves.
	outageRows = 4

	firstProbe   = time.Second
	longestProbe = 30 * time.Second

	// ownFault stands for the streak of a failure that can only be the row's own.
	ownFault = -1
)

// outage tells a server that fails from a row that fails. Its state is a
// streak: failures that good answers do not make up for. That the good ones do
// not end a streak at once matters at the beginning of an outage, when answers
// to earlier requests still come in between. When a streak is long enough
// everyone stops, one probe at a time goes out after pauses that grow, and
// after the first good answer the number allowed in flight doubles with each
// further one.
//
// A row whose failures were once made up for has failed while the server was at
// work: that it fails again says nothing of an outage. And as long as a streak
// may still become an outage, nobody's attempts are used up by it: see judged.
type outage struct {
	intake  context.Context
	places  int                       // rows that the pool holds at most
	timeout time.Duration             // how long it may last before giveUp is called
	giveUp  func(why string)          // called, without the lock, when it has
	changed func(on bool, why string) // called without the lock
	planned func(Outage)              // called without the lock for each probe; nil: nobody wants to know

	mu       sync.Mutex
	worked   bool      // something was answered well in this run
	streak   int       // which streak this is
	excess   int       // of failures over what good answers made up for; 0: no streak
	rows     int       // that failed in this streak
	since    time.Time // the first failure of the streak
	why      string    // the last one
	on       bool
	declared []int // streaks that were outages
	room     int   // how many may be in flight; 0 is no bound
	inFlight int
	probed   int // probes that failed
	pause    time.Duration
	probeAt  time.Time
	waiting  []*waiter     // for the end of an outage, in the order in which they came
	wake     chan struct{} // closed and replaced whenever a waiter should look again

	// Who can still show what a streak is: the rows in the pool that do not
	// themselves wait to know it, and those to come.
	left    int
	held    int
	ended   bool          // no row is to come
	decided chan struct{} // closed and replaced when a streak ends or is an outage

	// era lasts from one beginning of an outage to the next.
	era    context.Context
	endEra context.CancelFunc
}

func newOutage(intake context.Context, places int, timeout time.Duration, giveUp func(string), changed func(bool, string)) *outage {
	o := &outage{intake: intake, places: places, timeout: timeout, giveUp: giveUp, changed: changed,
		wake: make(chan struct{}), decided: make(chan struct{})}
	o.era, o.endEra = context.WithCancel(intake)
	return o
}

// permit is the leave to send one request; every permit is given back by one
// call of good, bad or leave.
type permit struct {
	outages int   // before it
	failed  []int // streaks of the row's failures before it

	// With the outage's lock:
	back    bool
	stalled bool // and counted as a failure then
	streak  int  // of that failure
}

// enter waits until a request may leave, as far as an outage is concerned, for a
// row whose earlier failures were of the streaks failed. The context that it
// returns ends when the next outage begins, or intake does: a request that has
// not left by then must not. It fails when intake ends. waits, unless
// nil, is called, perhaps more than once, if it has to wait.
func (o *outage) enter(failed []int, waits func()) (context.Context, *permit, error) {
	var me *waiter // nil: during an outage it was not seen here yet
	defer func() {
		if me != nil {
			o.gone(me)
		}
	}()
	for {
		o.mu.Lock()
		wake := o.wake
		var pause time.Duration
		full := o.room > 0 && o.inFlight >= o.room
		if !full && o.on {
			if me == nil {
				me = &waiter{failed: failed}
				o.waiting = append(o.waiting, me)
			}
			pause = time.Until(o.probeAt)
			full = pause <= 0 && o.prober() != me
		}
		if !full && pause <= 0 {
			o.inFlight++
			era, p := o.era, &permit{outages: len(o.declared), failed: failed}
			o.mu.Unlock()
			return era, p, context.Cause(o.intake)
		}
		o.mu.Unlock()

		if waits != nil {
			waits()
		}
		var timer <-chan time.Time
		if !full {
			timer = time.After(pause)
		}
		select {
		case <-o.intake.Done():
			return nil, nil, context.Cause(o.intake)
		case <-wake:
		case <-timer:
		}
	}
}

// waiter is a row that waits for the end of an outage.
type waiter struct{ failed []int }

// prober is the row that asks whether an outage is over: in turn the last to have
// come of those that have not failed, which has the least to do with those that
// have, and the first of those that have. So neither a hundred rows one after the
// other that are at fault themselves nor those that fail only once keep a server
// that works from being seen at work.
func (o *outage) prober() *waiter {
	again := o.probed%2 == 1
	pick := o.waiting[len(o.waiting)-1]
	for _, w := range slices.Backward(o.waiting) {
		if len(w.failed) > 0 == again {
			pick = w
			if !again {
				break
			}
		}
	}
	return pick
}

// gone takes a waiter out, and lets the others look whether it is their turn.
func (o *outage) gone(w *waiter) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if i := slices.Index(o.waiting, w); i >= 0 {
		o.waiting = slices.Delete(o.waiting, i, i+1)
		o.wakeAll()
	}
}

// leave gives back a permit that nothing was sent on.
func (o *outage) leave(p *permit) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.giveBack(p)
}

// good reports an answer that shows the server at work.
func (o *outage) good(p *permit) {
	o.mu.Lock()
	o.worked = true
	if o.on && !o.current(p) {
		// An answer to a request from before the outage: only a probe ends it.
		p.back = true
		o.mu.Unlock()
		return
	}
	ended := o.on
	switch {
	case ended:
		o.on, o.room = false, 2
		o.excess = 0
		o.streak++
	case o.room > 1<<16:
		o.room = 0
	case o.room > 0:
		o.room *= 2
	}
	if o.excess > 0 {
		if o.excess = max(0, o.excess-goodFor); o.excess == 0 {
			o.madeUp()
		}
	}
	o.giveBack(p)
	o.mu.Unlock()
	if ended {
		o.changed(false, "")
	}
}

// bad reports a failure that any row could have met, and returns its streak.
func (o *outage) bad(p *permit, why string) (streak int) {
	o.mu.Lock()
	switch {
	case !o.current(p):
		// The request was in flight when the last outage began, and is of it
		// however late it fails.
		streak = o.declared[len(o.declared)-1]
		o.mu.Unlock()
	case p.stalled:
		streak = p.streak
		o.mu.Unlock()
	default:
		o.giveBack(p)
		var tell func()
		streak, tell = o.fail(p, why, false)
		o.mu.Unlock()
		tell()
	}
	return streak
}

// stalled reports a request that has taken far longer than usual. It counts as
// a failure now, not when it is given up: so an outage in which nothing is
// answered is seen as soon as any other. Nobody waits for it any more.
func (o *outage) stalled(p *permit, why string) {
	o.mu.Lock()
	if p.back || !o.current(p) {
		o.mu.Unlock()
		return
	}
	o.giveBack(p)
	p.stalled = true
	var tell func()
	p.streak, tell = o.fail(p, why, true)
	o.mu.Unlock()
	tell()
}

// fail counts a failure. What it returns is to be called without the lock.
func (o *outage) fail(p *permit, why string, stalled bool) (streak int, tell func()) {
	now := time.Now()
	streak, o.why = o.streak, why
	if o.on {
		o.probed++
		o.pause = min(2*o.pause, longestProbe)
		return streak, o.schedule(now)
	}
	switch {
	case !o.own(p.failed):
		if o.excess == 0 {
			o.since, o.rows = now, 0
		}
		if !slices.Contains(p.failed, streak) {
			o.rows++
		}
		o.excess = min(o.excess+1, outageAfter)
	case o.excess == 0:
		streak = ownFault
	}
	// Nothing was ever answered, and now a request is not even refused: nobody
	// should have to find out ten times, at a time-out each.
	dead := stalled && !o.worked
	if dead || o.excess == outageAfter && (o.rows >= outageRows || !o.worked) {
		return streak, o.begin(now)
	}
	return streak, func() {}
}

// begin declares the streak an outage.
func (o *outage) begin(now time.Time) (tell func()) {
	o.declared = append(o.declared, o.streak)
	// Requests in flight until now may stall for long; a probe does not wait
	// for them.
	o.on, o.room, o.inFlight, o.probed, o.pause = true, 1, 0, 0, firstProbe
	o.endEra()
	o.era, o.endEra = context.WithCancel(o.intake)
	o.decide()
	o.wakeAll()
	why, over := o.why, o.schedule(now)
	return func() {
		o.changed(true, why)
		over()
	}
}

// schedule sets the time of the next probe; the last one leaves when the time
// is up. Once it is, tell gives up.
func (o *outage) schedule(now time.Time) (tell func()) {
	end := o.since.Add(o.timeout)
	if o.probeAt = now.Add(jittered(o.pause)); o.probeAt.After(end) {
		o.probeAt = end
	}
	if why := o.why; !now.Before(end) {
		return func() { o.giveUp(why) }
	}
	if plan := (Outage{o.since, o.probeAt, end}); o.planned != nil {
		return func() { o.planned(plan) }
	}
	return func() {}
}

// judged waits until it is known whether a row's last failure, of the streaks
// failed, fell into an outage: good answers have made up for its streak, or the
// streak has become an outage, or nobody is left who could show either. Then
// it is the rows' own fault if anything was answered well in this run, and else
// an outage, since nothing shows the server at work. It is false if intake
// ended before.
func (o *outage) judged(failed []int) bool {
	o.mu.Lock()
	if o.on || o.excess == 0 || failed[len(failed)-1] != o.streak {
		o.mu.Unlock()
		return true
	}
	decided := o.decided
	o.held++
	tell := o.look()
	o.mu.Unlock()
	tell()
	select {
	case <-decided:
		return true
	case <-o.intake.Done():
		return false
	}
}

// rowIn is called for each row that is let into the pool, rowOut when it leaves
// it, and lastRow when no other comes.
func (o *outage) rowIn() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.left++
}

func (o *outage) rowOut() {
	o.mu.Lock()
	o.left--
	tell := o.look()
	o.mu.Unlock()
	tell()
}

func (o *outage) lastRow() {
	o.mu.Lock()
	o.ended = true
	tell := o.look()
	o.mu.Unlock()
	tell()
}

// look decides the streak if nobody is left who could. After the end of intake
// nobody is, which shows nothing.
func (o *outage) look() (tell func()) {
	switch {
	case o.held == 0, o.intake.Err() != nil, o.held < o.places && !(o.ended && o.held == o.left):
	case o.worked:
		o.madeUp()
	default:
		return o.begin(time.Now())
	}
	return func() {}
}

// madeUp ends a streak that was no outage.
func (o *outage) madeUp() {
	o.excess = 0
	o.streak++
	o.decide()
}

func (o *outage) decide() {
	o.held = 0
	close(o.decided)
	o.decided = make(chan struct{})
}

func (o *outage) current(p *permit) bool { return p.outages == len(o.declared) }

// giveBack takes a permit back, once, and lets the waiters look again.
func (o *outage) giveBack(p *permit) {
	if o.current(p) && !p.back {
		o.inFlight--
	}
	p.back = true
	if o.room > 0 || o.on {
		o.wakeAll()
	}
}

func (o *outage) wakeAll() {
	close(o.wake)
	o.wake = make(chan struct{})
}

// own reports whether one of a row's failures was made up for.
func (o *outage) own(failed []int) bool {
	return slices.ContainsFunc(failed, func(s int) bool { return s < o.streak && !slices.Contains(o.declared, s) })
}

// spent counts the attempts that were a row's own: those of streaks that
// turned out to be an outage are not.
func (o *outage) spent(failed []int) (n int) {
	if len(failed) == 0 {
		return 0
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range failed {
		if !slices.Contains(o.declared, s) {
			n++
		}
	}
	return n
}

func jittered(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1)
}
