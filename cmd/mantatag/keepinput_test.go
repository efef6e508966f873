package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mantatag/ingest"
	"mantatag/report/journal"
)

// endedUnseen is a context whose end nobody is woken by.
type endedUnseen struct{ context.Context }

func (endedUnseen) Done() <-chan struct{} { return nil }

// A standard input at which the user pressed Ctrl-C is no input, whether the copy
// goes on or has just ended, and nothing of it is left.
func TestInterruptedStandardInput(t *testing.T) {
	cause := interrupted{os.Interrupt}
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	pipe, write := io.Pipe()
	defer write.Close()
	go func() { _, _ = io.WriteString(write, "tagId,clientId\n") }()
	for name, c := range map[string]struct {
		ctx   context.Context
		stdin io.Reader
	}{
		"going on": {ended, pipe},
		"ended":    {endedUnseen{ended}, strings.NewReader("tagId,clientId\nt1,")},
	} {
		t.Run(name, func(t *testing.T) {
			job := t.TempDir()
			if kept, err := keepInput(c.ctx, c.stdin, job, nil); !errors.Is(err, cause) {
				t.Errorf("kept as %q: %v", kept, err)
			}
			if left, err := os.ReadDir(job); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

// Nor is the old copy set aside when Ctrl-C comes while the new one is compared with
// it, since it is not replaced.
func TestInterruptedComparison(t *testing.T) {
	job := filepath.Join(t.TempDir(), "job")
	j, err := journal.Open(job, journal.Options{Host: "host"})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	old, next := filepath.Join(job, keptInput), filepath.Join(job, keptInput+".tmp")
	for name, text := range map[string]string{old: "tagId,clientId\nt1,c1\n", next: "tagId,clientId\nt1,c2\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Begin(journal.Session{Begin: time.Now(), Bot: "bot", Input: old}); err != nil {
		t.Fatal(err)
	}
	cause := interrupted{os.Interrupt}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if spared, err := spareInput(ctx, j, next, ingest.Options{BotID: "bot"}); !errors.Is(err, cause) {
		t.Errorf("spared as %v: %v", spared, err)
	}
	if found, err := filepath.Glob(old + "*"); err != nil || len(found) != 2 {
		t.Errorf("there are: %q, %v", found, err)
	}
}
