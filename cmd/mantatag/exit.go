package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"mantatag/ingest"
	"mantatag/report"
	"mantatag/report/journal"
)

// exitStatus is the code of a command that has already said everything.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// usageError is a fault of the command line, the configuration or the input.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func (e usageError) Unwrap() error { return e.error }

// interrupted is the cause of a context that a signal ended.
type interrupted struct{ os.Signal }

func (i interrupted) Error() string { return "interrupted by " + i.Signal.String() }

func (i interrupted) exitCode() int {
	if i.Signal == syscall.SIGTERM {
		return report.ExitTerminated
	}
	return report.ExitInterrupted
}

// exitCode says an error in one sentence and maps it to its code.
func exitCode(stderr io.Writer, err error) int {
	var (
		status  exitStatus
		usage   usageError
		stopped interrupted
		input   *ingest.InputError
		host    *journal.HostError
		disk    *journal.DiskError
	)
	if err == nil {
		return 0
	}
	if errors.As(err, &status) {
		return int(status)
	}
	fmt.Fprintln(stderr, "mantatag:", err)
	switch {
	case errors.As(err, &stopped):
		return stopped.exitCode()
	case errors.Is(err, journal.ErrLocked):
		return report.ExitRunning
	case errors.As(err, &usage), errors.As(err, &input), errors.As(err, &host), errors.As(err, &disk),
		errors.Is(err, journal.ErrCorrupt), errors.Is(err, journal.ErrVersion):
		return report.ExitUsage
	case errors.Is(err, context.Canceled):
		return interrupted{os.Interrupt}.exitCode()
	case strings.HasPrefix(err.Error(), "unknown command"), strings.Contains(err.Error(), " arg(s)"):
		return report.ExitUsage // cobra has no type for these
	}
	return report.ExitFault
}
