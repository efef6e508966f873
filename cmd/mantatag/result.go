package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"mantatag/cmd/mantatag/lang"
	"mantatag/ingest"
	"mantatag/report"
)

func printJSON(w io.Writer, s report.Summary) error {
	text, err := s.JSON()
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
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
	fmt.Fprintf(w, "%s\n\n", s.Message)
	row := func(name string, n int64, where string) {
		if n == 0 {
			where = ""
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %s%9s  %s", lang.Pad(name, 10), l.Number(n), where), " "))
	}
	row(l.Say("succeeded"), s.Rows.Succeeded, outcomeFile(s, "succeeded"))
	row(l.Say("failed"), s.Rows.Failed, outcomeFile(s, "failed"))
	row(l.Say("retryable"), s.Rows.Retryable, outcomeFile(s, "retryable"))
	row(l.Say("pending"), s.Rows.Pending, l.Say("not tried yet"))
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
	note(s.InDoubt > 0, l.Say("%[1]d were sent without an answer, so they may have been done (mantatag_in_doubt).", s.InDoubt))
	note(sent > 0, l.Say("%[1]d requests in %[2]s, %[3]d of them over the rate limit and sent again.", sent, l.Duration(took), s.Requests.RateLimited))
	note(sent == 0, l.Say("Nothing was sent."))
	note(s.Rate.Learned > 0, l.Say("The API allows about %[1]s requests a second.", fmt.Sprintf("%.3g", s.Rate.Learned)))
	note(true, l.Say("Report: %[1]s", filepath.Join(s.Job, "report.html")))

	if s.Rows.Failed > 0 {
		fmt.Fprintf(w, "\n%s\n", l.Say("Mend the rows in %[1]s and run mantatag with that file.", outcomeFile(s, "failed")))
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
