package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"mantatag/ingest"
)

// shownKinds is how many kinds of finding the screen shows; the JSON has all.
const shownKinds = 12

// print writes the conclusion for a person.
func (c *conclusion) print(w io.Writer) error {
	var b bytes.Buffer
	c.printInput(&b)
	c.printRows(&b)
	c.printKinds(&b, c.lang.Say("What cannot be sent"), c.Problems)
	c.printKinds(&b, c.lang.Say("What looks odd, and would be sent as it is"), c.Warnings)
	c.printKinds(&b, c.lang.Say("What is not as written, but is read as it was surely meant"), c.Mended)
	c.printRequests(&b)
	c.printTime(&b)
	_, err := w.Write(b.Bytes())
	return err
}

func (c *conclusion) printInput(w io.Writer) {
	l := c.lang
	parts := []string{strings.ToUpper(c.Input.Format)}
	if c.Input.Container != "" {
		parts = append(parts, c.Input.Container)
	}
	if c.Input.Encoding != "" {
		parts = append(parts, c.Input.Encoding)
	}
	if c.Input.Delimiter != "" {
		parts = append(parts, l.Say("%[1]q between cells", c.Input.Delimiter))
	}
	if c.Input.Sheet != "" {
		parts = append(parts, l.Say("sheet %[1]q", c.Input.Sheet))
	}
	fmt.Fprintln(w, l.Say("%[1]s: %[2]s", c.Input.Path, strings.Join(parts, l.Say(", "))))
	switch {
	case c.Input.Guessed:
		fmt.Fprintf(w, "  %s\n", l.Say("The encoding is a guess. Is this text right? %[1]s  If not, say which it is with --encoding.", c.Input.Sample))
	case c.Input.Sample != "" && c.Input.Encoding != "utf-8":
		fmt.Fprintf(w, "  %s\n", l.Say("Text in it reads: %[1]s", c.Input.Sample))
	}
	if len(c.Input.Others) > 0 {
		fmt.Fprintf(w, "  %s\n", l.Say("Its other sheets are not read: %[1]s. Another is read with --sheet.", quoted(c.Input.Others)))
	}
	if c.Input.Skipped > 0 {
		fmt.Fprintf(w, "  %s\n", l.Say("%[1]d lines above the header are passed over.", c.Input.Skipped))
	}
	if len(c.Input.Columns) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", l.Say("Columns"))
	for _, column := range c.Input.Columns {
		fmt.Fprintf(w, "  %-16s  %s\n", column.Field, ingest.OneLine(column.Name))
	}
}

func (c *conclusion) printRows(w io.Writer) {
	l, rows := c.lang, c.Rows
	title, all := l.Say("Rows"), l.Say("rows in all")
	if c.layout.Tags {
		title, all = l.Say("Mappings (one tag on one client)"), l.Say("mappings in all, of %[1]d rows", c.Input.Rows)
	}
	fmt.Fprintf(w, "\n%s\n", title)
	line := func(when bool, n int64, what string) {
		if when {
			fmt.Fprintf(w, "  %12s  %s\n", l.Number(n), what)
		}
	}
	line(true, rows.Read, all)
	line(true, rows.Failed, l.Say("cannot be sent"))
	if rows.ToSend == rows.Sendable {
		line(true, rows.Sendable, l.Say("can be sent"))
		return
	}
	line(true, rows.Sendable, l.Say("can be sent; of these"))
	line(rows.Duplicates > 0, rows.Duplicates, l.Say("  asking for the same as one before, and sent only once"))
	for _, r := range c.Repeats {
		fmt.Fprintf(w, "  %12s    %s\n", "", l.Say("line %[1]s: the same as row %[2]s", fmt.Sprint(r.Line), fmt.Sprint(r.First)))
	}
	line(rows.Done > 0, rows.Done, l.Say("  done already, by the job in %[1]s", c.Job))
	line(rows.Refused > 0, rows.Refused, l.Say("  failed in an earlier run of that job: sent again only with --retry-failed"))
	line(true, rows.ToSend, l.Say("  to be sent"))
}

