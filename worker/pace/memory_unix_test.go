//go:build unix

package pace_test

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"mantatag/worker/pace"
)

// TestMemoryWithoutRoom: a write that fails leaves what was kept before, and
// nothing else.
func TestMemoryWithoutRoom(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	store := pace.Store{Dir: t.TempDir(), Host: "h", Bot: "b"}
	old := pace.Memory{Rate: 50, At: now}
	if err := store.Save(old); err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 10 // no file may be longer
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &none); err != nil {
		t.Fatal(err)
	}
	err := store.Save(pace.Memory{Rate: 60, At: now})
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, syscall.EFBIG) {
		t.Errorf("the error is %v", err)
	}
	if m, err := store.Load(now); m != old || err != nil {
		t.Errorf("%+v, %v", m, err)
	}
	if files, err := os.ReadDir(store.Dir); err != nil || len(files) != 1 {
		t.Errorf("left: %v, %v", files, err)
	}
}
