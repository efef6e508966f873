package pace

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mantatag/worker/manta/sandbox"
)

// TestFigures guards what the law reaches: one line of each group of the table,
// few seeds, with room for their chance. The table itself is TestTable.
func TestFigures(t *testing.T) {
	guarded := map[string]struct{ time, refused float64 }{ // refused above 1 is a number
		"bucket N>=6000 | token 50/s burst 100":           {1.03, 0.006},
		"bucket from memory | token 50/s burst 100":       {1.01, 0.002},
		"bucket N<=3000 | token 10/s burst 20":            {1.03, 35},
		"bucket N<=3000 | token 50/s burst 50":            {1.03, 35},
		"bucket, Retry-After | token 50/s burst 200":      {1.06, 0.006},
		"window, no hint | fixed first 100 in 10s":        {1.08, 0.008},
		"window, Retry-After | fixed 300 in 1m0s":         {1.05, 0.010},
		"counter of refused, no hint | counter+ 50 in 1s": {1.35, 0.02},
		"counter, Retry-After | counter 1000 in 1m0s":     {1.09, 0.013},
		"concurrency cap | cap 4":                         {1.30, 0.004},
		"ban, Retry-After | 20/s burst 50, ban 10s":       {1.35, 0.006},
		"R, R/4, 2R | token 20/s":                         {1.40, 0.006},
		"rival | token 20/s, a quarter gone":              {1.02, 0.006},
		"none":                                            {1.03, 0.0001},
	}
	for _, c := range scenarios() {
		most, ok := guarded[c.group+" | "+c.name]
		if !ok {
			continue
		}
		t.Run(c.group+" "+c.name+" "+c.latency.String(), func(t *testing.T) {
			o := c.measure([]uint64{1, 2, 3})
			if o.time > most.time {
				t.Errorf("took %.3f of the ideal time, more than %v", o.time, most.time)
			}
			if most.refused > 1 && o.refused > most.refused || most.refused <= 1 && o.share > most.refused {
				t.Errorf("%.0f refused, a share of %.4f: more than %v", o.refused, o.share, most.refused)
			}
			if o.disobeyed > 0 {
				t.Errorf("%d requests sent while told to wait", o.disobeyed)
			}
		})
	}
}

// A window is neither taken for a longer one, nor for none, nor for one that others
// use too, and does not lose a part of each to its guard. Each of the rules for that
// is needed by one of these seeds at least, which takes 1.13 to 2.07 of the ideal time
// without it.
func TestWindows(t *testing.T) {
	takesAtMost(t, map[string]seeded{
		"window, Retry-After | fixed 50 in 1s 150ms":         {1.12, []uint64{204, 215, 226, 228, 246}},
		"window, no hint | fixed 50 in 1s 150ms":             {1.15, []uint64{216, 229}},
		"window, Retry-After | fixed first 50 in 1s 150ms":   {1.1, []uint64{257}},
		"window, no hint | sliding log 50 in 1s 20ms":        {1.13, []uint64{206, 258}},
		"window, no hint | sliding log 50 in 1s 150ms":       {1.1, []uint64{222, 7023}},
		"window, Retry-After | sliding log 500 in 10s 150ms": {1.15, []uint64{234}},
		"window, Retry-After | fixed 50 in 1s 20ms":          {1.1, []uint64{102, 116}},
		"window, no hint | fixed 500 in 10s 150ms":           {1.1, []uint64{207}},
		"window, no hint | fixed 300 in 1m0s 150ms":          {1.2, []uint64{204}},
	})
}

// A counter saves nothing up, which shows by how its measurements differ: taken for as
// deep as its first burst it is measured too low, and these seeds take 1.23 and more of
// the ideal time at 20 ms. At 150 ms they take 1.19 if what is refused soon after a
// silence is measured.
func TestCounterOfASecond(t *testing.T) {
	takesAtMost(t, map[string]seeded{
		"counter, Retry-After | counter 50 in 1s 20ms":  {1.16, []uint64{206, 210, 218, 219}},
		"counter, Retry-After | counter 50 in 1s 150ms": {1.17, []uint64{210, 211, 231}},
	})
}

