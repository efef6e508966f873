package worker

import (
	"fmt"
	"net/url"
	"os"
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
	client := manta.NewHTTP(concurrency)
	client.Transport = s.Transport()
	return &Pool{
		Client: &manta.Client{HTTP: client, API: &url.URL{Scheme: "http", Host: "sandbox"},
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
			// One whose failure shows only after a time-out is over before it is
			// seen; it cannot be told from a few stalled requests.
			slow := fault == sandbox.Stalled || fault == sandbox.Trickled
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
						if g.ends[journal.Succeeded] != limit.rows || worst != 1 && !slow || worst > 2 {
							t.Errorf("outcomes %v; a row used up %d attempts", g.ends, worst)
						}
						if g.kinds[OutageBegan] == 0 && !slow || g.kinds[OutageEnded] != g.kinds[OutageBegan] {
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

// TestStalledAnswersDoNotStopTheOthers: a hundred requests that are never
// answered hold up nobody while there is room for one more in flight; and
// where there is not, each is given up after its time-out and the rows go on.
func TestStalledAnswersDoNotStopTheOthers(t *testing.T) {
	const rows = 2000
	for _, concurrency := range []int{128, 32} {
		synctest.Test(t, func(t *testing.T) {
			first := map[sandbox.Mapping]bool{}
			p, s, g := inBubble(t, sandbox.Options{Latency: 20 * time.Millisecond, Pick: func(r sandbox.Request) sandbox.Fault {
				var n int
				fmt.Sscanf(r.Mapping.ClientID, "c%d", &n)
				if n%20 == 10 && !first[r.Mapping] {
					first[r.Mapping] = true
					return sandbox.Stalled
				}
				return sandbox.None
			}})
			p.Concurrency, p.Pace = concurrency, pace.New(pace.Options{Rate: 200, Concurrency: concurrency})
			start := time.Now()
			var others time.Duration
			note := p.Notify
			p.Notify = func(e Event) {
				note(e)
				g.mu.Lock()
				defer g.mu.Unlock()
				if e.Kind == Settled && (e.Row.Number-1)%20 != 10 {
					others = max(others, time.Since(start))
				}
			}
			if err := p.Run(t.Context(), t.Context(), clients(rows)); err != nil {
				t.Fatal(err)
			}
			if g.ends[journal.Succeeded] != rows || s.Account().Requests != rows+100 {
				t.Errorf("outcomes %v, %+v", g.ends, s.Account())
			}
			waves := time.Duration((100+concurrency-1)/concurrency - 1)
			if waves == 0 && others > 20*time.Second || others > waves*(p.Client.Timeout+5*time.Second)+20*time.Second {
				t.Errorf("%d in flight: the last of the other rows was done after %s", concurrency, others)
			}
		})
	}
}
