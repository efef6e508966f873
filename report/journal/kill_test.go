package journal

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// writerDir, in the environment, makes the test binary a process that writes
// to the journal in that folder until it is killed.
const writerDir = "MANTATAG_TEST_WRITER"

const writers = 8

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerDir); dir != "" {
		fmt.Println(writeForever(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeForever takes mapping after mapping to success, with refusals on the
// way, and says on stdout what the journal acknowledged.
func writeForever(dir string) error {
	j, err := Open(dir, Options{Host: host, CompactSize: 1})
	if err != nil {
		return err
	}
	if err := j.Begin(Session{Begin: noon}); err != nil {
		return err
	}
	var mu sync.Mutex
	next := 0
	work := func() error {
		for {
			mu.Lock()
			n := next
			next++
			mu.Unlock()
			k := key(n)
			if j.Lookup(k).State == Succeeded {
				continue
			}
			for try := range 6 {
				if err := put(j, Entry{Kind: Intent, Key: k, At: noon, Row: int64(n)}); err != nil {
					return err
				}
				fmt.Println("intent", n)
				kind := Refused
				if try == 5 {
					kind = Succeeded
				}
				if err := put(j, Entry{Kind: kind, Key: k, At: noon, Row: int64(n)}); err != nil {
					return err
				}
			}
			if err := j.Flush(); err != nil {
				return err
			}
			fmt.Println("succeeded", n)
		}
	}
	ended := make(chan error)
	for range writers {
		go func() { ended <- work() }()
	}
	return <-ended
}

// TestKill kills a writing process at random moments: what it acknowledged is
// there, and what is in doubt is no more than it had in hand.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	intent, succeeded := map[int]bool{}, map[int]bool{}
	for kill := 1; kill <= 8; kill++ {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), writerDir+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := bufio.NewScanner(out)
		for n, last := 0, rand.IntN(400); said.Scan(); n++ {
			if n == last {
				cmd.Process.Kill()
			}
			var what string
			var row int
			if _, err := fmt.Sscan(said.Text(), &what, &row); err != nil {
				t.Fatalf("the writer says %q", said.Text())
			}
			switch what {
			case "intent":
				intent[row] = true
			case "succeeded":
				succeeded[row] = true
			}
		}
		if err := cmd.Wait(); !errors.As(err, new(*exec.ExitError)) {
			t.Fatal(err)
		}
		j := view(t, dir)
		for row := range intent {
			if j.Lookup(key(row)).State == None {
				t.Errorf("kill %d: the intent of row %d is lost", kill, row)
			}
		}
		for row := range succeeded {
			if r := j.Lookup(key(row)); r.State != Succeeded {
				t.Errorf("kill %d: the success of row %d is lost: %+v", kill, row, r)
			}
		}
		inDoubt := 0
		for _, r := range j.All() {
			if r.InDoubt {
				inDoubt++
			}
		}
		if inDoubt > kill*writers {
			t.Errorf("kill %d: %d in doubt", kill, inDoubt)
		}
		closed(t, j)
	}
	if len(succeeded) < writers {
		t.Errorf("only %d successes: the test shows nothing", len(succeeded))
	}
}
