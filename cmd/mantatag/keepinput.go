package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"mantatag/ingest"
	"mantatag/report/journal"
)

// keptInput is the name under which standard input is kept in the job folder.
const keptInput = "input"

// isKept reports whether input is a standard input that is kept in the folder job.
func isKept(input, job string) bool { return sameFile(input, filepath.Join(job, keptInput)) }

// signalTakes is how long after the end of an input a signal that ended it may be
// told, on a busy machine.
const signalTakes = 250 * time.Millisecond

// keepInput copies standard input into the folder of a job that this run has
// locked, and returns the file. One that breaks off, or that try (which may be
// nil) refuses, leaves what an earlier run kept as it was.
func keepInput(ctx context.Context, stdin io.Reader, job string, try func(name string) error) (name string, err error) {
	name = filepath.Join(job, keptInput)
	temp := name + ".tmp"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", usagef("standard input cannot be kept in the job folder: %w", err)
	}
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(f, stdin)
		copied <- err
	}()
	select {
	case err = <-copied:
	case <-ctx.Done():
		// A read of a terminal or a pipe cannot be broken off; it ends with
		// the program.
		return "", errors.Join(context.Cause(ctx), f.Close(), journal.Remove(temp))
	}
	if err == nil {
		// Ctrl-C reaches a whole pipeline: its producer dies, and the input ends as if
		// it were whole. On Windows it ends a read of the console so. Either way it is
		// told as a signal beside that, which may come a little later.
		select {
		case <-ctx.Done():
		case <-time.After(signalTakes):
		}
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
		return "", errors.Join(err, f.Close(), journal.Remove(temp))
	}
	defer func() {
		if err != nil {
			_ = f.Close() // it may be closed already
			_ = journal.Remove(temp)
		}
	}()
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", usagef("standard input cannot be kept in the job folder: %w", err)
	}
	if try != nil && ctx.Err() == nil {
		if err = try(temp); err != nil {
			if input, ok := errors.AsType[*ingest.InputError](err); ok {
				input.File = "standard input"
			}
			return "", err
		}
	}
	if err = context.Cause(ctx); err != nil {
		return "", err
	}
	// The journal will speak of its rows: the name has to be as durable.
	if err = errors.Join(journal.Replace(temp, name), journal.SyncDir(job)); err != nil {
		return "", usagef("standard input cannot be kept in the job folder: %w", err)
	}
	return name, nil
}

// sameContent reports whether two files hold the same.
func sameContent(a, b string) (bool, error) {
	f, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer f.Close()
	g, err := os.Open(b)
	if err != nil {
		return false, err
	}
	defer g.Close()
	x, y := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err1 := io.ReadFull(f, x)
		m, err2 := io.ReadFull(g, y)
		if !bytes.Equal(x[:n], y[:m]) || err1 != err2 {
			return false, nil
		}
		if err1 != nil {
			return err1 == io.EOF || err1 == io.ErrUnexpectedEOF, nil
		}
	}
}
