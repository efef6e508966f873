package report

// The exit codes of a run.
const (
	ExitSucceeded   = 0   // every row succeeded
	ExitFault       = 1   // a fault of the program itself
	ExitUsage       = 2   // usage, configuration, input or disk: mend it and run again
	ExitFailed      = 3   // rows failed
	ExitLeft        = 4   // rows are left that the same command, run again, will send
	ExitRefused     = 5   // credentials, permission or bot refused
	ExitRunning     = 6   // the job is already running
	ExitInterrupted = 130 // SIGINT
	ExitTerminated  = 143 // SIGTERM, SIGHUP
)

// Ending is all that decides the exit code of a run.
type Ending struct {
	StoppedBy  string // a word of summary.json's stopped_by
	Terminated bool   // the interrupt was a SIGTERM or SIGHUP
	Rows       Rows
	Unread     bool // the input was not read to its end: more rows may be left
}

// ExitCode is the exit code of a run that began. Where several hold, the order
// is 2, 5, 130 or 143, 4, 3, 0; a run that ended at too many failures is 3 though
// rows are left.
func ExitCode(e Ending) int {
	by := e.StoppedBy
	switch {
	case by == "config", by == "input", by == "disk":
		return ExitUsage
	case by == "credentials", by == "bot":
		return ExitRefused
	case by == "interrupt" && e.Terminated:
		return ExitTerminated
	case by == "interrupt":
		return ExitInterrupted
	case by == "failures":
		return ExitFailed
	case by == "deadline", by == "outage", e.Unread, e.Rows.Pending > 0, e.Rows.Retryable > 0:
		return ExitLeft
	case e.Rows.Failed > 0:
		return ExitFailed
	default:
		return ExitSucceeded
	}
}
