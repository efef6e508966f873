package pace_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mantatag/worker/manta/sandbox"
	"mantatag/worker/pace"
)

// serve sends n requests through p, as a pool of workers would, to a server
// with l and a latency, and returns how many were refused.
func serve(t *testing.T, p *pace.Pacer, l sandbox.Limiter, workers, n int, latency time.Duration, hint bool) (refused int) {
	t.Helper()
	var mu sync.Mutex // l and the counts
	left := n
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				mu.Lock()
				if left == 0 {
					mu.Unlock()
					return
				}
				left--
				mu.Unlock()
				for {
					ticket, err := p.Wait(context.Background())
					if err != nil {
						t.Error(err)
						return
					}
					time.Sleep(time.Millisecond) // the intent goes to disk
					if !ticket.Send() {
						continue
					}
					time.Sleep(latency / 2)
					mu.Lock()
					v := l.Take(time.Now())
					mu.Unlock()
					time.Sleep(latency / 2)
					if c, ok := l.(sandbox.Releaser); ok && v.OK {
						mu.Lock()
						c.Release()
						mu.Unlock()
					}
					if v.OK {
						answer(ticket, pace.Reply{Kind: pace.Accepted})
						break
					}
					r := pace.Reply{Kind: pace.Throttled}
					if hint {
						r.Hint.RetryAfter = v.Wait.Truncate(time.Second) + time.Second
					}
					answer(ticket, r)
					mu.Lock()
					refused++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return refused
}

// answer is a reply of which nothing has to be recorded.
func answer(ticket *pace.Ticket, r pace.Reply) {
	ticket.Done(r)
	ticket.Free()
}

func TestFixedRateIsKept(t *testing.T) {
	for _, rate := range []float64{0.5, 7, 50, 480} {
		synctest.Test(t, func(t *testing.T) {
			p := pace.New(pace.Options{Rate: rate, Concurrency: 100})
			start := time.Now()
			const n = 200
			if refused := serve(t, p, sandbox.Unlimited{}, 150, n, 150*time.Millisecond, false); refused > 0 {
				t.Errorf("rate %v: %d refused", rate, refused)
			}
			got := time.Since(start) - 151*time.Millisecond
			want := time.Duration((n - 1) / rate * float64(time.Second))
			if slack := 20 * time.Millisecond; got < want-slack || got > want+slack {
				t.Errorf("rate %v: %d took %v, want %v", rate, n, got, want)
			}
		})
	}
}

// --max-rate bounds a rate that is looked for, whether the limit is above it or not
// met at all.
func TestMaxIsNeverExceeded(t *testing.T) {
	const most, n = 40, 2000
	for _, l := range []sandbox.Limiter{sandbox.Unlimited{}, &sandbox.TokenBucket{Rate: 100, Burst: 20}} {
		synctest.Test(t, func(t *testing.T) {
			p := pace.New(pace.Options{Max: most, Concurrency: 32, Rows: n})
			start := time.Now()
			refused := serve(t, p, l, 64, n, 50*time.Millisecond, false)
			rate := (n - 1) / (time.Since(start) - 51*time.Millisecond).Seconds()
			if refused > 0 || rate > 1.01*most || rate < 0.95*most {
				t.Errorf("%T: %.1f a second, %d refused", l, rate, refused)
			}
		})
	}
}

func TestNeverMoreInFlightThanConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace.New(pace.Options{Concurrency: 8})
		serve(t, p, &sandbox.ConcurrencyCap{Max: 8}, 40, 500, 150*time.Millisecond, false)
		if got := p.Status(); got.Learned.Refusals != 0 || got.InFlight != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// One refusal stops everyone, also those that hold a ticket already.
func TestRefusalStopsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace.New(pace.Options{Concurrency: 4})
		ctx := context.Background()
		first, _ := p.Wait(ctx)
		held, _ := p.Wait(ctx)
		inFlight, _ := p.Wait(ctx)
		if !first.Send() || !inFlight.Send() {
			t.Fatal("told to wait before any refusal")
		}
		start := time.Now()
		answer(first, pace.Reply{Kind: pace.Throttled, Hint: pace.Hint{RetryAfter: 12 * time.Second}})
		if held.Send() {
			t.Error("sent during the pause")
		}
		answer(inFlight, pace.Reply{Kind: pace.Accepted})
		probe, err := p.Wait(ctx)
		if err != nil || !probe.Send() {
			t.Fatal(err)
		}
		if waited := time.Since(start); waited != 12*time.Second {
			t.Errorf("the probe left after %v, want 12s", waited)
		}

		// While the probe is out nobody else leaves.
		soon, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if _, err := p.Wait(soon); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a second probe: %v", err)
		}
		answer(probe, pace.Reply{Kind: pace.Accepted})
		next, err := p.Wait(ctx)
		if err != nil {
			t.Fatal(err)
		}
		next.Free()
		if n := p.Status().InFlight; n != 0 {
			t.Errorf("%d in flight at the end", n)
		}
	})
}

