package worker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mantatag/report/journal"
	"mantatag/worker/manta"
	"mantatag/worker/manta/sandbox"
	"mantatag/worker/pace"
)

// inBubble is the pool as the command makes it, with the command's defaults,
// against a sandbox without a network, so that its time is virtual.
func inBubble(t *testing.T, o sandbox.Options) (*Pool, *sandbox.Sandbox, *tagged) {
	t.Helper()
	s := sandbox.New(o)
	g := &tagged{kinds: map[EventKind]int{}, ends: map[journal.Kind]int{}}
	const concurrency = 32
	return &Pool{
		Client: &manta.Client{HTTP: s.Transport(), API: &url.URL{Scheme: "http", Host: "sandbox"},
			Bot: sandbox.BotID, Timeout: 30 * time.Second},
		Pace: pace.New(pace.Options{Concurrency: concurrency}), Journal: openJournal(t, t.TempDir(), journal.Options{OpenFile: unsynced}),
		Host: "h", Bot: sandbox.BotID,
		Concurrency: concurrency, Attempts: 5, OutageTimeout: 10 * time.Minute, StopAfterFailures: 100,
		Credentials: manta.Credentials{Token: sandbox.Token, Secret: sandbox.Secret},
		Notify:      g.note,
	}, s, g
}

// unsynced opens files whose Sync does nothing: these tests cut no power, and a
// real one takes a busy machine longer than all the rest.
func unsynced(name string, flag int, perm os.FileMode) (journal.File, error) {
	f, err := os.OpenFile(name, flag, perm)
	return noSync{f}, err
}

type noSync struct{ *os.File }

func (noSync) Sync() error { return nil }

func openJournal(t *testing.T, dir string, o journal.Options) *journal.Journal {
	t.Helper()
	o.Host = "h"
	j, err := journal.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	if err := j.Begin(journal.Session{Begin: time.Now()}); err != nil {
		t.Fatal(err)
	}
	return j
}

func clientKey(row int64) journal.Key {
	return journal.NewKey("h", sandbox.BotID, "t", fmt.Sprintf("c%d", row-1), "", "")
}

// everything that an outage looks like from outside.
var outages = []sandbox.Fault{
	sandbox.Refused, sandbox.Closed, sandbox.Unavailable, sandbox.BadGateway, sandbox.ServerError, sandbox.SignIn,
	sandbox.Stalled, sandbox.Reset, sandbox.Truncated, sandbox.Trickled, sandbox.BadJSON,
}

// TestRunThroughAnOutage: ten seconds in which everything fails, in mid-run
// and at its very beginning, cost at most 50 requests beyond the rows, and no
// row an attempt.
func TestRunThroughAnOutage(t *testing.T) {
	for _, limit := range []struct {
		name    string
		rows    int
		limiter func() sandbox.Limiter
		faults  []sandbox.Fault
	}{
		{"no limit", 1000, func() sandbox.Limiter { return nil }, outages},
		{"50 a second", 300, func() sandbox.Limiter { return &sandbox.TokenBucket{Rate: 50, Burst: 20} }, outages[:3]},
	} {
		for _, fault := range limit.faults {
			for _, after := range []time.Duration{0, 3 * time.Second} {
				t.Run(fmt.Sprintf("%s/%s after %s", limit.name, fault, after), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						p, s, g := inBubble(t, sandbox.Options{
							Limiter: limit.limiter(), Latency: 100 * time.Millisecond, LatencySpread: 0.5,
							Outages: []sandbox.Outage{{After: after, For: 10 * time.Second, Fault: fault}},
						})
						note, worst := p.Notify, 0
						p.Notify = func(e Event) {
							note(e)
							if e.Kind == Settled {
								g.mu.Lock()
								worst = max(worst, e.Entry.Attempts)
								g.mu.Unlock()
							}
						}
						if err := p.Run(t.Context(), t.Context(), clients(limit.rows)); err != nil {
							t.Fatal(err)
						}
						a := s.Account()
						if g.ends[journal.Succeeded] != limit.rows || worst != 1 {
							t.Errorf("outcomes %v; a row used up %d attempts", g.ends, worst)
						}
						if g.kinds[OutageBegan] == 0 || g.kinds[OutageEnded] != g.kinds[OutageBegan] {
							t.Errorf("%d outages began, %d ended", g.kinds[OutageBegan], g.kinds[OutageEnded])
						}
						extra := a.Requests - limit.rows - a.RateLimited
						t.Logf("%d requests beyond the rows", extra)
						if extra > 50 {
							t.Errorf("%d requests beyond the rows", extra)
						}
					})
				})
			}
		}
	}
}

