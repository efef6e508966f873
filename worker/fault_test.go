package worker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"mantatag/ingest"
	"mantatag/report"
	"mantatag/report/journal"
	"mantatag/worker/manta/sandbox"
	"mantatag/worker/pace"
)

// TestEveryFaultAddsUp lets each fault in turn, and all of them, meet a third
// of the requests of a CSV and an NDJSON file: every row is in one outcome
// file, or pending, exactly once.
func TestEveryFaultAddsUp(t *testing.T) {
	kinds := map[string]map[sandbox.Fault]float64{"all": {}}
	for i := range sandbox.FaultNames() {
		if f := sandbox.Fault(i); f != sandbox.None && f != sandbox.Refused {
			kinds[f.String()] = map[sandbox.Fault]float64{f: 0.3}
			if f != sandbox.Redirected { // it ends the run
				kinds["all"][f] = 0.03
			}
		}
	}
	for name, faults := range kinds {
		for _, format := range []string{"csv", "ndjson"} {
			t.Run(name+"/"+format, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { addsUp(t, faults, format) })
			})
		}
	}
}

func addsUp(t *testing.T, faults map[sandbox.Fault]float64, format string) {
	const rows = 120
	input := filepath.Join(t.TempDir(), "clients."+format)
	var text bytes.Buffer
	if format == "csv" {
		text.WriteString("tagId,clientId\n")
	}
	for i := range rows {
		tag, client := "t", fmt.Sprintf("c%d", i)
		switch i % 20 {
		case 3:
			client = "c0" // a duplicate
		case 7:
			tag = "" // cannot be sent
		case 11:
			client += "-unknown" // refused
		}
		if format == "csv" {
			fmt.Fprintf(&text, "%s,%s\n", tag, client)
		} else {
			fmt.Fprintf(&text, "{\"tagId\":%q,\"clientId\":%q}\n", tag, client)
		}
	}
	if err := os.WriteFile(input, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := ingest.Open(input, ingest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()

	p, s, _ := inBubble(t, sandbox.Options{Latency: 20 * time.Millisecond, Faults: faults, RefuseRepeats: true, UnknownShare: 0})
	p.Attempts = 3
	stopped := by(t, p.Run(t.Context(), t.Context(), in))
	if want := map[bool]string{true: ByConfig}[faults[sandbox.Redirected] > 0]; stopped != want {
		t.Errorf("stopped by %q", stopped)
	}
	if err := p.Journal.End(journal.Session{End: time.Now(), StoppedBy: stopped}); err != nil {
		t.Fatal(err)
	}
	sum, err := report.Write(t.Context(), report.Source{Journal: p.Journal, Input: input, Bot: sandbox.BotID})
	if err != nil {
		t.Fatal(err)
	}
	if r := sum.Rows; r.Read != rows || r.Read != r.Succeeded+r.Failed+r.Retryable+r.Pending {
		t.Errorf("%+v", r)
	}
	seen := map[string]int{}
	counts := map[string]int64{}
	for _, outcome := range []string{"succeeded", "failed", "retryable"} {
		for _, row := range outcomeRows(t, filepath.Join(p.Journal.Dir(), outcome+"."+format)) {
			seen[row]++
			counts[outcome]++
		}
	}
	if counts["succeeded"] != sum.Rows.Succeeded || counts["failed"] != sum.Rows.Failed || counts["retryable"] != sum.Rows.Retryable {
		t.Errorf("the files hold %v, the summary says %+v", counts, sum.Rows)
	}
	for row, n := range seen {
		if i, err := strconv.Atoi(row); n != 1 || err != nil || i < 1 || i > rows {
			t.Errorf("row %s is there %d times", row, n)
		}
	}
	if len(seen)+int(sum.Rows.Pending) != rows {
		t.Errorf("%d rows in the files, %d pending", len(seen), sum.Rows.Pending)
	}
	// What the API did and what the job says of it agree: what is done is
	// recorded as done, or known to be in doubt.
	for i := range rows {
		if i%20 == 7 {
			continue
		}
		ref := p.Journal.Lookup(clientKey(int64(i + 1)))
		if n := s.Accepts(sandbox.Mapping{TagID: "t", ClientID: fmt.Sprintf("c%d", i)}); n > 1 || n == 1 && ref.State != journal.Succeeded && !ref.InDoubt {
			t.Errorf("c%d was tagged %d times, and the job says %v, in doubt %v", i, n, ref.State, ref.InDoubt)
		}
	}
}

// outcomeRows reads the numbers of the rows in an outcome file.
func outcomeRows(t *testing.T, name string) (rows []string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".ndjson") {
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			var line struct {
				Mantatag struct{ Row json.Number }
			}
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			rows = append(rows, line.Mantatag.Row.String())
		}
		return rows
	}
	records, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, r := range records[1:] {
		rows = append(rows, r[2])
	}
	return rows
}

