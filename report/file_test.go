package report

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mantatag/report/journal"
)

// fault makes one operation of the disk fail: the n-th, from 0.
type fault struct {
	n    int
	seen int
}

func (f *fault) strike() bool {
	f.seen++
	return f.seen == f.n+1
}

type failing struct {
	handle
	fault *fault
}

// Write writes half before it fails, as a full disk does.
func (f failing) Write(b []byte) (int, error) {
	if f.fault.strike() {
		n, _ := f.handle.Write(b[:len(b)/2])
		return n, syscall.ENOSPC
	}
	return f.handle.Write(b)
}

func (f failing) Sync() error {
	if f.fault.strike() {
		return syscall.EIO
	}
	return f.handle.Sync()
}

func (f failing) Close() error {
	err := f.handle.Close()
	if f.fault.strike() {
		return syscall.EIO
	}
	return err
}

func (f *fault) disk() *disk {
	return &disk{
		create: func(dir, pattern string) (handle, error) {
			if f.strike() {
				return nil, syscall.EROFS
			}
			h, err := realDisk.create(dir, pattern)
			return failing{h, f}, err
		},
		rename: func(from, to string) error {
			if f.strike() {
				return syscall.EACCES
			}
			return os.Rename(from, to)
		},
		remove: realDisk.remove,
		syncDir: func(dir string) error {
			if f.strike() {
				return syscall.EIO
			}
			return realDisk.syncDir(dir)
		},
	}
}

// Whatever operation fails: the error names a file and its cause, each report
// is the old or the new, no temporary file is left, and writing again mends it.
func TestEveryDiskFault(t *testing.T) {
	b := mixedJob(t, "clients.csv", mixedCSV)
	b.write()
	names := []string{"succeeded.csv", "failed.csv", "retryable.csv", "summary.json", "report.html"}
	contents := func() map[string]string {
		m := map[string]string{}
		for _, name := range names {
			m[name] = b.read(name)
		}
		return m
	}
	before, stamp := contents(), b.read(stampName)

	// The new state has one more outcome in each file.
	b.reopen()
	b.begin()
	b.add(tag("t1", "c6"), 6, intent, succeeded)
	b.add(tag("t1", "c5"), 5, intent, givenUp)
	b.add(tag("t1", "c3"), 3, intent, noClient)
	b.end("", "")
	sum := b.write()
	after := contents()
	if sum.State != Complete || sum.Rows.Earlier != 4 {
		t.Errorf("%+v", sum)
	}

	causes := []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS, syscall.EACCES}
	faults := 0
	for ; ; faults++ {
		b.must(os.WriteFile(filepath.Join(b.dir, stampName), []byte(stamp), 0o600))
		for name, text := range before {
			b.must(os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600))
		}
		f := &fault{n: faults}
		b.src.disk = f.disk()
		sum, err := Write(t.Context(), b.src)
		b.src.disk = nil
		if f.seen <= faults {
			b.must(err)
			break
		}
		if err == nil && maps.Equal(contents(), after) {
			continue // it was the stamp, which is only there to save time
		}
		de, ok := errors.AsType[*journal.DiskError](err)
		if !ok || !strings.HasPrefix(de.File, b.dir) || !slices.ContainsFunc(causes, func(c error) bool { return errors.Is(err, c) }) {
			t.Errorf("fault %d: the error is %v, want a disk error that names a file of the job", faults, err)
		}
		if sum.StoppedBy != "disk" || sum.ExitCode != ExitUsage {
			t.Errorf("fault %d: stopped by %q, exit code %d", faults, sum.StoppedBy, sum.ExitCode)
		}
		for name, text := range contents() {
			// What a summary says of the fault itself is in neither.
			if text != before[name] && text != after[name] && !strings.Contains(text, "cannot be used") {
				t.Errorf("fault %d: %s is neither the old nor the new:\n%s", faults, name, text)
			}
		}
		b.noTemporaries()
		b.write()
		for name, text := range contents() {
			if text != after[name] {
				t.Errorf("fault %d: written again, %s is not as it should be:\n%s", faults, name, text)
			}
		}
		if kept := b.kept(); len(kept) > 0 {
			t.Fatalf("fault %d: kept although nobody edited it: %v", faults, kept)
		}
	}
	if faults < 30 {
		t.Errorf("only %d operations were seen", faults)
	}
}

func (b *job) noTemporaries() {
	b.t.Helper()
	left, err := filepath.Glob(filepath.Join(b.dir, "*"+tempSuffix))
	b.must(err)
	if len(left) > 0 {
		b.t.Errorf("temporary files are left: %v", left)
	}
}

// kept are the outcome files that were kept as edited ones.
func (b *job) kept() []string {
	b.t.Helper()
	kept, err := filepath.Glob(filepath.Join(b.dir, "*-edited-*"))
	b.must(err)
	return kept
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-2 * time.Hour)
	for _, name := range []string{"failed.csv", "failed.csv.123.tmp", "summary.json.9.tmp", "input.5.tmp", "journal.ndjson", "failed.csv.4.tmp", "failed.csv.tmp", "failed.mended.1.tmp"} {
		err := os.WriteFile(filepath.Join(dir, name), nil, 0o600)
		if name != "failed.csv.4.tmp" { // which a report may be writing
			err = errors.Join(err, os.Chtimes(filepath.Join(dir, name), old, old))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(dir); err != nil {
		t.Fatal(err)
	}
	if err := SweepMetrics(filepath.Join(dir, "input")); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{"failed.csv", "failed.csv.4.tmp", "failed.csv.tmp", "failed.mended.1.tmp", "journal.ndjson"}; !slices.Equal(left, want) {
		t.Errorf("left: %v, want %v", left, want)
	}
}
