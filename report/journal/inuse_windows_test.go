package journal

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// hold opens a file as a program does that shares it with nobody, for a while.
func hold(t *testing.T, path string, while time.Duration) {
	t.Helper()
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		t.Fatal(err)
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ, 0, nil, syscall.OPEN_EXISTING, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	released := make(chan struct{})
	time.AfterFunc(while, func() {
		syscall.CloseHandle(h)
		close(released)
	})
	t.Cleanup(func() { <-released })
}

// What another program has open for a moment is waited for.
func TestFileInUseForAMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write := func(name string) {
		if err := os.WriteFile(name, []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(path)
	hold(t, path, 100*time.Millisecond)
	if text, err := ReadFile(path); err != nil || string(text) != "text" {
		t.Errorf("read %q: %v", text, err)
	}
	write(path + ".new")
	hold(t, path, 100*time.Millisecond)
	if err := Replace(path+".new", path); err != nil {
		t.Error(err)
	}
	hold(t, path, 100*time.Millisecond)
	if err := Remove(path); err != nil {
		t.Error(err)
	}
}

// A rewritten journal that was left half done and is open elsewhere does not keep
// a run from its job, and a folder in use is moved as soon as it is not.
func TestJobInUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "job")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, compactName)
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	hold(t, left, 3*time.Second)
	j, err := Open(dir, Options{Host: "api.example"})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Retire(dir, time.Now()); err != nil {
		t.Error(err)
	}
}
