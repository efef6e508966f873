//go:build unix

package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"mantatag/report"
	"mantatag/report/journal"
)

type (
	signals = []syscall.Signal
	codes   = []int
)

// TestSignals holds a request and interrupts: after the first signal the
// program waits for it, and ends with the signal's code; a second makes it
// leave at once, with the request in doubt and the job fit to go on.
func TestSignals(t *testing.T) {
	for _, test := range []struct {
		name   string
		ignore string // the signal that it is started to ignore
		first  []syscall.Signal
		second []syscall.Signal // none: the request is answered instead
		code   codes            // one of these
	}{
		{"INT", "", signals{syscall.SIGINT}, nil, codes{report.ExitInterrupted}},
		{"TERM", "", signals{syscall.SIGTERM}, nil, codes{report.ExitTerminated}},
		{"HUP", "", signals{syscall.SIGHUP}, nil, codes{report.ExitTerminated}},
		{"INT twice", "", signals{syscall.SIGINT}, signals{syscall.SIGINT}, codes{report.ExitInterrupted}},
		// As from GNU timeout. Two of a kind may be one already when they come, and
		// two threads may be told of one each, in either order.
		{"INT and TERM together", "", signals{syscall.SIGINT, syscall.SIGTERM}, nil, codes{report.ExitInterrupted, report.ExitTerminated}},
		{"INT, TERM", "", signals{syscall.SIGINT}, signals{syscall.SIGTERM}, codes{report.ExitTerminated}},
		// Whichever of these is told first, HUP is not the second signal.
		{"HUP twice, INT", "", signals{syscall.SIGHUP}, signals{syscall.SIGHUP, syscall.SIGINT}, codes{report.ExitInterrupted}},
		{"nohup: HUP, INT", "HUP", signals{syscall.SIGHUP, syscall.SIGINT}, nil, codes{report.ExitInterrupted}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			arrived, answer := make(chan struct{}), make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // else the server does not see the client leave
				arrived <- struct{}{}
				select {
				case <-answer:
				case <-r.Context().Done():
				}
				fmt.Fprint(w, `{"success":true,"message":"Create client tag mapping successfully"}`)
			}))
			defer server.Close()

			dir := t.TempDir()
			input, job := filepath.Join(dir, "clients.csv"), filepath.Join(dir, "job")
			if err := os.WriteFile(input, []byte("tagId,clientId\nt1,c1\nt1,c2\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("sh", "-c", `trap "" $0; exec "$@"`, cmp.Or(test.ignore, "USR1"), os.Args[0], "run", input, "--job", job, "--log-format", "console", "--state-dir", filepath.Join(dir, "state"))
			cmd.Env = append(os.Environ(), "MANTATAG_TEST_MAIN=1", "MANTATAG_TOKEN=a-token-for-tests", "MANTATAG_SECRET=a-secret-for-tests", "MANTATAG_BOT_ID=b", "MANTATAG_API_URL="+server.URL)
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			said := bufio.NewScanner(stderr)
			until := func(text string) {
				for said.Scan() {
					if strings.Contains(said.Text(), text) {
						return
					}
				}
				t.Errorf("%q was never said", text)
			}
			send := func(all []syscall.Signal) {
				for _, s := range all {
					if err := cmd.Process.Signal(s); err != nil {
						t.Error(err)
					}
				}
			}

			<-arrived
			send(test.first)
			until("a second signal leaves at once")
			succeeded := int64(0)
			if test.second != nil {
				send(test.second)
			} else {
				close(answer)
				succeeded = 1
			}
			left := false
			for said.Scan() {
				left = left || strings.Contains(said.Text(), "left at a second signal: what was in flight may have been done")
			}
			_ = cmd.Wait()
			if want := test.second != nil; left != want {
				t.Errorf("it said that it left at once: %t", left)
			}
			if code := cmd.ProcessState.ExitCode(); !slices.Contains(test.code, code) {
				t.Errorf("it exited with %d, not one of %d", code, test.code)
			}

			j, err := journal.View(job)
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			summary, err := report.Fold(t.Context(), report.Source{Journal: j, Input: input, Bot: "b"})
			if err != nil {
				t.Fatal(err)
			}
			if got := summary.Rows; got.Read != 2 || got.Succeeded != succeeded || got.Pending != 2-succeeded || summary.InDoubt != 1-succeeded {
				t.Errorf("of two rows, one was sent: %+v, in doubt %d", got, summary.InDoubt)
			}
		})
	}
}

// TestSignalWhileInputComes: standard input that never ends does not hold up the
// first signal, and one that ends with it, as its producer had the signal too, is
// not taken for whole.
func TestSignalWhileInputComes(t *testing.T) {
	for _, ends := range []bool{false, true} {
		job := filepath.Join(t.TempDir(), "job")
		cmd := exec.Command(os.Args[0], "run", "-", "--job", job)
		cmd.Env = append(os.Environ(), "MANTATAG_TEST_MAIN=1", "MANTATAG_TOKEN=a-token-for-tests", "MANTATAG_SECRET=a-secret-for-tests", "MANTATAG_BOT_ID=b", "MANTATAG_API_URL=http://127.0.0.1:9")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer stdin.Close()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// More than a pipe holds: once it is written, the program is reading.
		if _, err := io.WriteString(stdin, "tagId,clientId\n"+strings.Repeat("t1,c1\n", 1<<18)+"t1,c"); err != nil {
			t.Fatal(err)
		}
		if ends {
			_ = stdin.Close()
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		state, err := cmd.Process.Wait() // cmd.Wait would close stdin
		if err != nil || state.ExitCode() != report.ExitInterrupted {
			t.Errorf("it ended with %v, %v", state, err)
		}
		left, err := filepath.Glob(filepath.Join(job, "input*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %q, %v", left, err)
		}
	}
}
