package worker

import "time"

const (
	firstBackoff   = time.Second
	longestBackoff = time.Minute
)

// backoff is how long a row waits after its n-th failed attempt (from 1):
// doubling from a second to a minute, each between half and the whole of it,
// so that rows that failed together do not come back together. jitter is a
// random number in [0,1).
func backoff(n int, jitter float64) time.Duration {
	d := longestBackoff
	if n < 7 {
		d = min(d, firstBackoff<<(n-1))
	}
	return d/2 + time.Duration(jitter*float64(d/2))
}