// TestOutageTooLong ends the run, and every row that was not done before it is
// pending: none failed, none retryable.
func TestOutageTooLong(t *testing.T) {
	for _, fault := range outages {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, s, g := inBubble(t, sandbox.Options{Latency: 50 * time.Millisecond,
					Outages: []sandbox.Outage{{After: time.Second, For: 24 * time.Hour, Fault: fault}}})
				p.OutageTimeout = 5 * time.Minute
				start := time.Now()
				if got := by(t, p.Run(t.Context(), t.Context(), clients(20_000))); got != ByOutage {
					t.Errorf("stopped by %q", got)
				}
				// The time-out counts from the first failure, which of a stalled
				// request is a time-out of its own later; the last probe may
				// stall as long.
				if d := time.Since(start); d < p.OutageTimeout || d > p.OutageTimeout+2*p.Client.Timeout+2*time.Second {
					t.Errorf("gave up after %s", d)
				}
				if len(g.ends) != 1 || g.ends[journal.Succeeded] == 0 {
					t.Errorf("outcomes %v", g.ends)
				}
				if extra := s.Account().Requests - g.ends[journal.Succeeded]; extra > 60 {
					t.Errorf("%d requests were in vain", extra)
				}
			})
		})
	}
}

// TestNeverAnswered: who never got a proper answer may have the address wrong, and is
// told so; whose API worked before is not.
func TestNeverAnswered(t *testing.T) {
	for after, want := range map[time.Duration]bool{0: true, time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			p, _, _ := inBubble(t, sandbox.Options{Latency: 50 * time.Millisecond,
				Outages: []sandbox.Outage{{After: after, For: 24 * time.Hour, Fault: sandbox.Unavailable}}})
			p.OutageTimeout = time.Minute
			err := p.Run(t.Context(), t.Context(), clients(20_000))
			if by(t, err) != ByOutage || strings.Contains(err.Error(), "--api-url") != want {
				t.Errorf("an outage after %v: %v", after, err)
			}
		})
	}
}

// TestErrorsThatAreNoOutage: one answer in five fails, or one row always does.
func TestErrorsThatAreNoOutage(t *testing.T) {
	for _, fault := range []sandbox.Fault{sandbox.ServerError, sandbox.Reset, sandbox.SignIn} {
		synctest.Test(t, func(t *testing.T) {
			p, _, g := inBubble(t, sandbox.Options{Latency: 30 * time.Millisecond, LatencySpread: 0.5, Faults: map[sandbox.Fault]float64{fault: 0.2}})
			p.Attempts = 30
			if err := p.Run(t.Context(), t.Context(), clients(1500)); err != nil {
				t.Fatal(err)
			}
			if g.kinds[OutageBegan] > 0 || g.ends[journal.Succeeded] != 1500 {
				t.Errorf("%s in one of five: %d outages, outcomes %v", fault, g.kinds[OutageBegan], g.ends)
			}
		})
		synctest.Test(t, func(t *testing.T) {
			p, _, g := inBubble(t, sandbox.Options{Latency: 30 * time.Millisecond, Pick: func(r sandbox.Request) sandbox.Fault {
				if r.Mapping.ClientID == "c7" {
					return fault
				}
				return sandbox.None
			}})
			if err := p.Run(t.Context(), t.Context(), clients(1500)); err != nil {
				t.Fatal(err)
			}
			if err := p.Journal.Flush(); err != nil {
				t.Fatal(err)
			}
			ref := p.Journal.Lookup(clientKey(8))
			e, err := p.Journal.Entry(ref)
			if err != nil {
				t.Fatal(err)
			}
			if g.kinds[OutageBegan] > 0 || g.ends[journal.Succeeded] != 1499 || e.Kind != journal.Retryable || e.Attempts != p.Attempts {
				t.Errorf("one row with %s: %d outages, outcomes %v, %+v", fault, g.kinds[OutageBegan], g.ends, e)
			}
		})
	}
}

