package report

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mantatag/ingest"
	"mantatag/report/journal"
)

// Whatever is in the input and in the journal: every row is in exactly one
// place, and the counts say so.
func TestEveryRowOnce(t *testing.T) {
	for seed := range uint64(25) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		var text strings.Builder
		text.WriteString("no,tagId,clientId\n")
		n := rnd.IntN(60)
		for i := range n {
			switch rnd.IntN(10) {
			case 0:
				fmt.Fprintf(&text, "%d,,c%d\n", i+1, i) // no tag
			case 1:
				fmt.Fprintf(&text, "%d,t,c%d,surplus\n", i+1, i)
			case 2:
				fmt.Fprintf(&text, "%d\n", i+1)
			default:
				fmt.Fprintf(&text, "%d,t,c%d\n", i+1, rnd.IntN(20))
			}
		}
		b := newJob(t, "clients.csv", text.String())
		for range 1 + rnd.IntN(2) {
			b.begin()
			var batch []journal.Entry
			for range rnd.IntN(40) {
				e := journal.Entry{
					Kind:     journal.Intent + journal.Kind(rnd.IntN(int(journal.Retryable))),
					Key:      journal.NewKey(testHost, testBot, "t", fmt.Sprintf("c%d", rnd.IntN(22)), "", ""),
					At:       b.now,
					Status:   []int{0, 200, 403, 429, 502}[rnd.IntN(5)],
					InDoubt:  rnd.IntN(4) == 0,
					Attempts: 1,
				}
				batch = append(batch, e)
			}
			// An intent is on disk when Append returns: those come last.
			slices.SortStableFunc(batch, func(a, b journal.Entry) int {
				if (a.Kind == journal.Intent) != (b.Kind == journal.Intent) {
					return int(b.Kind) - int(a.Kind)
				}
				return 0
			})
			for _, e := range batch[:min(len(batch), 25)] {
				b.must(b.j.Append(e, nil))
			}
			b.now = b.now.Add(time.Hour)
			if rnd.IntN(2) == 0 {
				b.end("", "")
			}
			b.must(b.j.Flush())
		}
		b.src.HoldInDoubt = rnd.IntN(2) == 0
		sum := b.write()

		r := sum.Rows
		if r.Read != int64(n) || r.Read != r.Succeeded+r.Failed+r.Retryable+r.Pending {
			t.Errorf("seed %d: %d rows: %+v", seed, n, r)
		}
		if (sum.State == Complete) != (r.Pending == 0) || sum.Input.Rows == nil || *sum.Input.Rows != r.Read {
			t.Errorf("seed %d: %+v", seed, sum)
		}
		seen := map[string]bool{}
		for kind, count := range map[string]int64{"succeeded": r.Succeeded, "failed": r.Failed, "retryable": r.Retryable} {
			c := csv.NewReader(strings.NewReader(b.read(kind + ".csv")))
			c.FieldsPerRecord = -1
			records, err := c.ReadAll()
			b.must(err)
			if int64(len(records)-1) != count {
				t.Errorf("seed %d: %s.csv has %d rows, the summary %d", seed, kind, len(records)-1, count)
			}
			last := int64(0)
			for _, rec := range records[1:] {
				number, err := strconv.ParseInt(rec[3], 10, 64)
				if err != nil || rec[0] != rec[3] || rec[5] != kind || number <= last || seen[rec[0]] {
					t.Errorf("seed %d: %s.csv has %q", seed, kind, rec)
				}
				last, seen[rec[0]] = number, true
			}
		}
	}
}

// A second run leaves what is done where it is, and says that it was earlier.
func TestEarlier(t *testing.T) {
	b := mixedJob(t, "clients.csv", mixedCSV)
	b.write()
	b.reopen()
	b.begin()
	b.add(tag("t1", "c6"), 6, intent, succeeded)
	b.end("", "")
	sum := b.write()
	want := Rows{Read: 9, Succeeded: 3, Failed: 4, Retryable: 1, Pending: 1, Earlier: 5, Duplicates: 1}
	if sum.Rows != want {
		t.Errorf("rows = %+v, want %+v", sum.Rows, want)
	}
	if sum.Requests != (Requests{Sent: 1, Succeeded: 1}) || sum.Sessions != 2 {
		t.Errorf("requests = %+v in %d sessions", sum.Requests, sum.Sessions)
	}
}