// A request that has stalled leaves its place in flight to another, once: neither
// a second call nor its reply, before or after a refusal, gives it back again.
func TestStalledGivesItsPlaceUpOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace.New(pace.Options{Rate: 1e6, Concurrency: 2})
		waits := func() bool {
			soon, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := p.Wait(soon)
			return err != nil
		}
		leave := func() *pace.Ticket {
			ticket, err := p.Wait(t.Context())
			if err != nil || !ticket.Send() {
				t.Fatal(err)
			}
			return ticket
		}
		first, second := leave(), leave()
		if !waits() {
			t.Error("three are in flight")
		}
		first.Free()
		first.Free()
		third := leave()
		if !waits() {
			t.Error("beside the stalled one three are in flight")
		}
		answer(first, pace.Reply{Kind: pace.Lost})
		if n := p.Status().InFlight; n != 2 || !waits() {
			t.Errorf("%d are in flight after the stalled one's end", n)
		}

		// The one that asks again after a refusal stalls: the next one asks.
		answer(second, pace.Reply{Kind: pace.Throttled})
		answer(third, pace.Reply{Kind: pace.Throttled})
		asks := leave()
		if !waits() {
			t.Error("two ask after a refusal")
		}
		asks.Free()
		fourth := leave()
		if !waits() {
			t.Error("two ask after a refusal, beside one that has stalled")
		}
		answer(asks, pace.Reply{Kind: pace.Lost})
		answer(fourth, pace.Reply{Kind: pace.Accepted})
		if n := p.Status().InFlight; n != 0 {
			t.Errorf("%d are in flight at the end", n)
		}
	})
}

// A request that was answered keeps its place until it is free, and its holder is
// told if there is no other; it is not in flight any more.
func TestPlaceIsKeptUntilFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace.New(pace.Options{Rate: 1e6, Concurrency: 2})
		leave := func() *pace.Ticket {
			ticket, err := p.Wait(t.Context())
			if err != nil || !ticket.Send() {
				return nil
			}
			return ticket
		}
		first := leave()
		if first.Done(pace.Reply{Kind: pace.Accepted}) {
			t.Error("full, though there is another place")
		}
		if second := leave(); !second.Done(pace.Reply{Kind: pace.Accepted}) {
			t.Error("no place is left, and it is not full")
		}
		let := make(chan *pace.Ticket)
		go func() {
			for ticket := leave(); ticket != nil; ticket = leave() {
				let <- ticket
			}
		}()
		synctest.Wait()
		select {
		case <-let:
			t.Error("a third left before a place was free")
		default:
		}
		if n := p.Status().InFlight; n != 0 {
			t.Errorf("%d are said to be in flight", n)
		}
		first.Free()
		<-let
		select {
		case <-let:
			t.Error("two left for one place")
		case <-time.After(time.Minute):
		}
	})
}

// One that asked whether the limit is over, stalled, and is refused after another
// was accepted, brings old news: the limit is over.
func TestRefusalOfAStalledProbeIsOldNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace.New(pace.Options{Concurrency: 4})
		leave := func() *pace.Ticket {
			ticket, err := p.Wait(t.Context())
			if err != nil || !ticket.Send() {
				t.Fatal(err)
			}
			return ticket
		}
		for range 20 {
			ticket := leave()
			time.Sleep(100 * time.Millisecond)
			answer(ticket, pace.Reply{Kind: pace.Accepted})
		}
		answer(leave(), pace.Reply{Kind: pace.Throttled})
		stalled := leave()
		time.Sleep(2 * time.Second)
		stalled.Free()
		asks := leave()
		time.Sleep(100 * time.Millisecond)
		answer(asks, pace.Reply{Kind: pace.Accepted})
		before := p.Status()
		time.Sleep(time.Second)
		answer(stalled, pace.Reply{Kind: pace.Throttled})
		if after := p.Status(); after.PausedUntil.After(time.Now()) || after.Rate != before.Rate {
			t.Errorf("%+v after it, %+v before", after, before)
		}
	})
}

// A cancelled context ends Wait at once, whatever it waits for.
func TestWaitObeysContext(t *testing.T) {
	hour := pace.Reply{Kind: pace.Throttled, Hint: pace.Hint{RetryAfter: time.Hour}}
	for name, block := range map[string]func(*pace.Pacer){
		"pause": func(p *pace.Pacer) {
			ticket, _ := p.Wait(context.Background())
			ticket.Send()
			answer(ticket, hour)
		},
		"in flight": func(p *pace.Pacer) {
			for range 2 {
				ticket, _ := p.Wait(context.Background())
				ticket.Send()
			}
		},
		"bucket": func(p *pace.Pacer) {
			ticket, _ := p.Wait(context.Background())
			ticket.Send()
			answer(ticket, pace.Reply{Kind: pace.Accepted})
		},
		"turn": func(p *pace.Pacer) {
			ticket, _ := p.Wait(context.Background())
			ticket.Send()
			answer(ticket, hour)
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			go func() {
				defer cancel()
				p.Wait(ctx)
			}()
			synctest.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := pace.New(pace.Options{Rate: 0.001, Concurrency: 2})
				if name == "in flight" {
					p = pace.New(pace.Options{Concurrency: 2})
				}
				block(p)
				ctx, cancel := context.WithCancel(context.Background())
				go func() {
					time.Sleep(time.Second)
					cancel()
				}()
				start := time.Now()
				if _, err := p.Wait(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("Wait: %v", err)
				}
				if waited := time.Since(start); waited != time.Second {
					t.Errorf("it took %v", waited)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

// TestSoon: what may leave soon has bounds, however fast the pace.
func TestSoon(t *testing.T) {
	for _, tt := range []struct {
		rate        float64
		concurrency int
		want        int
	}{{1e6, 32, 12 * 32}, {1e6, 1, 12}, {40, 32, 10}, {0.1, 32, 1}} {
		if n := pace.New(pace.Options{Rate: tt.rate, Concurrency: tt.concurrency}).Soon(250 * time.Millisecond); n != tt.want {
			t.Errorf("at %v a second and %d in flight: %d within a quarter of a second, want %d", tt.rate, tt.concurrency, n, tt.want)
		}
	}
}
