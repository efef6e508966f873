package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"mantatag/cmd/mantatag/lang"
	"mantatag/ingest"
	"mantatag/report"
	"mantatag/report/journal"
)

// keptInput is the name under which standard input is kept in the job folder.
const keptInput = "input"

// isKept reports whether input is a standard input that is kept in the folder job.
func isKept(input, job string) bool { return sameFile(input, filepath.Join(job, keptInput)) }

// jobFolder is where the job of an input lives unless --job says otherwise.
func jobFolder(input string, sandbox bool) string {
	if input == "-" {
		input = "stdin"
	}
	if sandbox {
		return input + ".sandbox.mantatag"
	}
	return input + ".mantatag"
}

// signalTakes is how long after the end of an input a signal that ended it may be
// told, on a busy machine.
const signalTakes = 250 * time.Millisecond

// keepInput copies standard input into the folder of a job that this run has
// locked, and returns the file. One that breaks off, or that try (which may be
// nil) refuses, leaves what an earlier run kept as it was.
func keepInput(ctx context.Context, stdin io.Reader, job string, try func(name string) error) (name string, err error) {
	name = filepath.Join(job, keptInput)
	temp := name + ".tmp"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", usagef("standard input cannot be kept in the job folder: %w", err)
	}
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(f, stdin)
		copied <- err
	}()
	select {
	case err = <-copied:
	case <-ctx.Done():
		// A read of a terminal or a pipe cannot be broken off; it ends with
		// the program.
		return "", errors.Join(context.Cause(ctx), f.Close(), journal.Remove(temp))
	}
	if err == nil {
		// Ctrl-C reaches a whole pipeline: its producer dies, and the input ends as if
		// it were whole. On Windows it ends a read of the console so. Either way it is
		// told as a signal beside that, which may come a little later.
		select {
		case <-ctx.Done():
		case <-time.After(signalTakes):
		}
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
		return "", errors.Join(err, f.Close(), journal.Remove(temp))
	}
	defer func() {
		if err != nil {
			_ = f.Close() // it may be closed already
			_ = journal.Remove(temp)
		}
	}()
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", usagef("standard input cannot be kept in the job folder: %w", err)
	}
	if try != nil && ctx.Err() == nil {
		if err = try(temp); err != nil {
			if input, ok := errors.AsType[*ingest.InputError](err); ok {
				input.File = "standard input"
			}
			return "", err
		}
	}
	if err = context.Cause(ctx); err != nil {
		return "", err
	}
	// The journal will speak of its rows: the name has to be as durable.
	if err = errors.Join(journal.Replace(temp, name), journal.SyncDir(job)); err != nil {
		return "", usagef("standard input cannot be kept in the job folder: %w", err)
	}
	return name, nil
}

// sparedInput is an input of an earlier run of which rows are still to be sent that
// the present one lacks: a standard input that would have been replaced, or another
// file.
type sparedInput struct {
	name  string
	rows  int64           // to be sent; -1: it is not known how many
	doubt bool            // all of these are in doubt
	of    journal.Session // the last run of it; zero: there was none
	gone  bool            // it is not there under its name any more
	under bool            // it was replaced while the present run read it
}

