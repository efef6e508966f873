package pace

import (
	"testing"
	"time"

	"mantatag/worker/manta/sandbox"
)

// The memory of a slow limit that is not there any more costs minutes, not 400
// requests at the old pace.
func TestRateLeavesASlowMemory(t *testing.T) {
	for seed := range uint64(3) {
		s := &simulation{limiter: &sandbox.TokenBucket{Rate: 50, Burst: 50}, latency: 20 * time.Millisecond, spread: 0.3,
			concurrency: 32, rows: 3000, memory: Memory{Rate: 0.5, Patience: leastPatience}}
		if r := s.run(seed, time.Hour); r.elapsed > 10*time.Minute {
			t.Errorf("seed %d: %v for %d rows", seed, r.elapsed, s.copy[0].accepted)
		}
	}
}
