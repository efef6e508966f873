package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mantatag/cmd/mantatag/lang"
	"mantatag/ingest"
	"mantatag/report"
)

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// written says what the error of writing to standard output is about. Where
// the result is all that a command makes, it has failed then.
func written(err error) error {
	if err == nil {
		return nil
	}
	return sayf("standard output could not be written: %w", err)
}

// printResult is the closing table: what became of the rows, what it took, and
// what to do next. left is the command that goes on, if rows are left.
func printResult(w io.Writer, l *lang.Language, s report.Summary, left string) {
	printStanding(w, l, standing{Summary: s}, left)
}

// printStanding is printResult of a job that may be running.
func printStanding(w io.Writer, l *lang.Language, s standing, left string) {
	file := func(path string) string {
		if _, err := os.Stat(path); s.unwritten || err != nil {
			return ""
		}
		return path
	}
	failed, page := file(outcomeFile(s.Summary, "failed")), file(filepath.Join(s.Job, "report.html"))
	fmt.Fprintf(w, "%s\n\n", s.Message)
	row := func(name string, n int64, where string) {
		if n == 0 {
			where = ""
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %s%9s  %s", lang.Pad(name, 10), l.Number(n), where), " "))
	}
	row(l.Say("succeeded"), s.Rows.Succeeded, file(outcomeFile(s.Summary, "succeeded")))
	row(l.Say("failed"), s.Rows.Failed, failed)
	row(l.Say("retryable"), s.Rows.Retryable, file(outcomeFile(s.Summary, "retryable")))
	row(l.Say("pending"), s.Rows.Pending, sayPending(l, s))
	if n := s.Input.Rows; n != nil && *n != s.Rows.Read {
		row(l.Say("mappings"), s.Rows.Read, l.Say("one tag on one client each, of %[1]d rows", *n))
	} else {
		row(l.Say("rows"), s.Rows.Read, "")
	}

	fmt.Fprintln(w)
	note := func(when bool, text string) {
		if when {
			fmt.Fprintf(w, "  %s\n", text)
		}
	}
	sent, took := s.Requests.Sent, time.Duration(s.ElapsedSeconds*float64(time.Second))
	note(s.Rows.Earlier > 0, l.Say("%[1]d of them had their outcome from an earlier run.", s.Rows.Earlier))
	note(s.Rows.Duplicates > 0, l.Say("%[1]d ask for the same as a row before them, and share its outcome.", s.Rows.Duplicates))
	note(s.InFlight > 0, l.Say("%[1]d are in flight: sent, and their answers not here yet.", s.InFlight))
	note(s.InDoubt > 0, l.Say("%[1]d were sent without an answer, so they may have been done (mantatag_in_doubt).", s.InDoubt))
	note(sent > 0, l.Say("%[1]d requests in %[2]s, %[3]d of them over the rate limit and sent again.", sent, l.Duration(took), s.Requests.RateLimited))
	note(sent == 0, l.Say("Nothing was sent."))
	note(s.Rate.Learned > 0, l.Say("The API allows about %[1]s requests a second.", fmt.Sprintf("%.3g", s.Rate.Learned)))
	note(page != "", l.Say("Report: %[1]s", page))
	note(s.unwritten, l.Say("%[1]s writes the files of these rows.", commandLine("report", s.Job)))

	if s.Rows.Failed > 0 && !s.Running && failed != "" {
		fmt.Fprintf(w, "\n%s\n", l.Say("Mend the rows in %[1]s and run mantatag with that file.", failed))
	}
	if left != "" {
		fmt.Fprintf(w, "\n%s\n\n  %s\n", l.Say("Rows are left. Go on with:"), left)
	}
}

// outcomeFile is the path of the rows with an outcome.
func outcomeFile(s report.Summary, outcome string) string {
	if s.Input.Format == ingest.NDJSON {
		return filepath.Join(s.Job, outcome+".ndjson")
	}
	return filepath.Join(s.Job, outcome+".csv")
}
