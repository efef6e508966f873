package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// grown writes a journal with every kind of history that compaction must keep.
func grown(t *testing.T, dir string) {
	t.Helper()
	histories := [][]Kind{
		{Intent, Refused, Intent, Refused, Intent, Succeeded},
		{Intent, Lost, Intent, Refused, Intent, Failed},
		{Intent, Failed, Intent, Unsent},
		{Intent, Unsent},
		{Intent, Refused},
		{Intent, Lost},
		{Intent, Lost, Intent, Unsent},
		{Intent, Retryable},
		{Intent},
		{Intent, Failed, Intent},
		{Intent, Intent, Unsent},
		{Intent, Failed, Intent, Refused},
		{Intent, Failed, Intent, Lost},
	}
	for run := range 2 {
		j := open(t, dir)
		begin(t, j)
		for i, kinds := range histories {
			for n, kind := range kinds {
				add(t, j, Entry{Kind: kind, Key: key(i), Row: int64(i + 1), Attempts: n, Reason: fmt.Sprint("reason ", run, n), Request: fmt.Sprint("request ", n)})
			}
		}
		for n := range 80 {
			add(t, j, Entry{Kind: Intent, Key: key(99)}, Entry{Kind: Refused, Key: key(99), Status: 429, Attempts: n})
		}
		if run == 0 {
			if err := j.End(Session{End: noon, LearnedPerSecond: 12}); err != nil {
				t.Fatal(err)
			}
		}
		closed(t, j)
	}
}

// knowledge is what a journal says, in a form to compare.
func knowledge(t *testing.T, j *Journal) string {
	t.Helper()
	all := map[string]string{}
	for k, r := range j.All() {
		if r.State == Intent { // compaction calls it lost, as it is
			all[k.String()] = "lost, in doubt"
			continue
		}
		e, err := j.Entry(r)
		if err != nil {
			t.Fatal(err)
		}
		all[k.String()] = fmt.Sprint(r.State, r.InDoubt, e.Kind, e.At, e.Row, e.Attempts, e.Status, e.Reason)
		if e.Kind == Lost {
			all[k.String()] = "lost, in doubt"
		}
	}
	return fmt.Sprint(all, j.Sessions(), j.Created(), j.Host())
}

func TestCompaction(t *testing.T) {
	dir := t.TempDir()
	grown(t, dir)
	before := view(t, dir)
	want := knowledge(t, before)
	size := before.end
	closed(t, before) // Windows does not rename over an open file

	j := open(t, dir)
	if j.end != size || knowledge(t, j) != want {
		t.Error("a small journal was rewritten")
	}
	closed(t, j)
	compactly := Options{Host: host, CompactSize: 1}
	j, err := Open(dir, compactly)
	if err != nil {
		t.Fatal(err)
	}
	if got := knowledge(t, j); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if j.end > size/3 || len(j.Notes()) != 1 {
		t.Errorf("%d of %d bytes; %q", j.end, size, j.Notes())
	}
	size = j.end
	for range j.Entries(2) {
		t.Error("an entry counts for a session")
	}
	closed(t, j)

	j, err = Open(dir, compactly)
	if err != nil {
		t.Fatal(err)
	}
	if got := knowledge(t, j); got != want || j.end != size {
		t.Errorf("rewritten again: %q", j.Notes())
	}
	begin(t, j)
	if s := j.Sessions(); s[2].Number != 3 {
		t.Errorf("%+v", s)
	}
	closed(t, j)
}

// TestCompactionIsCutOff takes a copy of the folder before every operation of
// a compaction, as a crash would leave it, and goes on from each.
func TestCompactionIsCutOff(t *testing.T) {
	dir := t.TempDir()
	grown(t, dir)
	before := view(t, dir)
	want := knowledge(t, before)
	closed(t, before)
	old, err := os.ReadFile(filepath.Join(dir, journalName))
	if err != nil {
		t.Fatal(err)
	}
	var copies []string
	var durable []byte // of the new file
	d := disk{before: func() {
		now, err := os.ReadFile(filepath.Join(dir, journalName))
		if err != nil || !bytes.Equal(now, old) && !bytes.Equal(now, durable) {
			t.Errorf("before operation %d the journal is neither the old one nor durable: %v", len(copies), err)
		}
		to := t.TempDir()
		if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
			t.Error(err)
		}
		copies = append(copies, to)
	}, synced: func() {
		if b, err := os.ReadFile(filepath.Join(dir, compactName)); err == nil {
			durable = b
		}
	}}
	j, err := Open(dir, Options{Host: host, CompactSize: 1, OpenFile: d.open})
	if err != nil {
		t.Fatal(err)
	}
	closed(t, j)
	if len(copies) < 5 {
		t.Errorf("only %d operations", len(copies))
	}
	for n, c := range copies {
		if got := knowledge(t, view(t, c)); got != want {
			t.Errorf("view of copy %d: %s", n, got)
		}
		if got := knowledge(t, open(t, c)); got != want {
			t.Errorf("copy %d: %s", n, got)
		}
		if _, err := os.Stat(filepath.Join(c, compactName)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("copy %d: %s is left", n, compactName)
		}
	}
}

// TestCompactionFails lets each operation of a compaction fail: the journal is
// refused as unwritable or used as it was, and nothing is lost.
func TestCompactionFails(t *testing.T) {
	for n := 1; ; n++ {
		dir := t.TempDir()
		grown(t, dir)
		want := knowledge(t, view(t, dir))
		d := disk{failAt: n, err: syscall.ENOSPC, short: true}
		j, err := Open(dir, Options{Host: host, CompactSize: 1, OpenFile: d.open})
		if err != nil && !errors.As(err, new(*DiskError)) {
			t.Fatal(err)
		}
		ended := err == nil && d.ops < n
		if err == nil {
			closed(t, j)
		}
		if got := knowledge(t, open(t, dir)); got != want {
			t.Errorf("operation %d: %s", n, got)
		}
		if ended {
			break
		}
	}
}