// An input that changes while it is read is damaged: what was read is
// reported, and no total is claimed.
func TestBrokenInput(t *testing.T) {
	long := mixedCSV + strings.Repeat("more,t1,c99,\r\n", 50_000)
	b := mixedJob(t, "clients.csv", long)
	d := realDisk
	touched := false
	d.create = func(dir, pattern string) (handle, error) {
		if !touched {
			touched = true
			b.input(long + "\r\n")
		}
		return realDisk.create(dir, pattern)
	}
	b.src.disk = &d
	sum, err := Write(t.Context(), b.src)
	if _, ok := errors.AsType[*ingest.InputError](err); !ok {
		t.Fatalf("the error is %v, want an input error", err)
	}
	if sum.Input.Rows != nil || sum.State != Incomplete || sum.Rows.Read == 0 || sum.Rows.Succeeded != 2 {
		t.Errorf("%+v", sum)
	}
	if !strings.Contains(b.read("summary.json"), `"rows": null`) || !strings.Contains(b.read("succeeded.csv"), "王小明") {
		t.Error("the reports of the rows that were read are missing")
	}
	if made, err := lastStamp(b.src); err != nil || made.From != "" || len(made.Files) != 4 {
		t.Errorf("the stamp of reports of half an input is %+v, %v", made, err)
	}
	b.noTemporaries()
}

func TestNoInput(t *testing.T) {
	b := mixedJob(t, "clients.csv", mixedCSV)
	b.write()
	before := b.read("summary.json")
	b.must(os.Remove(b.src.Input))
	sum, err := Write(t.Context(), b.src)
	if err == nil || sum.State != Incomplete || sum.ExitCode == 0 {
		t.Errorf("%+v, %v", sum, err)
	}
	if b.read("summary.json") != before {
		t.Error("the summary was written without an input")
	}
}

func TestCancelled(t *testing.T) {
	b := mixedJob(t, "clients.csv", mixedCSV)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Write(ctx, b.src); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	b.noTemporaries()
	if _, err := os.Stat(filepath.Join(b.dir, "succeeded.csv")); err == nil {
		t.Error("a report was written")
	}
}

// Reports can be made of a job that still runs, by another process.
func TestRunningJob(t *testing.T) {
	b := newJob(t, "clients.csv", mixedCSV)
	b.begin()
	b.add(tag("t1", "c1"), 1, intent, succeeded)
	view, err := journal.View(b.dir)
	b.must(err)
	defer view.Close()
	src := b.src
	src.Journal = view
	sum, err := Fold(t.Context(), src)
	b.must(err)
	if sum.Rows.Succeeded != 1 || sum.Rows.Pending != 6 || sum.FinishedAt != nil || sum.ElapsedSeconds != 0.2 {
		t.Errorf("%+v", sum)
	}
	if _, err := os.Stat(filepath.Join(b.dir, summaryName)); err == nil {
		t.Error("Fold wrote a file")
	}
}

// The form of the input may change from one run to the next.
func TestFormChanges(t *testing.T) {
	b := mixedJob(t, "clients", mixedCSV)
	b.write()
	b.input(`{"tagId":"t1","clientId":"c1"}` + "\n")
	b.write()
	files, err := filepath.Glob(filepath.Join(b.dir, "[sfr]*"))
	b.must(err)
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	want := []string{"failed.ndjson", "report.html", "reports.json", "reports.lock", "retryable.ndjson", "succeeded.ndjson", "summary.json"}
	if !slices.Equal(files, want) {
		t.Errorf("the folder has %v, want %v", files, want)
	}
}

func TestHarmless(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "",
		"plain, with 中文":        "plain, with 中文",
		"=1+1":                  "'=1+1",
		" \t=1+1":               "'  =1+1",
		"\r\n-1":                "'  -1",
		"+886":                  "'+886",
		"@SUM(A1)":              "'@SUM(A1)",
		"＝1":                    "'＝1",
		"a=b":                   "a=b",
		"\x1b]0;x\a":            `\u001b]0;x\u0007`,
		"x\u202eslx.exe":        `x\u202eslx.exe`,
		"\u200b=1":              `\u200b=1`,
		"two\nlines\u2028three": "two lines three",
	} {
		if got := harmless(in); got != want {
			t.Errorf("harmless(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzHarmless(f *testing.F) {
	f.Add("=x")
	f.Add("\x00\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := harmless(s)
		if strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("%q has a control character", got)
		}
		if trimmed := strings.TrimSpace(got); trimmed != "" && strings.ContainsAny(trimmed[:1], "=+-@") {
			t.Errorf("%q begins like a formula", got)
		}
		if harmless(got) != got {
			t.Errorf("%q is changed again, into %q", got, harmless(got))
		}
	})
}