// spareInput keeps what an earlier run kept of standard input under a dated
// name, if next is another input and lacks rows of the old one that are still to
// be sent.
func spareInput(ctx context.Context, j *journal.Journal, next string, read ingest.Options) (*sparedInput, error) {
	name := filepath.Join(j.Dir(), keptInput)
	if same, err := sameContent(name, next); same || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	spared := &sparedInput{rows: -1}
	if absolute, err := filepath.Abs(name); err == nil {
		for _, of := range slices.Backward(j.Sessions()) {
			if of.Input == absolute {
				spared.of = of
				spared.rows, spared.doubt = unsent(ctx, j, rowsGiven(ctx, j, of), next, read)
				break
			}
		}
	}
	if spared.rows == 0 {
		return nil, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var err error
	if spared.name, err = report.SetAside(name); err != nil {
		return nil, usagef("standard input cannot be kept in the job folder: %w", err)
	}
	return spared, nil
}

// unsent is how many rows of an earlier input, which goes through what they ask for,
// are still to be sent and ask for what next does not ask for, and whether all of
// them are in doubt; -1: it cannot be known.
func unsent(ctx context.Context, j *journal.Journal, rows func(each func(journal.Key)) error, next string, read ingest.Options) (n int64, doubt bool) {
	defer j.AskAnew()
	doubt = true
	asked := false
	err := rows(func(key journal.Key) {
		if state := j.Lookup(key).State; state == journal.Succeeded || state == journal.Failed {
			return
		}
		if !asked {
			asked = true
			// The run meets the same error, and says it.
			_ = mappings(ctx, j, next, read, func(key journal.Key, row int64) { j.Ask(key, row) })
		}
		if ref := j.Lookup(key); ref.First == 0 {
			n, doubt = n+1, doubt && ref.InDoubt
		}
	})
	if err != nil {
		return -1, false
	}
	return n, doubt
}

// rowsGiven is a way through what the rows of the input of a run ask for.
func rowsGiven(ctx context.Context, j *journal.Journal, of journal.Session) func(each func(journal.Key)) error {
	return func(each func(journal.Key)) error {
		return mappings(ctx, j, of.Input, optionsOf(of.Params, of.Bot), func(key journal.Key, _ int64) { each(key) })
	}
}

// mappings goes through what the rows of an input ask for.
func mappings(ctx context.Context, j *journal.Journal, input string, read ingest.Options, each func(key journal.Key, row int64)) error {
	in, err := ingest.Open(input, read)
	if err != nil {
		return err
	}
	defer in.Close()
	for {
		row, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case row.Err == nil:
			each(journal.NewKey(j.Host(), read.BotID, row.TagID, row.ClientID, row.Platform, row.PlatformClientID), row.Number)
		}
	}
}

// leftBehind is what the last run of a job was given, if this run is given something
// else, be it under the same name, or reads it in another way, and lacks rows of it
// that are still to be sent, or may lack some.
func leftBehind(ctx context.Context, j *journal.Journal, input string, read ingest.Options) (*sparedInput, error) {
	last := report.LastTaken(j, read.BotID)
	if last.Begin.IsZero() || last.Input == input && isKept(input, j.Dir()) {
		return nil, nil // a standard input of the last run may be another: see spareInput
	}
	same := last.Input == input && sameReading(last.Params, paramsOf(read, false))
	replaced := last.Replaced()
	if same && !replaced {
		return nil, nil
	}
	behind := &sparedInput{name: last.Input, of: last}
	if !same && !replaced { // what is there now is not what was left
		behind.rows, behind.doubt = unsent(ctx, j, rowsGiven(ctx, j, last), input, read)
	}
	if behind.rows < 0 || replaced {
		left := func(each func(journal.Key)) error { return report.Left(j, last, each) }
		lost, doubt := unsent(ctx, j, left, input, read)
		if lost > 0 && !same {
			if gone, _ := unsent(ctx, j, left, last.Input, optionsOf(last.Params, last.Bot)); gone == 0 {
				behind.rows, behind.doubt = lost, doubt // the new file has them too
			}
		}
		if lost > behind.rows || lost < 0 && behind.rows <= 0 && !triedAll(last) {
			behind.rows, behind.doubt, behind.gone = lost, doubt, true
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case behind.rows == 0, behind.rows < 0 && !behind.gone:
		return nil, nil
	}
	return behind, nil
}

// triedAll reports whether a run left no row of its input.
func triedAll(s journal.Session) bool {
	return !s.End.IsZero() && s.StoppedBy == "" && s.Totals.Retryable == 0 && !s.Params.HoldInDoubt
}

// sameReading reports whether two ways of reading an input find the same rows in it.
func sameReading(a, b journal.Params) bool {
	return maps.Equal(a.Map, b.Map) && a.Tag == b.Tag && a.Platform == b.Platform && (a.Sheet == b.Sheet || a.Sheet == "") && a.SplitTags == b.SplitTags
}

// sameContent reports whether two files hold the same.
func sameContent(a, b string) (bool, error) {
	f, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer f.Close()
	g, err := os.Open(b)
	if err != nil {
		return false, err
	}
	defer g.Close()
	x, y := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err1 := io.ReadFull(f, x)
		m, err2 := io.ReadFull(g, y)
		if !bytes.Equal(x[:n], y[:m]) || err1 != err2 {
			return false, nil
		}
		if err1 != nil {
			return err1 == io.EOF || err1 == io.ErrUnexpectedEOF, nil
		}
	}
}

