package report

import (
	"bytes"
	"encoding/csv"
	"strconv"

	"mantatag/ingest"
)

// timeLayout is RFC 3339 in UTC, to the millisecond.
const timeLayout = "2006-01-02T15:04:05.000Z"

var csvColumns = []string{
	"mantatag_row", "mantatag_line", "mantatag_outcome", "mantatag_status", "mantatag_code",
	"mantatag_reason", "mantatag_in_doubt", "mantatag_attempts", "mantatag_at",
}

// tagColumn comes after the others where a row may ask for several tags.
const tagColumn = "mantatag_tag"

// csvForm writes the user's columns as they were read and then ours, by
// encoding/csv. The file is UTF-8 with a byte order mark, without which
// spreadsheets take it for something else.
type csvForm struct {
	layout ingest.Layout
	end    string
	buf    bytes.Buffer
	csv    *csv.Writer
	cells  []string
}

func newCSVForm(l ingest.Layout) *csvForm {
	c := &csvForm{layout: l, end: "\n"}
	if l.CRLF {
		c.end = "\r\n"
	}
	c.csv = csv.NewWriter(&c.buf)
	c.csv.Comma = rune(l.Delimiter)
	return c
}

func (c *csvForm) header() []byte {
	c.buf.Reset()
	c.buf.WriteString("\uFEFF")
	c.cells = append(c.cells[:0], csvColumns...)
	if c.layout.Tags {
		c.cells = append(c.cells, tagColumn)
	}
	c.join(c.layout.Header, nil)
	return c.buf.Bytes()
}

func (c *csvForm) line(row *ingest.Row, o *outcome) []byte {
	c.buf.Reset()
	c.cells = append(c.cells[:0],
		strconv.FormatInt(row.Number, 10),
		strconv.FormatInt(row.Line, 10),
		o.kind.String(),
		strconv.Itoa(o.status),
		strconv.Itoa(o.code),
		harmless(o.reason),
		strconv.FormatBool(o.inDoubt),
		strconv.Itoa(o.attempts),
		o.at.Format(timeLayout),
	)
	if c.layout.Tags {
		// Not made harmless: it is the user's own text, and has to be found
		// again in the row's tag cell.
		c.cells = append(c.cells, row.Tag)
	}
	c.join(row.Own, row.Surplus)
	return c.buf.Bytes()
}

// join writes one line: own, our cells, surplus. Writing to memory cannot fail.
func (c *csvForm) join(own, surplus []byte) {
	c.buf.Write(own)
	c.buf.WriteByte(c.layout.Delimiter)
	_ = c.csv.Write(c.cells)
	c.csv.Flush()
	c.buf.Truncate(c.buf.Len() - 1) // the line feed
	c.buf.Write(surplus)
	c.buf.WriteString(c.end)
}
