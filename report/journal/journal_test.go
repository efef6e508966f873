package journal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const host = "api.example.com"

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func key(n int) Key {
	return NewKey(host, "bot", "tag", string(rune('a'+n%26))+time.Duration(n).String(), "", "")
}

func open(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := Open(dir, Options{Host: host})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func view(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := View(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// put appends an entry, and waits until it is durable if it is an intent.
func put(j *Journal, e Entry) error {
	if e.Kind != Intent {
		return j.Append(e, nil)
	}
	durable := make(chan error, 1)
	if err := j.Intend([]Entry{e}, func(err error) { durable <- err }); err != nil {
		return err
	}
	return <-durable
}

func add(t *testing.T, j *Journal, entries ...Entry) {
	t.Helper()
	for _, e := range entries {
		if e.At.IsZero() {
			e.At = noon
		}
		if err := put(j, e); err != nil {
			t.Fatal(err)
		}
	}
}

func closed(t *testing.T, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func begin(t *testing.T, j *Journal) {
	t.Helper()
	if err := j.Begin(Session{Begin: noon, Program: "v1", Bot: "bot", Input: "/in\xff.csv", Params: Params{Map: map[string]string{}}}); err != nil {
		t.Fatal(err)
	}
}

func TestWhatWasAppendedIsFoundAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "in.csv.mantatag")
	j := open(t, dir)
	begin(t, j)
	failed := Entry{
		Kind: Failed, Key: key(2), At: noon.Add(1234567 * time.Microsecond), Row: 7, Attempts: 2,
		Status: 403, Code: 1001, Reason: "找不到\r\n\x1b[31m \"tag\" \\ \u2028 😀 <b>", InDoubt: true,
	}
	add(t, j,
		Entry{Kind: Intent, Key: key(1), Row: 1, Attempts: 1, Request: "r-1"},
		Entry{Kind: Succeeded, Key: key(1), Row: 1, Attempts: 1, Status: 200},
		Entry{Kind: Intent, Key: key(2), Row: 7, Attempts: 1, Request: "r-2"},
		failed,
		Entry{Kind: Intent, Key: key(3), Row: 8, Attempts: 1, Request: "r-3"})
	learned := Session{End: noon.Add(time.Hour), StoppedBy: "interrupt", Message: "stopped", LearnedPerSecond: 49.5}
	if err := j.End(learned); err != nil {
		t.Fatal(err)
	}
	check := func(j *Journal) {
		t.Helper()
		if r := j.Lookup(key(1)); r.State != Succeeded || r.InDoubt {
			t.Errorf("key 1: %+v", r)
		}
		r := j.Lookup(key(2))
		got, err := j.Entry(r)
		failed.At = failed.At.Truncate(time.Millisecond)
		if err != nil || got != failed || !r.InDoubt {
			t.Errorf("key 2: %+v, %v", got, err)
		}
		if r := j.Lookup(key(3)); r.State != Intent || !r.InDoubt || r.Offset != 0 {
			t.Errorf("key 3: %+v", r)
		}
		if r := j.Lookup(key(4)); r != (Ref{}) {
			t.Errorf("key 4: %+v", r)
		}
		want := []Session{{
			Number: 1, Begin: noon, End: learned.End, Program: "v1", Bot: "bot", Input: "/in\ufffd.csv",
			StoppedBy: "interrupt", Message: "stopped", LearnedPerSecond: 49.5,
			Totals: Totals{Sent: 3, Succeeded: 1, Failed: 1},
		}}
		sessions := j.Sessions()
		sessions[0].Input, sessions[0].Params = strings.ToValidUTF8(sessions[0].Input, "\ufffd"), Params{}
		if !reflect.DeepEqual(sessions, want) {
			t.Errorf("sessions: %+v", sessions)
		}
		var kinds []Kind
		for e, err := range j.Entries(1) {
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, e.Kind)
		}
		if !reflect.DeepEqual(kinds, []Kind{Intent, Succeeded, Intent, Failed, Intent}) {
			t.Errorf("entries: %v", kinds)
		}
		if j.Host() != host || j.Created().IsZero() || len(j.Notes()) != 0 {
			t.Errorf("host %q, created %v, notes %q", j.Host(), j.Created(), j.Notes())
		}
		known := 0
		for range j.All() {
			known++
		}
		if known != 3 {
			t.Errorf("%d mappings are known", known)
		}
	}
	check(j)
	check(view(t, dir))
	closed(t, j)
	check(open(t, dir))
}

func TestFirstNamesTheFirstRowThatAsked(t *testing.T) {
	j := open(t, t.TempDir())
	for _, ask := range [][3]int64{{1, 1, 1}, {2, 2, 2}, {1, 3, 1}, {2, 4, 2}, {3, 1 << 40, maxRow}} {
		if got := j.Ask(key(int(ask[0])), ask[1]).First; got != ask[2] {
			t.Errorf("row %d: first %d, want %d", ask[1], got, ask[2])
		}
	}
	for k := range j.All() {
		t.Errorf("%v is known, though it was only asked for", k)
	}
	j.AskAnew()
	for row, k := range []int{3, 2, 3} {
		want := map[int]int64{3: 1, 2: 2}[k]
		if before, got := j.Lookup(key(k)).First, j.Ask(key(k), int64(row+1)).First; got != want || before != 0 && row < 2 {
			t.Errorf("row %d, asked anew: first %d, then %d, want %d", row+1, before, got, want)
		}
	}
}

// TestStates walks a mapping through entries and looks at what is known of it,
// in memory and after reading the file again.
func TestStates(t *testing.T) {
	for _, c := range []struct {
		name    string
		kinds   []Kind
		state   Kind
		inDoubt bool
	}{
		{"an intent is in doubt", []Kind{Intent}, Intent, true},
		{"an intent taken back never was", []Kind{Intent, Unsent}, None, false},
		{"an intent taken back leaves the outcome", []Kind{Intent, Failed, Intent, Unsent}, Failed, false},
		{"a refusal is an answer", []Kind{Intent, Refused}, Refused, false},
		{"a lost answer stays in doubt", []Kind{Intent, Lost, Intent, Refused}, Refused, true},
		{"a failure recorded without doubt ends it", []Kind{Intent, Lost, Intent, Failed}, Failed, false},
		{"success ends the doubt", []Kind{Intent, Lost, Intent, Succeeded}, Succeeded, false},
		{"an unanswered intent stays in doubt", []Kind{Intent, Intent, Refused}, Refused, true},
		{"only the last intent is taken back", []Kind{Intent, Intent, Unsent}, Intent, true},
		{"a failure stands while it is tried again", []Kind{Intent, Failed, Intent}, Failed, true},
		{"a failure stands until another outcome", []Kind{Intent, Failed, Intent, Refused}, Failed, false},
		{"a failure stands in doubt", []Kind{Intent, Failed, Intent, Lost, Intent, Refused}, Failed, true},
		{"a failure stands after an unanswered retry", []Kind{Intent, Failed, Intent, Intent, Unsent}, Failed, true},
		{"a failure that was given up", []Kind{Intent, Failed, Intent, Refused, Intent, Retryable}, Retryable, false},
		{"given up in doubt", []Kind{Intent, Lost, Retryable}, Retryable, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, dir)
			for _, k := range c.kinds {
				add(t, j, Entry{Kind: k, Key: key(1), Row: 1})
			}
			if err := j.Flush(); err != nil {
				t.Fatal(err)
			}
			live := j.Lookup(key(1))
			if live.State != c.state || live.InDoubt != c.inDoubt {
				t.Errorf("%+v", live)
			}
			if again := view(t, dir).Lookup(key(1)); again != live {
				t.Errorf("read again %+v, want %+v", again, live)
			}
		})
	}
}

