package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// disk is a real file system whose operations can fail, and that shows the
// folder before each of them.
type disk struct {
	mu     sync.Mutex
	ops    int    // operations so far
	failAt int    // the operation that fails, and all after it; 0: none
	once   bool   // only that operation fails
	err    error  // how
	short  bool   // a failing write writes half of what it was given
	before func() // called before every operation that changes something
	synced func() // called after every fsync
}

func (d *disk) open(name string, flag int, perm os.FileMode) (File, error) {
	if err := d.step(); err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	f, err := openOSFile(name, flag, perm)
	return &diskFile{f, d}, err
}

// step counts an operation and says whether it is to fail.
func (d *disk) step() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ops++
	if d.before != nil {
		d.before()
	}
	if d.failAt > 0 && (d.ops == d.failAt || d.ops > d.failAt && !d.once) {
		return d.err
	}
	return nil
}

type diskFile struct {
	File
	*disk
}

func (f *diskFile) WriteAt(b []byte, at int64) (int, error) {
	if err := f.step(); err != nil {
		n := 0
		if f.short {
			n, _ = f.File.WriteAt(b[:len(b)/2], at)
		}
		return n, err
	}
	return f.File.WriteAt(b, at)
}

func (f *diskFile) Sync() error {
	if err := f.step(); err != nil {
		return err
	}
	err := f.File.Sync()
	if f.synced != nil {
		f.synced()
	}
	return err
}

func (f *diskFile) Truncate(size int64) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

// TestEveryOperationFails lets each operation on the disk fail in turn while
// several workers write, and then reads what is there: nothing that was
// acknowledged is lost, nothing that was never written is found, and the
// journal goes on.
func TestEveryOperationFails(t *testing.T) {
	for _, fault := range []struct {
		err         error
		short, once bool
	}{
		{err: syscall.ENOSPC},
		{err: syscall.ENOSPC, short: true},
		{err: syscall.EIO},
		{err: syscall.EIO, once: true},
	} {
		for n, done := 1, false; !done; n++ {
			d := disk{failAt: n, err: fault.err, short: fault.short, once: fault.once}
			name := fmt.Sprintf("%v %+v at %d", fault.err, fault, n)
			dir := t.TempDir()
			acknowledged, err := workUntilFailure(t, dir, &d)
			if done = err == nil; done {
				break
			}
			if !errors.Is(err, d.err) || !errors.As(err, new(*DiskError)) {
				t.Fatalf("%s: %v", name, err)
			}
			j := open(t, dir)
			for k, kind := range acknowledged {
				if got := j.Lookup(k).State; got < kind {
					t.Errorf("%s: %v is %v, was acknowledged as %v", name, k, got, kind)
				}
			}
			for k := range j.All() {
				if _, ok := acknowledged[k]; !ok {
					t.Errorf("%s: %v was never written", name, k)
				}
			}
			begin(t, j)
			add(t, j, Entry{Kind: Intent, Key: key(1000)})
			closed(t, j)
			if view(t, dir).Lookup(key(1000)).State != Intent {
				t.Errorf("%s: does not go on", name)
			}
		}
	}
}

// workUntilFailure writes from several workers until the disk fails. It
// returns for each mapping that was appended the last kind that the journal
// acknowledged or claimed, and the failure.
func workUntilFailure(t *testing.T, dir string, d *disk) (map[Key]Kind, error) {
	acknowledged := map[Key]Kind{}
	j, err := Open(dir, Options{Host: host, OpenFile: d.open})
	if err != nil {
		return acknowledged, err
	}
	err = j.Begin(Session{Begin: noon})
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := range 4 {
				k := key(10*w + i)
				mu.Lock()
				acknowledged[k] = None
				mu.Unlock()
				if j.Append(ctx, Entry{Kind: Intent, Key: k, At: noon}) != nil {
					return
				}
				mu.Lock()
				acknowledged[k] = Intent
				mu.Unlock()
				if j.Append(ctx, Entry{Kind: Succeeded, Key: k, At: noon}) != nil || j.Flush() != nil {
					return
				}
				mu.Lock()
				acknowledged[k] = Succeeded
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for k, kind := range acknowledged {
		got := j.Lookup(k).State
		if got < kind {
			t.Errorf("op %d: %v is %v in memory, acknowledged was %v", d.failAt, k, got, kind)
		}
		acknowledged[k] = got // what it claims must be on disk too
	}
	if err == nil {
		err = j.End(Session{})
	}
	if cerr := j.Close(); err != nil && !errors.Is(cerr, err) {
		t.Errorf("op %d: close says %v after %v", d.failAt, cerr, err)
	}
	if err != nil {
		if err2 := j.Append(ctx, Entry{Kind: Succeeded, Key: key(0)}); !errors.Is(err2, err) {
			t.Errorf("op %d: append says %v after %v", d.failAt, err2, err)
		}
	}
	return acknowledged, err
}

// TestPowerCut cuts the power before each operation in turn. Of what was not
// yet durable each sector may have reached the disk or not, and zeros stand
// where it did not.
func TestPowerCut(t *testing.T) {
	const sector = 512
	rnd := rand.New(rand.NewPCG(3, 4))
	for n := 1; ; n++ {
		dir := t.TempDir()
		d := disk{failAt: n, err: errors.New("no power")}
		var durable []byte
		d.synced = func() {
			var err error
			if durable, err = os.ReadFile(filepath.Join(dir, journalName)); err != nil {
				t.Error(err)
			}
		}
		acknowledged, err := workUntilFailure(t, dir, &d)
		if err == nil {
			break
		}
		written, err := os.ReadFile(filepath.Join(dir, journalName))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for range 5 {
			image := make([]byte, len(written))
			copy(image, durable)
			for at := 0; at < len(image); at += sector {
				if to := min(at+sector, len(image)); rnd.IntN(2) == 0 {
					copy(image[at:to], written[at:to])
				}
			}
			after := t.TempDir()
			if err := os.WriteFile(filepath.Join(after, journalName), image, 0o600); err != nil {
				t.Fatal(err)
			}
			j := open(t, after)
			for k, kind := range acknowledged {
				if got := j.Lookup(k).State; got < kind {
					t.Errorf("cut at %d: %v is %v, was acknowledged as %v", n, k, got, kind)
				}
			}
			closed(t, j)
		}
	}
}

func TestCancelledIntentIsNotWaitedFor(t *testing.T) {
	j := open(t, t.TempDir())
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := j.Append(gone, Entry{Kind: Intent, Key: key(1)}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := j.Append(gone, Entry{Kind: Failed, Key: key(2)}); err != nil {
		t.Errorf("an answer is recorded all the same: %v", err)
	}
}

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
	want := knowledge(t, view(t, dir))
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
