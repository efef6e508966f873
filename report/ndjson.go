package report

import (
	"bytes"
	"encoding/json"

	"mantatag/ingest"
)

// ndjsonForm writes the input's objects with one more member.
type ndjsonForm struct{ buf bytes.Buffer }

// member is what the member "mantatag" holds.
type member struct {
	Row      int64  `json:"row"`
	Line     int64  `json:"line"`
	Outcome  string `json:"outcome"`
	Status   int    `json:"status"`
	Code     int    `json:"code"`
	Reason   string `json:"reason"`
	InDoubt  bool   `json:"in_doubt"`
	Attempts int    `json:"attempts"`
	At       string `json:"at"`
	Tag      string `json:"tag,omitempty"`     // where a row may ask for several
	Surplus  string `json:"surplus,omitempty"` // a line of the input that is not an object
}

func (n *ndjsonForm) header() []byte { return nil }

func (n *ndjsonForm) line(row *ingest.Row, o *outcome) []byte {
	b := &n.buf
	b.Reset()
	// Own is an object; ours is its last member.
	own := bytes.TrimRight(bytes.TrimSuffix(row.Own, []byte("}")), " \t\r\n")
	b.Write(own)
	if len(own) > len("{") {
		b.WriteByte(',')
	}
	b.WriteString(`"mantatag":`)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(member{ // to memory, and of plain fields: cannot fail
		Row:      row.Number,
		Line:     row.Line,
		Outcome:  o.kind.String(),
		Status:   o.status,
		Code:     o.code,
		Reason:   visible(o.reason),
		InDoubt:  o.inDoubt,
		Attempts: o.attempts,
		At:       o.at.Format(timeLayout),
		Tag:      row.Tag,
		Surplus:  string(row.Surplus),
	})
	b.Truncate(b.Len() - 1) // the line feed
	b.WriteString("}\n")
	return b.Bytes()
}
