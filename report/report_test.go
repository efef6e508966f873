package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mantatag/ingest"
	"mantatag/report/journal"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	testHost = "api.example"
	testBot  = "bot1"
)

// began is when the first session of a test's job begins; each further one
// begins a day later.
var began = time.Date(2026, 11, 2, 1, 30, 0, 0, time.UTC)

// job is a job under test.
type job struct {
	t   *testing.T
	dir string
	j   *journal.Journal
	now time.Time
	src Source
}

// newJob makes a job whose input has the given name and text.
func newJob(t *testing.T, name, text string) *job {
	t.Helper()
	dir := t.TempDir()
	b := &job{t: t, dir: filepath.Join(dir, "job"), now: began}
	b.src = Source{Input: filepath.Join(dir, name), Bot: testBot, Options: ingest.Options{BotID: testBot}}
	b.input(text)
	b.open()
	return b
}

func (b *job) input(text string) {
	b.t.Helper()
	if err := os.WriteFile(b.src.Input, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *job) open() {
	b.t.Helper()
	j, err := journal.Open(b.dir, journal.Options{Host: testHost})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { j.Close() })
	b.j, b.src.Journal = j, j
}

// reopen ends the run and starts another, which begins a day later.
func (b *job) reopen() {
	b.t.Helper()
	b.must(b.j.Close())
	b.open()
	b.now = b.now.Truncate(24 * time.Hour).Add(24*time.Hour + 90*time.Minute)
}

func (b *job) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *job) begin() {
	b.t.Helper()
	b.must(b.j.Begin(journal.Session{Begin: b.now, Program: "test", Bot: testBot, Input: b.src.Input}))
}

func (b *job) end(stoppedBy, message string) {
	b.t.Helper()
	b.must(b.j.End(journal.Session{End: b.now, StoppedBy: stoppedBy, Message: message, LearnedPerSecond: 50}))
}

// add appends entries about a mapping, each 100 ms after the one before.
func (b *job) add(m ingest.Mapping, row int64, entries ...journal.Entry) {
	b.t.Helper()
	for _, e := range entries {
		b.now = b.now.Add(100 * time.Millisecond)
		e.Key = journal.NewKey(testHost, testBot, m.TagID, m.ClientID, m.Platform, m.PlatformClientID)
		e.Row, e.At = row, b.now
		b.must(b.j.Append(e, nil))
	}
	b.must(b.j.Flush())
}

func (b *job) write() Summary {
	b.t.Helper()
	sum, err := Write(b.t.Context(), b.src)
	b.must(err)
	return sum
}

func (b *job) read(name string) string {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, name))
	b.must(err)
	return string(text)
}

