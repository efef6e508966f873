package report

import (
	"fmt"
	"testing"
)

// Every combination of what may hold at the end of a run, against the order of
// the contract, written down as a list.
func TestExitCode(t *testing.T) {
	words := append([]string{""}, stopWords...)
	for bits := range 1 << 7 {
		bit := func(n int) bool { return bits>>n&1 != 0 }
		for _, by := range words {
			e := Ending{Fault: bit(0), Running: bit(1), Terminated: bit(2), Unread: bit(3), StoppedBy: by}
			if bit(4) {
				e.Rows.Pending = 1
			}
			if bit(5) {
				e.Rows.Retryable = 1
			}
			if bit(6) {
				e.Rows.Failed = 1
			}
			holds := map[int]bool{
				1:   e.Fault,
				2:   by == "config" || by == "input" || by == "disk",
				5:   by == "credentials" || by == "bot",
				6:   e.Running,
				130: by == "interrupt" && !e.Terminated,
				143: by == "interrupt" && e.Terminated,
				4:   by != "failures" && (by == "deadline" || by == "outage" || e.Unread || e.Rows.Pending+e.Rows.Retryable > 0),
				3:   by == "failures" || e.Rows.Failed > 0,
				0:   true,
			}
			want := -1
			for _, code := range []int{1, 2, 5, 6, 130, 143, 4, 3, 0} {
				if holds[code] {
					want = code
					break
				}
			}
			if got := ExitCode(e); got != want {
				t.Errorf("%s: exit code %d, want %d", fmt.Sprintf("%+v", e), got, want)
			}
		}
	}
}