// badDisk is a real disk on which one operation fails, or all from one on.
type badDisk struct {
	mu     sync.Mutex
	ops    int
	failAt int
	once   bool
	short  bool // a failing write writes half
	err    error
}

func (d *badDisk) step() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ops++
	if d.ops == d.failAt || d.ops > d.failAt && !d.once {
		return d.err
	}
	return nil
}

func (d *badDisk) open(name string, flag int, perm os.FileMode) (journal.File, error) {
	f, err := os.OpenFile(name, flag, perm)
	return badFile{f, d}, err
}

type badFile struct {
	*os.File
	disk *badDisk
}

func (f badFile) WriteAt(b []byte, at int64) (int, error) {
	if err := f.disk.step(); err != nil {
		if f.disk.short {
			_, _ = f.File.WriteAt(b[:len(b)/2], at)
		}
		return 0, err
	}
	return f.File.WriteAt(b, at)
}

func (f badFile) Sync() error { return f.disk.step() }

// TestDiskFailsInMidRun lets each write and each fsync of the journal fail in
// turn while the pool works. The run stops and says which file; what it claims
// is on disk; and when there is room the job goes on and sends nothing again
// whose outcome is there.
func TestDiskFailsInMidRun(t *testing.T) {
	const rows = 24
	for _, fault := range []*badDisk{
		{err: syscall.ENOSPC, short: true},
		{err: syscall.EIO, once: true},
	} {
		n := 6 // the first few operations are Open's and Begin's: report/journal tests those
		for failed := true; failed; n += 3 {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				d := &badDisk{failAt: n, err: fault.err, short: fault.short, once: fault.once}
				p, s, _ := inBubble(t, sandbox.Options{Latency: 10 * time.Millisecond, LatencySpread: 1})
				p.Journal = openJournal(t, dir, journal.Options{OpenFile: d.open})
				err := p.Run(t.Context(), t.Context(), clients(rows))
				flushed := p.Journal.Flush()
				if failed = err != nil || flushed != nil; failed {
					disk := new(journal.DiskError)
					if err != nil && by(t, err) != ByDisk || !errors.As(errors.Join(err, flushed), &disk) || disk.File != filepath.Join(dir, "journal.ndjson") || !errors.Is(disk, fault.err) {
						t.Errorf("operation %d: %v; %v", n, err, flushed)
					}
				}
				claimed := map[int64]journal.Kind{}
				for i := range int64(rows) {
					claimed[i+1] = p.Journal.Lookup(clientKey(i + 1)).State
				}
				_ = p.Journal.Close()

				p.Journal = openJournal(t, dir, journal.Options{})
				recorded := map[int64]int{}
				for i := range int64(rows) {
					ref := p.Journal.Lookup(clientKey(i + 1))
					if ref.State < claimed[i+1] {
						t.Errorf("operation %d: row %d was claimed to be %v and is %v", n, i+1, claimed[i+1], ref.State)
					}
					accepts := s.Accepts(mapping(i))
					if accepts > 0 && ref.State != journal.Succeeded && !ref.InDoubt {
						t.Errorf("operation %d: row %d was sent, and the journal does not know", n, i+1)
					}
					if ref.State == journal.Succeeded {
						recorded[i+1] = accepts
					}
				}
				if err := p.Run(t.Context(), t.Context(), clients(rows)); err != nil {
					t.Fatalf("operation %d: it does not go on: %v", n, err)
				}
				for i := range int64(rows) {
					accepts := s.Accepts(mapping(i))
					if was, ok := recorded[i+1]; accepts == 0 || ok && accepts != was {
						t.Errorf("operation %d: row %d was made %d times, %d before", n, i+1, accepts, was)
					}
				}
			})
		}
		if n < 30 {
			t.Errorf("%v: only %d operations were tried", fault.err, n)
		}
	}
}

