package report

import (
	"errors"
	"fmt"
	"maps"
	"strconv"

	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"mantatag/ingest"
)

// words say a sentence of the catalogue with its arguments; nil ones say it in
// English.
type words func(id string, args ...any) string

func (w words) say(id string, args ...any) string {
	switch {
	case w != nil:
		return w(id, args...)
	case len(args) == 0:
		return english[id]
	default:
		return fmt.Sprintf(english[id], args...)
	}
}

// fault is why a row cannot be sent.
func (w words) fault(err error) string {
	if f, ok := errors.AsType[*ingest.Fault](err); ok && w != nil {
		return w(f.ID, f.Args...)
	}
	return err.Error()
}

var printer = message.NewPrinter(language.English)

// thousands writes 12345 as 12,345.
func thousands(n int64) string { return printer.Sprintf("%d", n) }

func (w words) sameAs(row int64, reason string) string {
	if reason == "" {
		return w.say("same-as", strconv.FormatInt(row, 10))
	}
	return w.say("same-as-reason", strconv.FormatInt(row, 10), reason)
}

func (w words) heldReason(reason string) string {
	if reason == "" {
		return w.say("held")
	}
	return w.say("held-reason", reason)
}

// headline says how the job stands, in a few words.
func (w words) headline(sum Summary) string {
	rows := sum.Rows
	switch {
	case rows.Pending > 0 || sum.Input.Rows == nil:
		return w.say("rows-left")
	case rows.Read == 0:
		return w.say("no-rows")
	case rows.Retryable > 0:
		return w.say("to-be-sent-again")
	case rows.Succeeded == rows.Read:
		return w.say("all-succeeded")
	default:
		return w.say("all-settled")
	}
}

// NextSteps are sentences on what the user can do now, as say says them: see
// [Source].
func NextSteps(sum Summary, say func(id string, args ...any) string) []string {
	w := words(say)
	var steps []string
	add := func(when bool, id string, args ...any) {
		if when {
			steps = append(steps, w.say(id, args...))
		}
	}
	switch by := sum.StoppedBy; by {
	case "credentials", "bot", "failures":
		add(true, "do-"+by)
	case "disk", "input", "config":
		add(true, "do-mend")
	default:
		add(sum.Rows.Pending > 0 || sum.Rows.Retryable > 0 || sum.Input.Rows == nil, "do-again")
	}
	ext := ".csv"
	if sum.Input.Format == ingest.NDJSON {
		ext = ".ndjson"
	}
	add(sum.Rows.Failed > 0, "do-failed", "failed"+ext)
	add(sum.Rows.Failed > 0 && sum.Input.Format != ingest.NDJSON, "do-excel", "failed"+ext)
	add(sum.InDoubt > 0 && sum.Rows.Pending+sum.Rows.Retryable > 0, "do-doubt")
	add(len(steps) == 0, "do-nothing")
	return steps
}

// English returns the catalogue of all sentences of this package: a format for
// each name, its verbs numbered (%[1]s), for a translation to stand beside.
func English() map[string]string { return maps.Clone(english) }