// outsideJob refuses an input that the run would write over or move away.
func outsideJob(input, job string, fresh bool) error {
	for _, name := range report.OutcomeFiles() {
		if sameFile(input, filepath.Join(job, name)) {
			return usagef("%s is an outcome file of this very job, which writes it anew: give a copy of it, or leave out --job", input)
		}
	}
	if fresh && sameFile(input, filepath.Join(job, filepath.Base(input))) {
		return usagef("%s lies in the job folder, which --fresh moves away: give a copy of it", input)
	}
	return nil
}

// retire moves an earlier job out of the way, and no other folder. It returns
// where to, "" if there is none.
func retire(dir string) (string, error) {
	if existingJob(dir) != nil && journalLost(dir) == nil {
		return "", nil
	}
	return journal.Retire(dir, time.Now())
}

// noFile is a usage error if a file, such as the input, is given in the place of
// a job folder.
func noFile(dir string) error {
	if info, err := os.Stat(dir); err != nil || info.IsDir() {
		return nil
	}
	for _, sandbox := range []bool{false, true} {
		if job := jobFolder(dir, sandbox); existingJob(job) == nil {
			return usagef("%s is a file, not a job folder; its job is %s", dir, job)
		}
	}
	return usagef("%s is a file, not a job folder; a job folder is the one that a run made, INPUT.mantatag beside its input", dir)
}

// existingJob is a usage error unless dir holds a job.
func existingJob(dir string) error {
	if err := noFile(dir); err != nil {
		return err
	}
	switch _, err := os.Stat(filepath.Join(dir, "journal.ndjson")); {
	case errors.Is(err, fs.ErrNotExist):
		return usagef("%s is not a job folder: there is no journal.ndjson in it; a job folder is the one that a run made, INPUT.mantatag beside its input", dir)
	case err != nil:
		return usagef("the job cannot be read: %w", err)
	}
	return nil
}

// journalLost is a usage error if a job whose journal knows of no run has sent
// something all the same: begun anew, it would send that again.
func journalLost(dir string) error {
	if !report.SentBefore(dir) {
		return nil
	}
	return usagef("%s has outcomes of earlier runs and no journal that knows of them: put its journal.ndjson back, or start over with --fresh, which sends every row again", dir)
}

// hasOutcomes reports whether a run of the job in dir, if there is one, has
// recorded an outcome.
func hasOutcomes(dir string) bool {
	if existingJob(dir) != nil {
		return false
	}
	j, err := journal.View(dir)
	if err != nil {
		return false // who opens it meets the same error, and says it
	}
	defer j.Close()
	return slices.ContainsFunc(j.Sessions(), func(s journal.Session) bool {
		return s.Totals.Succeeded+s.Totals.Failed+s.Totals.Retryable > 0
	})
}

// resumeCommand is the command line that goes on with a run of input that was
// given flags: the same, but for --fresh, which would start over, the flags
// that are left out by name, and standard input, which was kept.
func resumeCommand(flags *pflag.FlagSet, input, job string, without ...string) string {
	words := append([]string{"run"}, resumeFlags(flags, without...)...)
	if input == "-" {
		input = filepath.Join(job, keptInput)
	}
	if filepath.Dir(input) == filepath.Clean(job) && !flags.Changed("job") {
		words = append(words, "--job="+job) // it is no input of another job
	}
	if strings.HasPrefix(input, "-") {
		words = append(words, "--")
	}
	words = append(words, input)
	return commandLine(words...)
}

