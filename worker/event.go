package worker

import (
	"time"

	"mantatag/ingest"
	"mantatag/report/journal"
	"mantatag/worker/manta"
)

// Event tells the command what happens, for its progress and its log.
type Event struct {
	Kind    EventKind
	Row     ingest.Row    // Unsendable, Duplicate, Skipped, Sent, Answered, Settled
	Answer  manta.Answer  // Answered
	Request string        // Sent, Answered: the request id
	Again   bool          // Sent: an earlier run had left the row in doubt, and this is the first request since
	Latency time.Duration // Answered
	Entry   journal.Entry // Settled; Skipped: its Kind alone, as the reports have it
	Outage  Outage        // OutageLasts
	Message string        // OutageBegan: the last failure
}

// EventKind says what an Event tells of.
type EventKind uint8

const (
	Unsendable EventKind = iota // a row came out of the input and cannot be sent: failed
	Duplicate                   // … and asks for what an earlier row of this input asks for
	Skipped                     // … and has its outcome from an earlier run
	Sent                        // a request leaves
	Answered                    // … and was answered, or given up
	Settled                     // a row has its outcome
	OutageBegan
	OutageLasts // the next try has its time
	OutageEnded
	Renewed // the credentials were read again and had changed
)

// Outage is how an outage stands.
type Outage struct {
	Since  time.Time // the first failure
	Next   time.Time // one request will try whether it is over
	GiveUp time.Time // the run stops if that fails as well
}
