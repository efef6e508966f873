package journal

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
)

const finished = 1_000_000

// finishedJob writes the journal of a job of a million mappings, each of which
// succeeded at once, 32 in flight.
func finishedJob(b *testing.B, dir string) int64 {
	b.Helper()
	f, err := os.Create(filepath.Join(dir, journalName))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	text, err := appendJSON(nil, header{Kind: "journal", Version: version, API: host, Created: noon})
	if err != nil {
		b.Fatal(err)
	}
	size := int64(len(text))
	w.Write(text)
	for i := 0; i < finished; i += 32 {
		for _, kind := range []Kind{Intent, Succeeded} {
			for n := i; n < min(i+32, finished); n++ {
				e := Entry{Kind: kind, Key: NewKey(host, "bot", "tag", strconv.Itoa(n), "", ""), At: noon, Row: int64(n + 1), Attempts: 1, Status: 200}
				if kind == Intent {
					e.Status, e.Request = 0, fmt.Sprintf("01J%013d%010d", n, n)
				}
				text = appendEntry(text[:0], e, size)
				size += int64(len(text))
				w.Write(text)
			}
		}
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	return size
}

// BenchmarkReplay reads the journal of a finished job of 1,000,000 mappings,
// and measures the memory that stays in use for it.
func BenchmarkReplay(b *testing.B) {
	dir := b.TempDir()
	size := finishedJob(b, dir)
	b.SetBytes(size)
	var perKey float64
	for b.Loop() {
		var before, after runtime.MemStats
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&before)
		b.StartTimer()
		j, err := View(dir)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&after)
		perKey = float64(after.HeapAlloc-before.HeapAlloc) / finished
		if j.Lookup(NewKey(host, "bot", "tag", strconv.Itoa(finished-1), "", "")).State != Succeeded {
			b.Fatal("not read")
		}
		j.Close()
		b.StartTimer()
	}
	b.ReportMetric(perKey, "B/mapping")
}

// BenchmarkCompact rewrites a journal of 1,000,000 mappings.
func BenchmarkCompact(b *testing.B) {
	dir := b.TempDir()
	finishedJob(b, dir)
	j, err := View(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	r := &replay{header: j.header, end: j.end}
	for b.Loop() {
		if _, err := j.writeCompact(filepath.Join(dir, compactName), r, openOSFile); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppend is a mapping's intent and success, 32 mappings in flight,
// each intent durable before its success.
func BenchmarkAppend(b *testing.B) {
	j, err := Open(b.TempDir(), Options{Host: host})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	var n atomic.Int64
	b.SetParallelism(32 / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			e := Entry{Kind: Intent, Key: key(int(n.Add(1))), At: noon, Row: 1, Attempts: 1, Request: "01J00000000000000000000000"}
			if err := put(j, e); err != nil {
				b.Error(err)
			}
			e.Kind, e.Status, e.Request = Succeeded, 200, ""
			if err := put(j, e); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkAsk is what a run asks for each row of an input whose mappings are
// all done.
func BenchmarkAsk(b *testing.B) {
	dir := b.TempDir()
	finishedJob(b, dir)
	j, err := View(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	for n := 0; b.Loop(); n = (n + 1) % finished {
		k := NewKey(host, "bot", "tag", strconv.Itoa(n), "", "")
		if ref := j.Ask(k, int64(n+1)); ref.First != int64(n+1) || ref.State != Succeeded {
			b.Fatal("not known")
		}
	}
}

func BenchmarkScan(b *testing.B) {
	text := appendEntry(nil, Entry{Kind: Intent, Key: key(1), At: noon, Row: 12345, Attempts: 1, Request: "01J00000000000000000000000"}, 123456789)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	var l line
	for b.Loop() {
		body, ok := checkSum(text[:len(text)-1])
		if !ok || !scan(body, &l) {
			b.Fatal("not scanned")
		}
	}
}
