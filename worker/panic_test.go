package worker

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mantatag/worker/manta/sandbox"
)

// A panic while a row is sent reaches who called Run, with its stack.
func TestPanicReachesRun(t *testing.T) {
	p, _, _ := newPool(t, sandbox.Options{}, t.TempDir())
	p.Notify = func(e Event) {
		if e.Kind == Sent && e.Row.Number == 3 {
			panic("no such case")
		}
	}
	defer func() {
		if text := fmt.Sprint(recover()); !strings.Contains(text, "no such case") || !strings.Contains(text, "panic_test.go") {
			t.Errorf("recovered %s", text)
		}
	}()
	_ = p.Run(t.Context(), t.Context(), clients(20))
	t.Error("Run returned")
}

// So does one while a request is found to have stalled, which nobody waits for.
func TestPanicOfAStallReachesRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, _ := inBubble(t, sandbox.Options{Outages: []sandbox.Outage{{For: time.Hour, Fault: sandbox.Stalled}}})
		p.Notify = func(e Event) {
			if e.Kind == OutageBegan {
				panic("no such case")
			}
		}
		defer func() {
			if text := fmt.Sprint(recover()); !strings.Contains(text, "no such case") {
				t.Errorf("recovered %s", text)
			}
		}()
		_ = p.Run(t.Context(), t.Context(), clients(20))
		t.Error("Run returned")
	})
}