// TestOutageWithOneAttempt: where a row has a single attempt, an outage takes it
// from none, whether it is there from the first request or comes in mid-run.
func TestOutageWithOneAttempt(t *testing.T) {
	for _, concurrency := range []int{1, 32} {
		for _, rows := range []int{3, 9, 300} {
			for _, after := range []time.Duration{0, 2 * time.Second} {
				if after > 0 && rows < 300 {
					continue // they are done by then
				}
				for _, fault := range outages {
					if concurrency == 1 && after > 0 && (fault == sandbox.Stalled || fault == sandbox.Trickled) {
						continue // four in a row, a time-out each, are no outage yet
					}
					t.Run(fmt.Sprintf("%d rows, %d in flight, %s after %s", rows, concurrency, fault, after), func(t *testing.T) {
						t.Parallel()
						synctest.Test(t, func(t *testing.T) {
							p, _, g := inBubble(t, sandbox.Options{Latency: 100 * time.Millisecond, LatencySpread: 0.5,
								Outages: []sandbox.Outage{{After: after, For: 2 * time.Minute, Fault: fault}}})
							p.Attempts = 1
							p.Concurrency, p.Pace = concurrency, pace.New(pace.Options{Concurrency: concurrency})
							if err := p.Run(t.Context(), t.Context(), clients(rows)); err != nil {
								t.Fatal(err)
							}
							if g.ends[journal.Succeeded] != rows {
								t.Errorf("outcomes %v", g.ends)
							}
						})
					})
				}
			}
		}
	}
}

// TestLastRowsThatAlwaysFail: a few that fail whatever is tried, when nothing
// else is left, are retryable after their attempts, and no outage that the run
// would wait for: three that come last, and a dozen that failed before while
// others did not.
func TestLastRowsThatAlwaysFail(t *testing.T) {
	for _, tt := range []struct {
		name string
		bad  func(row int) bool
		want int
	}{
		{"the last three", func(n int) bool { return n >= 997 }, 3},
		{"a dozen of the last hundred", func(n int) bool { return n > 900 && n%8 == 4 }, 12},
	} {
		for _, concurrency := range []int{1, 32} {
			for _, retries := range []int{1, 5} {
				t.Run(fmt.Sprintf("%s, %d in flight, %d attempts", tt.name, concurrency, retries), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						p, _, g := inBubble(t, sandbox.Options{Latency: 30 * time.Millisecond, LatencySpread: 0.5, Pick: func(r sandbox.Request) sandbox.Fault {
							if tt.bad(number(r)) {
								return sandbox.ServerError
							}
							return sandbox.None
						}})
						p.Attempts = retries
						p.Concurrency, p.Pace = concurrency, pace.New(pace.Options{Concurrency: concurrency})
						start := time.Now()
						if err := p.Run(t.Context(), t.Context(), clients(1000)); err != nil {
							t.Fatal(err)
						}
						if g.ends[journal.Retryable] != tt.want || g.ends[journal.Succeeded] != 1000-tt.want || g.kinds[OutageBegan] > 0 {
							t.Errorf("outcomes %v, %d outages", g.ends, g.kinds[OutageBegan])
						}
						if took := time.Since(start); took > 2*time.Minute {
							t.Errorf("it took %s", took)
						}
					})
				})
			}
		}
	}
}

// number is the row's, from 0, that a request is for.
func number(r sandbox.Request) (n int) {
	fmt.Sscanf(r.Mapping.ClientID, "c%d", &n)
	return n
}

// TestRowsThatWaitToBeJudged: where most of what is sent fails, and no row has an
// attempt to spare, all that are in the pool may wait to know whether there is an
// outage, and more rows have to be let in to tell.
func TestRowsThatWaitToBeJudged(t *testing.T) {
	for _, concurrency := range []int{1, 4} {
		for seed := range uint64(5) {
			synctest.Test(t, func(t *testing.T) {
				p, _, g := inBubble(t, sandbox.Options{Latency: 20 * time.Millisecond})
				p.Attempts, p.Concurrency, p.Pace = 1, concurrency, pace.New(pace.Options{Concurrency: concurrency})
				rng := rand.New(rand.NewPCG(seed, 1))
				var mu sync.Mutex
				works, api := true, p.Client.HTTP
				p.Client.HTTP = roundTripper(func(r *http.Request) (*http.Response, error) {
					mu.Lock()
					now := works
					works = rng.IntN(3) == 0
					mu.Unlock()
					if !now {
						return nil, errors.New("connection refused")
					}
					return api.RoundTrip(r)
				})
				intake, cancel := context.WithTimeoutCause(t.Context(), 24*time.Hour, &Stop{By: ByDeadline})
				defer cancel()
				if err := p.Run(t.Context(), intake, clients(1000)); err != nil || g.ends[journal.Succeeded]+g.ends[journal.Retryable] != 1000 {
					t.Errorf("%d in flight, seed %d: %v; outcomes %v", concurrency, seed, err, g.ends)
				}
			})
		}
	}
}