func (c *conclusion) printKinds(w io.Writer, title string, kinds []checkedKind) {
	if len(kinds) == 0 {
		return
	}
	l := c.lang
	fmt.Fprintf(w, "\n%s\n", title)
	for i, k := range kinds {
		if i == shownKinds {
			fmt.Fprintf(w, "  %s\n", l.Say("… and %[1]d kinds more; --json has them all", len(kinds)-i))
			break
		}
		fmt.Fprintf(w, "  %12s  %s\n", l.Number(k.Count), k.Examples[0].Reason)
		var lines []string
		for i, e := range k.Examples {
			if i == 0 || e.Line != k.Examples[i-1].Line {
				lines = append(lines, fmt.Sprint(e.Line))
			}
		}
		if k.Count > int64(len(k.Examples)) {
			lines = append(lines, "…")
		}
		numbers := strings.Join(lines, l.Say(", "))
		where := l.Say("line %[1]s", numbers)
		if column := k.Examples[0].Column; column != "" {
			where = l.Say("line %[1]s, column %[2]s", numbers, ingest.OneLine(column))
		}
		fmt.Fprintf(w, "  %12s  %s\n", "", where)
	}
}

func (c *conclusion) printRequests(w io.Writer) {
	if len(c.Requests) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", c.lang.Say("The first requests would be (the secret is masked)"))
	for _, r := range c.Requests {
		fmt.Fprintf(w, "  %s %s\n  %s\n", r.Method, r.URL, r.Body)
	}
}

func (c *conclusion) printTime(w io.Writer) {
	l := c.lang
	fmt.Fprintln(w)
	if c.Rows.ToSend > 0 {
		c.printPace(w)
	}
	if t := c.Token; t != nil {
		at := t.Expires.Local().Format("2006-01-02 15:04")
		switch {
		case t.Expires.Before(time.Now()):
			fmt.Fprintln(w, l.Say("The token expired at %[1]s: renew it before the run.", at))
		case t.Outlives != nil && !*t.Outlives:
			fmt.Fprintln(w, l.Say("The token expires at %[1]s, before such a run would end.", at))
		default:
			fmt.Fprintln(w, l.Say("The token expires at %[1]s.", at))
		}
	}
	if c.Output != "" {
		fmt.Fprintln(w, l.Say("The rows that cannot be sent are in %[1]s.", c.Output))
	}
	fmt.Fprintln(w, l.Say("Nothing was sent."))
}

// printPace says how long a run would take, and by which rate.
func (c *conclusion) printPace(w io.Writer) {
	l, m := c.lang, c.learned
	rate, took := perSecond(l, c.Pace.PerSecond), l.Duration(c.duration())
	day := m.At.Local().Format(time.DateOnly)
	switch {
	case m.At.IsZero() && c.Pace.PerSecond == 0:
		fmt.Fprintln(w, l.Say("How long a run takes is known once one has found the API's limit; --rate says what it takes at a given one."))
	case m.At.IsZero():
		fmt.Fprintln(w, l.Say("At %[1]s requests a second a run takes about %[2]s.", rate, took))
	case m.Settled > 0:
		fmt.Fprintln(w, l.Say("At %[1]s requests a second, as found on %[2]s, a run takes about %[3]s.", rate, day, took))
	case m.Concurrency > 0:
		fmt.Fprintln(w, l.Say("The last run, on %[1]s, met no limit and made %[2]s requests a second with --concurrency %[3]d: at that a run takes about %[4]s.",
			day, perSecond(l, m.Kept), m.Concurrency, took))
	default:
		if m.InFlight > 0 {
			fmt.Fprintln(w, l.Say("The API takes about %[1]d requests at once, as found on %[2]s.", m.InFlight, day))
		} else {
			fmt.Fprintln(w, l.Say("The API's limit is not settled yet: of the last run, on %[1]s, %[2]d requests were accepted in %[3]s and %[4]d refused.",
				day, m.Accepted, l.Duration(m.Took), m.Refused))
		}
		if m.Kept > 0 {
			fmt.Fprintln(w, l.Say("At the %[1]s requests a second that it kept, a run takes about %[2]s.", rate, took))
		}
	}
}
