package worker

import "fmt"

// Stop is why a run ended before every row had its outcome. By is a word of
// summary.json's stopped_by.
type Stop struct {
	By      string
	Message string // one sentence: what happened and what to do
	Err     error  // the cause, where there is one
}

// The words of stopped_by.
const (
	ByInterrupt   = "interrupt"
	ByDeadline    = "deadline"
	ByCredentials = "credentials"
	ByBot         = "bot"
	ByOutage      = "outage"
	ByFailures    = "failures"
	ByDisk        = "disk"
	ByInput       = "input"
	ByConfig      = "config"
)

func (s *Stop) Error() string { return fmt.Sprintf("stopped (%s): %s", s.By, s.Message) }
func (s *Stop) Unwrap() error { return s.Err }
