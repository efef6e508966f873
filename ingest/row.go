// Package ingest reads the rows of an input, a CSV, TSV or NDJSON text, as a
// stream, and finds in each what it asks for. It never drops a row: one that
// cannot be sent comes out with the reason in [Row.Err].
package ingest

// Mapping is what one row asks for: one tag on one client. An empty field is
// one that the row does not have.
type Mapping struct {
	TagID            string
	ClientID         string
	Platform         string // as the API spells it: line, facebook, instagram, liveChat, whatsapp
	PlatformClientID string
}

// Row is one row of the input.
type Row struct {
	Number  int64 // 1 for the first row of data
	Line    int64 // the line of the input on which the row begins, from 1
	Mapping       // what it asks for, trimmed; sendable only if Err is nil

	// Err says, in one sentence without place, why the row cannot be sent.
	// It is nil for a sendable row.
	Err error

	// Own is the row's text in the input's own columns, byte for byte and
	// without line end, padded with empty cells to the width of the header;
	// columns that mantatag added to an earlier outcome file are left out.
	// For NDJSON it is the object, without a member "mantatag".
	Own []byte

	// Surplus is text that stands under no column of the header: the cells
	// past it, or a whole line that could not be split into cells. It is
	// written to the right of mantatag's columns, beginning with a delimiter,
	// or is empty. For NDJSON it is a line that is not an object.
	Surplus []byte
}
