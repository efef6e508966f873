package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mantatag/ingest"
	"mantatag/report/journal"
	"mantatag/worker/manta"
	"mantatag/worker/manta/sandbox"
	"mantatag/worker/pace"
)

// list is Rows in memory.
type list []ingest.Row

func (l *list) Next() (ingest.Row, error) {
	if len(*l) == 0 {
		return ingest.Row{}, io.EOF
	}
	r := (*l)[0]
	*l = (*l)[1:]
	return r, nil
}

func clients(n int) *list {
	var l list
	for i := range n {
		l = append(l, ingest.Row{Number: int64(i + 1), Line: int64(i + 2), Mapping: ingest.Mapping{TagID: "t", ClientID: fmt.Sprintf("c%d", i)}})
	}
	return &l
}

// tagged is what a Pool did.
type tagged struct {
	mu      sync.Mutex
	kinds   map[EventKind]int
	ends    map[journal.Kind]int
	earlier int // skipped ones that had succeeded
}

func (g *tagged) note(e Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.kinds[e.Kind]++
	if e.Kind == Settled {
		g.ends[e.Entry.Kind]++
	}
	if e.Kind == Skipped && e.Entry.Kind == journal.Succeeded {
		g.earlier++
	}
}

// newPool is a pool against a sandbox over a real socket.
func newPool(t *testing.T, o sandbox.Options, dir string) (*Pool, *sandbox.Sandbox, *tagged) {
	t.Helper()
	s := sandbox.New(o)
	server, err := sandbox.Listen("127.0.0.1:0", s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(dir, journal.Options{Host: "h"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	if err := j.Begin(journal.Session{Begin: time.Now()}); err != nil {
		t.Fatal(err)
	}
	g := &tagged{kinds: map[EventKind]int{}, ends: map[journal.Kind]int{}}
	const concurrency = 8
	client := manta.NewHTTP(concurrency)
	t.Cleanup(client.CloseIdleConnections)
	return &Pool{
		Client: &manta.Client{HTTP: client, API: u, Bot: sandbox.BotID, Timeout: 10 * time.Second},
		Pace:   pace.New(pace.Options{Concurrency: concurrency}), Journal: j, Host: "h", Bot: sandbox.BotID,
		Concurrency: concurrency, Attempts: 3, OutageTimeout: time.Minute, StopAfterFailures: 100,
		Credentials: manta.Credentials{Token: sandbox.Token, Secret: sandbox.Secret},
		Renew: func(_ context.Context, used manta.Credentials, _ manta.Answer) (manta.Credentials, error) {
			return used, &Stop{By: ByCredentials, Message: "no others"}
		},
		Notify: g.note,
	}, s, g
}

func by(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var s *Stop
	if !errors.As(err, &s) {
		t.Fatalf("not a Stop: %v", err)
	}
	return s.By
}

func TestEveryRowIsSentOnce(t *testing.T) {
	dir := t.TempDir()
	p, s, g := newPool(t, sandbox.Options{}, dir)
	rows := clients(200)
	*rows = append(*rows, (*rows)[7], ingest.Row{Number: 202, Err: errors.New("no tag")})
	(*rows)[200].Number = 201
	if err := p.Run(t.Context(), t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	if got := s.Account(); got.Requests != 200 || g.ends[journal.Succeeded] != 200 || g.kinds[Duplicate] != 1 || g.kinds[Unsendable] != 1 {
		t.Errorf("%+v, events %v, outcomes %v", got, g.kinds, g.ends)
	}
	if err := p.Journal.Close(); err != nil {
		t.Fatal(err)
	}

	p, s, g = newPool(t, sandbox.Options{}, dir)
	if err := p.Run(t.Context(), t.Context(), clients(205)); err != nil {
		t.Fatal(err)
	}
	if got := s.Account().Requests; got != 5 || g.kinds[Skipped] != 200 || g.earlier != 200 {
		t.Errorf("the second run sent %d requests, skipped %d, of which %d had succeeded", got, g.kinds[Skipped], g.earlier)
	}
}

// TestWrongCredentialsCostOneRequest, whatever the pool could send at once.
func TestWrongCredentialsCostOneRequest(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(*Pool)
		by   string
	}{
		{"token", func(p *Pool) { p.Credentials.Token = "x" }, ByCredentials},
		{"secret", func(p *Pool) { p.Credentials.Secret = "x" }, ByCredentials},
		{"bot", func(p *Pool) {
			p.Client.Bot = "x"
			p.Renew = func(_ context.Context, used manta.Credentials, a manta.Answer) (manta.Credentials, error) {
				if a.Class != manta.BotRefused {
					t.Errorf("answer %+v", a)
				}
				return used, &Stop{By: ByBot}
			}
		}, ByBot},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, s, g := newPool(t, sandbox.Options{Latency: time.Millisecond}, t.TempDir())
			tt.set(p)
			if got := by(t, p.Run(t.Context(), t.Context(), clients(100))); got != tt.by {
				t.Errorf("stopped by %q", got)
			}
			if n := s.Account().Requests; n != 1 || g.kinds[Settled] != 0 {
				t.Errorf("%d requests, %d rows settled", n, g.kinds[Settled])
			}
		})
	}
}

// TestExpiryIsRenewedOnce: the token dies in mid-run, every row still gets its
// outcome, and the credentials are read once.
func TestExpiryIsRenewedOnce(t *testing.T) {
	p, s, g := newPool(t, sandbox.Options{ExpireAfter: 50, Latency: time.Millisecond}, t.TempDir())
	var reads atomic.Int32
	p.Renew = func(ctx context.Context, used manta.Credentials, _ manta.Answer) (manta.Credentials, error) {
		reads.Add(1)
		token, secret := s.Renew()
		return manta.Credentials{Token: token, Secret: secret}, nil
	}
	if err := p.Run(t.Context(), t.Context(), clients(90)); err != nil {
		t.Fatal(err)
	}
	if g.ends[journal.Succeeded] != 90 || reads.Load() != 1 {
		t.Errorf("outcomes %v, %d reads", g.ends, reads.Load())
	}
	if extra := s.Account().Requests - 90; extra > p.Concurrency {
		t.Errorf("%d requests were refused", extra)
	}
}

// TestRetriedFailuresDoNotStop: what an earlier run was told of a row is no sign of
// a wrong tag, so all that had failed are asked for again.
func TestRetriedFailuresDoNotStop(t *testing.T) {
	const rows = 60
	p, s, g := newPool(t, sandbox.Options{UnknownShare: 1}, t.TempDir())
	p.StopAfterFailures = 0
	if err := p.Run(t.Context(), t.Context(), clients(rows)); err != nil || g.ends[journal.Failed] != rows {
		t.Fatal(err, g.ends)
	}
	p.StopAfterFailures, p.RetryFailed = 20, true
	if err := p.Run(t.Context(), t.Context(), clients(rows)); err != nil || s.Account().Requests != 2*rows {
		t.Errorf("%v; %d requests", err, s.Account().Requests)
	}
}

func TestStopAfterFailures(t *testing.T) {
	p, _, g := newPool(t, sandbox.Options{UnknownShare: 1}, t.TempDir())
	p.StopAfterFailures = 20
	if got := by(t, p.Run(t.Context(), t.Context(), clients(1000))); got != ByFailures {
		t.Errorf("stopped by %q", got)
	}
	if n := g.ends[journal.Failed]; n < 20 || n > 20+p.Concurrency {
		t.Errorf("%d rows failed", n)
	}
}

// TestInDoubt: the work is done and the answer lost, or somebody else's came in
// its place; a repeat is refused.
func TestInDoubt(t *testing.T) {
	for _, fault := range []sandbox.Fault{sandbox.Reset, sandbox.BadJSON} {
		t.Run(fault.String(), func(t *testing.T) { testInDoubt(t, fault) })
	}
}

func testInDoubt(t *testing.T, fault sandbox.Fault) {
	lost := func(n int) sandbox.Options {
		return sandbox.Options{RefuseRepeats: true, Pick: func(r sandbox.Request) sandbox.Fault {
			if r.Mapping.ClientID == "c3" && r.Number <= n {
				return fault
			}
			return sandbox.None
		}}
	}
	t.Run("resend", func(t *testing.T) {
		p, _, g := newPool(t, lost(5), t.TempDir())
		if err := p.Run(t.Context(), t.Context(), clients(5)); err != nil {
			t.Fatal(err)
		}
		if err := p.Journal.Flush(); err != nil {
			t.Fatal(err)
		}
		ref := p.Journal.Lookup(journal.NewKey("h", sandbox.BotID, "t", "c3", "", ""))
		if g.ends[journal.Failed] != 1 || ref.State != journal.Failed || !ref.InDoubt {
			t.Errorf("outcomes %v, %+v", g.ends, ref)
		}
	})
	t.Run("hold", func(t *testing.T) {
		p, s, g := newPool(t, lost(1<<30), t.TempDir())
		p.HoldInDoubt = true
		if err := p.Run(t.Context(), t.Context(), clients(5)); err != nil {
			t.Fatal(err)
		}
		if g.ends[journal.Retryable] != 1 || g.ends[journal.Succeeded] != 4 || s.Account().Requests != 5 {
			t.Errorf("outcomes %v, %d requests", g.ends, s.Account().Requests)
		}
	})
}

// TestRedirectStops, and costs one request.
func TestRedirectStops(t *testing.T) {
	p, _, _ := newPool(t, sandbox.Options{}, t.TempDir())
	var n atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		http.Redirect(w, r, "https://elsewhere.invalid/", http.StatusFound)
	}))
	defer server.Close()
	p.Client.API, _ = url.Parse(server.URL)
	if got := by(t, p.Run(t.Context(), t.Context(), clients(100))); got != ByConfig || n.Load() != 1 {
		t.Errorf("stopped by %q after %d requests", got, n.Load())
	}
}

// TestIntakeEnds: what is in flight is finished, the rest is left.
func TestIntakeEnds(t *testing.T) {
	p, s, g := newPool(t, sandbox.Options{Latency: 5 * time.Millisecond}, t.TempDir())
	intake, stop := context.WithCancelCause(t.Context())
	note := p.Notify
	p.Notify = func(e Event) {
		note(e)
		if e.Kind == Settled {
			stop(&Stop{By: ByInterrupt})
		}
	}
	if got := by(t, p.Run(t.Context(), intake, clients(1000))); got != ByInterrupt {
		t.Errorf("stopped by %q", got)
	}
	if n := s.Account().Requests; n != g.ends[journal.Succeeded] || n > 3*p.Concurrency {
		t.Errorf("%d requests, outcomes %v", n, g.ends)
	}
}
