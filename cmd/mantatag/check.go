package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mantatag/cmd/mantatag/lang"
	"mantatag/ingest"
	"mantatag/report"
	"mantatag/report/journal"
	"mantatag/worker/manta/sandbox"
)

// sandboxHost stands for the host of the stand-in, whatever its port is, in the
// keys of a job.
const sandboxHost = "sandbox"

// checkOptions are the flags of check.
type checkOptions struct {
	lang *lang.Language
	read ingest.Options

	job, bot, apiURL string
	sandbox          bool
	rate, maxRate    rateFlag
	tokenFile        string
	stateDir         string
	output           string
	json             bool
}

func newCheckCommand(l *lang.Language) *cobra.Command {
	o := &checkOptions{lang: l}
	cmd := &cobra.Command{
		Use:   "check INPUT",
		Short: "Read all of INPUT and say what a run would meet, sending nothing",
		Long: `Read all of INPUT, a CSV, TSV, NDJSON or Excel file, or - for standard input,
and say how it is read, which rows cannot be sent and why, what looks odd, and
what the first requests would be. Nothing is sent, and no credentials are needed.

The exit code is 0 if every row can be sent, 3 if some cannot, and 2 if the file
cannot be used.`,
		Example: `  mantatag check clients.csv
  mantatag check clients.csv --output bad.csv`,
		Args: one("INPUT"),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), inputOf(args[0])) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	addReading(f, &o.read)
	f.StringVar(&o.job, "job", "", "the job's `folder`, to tell what is done already (default: INPUT.mantatag, if it is there)")
	f.StringVar(&o.bot, "bot", "", "the bot's `ID` (default: $MANTATAG_BOT_ID)")
	f.StringVar(&o.apiURL, "api-url", "", "the API's base `URL` (default: $MANTATAG_API_URL, else "+defaultAPI+")")
	f.BoolVar(&o.sandbox, "sandbox", false, "speak of a run against the built-in stand-in for the API")
	f.Var(&o.rate, "rate", "requests in a time, such as 50/s or 3000/m, or auto for what was learned")
	f.Var(&o.maxRate, "max-rate", "the most that --rate auto may reach")
	f.StringVar(&o.tokenFile, "token-file", "", "a `file` with the API token, to tell whether it lasts (default: $MANTATAG_TOKEN)")
	f.StringVar(&o.stateDir, "state-dir", "", "the `folder` for what was learned of rate limits (default: $XDG_STATE_HOME/mantatag; on Windows %LOCALAPPDATA%\\mantatag)")
	f.StringVar(&o.output, "output", "", "write the rows that cannot be sent to this `file`, with the reasons")
	f.BoolVar(&o.json, "json", false, "write the result in JSON to standard output")
	return cmd
}