// resumeFlags are the flags that were given, but for --fresh and those that are
// left out by name. With --sandbox, which never looks at them, the files of token
// and secret are too: a name that is none may be the secret itself.
func resumeFlags(flags *pflag.FlagSet, without ...string) []string {
	if unreadCredentials(flags) {
		without = append(slices.Clone(without), "token-file", "secret-file")
	}
	var words []string
	flags.Visit(func(f *pflag.Flag) {
		columns, several := f.Value.(*columnMap)
		switch {
		case f.Name == "fresh", slices.Contains(without, f.Name):
		case several:
			for _, pair := range columns.pairs() {
				words = append(words, "--"+f.Name+"="+pair)
			}
		case f.NoOptDefVal != "" && f.Value.String() == f.NoOptDefVal:
			words = append(words, "--"+f.Name)
		case f.Name == "bot":
			words = append(words, "--bot="+strings.TrimSpace(f.Value.String()))
		default:
			words = append(words, "--"+f.Name+"="+f.Value.String())
		}
	})
	return words
}

// unreadCredentials tells the flags of a run that reads no token and no secret.
func unreadCredentials(flags *pflag.FlagSet) bool {
	sandbox := flags.Lookup("sandbox")
	return sandbox != nil && sandbox.Value.String() == "true"
}

// keptFlags are the flags that the journal keeps of a run, so that the job can
// be gone on with from any folder and without the run's environment, but for
// token and secret there. nil: they cannot be kept.
func (o *runOptions) keptFlags(flags *pflag.FlagSet) []string {
	paths := []string{"metrics-file", "state-dir", "token-file", "secret-file"}
	kept := resumeFlags(flags, append(paths, "job")...)
	if unreadCredentials(flags) {
		paths = paths[:2]
	}
	for _, name := range paths {
		f := flags.Lookup(name)
		if !f.Changed {
			continue
		}
		path := f.Value.String()
		if path != "" { // as of a variable that is not set
			var err error
			if path, err = filepath.Abs(path); err != nil {
				return nil
			}
		}
		kept = append(kept, "--"+name+"="+path)
	}
	for name, env := range map[string]string{"bot": "MANTATAG_BOT_ID", "api-url": "MANTATAG_API_URL"} {
		if value := strings.TrimSpace(os.Getenv(env)); value != "" && !o.sandbox && !flags.Changed(name) {
			kept = append(kept, "--"+name+"="+value)
		}
	}
	if !utf8.ValidString(strings.Join(kept, "")) {
		return nil // the journal has another character in the place of such a byte
	}
	slices.Sort(kept)
	return kept
}

// goOnWith is what to do next about the job in dir, as its last run was given, as
// far as the journal says enough.
func goOnWith(l *lang.Language, dir string, s standing, last journal.Session) (do next) {
	if s.Running || last.Flags == nil {
		return do
	}
	do.mend = mendCommand(programAnywhere(), last.Flags, s.Summary)
	if retried := slices.Contains(last.Flags, "--retry-failed"); !rowsLeft(s.Summary, retried) {
		return do
	}
	kept := last.Flags
	if held(s.Summary, last.Params.HoldInDoubt) {
		kept, do.hint = withoutHold(kept), sayHeld(l)
	}
	do.left = anywhere(dir, kept, last.Input)
	do.withoutBot(l, s.Summary, last.Bot)
	return do
}

// mendCommand is the command that sends the rows of failed.csv, once they are
// mended, with the flags of a run, but for what does not hold for that file.
func mendCommand(program string, flags []string, s report.Summary) string {
	words := []string{"run"}
	for _, w := range flags {
		switch name, value, _ := strings.Cut(w, "="); {
		case slices.Contains([]string{"--job", "--retry-failed", "--encoding", "--sheet", "--metrics-file"}, name):
		case name == "--format" && value == ingest.XLSX, name == "--delimiter" && s.Input.Format == ingest.XLSX:
		default:
			words = append(words, w)
		}
	}
	file := outcomeFile(s, "failed")
	if strings.HasPrefix(file, "-") {
		words = append(words, "--")
	}
	return commandLineOf(program, append(words, file)...)
}

