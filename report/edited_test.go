package report

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mantatag/report/journal"
)

// edit adds a line to an outcome file, as a person does.
func (b *job) edit(name, line string) {
	b.t.Helper()
	b.must(os.WriteFile(filepath.Join(b.dir, name), []byte(b.read(name)+line+"\n"), 0o600))
}

// keeps reports how many of the kept files have that line.
func (b *job) keeps(line string) (n int) {
	b.t.Helper()
	for _, name := range b.kept() {
		text, err := os.ReadFile(name)
		b.must(err)
		if strings.Contains(string(text), line) {
			n++
		}
	}
	return n
}

// killed is a disk that does nothing any more after n operations.
func killed(n int) (d *disk, dead func() bool) {
	did := 0
	die := func() error {
		if did++; did > n {
			return syscall.EIO
		}
		return nil
	}
	return &disk{
		create: func(dir, pattern string) (handle, error) {
			if err := die(); err != nil {
				return nil, err
			}
			return realDisk.create(dir, pattern)
		},
		rename: func(from, to string) error {
			if err := die(); err != nil {
				return err
			}
			return realDisk.rename(from, to)
		},
		remove: func(path string) error {
			if err := die(); err != nil {
				return err
			}
			return realDisk.remove(path)
		},
		syncDir: func(dir string) error {
			if err := die(); err != nil {
				return err
			}
			return realDisk.syncDir(dir)
		},
	}, func() bool { return did > n }
}

// Wherever a run is killed while it writes its reports: what was edited before or
// after is kept, and what was not edited is not; also where the version that was
// kept is taken for one too many, or put back. The reports change their form on the
// way, so that some are removed.
func TestKilledWhileReportsAreWritten(t *testing.T) {
	for _, edited := range []string{"", "before", "after", "before, and the kept one removed", "before, and the kept one put back"} {
		for n := 0; ; n++ {
			b := newJob(t, "clients.csv", "tagId,clientId\nt1,c1\nt1,c2\nt1,c3\n")
			b.begin()
			b.add(tag("t1", "c1"), 1, intent, noClient)
			b.end("", "")
			b.write()
			if strings.HasPrefix(edited, "before") {
				b.edit("failed.csv", "mine,1")
			}
			b.reopen()
			b.begin()
			b.add(tag("t1", "c2"), 2, intent, noClient)
			b.end("", "")
			b.input(`{"tagId":"t1","clientId":"c1"}` + "\n" + `{"tagId":"t1","clientId":"c2"}` + "\n" + `{"tagId":"t1","clientId":"c3"}` + "\n")
			b.src.Options.Format = "ndjson"
			var dead func() bool
			b.src.disk, dead = killed(n)
			_, _ = Write(t.Context(), b.src)
			b.src.disk = nil
			name := "failed.ndjson"
			if _, err := os.Stat(filepath.Join(b.dir, name)); err != nil {
				name = "failed.csv"
			}
			switch kept := b.kept(); {
			case edited == "after":
				b.edit(name, "mine,1")
			case strings.HasSuffix(edited, "removed") && strings.Contains(b.read(name), "mine,1"):
				for _, k := range kept {
					b.must(os.Remove(k))
				}
			case strings.HasSuffix(edited, "put back") && len(kept) > 0:
				b.must(os.Rename(kept[0], filepath.Join(b.dir, "failed.csv")))
			}
			b.reopen()
			b.begin()
			b.add(tag("t1", "c3"), 3, intent, noClient)
			b.end("", "")
			b.write()
			switch kept := b.kept(); {
			case edited == "" && len(kept) > 0:
				t.Fatalf("killed after %d operations: %v were kept, which nobody edited", n, kept)
			case edited == "after" && (len(kept) != 1 || b.keeps("mine,1") != 1),
				strings.HasPrefix(edited, "before") && (len(kept) != 1 || b.keeps("mine,1") != 1):
				t.Fatalf("killed after %d operations: %s was edited %s that, and %v were kept", n, name, edited, kept)
			}
			if !dead() {
				if n < 20 {
					t.Errorf("only %d operations were seen", n)
				}
				break
			}
		}
	}
}

// Where there is no stamp that could be read, an outcome file is kept unless it
// holds what is written anyway, or no row.
func TestEditedWithoutStamp(t *testing.T) {
	for name, c := range map[string]struct {
		change func(b *job)
		kept   string // a line of it
	}{
		"none":         {func(b *job) { b.must(os.Remove(filepath.Join(b.dir, stampName))) }, ""},
		"none, edited": {func(b *job) { b.must(os.Remove(filepath.Join(b.dir, stampName))); b.edit("failed.csv", "mine,1") }, "mine,1"},
		"damaged": {func(b *job) {
			b.must(os.WriteFile(filepath.Join(b.dir, stampName), []byte("{"), 0o600))
			b.edit("failed.csv", "mine,1")
		}, "mine,1"},
		"of no such file": {func(b *job) {
			b.must(os.WriteFile(filepath.Join(b.dir, "failed.ndjson"), []byte("mine,1\n"), 0o600))
			b.src.Program = "2"
		}, "mine,1"},
	} {
		t.Run(name, func(t *testing.T) {
			b := mixedJob(t, "clients.csv", mixedCSV)
			b.write()
			c.change(b)
			// A new outcome where there was none, which an empty table says nothing of.
			b.reopen()
			b.begin()
			b.add(tag("t1", "c6"), 6, intent, succeeded)
			b.end("", "")
			told := 0
			b.src.Kept = func(string, string) { told++ }
			b.write()
			// Without a stamp, older tables of other rows cannot be told from edited
			// ones: that of the retryable rows is the same again.
			if c.kept == "" && told != 2 || c.kept != "" && b.keeps(c.kept) != 1 || told != len(b.kept()) {
				t.Errorf("%d were told, and these are kept: %v", told, b.kept())
			}
		})
	}
}

