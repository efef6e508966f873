package pace

import "time"

// Memory is what a run learned of a limit, for the next one.
type Memory struct {
	Rate     float64 // requests a second; 0: nothing is known
	Window   time.Duration
	Burst    int
	Patience int
	Refusals int       // it took to find out
	At       time.Time // of the end of that run
}