// english says everything of this package that a user reads.
var english = map[string]string{
	// Reasons in the outcome files.
	"same-as":        "same as row %[1]s",
	"same-as-reason": "same as row %[1]s: %[2]s",
	"held":           "held back: a request for it was sent earlier and no answer of the API's own was recorded, so it may be done already; run without --in-doubt hold to send it again",
	"held-reason":    "held back: a request for it was sent earlier and no answer of the API's own was recorded, so it may be done already; run without --in-doubt hold to send it again (%[1]s)",

	"fault": "%[1]v", // an error

	// How the job stands.
	"all-succeeded":    "every row of the input has succeeded",
	"all-settled":      "every row of the input has its outcome, but not all have succeeded",
	"to-be-sent-again": "every row was tried, but some are left to be sent again",
	"rows-left":        "rows are left that have no outcome yet",
	"no-rows":          "the input has no rows",

	// What to do next.
	"do-nothing":     "There is nothing left to do.",
	"do-failed":      "Failed rows: read what mantatag says of each in %[1]s, correct the rows there, and give that file to mantatag run as it is. Running the old command again does not send them again, unless you add --retry-failed.",
	"do-excel":       "In Excel, take %[1]s in by Data > From Text/CSV with its id columns as text, and save it as a workbook: a double click makes numbers such as 5.85786E+15 of long ids, which cannot be sent.",
	"do-again":       "Run the same command again: it sends what is left, and nothing that is done.",
	"do-doubt":       "Rows in doubt were sent, or may have been, without an answer of the API's own being recorded. Mantatag sends them again, which may make a mapping a second time; with --in-doubt hold it lists them as retryable instead.",
	"do-credentials": "Correct the token and the secret or, if they have expired, renew them (mantatag token renew), and then run the same command again.",
	"do-bot":         "Check the bot's id and that its plan has the Open API, and then run the same command again.",
	"do-failures":    "So many refusals one after another mean that something is wrong with all of them: check the tag's id and the columns before you run again.",
	"do-mend":        "Mend what is named above, and then run the same command again.",

	// report.html.
	"lang":            "en",
	"title":           "Tagging report",
	"bot":             "Bot",
	"colon":           "%[1]s: %[2]s",
	"stopped":         "%[1]s: %[2]s",
	"by-interrupt":    "Interrupted",
	"by-deadline":     "Stopped at the time that was set",
	"by-credentials":  "Stopped, because the API refused the token or the secret",
	"by-bot":          "Stopped, because the API refused the bot",
	"by-outage":       "Stopped, because the API did not answer properly for too long",
	"by-failures":     "Stopped, because too many rows were refused one after another",
	"by-disk":         "Stopped, because a file could not be written or read",
	"by-input":        "Stopped, because the input could not be read on",
	"by-config":       "Stopped, because of how the run was set up",
	"next":            "What to do next",
	"rows":            "Rows",
	"succeeded":       "Succeeded",
	"failed":          "Failed",
	"retryable":       "To be sent again",
	"pending":         "Not done yet",
	"read":            "Read",
	"mappings":        "Mappings read: one tag on one client each",
	"input-rows":      "Rows that they are of",
	"earlier":         "Done by earlier runs",
	"duplicates":      "Asking for the same as an earlier row",
	"in-doubt":        "In doubt: sent at least once without an answer of the API's own",
	"incomplete":      "The input was not read to its end: there may be more rows.",
	"errors":          "What went wrong, by kind",
	"no-errors":       "Nothing went wrong.",
	"more-kinds":      "and %[1]s rows of rarer kinds",
	"mixed":           "various other reasons",
	"example":         "row %[1]s (line %[2]s)",
	"example-reason":  "row %[1]s (line %[2]s): %[3]s",
	"http":            "HTTP %[1]s",
	"http-code":       "HTTP %[1]s, code %[2]s",
	"over-time":       "The last run over time",
	"chart-rows":      "rows done a second",
	"chart-rows-left": "rows done a second (left)",
	"chart-429-right": "429 answers a second (right)",
	"no-chart":        "The last run sent nothing.",
	"times-are-utc":   "Times are in UTC. 429 is the API's answer to requests that come too fast; they were sent again.",
	"requests":        "Requests of the last run",
	"sent":            "Sent",
	"rate-limited":    "Answered 429, and sent again",
	"refused":         "Refused",
	"server-errors":   "Server errors",
	"network-errors":  "No answer",
	"average":         "Rows done a second, on average",
	"learned":         "Requests a second that the API allows, as far as it was found out",
	"about":           "About this run",
	"file":            "Input",
	"job":             "Job folder",
	"runs":            "Runs of this job so far",
	"began":           "Began",
	"ended":           "Ended",
	"not-ended":       "not ended: it still runs, or was cut off",
	"took":            "Took",
}
