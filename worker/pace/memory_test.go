package pace_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"mantatag/worker/pace"
)

func TestMemoryIsKept(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	dir := filepath.Join(t.TempDir(), "state", "mantatag")
	store := pace.Store{Dir: dir, Host: "mantago.cc", Bot: "../bot 1"}
	if m, err := store.Load(now); m != (pace.Memory{}) || err != nil {
		t.Errorf("at first: %+v, %v", m, err)
	}
	want := pace.Memory{Rate: 49.7, Window: 10 * time.Second, Burst: 90, InFlight: 7, Patience: 1200, Refusals: 12, At: now}
	if err := store.Save(want); err != nil {
		t.Fatal(err)
	}
	if got, err := store.Load(now.Add(time.Hour)); got != want || err != nil {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	other := pace.Store{Dir: dir, Host: "mantago.cc", Bot: "bot 2"}
	if m, err := other.Load(now); m != (pace.Memory{}) || err != nil {
		t.Errorf("another bot: %+v, %v", m, err)
	}
	if m, _ := store.Load(now.Add(91 * 24 * time.Hour)); m != (pace.Memory{}) {
		t.Errorf("after 91 days: %+v", m)
	}
	if m, _ := store.Load(now.Add(-48 * time.Hour)); m != (pace.Memory{}) {
		t.Errorf("from the future: %+v", m)
	}
	if err := store.Save(pace.Memory{}); err != nil {
		t.Fatal(err)
	}
	if got, _ := store.Load(now); got != want {
		t.Errorf("a run that learned nothing left %+v", got)
	}
}

// A damaged file is no memory, and no error.
func TestDamagedMemory(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	store := pace.Store{Dir: t.TempDir(), Host: "h", Bot: "b"}
	if err := store.Save(pace.Memory{Rate: 50, At: now}); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(store.Dir, "pace-*.json"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range append([]string{
		"", "null", "[]", `{"version":2,"host":"h","bot":"b","rate_per_second":50,"at":"2026-11-24T10:00:00Z"}`,
		`{"version":1,"host":"h","bot":"b","rate_per_second":-50,"at":"2026-11-24T10:00:00Z"}`,
		`{"version":1,"host":"h","bot":"b","rate_per_second":1e99,"at":"2026-11-24T10:00:00Z"}`,
		`{"version":1,"host":"h","bot":"c","rate_per_second":50,"at":"2026-11-24T10:00:00Z"}`,
	}, string(whole[:len(whole)/2])) {
		if err := os.WriteFile(files[0], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if m, err := store.Load(now); m != (pace.Memory{}) || err != nil {
			t.Errorf("%q: %+v, %v", text, m, err)
		}
	}
}

func TestMemoryOfSeveralRuns(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	store := pace.Store{Dir: t.TempDir(), Host: "h", Bot: "b"}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 10 {
				if err := store.Save(pace.Memory{Rate: float64(1 + i), At: now}); err != nil {
					t.Error(err)
				}
				if m, err := store.Load(now); m.Rate < 1 || m.Rate > 8 || err != nil {
					t.Errorf("%+v, %v", m, err)
				}
			}
		})
	}
	wg.Wait()
	if left, _ := filepath.Glob(filepath.Join(store.Dir, ".pace-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestMemoryInWords(t *testing.T) {
	for want, m := range map[string]pace.Memory{
		"": {},
		"about 49.7 requests a second; 12 refusals while finding out":  {Rate: 49.7, Refusals: 12},
		"about 30 requests a minute; 1 refusal while finding out":      {Rate: 0.5, Refusals: 1},
		"about 300 requests in each 1m; 0 refusals while finding out":  {Rate: 5, Window: time.Minute},
		"about 100 requests in each 10s; 9 refusals while finding out": {Rate: 10, Window: 10 * time.Second, Refusals: 9},
		"at most 6 requests at once; 4 refusals while finding out":     {Rate: 40, InFlight: 6, Refusals: 4},
	} {
		if got := m.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
