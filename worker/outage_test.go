package worker

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// server stands for an API that fails in a window of time.
type server struct {
	from, to time.Time
	sent     atomic.Int64
	failed   atomic.Int64
}

func (s *server) works() bool {
	s.sent.Add(1)
	time.Sleep(20 * time.Millisecond)
	now := time.Now()
	if now.Before(s.from) || !now.Before(s.to) {
		return true
	}
	s.failed.Add(1)
	return false
}

// drive has concurrency goroutines get rows done, each row until it succeeds.
// One that failed lets the others go first, as its back-off does.
func drive(o *outage, s *server, concurrency, rows int) (done, spent int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	queue := make(chan []int, rows) // the streaks of each row's failures
	for range rows {
		queue <- nil
	}
	for range concurrency {
		wg.Go(func() {
			for streaks := range queue {
				_, p, err := o.enter(streaks, nil)
				if err != nil {
					return
				}
				if !s.works() {
					queue <- append(streaks, o.bad(p, "503"))
					continue
				}
				o.good(p)
				mu.Lock()
				if done++; done == rows {
					close(queue)
				}
				spent = max(spent, o.spent(streaks))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return done, spent
}

// TestOutageCostsFewRequests: ten seconds in which everything fails cost at
// most 50 requests beyond the rows, and no row an attempt.
func TestOutageCostsFewRequests(t *testing.T) {
	for _, concurrency := range []int{1, 8, 32} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{from: time.Now().Add(time.Second)}
			s.to = s.from.Add(10 * time.Second)
			var began, ended int
			o := newOutage(t.Context(), 128, 10*time.Minute, func(string) { t.Error("gave up") }, func(on bool, _ string) {
				if on {
					began++
				} else {
					ended++
				}
			})
			const rows = 5000
			done, spent := drive(o, s, concurrency, rows)
			if done != rows || spent != 0 {
				t.Errorf("%d in flight: %d rows done, a row spent %d attempts of its own", concurrency, done, spent)
			}
			if extra := s.sent.Load() - rows; extra > 50 {
				t.Errorf("%d in flight: %d requests beyond the rows", concurrency, extra)
			}
			if began != 1 || ended != 1 {
				t.Errorf("%d outages began, %d ended", began, ended)
			}
		})
	}
}

// TestErrorRateIsNoOutage: one answer in five fails, and nobody stops for it.
func TestErrorRateIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutage(t.Context(), 128, time.Minute, func(string) { t.Error("gave up") }, func(bool, string) { t.Error("an outage") })
		start := time.Now()
		for i := range 1000 {
			_, p, err := o.enter(nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if i%5 == 0 {
				if n := o.spent([]int{o.bad(p, "500")}); n != 1 {
					t.Fatalf("the attempt counts %d times", n)
				}
			} else {
				o.good(p)
			}
		}
		if time.Since(start) != 0 {
			t.Errorf("paused for %s", time.Since(start))
		}
	})
}

// TestOutageGivesUp: an outage that outlasts its time-out says so, and those
// who wait leave when their context ends.
func TestOutageGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &server{from: time.Now(), to: time.Now().Add(time.Hour)}
		o := newOutage(ctx, 128, time.Minute, func(string) { cancel() }, func(bool, string) {})
		var plans []Outage
		o.planned = func(plan Outage) { plans = append(plans, plan) }
		start := time.Now()
		done, _ := drive(o, s, 32, 100)
		if d := time.Since(start); done != 0 || d < time.Minute || d > time.Minute+longestProbe+time.Second {
			t.Errorf("%d rows done, gave up after %s", done, d)
		}
		for i, plan := range plans {
			late := i > 0 && !plan.Next.After(plans[i-1].Next)
			if late || plan.Next.After(plan.GiveUp) || plan.Since.Sub(start) > time.Second || plan.GiveUp.Sub(plan.Since) != time.Minute {
				t.Errorf("probe %d: %+v", i, plan)
			}
		}
		if len(plans) < 4 {
			t.Errorf("%d probes were told of", len(plans))
		}
	})
}

// TestStalledRequestsDoNotHoldTheProbe: those in flight when an outage begins
// may stall; the probe goes out all the same, and so does what follows it.
func TestStalledRequestsDoNotHoldTheProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutage(t.Context(), 128, time.Hour, func(string) {}, func(bool, string) {})
		var stalled []*permit
		for range 30 + outageAfter {
			_, p, err := o.enter(nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			stalled = append(stalled, p)
		}
		for _, p := range stalled[30:] {
			o.bad(p, "503")
		}
		start := time.Now()
		for range 20 {
			_, p, err := o.enter(nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			o.good(p)
		}
		if time.Since(start) > firstProbe {
			t.Errorf("twenty rows took %s", time.Since(start))
		}
		for _, p := range stalled[:30] {
			o.good(p)
		}
		if o.inFlight != 0 {
			t.Errorf("%d in flight at the end", o.inFlight)
		}
	})
}