// before calls f when the file with that name is about to be put in its place.
func before(name string, f func()) *disk {
	d := realDisk
	d.rename = func(from, to string) error {
		if filepath.Base(to) == name && f != nil {
			f()
			f = nil
		}
		return realDisk.rename(from, to)
	}
	return &d
}

// What is saved while the reports are made, after they were looked at, is kept; also
// in a file of the form that the input does not have any more.
func TestEditedWhileReportsAreMade(t *testing.T) {
	for _, name := range []string{"failed.csv", "failed.ndjson"} {
		b := newJob(t, "clients", "tagId,clientId\nt1,c1\n")
		b.begin()
		b.add(tag("t1", "c1"), 1, intent, noClient)
		b.end("", "")
		if name == "failed.ndjson" {
			b.input(`{"tagId":"t1","clientId":"c1"}` + "\n")
			b.write()
			b.input("tagId,clientId\nt1,c1\n")
		} else {
			b.write()
		}
		b.reopen()
		b.begin()
		b.add(tag("t1", "c2"), 2, intent, noClient)
		b.end("", "")
		b.src.disk = before(stampName, func() { b.edit(name, "mine,1") })
		b.write()
		if kept := b.kept(); len(kept) != 1 || b.keeps("mine,1") != 1 {
			t.Errorf("%s was edited, and %v were kept", name, kept)
		}
	}
}

// Reports of an input that was changed while they were made are made again.
func TestInputChangedWhileReportsAreMade(t *testing.T) {
	b := mixedJob(t, "clients.csv", mixedCSV)
	b.src.disk = before(pageName, func() { b.input(mixedCSV + "more,t1,c99,\r\n") })
	b.write()
	b.src.disk = nil
	if _, made := Unchanged(b.src); made {
		t.Error("the reports of the old input are taken for those of the new one")
	}
	if sum := b.write(); sum.Rows.Read != 10 {
		t.Errorf("%+v", sum.Rows)
	}
}

// An edit that leaves an outcome file its size and its time is one all the same, and
// so is the next that has those of the one that was kept.
func TestEditedWithinItsTime(t *testing.T) {
	b := mixedJob(t, "clients.csv", mixedCSV)
	b.write()
	path := filepath.Join(b.dir, "failed.csv")
	info, err := os.Stat(path)
	b.must(err)
	text := []byte(b.read("failed.csv"))
	for edits, client := range []string{"c6", "c3"} {
		text[len(text)-3]++
		b.must(os.WriteFile(path, text, 0o600))
		b.must(os.Chtimes(path, info.ModTime(), info.ModTime()))
		b.reopen()
		b.begin()
		b.add(tag("t1", client), 3, intent, succeeded)
		b.end("", "")
		b.write()
		if kept := b.kept(); len(kept) != edits+1 {
			t.Errorf("after %d edits these are kept: %v", edits+1, kept)
		}
	}
}

// A stamp that is there and cannot be read says nothing of what was edited, so
// nothing is written over.
func TestUnreadableStamp(t *testing.T) {
	b := mixedJob(t, "clients.csv", mixedCSV)
	b.write()
	b.must(os.Remove(filepath.Join(b.dir, stampName)))
	b.must(os.Mkdir(filepath.Join(b.dir, stampName), 0o700))
	b.edit("failed.csv", "mine,1")
	sum, err := Write(t.Context(), b.src)
	if _, ok := errors.AsType[*journal.DiskError](err); !ok || sum.StoppedBy != "interrupt" {
		t.Errorf("stopped by %q: %v", sum.StoppedBy, err)
	}
	if !strings.Contains(b.read("failed.csv"), "mine,1") {
		t.Error("the edited file was written over")
	}
}

// What another user has written, who may have made the reports once, is kept and
// replaced, though it cannot be looked at.
func TestReportsOfAnotherUser(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		return // permissions do not keep this user from reading
	}
	b := mixedJob(t, "clients.csv", mixedCSV)
	b.write()
	for _, name := range []string{stampName, "failed.csv"} {
		b.must(os.Chmod(filepath.Join(b.dir, name), 0))
	}
	b.reopen()
	b.begin()
	b.add(tag("t1", "c6"), 6, intent, succeeded)
	b.end("", "")
	b.write()
	if !strings.Contains(b.read("succeeded.csv"), "c6") {
		t.Error("the reports were not written")
	}
	kept := slices.DeleteFunc(b.kept(), func(name string) bool { return !strings.Contains(name, "failed-edited-") })
	if len(kept) != 1 {
		t.Errorf("of the one that cannot be read are kept: %v", kept)
	}
}

