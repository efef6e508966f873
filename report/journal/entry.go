// Package journal is the checkpoint of a job: an append-only file of JSON
// lines that holds what was intended and what became of it, so that a run cut
// off at any moment goes on without losing or repeating an outcome. The format
// and its guarantees are in docs/journal.md.
package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"os"
	"time"
)

// Key names a mapping by its content: the first 128 bits of a SHA-256 over
// its fields.
type Key [16]byte

// NewKey is the key of a mapping of bot at the API host. No two different
// sequences of fields are hashed from the same bytes.
func NewKey(host, bot, tag, client, platform, platformClient string) Key {
	var buf [256]byte
	b := buf[:0]
	for _, f := range [...]string{host, bot, tag, client, platform, platformClient} {
		b = binary.AppendUvarint(b, uint64(len(f)))
		b = append(b, f...)
	}
	sum := sha256.Sum256(b)
	return Key(sum[:16])
}

func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Kind says what an entry records.
type Kind uint8

const (
	None      Kind = iota // no entry: the mapping was never sent
	Intent                // a request is about to leave
	Unsent                // the request of the last intent did not leave after all: takes that intent back
	Refused               // it was answered, not by a success, and it is to be sent again (429, 5xx, bad credentials); InDoubt: the answer was not the API's
	Lost                  // it was written and no answer came: in doubt
	Succeeded             // outcome: the mapping is made
	Failed                // outcome: the API refused it for good
	Retryable             // outcome: given up for this run, to be sent again by the next
)

// answer reports whether the kind ends an intent with something worth keeping.
func (k Kind) answer() bool { return k >= Refused }

// Entry is one line of the journal about one mapping.
type Entry struct {
	Kind     Kind
	Key      Key
	At       time.Time // UTC, to the millisecond
	Row      int64     // the row of the input that asked, for the reader of the journal only
	Attempts int       // requests for this row in this session that count as attempts, this one included
	Request  string    // Intent: the request id sent to the server, at most 128 bytes of it
	Status   int       // answers and outcomes: HTTP status; 0 where there was none
	Code     int       // errResponse.code; 0 where there was none
	Reason   string    // what the server or the network said, free text, at most 4096 bytes of it; empty for a success
	InDoubt  bool      // an attempt before this entry, or this one, may have been done without an answer
}

// Session is what the journal keeps of one run, written at its beginning
// (Begin) and, unless the run was cut off, again at its end (End).
type Session struct {
	Number int       `json:"number"`       // from 1
	Begin  time.Time `json:"begin"`        // UTC, to the millisecond
	End    time.Time `json:"end,omitzero"` // zero: the run was cut off, or still goes on

	Program string `json:"program"` // version of mantatag
	Bot     string `json:"bot"`
	Input   string `json:"input"` // absolute path
	// What tells the input from another that takes its place; zero: unknown.
	InputSize     int64     `json:"input_size,omitempty"`
	InputModified time.Time `json:"input_modified,omitzero"`
	Params        Params    `json:"params"`
	// Flags are those of the command that goes on, whole words each; nil: unknown.
	Flags []string `json:"flags,omitempty"`
	// Behind counts rows of the run before that are still to be sent and not among
	// this one's; -1: there may be some.
	Behind int64 `json:"behind,omitempty"`

	StoppedBy string `json:"stopped_by,omitempty"`
	Message   string `json:"message,omitempty"`

	// Terminated says that the interrupt was a SIGTERM or SIGHUP.
	Terminated bool `json:"terminated,omitempty"`

	// What there is to say of its pace, known at its end.
	LearnedPerSecond float64 `json:"learned_per_second,omitempty"` // the limit that was found; 0: none that is sure
	LearnedInFlight  int     `json:"learned_in_flight,omitempty"`  // requests at once that the API takes; 0: no such bound was found
	GivenPerSecond   float64 `json:"given_per_second,omitempty"`   // --rate; 0: auto
	BoundInFlight    int     `json:"bound_in_flight,omitempty"`    // --concurrency, where nothing else held the run back

	// Totals is counted by the journal; what a caller puts here is ignored.
	Totals Totals `json:"totals,omitzero"`
}

// Replaced reports whether the input of a run is there no more, or another by now.
func (s Session) Replaced() bool {
	info, err := os.Stat(s.Input)
	return err != nil || !s.InputModified.IsZero() && (info.Size() != s.InputSize || !info.ModTime().Equal(s.InputModified))
}

// Totals counts the entries of a session.
type Totals struct {
	Sent      int64 `json:"sent"` // intents less those taken back
	Refused   int64 `json:"refused"`
	Lost      int64 `json:"lost"`
	Succeeded int64 `json:"succeeded"`
	Failed    int64 `json:"failed"`
	Retryable int64 `json:"retryable"`
}

func (t *Totals) add(k Kind) {
	switch k {
	case Intent:
		t.Sent++
	case Unsent:
		t.Sent--
	case Refused:
		t.Refused++
	case Lost:
		t.Lost++
	case Succeeded:
		t.Succeeded++
	case Failed:
		t.Failed++
	case Retryable:
		t.Retryable++
	}
}

// Params are the flags that decide how the input is read, so that reports can
// be made again from the journal alone.
type Params struct {
	Format   string            `json:"format,omitempty"`
	Map      map[string]string `json:"map,omitempty"` // field → column
	Tag      string            `json:"tag,omitempty"`
	Platform string            `json:"platform,omitempty"`

	Delimiter string `json:"delimiter,omitempty"`
	Encoding  string `json:"encoding,omitempty"`
	Sheet     string `json:"sheet,omitempty"`
	SplitTags string `json:"split_tags,omitempty"`

	HoldInDoubt bool `json:"hold_in_doubt,omitempty"`
}