// TestLookingKeepsNoRunOut: one who looks whether a run goes on is in nobody's
// way, and makes nothing.
func TestLookingKeepsNoRunOut(t *testing.T) {
	dir := t.TempDir()
	if Running(dir) {
		t.Error("there was never a run")
	}
	if _, err := os.Stat(filepath.Join(dir, lockName)); !errors.Is(err, os.ErrNotExist) {
		t.Error("looking made a lock:", err)
	}
	var looking sync.WaitGroup
	done := make(chan struct{})
	looking.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				Running(dir)
			}
		}
	})
	for range 100 {
		j, err := Open(dir, Options{Host: "h"})
		if err != nil {
			t.Error(err)
			break
		}
		if !Running(dir) {
			t.Error("the run is not seen")
		}
		closed(t, j)
	}
	close(done)
	looking.Wait()
	if Running(dir) {
		t.Error("the run is over")
	}
}

func TestOneRunAtATime(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	if _, err := Open(dir, Options{Host: host}); !errors.Is(err, ErrLocked) {
		t.Errorf("second open: %v", err)
	}
	if _, err := Retire(dir, noon); !errors.Is(err, ErrLocked) {
		t.Errorf("retire: %v", err)
	}
	closed(t, j)
	closed(t, open(t, dir))
}

