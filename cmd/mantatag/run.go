package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mantatag/cmd/mantatag/lang"
	"mantatag/ingest"
	"mantatag/report"
	"mantatag/report/journal"
	"mantatag/worker/manta"
	"mantatag/worker/manta/sandbox"
)

const defaultAPI = "https://mantago.cc/api"

// runOptions are the flags of run.
type runOptions struct {
	job                string
	fresh, retryFailed bool
	inDoubt            string

	lang *lang.Language
	bot  string
	read ingest.Options

	rate, maxRate     rateFlag
	concurrency       int
	retries           int
	timeout           time.Duration
	outageTimeout     time.Duration
	stopAfterFailures int
	maxDuration       time.Duration
	stopAt            clockTime

	apiURL  string
	login   login
	renew   bool
	sandbox bool

	json, quiet, noProgress bool
	logLevel, logFormat     string
	metricsFile, stateDir   string

	concluded bool // the run has told how it ended
}

func newRunCommand(l *lang.Language) *cobra.Command {
	o := &runOptions{lang: l}
	cmd := &cobra.Command{
		Use:   "run INPUT",
		Short: "Tag every row of INPUT, or go on with the job that an earlier run of the same command began",
		Long: `Tag every row of INPUT, a CSV, TSV, NDJSON or Excel file, or - for standard input.

What became of each row is in a folder beside the input, INPUT.mantatag: see
succeeded.csv, failed.csv and retryable.csv there, and report.html. Running the
same command again goes on where it was; a row that has its outcome is not sent
twice.`,
		Example: `  mantatag run --sandbox clients.csv
  MANTATAG_BOT_ID=… mantatag run --token-file token --secret-file secret clients.csv`,
		Args: one("INPUT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			began, input := time.Now(), inputOf(args[0])
			if err := o.tryMetrics(input); err != nil {
				return err
			}
			err := o.run(cmd.Context(), cmd.Flags(), input)
			if err != nil && o.metricsFile != "" && !o.concluded {
				return o.notStarted(input, began, err)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.job, "job", "", "the job's `folder` (default: INPUT.mantatag)")
	f.BoolVar(&o.fresh, "fresh", false, "start over, keeping the old job folder under a dated name")
	f.BoolVar(&o.retryFailed, "retry-failed", false, "send again what failed in an earlier run")
	f.Var(newChoice(&o.inDoubt, "resend", "resend", "hold"), "in-doubt", "what to do with a request that was sent and got no answer of the API's own")

	f.StringVar(&o.bot, "bot", "", "the bot's `ID` (default: $MANTATAG_BOT_ID)")
	addReading(f, &o.read)

	f.Var(&o.rate, "rate", "requests in a time, such as 50/s or 3000/m, or auto to find the limit")
	f.Var(&o.maxRate, "max-rate", "the most that --rate auto may reach")
	f.IntVar(&o.concurrency, "concurrency", 32, "requests in flight at most; one that has stalled leaves its place to another, save with 1")
	f.IntVar(&o.retries, "retries", 5, "attempts at a row in one run, before it is retryable")
	f.DurationVar(&o.timeout, "timeout", 30*time.Second, "how long to wait for one answer")
	f.DurationVar(&o.outageTimeout, "outage-timeout", 10*time.Minute, "how long everything may fail before the run stops")
	f.IntVar(&o.stopAfterFailures, "stop-after-failures", 100, "refused rows, with no success between, that stop the run; 0: any number")
	f.DurationVar(&o.maxDuration, "max-duration", 0, "stop after this time, such as 4h")
	f.Var(&o.stopAt, "stop-at", "stop at this local time, such as 06:00, today or tomorrow")

	f.StringVar(&o.apiURL, "api-url", "", "the API's base `URL` (default: $MANTATAG_API_URL, else "+defaultAPI+")")
	f.StringVar(&o.login.tokenFile, "token-file", "", "a `file` with the API token (default: $MANTATAG_TOKEN)")
	f.StringVar(&o.login.secretFile, "secret-file", "", "a `file` with the secret key (default: $MANTATAG_SECRET)")
	f.BoolVar(&o.renew, "renew", false, "renew the pair in those files, once, when it has expired")
	f.BoolVar(&o.sandbox, "sandbox", false, "run against the built-in stand-in for the API; no account needed")

	f.BoolVar(&o.json, "json", false, "write summary.json to standard output instead of a table")
	f.BoolVar(&o.quiet, "quiet", false, "say nothing but what went wrong")
	f.BoolVar(&o.noProgress, "no-progress", false, "draw no progress bar")
	f.Var(newChoice(&o.logLevel, "info", "debug", "info", "warn", "error"), "log-level", "how much run.log says")
	f.Var(newChoice(&o.logFormat, "auto", "auto", "console", "json"), "log-format", "how log lines look on standard error")
	f.StringVar(&o.metricsFile, "metrics-file", "", "write the result as Prometheus metrics to this `file`")
	f.StringVar(&o.stateDir, "state-dir", "", "the `folder` for what was learned of rate limits (default: $XDG_STATE_HOME/mantatag; on Windows %LOCALAPPDATA%\\mantatag)")
	return cmd
}

// check refuses values that cannot be meant.
func (o *runOptions) check() error {
	switch {
	case o.concurrency < 1 || o.concurrency > 10_000:
		return usagef("--concurrency %d: give a number from 1 to 10000", o.concurrency)
	case o.retries < 1:
		return usagef("--retries %d: a row needs at least one attempt", o.retries)
	case o.timeout <= 0:
		return usagef("--timeout %s: give a time above zero, such as 30s", o.timeout)
	case o.outageTimeout <= 0:
		return usagef("--outage-timeout %s: give a time above zero, such as 10m", o.outageTimeout)
	case o.stopAfterFailures < 0:
		return usagef("--stop-after-failures %d: give a number, or 0 for no bound", o.stopAfterFailures)
	case o.maxDuration < 0:
		return usagef("--max-duration %s: give a time above zero, such as 4h", o.maxDuration)
	case o.renew && o.sandbox:
		return usagef("--renew: the built-in stand-in has no pair to renew")
	case o.rate != 0 && o.maxRate != 0:
		return usagef("--rate %s and --max-rate %s: a cap is for --rate auto only", &o.rate, &o.maxRate)
	}
	return nil
}

// tryMetrics refuses a metrics file that could not be written when the run ends,
// or not without the loss of what is there: by then its rows have been sent, and
// an alert that waits for it stays silent.
func (o *runOptions) tryMetrics(input string) error {
	name := o.metricsFile
	if name == "" {
		return nil
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return usagef("--metrics-file %s is a folder: give the name of a file in it", name)
	}
	if sameFile(name, input) {
		return usagef("--metrics-file %s is the input itself, which stays as it is: give another name", name)
	}
	folder := filepath.Dir(name)
	f, err := os.CreateTemp(folder, filepath.Base(name))
	switch {
	case err == nil:
		if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
			return err
		}
		err = report.MetricsReplaceable(name)
		if errors.Is(err, report.ErrNoMetrics) {
			return usagef("--metrics-file %s is there already, and holds no metrics of mantatag: give another name", name)
		}
		if path, ok := errors.AsType[*fs.PathError](err); ok {
			return usagef("--metrics-file %s is there already, and cannot be read to see whether it holds metrics of mantatag: %w; let it be read, remove it, or give another name", name, path.Err)
		}
		return err
	case !errors.Is(err, fs.ErrNotExist):
		if path, ok := errors.AsType[*fs.PathError](err); ok {
			err = path.Err // it names a file that nobody asked for
		}
		return usagef("--metrics-file %s: the folder %s takes no files: %w", name, folder, err)
	case holds(folder, orDefault(o.job, jobFolder(input, o.sandbox))):
		return nil // the run makes it
	}
	return usagef("--metrics-file %s: there is no folder %s; make it, or give another file", name, folder)
}

// holds reports whether path is folder or lies in it.
func holds(folder, path string) bool {
	from, err1 := filepath.Abs(folder)
	to, err2 := filepath.Abs(path)
	if err1 != nil || err2 != nil {
		return false
	}
	rel, err := filepath.Rel(from, to)
	return err == nil && filepath.IsLocal(rel)
}

// target is the API that a run speaks to.
type target struct {
	url  *url.URL
	host string // as the journal knows it
	bot  string
	cred manta.Credentials
	stop func()
}

// target finds the API and the credentials, starting the sandbox if asked to.
func (o *runOptions) target() (target, error) {
	if o.sandbox {
		s, err := sandbox.Listen("127.0.0.1:0", sandbox.New(sandbox.Demo()))
		if err != nil {
			return target{}, err
		}
		u, err := url.Parse(s.URL)
		if err != nil {
			return target{}, err
		}
		return target{
			url: u, host: sandboxHost, bot: sandbox.BotID,
			cred: manta.Credentials{Token: sandbox.Token, Secret: sandbox.Secret},
			stop: func() { _ = s.Close() },
		}, nil
	}
	u, err := apiURL(orDefault(envOr(o.apiURL, "MANTATAG_API_URL"), defaultAPI))
	if err != nil {
		return target{}, err
	}
	bot := strings.TrimSpace(envOr(o.bot, "MANTATAG_BOT_ID"))
	if bot == "" {
		return target{}, usagef("no bot: give its ID with --bot or in MANTATAG_BOT_ID")
	}
	if o.renew {
		if err := o.login.checkFiles(); err != nil {
			return target{}, err
		}
		o.login.renewOnce(u, bot)
	}
	cred, err := o.login.read()
	return target{url: u, host: apiHost(u), bot: bot, cred: cred, stop: func() {}}, err
}

// run is the command.
func (o *runOptions) run(ctx context.Context, flags *pflag.FlagSet, input string) error {
	if err := o.check(); err != nil {
		return err
	}
	o.login.say = o.lang.Say
	if !o.sandbox && o.login.checkFiles() == nil {
		o.login.renewal = o.renewalCommand(flags)
	}
	api, err := o.target()
	if err != nil {
		return err
	}
	defer api.stop()
	o.read.BotID = api.bot
	dir := o.job
	if dir == "" {
		dir = jobFolder(input, o.sandbox)
	}
	if err := noFile(dir); err != nil {
		return err
	}
	resume, resend := resumeCommand(flags, input, dir), resumeCommand(flags, input, dir, "in-doubt")

	// All that can be wrong with the input as a whole is said before anything
	// is made or sent.
	known := func() bool { return !o.fresh && hasOutcomes(dir) }
	var found ingest.Layout
	if input != "-" {
		if found, err = tryInput(input, o.read, known); err != nil {
			return err
		}
		if err := outsideJob(input, dir, o.fresh); err != nil {
			return err
		}
	}
	retired := ""
	if o.fresh {
		if retired, err = retire(dir); err != nil {
			return err
		}
	}
	if existingJob(dir) != nil { // before a journal is made that knows of nothing
		if err := journalLost(dir); err != nil {
			return err
		}
	}
	j, err := journal.Open(dir, journal.Options{Host: api.host, First: func() error { return journalLost(dir) }})
	if disk, ok := errors.AsType[*journal.DiskError](err); ok && !isThere(dir) {
		return usagef("the job folder %s cannot be made: %w; give another one with --job", dir, disk.Err)
	}
	if err != nil {
		return err
	}
	defer j.Close()
	var spared *sparedInput
	if input == "-" {
		// Only now, since a run that has the job may be reading the one before.
		input, err = keepInput(ctx, os.Stdin, dir, func(name string) error {
			if found, err = tryInput(name, o.read, known); err != nil {
				return err
			}
			spared, err = spareInput(ctx, j, name, o.read)
			return err
		})
		if err != nil {
			return err
		}
	}
	// Of a workbook that is given another first sheet, a job keeps to its own as long
	// as it runs and is reported on.
	o.read.Sheet = found.Sheet
	if err := report.Sweep(dir); err != nil {
		return err
	}
	_ = journal.Remove(filepath.Join(dir, keptInput+".tmp")) // of a run that was killed while it copied
	if o.metricsFile != "" {
		_ = report.SweepMetrics(o.metricsFile) // a folder that takes files need not tell which it has
	}
	logFile, err := openLog(dir)
	if err != nil {
		return usagef("run.log cannot be written: %w", err)
	}
	defer logFile.Close()

	t := &terminal{out: os.Stderr}
	level, err := zerolog.ParseLevel(o.logLevel)
	if err != nil {
		return usagef("--log-level: %w", err)
	}
	bar := isTerminal(os.Stderr) && !o.noProgress && !o.quiet && o.logFormat != "json"
	shown := max(level, zerolog.InfoLevel)
	switch {
	case o.quiet:
		shown = zerolog.ErrorLevel
	case bar:
		shown = max(level, zerolog.WarnLevel)
	}
	absolute, err := filepath.Abs(input)
	if err != nil {
		return err
	}
	s := &session{
		runOptions: o, api: api, input: absolute, dir: dir, retired: retired, journal: j, resume: resume, resend: resend, given: resumeFlags(flags), kept: o.keptFlags(flags),
		log: newLog(&lossyLog{out: logFile, tell: func(err error) {
			fmt.Fprintln(t, "mantatag:", o.lang.Say("run.log cannot be written any more, and the run goes on without it: %[1]v", err))
		}}, t, o.logFormat, level, shown), terminal: t, bar: bar, others: found.Others,
	}
	s.goBack = func(behind *sparedInput) string { return goBack(flags, behind, o.read, api.bot, dir) }
	if spared != nil {
		s.sayOf(spared, resumeSpared(flags, spared, o.read, api.bot, dir))
		s.behind = spared.rows
	} else {
		behind, err := leftBehind(ctx, j, absolute, o.read)
		if err != nil {
			return err
		}
		if behind != nil {
			s.sayBehind(behind)
			s.behind = behind.rows
		}
	}
	return s.run(ctx)
}

func openLog(job string) (*os.File, error) {
	return os.OpenFile(filepath.Join(job, "run.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
}

// notStarted says why a run ended before it had begun, and writes its metrics,
// so that those of the run before are not taken for its own. While another run
// has the job, they are that one's.
func (o *runOptions) notStarted(input string, began time.Time, err error) exitStatus {
	code := exitCode(os.Stderr, o.lang, err)
	if code == report.ExitRunning {
		return exitStatus(code)
	}
	bot := strings.TrimSpace(envOr(o.bot, "MANTATAG_BOT_ID"))
	if o.sandbox {
		bot = sandbox.BotID
	}
	if err := report.WriteNotStarted(o.metricsFile, orDefault(o.job, jobFolder(input, o.sandbox)), bot, began, code); err != nil {
		fmt.Fprintln(os.Stderr, "mantatag:", o.lang.Say("the metrics were not written: %[1]v", err))
	}
	return exitStatus(code)
}

// noRows warns of an input that is nothing but its header, as an export that
// broke leaves one: otherwise it would look like a success.
func noRows(l *lang.Language, input string) string {
	if input == "-" {
		input = l.Say("standard input")
	}
	return l.Say("%[1]s has a header and no rows, so there was nothing to send; if that is not meant, see whether the export is whole", input)
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