// ledger is an outage with a way to let rows fail by hand.
type ledger struct {
	*outage
	t     *testing.T
	began int
}

func newLedger(t *testing.T, ctx context.Context, places int) *ledger {
	l := &ledger{t: t}
	l.outage = newOutage(ctx, places, time.Hour, func(string) {}, func(on bool, _ string) {
		if on {
			l.began++
		}
	})
	return l
}

// fails lets a request of a row fail, and adds to the streaks of its failures.
func (l *ledger) fails(row *[]int) {
	l.t.Helper()
	_, p, err := l.enter(*row, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	*row = append(*row, l.bad(p, "500"))
}

func (l *ledger) succeeds(n int) {
	l.t.Helper()
	for range n {
		_, p, err := l.enter(nil, nil)
		if err != nil {
			l.t.Fatal(err)
		}
		l.good(p)
	}
}

// TestStallIsCountedOnce: what has stalled and what then becomes of it are one
// failure, and a request that was answered stalls no more.
func TestStallIsCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger(t, t.Context(), 128)
		l.succeeds(1)
		for i := range outageAfter - 1 {
			_, p, err := l.enter(nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 {
				l.stalled(p, "no answer")
			}
			l.bad(p, "no answer")
			l.stalled(p, "no answer")
		}
		if l.began > 0 {
			t.Error("nine failures are an outage")
		}
		if l.fails(new([]int)); l.began != 1 || l.inFlight != 0 {
			t.Errorf("%d outages after ten failures, %d in flight", l.began, l.inFlight)
		}
	})
}

// TestFewRowsDoNotOutweighGoodAnswers: however often three rows fail, ten
// failures' worth of good answers show that it is they.
func TestFewRowsDoNotOutweighGoodAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger(t, t.Context(), 128)
		l.succeeds(1)
		rows := make([][]int, 3)
		for range 20 {
			for i := range rows {
				l.fails(&rows[i])
			}
		}
		l.succeeds(outageAfter / goodFor)
		start := time.Now()
		if !l.judged(rows[0]) || time.Since(start) > 0 || l.spent(rows[0]) != 20 || l.began > 0 {
			t.Errorf("waited %s; the row spent %d attempts, %d outages", time.Since(start), l.spent(rows[0]), l.began)
		}
	})
}

// TestOwnFaultIsNotForgiven by an outage that begins later.
func TestOwnFaultIsNotForgiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger(t, t.Context(), 128)
		var bad []int
		l.fails(&bad)
		l.succeeds(2)
		l.fails(&bad)
		for range outageAfter {
			l.fails(new([]int))
		}
		if l.began != 1 || l.spent(bad) != 2 {
			t.Errorf("%d outages, the row spent %d attempts", l.began, l.spent(bad))
		}
	})
}

// TestNobodyLeftToShow: when every place of the pool is held by a row that waits
// to know whose fault it was, no other can come, and it is theirs.
func TestNobodyLeftToShow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger(t, t.Context(), 3)
		own := make([][]int, 3)
		for i := range own {
			l.rowIn()
			l.fails(&own[i])
		}
		l.succeeds(3)
		l.fails(new([]int)) // its row is not here any more
		l.rowIn()           // one that waits for a place
		var wg sync.WaitGroup
		for i := range own {
			l.fails(&own[i])
			wg.Go(func() {
				if !l.judged(own[i]) || l.spent(own[i]) != 2 {
					t.Errorf("row %d spent %d attempts", i, l.spent(own[i]))
				}
			})
		}
		wg.Wait()
	})
}

// TestEndOfIntakeDecidesNothing: that nobody is left then shows nothing.
func TestEndOfIntakeDecidesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		l := newLedger(t, ctx, 128)
		for range 2 {
			l.rowIn()
		}
		var row []int
		l.fails(&row)
		judged := make(chan bool)
		go func() { judged <- l.judged(row) }()
		synctest.Wait()
		cancel()
		if <-judged {
			t.Error("whose fault it was is known at the end of intake")
		}
		l.rowOut()
		l.lastRow()
		if l.began > 0 {
			t.Error("an outage began after the end of intake")
		}
	})
}

// TestPausesDiffer: those of two programs that meet the same outage do not stay
// together, and none is shorter than half or longer than the whole.
func TestPausesDiffer(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 100 {
		d := jittered(longestProbe)
		if d < longestProbe/2 || d > longestProbe {
			t.Errorf("a pause of %s", d)
		}
		seen[d] = true
	}
	if len(seen) < 50 {
		t.Errorf("of a hundred pauses %d differ", len(seen))
	}
}