// run is the command.
func (o *checkOptions) run(ctx context.Context, input string) error {
	api, err := o.target()
	if err != nil {
		return err
	}
	dir := cmp.Or(o.job, jobFolder(input, o.sandbox))
	name := input
	if input == "-" {
		temp, err := os.MkdirTemp("", "mantatag-check-*")
		if err != nil {
			return usagef("standard input cannot be kept: %w", err)
		}
		defer os.RemoveAll(temp)
		if name, err = keepInput(ctx, os.Stdin, temp, nil); err != nil {
			return err
		}
	}
	s := &surveyor{host: api.host, bot: api.bot, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	if err := o.openJob(s, dir); err != nil {
		return err
	}
	if s.job != nil {
		defer s.job.Close()
	}
	token, err := o.token()
	if err != nil {
		return err
	}
	for _, warning := range sayExposed(o.lang, o.tokenFile) {
		fmt.Fprintln(os.Stderr, "mantatag:", warning)
	}
	o.read.BotID = s.bot
	in, err := ingest.Open(name, o.read)
	if err != nil {
		return calledAs(input, err)
	}
	defer in.Close()
	if o.output != "" {
		if sameFile(o.output, input) {
			return usagef("--output %s is the input itself, which stays as it is: give another name", o.output)
		}
		if ours, _ := report.Replaceable(o.output); !ours {
			return usagef("--output %s is there already, and not written by mantatag: give another name", o.output)
		}
		if err := outputEnding(o.output, in.Layout().Format); err != nil {
			return err
		}
		s.rejects = report.NewRejects(o.output, in.Layout(), o.lang.Named)
		defer s.rejects.Abort()
	}
	if err := s.take(ctx, in); err != nil {
		return calledAs(input, err)
	}
	if s.rejects != nil {
		kept, err := s.rejects.Commit()
		if err != nil {
			if disk, ok := errors.AsType[*journal.DiskError](err); ok {
				err = disk.Err
			}
			return usagef("--output %s cannot be written: %w", o.output, err)
		}
		if kept != "" {
			fmt.Fprintln(os.Stderr, "mantatag:", keptEdit(o.lang, o.output, kept, o.sandbox))
		}
	}
	if s.found.Rows == 0 {
		fmt.Fprintln(os.Stderr, "mantatag:", noRows(o.lang, input))
	}
	c := o.conclude(s, api, input, dir)
	if err := o.estimate(c, api.host, token); err != nil {
		return err
	}
	if o.json {
		err = printJSON(os.Stdout, c)
	} else {
		err = c.print(os.Stdout)
	}
	if err = written(err); err == nil && c.ExitCode != 0 {
		return exitStatus(c.ExitCode)
	}
	return err
}

// outputEnding refuses a name that promises another format than is written of
// an input of that one: what opens the file goes by its name.
func outputEnding(name, input string) error {
	format, ending, others := "CSV", ".csv", []string{".ndjson", ".jsonl", ".json"}
	if input == ingest.NDJSON {
		format, ending, others = "NDJSON", ".ndjson", []string{".csv", ".tsv"}
	}
	others = append(others, ".xlsx", ".xlsm", ".xls", ".ods", ".gz", ".zst", ".zip")
	if slices.Contains(others, strings.ToLower(filepath.Ext(name))) {
		return usagef("--output %s: the rows are written as %s: give a name that ends in %s", name, format, ending)
	}
	return nil
}

func sameFile(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// calledAs gives an input that was kept the name that the user knows.
func calledAs(input string, err error) error {
	if e, ok := errors.AsType[*ingest.InputError](err); ok && input == "-" {
		e.File = lang.StandardInput
	}
	return err
}

// target is the API that a run would speak to. Its bot may be unknown.
func (o *checkOptions) target() (target, error) {
	if o.sandbox {
		return target{url: &url.URL{Scheme: "http", Host: "127.0.0.1"}, host: sandboxHost, bot: sandbox.BotID}, nil
	}
	u, err := apiURL(orDefault(envOr(o.apiURL, "MANTATAG_API_URL"), defaultAPI))
	if err != nil {
		return target{}, err
	}
	return target{url: u, host: apiHost(u), bot: strings.TrimSpace(envOr(o.bot, "MANTATAG_BOT_ID"))}, nil
}

// openJob looks the job up, if there is one. Where no bot is given, it is that
// of the job's last run.
func (o *checkOptions) openJob(s *surveyor, dir string) error {
	if err := noFile(dir); err != nil {
		return err
	}
	if existingJob(dir) != nil {
		return journalLost(dir) // else nothing is done yet
	}
	j, err := journal.View(dir)
	if err != nil {
		return err
	}
	if len(j.Sessions()) == 0 {
		_ = j.Close()
		return journalLost(dir)
	}
	if j.Host() != s.host {
		_ = j.Close()
		if o.job == "" || !j.Reached() {
			return nil // a run would begin anew
		}
		return &journal.HostError{Dir: dir, Job: j.Host(), Host: s.host}
	}
	s.job = j
	if sessions := j.Sessions(); s.bot == "" && len(sessions) > 0 {
		s.bot = sessions[len(sessions)-1].Bot
	}
	return nil
}

// token is the API token, or "" where none is given: check needs none.
func (o *checkOptions) token() (string, error) {
	if o.tokenFile == "" && os.Getenv("MANTATAG_TOKEN") == "" {
		return "", nil
	}
	return readCredential(lang.Word("token"), o.tokenFile, "--token-file", "MANTATAG_TOKEN")
}
