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
