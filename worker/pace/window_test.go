package pace

import (
	"testing"
	"time"

	"mantatag/worker/manta/sandbox"
)

// A window longer than any that is looked for is learned as long as it is, and
// not run against minute by minute.
func TestLongWindow(t *testing.T) {
	for _, hint := range []hinting{retryAfter, silent} {
		for _, l := range []sandbox.FixedWindow{{Limit: 60, Window: time.Hour}, {Limit: 4, Window: 6 * time.Minute}} {
			for seed := range uint64(5) {
				s := &simulation{limiter: &sandbox.FixedWindow{Limit: l.Limit, Window: l.Window}, hint: hint, latency: 20 * time.Millisecond, spread: 0.3, concurrency: 8, rows: 300}
				r := s.run(seed, 100*time.Hour)
				if r.learned.Window < l.Window/2 || r.learned.Window > 2*l.Window || !r.learned.sensible() || r.refused > 60 {
					t.Errorf("%d in %v, hint %v, seed %d: %d refused; learned: %s", l.Limit, l.Window, hint, seed, r.refused, r.learned)
				}
			}
		}
	}
}

// TestSeveralQuotasAreNotKept: a quota is kept as the server names it only while it
// is always the same one; of several it says nothing of the others.
func TestSeveralQuotasAreNotKept(t *testing.T) {
	start := simulationStart(1)
	minute := Hint{Left: 50, Reset: 30 * time.Second, Limit: 100, Window: time.Minute}
	hour := Hint{Left: 900, Reset: 30 * time.Minute, Limit: 1000, Window: time.Hour}
	law := Start(Options{}, start)
	for i, tt := range []struct {
		told Hint
		want int
	}{{minute, 100}, {minute, 100}, {hour, 0}, {minute, 0}, {minute, 0}} {
		now := start.Add(time.Duration(i+1) * time.Second)
		law, _, _ = law.Admit(now, time.Time{}, 0)
		law = law.Next(Observation{Hint: tt.told, Sent: now}, now.Add(20*time.Millisecond))
		if law.named.Limit != tt.want {
			t.Errorf("answer %d: a quota of %d is kept, want %d", i, law.named.Limit, tt.want)
		}
	}
}

// A window of a second that is asked a hair too early, where the server asks for a
// second at least, is not taken for one of two.
func TestShortWindowAskedTooEarly(t *testing.T) {
	limiter := func() sandbox.Limiter { return &sandbox.FixedWindow{Limit: 50, Window: time.Second} }
	c := scenario{limiter: limiter, hint: retryAfter, latency: 150 * time.Millisecond, rows: 9600}
	if _, over := c.run(228); over > 1.2 {
		t.Errorf("took %.3f of the ideal time", over)
	}
}

// TestQuotaThatGrewTooFar: a quota that was wrong from the start may grow far beyond
// what windows let in, while nobody refuses. It is no window then, however well it
// went; else all of it is sent, and refused, in each.
func TestQuotaThatGrewTooFar(t *testing.T) {
	seeds := map[string]uint64{
		"counter+ 100 in 10s":  404,
		"counter+ 300 in 1m0s": 5015,
	}
	for _, c := range scenarios() {
		seed, ok := seeds[c.name]
		if !ok || c.hint != retryAfter || c.latency < 100*time.Millisecond {
			continue
		}
		if r, over := c.run(seed); over > 1.5 || 10*r.refused > r.sent {
			t.Errorf("%s, seed %d: %.2f of the ideal, %d of %d refused", c.name, seed, over, r.refused, r.sent)
		}
		delete(seeds, c.name)
	}
	if len(seeds) > 0 {
		t.Errorf("there are no such scenarios: %v", seeds)
	}
}
