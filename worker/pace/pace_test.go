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
						ticket.Done(pace.Reply{Kind: pace.Accepted})
						break
					}
					r := pace.Reply{Kind: pace.Throttled}
					if hint {
						r.Hint.RetryAfter = v.Wait.Truncate(time.Second) + time.Second
					}
					ticket.Done(r)
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
		first.Done(pace.Reply{Kind: pace.Throttled, Hint: pace.Hint{RetryAfter: 12 * time.Second}})
		if held.Send() {
			t.Error("sent during the pause")
		}
		inFlight.Done(pace.Reply{Kind: pace.Accepted})
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
		probe.Done(pace.Reply{Kind: pace.Accepted})
		next, err := p.Wait(ctx)
		if err != nil {
			t.Fatal(err)
		}
		next.Cancel()
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
		first.Stalled()
		first.Stalled()
		third := leave()
		if !waits() {
			t.Error("beside the stalled one three are in flight")
		}
		first.Done(pace.Reply{Kind: pace.Lost})
		first.Stalled()
		if n := p.Status().InFlight; n != 2 || !waits() {
			t.Errorf("%d are in flight after the stalled one's end", n)
		}

		// The one that asks again after a refusal stalls: the next one asks.
		second.Done(pace.Reply{Kind: pace.Throttled})
		third.Done(pace.Reply{Kind: pace.Throttled})
		asks := leave()
		if !waits() {
			t.Error("two ask after a refusal")
		}
		asks.Stalled()
		fourth := leave()
		if !waits() {
			t.Error("two ask after a refusal, beside one that has stalled")
		}
		asks.Done(pace.Reply{Kind: pace.Lost})
		fourth.Done(pace.Reply{Kind: pace.Accepted})
		if n := p.Status().InFlight; n != 0 {
			t.Errorf("%d are in flight at the end", n)
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
			ticket.Done(pace.Reply{Kind: pace.Accepted})
		}
		leave().Done(pace.Reply{Kind: pace.Throttled})
		stalled := leave()
		time.Sleep(2 * time.Second)
		stalled.Stalled()
		asks := leave()
		time.Sleep(100 * time.Millisecond)
		asks.Done(pace.Reply{Kind: pace.Accepted})
		before := p.Status()
		time.Sleep(time.Second)
		stalled.Done(pace.Reply{Kind: pace.Throttled})
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
			ticket.Done(hour)
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
			ticket.Done(pace.Reply{Kind: pace.Accepted})
		},
		"turn": func(p *pace.Pacer) {
			ticket, _ := p.Wait(context.Background())
			ticket.Send()
			ticket.Done(hour)
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
