package worker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"mantatag/report/journal"
	"mantatag/worker/manta/sandbox"
)

// TestMain requires that no test leaves a goroutine behind. In a synctest
// bubble one that is left is a failure of itself.
// TestHintsOnAcceptedAnswers slow a run down before its first refusal, and have
// nothing sent twice.
func TestHintsOnAcceptedAnswers(t *testing.T) {
	const rows = 400
	for _, hints := range []sandbox.Hints{sandbox.RateLimitFields, sandbox.XRateLimitDelta, sandbox.XRateLimitEpoch} {
		synctest.Test(t, func(t *testing.T) {
			p, s, _ := inBubble(t, sandbox.Options{Limiter: &sandbox.FixedWindow{Limit: 100, Window: 10 * time.Second, FromFirst: true}, Hints: hints, Latency: 20 * time.Millisecond})
			if err := p.Run(t.Context(), t.Context(), clients(rows)); err != nil {
				t.Fatal(err)
			}
			a := s.Account()
			if a.RateLimited > 0 || a.Requests != rows || a.Repeated > 0 || a.Early > 0 {
				t.Errorf("%v: %+v", hints, a)
			}
		})
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestIntakeEndsAtOnce: whatever the pool is waiting for, nothing leaves after
// the end of intake, and Run returns as soon as what is in flight has ended.
func TestIntakeEndsAtOnce(t *testing.T) {
	one := func(f sandbox.Fault) func(sandbox.Request) sandbox.Fault {
		return func(r sandbox.Request) sandbox.Fault {
			if r.Mapping.ClientID == "c1" {
				return f
			}
			return sandbox.None
		}
	}
	for _, tt := range []struct {
		name    string
		o       sandbox.Options
		rows    int
		after   time.Duration
		atMost  time.Duration // until Run returns
		pending bool          // rows are left
	}{
		{"the pause that a 429 asked for", sandbox.Options{Limiter: &sandbox.FixedWindow{Limit: 5, Window: time.Hour}, Hints: sandbox.RetryAfterSeconds}, 100, 10 * time.Minute, 0, true},
		{"a pause between probes", sandbox.Options{Outages: []sandbox.Outage{{For: time.Hour}}}, 100, 10*time.Minute + 137*time.Millisecond, 0, true},
		{"a probe", sandbox.Options{Outages: []sandbox.Outage{{For: time.Minute}, {After: time.Minute, For: time.Hour, Fault: sandbox.Stalled}}}, 100, 100 * time.Second, 30 * time.Second, true},
		{"a back-off", sandbox.Options{Pick: one(sandbox.ServerError)}, 3, 5 * time.Second, 0, true},
		{"a request", sandbox.Options{Latency: 20 * time.Second}, 100, 25 * time.Second, 20 * time.Second, true},
		{"a stalled request", sandbox.Options{Pick: one(sandbox.Stalled)}, 100, 5 * time.Second, 30 * time.Second, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, s, g := inBubble(t, tt.o)
				p.Attempts, p.OutageTimeout = 100, 24*time.Hour
				intake, cancel := context.WithTimeoutCause(t.Context(), tt.after, &Stop{By: ByDeadline})
				defer cancel()
				before := 0
				context.AfterFunc(intake, func() { before = s.Account().Requests })
				start := time.Now()
				if got := by(t, p.Run(t.Context(), intake, clients(tt.rows))); got != ByDeadline {
					t.Errorf("stopped by %q", got)
				}
				if d := time.Since(start); d < tt.after || d > tt.after+tt.atMost {
					t.Errorf("returned %s after the end of intake", d-tt.after)
				}
				synctest.Wait()
				if after := s.Account().Requests; after != before {
					t.Errorf("%d requests left after the end of intake", after-before)
				}
				if left := tt.rows - g.ends[journal.Succeeded]; (left > 0) != tt.pending || g.ends[journal.Failed]+g.ends[journal.Retryable] > 0 {
					t.Errorf("outcomes %v", g.ends)
				}
			})
		})
	}
}