// TestRowsAtFaultInARow: as many as stand before the next good one in the pool look
// like an outage. A row from farther back shows within seconds that it is none.
func TestRowsAtFaultInARow(t *testing.T) {
	for _, concurrency := range []int{1} { // with more, good answers may come between
		synctest.Test(t, func(t *testing.T) {
			const from, to, rows = 10, 22, 200
			p, _, g := inBubble(t, sandbox.Options{Latency: 50 * time.Millisecond, Pick: func(r sandbox.Request) sandbox.Fault {
				if n := number(r); n >= from && n < to {
					return sandbox.ServerError
				}
				return sandbox.None
			}})
			p.Concurrency, p.Pace = concurrency, pace.New(pace.Options{Rate: 1e6, Concurrency: concurrency})
			note := p.Notify
			var began time.Time
			var longest time.Duration
			p.Notify = func(e Event) {
				note(e)
				g.mu.Lock()
				defer g.mu.Unlock()
				switch e.Kind {
				case OutageBegan:
					began = time.Now()
				case OutageEnded:
					longest = max(longest, time.Since(began))
				}
			}
			if err := p.Run(t.Context(), t.Context(), clients(rows)); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d in flight: %d outages, the longest of %v", concurrency, g.kinds[OutageBegan], longest)
			if g.kinds[OutageBegan] == 0 || longest > 5*time.Second {
				t.Errorf("%d in flight: %d outages, the longest of %v", concurrency, g.kinds[OutageBegan], longest)
			}
			if g.ends[journal.Succeeded] != rows-(to-from) || g.ends[journal.Retryable] != to-from {
				t.Errorf("%d in flight: outcomes %v", concurrency, g.ends)
			}
		})
	}
}

// TestOutageOfASmallJob: a server that never answered is an outage to a job of
// a single row too.
func TestOutageOfASmallJob(t *testing.T) {
	for rows := 1; rows <= 3; rows++ {
		for _, fault := range outages {
			t.Run(fmt.Sprintf("%d rows, %s", rows, fault), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					p, s, g := inBubble(t, sandbox.Options{Outages: []sandbox.Outage{{For: 5 * time.Minute, Fault: fault}}})
					if err := p.Run(t.Context(), t.Context(), clients(rows)); err != nil {
						t.Fatal(err)
					}
					if g.ends[journal.Succeeded] != rows || g.kinds[OutageBegan] != 1 || s.Account().Requests > rows+50 {
						t.Errorf("outcomes %v, %d outages, %d requests", g.ends, g.kinds[OutageBegan], s.Account().Requests)
					}
				})
				synctest.Test(t, func(t *testing.T) {
					p, _, g := inBubble(t, sandbox.Options{Outages: []sandbox.Outage{{For: time.Hour, Fault: fault}}})
					if got := by(t, p.Run(t.Context(), t.Context(), clients(rows))); got != ByOutage || g.kinds[Settled] > 0 {
						t.Errorf("stopped by %q, outcomes %v", got, g.ends)
					}
				})
			})
		}
	}
}

// The first answer after an outage may be that the token has expired meanwhile, or
// that the limit was used up before it.
func TestFirstAnswerAfterAnOutage(t *testing.T) {
	for name, o := range map[string]sandbox.Options{
		"expired":  {ExpireIn: time.Minute},
		"too many": {Limiter: &sandbox.FixedWindow{Limit: 100, Window: 3 * time.Minute, FromFirst: true}},
	} {
		synctest.Test(t, func(t *testing.T) {
			o.Latency = 10 * time.Millisecond
			o.Outages = []sandbox.Outage{{After: 2 * time.Second, For: 2 * time.Minute}}
			p, s, g := inBubble(t, o)
			p.Pace = pace.New(pace.Options{Rate: 50, Concurrency: p.Concurrency})
			p.Renew = func(context.Context, manta.Credentials, manta.Answer) (manta.Credentials, error) {
				token, secret := s.Renew()
				return manta.Credentials{Token: token, Secret: secret}, nil
			}
			intake, cancel := context.WithTimeoutCause(t.Context(), 5*time.Minute, &Stop{By: ByDeadline})
			defer cancel()
			if err := p.Run(t.Context(), intake, clients(150)); err != nil {
				t.Errorf("%s: stopped by %q", name, by(t, err))
			}
			if g.ends[journal.Succeeded] != 150 {
				t.Errorf("%s: outcomes %v", name, g.ends)
			}
		})
	}
}
