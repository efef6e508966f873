// Mantatag puts tags on the clients of a MantaGO bot, a file of them at a time.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"mantatag/cmd/mantatag/lang"
)

func main() {
	debug.SetGCPercent(largeHeap)

	// A closed pipe on standard output does not end the program: the job's files
	// still have to be written.
	signal.Ignore(syscall.SIGPIPE)

	ctx, cancel := withSignals(context.Background())
	code := execute(ctx, os.Args[1:])
	cancel()
	os.Exit(code)
}

// How much garbage there may be before it is collected, in percent of what is in
// use. Most of the heap of a large job is the journal's index, which holds no
// pointers and so costs a collection nothing: there room is dearer than time. A small
// job has room enough, and a tenth of its time is collecting.
const (
	largeHeap = 50
	smallHeap = 200
	largeJob  = 250_000 // rows
)

// execute runs one command and returns its exit code.
func execute(ctx context.Context, args []string) (code int) {
	l := lang.OfUser()
	defer catch(os.Stderr, l, &code)
	// A flag before --lang may be wrong, which is said in that language too.
	for i, a := range args {
		if name, ok := strings.CutPrefix(a, "--lang="); ok {
			_ = l.Set(name)
		} else if a == "--lang" && i+1 < len(args) {
			_ = l.Set(args[i+1])
		}
	}
	root := newRootCommand(l)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		unquoteUsages(root)
	}
	root.SetArgs(args)
	return exitCode(os.Stderr, l, answered(root, root.ExecuteContext(ctx)))
}

// newRootCommand is the program. What it says, it says in l, which --lang sets.
func newRootCommand(l *lang.Language) *cobra.Command {
	root := &cobra.Command{
		Use:   "mantatag",
		Short: "Tags the clients of a MantaGO bot from a CSV, Excel or NDJSON file, and says what became of each row",
		Long: `mantatag reads clients and tags from a CSV, TSV, NDJSON or Excel file and has
each tag put on its client by the MantaGO API: as fast as the API's rate limit
allows, and in such a way that an interrupted run goes on where it was.

Try it without an account:   mantatag run --sandbox clients.csv`,
		Version:           version(),
		Args:              cobra.ArbitraryArgs,
		RunE:              group,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
	}
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().Var(l, "lang", "the language, where LC_ALL, LC_MESSAGES or LANG does not say it")
	root.AddCommand(newRunCommand(l), newCheckCommand(l), newStatusCommand(l), newReportCommand(l), newSandboxCommand(l), newTokenCommand(l))
	addHelp(root)
	localize(root, l)
	completeValues(root)
	return root
}

// lastWords is what a command says before a second signal makes the program
// leave. Nothing is said until a command has set it.
type lastWords struct{ say atomic.Pointer[func()] }

// lastWordsOf is the key of a *lastWords in a context.
type lastWordsOf struct{}

// sayLast has say called before a second signal makes the program leave.
func sayLast(ctx context.Context, say func()) {
	if w, ok := ctx.Value(lastWordsOf{}).(*lastWords); ok {
		w.say.Store(&say)
	}
}

// wordsTake is how long the program waits for its last words: standard error may
// be a pipe that nobody reads, or a terminal that was stopped.
const wordsTake = 100 * time.Millisecond

func (w *lastWords) said() {
	say := w.say.Load()
	if say == nil {
		return
	}
	said := make(chan struct{})
	go func() {
		(*say)()
		close(said)
	}()
	select {
	case <-said:
	case <-time.After(wordsTake):
	}
}

// together is how long after the first signal another is still taken for the same.
const together = 10 * time.Millisecond

// withSignals is a context that ends, with an interrupted as its cause, at the
// first SIGINT, SIGTERM or SIGHUP. A second one leaves the program at once: the
// journal is fit to go on from at any moment. But a terminal that is closed may
// send SIGHUP twice, by the shell and by itself, so that it is never the second; nor
// is what comes with the first, as from timeout, which signals its child and its group.
func withSignals(parent context.Context) (context.Context, func()) {
	words := new(lastWords)
	ctx, cancel := context.WithCancelCause(context.WithValue(parent, lastWordsOf{}, words))
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup has it ignored
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		first, ok := <-signals
		if !ok {
			return
		}
		cancel(interrupted{first})
		came := time.Now()
		for again := range signals {
			if again == syscall.SIGHUP || time.Since(came) < together {
				continue
			}
			words.said()
			os.Exit(interrupted{again}.exitCode())
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel(nil)
	}
}

// version is what the build recorded: a release's tag, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v, revision, dirty := info.Main.Version, "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	if v == "" || v == "(devel)" {
		v = "devel"
		if len(revision) >= 12 {
			v += "-" + revision[:12] + dirty
		}
	}
	return v
}
