// Package ingest reads the rows of an input, a table or NDJSON, as a stream,
// and finds in each what it asks for. It never drops a row: one that cannot be
// sent comes out with the reason in [Row.Err].
package ingest

import "bytes"

// Mapping is what one row asks for: one tag on one client. An empty field is
// one that the row does not have.
type Mapping struct {
	TagID            string
	ClientID         string
	Platform         string // as the API spells it: line, facebook, instagram, liveChat, whatsapp
	PlatformClientID string
}

// Row is one row of the input or, where a row asks for several tags, one of
// the mappings that it asks for.
type Row struct {
	Number  int64 // 1 for the first row of data; the mappings of one row share it
	Line    int64 // the line of the input (of a sheet: its row) on which it begins, from 1
	Mapping       // what it asks for, trimmed; sendable only if Err is nil, and else empty unless Err is due to the rows around

	// Tag names the tag that this Row speaks of where the input's row may ask
	// for several: it is TagID then, and the outcome files write it into a
	// column mantatag_tag. Empty where [Layout.Tags] is false.
	Tag string

	// Err says, in one sentence without place, why the row cannot be sent: a
	// [*Fault]. It is nil for a sendable row.
	Err error

	// Notes are what was mended in the row or looks odd; usually nil.
	Notes []Note

	// Own is the row's text in the input's own columns, byte for byte and
	// without line end, padded with empty cells to the width of the header;
	// columns that mantatag added to an earlier outcome file are left out.
	// Text that was not UTF-8 is UTF-8 here. For NDJSON it is the object,
	// without a member "mantatag". It is valid until the next call of
	// [Reader.Next].
	Own []byte

	// Surplus is text that stands under no column of the header: the cells
	// past it, or a whole line that could not be split into cells, quoted as
	// one cell. It is written to the right of mantatag's columns, beginning
	// with a delimiter, or is empty. For NDJSON it is a line that is not an
	// object; the outcome files keep it as the string "surplus" of the member
	// "mantatag", where it is found again. It is valid as long as Own.
	Surplus []byte
}

// Clone returns the row with an Own and a Surplus that stay valid.
func (r Row) Clone() Row {
	r.Own = bytes.Clone(r.Own)
	r.Surplus = bytes.Clone(r.Surplus)
	return r
}
