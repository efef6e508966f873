package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mantatag/cmd/mantatag/lang"
	"mantatag/ingest"
	"mantatag/report"
	"mantatag/report/journal"
	"mantatag/worker"
	"mantatag/worker/manta"
	"mantatag/worker/manta/sandbox"
	"mantatag/worker/pace"
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
			began := time.Now()
			err := o.run(cmd.Context(), cmd.Flags(), args[0])
			if err != nil && o.metricsFile != "" && !o.concluded {
				return o.notStarted(args[0], began, err)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.job, "job", "", "the job's `folder` (default: INPUT.mantatag)")
	f.BoolVar(&o.fresh, "fresh", false, "start over, keeping the old job folder under a dated name")
	f.BoolVar(&o.retryFailed, "retry-failed", false, "send again what failed in an earlier run")
	f.Var(newChoice(&o.inDoubt, "resend", "resend", "hold"), "in-doubt", "what to do with a request that was sent and never answered")

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
	f.StringVar(&o.stateDir, "state-dir", "", "the `folder` for what was learned of rate limits (default: $XDG_STATE_HOME/mantatag)")
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
		o.login.renewal = renewalCommand(flags)
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
	if input != "-" {
		if err := tryInput(input, o.read, known); err != nil {
			return err
		}
		if err := outsideJob(input, dir, o.fresh); err != nil {
			return err
		}
	}
	if o.fresh {
		if err := retire(dir); err != nil {
			return err
		}
	}
	j, err := journal.Open(dir, journal.Options{Host: api.host})
	if err != nil {
		return err
	}
	defer j.Close()
	var spared *sparedInput
	if input == "-" {
		// Only now, since a run that has the job may be reading the one before.
		input, err = keepInput(ctx, os.Stdin, dir, func(name string) error {
			if err := tryInput(name, o.read, known); err != nil {
				return err
			}
			spared, err = spareInput(ctx, dir, name)
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := report.Sweep(dir); err != nil {
		return err
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
		runOptions: o, api: api, input: absolute, dir: dir, journal: j, resume: resume, resend: resend,
		log: newLog(&lossyLog{out: logFile, tell: func(err error) {
			fmt.Fprintln(t, "mantatag:", o.lang.Say("run.log cannot be written any more, and the run goes on without it: %[1]v", err))
		}}, t, o.logFormat, level, shown), terminal: t, bar: bar,
	}
	if spared != nil {
		s.sayOf(spared, resumeSpared(flags, spared, o.read, api.bot, dir))
	}
	return s.run(ctx)
}

func openLog(job string) (*os.File, error) {
	return os.OpenFile(filepath.Join(job, "run.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
}

// session is one run of a job.
type session struct {
	*runOptions
	api        target
	input, dir string // input is absolute
	resume     string // the command that goes on
	resend     string // the same, for mappings in doubt too
	journal    *journal.Journal
	log        zerolog.Logger
	terminal   *terminal
	bar        bool
}

func (s *session) run(ctx context.Context) error {
	idle := s.nothingLeft()
	began := time.Now()
	err := s.journal.Begin(journal.Session{
		Begin: began, Program: version(), Bot: s.api.bot, Input: s.input,
		Params: paramsOf(s.read, s.inDoubt == "hold"),
	})
	if err != nil {
		return err
	}
	s.greet()
	defer context.AfterFunc(ctx, func() {
		s.log.Warn().Msg(s.lang.Say("interrupted: no more rows are let in, and those in flight are finished; a second signal leaves at once"))
	})()

	pacer := pace.New(pace.Options{
		Rate: float64(s.rate), Max: float64(s.maxRate), Concurrency: s.concurrency, Memory: s.recall(),
		Notify: func(d pace.Decision) {
			s.log.Debug().Float64("per_second", d.Rate).Time("paused_until", d.PausedUntil).Msg(d.Reason)
		},
	})
	shown := &progress{lang: s.lang, log: s.log, pace: pacer.Status}
	var stopped *worker.Stop
	if !idle {
		stopped = s.send(ctx, began, pacer, shown)
	}

	learned := pacer.Status().Learned
	s.remember(learned)
	end := journal.Session{
		End: time.Now(), LearnedPerSecond: learned.Settled, LearnedInFlight: learned.InFlight,
		GivenPerSecond: float64(s.rate), BoundInFlight: learned.Concurrency,
	}
	if stopped != nil {
		end.StoppedBy, end.Message, end.Terminated = stopped.By, stopped.Message, terminated(stopped)
	}
	// After a fault of the disk this fails as well; the fault is told already.
	if err := s.journal.End(end); err != nil && stopped == nil {
		stopped = &worker.Stop{By: worker.ByDisk, Message: s.lang.Error(err), Err: err}
	}
	return s.conclude(stopped)
}

// nothingLeft reports whether the job was complete and nothing has changed
// since, so that the rows need not be gone through again.
func (s *session) nothingLeft() bool {
	last, ok := report.Unchanged(s.source())
	return ok && last.State == report.Complete && last.Rows.Retryable == 0 && (last.Rows.Failed == 0 || !s.retryFailed)
}

// send runs the pool over the input and returns why it stopped early, or nil.
func (s *session) send(ctx context.Context, began time.Time, pacer *pace.Pacer, shown *progress) *worker.Stop {
	intake, cancel := s.deadline(ctx, began)
	defer cancel()
	rows, err := ingest.Open(s.input, s.read)
	if err != nil {
		return &worker.Stop{By: worker.ByInput, Message: s.lang.Error(err), Err: err}
	}
	defer rows.Close()
	shown.split = s.read.SplitTags != ""
	if found := rows.Layout(); found.Guessed {
		s.log.Warn().Str("encoding", found.Encoding).Msg(s.lang.Say("the encoding was taken for %[1]s, so that text in it reads: %[2]s; if that is wrong, stop the run and say which it is with --encoding", found.Encoding, found.Sample))
	}

	sending, sent := context.WithCancel(intake)
	done := make(chan struct{})
	var beside sync.WaitGroup
	beside.Go(func() { shown.show(s.terminal, s.bar, done) })
	// Counting reads the whole input beside the run: it is for those who wait.
	count := sync.OnceFunc(func() {
		beside.Go(func() {
			s.count(sending, shown, pacer)
			s.watchExpiry(sending, shown)
		})
	})
	notify := func(e worker.Event) {
		if e.Kind == worker.Sent {
			count()
		}
		shown.note(e)
	}

	pool := &worker.Pool{
		Client: &manta.Client{HTTP: manta.NewHTTP(s.concurrency), API: s.api.url, Bot: s.api.bot,
			UserAgent: "mantatag/" + version(), Timeout: s.timeout, Say: s.lang.Say},
		Pace: pacer, Journal: s.journal, Host: s.api.host, Bot: s.api.bot,
		Concurrency: s.concurrency, Attempts: s.retries, OutageTimeout: s.outageTimeout,
		StopAfterFailures: s.stopAfterFailures, RetryFailed: s.retryFailed, HoldInDoubt: s.inDoubt == "hold",
		Credentials: s.api.cred, Renew: s.login.renew, Say: s.lang.Say, Notify: notify,
	}
	// Requests in flight are not cut off by a first signal: they end by
	// themselves within --timeout.
	err = pool.Run(context.WithoutCancel(ctx), intake, rows)
	sent()
	close(done)
	beside.Wait()
	shown.sayFound()

	var stop *worker.Stop
	var signal interrupted
	switch {
	case err == nil:
		return nil
	case errors.As(err, &stop):
		return stop
	case errors.As(err, &signal):
		return &worker.Stop{By: worker.ByInterrupt, Message: s.lang.Say("interrupted (%[1]s); what was in flight was finished", signal.name()), Err: signal}
	}
	return &worker.Stop{By: worker.ByInterrupt, Message: s.lang.Error(err), Err: err}
}

// deadline ends intake at --max-duration or --stop-at, whichever is first.
func (s *session) deadline(ctx context.Context, began time.Time) (context.Context, context.CancelFunc) {
	var at time.Time
	flag := ""
	if s.maxDuration > 0 {
		at, flag = began.Add(s.maxDuration), "--max-duration "+s.maxDuration.String()
	}
	if s.stopAt.set {
		if next := s.stopAt.next(began); at.IsZero() || next.Before(at) {
			at, flag = next, "--stop-at "+s.stopAt.String()
		}
	}
	if at.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadlineCause(ctx, at, &worker.Stop{By: worker.ByDeadline, Message: s.lang.Say("the time was up (%[1]s)", flag)})
}

// count finds how many rows there are, beside the run, for the progress and the
// pace.
func (s *session) count(ctx context.Context, p *progress, pacer *pace.Pacer) {
	// The run meets the same error and says it.
	if n, err := ingest.Count(ctx, s.input, s.read); err == nil {
		p.total.Store(n)
		for _, earlier := range s.journal.Sessions() {
			n -= earlier.Totals.Succeeded + earlier.Totals.Failed
		}
		pacer.Expect(int(max(0, n)))
	}
}

// greet says what is going to happen.
func (s *session) greet() {
	sessions := len(s.journal.Sessions())
	if sessions > 1 {
		s.log.Info().Int("session", sessions).Msg(s.lang.Say("going on with the job in %[1]s: what has an outcome is not sent again", s.dir))
	} else {
		s.log.Info().Int("session", sessions).Msg(s.lang.Say("starting the job in %[1]s", s.dir))
	}
	for _, note := range s.journal.Notes() {
		s.log.Warn().Msg(s.lang.Say(note.Format, note.Args...))
	}
	if !s.sandbox {
		for _, warning := range sayExposed(s.lang, s.login.tokenFile, s.login.secretFile) {
			s.log.Warn().Msg(warning)
		}
	}
	if exp := expiry(s.api.cred.Token); !exp.IsZero() && exp.Before(time.Now()) {
		s.log.Warn().Time("exp", exp).Msg(s.lang.Say("the token says that it expired at %[1]s; the API will refuse it unless this machine's clock is wrong", exp.Local().Format("2006-01-02 15:04")))
	}
}

// sayOf says where an earlier standard input is, and the command that sends what
// is left of it.
func (s *session) sayOf(spared *sparedInput, command string) {
	if spared.rows < 0 {
		s.log.Warn().Msg(s.lang.Say("standard input is not that of the last run, which may have rows still to be sent; it is kept in %[1]s, and this sends them: %[2]s", spared.name, command))
		return
	}
	s.log.Warn().Msg(s.lang.Say("standard input is not that of the last run, of which %[1]d rows are still to be sent; it is kept in %[2]s, and this sends them: %[3]s", spared.rows, spared.name, command))
}

// conclude writes the reports and says how the run ended.
func (s *session) conclude(stopped *worker.Stop) error {
	s.concluded = true
	from := s.source()
	if stopped != nil {
		from.StoppedBy, from.Message, from.Terminated = stopped.By, stopped.Message, terminated(stopped)
	}
	summary, err := report.Write(context.Background(), from)
	if err != nil {
		s.log.Error().Msg(s.lang.Error(err))
	}
	if s.metricsFile != "" {
		if err := report.WriteMetrics(s.metricsFile, summary); err != nil {
			sentence := s.lang.Say("the metrics were not written: %[1]v", err)
			s.log.Error().Msg(sentence)
			if summary.StoppedBy == "" {
				// The rows are as they are, but who looks at the metrics alone
				// must not take the last run's for this one's.
				from.StoppedBy, from.Message = worker.ByDisk, sentence
				if summary, err = report.Write(context.Background(), from); err != nil {
					s.log.Error().Msg(s.lang.Error(err))
				}
			}
		}
	}
	if n := summary.Input.Rows; stopped == nil && n != nil && *n == 0 {
		sentence := noRows(s.lang, s.input)
		s.log.Warn().Msg(sentence)
		if s.quiet {
			fmt.Fprintln(s.terminal, "mantatag:", sentence)
		}
	}
	s.log.Info().Int("exit_code", summary.ExitCode).Str("stopped_by", summary.StoppedBy).Msg(summary.Message)

	left := ""
	// It may have ended before it had sent again all that had failed.
	unretried := s.retryFailed && summary.Rows.Failed > 0 && summary.StoppedBy != "" && summary.StoppedBy != worker.ByFailures
	if summary.Rows.Pending+summary.Rows.Retryable > 0 || summary.Input.Rows == nil || unretried {
		left = s.resume
	}
	if summary.StoppedBy == worker.ByBot && s.bot != "" {
		left = strings.Replace(left, quote("--bot="+s.bot), "--bot=…", 1) // not the one that the API refused
	}
	hint := ""
	if s.inDoubt == "hold" && summary.InDoubt > 0 && summary.Rows.Retryable > 0 && summary.Rows.Pending == 0 {
		left = s.resend
		hint = s.lang.Say("That sends again what --in-doubt hold holds back: see first, in retryable.csv and in MantaGO, whether it may.")
	}
	// Nobody may read the result any more; the job's files have it.
	switch {
	case s.json:
		_ = printJSON(os.Stdout, summary)
	case !s.quiet:
		printResult(os.Stdout, s.lang, summary, left)
		if hint != "" {
			fmt.Printf("\n%s\n", hint)
		}
	}
	if s.quiet && summary.ExitCode != 0 {
		for _, line := range briefly(s.lang, summary) {
			fmt.Fprintln(os.Stderr, "mantatag:", line)
		}
		if left != "" {
			fmt.Fprintln(os.Stderr, s.lang.Say("go on with: %[1]s", left))
		}
		if hint != "" {
			fmt.Fprintln(os.Stderr, hint)
		}
	}
	if summary.ExitCode == 0 {
		return nil
	}
	return exitStatus(summary.ExitCode)
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
	return l.Say("%[1]s has a header and no rows, so there was nothing to send; if that is not meant, see whether the export is whole", input)
}

// terminated reports whether a SIGTERM stopped the run.
func terminated(stopped *worker.Stop) bool {
	signal, ok := errors.AsType[interrupted](stopped)
	return ok && signal.exitCode() == report.ExitTerminated
}

// source is what the reports are made from.
func (s *session) source() report.Source {
	return report.Source{
		Journal: s.journal, Input: s.input, Options: s.read, Bot: s.api.bot, Program: version(), HoldInDoubt: s.inDoubt == "hold", Say: s.lang.Named,
		Kept: func(file, as string) { s.log.Warn().Msg(keptEdit(s.lang, file, as)) },
	}
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
