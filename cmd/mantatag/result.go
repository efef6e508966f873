package main

import (
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"
	"time"

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

// printResult is the closing table: what became of the rows, what it took, and
// what to do next. left is the command that goes on, if rows are left.
func printResult(w io.Writer, s report.Summary, left string) {
	fmt.Fprintln(w, s.Message)
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name string, n int64, file string) {
		if n == 0 {
			file = ""
		}
		fmt.Fprintf(t, "  %s\t%9s\t%s\n", name, thousands(n), file)
	}
	row("succeeded", s.Rows.Succeeded, outcomeFile(s, "succeeded"))
	row("failed", s.Rows.Failed, outcomeFile(s, "failed"))
	row("retryable", s.Rows.Retryable, outcomeFile(s, "retryable"))
	row("pending", s.Rows.Pending, "not tried yet")
	row("rows", s.Rows.Read, "")
	_ = t.Flush()

	fmt.Fprintln(w)
	if s.Rows.Earlier > 0 {
		fmt.Fprintf(w, "  %s of them had their outcome from an earlier run.\n", thousands(s.Rows.Earlier))
	}
	if s.Rows.Duplicates > 0 {
		fmt.Fprintf(w, "  %s ask for the same as a row before them, and share its outcome.\n", thousands(s.Rows.Duplicates))
	}
	if s.InDoubt > 0 {
		fmt.Fprintf(w, "  %s were sent without an answer, so they may have been done (mantatag_in_doubt).\n", thousands(s.InDoubt))
	}
	if s.Requests.Sent > 0 {
		fmt.Fprintf(w, "  %s requests in %s, %s of them over the rate limit and sent again.\n",
			thousands(s.Requests.Sent), inWords(time.Duration(s.ElapsedSeconds*float64(time.Second))), thousands(s.Requests.RateLimited))
	} else {
		fmt.Fprintln(w, "  Nothing was sent.")
	}
	if s.Rate.Learned > 0 {
		fmt.Fprintf(w, "  The API allows about %.3g requests a second.\n", s.Rate.Learned)
	}
	fmt.Fprintf(w, "  Report: %s\n", filepath.Join(s.Job, "report.html"))

	if s.Rows.Failed > 0 {
		fmt.Fprintf(w, "\nMend the rows in %s and run mantatag with that file.\n", outcomeFile(s, "failed"))
	}
	if left != "" {
		fmt.Fprintf(w, "\nRows are left. Go on with:\n\n  %s\n", left)
	}
}

// outcomeFile is the path of the rows with an outcome.
func outcomeFile(s report.Summary, outcome string) string {
	if s.Input.Format == ingest.NDJSON {
		return filepath.Join(s.Job, outcome+".ndjson")
	}
	return filepath.Join(s.Job, outcome+".csv")
}
