package worker

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mantatag/report/journal"
	"mantatag/worker/manta/sandbox"
	"mantatag/worker/pace"
)

// TestStalledAnswersDoNotStopTheOthers: a hundred requests that are never
// answered, each the first of its row, hold up nobody; and no more are open than
// rows are in the pool. If they come one right after the other they look like an
// outage until a probe happens to be of another row.
func TestStalledAnswersDoNotStopTheOthers(t *testing.T) {
	const rows = 2000
	for _, tt := range []struct {
		name        string
		concurrency int
		stalls      func(row int) bool
		within      time.Duration // the others are done
	}{
		{"one in twenty", 128, func(n int) bool { return n%20 == 10 }, 15 * time.Second},
		{"one in twenty", 32, func(n int) bool { return n%20 == 10 }, 15 * time.Second},
		{"a hundred at once", 32, func(n int) bool { return n >= 500 && n < 600 }, time.Hour},
	} {
		t.Run(fmt.Sprintf("%s, %d in flight", tt.name, tt.concurrency), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := map[sandbox.Mapping]bool{}
				p, s, g := inBubble(t, sandbox.Options{Latency: 20 * time.Millisecond, Pick: func(r sandbox.Request) sandbox.Fault {
					if tt.stalls(number(r)) && !first[r.Mapping] {
						first[r.Mapping] = true
						return sandbox.Stalled
					}
					return sandbox.None
				}})
				p.Concurrency, p.Pace = tt.concurrency, pace.New(pace.Options{Rate: 200, Concurrency: tt.concurrency})
				start := time.Now()
				var others time.Duration
				open := &counted{next: p.Client.HTTP}
				p.Client.HTTP = open
				note := p.Notify
				p.Notify = func(e Event) {
					note(e)
					g.mu.Lock()
					defer g.mu.Unlock()
					if e.Kind == Settled && !tt.stalls(int(e.Row.Number-1)) {
						others = max(others, time.Since(start))
					}
				}
				if err := p.Run(t.Context(), t.Context(), clients(rows)); err != nil {
					t.Fatal(err)
				}
				if g.ends[journal.Succeeded] != rows || s.Account().Requests != rows+100 {
					t.Errorf("outcomes %v, %+v", g.ends, s.Account())
				}
				if others > tt.within {
					t.Errorf("the last of the other rows was done after %s", others)
				}
				if open.most > rowsPerRequest*tt.concurrency {
					t.Errorf("%d requests were open at once", open.most)
				}
				t.Logf("others done after %s, %d open at most, %d outages", others, open.most, g.kinds[OutageBegan])
			})
		})
	}
}

// TestFirstRequestStalls, and those after it go on.
func TestFirstRequestStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, g := inBubble(t, sandbox.Options{Latency: 20 * time.Millisecond, Pick: func(r sandbox.Request) sandbox.Fault {
			if r.Number == 1 && number(r) == 0 {
				return sandbox.Stalled
			}
			return sandbox.None
		}})
		start := time.Now()
		var second time.Duration
		note := p.Notify
		p.Notify = func(e Event) {
			note(e)
			if e.Kind == Settled && e.Row.Number == 2 {
				second = time.Since(start)
			}
		}
		if err := p.Run(t.Context(), t.Context(), clients(100)); err != nil {
			t.Fatal(err)
		}
		if g.ends[journal.Succeeded] != 100 || second > firstStall+2*firstProbe {
			t.Errorf("outcomes %v, the second row was done after %s", g.ends, second)
		}
	})
}

// TestSlowServerIsNotPressed: when every answer takes five seconds from some
// moment on, hardly more requests are open than may be in flight, and when that
// has become usual nothing is held back any more.
func TestSlowServerIsNotPressed(t *testing.T) {
	const rows, concurrency = 1500, 32
	synctest.Test(t, func(t *testing.T) {
		p, s, g := inBubble(t, sandbox.Options{})
		fast, slow := s.Transport(), sandbox.New(sandbox.Options{Latency: 5 * time.Second, LatencySpread: 0.3}).Transport()
		start := time.Now()
		open := &counted{next: roundTripper(func(r *http.Request) (*http.Response, error) {
			if time.Since(start) < 2*time.Second {
				time.Sleep(50 * time.Millisecond) // the answer's latency, in the bubble's time
				return fast.RoundTrip(r)
			}
			return slow.RoundTrip(r)
		})}
		p.Client.HTTP = open
		p.Pace = pace.New(pace.Options{Rate: 150, Concurrency: concurrency})
		if err := p.Run(t.Context(), t.Context(), clients(rows)); err != nil {
			t.Fatal(err)
		}
		if g.ends[journal.Succeeded] != rows || g.kinds[OutageBegan] > 1 {
			t.Errorf("outcomes %v, %d outages", g.ends, g.kinds[OutageBegan])
		}
		if open.most > concurrency+2*outageAfter {
			t.Errorf("%d requests were open at once", open.most)
		}
		// 32 at a time, five seconds each.
		if ideal, took := (rows-300)/concurrency*5*time.Second, time.Since(start); took > ideal*3/2 {
			t.Errorf("it took %s, at least %s", took, ideal)
		}
		t.Logf("%d open at most, %s", open.most, time.Since(start))
	})
}

// counted counts the requests that are open at once.
type counted struct {
	next       http.RoundTripper
	mu         sync.Mutex
	open, most int
}

func (c *counted) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open += n
	c.most = max(c.most, c.open)
}

func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.add(1)
	defer c.add(-1)
	return c.next.RoundTrip(r)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestOneAtATime: with one request in flight there is never a second one, not
// even beside one that has stalled.
func TestOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, g := inBubble(t, sandbox.Options{Latency: 20 * time.Millisecond, Faults: map[sandbox.Fault]float64{sandbox.Stalled: 0.1}})
		p.Concurrency, p.Pace = 1, pace.New(pace.Options{Concurrency: 1})
		open := &counted{next: p.Client.HTTP}
		p.Client.HTTP = open
		if err := p.Run(t.Context(), t.Context(), clients(200)); err != nil {
			t.Fatal(err)
		}
		if g.ends[journal.Succeeded] != 200 || open.most != 1 {
			t.Errorf("outcomes %v, %d requests were open at once", g.ends, open.most)
		}
	})
}
