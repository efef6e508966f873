package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
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
				if put(j, Entry{Kind: Intent, Key: k, At: noon}) != nil {
					return
				}
				mu.Lock()
				acknowledged[k] = Intent
				mu.Unlock()
				if put(j, Entry{Kind: Succeeded, Key: k, At: noon}) != nil {
					return
				}
				if i%2 == 1 {
					j.Hurry()
				}
				if j.Flush() != nil {
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
		if err2 := put(j, Entry{Kind: Succeeded, Key: key(0)}); !errors.Is(err2, err) {
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

// TestAppendTellsWhenItIsWritten: neither before nor only after the fsync, and with
// the error if the write fails.
func TestAppendTellsWhenItIsWritten(t *testing.T) {
	var d disk
	j, err := Open(t.TempDir(), Options{Host: host, OpenFile: d.open})
	if err != nil {
		t.Fatal(err)
	}
	told := false
	var before []bool // each operation
	d.mu.Lock()
	d.before = func() { before = append(before, told) }
	d.mu.Unlock()
	if err := j.Append(Entry{Kind: Succeeded, Key: key(1)}, func(err error) { told = err == nil }); err != nil {
		t.Fatal(err)
	}
	if err := j.Flush(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(before, []bool{false, true}) {
		t.Errorf("told before the write and the fsync: %v", before)
	}

	d.mu.Lock()
	d.err, d.failAt = syscall.ENOSPC, d.ops+1
	d.mu.Unlock()
	var failed error
	if err := j.Append(Entry{Kind: Succeeded, Key: key(2)}, func(err error) { failed = err }); err != nil {
		t.Fatal(err)
	}
	if err := j.Flush(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("flush: %v", err)
	}
	_ = j.Close() // the writer has ended
	if disk := (*DiskError)(nil); !errors.As(failed, &disk) || !errors.Is(failed, syscall.ENOSPC) {
		t.Errorf("told %v of a write that had failed", failed)
	}
}

// TestHurry: what is hurried with is written at once, and durable no sooner than
// else; written once.
func TestHurry(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var d disk
		j, err := Open(dir, Options{Host: host, OpenFile: d.open})
		if err != nil {
			t.Fatal(err)
		}
		told, before, syncs := 0, d.ops, 0
		synced := make(chan struct{}, 1)
		d.synced = func() {
			syncs++
			synced <- struct{}{}
		}
		check := func(when string, wantTold, wantWrites, wantSyncs int) {
			t.Helper()
			synctest.Wait()
			if writes := d.ops - before - syncs; told != wantTold || writes != wantWrites || syncs != wantSyncs {
				t.Errorf("%s: told of %d, %d writes, %d fsyncs; want %d, %d, %d", when, told, writes, syncs, wantTold, wantWrites, wantSyncs)
			}
		}
		add := func(n int) {
			if err := j.Append(Entry{Kind: Succeeded, Key: key(n), At: noon}, func(error) { told++ }); err != nil {
				t.Fatal(err)
			}
		}
		add(0)
		check("not hurried", 0, 0, 0)
		add(1)
		j.Hurry()
		check("hurried", 2, 1, 0)
		j.Hurry()
		check("nothing to hurry with", 2, 1, 0)
		add(2)
		<-synced // the bubble's time goes on by itself
		check("later", 3, 2, 1)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	})
	j := view(t, dir)
	for n := range 3 {
		if got := j.Lookup(key(n)).State; got != Succeeded {
			t.Errorf("%d is %v", n, got)
		}
	}
}

// TestHurryBesideASync: a slow fsync keeps nobody waiting who only waits for the
// write, and what was written beside it is made durable by the next.
func TestHurryBesideASync(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var d disk
		j, err := Open(dir, Options{Host: host, OpenFile: d.open})
		if err != nil {
			t.Fatal(err)
		}
		syncing, slow := make(chan struct{}), make(chan struct{})
		d.synced = func() {
			syncing <- struct{}{}
			<-slow
		}
		go func() { // an intent, which waits for the fsync
			if err := put(j, Entry{Kind: Intent, Key: key(0), At: noon}); err != nil {
				t.Error(err)
			}
		}()
		<-syncing
		told := false
		if err := j.Append(Entry{Kind: Succeeded, Key: key(1), At: noon}, func(error) { told = true }); err != nil {
			t.Fatal(err)
		}
		j.Hurry()
		synctest.Wait()
		if !told {
			t.Error("the write waits for the fsync before it")
		}
		if got := j.Lookup(key(1)).State; got != None {
			t.Errorf("%v is claimed, and it is not durable", got)
		}
		close(slow)
		<-syncing // the next one
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	})
	if got := view(t, dir).Lookup(key(1)).State; got != Succeeded {
		t.Errorf("it is %v on disk", got)
	}
}

// TestIntend: intents that are written together share an fsync, and who waits for
// them is told when they are durable, or why they will not be.
func TestIntend(t *testing.T) {
	var d disk
	j, err := Open(t.TempDir(), Options{Host: host, OpenFile: d.open})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	syncs := 0
	d.synced = func() { syncs++ }
	intend := func(from, to int) error {
		durable := make(chan error, 1)
		var all []Entry
		for n := from; n < to; n++ {
			all = append(all, Entry{Kind: Intent, Key: key(n)})
		}
		if err := j.Intend(all, func(err error) { durable <- err }); err != nil {
			return err
		}
		return <-durable
	}
	if err := intend(0, 50); err != nil {
		t.Error(err)
	}
	if syncs != 1 {
		t.Errorf("%d fsyncs", syncs)
	}
	for n := range 50 {
		if r := j.Lookup(key(n)); r.State != Intent || !r.InDoubt {
			t.Errorf("%d: %+v", n, r)
		}
	}
	d.mu.Lock()
	d.failAt, d.err = d.ops+2, syscall.EIO // the fsync
	d.mu.Unlock()
	for _, from := range []int{50, 60} { // and nothing is written after it
		if err := intend(from, from+10); !errors.Is(err, syscall.EIO) {
			t.Errorf("after a failed fsync: %v", err)
		}
	}
	for n := 50; n < 70; n++ {
		if r := j.Lookup(key(n)); r != (Ref{}) {
			t.Errorf("%d: %+v", n, r)
		}
	}
}

// TestViewWhileWriting reads the journal of a running job again and again.
func TestViewWhileWriting(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	begin(t, j)
	var acknowledged atomic.Int64
	done := make(chan error, 1)
	go func() {
		for n := range 300 {
			for _, kind := range []Kind{Intent, Failed, Intent} {
				if err := put(j, Entry{Kind: kind, Key: key(n), At: noon, Row: int64(n), Reason: "no"}); err != nil {
					done <- err
					return
				}
			}
			acknowledged.Store(int64(n + 1))
		}
		done <- nil
	}()
	for writing := true; writing; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			writing = false
		default:
		}
		want := int(acknowledged.Load())
		v := view(t, dir)
		for n := range want {
			r := v.Lookup(key(n))
			if e, err := v.Entry(r); err != nil || r.State != Failed || !r.InDoubt || e.Row != int64(n) {
				t.Fatalf("%d of %d: %+v, %v", n, want, r, err)
			}
		}
		entries := 0
		for _, err := range v.Entries(1) {
			if err != nil {
				t.Fatal(err)
			}
			entries++
		}
		if entries < 3*want || int64(entries) != v.Sessions()[0].Totals.Sent+v.Sessions()[0].Totals.Failed {
			t.Errorf("%d entries of %d mappings; %+v", entries, want, v.Sessions())
		}
		closed(t, v)
	}
}
