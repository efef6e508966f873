package report

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mantatag/report/journal"
)

// hold opens a file as a spreadsheet does, which lets others read it.
func hold(t *testing.T, path string) (release func()) {
	t.Helper()
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		t.Fatal(err)
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ, syscall.FILE_SHARE_READ, nil, syscall.OPEN_EXISTING, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return func() { syscall.CloseHandle(h) }
}

// An outcome file that is open elsewhere says what to do, and is written when it
// is closed, also where it is of the other form; nothing is kept as edited.
func TestOutcomeFileInUse(t *testing.T) {
	for _, text := range []string{mixedCSV, `{"tagId":"t1","clientId":"c1"}` + "\n"} {
		b := mixedJob(t, "clients", mixedCSV)
		b.write()
		b.reopen()
		b.begin()
		b.add(tag("t1", "c5"), 5, intent, noClient)
		b.end("", "")
		b.input(text)
		failed := filepath.Join(b.dir, "failed.csv")
		release := hold(t, failed)
		sum, err := Write(t.Context(), b.src)
		de, ok := errors.AsType[*journal.DiskError](err)
		if !ok || de.File != failed || sum.StoppedBy != "disk" || sum.ExitCode != ExitUsage || !strings.Contains(sum.Message, "such as Excel") {
			t.Errorf("stopped by %q, exit code %d, %s: %v", sum.StoppedBy, sum.ExitCode, sum.Message, err)
		}
		release()
		b.write()
		b.noTemporaries()
		if kept := b.kept(); len(kept) > 0 {
			t.Errorf("kept although nobody edited it: %v", kept)
		}
		if _, err := os.Stat(failed); text == mixedCSV && err != nil || text != mixedCSV && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
}

func TestSweepLeavesWhatIsInUse(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-2 * time.Hour)
	for _, name := range []string{"failed.csv.1.tmp", "failed.csv.2.tmp"} {
		err := os.WriteFile(filepath.Join(dir, name), nil, 0o600)
		if err := errors.Join(err, os.Chtimes(filepath.Join(dir, name), old, old)); err != nil {
			t.Fatal(err)
		}
	}
	defer hold(t, filepath.Join(dir, "failed.csv.1.tmp"))()
	if err := Sweep(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "failed.csv.2.tmp")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the other one is left: %v", err)
	}
}

func TestMetricsInUseForAMoment(t *testing.T) {
	b := mixedJob(t, "clients.csv", mixedCSV)
	sum, file := b.write(), filepath.Join(b.dir, "job.prom")
	b.must(WriteMetrics(file, sum))
	time.AfterFunc(100*time.Millisecond, hold(t, file))
	b.must(WriteMetrics(file, sum))
}
