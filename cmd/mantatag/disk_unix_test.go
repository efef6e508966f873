//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"mantatag/worker/manta/sandbox"
)

// MANTATAG_TEST_FILE_SIZE is the length in bytes beyond which the program's
// writes to any file fail, as on a disk that is full.
func init() {
	if size, err := strconv.ParseUint(os.Getenv("MANTATAG_TEST_FILE_SIZE"), 10, 64); err == nil {
		limit := syscall.Rlimit{}
		if err = syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err == nil {
			limit.Cur = size
			err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
		}
		if err != nil {
			panic(err)
		}
	}
}

func noFileBeyond(bytes int) []string {
	return []string{"MANTATAG_TEST_FILE_SIZE=" + strconv.Itoa(bytes)}
}

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

// TestNoWriteGoesThrough lets every file in turn be the first one for which
// there is no room: the program says which it is and why, exits with 2, claims
// no more than is on disk, and the same command goes on when there is room.
func TestNoWriteGoesThrough(t *testing.T) {
	named := map[string]bool{}
	for size := 0; ; size += 16 + size/8 {
		dir, server, api := smallJob(t)
		// Each metric carries the job's folder, so that this file is the longest.
		job := strings.Repeat("a-long-name-", 15)
		run := func(env []string) ran {
			return runProgram(t, dir, server.URL, env, "run", "rows.csv", "--job", job, "--metrics-file", "job.prom")
		}
		r := run(noFileBeyond(size))
		sent := api.Account().Requests
		journal, err := os.ReadFile(filepath.Join(dir, job, "journal.ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		recorded := 0
		for line := range strings.Lines(string(journal)) {
			if strings.HasPrefix(line, `{"kind":"succeeded"`) && strings.HasSuffix(line, "\n") {
				recorded++
			}
		}
		claimed := 0
		if _, err := os.Stat(filepath.Join(dir, job, "summary.json")); err == nil {
			claimed = readSummary(t, filepath.Join(dir, job)).Rows.Succeeded
		}
		if claimed > recorded {
			t.Errorf("%d bytes: %d successes are claimed and %d recorded", size, claimed, recorded)
		}
		if r.code == 0 {
			break
		}
		first := ""
		for line := range strings.Lines(r.stderr) {
			if strings.Contains(line, "file too large") && !strings.Contains(line, "run.log") {
				first = line
				break
			}
		}
		for _, name := range []string{"journal.ndjson", "succeeded.csv", "reports.json", "summary.json", "report.html", "job.prom"} {
			if strings.Contains(first, name) {
				named[name] = true
				first = ""
				break
			}
		}
		for _, where := range regexp.MustCompile(`, see (\S+)`).FindAllStringSubmatch(r.stderr, -1) {
			if _, err := os.Stat(filepath.Join(dir, where[1])); err != nil {
				t.Errorf("%d bytes: %s is named: %v", size, where[1], err)
			}
		}
		if r.code != 2 || first != "" {
			t.Errorf("%d bytes: exit %d, and no file is named\n%s", size, r.code, r.stderr)
		}
		if r := run(nil); r.code != 0 || api.Mappings() != 3 || api.Account().Requests-sent != 3-recorded {
			t.Errorf("%d bytes: with room again it exits with %d, %d mappings, %d requests for %d rows\n%s",
				size, r.code, api.Mappings(), api.Account().Requests-sent, 3-recorded, r.stderr)
		}
	}
	for _, name := range []string{"journal.ndjson", "report.html", "job.prom"} {
		if !named[name] {
			t.Errorf("there was always room for %s; there was none for %v", name, named)
		}
	}
}

// TestInputThatCannotBeKept: standard input for which there is no room ends the
// run before anything is sent, and the one that was kept before stays.
func TestInputThatCannotBeKept(t *testing.T) {
	dir, server, api := smallJob(t)
	run := func(env []string, rows string) ran {
		write(t, filepath.Join(dir, "stdin"), rows)
		in, err := os.Open(filepath.Join(dir, "stdin"))
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		return runProgramOn(t, in, dir, server.URL, env, "run", "-", "--job", "job")
	}
	const before = "tagId,clientId\nt,c1\n"
	if r := run(nil, before); r.code != 0 || api.Account().Requests != 1 {
		t.Fatalf("exit %d\n%s", r.code, r.stderr)
	}
	r := run(noFileBeyond(8000), before+strings.Repeat("t,c2\n", 2000))
	if r.code != 2 || !strings.Contains(r.stderr, "standard input cannot be kept") || !strings.Contains(r.stderr, "file too large") || api.Account().Requests != 1 {
		t.Errorf("exit %d, %d requests\n%s", r.code, api.Account().Requests, r.stderr)
	}
	if kept, err := filepath.Glob(filepath.Join(dir, "job", "input*")); err != nil || len(kept) != 1 || slurp(t, dir, "job/input") != before {
		t.Errorf("kept is %q, %v", kept, err)
	}
}

// TestCheckOutputThatCannotBeWritten keeps its old content, and is no success.
func TestCheckOutputThatCannotBeWritten(t *testing.T) {
	dir, server, _ := smallJob(t)
	write(t, filepath.Join(dir, "bad.csv"), "tagId,clientId\n,c1\n")
	write(t, filepath.Join(dir, "out.csv"), "mantatag_outcome\n")
	r := runProgram(t, dir, server.URL, noFileBeyond(50), "check", "bad.csv", "--output", "out.csv")
	left, err := filepath.Glob(filepath.Join(dir, "out.csv*"))
	if r.code != 2 || !strings.Contains(r.stderr, "--output out.csv cannot be written") || slurp(t, dir, "out.csv") != "mantatag_outcome\n" || len(left) != 1 || err != nil {
		t.Errorf("exit %d, %q is left\n%s", r.code, left, r.stderr)
	}
}

// TestFaultOfTheLastWrite: that the journal's end could not be written comes before
// whatever else ended the run.
func TestFaultOfTheLastWrite(t *testing.T) {
	server, err := sandbox.Listen("127.0.0.1:0", sandbox.New(sandbox.Options{UnknownShare: 1}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	dir := t.TempDir()
	var rows strings.Builder
	rows.WriteString("tagId,clientId\n")
	for i := range 300 { // so many that no other file is as long as the journal
		rows.WriteString("t,c" + strconv.Itoa(i) + "\n")
	}
	write(t, filepath.Join(dir, "rows.csv"), rows.String())
	run := func(job string, env []string) ran {
		return runProgram(t, dir, server.URL, env, "run", "rows.csv", "--job", job, "--stop-after-failures", "250", "--concurrency", "1")
	}
	whole := run("whole", nil)
	info, err := os.Stat(filepath.Join(dir, "whole", "journal.ndjson"))
	if err != nil || whole.code != 3 {
		t.Fatal(whole.code, err, whole.stderr)
	}
	// How many intents were recorded ahead, and taken back, differs from run to run,
	// and with it the length. The journal's last line is some 350 bytes long.
	faults := 0
	for less := 0; less < 1500; less += 150 {
		job := "less-" + strconv.Itoa(less)
		r := run(job, noFileBeyond(int(info.Size())-less))
		text, err := os.ReadFile(filepath.Join(dir, job, "journal.ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		ended := strings.Contains(string(text), `"stopped_by":"failures"`)
		switch {
		case r.code == 2 && strings.Contains(r.stderr, "journal.ndjson"):
			faults++
		case r.code != 3 || !ended:
			t.Errorf("%d bytes less: exit %d, the end recorded: %v\n%s", less, r.code, ended, r.stderr)
		}
	}
	if faults == 0 {
		t.Error("no run met a full disk")
	}
}
