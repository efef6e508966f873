package report

import (
	"bufio"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mantatag/ingest"
	"mantatag/report/journal"
)

// Reports of a finished job: read with
//
//	go test -run '^$' -bench Finished -benchtime 1x ./report -rows 1000000
//
// Each figure is the time of one pass: "made" makes all reports, "idle" finds
// them as they should be, "csv" is encoding/csv reading the same input.
var benchRows = flag.Int("rows", 100_000, "rows of the benchmarks")

func BenchmarkFinished(b *testing.B) {
	dir := b.TempDir()
	src := finished(b, dir, *benchRows)
	b.Run("made", func(b *testing.B) {
		for b.Loop() {
			if err := os.Remove(filepath.Join(dir, "job", stampName)); err != nil && !errors.Is(err, os.ErrNotExist) {
				b.Fatal(err)
			}
			pass(b, src)
		}
	})
	b.Run("idle", func(b *testing.B) {
		for b.Loop() {
			pass(b, src)
		}
	})
	b.Run("csv", func(b *testing.B) {
		for b.Loop() {
			f, err := os.Open(src.Input)
			if err != nil {
				b.Fatal(err)
			}
			r := csv.NewReader(bufio.NewReader(f))
			for {
				if _, err := r.Read(); err == io.EOF {
					break
				} else if err != nil {
					b.Fatal(err)
				}
			}
			f.Close()
		}
	})
}

func pass(b *testing.B, src Source) {
	sum, err := Write(b.Context(), src)
	if err != nil {
		b.Fatal(err)
	}
	if sum.Rows.Read != int64(*benchRows) || sum.State != Complete {
		b.Fatalf("%+v", sum.Rows)
	}
}

// finished makes a job of n rows, one in a hundred of them failed, that has
// ended, and opens its journal for reading.
func finished(b *testing.B, dir string, n int) Source {
	src := Source{Input: filepath.Join(dir, "clients.csv"), Bot: testBot, Options: ingest.Options{BotID: testBot}}
	f, err := os.Create(src.Input)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	j, err := journal.Open(filepath.Join(dir, "job"), journal.Options{Host: testHost})
	if err != nil {
		b.Fatal(err)
	}
	if err := j.Begin(journal.Session{Begin: began, Bot: testBot, Input: src.Input}); err != nil {
		b.Fatal(err)
	}
	fmt.Fprintln(w, "name,tagId,platform,platformClientId")
	for i := range n {
		id := fmt.Sprintf("U%032x", i)
		fmt.Fprintf(w, "顧客 %d,vip-2026,line,%s\n", i, id)
		e := succeeded
		if i%100 == 99 {
			e = noClient
		}
		e.Key = journal.NewKey(testHost, testBot, "vip-2026", "", "line", id)
		e.Row, e.At = int64(i+1), began.Add(time.Duration(i)*time.Millisecond)
		if err := j.Append(e, nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := errors.Join(w.Flush(), f.Close(), j.End(journal.Session{End: began.Add(time.Duration(n) * time.Millisecond)}), j.Close()); err != nil {
		b.Fatal(err)
	}
	if src.Journal, err = journal.View(filepath.Join(dir, "job")); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { src.Journal.Close() })
	return src
}