// goOnWithEdited is the command that goes on with the job in dir, whose input lies
// under another name now; "": there is no such job.
func goOnWithEdited(dir, input string) string {
	if existingJob(dir) != nil {
		return ""
	}
	j, err := journal.View(dir)
	if err != nil {
		return ""
	}
	defer j.Close()
	absolute, err := filepath.Abs(input)
	if err != nil {
		return ""
	}
	return anywhere(dir, j.Last().Flags, absolute)
}

// anywhere is the command that goes on with the job in dir from any folder; "" if
// this one has no name.
func anywhere(dir string, kept []string, input string) string {
	words := append([]string{"run"}, kept...)
	if !sameFile(jobFolder(input, slices.Contains(kept, "--sandbox")), dir) {
		absolute, err := filepath.Abs(dir)
		if err != nil {
			return ""
		}
		words = append(words, "--job="+absolute)
	}
	return commandLineOf(programAnywhere(), append(words, input)...)
}

// resumeSpared is the command line that sends the rest of an input that was
// spared: with the flags of the present run, but read as it was by its own.
func resumeSpared(flags *pflag.FlagSet, spared *sparedInput, read ingest.Options, bot, job string) string {
	if !spared.of.Begin.IsZero() {
		read = optionsOf(spared.of.Params, "")
	}
	own, reading := newRunCommand(lang.New(lang.English)).Flags(), pflag.NewFlagSet("", pflag.ContinueOnError)
	addReading(reading, &ingest.Options{})
	own.SortFlags = true
	set := func(name, value string) {
		if f := own.Lookup(name); value != "" && value != f.DefValue {
			_ = own.Set(name, value) // a flag has been set to it before
		}
	}
	flags.Visit(func(f *pflag.Flag) {
		if f.Name == "in-doubt" && spared.doubt {
			return // it would be held back
		}
		if own.Lookup(f.Name) != nil && reading.Lookup(f.Name) == nil {
			set(f.Name, f.Value.String())
		}
	})
	if spared.of.Bot != "" && spared.of.Bot != bot {
		set("bot", spared.of.Bot)
	}
	for _, pair := range (*columnMap)(&read.Map).pairs() {
		set("map", pair)
	}
	for name, value := range map[string]string{
		"tag": read.Tag, "platform": read.Platform, "format": read.Format, "delimiter": read.Delimiter,
		"encoding": read.Encoding, "sheet": read.Sheet, "split-tags": read.SplitTags,
	} {
		set(name, value)
	}
	return resumeCommand(own, spared.name, job)
}

// goBack is the command that sends what was left behind, as its own run was given and
// from any folder, if the journal says so much. Dots stand for a file that is gone.
func goBack(flags *pflag.FlagSet, behind *sparedInput, read ingest.Options, bot, job string) string {
	name := behind.name
	if behind.gone {
		name = "…"
	}
	if kept := behind.of.Flags; kept != nil {
		if behind.doubt {
			kept = withoutHold(kept)
		}
		named := func(w string) bool { return strings.HasPrefix(w, "--sheet=") }
		if sheet := behind.of.Params.Sheet; sheet != "" && !slices.ContainsFunc(kept, named) {
			kept = append(slices.Clone(kept), "--sheet="+sheet) // another may be the first by now
		}
		if command := anywhere(job, kept, name); command != "" {
			return command
		}
	}
	if behind.gone {
		return commandLine("run", "--job="+job, name)
	}
	return resumeSpared(flags, behind, read, bot, job)
}

// renewalCommand is the command line that renews the pair of a run that was given
// flags, from any folder and without the run's environment: elsewhere another API
// would get the secret.
func (o *runOptions) renewalCommand(flags *pflag.FlagSet) string {
	kept := o.keptFlags(flags)
	if kept == nil {
		kept = resumeFlags(flags)
	}
	words := []string{"token", "renew"}
	for _, w := range kept {
		if name, _, _ := strings.Cut(w, "="); slices.Contains([]string{"--token-file", "--secret-file", "--bot", "--api-url", "--lang"}, name) {
			words = append(words, w)
		}
	}
	return commandLineOf(programAnywhere(), words...)
}