// A job keeps to its host from the moment at which a request may have come there.
func TestAnotherHost(t *testing.T) {
	const another = "other.example.com"
	intent := Entry{Kind: Intent, Key: key(1), Row: 1, Attempts: 1}
	after := func(e Entry) []Entry {
		e.Key, e.Row = key(1), 1
		return []Entry{intent, e}
	}
	for name, c := range map[string]struct {
		entries []Entry
		kept    bool
	}{
		"nothing":          {nil, false},
		"taken back":       {after(Entry{Kind: Unsent}), false},
		"no connection":    {after(Entry{Kind: Refused, Attempts: 1, Reason: "no such host"}), false},
		"given up":         {after(Entry{Kind: Retryable, Attempts: 5, Reason: "no such host"}), false},
		"a redirect":       {after(Entry{Kind: Refused, Attempts: 1, Status: 302}), false},
		"no such page":     {after(Entry{Kind: Retryable, Attempts: 5, Status: 404}), false},
		"a gateway":        {after(Entry{Kind: Refused, Attempts: 1, Status: 524}), true},
		"turned away":      {after(Entry{Kind: Refused, Attempts: 1, Status: 503}), true},
		"an API's error":   {after(Entry{Kind: Refused, Attempts: 1, Status: 500, Code: 1000}), true},
		"in flight":        {[]Entry{intent}, true},
		"in flight before": {append(after(Entry{Kind: Unsent}), intent), true},
		"in flight, again": {append([]Entry{intent}, after(Entry{Kind: Refused, Attempts: 1, Reason: "no such host"})...), true},
		"lost":             {after(Entry{Kind: Lost, Attempts: 1}), true},
		"given up, lost":   {after(Entry{Kind: Retryable, Attempts: 5, InDoubt: true}), true},
		"answered":         {after(Entry{Kind: Refused, Status: 429}), true},
		"succeeded":        {after(Entry{Kind: Succeeded, Status: 200}), true},
		"failed":           {after(Entry{Kind: Failed, Status: 403}), true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, dir)
			if err := j.Begin(Session{Begin: noon, Bot: "bot"}); err != nil {
				t.Fatal(err)
			}
			add(t, j, c.entries...)
			closed(t, j)
			if got := view(t, dir).Reached(); got != c.kept {
				t.Errorf("reached: %t", got)
			}
			j, err := Open(dir, Options{Host: another})
			if c.kept {
				var other *HostError
				if !errors.As(err, &other) || other.Job != host {
					t.Errorf("%v", err)
				}
				closed(t, open(t, dir)) // and the lock is free again
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(j.Notes()) != 1 {
				t.Errorf("it says %v", j.Notes())
			}
			closed(t, j)
			if j := view(t, dir); j.Host() != another || len(j.Sessions()) != 0 || j.Lookup(key(1)) != (Ref{}) {
				t.Errorf("%s, %v, %+v", j.Host(), j.Sessions(), j.Lookup(key(1)))
			}
		})
	}
}

func TestNewerVersionIsRefused(t *testing.T) {
	dir := t.TempDir()
	text := appendSum([]byte(`{"kind":"journal","version":2,"what":"ever"`), 0)
	for _, text := range [][]byte{text, append(bytes.Clone(text), "not json\n"...), bytes.TrimSpace(text)} {
		if err := os.WriteFile(filepath.Join(dir, journalName), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, Options{Host: host}); !errors.Is(err, ErrVersion) {
			t.Errorf("open: %v", err)
		}
		if _, err := View(dir); !errors.Is(err, ErrVersion) {
			t.Errorf("view: %v", err)
		}
	}
}

