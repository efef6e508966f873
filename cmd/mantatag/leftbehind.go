package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"mantatag/ingest"
	"mantatag/report"
	"mantatag/report/journal"
)

// sparedInput is an input of an earlier run of which rows are still to be sent that
// the present one lacks: a standard input that would have been replaced, or another
// file.
type sparedInput struct {
	name  string
	rows  int64           // to be sent; -1: it is not known how many
	doubt bool            // all of these are in doubt
	of    journal.Session // the last run of it; zero: there was none
	gone  bool            // it is not there under its name any more
	under bool            // it was replaced while the present run read it
}

// spareInput keeps what an earlier run kept of standard input under a dated
// name, if next is another input and lacks rows of the old one that are still to
// be sent.
func spareInput(ctx context.Context, j *journal.Journal, next string, read ingest.Options) (*sparedInput, error) {
	name := filepath.Join(j.Dir(), keptInput)
	if same, err := sameContent(name, next); same || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	spared := &sparedInput{rows: -1}
	if absolute, err := filepath.Abs(name); err == nil {
		for _, of := range slices.Backward(j.Sessions()) {
			if of.Input == absolute {
				spared.of = of
				spared.rows, spared.doubt = unsent(ctx, j, rowsGiven(ctx, j, of), next, read)
				break
			}
		}
	}
	if spared.rows == 0 {
		return nil, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var err error
	if spared.name, err = report.SetAside(name); err != nil {
		return nil, usagef("standard input cannot be kept in the job folder: %w", err)
	}
	return spared, nil
}

// unsent is how many rows of an earlier input, which goes through what they ask for,
// are still to be sent and ask for what next does not ask for, and whether all of
// them are in doubt; -1: it cannot be known.
func unsent(ctx context.Context, j *journal.Journal, rows func(each func(journal.Key)) error, next string, read ingest.Options) (n int64, doubt bool) {
	defer j.AskAnew()
	doubt = true
	asked := false
	err := rows(func(key journal.Key) {
		if state := j.Lookup(key).State; state == journal.Succeeded || state == journal.Failed {
			return
		}
		if !asked {
			asked = true
			// The run meets the same error, and says it.
			_ = mappings(ctx, j, next, read, func(key journal.Key, row int64) { j.Ask(key, row) })
		}
		if ref := j.Lookup(key); ref.First == 0 {
			n, doubt = n+1, doubt && ref.InDoubt
		}
	})
	if err != nil {
		return -1, false
	}
	return n, doubt
}

// rowsGiven is a way through what the rows of the input of a run ask for.
func rowsGiven(ctx context.Context, j *journal.Journal, of journal.Session) func(each func(journal.Key)) error {
	return func(each func(journal.Key)) error {
		return mappings(ctx, j, of.Input, optionsOf(of.Params, of.Bot), func(key journal.Key, _ int64) { each(key) })
	}
}

// mappings goes through what the rows of an input ask for.
func mappings(ctx context.Context, j *journal.Journal, input string, read ingest.Options, each func(key journal.Key, row int64)) error {
	in, err := ingest.Open(input, read)
	if err != nil {
		return err
	}
	defer in.Close()
	for {
		row, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case row.Err == nil:
			each(journal.NewKey(j.Host(), read.BotID, row.TagID, row.ClientID, row.Platform, row.PlatformClientID), row.Number)
		}
	}
}

// leftBehind is what the last run of a job was given, if this run is given something
// else, be it under the same name, or reads it in another way, and lacks rows of it
// that are still to be sent, or may lack some.
func leftBehind(ctx context.Context, j *journal.Journal, input string, read ingest.Options) (*sparedInput, error) {
	last := report.LastTaken(j, read.BotID)
	if last.Begin.IsZero() || last.Input == input && isKept(input, j.Dir()) {
		return nil, nil // a standard input of the last run may be another: see spareInput
	}
	same := last.Input == input && sameReading(last.Params, paramsOf(read, false))
	replaced := last.Replaced()
	if same && !replaced {
		return nil, nil
	}
	behind := &sparedInput{name: last.Input, of: last}
	if !same && !replaced { // what is there now is not what was left
		behind.rows, behind.doubt = unsent(ctx, j, rowsGiven(ctx, j, last), input, read)
	}
	if behind.rows < 0 || replaced {
		left := func(each func(journal.Key)) error { return report.Left(j, last, each) }
		lost, doubt := unsent(ctx, j, left, input, read)
		if lost > 0 && !same {
			if gone, _ := unsent(ctx, j, left, last.Input, optionsOf(last.Params, last.Bot)); gone == 0 {
				behind.rows, behind.doubt = lost, doubt // the new file has them too
			}
		}
		if lost > behind.rows || lost < 0 && behind.rows <= 0 && !triedAll(last) {
			behind.rows, behind.doubt, behind.gone = lost, doubt, true
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case behind.rows == 0, behind.rows < 0 && !behind.gone:
		return nil, nil
	}
	return behind, nil
}

// triedAll reports whether a run left no row of its input.
func triedAll(s journal.Session) bool {
	return !s.End.IsZero() && s.StoppedBy == "" && s.Totals.Retryable == 0 && !s.Params.HoldInDoubt
}

// sameReading reports whether two ways of reading an input find the same rows in it.
func sameReading(a, b journal.Params) bool {
	return maps.Equal(a.Map, b.Map) && a.Tag == b.Tag && a.Platform == b.Platform && (a.Sheet == b.Sheet || a.Sheet == "") && a.SplitTags == b.SplitTags
}
