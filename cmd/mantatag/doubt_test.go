package main

import (
	"os"
	"os/exec"
	"path/filepath"
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
	api := sandbox.New(sandbox.Options{RefuseRepeats: true, Record: func(r sandbox.Record) {
		mu.Lock()
		defer mu.Unlock()
		if running != nil && r.Mapping.ClientID == "c2" {
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

	r := runProgram(t, dir, server.URL, nil, "run", "rows.csv", "--job", "job", "--in-doubt", "hold")
	if n := api.Account().Requests; r.code != 4 || n != 3 || !strings.Contains(slurp(t, dir, "job/retryable.csv"), ",true,") {
		t.Errorf("hold: exit %d, %d requests\n%s%s", r.code, n, r.stderr, slurp(t, dir, "job/retryable.csv"))
	}
	r = runProgram(t, dir, server.URL, nil, "run", "rows.csv", "--job", "job")
	if n := api.Account().Requests; r.code != 3 || n != 4 || !strings.Contains(slurp(t, dir, "job/failed.csv"), "403,37098,Client tag mapping already exists,true,") {
		t.Errorf("resend: exit %d, %d requests\n%s%s", r.code, n, r.stderr, slurp(t, dir, "job/failed.csv"))
	}
	if a := api.Account(); a.Repeated != 0 || api.Mappings() != 3 {
		t.Errorf("%+v", a)
	}
}
