package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// keptInput is the name under which standard input is kept in the job folder.
const keptInput = "input"

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

// keepInput copies standard input into the job folder and returns the file. A
// copy that breaks off leaves what an earlier run kept as it was.
func keepInput(stdin io.Reader, job string) (name string, err error) {
	if err := os.MkdirAll(job, 0o700); err != nil {
		return "", usagef("the job folder cannot be made: %w", err)
	}
	f, err := os.CreateTemp(job, keptInput+".*.tmp")
	if err != nil {
		return "", usagef("standard input cannot be kept in the job folder: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = io.Copy(f, stdin)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", usagef("standard input cannot be kept in the job folder: %w", err)
	}
	name = filepath.Join(job, keptInput)
	if err := os.Rename(f.Name(), name); err != nil {
		return "", usagef("standard input cannot be kept in the job folder: %w", err)
	}
	return name, nil
}

// existingJob is a usage error unless dir holds a job.
func existingJob(dir string) error {
	switch _, err := os.Stat(filepath.Join(dir, "journal.ndjson")); {
	case errors.Is(err, fs.ErrNotExist):
		return usagef("%s is not a job folder: there is no journal.ndjson in it; a job folder is the one that a run made, INPUT.mantatag beside its input", dir)
	case err != nil:
		return usagef("the job cannot be read: %w", err)
	}
	return nil
}

// resumeCommand is the command line that goes on with a run that was started
// with args: the same, but for --fresh, which would start over, and for
// standard input, which was kept.
func resumeCommand(args []string, input, job string) string {
	words := []string{programName()}
	for _, a := range args {
		switch {
		case a == "--fresh", strings.HasPrefix(a, "--fresh="):
		case a == "-":
			words = append(words, filepath.Join(job, keptInput))
			if !slices.ContainsFunc(args, func(a string) bool { return a == "--job" || strings.HasPrefix(a, "--job=") }) {
				words = append(words, "--job", job)
			}
		default:
			words = append(words, a)
		}
	}
	for i, w := range words {
		words[i] = quote(w)
	}
	return strings.Join(words, " ")
}

// programName is how the user called the program.
func programName() string {
	if strings.Contains(os.Args[0], "go-build") {
		return "go run ./cmd/mantatag" // what "go run" starts is gone afterwards
	}
	return os.Args[0]
}

// quote makes a word safe to paste into a shell, as the platform's shell reads it.
func quote(w string) string {
	if w == "go run ./cmd/mantatag" {
		return w
	}
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-+=./:,@%", r) || r > 0x7f
	}
	if runtime.GOOS == "windows" {
		if w != "" && !strings.ContainsAny(w, " \t\"&|<>^()") {
			return w
		}
		return `"` + strings.ReplaceAll(w, `"`, `\"`) + `"`
	}
	if w != "" && !strings.ContainsFunc(w, func(r rune) bool { return !plain(r) }) {
		return w
	}
	return fmt.Sprintf("'%s'", strings.ReplaceAll(w, "'", `'\''`))
}
