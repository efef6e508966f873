package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"mantatag/report"
)

// addsUp reads the files of a job as a script of the user's would, without the
// program's own readers.
func addsUp(ts *testscript.TestScript, _ bool, args []string) {
	job := ts.MkAbs(args[0])
	text, err := os.ReadFile(filepath.Join(job, "summary.json"))
	ts.Check(err)
	var s report.Summary
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	ts.Check(decoder.Decode(&s))

	r := s.Rows
	if r.Read != r.Succeeded+r.Failed+r.Retryable+r.Pending {
		ts.Fatalf("read is not the sum of the others: %+v", r)
	}
	table, _ := os.ReadFile(filepath.Join(job, "succeeded.csv")) // not there for NDJSON
	split := bytes.Contains(table, []byte(",mantatag_tag\n"))
	if n := s.Input.Rows; n != nil && *n != r.Read && !(split && *n < r.Read) {
		ts.Fatalf("input.rows is %d and rows.read %d", *s.Input.Rows, r.Read)
	}
	if complete := s.Input.Rows != nil && r.Pending == 0; complete != (s.State == report.Complete) {
		ts.Fatalf("the state is %s with %d rows pending", s.State, r.Pending)
	}
	if q := s.Requests; q.Sent < q.Succeeded+q.RateLimited+q.Refused+q.ServerErrors+q.NetworkErrors {
		ts.Fatalf("more answers than requests: %+v", q)
	}
	for name, want := range map[string]int64{"succeeded": r.Succeeded, "failed": r.Failed, "retryable": r.Retryable} {
		if got := rowsOf(ts, filepath.Join(job, name), name); got != want {
			ts.Fatalf("%s has %d rows, and summary.json says %d", name, got, want)
		}
	}
}

// rowsOf counts the rows of an outcome file, CSV or NDJSON, each of which must
// say that outcome.
func rowsOf(ts *testscript.TestScript, path, outcome string) (n int64) {
	text, err := os.ReadFile(path + ".ndjson")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			var object struct{ Mantatag struct{ Outcome string } }
			ts.Check(json.Unmarshal([]byte(line), &object))
			if object.Mantatag.Outcome != outcome {
				ts.Fatalf("%s.ndjson: %s", path, line)
			}
			n++
		}
		return n
	}
	text, err = os.ReadFile(path + ".csv")
	ts.Check(err)
	// The column before ours ends in the delimiter.
	at := bytes.Index(text, []byte("mantatag_row"))
	if at < 1 {
		ts.Fatalf("%s.csv has no column mantatag_row", path)
	}
	in := csv.NewReader(bytes.NewReader(text))
	in.Comma, in.LazyQuotes, in.FieldsPerRecord = rune(text[at-1]), true, -1
	records, err := in.ReadAll()
	ts.Check(err)
	column := 0
	for i, name := range records[0] {
		if name == "mantatag_outcome" {
			column = i
		}
	}
	for _, record := range records[1:] {
		if record[column] != outcome {
			ts.Fatalf("%s.csv: %q", path, record)
		}
	}
	return int64(len(records) - 1)
}

func private(ts *testscript.TestScript, _ bool, args []string) {
	var secrets []string
	for _, name := range []string{"MANTATAG_TOKEN", "MANTATAG_SECRET"} {
		if s := ts.Getenv(name); s != "" {
			secrets = append(secrets, s)
		}
	}
	for _, name := range []string{"token", "secret"} {
		text, err := os.ReadFile(ts.MkAbs(name))
		if s := strings.TrimSpace(string(text)); s != "" {
			secrets = append(secrets, s)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			ts.Fatalf("%v", err)
		}
	}
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != want { // Windows has no such modes
			ts.Fatalf("%s has mode %o", path, info.Mode().Perm())
		}
		if d.IsDir() {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, s := range secrets {
			if bytes.Contains(text, []byte(s)) {
				ts.Fatalf("%s holds the token or the secret", path)
			}
		}
		return err
	}))
}
