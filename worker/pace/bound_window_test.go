package pace

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"mantatag/worker/manta/sandbox"
)

// informed is a sender that has nothing to find out: it knows the quota, the
// window, and how latencies spread, though not how long the next one is. Refused,
// it does as it is told, then goes on.
//
// With quota it sends as the law does: each request a window and guard after the
// one a quota before it, in no less haste. Without, it
// sends evenly, quota requests a window less share of them.
type informed struct {
	quota  int
	window time.Duration
	even   bool
	share  float64       // of the mean rate that is left unused; if even
	guard  time.Duration // if not
}

// over is how long n requests took, and how many were refused.
func (f informed) over(l sandbox.Limiter, h hinting, latency time.Duration, n int, seed uint64) (took time.Duration, refused int) {
	s := &simulation{latency: latency, spread: 0.3, rng: rand.New(rand.NewPCG(seed, 2))}
	start := simulationStart(seed)
	s.now = start
	apart := time.Duration(float64(f.window) / float64(f.quota) / State{Window: f.window}.haste())
	if f.even {
		apart = time.Duration(float64(f.window) / float64(f.quota) / (1 - f.share))
	}
	var (
		log                    sendLog
		last, until, wake      time.Time
		opened                 time.Time
		left, inFlight, pauses = n, 0, 0
		inThis                 = f.quota
		send                   func()
	)
	due := func() (at time.Time, ok bool) {
		at = later(until, last.Add(apart))
		i := log.n + inFlight - f.quota
		if f.even || i < 0 {
			return at, true
		}
		if i >= log.n {
			return at, false
		}
		at = later(at, log.at(i).Add(f.window+f.guard))
		if inThis >= f.quota { // a pattern that took longer is drawn together
			at = later(at, later(opened, last.Add(-time.Duration(float64(f.window)/State{Window: f.window}.haste()))).Add(f.window+f.guard))
		}
		return at, true
	}
	arrive := func(sent time.Time, pause int) {
		v := l.Take(s.now)
		s.at(s.now.Add(s.trip()), func() {
			inFlight--
			if v.OK {
				if log.add(sent); log.n == n {
					took = s.now.Sub(start)
				}
			} else {
				refused++
				left++
				wait := v.Wait
				if h == retryAfter {
					wait = max(time.Second, ceil(wait))
				}
				until = later(until, s.now.Add(wait))
				if pause == pauses {
					pauses++
					inThis, opened = f.quota, time.Time{}
				}
			}
			send()
		})
	}
	send = func() {
		for left > 0 {
			at, ok := due()
			if !ok {
				return
			}
			if at.After(s.now) {
				if !wake.After(s.now) || at.Before(wake) {
					wake = at
					s.at(at, send)
				}
				return
			}
			if inThis >= f.quota {
				opened, inThis = s.now, 0
			}
			inThis++
			left--
			inFlight++
			last = s.now
			sent, pause := s.now, pauses
			s.at(s.now.Add(s.trip()), func() { arrive(sent, pause) })
		}
	}
	send()
	for took == 0 && len(s.events) > 0 && s.now.Sub(start) < time.Hour {
		e := heap.Pop(&s.events).(event)
		s.now = e.at
		e.what()
	}
	if took == 0 {
		took = time.Hour
	}
	return took, refused
}

// TestBound prints, with -table, the best that a sender who knows all but the
// single latencies comes to where the law misses its goals: what it loses to the
// jitter of the way to the server, and what the law may lose besides to find out.
func TestBound(t *testing.T) {
	if !*tableFlag {
		return
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 1, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "group\tlimiter\tlatency\ttime\tp90\t429 %\thow\t")
	for _, c := range scenarios() {
		if !strings.Contains(c.group+" | "+c.name, *onlyFlag) || !strings.HasSuffix(c.name, " 50 in 1s") {
			continue
		}
		var best outcome
		how := ""
		try := func(f informed, name string) {
			var times, shares []float64
			for i := range *seedsFlag {
				seed := uint64(*firstFlag + i)
				took, refused := f.over(c.limiter(), c.hint, c.latency, c.rows, seed)
				times = append(times, took.Seconds()/c.ideal(seed, 1<<20).Seconds())
				shares = append(shares, float64(refused)/float64(c.rows+refused))
			}
			o := outcome{time: quantile(times, 0.5), time90: quantile(times, 0.9), share: quantile(shares, 0.5)}
			if how == "" || o.time < best.time && o.share <= c.refused {
				best, how = o, name
			}
		}
		for _, share := range []int{12, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1} {
			try(informed{quota: 50, window: time.Second, even: true, share: float64(share) / 100}, fmt.Sprintf("evenly, %d %% below", share))
		}
		for guard := time.Duration(0); guard <= 60*time.Millisecond; guard += 10 * time.Millisecond {
			try(informed{quota: 50, window: time.Second, guard: guard}, fmt.Sprintf("in windows, guard %v", guard))
		}
		fmt.Fprintf(w, "%s\t%s\t%v\t%.3f\t%.3f\t%.2f\t%s\t\n", c.group, c.name, c.latency, best.time, best.time90, 100*best.share, how)
	}
	w.Flush()
}
