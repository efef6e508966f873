package worker

import (
	"testing"
	"time"
)

func TestStallAfter(t *testing.T) {
	for usual, want := range map[time.Duration]time.Duration{
		0: 10 * time.Second, time.Millisecond: 2 * time.Second, 400 * time.Millisecond: 2 * time.Second,
		time.Second: 5 * time.Second, 10 * time.Second: 50 * time.Second,
	} {
		if got := stallAfter(usual); got != want {
			t.Errorf("where %s is usual: %s, not %s", usual, got, want)
		}
	}
}

// TestUsualFollows: what is usual follows a server that becomes slow, or fast,
// as a whole, and a few late answers among many do not become it.
func TestUsualFollows(t *testing.T) {
	var usual time.Duration
	answers := func(n int, took time.Duration) {
		for range n {
			usual = usually(usual, took)
		}
	}
	answers(100, 20*time.Millisecond)
	if usual != 20*time.Millisecond {
		t.Errorf("%s", usual)
	}
	answers(32, 5*time.Second)
	if stallAfter(usual) < 5*time.Second {
		t.Errorf("after as many slow answers as are in flight, five seconds are a stall: %s", usual)
	}
	answers(100, 20*time.Millisecond)
	if stallAfter(usual) != leastStall {
		t.Errorf("%s is usual after a hundred fast answers", usual)
	}
	for range 100 {
		answers(19, 20*time.Millisecond)
		answers(1, 29*time.Second)
	}
	if stallAfter(usual) != leastStall {
		t.Errorf("one late answer in twenty: %s is usual", usual)
	}
}
