package worker

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mantatag/report/journal"
	"mantatag/worker/manta/sandbox"
	"mantatag/worker/pace"
)

// inDoubt is how many mappings a kill at this moment would leave in doubt.
func inDoubt(t *testing.T, dir string) (n int) {
	t.Helper()
	j, err := journal.View(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for _, ref := range j.All() {
		if ref.InDoubt {
			n++
		}
	}
	return n
}

// TestIntentsRunAhead by what is about to leave, whatever the pace: with many
// the next commit is not waited for, with few a kill leaves few in doubt.
func TestIntentsRunAhead(t *testing.T) {
	const concurrency = 32 // that of inBubble
	for _, tt := range []struct {
		name          string
		rate          float64
		latency       time.Duration
		least, atMost int // beside those in flight
	}{
		{"2 a second", 2, 10 * time.Millisecond, 1, 1},
		{"40 a second", 40, 10 * time.Millisecond, 5, 10},
		{"a latency of a second", 100_000, time.Second, 4, 8},
		{"a latency of a tenth", 100_000, 100 * time.Millisecond, concurrency, 3 * concurrency},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, s, _ := inBubble(t, sandbox.Options{Latency: tt.latency})
				p.Pace = pace.New(pace.Options{Rate: tt.rate, Concurrency: concurrency})
				intake, cancel := context.WithTimeoutCause(t.Context(), time.Minute, &Stop{By: ByDeadline})
				defer cancel()
				done := make(chan struct{})
				go func() {
					defer close(done)
					if got := by(t, p.Run(t.Context(), intake, clients(20_000))); got != ByDeadline {
						t.Errorf("stopped by %q", got)
					}
				}()
				least, most := 1<<30, 0
				for at := 2 * time.Second; at < 59*time.Second; at += 1777 * time.Millisecond {
					time.Sleep(1777 * time.Millisecond)
					synctest.Wait()
					if err := p.Journal.Flush(); err != nil { // an outcome may lag behind
						t.Fatal(err)
					}
					ahead := inDoubt(t, p.Journal.Dir()) - p.Pace.Status().InFlight
					least, most = min(least, ahead), max(most, ahead)
				}
				if least < tt.least || most > tt.atMost {
					t.Errorf("from %d to %d had their intent recorded and were not in flight; want %d to %d", least, most, tt.least, tt.atMost)
				}
				<-done
				if err := p.Journal.Flush(); err != nil {
					t.Fatal(err)
				}
				if n := inDoubt(t, p.Journal.Dir()); n != 0 {
					t.Errorf("%d in doubt after the end of intake", n)
				}
				if sent, got := p.Journal.Sessions()[0].Totals.Sent, s.Account().Requests; sent != int64(got) {
					t.Errorf("the journal knows of %d requests, of which %d came", sent, got)
				}
			})
		})
	}
}

// TestIntentsAreTakenBackAtOnce: when intake ends, a row whose request has not left is
// in doubt no longer, however long those in flight take.
func TestIntentsAreTakenBackAtOnce(t *testing.T) {
	for _, concurrency := range []int{1, 4, 32} {
		synctest.Test(t, func(t *testing.T) {
			p, _, _ := inBubble(t, sandbox.Options{Latency: 50 * time.Millisecond})
			p.Concurrency, p.Pace = concurrency, pace.New(pace.Options{Rate: 100_000, Concurrency: concurrency})
			intake, end := context.WithCancelCause(t.Context())
			var sent atomic.Int64
			p.Notify = func(e Event) {
				if e.Kind == Sent && sent.Add(1) == int64(50*concurrency+1) {
					end(&Stop{By: ByInterrupt})
				}
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = p.Run(t.Context(), intake, clients(20_000))
			}()
			<-intake.Done()
			synctest.Wait()
			flying := p.Pace.Status().InFlight
			if err := p.Journal.Flush(); err != nil {
				t.Fatal(err)
			}
			if n := inDoubt(t, p.Journal.Dir()); n > flying || flying == 0 {
				t.Errorf("%d in flight at once: %d are, and %d are in doubt", concurrency, flying, n)
			}
			<-done
		})
	}
}

// TestIntentsThroughAPause: rows whose intents were recorded before a pause
// leave after it, once; if intake ends first, none is in doubt.
func TestIntentsThroughAPause(t *testing.T) {
	for _, until := range []time.Duration{10 * time.Minute, 5 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			p, s, g := inBubble(t, sandbox.Options{Limiter: &sandbox.FixedWindow{Limit: 100, Window: time.Hour}, Hints: sandbox.RetryAfterSeconds, Latency: time.Second})
			intake, cancel := context.WithTimeoutCause(t.Context(), until, &Stop{By: ByDeadline})
			defer cancel()
			_ = p.Run(t.Context(), intake, clients(300))
			if err := p.Journal.Flush(); err != nil {
				t.Fatal(err)
			}
			if n := inDoubt(t, p.Journal.Dir()); n != 0 {
				t.Errorf("after %s %d are in doubt", until, n)
			}
			if sent, got := p.Journal.Sessions()[0].Totals.Sent, s.Account().Requests; sent != int64(got) {
				t.Errorf("after %s the journal knows of %d requests, of which %d came", until, sent, got)
			}
			if want := min(300, 100*(1+int(until/time.Hour))); g.ends[journal.Succeeded] != want {
				t.Errorf("after %s %d rows succeeded, want %d", until, g.ends[journal.Succeeded], want)
			}
		})
	}
}

// A stall that is noticed as the last row in the pool ends must not take its worker
// away: nobody would be there for the next one.
func TestLateStallKeepsTheWorker(t *testing.T) {
	r := &run{Pool: &Pool{Concurrency: 2}, ready: make(chan *attempts, 1)}
	r.outage = newOutage(t.Context(), 2, time.Minute, func(string) {}, func(bool, string) {})
	r.door = newDoor(t.Context(), 2, func(_ []journal.Entry, durable func(error)) error { durable(nil); return nil },
		func() int { return 2 }, func(*attempts, error) {})
	row := new(attempts)
	r.outage.rowIn()
	r.door.enter(row)
	r.out(row)     // what its worker does last, but for a look
	r.replace(row) // at whether another took its place
	if row.replaced.Load() {
		t.Error("the worker goes, and no other came")
	}
}