// Copies on one limit that know nothing of each other come to fair shares of it, on a
// window less so than on a bucket. Without a look for others the index is 0.74 on the
// bucket, and the window takes 1.37 of the ideal time.
func TestCopiesShare(t *testing.T) {
	fair := map[string]float64{"token 20/s": 0.9, "fixed 500 in 10s": 0.78}
	for _, c := range scenarios() {
		least, ok := fair[c.name]
		if !ok || c.group != "four copies" || c.latency > 100*time.Millisecond {
			continue
		}
		if o := c.measure([]uint64{1, 2, 3, 4, 5}); o.jain < least || o.time > 1.3 || o.share > 0.03 {
			t.Errorf("%s: Jain's index %.2f, %.2f of the ideal time, %.4f refused", c.name, o.jain, o.time, o.share)
		}
		delete(fair, c.name)
	}
	if len(fair) > 0 {
		t.Errorf("there are no such scenarios: %v", fair)
	}
}

// seeded is the most of the ideal time that some seeds of a scenario may take.
type seeded struct {
	most  float64
	seeds []uint64
}

// takesAtMost runs those seeds of the scenarios of the table, by group, name and latency.
func takesAtMost(t *testing.T, guarded map[string]seeded) {
	t.Helper()
	for _, c := range scenarios() {
		name := c.group + " | " + c.name + " " + c.latency.String()
		g := guarded[name]
		for _, seed := range g.seeds {
			if _, over := c.run(seed); over > g.most {
				t.Errorf("%s, seed %d took %.3f of the ideal time", name, seed, over)
			}
		}
		delete(guarded, name)
	}
	if len(guarded) > 0 {
		t.Errorf("there are no such scenarios: %v", guarded)
	}
}

// No limiter is so odd that a run comes to a stop: all rows get through in a
// small multiple of the ideal time, whatever the seed.
func TestNeverStalls(t *testing.T) {
	for _, c := range scenarios() {
		if c.group == "shallow bucket" || c.copies > 1 || c.latency < 100*time.Millisecond || c.rows > 3000 {
			continue
		}
		for _, seed := range []uint64{11} {
			r, over := c.run(seed)
			if r.sent-r.refused < c.rows || over > 4 {
				t.Errorf("%s, %s, %v, seed %d: %d of %d let in, %.2f of the ideal time", c.group, c.name, c.latency, seed, r.sent-r.refused, c.rows, over)
			}
		}
	}
}

// The simulation and the Pacer with real goroutines do about the same.
func TestSimulationIsLikeThePacer(t *testing.T) {
	const rows, latency = 3000, 150 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		l := &sandbox.TokenBucket{Rate: 50, Burst: 100}
		ideal := sandbox.Ideal(&sandbox.TokenBucket{Rate: 50, Burst: 100}, time.Now(), rows)
		p := New(Options{Concurrency: 32, Rows: rows})
		start := time.Now()
		var server sync.Mutex
		done := make(chan bool)
		slots, left, refused := 0, rows, 0
		for left > 0 || slots > 0 {
			for ; slots < 128 && left > 0; slots++ {
				left--
				go func() {
					var ticket *Ticket
					for {
						ticket, _ = p.Wait(context.Background())
						time.Sleep(2 * time.Millisecond) // the intent goes to disk
						if ticket.Send() {
							break
						}
					}
					time.Sleep(latency / 2)
					server.Lock()
					let := l.Take(time.Now()).OK
					server.Unlock()
					time.Sleep(latency / 2)
					if let {
						ticket.Done(Reply{Kind: Accepted})
					} else {
						ticket.Done(Reply{Kind: Throttled})
					}
					ticket.Free()
					done <- let
				}()
			}
			if !<-done {
				refused++
				left++
			}
			slots--
		}
		if over := time.Since(start).Seconds() / ideal.Seconds(); over > 1.05 || refused > 35 {
			t.Errorf("took %.3f of the ideal time, %d refused", over, refused)
		}
	})
}