// TestDiskFailsWhileAllWait: a run ends also where every place in flight is held by
// a request whose outcome could not be written, so that nobody is left to find out.
func TestDiskFailsWhileAllWait(t *testing.T) {
	for _, concurrency := range []int{1, 32} {
		for n := 6; n < 60; n++ {
			synctest.Test(t, func(t *testing.T) {
				d := &badDisk{failAt: n, err: syscall.ENOSPC, short: true}
				p, _, _ := inBubble(t, sandbox.Options{Latency: time.Millisecond})
				p.Concurrency = concurrency
				p.Pace = pace.New(pace.Options{Concurrency: concurrency, Rate: 1e6})
				p.Journal = openJournal(t, t.TempDir(), journal.Options{OpenFile: d.open})
				intake, cancel := context.WithTimeoutCause(t.Context(), time.Hour, &Stop{By: ByDeadline})
				defer cancel()
				if err := p.Run(t.Context(), intake, clients(2000)); err == nil || by(t, err) != ByDisk {
					t.Errorf("%d in flight, operation %d: %v", concurrency, n, err)
				}
				_ = p.Journal.Close()
			})
		}
	}
}

// TestSlowDisk: how much of what --concurrency allows is left where an fsync takes
// long. -v prints it.
func TestSlowDisk(t *testing.T) {
	const rows, latency = 3200, 20 * time.Millisecond
	for _, tt := range []struct {
		concurrency int
		fsync       time.Duration
		least       float64
	}{
		{1, 10 * time.Millisecond, 0.95}, {4, 10 * time.Millisecond, 0.9}, {32, 10 * time.Millisecond, 0.9},
		{1, 50 * time.Millisecond, 0.88}, {4, 50 * time.Millisecond, 0.88}, {32, 50 * time.Millisecond, 0.88},
	} {
		synctest.Test(t, func(t *testing.T) {
			p, _, _ := inBubble(t, sandbox.Options{Latency: latency})
			p.Concurrency, p.Pace = tt.concurrency, pace.New(pace.Options{Rate: 1e6, Concurrency: tt.concurrency})
			p.Journal = openJournal(t, t.TempDir(), journal.Options{OpenFile: func(name string, flag int, perm os.FileMode) (journal.File, error) {
				f, err := os.OpenFile(name, flag, perm)
				return slowFile{f, tt.fsync}, err
			}})
			began := time.Now()
			if err := p.Run(t.Context(), t.Context(), clients(rows)); err != nil {
				t.Fatal(err)
			}
			ideal := rows / tt.concurrency * int(latency)
			share := float64(ideal) / float64(time.Since(began))
			t.Logf("%d in flight, an fsync of %v: %.2f of the ideal", tt.concurrency, tt.fsync, share)
			if share < tt.least {
				t.Errorf("%d in flight, an fsync of %v: %.2f of the ideal, want %v", tt.concurrency, tt.fsync, share, tt.least)
			}
		})
	}
}

// slowFile is a file on a disk that takes its time.
type slowFile struct {
	*os.File
	fsync time.Duration
}

func (f slowFile) Sync() error {
	<-time.After(f.fsync)
	return nil
}

func mapping(i int64) sandbox.Mapping {
	return sandbox.Mapping{TagID: "t", ClientID: fmt.Sprintf("c%d", i)}
}
