// Package pace decides when requests leave, so that a server with a rate limit
// refuses few of them and none is late.
//
// Three parts: [State] is the law, arithmetic on what was seen, with time as
// an argument; the gate joins it to a token bucket (golang.org/x/time/rate);
// [Pacer] lets goroutines wait at the gate. docs/pace.md explains the law.
package pace

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Options are what a Pacer starts from. Concurrency alone is required.
type Options struct {
	Rate        float64 // requests a second, to be kept exactly; 0: find it
	Max         float64 // the most that a Pacer looking for the rate may reach; 0: no bound
	Concurrency int     // requests at most that were sent and are not free: see Ticket.Free
	Rows        int     // about how many requests there will be; 0: unknown
	Memory      Memory  // what earlier runs learned; zero: nothing

	// Notify, if set, is told each decision. It must not call the Pacer.
	Notify func(Decision)
}

// Decision is a change of pace, for the log.
type Decision struct {
	At          time.Time
	Reason      string    // a clause, such as "refused after 212 accepted"
	Rate        float64   // requests a second from now on; 0: as latency allows
	PausedUntil time.Time // zero, or not after At: no pause
}

// Pacer decides when requests leave. It is safe for concurrent use.
type Pacer struct {
	notify func(Decision)

	mu    sync.Mutex
	gate  *gate
	queue []*Ticket   // of those who wait at the gate, the first one first
	look  *time.Timer // at the gate again, when time alone may open it
}

// New returns a Pacer at the start of a run.
func New(o Options) *Pacer {
	p := &Pacer{notify: o.Notify, gate: newGate(o, time.Now())}
	if p.notify == nil {
		p.notify = func(Decision) {}
	}
	return p
}

// Ticket is the leave to send one request. Its holder calls Send just before
// sending and, if that was true, then Done and Free; or Free alone if nothing is
// sent. A Ticket is for one goroutine, but for Free.
type Ticket struct {
	p    *Pacer
	in   chan struct{} // closed when let in, with pass
	pass pass
}

// Wait returns when one more request may leave: there is room in flight, the
// bucket has a token and no pause is on. It fails only with the context's error.
func (p *Pacer) Wait(ctx context.Context) (*Ticket, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t := &Ticket{p: p, in: make(chan struct{})}
	p.mu.Lock()
	p.queue = append(p.queue, t)
	p.open()
	p.mu.Unlock()
	select {
	case <-t.in:
		return t, nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.queue, t); i >= 0 {
		p.queue = slices.Delete(p.queue, i, i+1)
	} else { // let in meanwhile
		p.gate.free(&t.pass)
		p.open()
	}
	return nil, ctx.Err()
}

// open lets in those who wait, as far as the gate does, each by a channel of
// its own: of a crowd that is woken for one place, all but one wake in vain.
// The lock is held.
func (p *Pacer) open() {
	for len(p.queue) > 0 {
		pass, wait, ok := p.gate.admit(time.Now())
		if !ok {
			if wait > 0 {
				p.lookIn(wait)
			}
			return
		}
		t := p.queue[0]
		p.queue = slices.Delete(p.queue, 0, 1)
		t.pass = pass
		close(t.in)
	}
}

// lookIn has the gate looked at after d. The lock is held.
func (p *Pacer) lookIn(d time.Duration) {
	if p.look != nil {
		p.look.Reset(d)
		return
	}
	p.look = time.AfterFunc(d, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.open()
	})
}

// Send reports whether the request may still leave now. False means that a
// pause began since Wait: the ticket is spent, Wait again.
func (t *Ticket) Send() bool {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	ok := t.p.gate.leave(&t.pass, time.Now())
	if !ok {
		t.p.open()
	}
	return ok
}

// Done reports the reply, once, after a Send that was true. It reports whether
// no place is left for the next request until one is free.
func (t *Ticket) Done(r Reply) (full bool) {
	p := t.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if d, changed := p.gate.reply(&t.pass, r, time.Now()); changed {
		p.notify(d)
	}
	p.open()
	return p.gate.held >= p.gate.concurrency
}

// Free gives the place among Options.Concurrency to the next request: once what
// became of this one is known for good, or nothing was sent, or nobody should
// wait for it any more because it has stalled. In the last case it does not
// count as in flight either, though its reply will count. Only the first call
// does anything.
func (t *Ticket) Free() {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.p.gate.free(&t.pass)
	t.p.open()
}

// Reply is what became of a request, as far as pacing cares.
type Reply struct {
	Kind ReplyKind
	Hint Hint
}

// ReplyKind tells a refusal for the rate from other answers.
type ReplyKind uint8

const (
	Accepted  ReplyKind = iota // not refused for the rate, whatever else the answer was
	Throttled                  // 429
	Lost                       // no answer
)

// Status is what can be told of the pace at a moment.
type Status struct {
	Rate        float64       // requests a second; 0: as latency allows
	PausedUntil time.Time     // zero, or past: no pause
	Pause       time.Duration // after a refusal: how long it is in all
	InFlight    int           // stalled ones not counted
	Learned     Memory        // to be saved at the end of a run; zero if there is nothing to say
}

// Expect tells, as Options.Rows does, about how many requests there will be,
// once that is known.
func (p *Pacer) Expect(rows int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate.law.rows = rows
}

// Soon is about how many requests may leave within d, as far as pace and latency
// tell: at least one, at most twelve for each that may be in flight.
func (p *Pacer) Soon(d time.Duration) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gate.soon(d)
}

// Status may be called at any time.
func (p *Pacer) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gate.status(time.Now())
}
