package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"mantatag/report/journal"
)

// counter is an API that tags whatever it is asked to and remembers who asked.
type counter struct {
	mu       sync.Mutex
	arrivals map[string][]int // mapping → the runs in which it arrived
	run      int
	requests int
	killAt   int // at this request …
	kill     func()
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct{ TagID, ClientID string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	c.requests++
	c.arrivals[body.ClientID] = append(c.arrivals[body.ClientID], c.run)
	if c.requests == c.killAt {
		c.kill()
	}
	c.mu.Unlock()
	fmt.Fprint(w, `{"success":true,"message":"Create client tag mapping successfully"}`)
}

// TestKill kills the program without notice at random requests, again and
// again, and holds the journal to its word: nothing is lost, nothing recorded
// as succeeded is sent again, and what was sent twice was in doubt, of no kill more
// than may be in flight.
//
// MANTATAG_KILLS=200 makes it the long test of docs/reliability.md.
func TestKill(t *testing.T) {
	const concurrency = 16
	kills := 20
	if s := os.Getenv("MANTATAG_KILLS"); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	rows := max(10_000, 100*kills) // with fewer the ramp would not reach all in flight
	dir := t.TempDir()
	input, job := filepath.Join(dir, "clients.csv"), filepath.Join(dir, "job")
	var b strings.Builder
	b.WriteString("tagId,clientId\n")
	for i := range rows {
		fmt.Fprintf(&b, "t1,c%d\n", i)
	}
	if err := os.WriteFile(input, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}

	api := &counter{arrivals: map[string][]int{}}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close) // which waits for handlers, and they for the lock
	host := strings.TrimPrefix(server.URL, "http://")

	start := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0], "run", input, "--job", job, "--quiet", "--concurrency", strconv.Itoa(concurrency), "--state-dir", filepath.Join(dir, "state"))
		cmd.Env = append(os.Environ(), "MANTATAG_TEST_MAIN=1", "MANTATAG_TOKEN=a-token-for-tests", "MANTATAG_SECRET=a-secret-for-tests", "MANTATAG_BOT_ID=b", "MANTATAG_API_URL="+server.URL)
		cmd.Stderr = os.Stderr
		return cmd
	}
	key := func(client string) journal.Key { return journal.NewKey(host, "b", "t1", client, "", "") }
	succeeded := map[string]int{} // client → the run after which its success was on disk
	inDoubt := map[string]bool{}

	random := rand.New(rand.NewPCG(1, uint64(kills)))
	killed := 0
	for range kills {
		cmd := start()
		api.mu.Lock()
		api.run++
		api.killAt = api.requests + 1 + random.IntN(2*rows/kills-20)
		api.kill = func() { _ = cmd.Process.Kill() }
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		api.mu.Unlock()
		if err := cmd.Wait(); err != nil {
			killed++
		}

		j, err := journal.View(job)
		if err != nil {
			t.Fatalf("after kill %d: %v", killed, err)
		}
		for i := range rows {
			client := "c" + strconv.Itoa(i)
			switch ref := j.Lookup(key(client)); {
			case ref.State == journal.Succeeded:
				if _, known := succeeded[client]; !known {
					succeeded[client] = api.run
				}
			case ref.InDoubt:
				inDoubt[client] = true
			default:
				if _, known := succeeded[client]; known {
					t.Fatalf("the recorded success of %s is lost", client)
				}
			}
		}
		_ = j.Close()
	}

	api.mu.Lock()
	api.run, api.killAt = api.run+1, 0
	api.mu.Unlock()
	if err := start().Run(); err != nil {
		t.Fatalf("the last run: %v", err)
	}

	api.mu.Lock()
	defer api.mu.Unlock()
	lost, again, twice, unannounced := 0, 0, 0, 0
	unrecorded := make([]int, api.run+1) // sent in a run and not known to be done after it
	for i := range rows {
		client := "c" + strconv.Itoa(i)
		arrivals := api.arrivals[client]
		if len(arrivals) == 0 {
			lost++
			continue
		}
		if after, ok := succeeded[client]; ok && arrivals[len(arrivals)-1] > after {
			again++
		}
		for _, run := range arrivals {
			if after, ok := succeeded[client]; run <= kills && (!ok || after > run) {
				unrecorded[run]++
			}
		}
		if len(arrivals) > 1 {
			twice++
			if !inDoubt[client] {
				unannounced++
			}
		}
	}
	t.Logf("%d kills over %d rows: lost %d, recorded successes sent again %d, sent twice %d, at most %d by a kill", killed, rows, lost, again, twice, slices.Max(unrecorded))
	if killed < kills/2 {
		t.Errorf("only %d of %d runs were killed", killed, kills)
	}
	if lost > 0 || again > 0 || unannounced > 0 || slices.Max(unrecorded) > concurrency {
		t.Errorf("lost %d, recorded successes sent again %d, sent twice %d, of these not in doubt %d, at most %d by a kill (bound %d)", lost, again, twice, unannounced, slices.Max(unrecorded), concurrency)
	}
}
