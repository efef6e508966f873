package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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

// written says what the error of writing to standard output is about, which is for
// the user to mend, as a full disk is. Where the result is all that a command makes,
// it has failed then; but it has not where nobody wants more of it, as in a pipe into
// head.
func written(err error) error {
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return usagef("standard output could not be written: %w", err)
}

// next is what to do after a run.
type next struct {
	left string // the command that goes on, if rows are left
	hint string // what there is to know before that is given
	mend string // the command that sends what failed, once it is mended; "": it is not known
}

// printResult is the closing table: what became of the rows, what it took, and
// what to do next.
func printResult(w io.Writer, l *lang.Language, s report.Summary, behind int64, do next) {
	printStanding(w, l, standing{Summary: s, unwritten: s.Recorded, behind: behind}, do)
}

// printStanding is printResult of a job that may be running.
func printStanding(w io.Writer, l *lang.Language, s standing, do next) {
	file := func(path string) string {
		if s.unwritten || !isThere(path) {
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
	if !s.Recorded || s.Rows.Pending > 0 {
		row(l.Say("pending"), s.Rows.Pending, sayPending(l, s))
	}
	if s.Recorded {
		row(l.Say("mappings"), s.Rows.Read, l.Say("that the journal knows of; the rows of the input cannot be counted"))
	} else if n := s.Input.Rows; n != nil && *n != s.Rows.Read {
		row(l.Say("mappings"), s.Rows.Read, l.Say("one tag on one client each, of %[1]d rows", *n))
	} else {
		row(l.Say("rows"), s.Rows.Read, "")
	}

	fmt.Fprintln(w)
	note := func(when bool, text string) {
		if when && text != "" {
			fmt.Fprintf(w, "  %s\n", text)
		}
	}
	r := s.Requests
	sent, took := r.Sent, time.Duration(s.ElapsedSeconds*float64(time.Second))
	if s.FinishedAt == nil { // intents are recorded ahead: what is surely sent is what was answered
		sent = r.Succeeded + r.RateLimited + r.Refused + r.ServerErrors + r.NetworkErrors
	}
	note(s.Rows.Earlier > 0, l.Say("%[1]d of them had their outcome from an earlier run.", s.Rows.Earlier))
	note(s.Unsendable > 0, l.Say("%[1]d cannot be sent as they are.", s.Unsendable))
	note(s.Rows.Duplicates > 0, l.Say("%[1]d ask for the same as a row before them, and share its outcome.", s.Rows.Duplicates))
	note(s.InFlight > 0, l.Say("%[1]d are on their way: sent or about to be, and not answered yet.", s.InFlight))
	note(s.InDoubt > 0, l.Say("%[1]d may have been done: a request for each was sent, or about to be, and no answer of the API's own came (mantatag_in_doubt).", s.InDoubt))
	note(s.behind > 0, l.Say("%[1]d rows of the input of the run before are not among these, and were still to be sent: see run.log.", s.behind))
	note(s.behind < 0, l.Say("Rows of the input of the run before may never have been sent: see run.log."))
	note(sent > 0 && r.RateLimited == 0, l.Say("%[1]d requests in %[2]s.", sent, l.Duration(took)))
	note(r.RateLimited > 0, l.Say("%[1]d requests in %[2]s, %[3]d of them over the rate limit and sent again.", sent, l.Duration(took), r.RateLimited))
	note(!s.Running && sent > 0 && r.Sent > sent, l.Say("%[1]d more were sent, or about to be, and no answer to them is recorded.", r.Sent-sent))
	note(r.Sent == 0, l.Say("Nothing was sent."))
	note(true, sayPace(l, s.Summary))
	note(page != "", l.Say("Report: %[1]s", page))
	note(s.unwritten && !s.Recorded, l.Say("%[1]s writes the files of these rows.", commandLine("report", s.Job)))

	if do.left != "" {
		fmt.Fprintf(w, "\n%s\n\n  %s\n", l.Say("Rows are left. Go on with:"), do.left)
	}
	if do.hint != "" {
		fmt.Fprintf(w, "\n%s\n", do.hint)
	}
	switch {
	case s.Rows.Failed == 0 || s.Running || failed == "":
	case do.mend == "":
		fmt.Fprintf(w, "\n%s\n", l.Say("Mend the rows in %[1]s and run mantatag with that file.", failed))
	default:
		fmt.Fprintf(w, "\n%s\n\n  %s\n", l.Say("Mend the rows in %[1]s, and send them with:", failed), do.mend)
	}
}

// sayPace says what is known of the API's limit, or what else held the run back;
// "" where there is nothing to say.
func sayPace(l *lang.Language, s report.Summary) string {
	limited := s.Requests.RateLimited
	switch {
	case s.Rate.Given > 0 && s.Requests.Sent > 0:
		return l.Say("The run was kept to the %[1]s requests a second of --rate.", perSecond(l, s.Rate.Given))
	case s.Rate.InFlight > 0:
		return l.Say("The API takes about %[1]d requests at once.", s.Rate.InFlight)
	case s.Rate.Learned > 0:
		return l.Say("The API allows about %[1]s requests a second.", perSecond(l, s.Rate.Learned))
	case limited > 0 && s.FinishedAt != nil:
		return l.Say("The API's limit is not settled yet: %[2]d of %[1]d requests were over it.", s.Requests.Sent, limited)
	case limited == 0 && s.Rate.Bound > 0:
		return l.Say("No limit of the API was met: --concurrency (%[1]d) is what held the run back.", s.Rate.Bound)
	}
	return ""
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// perSecond is a rate as it is said.
func perSecond(l *lang.Language, rate float64) string {
	if rate >= 100 {
		return l.Number(int64(math.Round(rate)))
	}
	return fmt.Sprintf("%.3g", rate)
}

// briefly says what went wrong, for who sees no table: which input, how many
// rows, and where they are.
func briefly(l *lang.Language, s report.Summary) []string {
	input, unit := filepath.Base(s.Input.Path), lang.Word("rows")
	if isKept(s.Input.Path, s.Job) {
		input = l.Say("standard input")
	}
	if n := s.Input.Rows; n != nil && *n != s.Rows.Read {
		unit = "mappings"
	}
	var lines []string
	if s.StoppedBy != "" {
		lines = append(lines, l.Say("%[1]s: %[2]s", input, s.Message))
	}
	if n := s.Rows.Failed; n > 0 {
		if where := outcomeFile(s, "failed"); isThere(where) && !s.Recorded {
			lines = append(lines, l.Say("%[1]s: %[2]d of %[3]d %[4]s failed, see %[5]s", input, n, s.Rows.Read, unit, where))
		} else {
			lines = append(lines, l.Say("%[1]s: %[2]d of %[3]d %[4]s failed", input, n, s.Rows.Read, unit))
		}
	}
	if n := s.Rows.Retryable; n > 0 && s.Recorded {
		lines = append(lines, l.Say("%[1]s: %[2]d of %[3]d %[4]s are retryable", input, n, s.Rows.Read, unit))
	} else if n > 0 {
		lines = append(lines, l.Say("%[1]s: %[2]d of %[3]d %[4]s are retryable, see %[5]s", input, n, s.Rows.Read, unit, outcomeFile(s, "retryable")))
	}
	if n := s.Rows.Pending; n > 0 {
		lines = append(lines, l.Say("%[1]s: %[2]d of %[3]d %[4]s are pending, in the job %[5]s", input, n, s.Rows.Read, unit, s.Job))
	}
	if lines == nil {
		lines = append(lines, l.Say("%[1]s: %[2]s", input, s.Message))
	}
	return lines
}

// outcomeFile is the path of the rows with an outcome.
func outcomeFile(s report.Summary, outcome string) string {
	if s.Input.Format == ingest.NDJSON {
		return filepath.Join(s.Job, outcome+".ndjson")
	}
	return filepath.Join(s.Job, outcome+".csv")
}
