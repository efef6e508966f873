package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mantatag/report"
	"mantatag/report/journal"
)

// jobFolder is where the job of an input lives unless --job says otherwise.
func jobFolder(input string, sandbox bool) string {
	if input == "-" {
		input = "stdin"
	}
	if sandbox {
		return input + ".sandbox.mantatag"
	}
	return input + ".mantatag"
}

// outsideJob refuses an input that the run would write over or move away.
func outsideJob(input, job string, fresh bool) error {
	for _, name := range report.OutcomeFiles() {
		if sameFile(input, filepath.Join(job, name)) {
			return usagef("%s is an outcome file of this very job, which writes it anew: give a copy of it, or leave out --job", input)
		}
	}
	if fresh && sameFile(input, filepath.Join(job, filepath.Base(input))) {
		return usagef("%s lies in the job folder, which --fresh moves away: give a copy of it", input)
	}
	return nil
}

// retire moves an earlier job out of the way, and no other folder. It returns
// where to, "" if there is none.
func retire(dir string) (string, error) {
	if existingJob(dir) != nil && journalLost(dir) == nil {
		return "", nil
	}
	return journal.Retire(dir, time.Now())
}

// noFile is a usage error if a file, such as the input, is given in the place of
// a job folder.
func noFile(dir string) error {
	if info, err := os.Stat(dir); err != nil || info.IsDir() {
		return nil
	}
	for _, sandbox := range []bool{false, true} {
		if job := jobFolder(dir, sandbox); existingJob(job) == nil {
			return usagef("%s is a file, not a job folder; its job is %s", dir, job)
		}
	}
	return usagef("%s is a file, not a job folder; a job folder is the one that a run made, INPUT.mantatag beside its input", dir)
}

// existingJob is a usage error unless dir holds a job.
func existingJob(dir string) error {
	if err := noFile(dir); err != nil {
		return err
	}
	switch _, err := os.Stat(filepath.Join(dir, "journal.ndjson")); {
	case errors.Is(err, fs.ErrNotExist):
		return usagef("%s is not a job folder: there is no journal.ndjson in it; a job folder is the one that a run made, INPUT.mantatag beside its input", dir)
	case err != nil:
		return usagef("the job cannot be read: %w", err)
	}
	return nil
}

// journalLost is a usage error if a job whose journal knows of no run has sent
// something all the same: begun anew, it would send that again.
func journalLost(dir string) error {
	if !report.SentBefore(dir) {
		return nil
	}
	return usagef("%s has outcomes of earlier runs and no journal that knows of them: put its journal.ndjson back, or start over with --fresh, which sends every row again", dir)
}

// hasOutcomes reports whether a run of the job in dir, if there is one, has
// recorded an outcome.
func hasOutcomes(dir string) bool {
	if existingJob(dir) != nil {
		return false
	}
	j, err := journal.View(dir)
	if err != nil {
		return false // who opens it meets the same error, and says it
	}
	defer j.Close()
	return slices.ContainsFunc(j.Sessions(), func(s journal.Session) bool {
		return s.Totals.Succeeded+s.Totals.Failed+s.Totals.Retryable > 0
	})
}