// A name that another has taken meanwhile is left to it.
func TestSetAside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "failed.csv")
	held := map[string]string{}
	for i := range 3 { // mostly within a second
		if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, []byte(strconv.Itoa(i)), 0o600)); err != nil {
			t.Fatal(err)
		}
		as, err := realDisk.setAside(path, "failed-edited", ".csv")
		if err != nil {
			t.Fatal(err)
		}
		held[as] = strconv.Itoa(i)
		if err := realDisk.moveAside(path, as); !errors.Is(err, fs.ErrExist) {
			t.Errorf("moved over %s: %v", as, err)
		}
	}
	for as, want := range held {
		if got, err := os.ReadFile(as); string(got) != want || len(held) != 3 {
			t.Errorf("%s holds %q, want %q: %v", as, got, want, err)
		}
	}
	as := filepath.Join(dir, "moved.csv")
	if err := realDisk.moveAside(path, as); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(as); string(got) != "2" {
		t.Errorf("moved: %q, %v", got, err)
	}
}

// An outcome file of which it cannot be told whether it was edited stays as it is,
// and does not keep the others from being written.
func TestOutcomeFileThatCannotBeRead(t *testing.T) {
	b := mixedJob(t, "clients.csv", mixedCSV)
	b.write()
	of := func(files []leftFile) []leftFile {
		return slices.DeleteFunc(files, func(f leftFile) bool { return f.Name != "failed.csv" })
	}
	last, err := lastStamp(b.src)
	b.must(err)
	before := of(last.Files)
	failed := filepath.Join(b.dir, "failed.csv")
	b.must(os.Remove(failed))
	b.must(os.Mkdir(failed, 0o700))
	b.reopen()
	b.begin()
	b.add(tag("t1", "c6"), 6, intent, succeeded)
	b.end("", "")
	sum, err := Write(t.Context(), b.src)
	if de, ok := errors.AsType[*journal.DiskError](err); !ok || de.File != failed || sum.StoppedBy != "disk" || sum.ExitCode != ExitUsage {
		t.Errorf("stopped by %q, exit code %d: %v", sum.StoppedBy, sum.ExitCode, err)
	}
	if !strings.Contains(b.read("succeeded.csv"), "c6") {
		t.Error("the other files were not written")
	}
	made, err := lastStamp(b.src)
	b.must(err)
	if now := of(made.Files); len(now) != 1 || now[0] != before[0] {
		t.Errorf("the stamp knows %+v of failed.csv, want what was known last, %+v", now, before)
	}
	b.noTemporaries()
}

// Reports of two processes at once, and somebody who edits meanwhile: each edit
// is kept, and nothing else is.
func TestEditsBesideTwoWriters(t *testing.T) {
	b := newJob(t, "clients.csv", "tagId,clientId\nt1,c1\nt1,c2\n")
	b.begin()
	b.add(tag("t1", "c1"), 1, intent, noClient)
	b.add(tag("t1", "c2"), 2, intent) // in doubt
	b.end("", "")
	b.write()
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	var writers sync.WaitGroup
	for i := range 2 {
		view, err := journal.View(b.dir)
		b.must(err)
		defer view.Close()
		s := b.src
		s.Journal, s.HoldInDoubt = view, i > 0 // each makes anew what the other made, with another retryable.csv
		writers.Go(func() {
			for ctx.Err() == nil {
				if _, err := Write(ctx, s); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	edits := 0
	for edits < 25 && ctx.Err() == nil {
		edits++
		b.must(os.WriteFile(filepath.Join(b.dir, "mine.tmp"), []byte("mine,"+strconv.Itoa(edits)+";\n"), 0o600))
		b.must(os.Rename(filepath.Join(b.dir, "mine.tmp"), filepath.Join(b.dir, "failed.csv")))
		for line := "mine," + strconv.Itoa(edits) + ";"; ctx.Err() == nil; {
			if text, err := os.ReadFile(filepath.Join(b.dir, "failed.csv")); err == nil && !strings.Contains(string(text), line) {
				break
			}
			time.Sleep(time.Millisecond) // nothing tells that another process has renamed a file
		}
	}
	stop()
	writers.Wait()
	last := 0
	if strings.Contains(b.read("failed.csv"), "mine,") {
		last = 1
	}
	lost := 0
	for i := 1; i <= edits-last; i++ {
		if b.keeps("mine,"+strconv.Itoa(i)+";") == 0 {
			lost++
		}
	}
	// One may come between the last look at the file and its rename.
	if lost > 1 || b.keeps("mine,") != len(b.kept()) {
		t.Errorf("%d of %d edits are lost; %d files are kept, %d of them edited", lost, edits, len(b.kept()), b.keeps("mine,"))
	}
}
