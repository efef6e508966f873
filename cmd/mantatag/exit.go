package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"syscall"

	"mantatag/cmd/mantatag/lang"
	"mantatag/ingest"
	"mantatag/report"
	"mantatag/report/journal"
	"mantatag/worker/manta"
)

// exitStatus is the code of a command that has already said everything.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// usageError is a fault of the command line, the configuration or the input.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{sayf(format, args...)} }

func (e usageError) Unwrap() error { return e.error }

// sentence is an error of this package that can be said in any language: its
// format is the key.
type sentence struct {
	error
	format string
	args   []any
}

// sayf is fmt.Errorf with an error that can be said in any language.
func sayf(format string, args ...any) error {
	return &sentence{fmt.Errorf(format, args...), format, args}
}

func (s *sentence) Unwrap() error { return errors.Unwrap(s.error) }

// Sentence implements [lang.Sentence].
func (s *sentence) Sentence() (string, []any) {
	return strings.NewReplacer("%w", "%v", "]w", "]v").Replace(s.format), s.args
}

// interrupted is the cause of a context that a signal ended.
type interrupted struct{ os.Signal }

func (i interrupted) Error() string { return "interrupted by " + i.name() }

// Sentence implements [lang.Sentence].
func (i interrupted) Sentence() (string, []any) { return "interrupted by %[1]s", []any{i.name()} }

func (i interrupted) name() string {
	switch i.Signal {
	case syscall.SIGTERM:
		return "SIGTERM"
	case syscall.SIGHUP:
		return "SIGHUP"
	}
	return "SIGINT"
}

func (i interrupted) exitCode() int {
	switch i.Signal {
	case syscall.SIGTERM, syscall.SIGHUP:
		return report.ExitTerminated
	}
	return report.ExitInterrupted
}

// catch, deferred, makes a panic the exit code of a fault of the program; Go's
// own for it would tell a user to mend the command line.
func catch(stderr io.Writer, l *lang.Language, code *int) {
	if p := recover(); p != nil {
		fmt.Fprintf(stderr, "mantatag: %s\n\n%s", l.Say("a fault of the program itself: %[1]v", p), debug.Stack())
		*code = report.ExitFault
	}
}

// exitCode says an error in one sentence and maps it to its code.
func exitCode(stderr io.Writer, l *lang.Language, err error) int {
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
	fmt.Fprintln(stderr, "mantatag:", l.Error(err))
	switch {
	case errors.As(err, &stopped):
		return stopped.exitCode()
	case errors.Is(err, journal.ErrLocked):
		return report.ExitRunning
	case errors.Is(err, manta.ErrRenewalRefused), errors.Is(err, manta.ErrRenewalLost):
		return report.ExitRefused
	case errors.As(err, &usage), errors.As(err, &input), errors.As(err, &host), errors.As(err, &disk),
		errors.Is(err, journal.ErrCorrupt), errors.Is(err, journal.ErrVersion):
		return report.ExitUsage
	case errors.Is(err, context.Canceled):
		return interrupted{os.Interrupt}.exitCode()
	}
	return report.ExitFault
}