// golden compares a file of the job with testdata/golden, once the names of
// the test's own folders are taken out.
func (b *job) golden(name, as string) {
	b.t.Helper()
	got := []byte(b.read(name))
	dir := filepath.Dir(b.dir) + string(filepath.Separator)
	for _, written := range []string{strings.ReplaceAll(dir, `\`, `\\`), dir} { // JSON doubles Windows' separators
		got = bytes.ReplaceAll(got, []byte(written), []byte("/jobs/"))
	}
	path := filepath.Join("testdata", "golden", as)
	if *update {
		b.must(os.MkdirAll(filepath.Dir(path), 0o755))
		b.must(os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	b.must(err)
	if !bytes.Equal(got, want) {
		b.t.Errorf("%s differs from %s:\n%s", name, path, got)
	}
}

func tag(tag, client string) ingest.Mapping { return ingest.Mapping{TagID: tag, ClientID: client} }

var (
	intent    = journal.Entry{Kind: journal.Intent, Attempts: 1}
	succeeded = journal.Entry{Kind: journal.Succeeded, Attempts: 1, Status: 200}
	noClient  = journal.Entry{Kind: journal.Failed, Attempts: 1, Status: 403, Code: 37011, Reason: "Get client failed"}
	throttled = journal.Entry{Kind: journal.Refused, Status: 429, Reason: "too many requests"}
	lost      = journal.Entry{Kind: journal.Lost, Attempts: 1, Reason: "the connection was reset", InDoubt: true}
	givenUp   = journal.Entry{Kind: journal.Retryable, Attempts: 5, Status: 502, Reason: "Bad Gateway"}
)

// mixed is an input with a row of every fate, and what the journal says of it.
const mixedCSV = "name,tagId,clientId,note\r\n" +
	"王小明,t1,c1,\"a \"\"note\"\"\"\r\n" + // succeeded
	"李,t1,c2,\"two\r\nlines\"\r\n" + // refused by the API, with a formula
	"陳,t1,c3,\r\n" + // given up
	"林,,c4,no tag\r\n" + // cannot be sent
	"黃,t1,c5,\r\n" + // in doubt, no outcome
	"張,t1,c6,\r\n" + // never sent
	"again,t1,c2,\r\n" + // duplicate of row 2
	"wide,t1,c7,x,y,z\r\n" + // too many cells
	"late,t1,c8,\r\n" // succeeded after a lost request

func mixedJob(t *testing.T, name, text string) *job {
	b := newJob(t, name, text)
	b.begin()
	b.add(tag("t1", "c1"), 1, intent, throttled, intent, succeeded)
	formula := noClient
	formula.Reason = "=cmd|' /C calc'!A1\n\x1b[31m"
	b.add(tag("t1", "c2"), 2, intent, formula)
	b.add(tag("t1", "c3"), 3, intent, givenUp)
	b.add(tag("t1", "c5"), 5, intent)
	late := succeeded
	late.Attempts, late.InDoubt = 2, true
	b.add(tag("t1", "c8"), 9, intent, lost, intent, late)
	b.end("interrupt", "interrupted by SIGINT")
	return b
}

func TestGoldenCSV(t *testing.T) {
	b := mixedJob(t, "clients.csv", mixedCSV)
	sum := b.write()
	want := Rows{Read: 9, Succeeded: 2, Failed: 4, Retryable: 1, Pending: 2, Duplicates: 1}
	if sum.Rows != want {
		t.Errorf("rows = %+v, want %+v", sum.Rows, want)
	}
	for _, name := range []string{"succeeded.csv", "failed.csv", "retryable.csv", "summary.json", "report.html"} {
		b.golden(name, filepath.Join("csv", name))
	}
}

func TestGoldenNDJSON(t *testing.T) {
	b := mixedJob(t, "clients.ndjson", `{"name":"王小明","tagId":"t1","clientId":"c1"}
{"tagId":"t1", "clientId":"c2", "mantatag":{"row":7} }
{"tagId":"t1","clientId":"c3"}
{"clientId":"c4"}
not an object <b>
{}
{"tagId":"t1","clientId":"c8","n":12345678901234567890}
{"tagId":"t1","clientId":"c2"}
`)
	b.write()
	for _, name := range []string{"succeeded.ndjson", "failed.ndjson", "retryable.ndjson", "summary.json"} {
		b.golden(name, filepath.Join("ndjson", name))
	}
}

func TestHoldInDoubt(t *testing.T) {
	b := mixedJob(t, "clients.csv", mixedCSV)
	b.src.HoldInDoubt = true
	sum := b.write()
	if sum.Rows.Retryable != 2 || sum.Rows.Pending != 1 {
		t.Errorf("rows = %+v, want two retryable and one pending", sum.Rows)
	}
	b.golden("retryable.csv", filepath.Join("hold", "retryable.csv"))
}

// What is written goes back in as it is, and asks for the same.
func TestOutcomeFilesAreInputs(t *testing.T) {
	for _, in := range []struct{ name, ext, text string }{
		{"clients.csv", ".csv", mixedCSV},
		{"semicolon.csv", ".csv", "clientId;tagId;備註\nc1;t1;\"x;y\"\nc2;t1;=1+1\nc3;t1;\nc9;;\n"},
		{"clients.tsv", ".csv", "clientId\ttagId\nc1\tt1\nc2\tt1\tmore\nc3\tt1\n\"open\tt1\n"},
		{"clients.ndjson", ".ndjson", `{"tagId":"t1","clientId":"c1","x":[1,{"y":"}"}]}` + "\n" + `{"tagId":"t1","clientId":"c2"}` + "\n[1]\n{}\n"},
	} {
		t.Run(in.name, func(t *testing.T) {
			b := mixedJob(t, in.name, in.text)
			b.write()
			type line struct {
				ingest.Mapping
				own, surplus string
				bad          bool
			}
			rowsOf := func(name string) []line {
				if info, err := os.Stat(name); err == nil && info.Size() == 0 {
					return nil // NDJSON without rows
				}
				r, err := ingest.Open(name, b.src.Options)
				b.must(err)
				defer r.Close()
				var lines []line
				for {
					row, err := r.Next()
					if err != nil {
						return lines
					}
					l := line{row.Mapping, string(row.Own), string(row.Surplus), row.Err != nil}
					lines = append(lines, l)
				}
			}
			left := map[line]int{}
			for _, l := range rowsOf(b.src.Input) {
				left[l]++
			}
			back := 0
			for _, kind := range []string{"succeeded", "failed", "retryable"} {
				for _, l := range rowsOf(filepath.Join(b.dir, kind+in.ext)) {
					if left[l]--; left[l] < 0 {
						t.Errorf("%s has a row that the input does not have: %+v", kind, l)
					}
					back++
				}
			}
			if back == 0 {
				t.Error("no row came back")
			}
		})
	}
}

// TestOlderReportsDoNotStay: reports made from a view of a job are not the last
// word if its run ended while they were made, before the first of them was put
// in its place or after.
func TestOlderReportsDoNotStay(t *testing.T) {
	for _, c := range []struct {
		name string
		at   int // the rename before which the run ends; 0: before all writing
	}{{"before", 0}, {"between", 2}} {
		t.Run(c.name, func(t *testing.T) {
			b := newJob(t, "clients.csv", "tagId,clientId\nt1,c1\nt1,c2\n")
			b.begin()
			b.add(tag("t1", "c1"), 1, intent, succeeded)
			view, err := journal.View(b.dir)
			b.must(err)
			defer view.Close()
			end := func() {
				b.add(tag("t1", "c2"), 2, intent, succeeded)
				b.end("deadline", "")
			}
			old := b.src
			old.Journal = view
			if c.at == 0 {
				end()
				b.write()
			} else {
				renames, d := 0, realDisk
				d.rename = func(from, to string) error {
					if renames++; renames == c.at {
						end()
					}
					return realDisk.rename(from, to)
				}
				old.disk = &d
			}
			if _, err := Write(t.Context(), old); !errors.Is(err, ErrOutdated) {
				t.Fatalf("error %v", err)
			}
			if c.at != 0 {
				return
			}
			var sum Summary
			b.must(json.Unmarshal([]byte(b.read("summary.json")), &sum))
			if sum.StoppedBy != "deadline" || sum.Rows.Succeeded != 2 || strings.Count(b.read("succeeded.csv"), "\n") != 3 {
				t.Errorf("the reports of the run did not stay: %+v", sum)
			}
		})
	}
}

// A view of a job that still runs is good enough, however it grows.
func TestReportOfARunThatGoesOn(t *testing.T) {
	b := newJob(t, "clients.csv", "tagId,clientId\nt1,c1\n")
	b.begin()
	view, err := journal.View(b.dir)
	b.must(err)
	defer view.Close()
	b.add(tag("t1", "c1"), 1, intent, succeeded)
	b.src.Journal = view
	b.write()
}

// A failure that is sent again stays in its file until there is another outcome.
func TestRetriedFailureStands(t *testing.T) {
	b := newJob(t, "clients.csv", "tagId,clientId\nt1,c1\n")
	b.begin()
	b.add(tag("t1", "c1"), 1, intent, noClient)
	b.reopen()
	b.begin()
	b.add(tag("t1", "c1"), 1, intent, lost, intent, journal.Entry{Kind: journal.Refused, Status: 503, InDoubt: true})
	b.end("interrupt", "")
	if sum := b.write(); sum.Rows.Failed != 1 || sum.Rows.Pending != 0 || sum.InDoubt != 1 || !strings.Contains(b.read("failed.csv"), noClient.Reason) {
		t.Errorf("%+v\n%s", sum, b.read("failed.csv"))
	}
}
