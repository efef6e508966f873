//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mantatag/worker/manta/sandbox"
)

func smallJob(t *testing.T) (dir string, server *sandbox.Server, api *sandbox.Sandbox) {
	t.Helper()
	api = sandbox.New(sandbox.Options{})
	server, err := sandbox.Listen("127.0.0.1:0", api)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	dir = t.TempDir()
	write(t, filepath.Join(dir, "rows.csv"), "tagId,clientId\nt,c1\nt,c2\nt,c3\n")
	return dir, server, api
}

// TestLogThatCannotBeWritten costs the log and nothing else, and is told once.
func TestLogThatCannotBeWritten(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("this system has no /dev/full")
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = full.Close()
	dir, server, api := smallJob(t)
	job := filepath.Join(dir, "job")
	if err := os.Mkdir(job, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", filepath.Join(job, "run.log")); err != nil {
		t.Fatal(err)
	}
	r := runProgram(t, dir, server.URL, nil, "run", "rows.csv", "--job", job, "--log-level", "debug")
	if n := strings.Count(r.stderr, "run.log cannot be written any more"); r.code != 0 || n != 1 || api.Mappings() != 3 || strings.Contains(r.stderr, "zerolog") {
		t.Errorf("exit %d, %d mappings, said %d times\n%s", r.code, api.Mappings(), n, r.stderr)
	}
}

// TestUnwritableFolders: what cannot be written is said before anything is sent.
func TestUnwritableFolders(t *testing.T) {
	for _, name := range []string{"journal.ndjson", "run.log", "lock"} {
		dir, server, api := smallJob(t)
		// A folder in a file's place cannot be written by anyone, root included.
		if err := os.MkdirAll(filepath.Join(dir, "job", name), 0o700); err != nil {
			t.Fatal(err)
		}
		r := runProgram(t, dir, server.URL, nil, "run", "rows.csv", "--job", "job")
		if r.code != 2 || !strings.Contains(r.stderr, name) || api.Account().Requests != 0 {
			t.Errorf("%s: exit %d, %d requests\n%s", name, r.code, api.Account().Requests, r.stderr)
		}
	}
	for _, name := range []string{"succeeded.csv", "summary.json", "report.html"} {
		dir, server, api := smallJob(t)
		if err := os.MkdirAll(filepath.Join(dir, "job", name, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		r := runProgram(t, dir, server.URL, nil, "run", "rows.csv", "--job", "job")
		if r.code != 2 || !strings.Contains(r.stderr+r.stdout, name) || api.Mappings() != 3 {
			t.Errorf("%s: exit %d, %d mappings\n%s%s", name, r.code, api.Mappings(), r.stderr, r.stdout)
		}
		// The rows are done all the same, and when there is room it says so.
		if err := os.RemoveAll(filepath.Join(dir, "job", name)); err != nil {
			t.Fatal(err)
		}
		if r := runProgram(t, dir, server.URL, nil, "run", "rows.csv", "--job", "job"); r.code != 0 || api.Account().Requests != 3 {
			t.Errorf("%s: afterwards exit %d, %d requests\n%s", name, r.code, api.Account().Requests, r.stderr)
		}
	}
}

// TestNobodyReads: a result and a log that go to closed pipes cost the job nothing.
func TestNobodyReads(t *testing.T) {
	for _, args := range [][]string{{}, {"--json"}, {"--log-format", "json", "--log-level", "debug"}} {
		dir, server, api := smallJob(t)
		cmd := exec.Command(os.Args[0], append([]string{"run", "rows.csv", "--job", "job"}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "MANTATAG_TEST_MAIN=1", "MANTATAG_API_URL="+server.URL, "XDG_STATE_HOME="+dir,
			"MANTATAG_TOKEN="+sandbox.Token, "MANTATAG_SECRET="+sandbox.Secret, "MANTATAG_BOT_ID="+sandbox.BotID)
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = reader.Close()
		cmd.Stdout, cmd.Stderr = writer, writer
		if err := cmd.Run(); err != nil {
			t.Errorf("%q: %v", args, err)
		}
		_ = writer.Close()
		if s := readSummary(t, filepath.Join(dir, "job")); s.Rows.Succeeded != 3 || api.Mappings() != 3 {
			t.Errorf("%q: %+v", args, s)
		}
		for _, name := range []string{"succeeded.csv", "report.html", "run.log"} {
			if _, err := os.Stat(filepath.Join(dir, "job", name)); err != nil {
				t.Errorf("%q: %v", args, err)
			}
		}
	}
}
