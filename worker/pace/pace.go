// Package pace decides when requests leave, so that a server with a rate limit
// refuses few of them and none is late.
//
// Three parts: [State] is the law, arithmetic on what was seen, with time as
// an argument; the gate joins it to a token bucket (golang.org/x/time/rate);
// [Pacer] lets goroutines wait at the gate. docs/pace.md explains the law.
package pace

import (
	"context"
	"sync"
	"time"
)

// Options are what a Pacer starts from. Concurrency alone is required.
type Options struct {
	Rate        float64 // requests a second, to be kept exactly; 0: find it
	Max         float64 // the most that a Pacer looking for the rate may reach; 0: no bound
	Concurrency int     // requests in flight at most, stalled ones not counted
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
	turn   chan struct{} // held by the one that waits at the gate
	notify func(Decision)

	mu      sync.Mutex
	gate    *gate
	changed chan struct{} // closed and replaced after each reply
}

// New returns a Pacer at the start of a run.
func New(o Options) *Pacer {
	p := &Pacer{
		turn:    make(chan struct{}, 1),
		notify:  o.Notify,
		gate:    newGate(o, time.Now()),
		changed: make(chan struct{}),
	}
	if p.notify == nil {
		p.notify = func(Decision) {}
	}
	return p
}

// Ticket is the leave to send one request. Its holder calls Send just before
// sending and, if that was true, then Done; or Cancel if nothing is sent.
// A Ticket is for one goroutine, but for Stalled.
type Ticket struct {
	p    *Pacer
	pass pass
	done bool
}

// Wait returns when one more request may leave: there is room in flight, the
// bucket has a token and no pause is on. It fails only with the context's error.
func (p *Pacer) Wait(ctx context.Context) (*Ticket, error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p.mu.Lock()
		pass, wait, ok := p.gate.admit(time.Now())
		changed := p.changed
		p.mu.Unlock()
		if ok {
			return &Ticket{p: p, pass: pass}, nil
		}
		if !sleep(ctx, wait, changed) {
			return nil, ctx.Err()
		}
	}
}

// sleep returns after d (0: never), or when changed is closed; false if ctx is
// done before.
func sleep(ctx context.Context, d time.Duration, changed <-chan struct{}) bool {
	var due <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
	case <-changed:
	case <-ctx.Done():
		return false
	}
	return true
}

// Send reports whether the request may still leave now. False means that a
// pause began since Wait: the ticket is spent, Wait again.
func (t *Ticket) Send() bool {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	ok := t.p.gate.leave(&t.pass, time.Now())
	if !ok {
		t.p.wake()
	}
	return ok
}

// Done reports the reply, once, after a Send that was true.
func (t *Ticket) Done(r Reply) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.done = true
	if d, changed := t.p.gate.reply(t.pass, r, time.Now()); changed {
		t.p.notify(d)
	}
	t.p.wake()
}

// Stalled says of a request that was sent that nobody should wait for it: from
// now on it does not count as in flight. Its reply still counts. It may be
// called at any time after Send, and does nothing after Done.
func (t *Ticket) Stalled() {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	if t.done || t.pass.stalled {
		return
	}
	t.p.gate.cancel(t.pass)
	t.pass.stalled = true
	t.p.wake()
}

// Cancel gives the ticket back, nothing having been sent.
func (t *Ticket) Cancel() {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.p.gate.cancel(t.pass)
	t.p.wake()
}

// wake lets the one who waits look again. The lock is held.
func (p *Pacer) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
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
	Rate        float64   // requests a second; 0: as latency allows
	PausedUntil time.Time // zero, or past: no pause
	InFlight    int       // stalled ones not counted
	Learned     Memory    // to be saved at the end of a run; zero if no limit was met
}

// Status may be called at any time.
func (p *Pacer) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gate.status(time.Now())
}