func TestViewOfNoJob(t *testing.T) {
	if _, err := View(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestClosedAndViewedJournalsAreNotWritten(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	closed(t, j)
	for _, j := range []*Journal{j, view(t, dir)} {
		if err := put(j, Entry{Kind: Intent}); !errors.Is(err, ErrClosed) {
			t.Errorf("append: %v", err)
		}
		if err := errors.Join(j.Begin(Session{}), j.Flush()); !errors.Is(err, ErrClosed) {
			t.Errorf("begin, flush: %v", err)
		}
		closed(t, j)
		closed(t, j)
	}
}

func TestRetire(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "in.csv.mantatag")
	if old, err := Retire(dir, noon); old != "" || err != nil {
		t.Errorf("no folder: %q, %v", old, err)
	}
	for _, want := range []string{"-20261123T120000Z", "-20261123T120000Z-2", "-20261123T120000Z-3"} {
		j := open(t, dir)
		add(t, j, Entry{Kind: Intent, Key: key(1)})
		closed(t, j)
		old, err := Retire(dir+"/", noon)
		if err != nil || old != dir+want {
			t.Errorf("%q, %v", old, err)
		}
		if view(t, old).Lookup(key(1)).State != Intent {
			t.Error("the old journal is not whole")
		}
	}
	j := open(t, dir)
	if j.Lookup(key(1)) != (Ref{}) {
		t.Error("the new job is not empty")
	}
}

// TestRetireRaces lets runs begin and start over at the same time: whoever has
// the job has the folder of that name.
func TestRetireRaces(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "job")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := range 20 {
				if n%2 == 0 {
					if _, err := Retire(dir, noon); err != nil && !errors.Is(err, ErrLocked) {
						t.Error(err)
					}
				}
				j, err := Open(dir, Options{Host: host})
				if errors.Is(err, ErrLocked) {
					continue
				}
				if err != nil {
					t.Error(err)
					continue
				}
				held, err1 := j.lock.Stat()
				named, err2 := os.Stat(filepath.Join(dir, lockName))
				if err := errors.Join(err1, err2); err != nil || !os.SameFile(held, named) {
					t.Errorf("the job is held in another folder: %v", err)
				}
				if err := j.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "job")
	open(t, dir)
	for name, want := range map[string]fs.FileMode{"": 0o700 | fs.ModeDir, journalName: 0o600, lockName: 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode() != want && os.PathSeparator == '/' {
			t.Errorf("%q: %v, %v", name, info.Mode(), err)
		}
	}
}

// TestLag looks at the file's clock: an entry that nobody waits for is on disk
// a few milliseconds later, and many entries share a write.
func TestLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &countingFile{}
		j, err := Open(t.TempDir(), Options{Host: host, OpenFile: disk.open})
		if err != nil {
			t.Fatal(err)
		}
		*disk = countingFile{File: disk.File}
		for i := range 100 {
			add(t, j, Entry{Kind: Succeeded, Key: key(i)})
		}
		time.Sleep(lag + time.Millisecond)
		synctest.Wait()
		if r := j.Lookup(key(99)); r.State != Succeeded {
			t.Errorf("not durable after %v: %+v", lag, r)
		}
		if disk.writes > 2 || disk.syncs != disk.writes {
			t.Errorf("%d writes, %d syncs", disk.writes, disk.syncs)
		}
		closed(t, j)
	})
}

type countingFile struct {
	File
	writes, syncs int
}

func (f *countingFile) open(name string, flag int, perm os.FileMode) (_ File, err error) {
	f.File, err = openOSFile(name, flag, perm)
	return f, err
}

func (f *countingFile) WriteAt(b []byte, at int64) (int, error) {
	f.writes++
	return f.File.WriteAt(b, at)
}

func (f *countingFile) Sync() error {
	f.syncs++
	return f.File.Sync()
}
