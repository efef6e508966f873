package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"mantatag/cmd/mantatag/lang"
	"mantatag/ingest"
	"mantatag/report"
	"mantatag/report/journal"
)

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
