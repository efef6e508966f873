package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
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
