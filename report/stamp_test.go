package report

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A report is written again exactly if something that it depends on changed.
func TestReportsAreMadeOnlyWhenNeeded(t *testing.T) {
	long := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		change func(*job)
		made   bool
	}{
		"nothing":     {func(b *job) {}, false},
		"an idle run": {func(b *job) { b.reopen(); b.begin(); b.end("interrupt", "again") }, false},
		"two idle runs": {func(b *job) {
			b.reopen()
			b.begin()
			b.end("", "")
			b.reopen()
			b.begin()
			b.end("interrupt", "")
		}, false},
		"another end": {func(b *job) { b.reopen(); b.begin(); b.end("outage", "") }, true},
		"an outcome": {func(b *job) {
			b.reopen()
			b.begin()
			b.add(tag("t1", "c6"), 6, intent, succeeded)
			b.end("interrupt", "")
		}, true},
		"an intent":      {func(b *job) { b.reopen(); b.begin(); b.add(tag("t1", "c6"), 6, intent); b.end("interrupt", "") }, true},
		"input":          {func(b *job) { b.input(mixedCSV + "\r\n") }, true},
		"input and back": {func(b *job) { b.input("x"); b.input(mixedCSV) }, false},
		"options":        {func(b *job) { b.src.Options.Tag = "t9" }, true},
		"hold":           {func(b *job) { b.src.HoldInDoubt = false }, true},
		"program":        {func(b *job) { b.src.Program = "v2" }, true},
		"bot":            {func(b *job) { b.src.Bot = "bot2" }, true},
		"edited":         {func(b *job) { b.must(os.WriteFile(filepath.Join(b.dir, "failed.csv"), []byte("mine"), 0o600)) }, true},
		"removed":        {func(b *job) { b.must(os.Remove(filepath.Join(b.dir, "retryable.csv"))) }, true},
		"no stamp":       {func(b *job) { b.must(os.Remove(filepath.Join(b.dir, stampName))) }, true},
		"damaged stamp":  {func(b *job) { b.must(os.WriteFile(filepath.Join(b.dir, stampName), []byte("{"), 0o600)) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := mixedJob(t, "clients.csv", mixedCSV)
			b.src.HoldInDoubt = true
			b.write()
			from := newState(b.src).digest(b.src)
			made, ok := readStamp(b.src, from)
			if !ok {
				t.Fatal("there is no stamp")
			}
			page := filepath.Join(b.dir, pageName)
			// The stamp has to hold for a file of that time.
			b.must(os.Chtimes(page, long, long))
			b.src.disk = &realDisk
			for i, f := range made.Files {
				if f.Name == pageName {
					made.Files[i].Modified = long
				}
			}
			b.must(writeStamp(b.src, made))
			b.src.disk = nil

			c.change(b)
			folded, err := Fold(t.Context(), b.src)
			b.must(err)
			sum := b.write()
			info, err := os.Stat(page)
			b.must(err)
			if wasMade := !info.ModTime().Equal(long); wasMade != c.made {
				t.Errorf("made again: %v, want %v", wasMade, c.made)
			}

			// In either way the summary is what a whole fold gives.
			b.must(os.Remove(filepath.Join(b.dir, stampName)))
			b.must(os.RemoveAll(filepath.Join(b.dir, "failed.csv")))
			whole := b.write()
			for _, s := range []Summary{sum, folded} {
				if got, want := jsonOf(t, s), jsonOf(t, whole); got != want {
					t.Errorf("the summary is %s, want %s", got, want)
				}
			}
		})
	}
}

func jsonOf(t *testing.T, s Summary) string {
	t.Helper()
	text, err := s.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
