package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"mantatag/worker/manta/sandbox"
)

// TestKilledInDoubt kills the program when the API has done what it asked and
// has not answered yet. The next run holds the row back or sends it again, as
// it is told; and when the API refuses the repeat, the row is failed and marked.
func TestKilledInDoubt(t *testing.T) {
	var mu sync.Mutex
	var running *os.Process
	asked := 0 // for c2
	api := sandbox.New(sandbox.Options{RefuseRepeats: true, Record: func(r sandbox.Record) {
		mu.Lock()
		defer mu.Unlock()
		if r.Mapping.ClientID != "c2" {
			return
		}
		asked++
		if running != nil {
			_ = running.Kill()
			running = nil
		}
	}, Latency: 200 * time.Millisecond}) // for the answer to find nobody
	server, err := sandbox.Listen("127.0.0.1:0", api)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rows.csv"), "tagId,clientId\nt,c1\nt,c2\nt,c3\n")
	cmd := exec.Command(os.Args[0], "run", "rows.csv", "--job", "job", "--concurrency", "1", "--rate", "20/s")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "MANTATAG_TEST_MAIN=1", "MANTATAG_API_URL="+server.URL, "XDG_STATE_HOME="+dir,
		"MANTATAG_TOKEN="+sandbox.Token, "MANTATAG_SECRET="+sandbox.Secret, "MANTATAG_BOT_ID="+sandbox.BotID)
	mu.Lock() // no request is answered before the process is known
	err = cmd.Start()
	running = cmd.Process
	mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	mu.Lock()
	killed := running == nil
	mu.Unlock()
	if err == nil || !killed {
		t.Fatalf("it was not killed: %v", err)
	}

	// The others may be in doubt as well, by an outcome that had not reached
	// the disk.
	for _, tt := range []struct {
		inDoubt string
		code    int
		asked   int
		file    string
		row     string
	}{
		{"hold", 4, 1, "retryable.csv", `(?m)^t,c2,.*,retryable,.*,true,`},
		{"resend", 3, 2, "failed.csv", `(?m)^t,c2,.*,failed,403,37098,Client tag mapping already exists,true,`},
	} {
		r := runProgram(t, dir, server.URL, nil, "run", "rows.csv", "--job", "job", "--in-doubt", tt.inDoubt)
		mu.Lock()
		n := asked
		mu.Unlock()
		if text := slurp(t, dir, "job/"+tt.file); r.code != tt.code || n != tt.asked || !regexp.MustCompile(tt.row).MatchString(text) {
			t.Errorf("%s: exit %d, asked for %d times\n%s%s", tt.inDoubt, r.code, n, r.stderr, text)
		}
		if said := strings.Contains(r.stderr, "an earlier run had left in doubt"); said != (tt.inDoubt == "resend") {
			t.Errorf("%s: whether a row in doubt was sent again is not said rightly:\n%s", tt.inDoubt, r.stderr)
		}
	}
	if a := api.Account(); a.Repeated != 0 || api.Mappings() != 3 {
		t.Errorf("%+v", a)
	}
}
