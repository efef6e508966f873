package pace

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"time"

	"mantatag/worker/manta/sandbox"
)

// hinting is how much a simulated server tells.
type hinting uint8

const (
	silent     hinting = iota // 429 and no more
	retryAfter                // Retry-After in whole seconds, with a 429
	rateLimit                 // RateLimit and RateLimit-Policy, with each answer
)

func (h hinting) String() string { return [...]string{"none", "Retry-After", "RateLimit"}[h] }

// simulation is a number of copies of the gate against one limiter, by events
// in virtual time. The law and the bucket are those of Pacer.
type simulation struct {
	limiter     sandbox.Limiter
	hint        hinting
	latency     time.Duration // median of the round trip; lognormal
	spread      float64       // sigma of its logarithm
	concurrency int
	rows        int // each copy's
	copies      int
	rival       float64 // requests a second of one that heeds nothing
	memory      Memory
	most        float64
	prepare     func(law *State, start time.Time) // of each copy, if set
	trace       func(c int, now time.Time, kind ReplyKind, law *State)
	law         func(Options, time.Time) finder // another law than the program's, if set

	rng    *rand.Rand
	now    time.Time
	events eventHeap
	serial int
	copy   []*runner
}

// finder is a law and its gate, as the simulation drives them. The program's is
// the gate.
type finder interface {
	admit(now time.Time) (p pass, wait time.Duration, ok bool)
	leave(p *pass, now time.Time) bool
	reply(p *pass, r Reply, now time.Time) (d Decision, changed bool)
	free(p *pass)
	status(now time.Time) Status
}

type runner struct {
	finder   finder
	gate     *gate // the finder, if the law is the program's
	left     int   // rows neither accepted nor in flight
	accepted int
	wake     time.Time
	told     time.Time // the server said to wait until then
	finished time.Time
}

// result is how a simulation went.
type result struct {
	elapsed   time.Duration
	sent      int
	refused   int
	disobeyed int // requests sent while told to wait
	jain      float64
	learned   Memory
}

type event struct {
	at   time.Time
	no   int
	what func()
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].no < h[j].no
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	*h = old[:len(old)-1]
	return e
}

func (s *simulation) at(t time.Time, what func()) {
	s.serial++
	heap.Push(&s.events, event{t, s.serial, what})
}

// trip is one way of a round trip.
func (s *simulation) trip() time.Duration {
	return time.Duration(float64(s.latency) / 2 * math.Exp(s.rng.NormFloat64()*s.spread))
}

// run gives up, with what was reached, after limit.
func (s *simulation) run(seed uint64, limit time.Duration) (r result) {
	s.rng = rand.New(rand.NewPCG(seed, 1))
	start := simulationStart(seed)
	s.now = start
	for range max(1, s.copies) {
		c := &runner{left: s.rows}
		o := Options{Max: s.most, Concurrency: s.concurrency, Rows: s.rows, Memory: s.memory}
		if s.law != nil {
			c.finder = s.law(o, start)
		} else {
			c.gate = newGate(o, start)
			c.finder = c.gate
		}
		if s.prepare != nil {
			s.prepare(&c.gate.law, start)
			c.gate.adjust(start)
		}
		s.copy = append(s.copy, c)
	}
	for i, c := range s.copy {
		// Copies do not start in the same millisecond.
		s.at(start.Add(time.Duration(i)*700*time.Millisecond), func() { s.pump(i, c, &r) })
	}
	if s.rival > 0 {
		s.at(start, s.compete)
	}
	busy := len(s.copy)
	for busy > 0 && len(s.events) > 0 {
		e := heap.Pop(&s.events).(event)
		if s.now = e.at; s.now.Sub(start) > limit || s.serial > 100*s.rows*max(1, s.copies)+1_000_000 {
			break
		}
		e.what()
		busy = 0
		for _, c := range s.copy {
			if c.finished.IsZero() {
				busy++
			}
		}
		if r.jain == 0 && busy < len(s.copy) {
			r.jain = s.fairness()
		}
	}
	r.elapsed = s.now.Sub(start)
	r.learned = s.copy[0].finder.status(s.now).Learned
	return r
}

// simulationStart gives each seed a place of its own in the windows of the clock.
func simulationStart(seed uint64) time.Time {
	return time.Unix(1_800_000_000, 0).Add(time.Duration(seed*7919%60_000) * time.Millisecond)
}

func (s *simulation) compete() {
	s.limiter.Take(s.now)
	s.at(s.now.Add(time.Duration(float64(time.Second)/s.rival)), s.compete)
}

// fairness is Jain's index of what the copies got so far.
func (s *simulation) fairness() float64 {
	sum, squares := 0.0, 0.0
	for _, c := range s.copy {
		sum += float64(c.accepted)
		squares += float64(c.accepted) * float64(c.accepted)
	}
	return sum * sum / (float64(len(s.copy)) * squares)
}

func (s *simulation) pump(i int, c *runner, r *result) {
	for c.left > 0 {
		p, wait, ok := c.finder.admit(s.now)
		if !ok {
			if due := s.now.Add(wait); wait > 0 && (c.wake.IsZero() || due.Before(c.wake)) {
				c.wake = due
				s.at(due, func() {
					if c.wake.Equal(due) {
						c.wake = time.Time{}
						s.pump(i, c, r)
					}
				})
			}
			return
		}
		if !c.finder.leave(&p, s.now) {
			continue
		}
		c.left--
		r.sent++
		if s.now.Before(c.told) {
			r.disobeyed++
		}
		up := s.trip()
		if _, ok := s.limiter.(sandbox.Releaser); ok {
			up /= 10 // a server that counts those in flight is slow itself
		}
		s.at(s.now.Add(up), func() { s.arrive(i, c, p, r) })
	}
}

func (s *simulation) arrive(i int, c *runner, p pass, r *result) {
	v := s.limiter.Take(s.now)
	back := s.trip()
	if _, ok := s.limiter.(sandbox.Releaser); ok && v.OK {
		back = back * 19 / 10
	}
	s.at(s.now.Add(back), func() {
		reply := Reply{Kind: Accepted}
		if s.hint == rateLimit {
			if v.Remaining == 0 {
				v.Reset = v.Wait
			}
			if !v.OK {
				v.Reset = max(v.Reset, time.Nanosecond)
			}
			reply.Hint = Hint{Left: v.Remaining, Reset: ceil(v.Reset), Limit: v.Limit, Window: v.Window}
		}
		if v.OK {
			if l, ok := s.limiter.(sandbox.Releaser); ok {
				l.Release()
			}
			if c.accepted++; c.accepted == s.rows {
				c.finished = s.now
			}
		} else {
			r.refused++
			c.left++
			reply.Kind = Throttled
			if s.hint == retryAfter {
				reply.Hint.RetryAfter = max(time.Second, ceil(v.Wait))
			}
			if s.hint != silent {
				if t := s.now.Add(reply.Hint.pause()); t.After(c.told) {
					c.told = t
				}
			}
		}
		c.finder.reply(&p, reply, s.now)
		c.finder.free(&p)
		if s.trace != nil && c.gate != nil {
			s.trace(i, s.now, reply.Kind, &c.gate.law)
		}
		c.wake = time.Time{}
		s.pump(i, c, r)
	})
}

func ceil(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}
