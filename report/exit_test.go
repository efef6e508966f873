package report

import (
	"fmt"
	"testing"
)

// Every combination of what may hold at the end of a run, against the order of
// the contract, written down as a list.
func TestExitCode(t *testing.T) {
	words := append([]string{""}, stopWords...)
	for bits := range 1 << 5 {
		bit := func(n int) bool { return bits>>n&1 != 0 }
		for _, by := range words {
			e := Ending{Terminated: bit(0), Unread: bit(1), StoppedBy: by}
			if bit(2) {
				e.Rows.Pending = 1
			}
			if bit(3) {
				e.Rows.Retryable = 1
			}
			if bit(4) {
				e.Rows.Failed = 1
			}
			holds := map[int]bool{
				2:   by == "config" || by == "input" || by == "disk",
				5:   by == "credentials" || by == "bot",
				130: by == "interrupt" && !e.Terminated,
				143: by == "interrupt" && e.Terminated,
				4:   by != "failures" && (by == "deadline" || by == "outage" || e.Unread || e.Rows.Pending+e.Rows.Retryable > 0),
				3:   by == "failures" || e.Rows.Failed > 0,
				0:   true,
			}
			want := -1
			for _, code := range []int{2, 5, 130, 143, 4, 3, 0} {
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
