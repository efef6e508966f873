package main

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mantatag/cmd/mantatag/lang"
	"mantatag/report"
	"mantatag/report/journal"
)

// What a run prints to go on with asks for the same as its own command line.
func TestResumeCommand(t *testing.T) {
	for _, c := range []struct{ given, want string }{
		{"a.csv", "a.csv"},
		{"a.csv --fresh --job j", "--job=j a.csv"},
		{"--split-tags - --delimiter - a.csv", "--split-tags=- --delimiter=- a.csv"},
		{"- --fresh=true --retry-failed", "--retry-failed --job=stdin.mantatag stdin.mantatag/input"},
		{"--job j -", "--job=j j/input"},
		{"--map tagid=x --map clientId=y a.csv", "--map=clientId=y --map=tagId=x a.csv"},
		{"--lang zh-tw --rate 1/m --stop-at 6:00 --in-doubt hold a.csv", "--lang=zh-TW --rate=1/m --stop-at=06:00 --in-doubt=hold a.csv"},
		{"--timeout 90s -- -a.csv", "--timeout=1m30s -- -a.csv"},
		{"--tag= --platform= --bot=B a.csv", "--tag= --platform= --bot=B a.csv"},
	} {
		root := newRootCommand(lang.New(lang.English))
		run, args, err := root.Find(append([]string{"run"}, strings.Fields(c.given)...))
		if err != nil {
			t.Fatal(err)
		}
		if err := run.ParseFlags(args); err != nil {
			t.Fatal(err)
		}
		input := run.Flags().Arg(0)
		job := cmp.Or(run.Flag("job").Value.String(), jobFolder(input, false))
		want := strings.ReplaceAll(commandLine(), `\`, "/") + " run " + c.want
		if got := strings.ReplaceAll(resumeCommand(run.Flags(), input, job), `\`, "/"); got != want {
			t.Errorf("%s:\n%s\n%s", c.given, got, want)
		}
	}
}

// What is pasted in another folder names everything from the root, and an ID as it was
// sent.
func TestCommandForAnyFolder(t *testing.T) {
	program := os.Args[0]
	defer func() { os.Args[0] = program }()
	os.Args[0] = filepath.Join("bin", "mantatag")
	t.Chdir(t.TempDir())
	for _, word := range strings.Fields(anywhere("jobs", []string{"--quiet"}, filepath.Join(t.TempDir(), "a.csv"))) {
		if path := strings.TrimPrefix(word, "--job="); strings.ContainsRune(path, filepath.Separator) && !filepath.IsAbs(path) {
			t.Errorf("%s is not from the root", word)
		}
	}
	run := newRunCommand(lang.New(lang.English))
	if err := run.ParseFlags([]string{"--bot", " b1 "}); err != nil {
		t.Fatal(err)
	}
	if got := resumeFlags(run.Flags()); !slices.Equal(got, []string{"--bot=b1"}) {
		t.Errorf("flags %q", got)
	}
}

// An empty path, as of a variable that is not set, stays one.
func TestKeptFlagsOfNoPath(t *testing.T) {
	t.Setenv("MANTATAG_BOT_ID", "")
	t.Setenv("MANTATAG_API_URL", "")
	var o runOptions
	run := newRunCommand(lang.New(lang.English))
	if err := run.ParseFlags([]string{"--metrics-file=", "--state-dir=", "--tag=9"}); err != nil {
		t.Fatal(err)
	}
	if got := o.keptFlags(run.Flags()); !slices.Equal(got, []string{"--metrics-file=", "--state-dir=", "--tag=9"}) {
		t.Errorf("flags %q", got)
	}
}

// A rate that is printed is the rate that was given.
func TestRateRoundTrip(t *testing.T) {
	for _, text := range []string{"50/s", "1/m", "100/m", "7/h", "0.3/s", "3333.3/m", "1e-3/s", "auto"} {
		var given, again rateFlag
		if err := given.Set(text); err != nil {
			t.Fatal(err)
		}
		if err := again.Set(given.String()); err != nil || again != given {
			t.Errorf("%s is said as %s: %v", text, &given, err)
		}
	}
}

// Ctrl-C while an input is compared with that of the last run ends the command: a run
// that began would leave those rows behind without a word.
func TestInterruptedComparisonOfFiles(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	dir := t.TempDir()
	job := filepath.Join(dir, "job")
	var inputs [2]string
	for i, text := range []string{"tagId,clientId\nt1,c1\nt1,c2\n", "tagId,clientId\nt1,d1\n"} {
		inputs[i] = filepath.Join(dir, strconv.Itoa(i)+".csv")
		if err := os.WriteFile(inputs[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code := execute(t.Context(), []string{"run", "--sandbox", "--quiet", "--rate=1/h", "--max-duration=300ms", "--job", job, inputs[0]}); code != report.ExitLeft {
		t.Fatalf("exit %d", code)
	}
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(interrupted{os.Interrupt})
	for range 2 { // the other file is there, or gone
		if code := execute(ended, []string{"run", "--sandbox", "--quiet", "--job", job, inputs[1]}); code != report.ExitInterrupted {
			t.Errorf("exit %d", code)
		}
		j, err := journal.View(job)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(j.Sessions()); n != 1 {
			t.Errorf("%d runs have begun", n)
		}
		_ = j.Close()
		_ = os.Remove(inputs[0])
	}
}
