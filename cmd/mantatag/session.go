package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"mantatag/cmd/mantatag/lang"
	"mantatag/ingest"
	"mantatag/report"
	"mantatag/report/journal"
	"mantatag/worker"
	"mantatag/worker/manta"
	"mantatag/worker/pace"
)

// session is one run of a job.
type session struct {
	*runOptions
	api        target
	input, dir string                    // input is absolute
	retired    string                    // where --fresh put the job that was in dir; "": nowhere
	resume     string                    // the command that goes on
	resend     string                    // the same, for mappings in doubt too
	given      []string                  // its flags
	kept       []string                  // the same, as the journal has them
	goBack     func(*sparedInput) string // the command that sends what was left behind
	behind     int64                     // rows of the run before that this one lacks; -1: there may be some
	others     []string                  // sheets of the workbook that are not read, where none was asked for
	opened     fs.FileInfo               // of the input; nil: it was not opened
	journal    *journal.Journal
	log        zerolog.Logger
	terminal   *terminal
	bar        bool
}

func (s *session) run(ctx context.Context) error {
	idle := s.nothingLeft()
	began := time.Now()
	session := journal.Session{
		Begin: began, Program: version(), Bot: s.api.bot, Input: s.input,
		Params: paramsOf(s.read, s.inDoubt == "hold"), Flags: s.kept, Behind: s.behind,
	}
	if given, err := os.Stat(s.input); err == nil {
		session.InputSize, session.InputModified = given.Size(), given.ModTime().UTC()
	}
	err := s.journal.Begin(session)
	if err != nil {
		return err
	}
	s.greet()
	said := make(chan struct{})
	defer context.AfterFunc(ctx, func() {
		defer close(said)
		time.Sleep(2 * together) // so that who reads this and signals again is heard
		s.log.Warn().Msg(s.lang.Say("interrupted: no more rows are let in, and those in flight are finished; a second signal leaves at once"))
	})()
	sayLast(ctx, func() {
		s.log.Error().Msg(s.lang.Say("left at a second signal: what was in flight may have been done, and reports may be missing; run the same command again to go on"))
	})
	defer sayLast(ctx, func() {})

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
	if ctx.Err() != nil {
		<-said
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
	// After a fault of the disk this fails as well. Whatever else ended the run, a
	// fault that its last entries met comes before it.
	if err := s.journal.End(end); err != nil && (stopped == nil || stopped.By != worker.ByDisk) {
		if stopped != nil {
			s.log.Warn().Str("stopped_by", stopped.By).Msg(stopped.Message)
		}
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
	s.opened, _ = os.Stat(s.input) // what cannot be found cannot be opened
	rows, err := ingest.Open(s.input, s.read)
	if err != nil {
		return &worker.Stop{By: worker.ByInput, Message: s.lang.Error(err), Err: err}
	}
	defer rows.Close()
	if s.known() < largeJob {
		defer debug.SetGCPercent(debug.SetGCPercent(smallHeap))
	}
	shown.split = s.read.SplitTags != ""
	if found := rows.Layout(); found.Guessed {
		s.warn(s.lang.Say("the encoding was taken for %[1]s, so that text in it reads: %[2]s; if that is wrong, stop the run and say which it is with --encoding", found.Encoding, found.Sample))
	} else if len(s.others) > 0 {
		s.warn(s.lang.Say("only the sheet %[1]q is read, and not %[2]s; if that is wrong, stop the run and say which it is with --sheet", found.Sheet, quoted(s.others)))
	}

	if n := rows.Layout().Hidden; n > 0 {
		s.warn(s.lang.Say("%[1]d rows of the sheet %[2]q are hidden, as by a filter, and are sent too; if only the visible ones are meant, stop the run and copy those into a sheet of their own", n, rows.Layout().Sheet))
	}

	if strings.HasPrefix(filepath.Base(s.input), "succeeded.") && existingJob(filepath.Dir(s.input)) == nil && !s.again() {
		s.warn(s.lang.Say("%[1]s holds what has succeeded in that job, and all of it is sent again; if that is not meant, stop the run", s.input))
	}

	sending, sent := context.WithCancel(intake)
	done := make(chan struct{})
	var token atomic.Pointer[string] // in use
	token.Store(&s.api.cred.Token)
	renew := func(ctx context.Context, used manta.Credentials, answer manta.Answer) (manta.Credentials, error) {
		fresh, err := s.login.renew(ctx, used, answer)
		if err == nil {
			token.Store(&fresh.Token)
		}
		return fresh, err
	}
	var beside sync.WaitGroup
	beside.Go(func() { shown.show(s.terminal, s.bar, done) })
	// Counting reads the whole input beside the run: it is for those who wait.
	count := sync.OnceFunc(func() {
		beside.Go(func() {
			s.count(sending, shown, pacer)
			s.watchExpiry(sending, shown, &token)
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
		Credentials: s.api.cred, Renew: renew, Say: s.lang.Say, Notify: notify,
	}
	// Requests in flight are not cut off by a first signal: they end by
	// themselves within --timeout.
	err = pool.Run(context.WithoutCancel(ctx), intake, rows)
	sent()
	close(done)
	beside.Wait()
	shown.sayFound(s.warn)

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

// again reports whether an earlier run of the job was given the same input.
func (s *session) again() bool {
	all := s.journal.Sessions()
	return slices.ContainsFunc(all[:len(all)-1], func(earlier journal.Session) bool { return earlier.Input == s.input })
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

// known is how many mappings earlier runs sent.
func (s *session) known() (n int64) {
	for _, earlier := range s.journal.Sessions() {
		n += earlier.Totals.Sent
	}
	return n
}

// count finds how many rows there are, beside the run, for the progress and the
// pace.
func (s *session) count(ctx context.Context, p *progress, pacer *pace.Pacer) {
	// The run meets the same error and says it.
	if n, err := ingest.Count(ctx, s.input, s.read); err == nil {
		p.total.Store(n)
		if n >= largeJob {
			debug.SetGCPercent(largeHeap)
		}
		for _, earlier := range s.journal.Sessions() {
			n -= earlier.Totals.Succeeded
			if !s.retryFailed {
				n -= earlier.Totals.Failed
			}
		}
		pacer.Expect(int(max(0, n)))
	}
}

// greet says what is going to happen.
func (s *session) greet() {
	all := s.journal.Sessions()
	sessions := len(all)
	if sessions > 1 {
		if before := all[sessions-2].Bot; before != s.api.bot {
			s.warn(s.lang.Say("the last run of this job was for the bot %[1]q; what was done for it stays recorded, and for %[2]q each row is new", before, s.api.bot))
		}
		s.log.Info().Int("session", sessions).Msg(s.lang.Say("going on with the job in %[1]s: what has an outcome is not sent again", s.dir))
	} else {
		s.log.Info().Int("session", sessions).Msg(s.lang.Say("starting the job in %[1]s", s.dir))
	}
	if s.retired != "" {
		s.log.Warn().Msg(s.lang.Say("the job that was in %[1]s is kept in %[2]s", s.dir, s.retired))
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

// warn says what is to be known even of a run that is quiet.
func (s *session) warn(sentence string) {
	s.log.Warn().Msg(sentence)
	if s.quiet {
		fmt.Fprintln(s.terminal, "mantatag:", sentence)
	}
}

// sayOf says where an earlier standard input is, and the command that sends what
// is left of it.
func (s *session) sayOf(spared *sparedInput, command string) {
	if spared.rows < 0 {
		s.warn(s.lang.Say("standard input is not that of the last run, which may have rows still to be sent; it is kept in %[1]s, and this sends them: %[2]s", spared.name, command))
	} else {
		s.warn(s.lang.Say("standard input lacks %[1]d rows of the last run's that are still to be sent; the old input is kept in %[2]s, and this sends them: %[3]s", spared.rows, spared.name, command))
	}
	s.sayUnheld(spared)
}

// sayBehind says what this run does not send though an earlier one was to.
func (s *session) sayBehind(behind *sparedInput) {
	command := s.goBack(behind)
	switch {
	case behind.under:
		s.warn(s.lang.Say("rows of the file that was %[1]s may never have been sent; where the file that is there now lacks them, give this job the old file again, if you still have it: %[2]s", behind.name, command))
	case behind.gone && behind.rows < 0:
		s.warn(s.lang.Say("rows of the file that was %[1]s may never have been sent; where this run's input lacks them, give this job the old file again, if you still have it: %[2]s", behind.name, command))
	case behind.gone:
		s.warn(s.lang.Say("%[1]d rows of the file that was %[2]s, of which the last run of this job was, are still to be sent, and are not among this run's; that file was replaced or is gone, and the rows with it: give this job the old file again, if you still have it: %[3]s", behind.rows, behind.name, command))
	case behind.name == s.input:
		s.warn(s.lang.Say("%[1]d rows that the last run of this job found in %[2]s with other flags are still to be sent, and are not among this run's; this sends them: %[3]s", behind.rows, behind.name, command))
	default:
		s.warn(s.lang.Say("%[1]d rows of %[2]s, of which the last run of this job was, are still to be sent, and are not among this run's; this sends them: %[3]s", behind.rows, behind.name, command))
	}
	if behind.gone {
		s.warn(s.lang.Say("a job keeps no copy of its input: give each export a name of its own, or let it contain the earlier rows as well"))
	}
	s.sayUnheld(behind)
}

// sayUnheld says that a command sends what was held back.
func (s *session) sayUnheld(left *sparedInput) {
	if left.doubt && (left.of.Params.HoldInDoubt || s.inDoubt == "hold") {
		s.warn(s.lang.Say("that command leaves out --in-doubt hold, since all that it sends is in doubt and would be held back: see first in MantaGO whether it may be sent again"))
	}
}

// changed reports whether the input is another than the one that was opened.
func (s *session) changed() bool {
	if s.opened == nil {
		return false
	}
	now, err := os.Stat(s.input)
	return err == nil && !(os.SameFile(s.opened, now) && s.opened.Size() == now.Size() && s.opened.ModTime().Equal(now.ModTime()))
}

// conclude writes the reports and says how the run ended.
func (s *session) conclude(stopped *worker.Stop) error {
	s.concluded = true
	from := s.source()
	if stopped != nil {
		from.StoppedBy, from.Message, from.Terminated = stopped.By, stopped.Message, terminated(stopped)
	}
	summary, err := report.Write(context.Background(), from)
	switch {
	case gone(err) && stopped == nil:
		summary.Message = s.lang.Say("the input %[1]s is not there any more, and what became of its rows cannot be written beside it; what was done is recorded: put it back, and run the same command again", s.input)
	case err != nil:
		s.log.Error().Msg(s.lang.Error(err))
	case s.changed():
		s.warn(s.lang.Say("the input %[1]s was replaced or changed after the run had begun to read it: this is the result of the rows that are in it now; what was done for others is recorded in the journal", s.input))
		if of := s.journal.Last(); !triedAll(of) && of.StoppedBy != worker.ByBot {
			s.sayBehind(&sparedInput{name: s.input, rows: -1, of: of, gone: true, under: true})
		}
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
		input := s.input
		if isKept(input, s.dir) {
			input = "-"
		}
		s.warn(noRows(s.lang, input))
	}
	level := zerolog.WarnLevel
	switch summary.StoppedBy {
	case "", worker.ByInterrupt, worker.ByDeadline: // nothing that a person has to see to
		level = zerolog.InfoLevel
	}
	s.log.WithLevel(level).Int("exit_code", summary.ExitCode).Str("stopped_by", summary.StoppedBy).Msg(summary.Message)

	do, kept := next{mend: mendCommand(programName(), s.given, summary)}, s.kept
	if rowsLeft(summary, s.retryFailed) {
		do.left = s.resume
	}
	if held(summary, s.inDoubt == "hold") {
		do.left, do.hint, kept = s.resend, sayHeld(s.lang), withoutHold(kept)
	}
	if s.quiet && do.left != "" && kept != nil { // it is read in a mail, or by another shell
		do.left = anywhere(s.dir, kept, s.input)
	}
	do.withoutBot(s.lang, summary, s.api.bot)
	var result bytes.Buffer
	switch {
	case s.json:
		_ = printJSON(&result, summary) // a buffer takes every write
	case !s.quiet:
		printResult(&result, s.lang, summary, s.behind, do)
	}
	_, unread := result.WriteTo(os.Stdout)
	if err := written(unread); err != nil {
		// The rows are as they are, and the job's files have the result.
		fmt.Fprintln(os.Stderr, "mantatag:", s.lang.Error(err))
	}
	if s.quiet && summary.ExitCode != 0 {
		for _, line := range briefly(s.lang, summary) {
			fmt.Fprintln(os.Stderr, "mantatag:", line)
		}
		if do.left != "" {
			fmt.Fprintln(os.Stderr, s.lang.Say("go on with: %[1]s", do.left))
		}
		if do.hint != "" {
			fmt.Fprintln(os.Stderr, do.hint)
		}
	}
	if summary.ExitCode == 0 {
		return nil
	}
	return exitStatus(summary.ExitCode)
}

// rowsLeft reports whether the same command has something to send.
func rowsLeft(s report.Summary, retryFailed bool) bool {
	// It may have ended before it had sent again all that had failed.
	unretried := retryFailed && s.Rows.Failed > 0 && s.StoppedBy != "" && s.StoppedBy != worker.ByFailures
	return s.Rows.Pending+s.Rows.Retryable > 0 || s.Input.Rows == nil || unretried
}

// held reports whether what is left is held back, so that the same command
// would send nothing.
func held(s report.Summary, holdInDoubt bool) bool {
	return holdInDoubt && s.InDoubt > 0 && s.Rows.Retryable > 0 && s.Rows.Pending == 0
}

func sayHeld(l *lang.Language) string {
	return l.Say("That sends again what --in-doubt hold holds back: see first, in retryable.csv and in MantaGO, whether it may.")
}

// withoutBot has no command name the bot that the API refused, and says so.
func (do *next) withoutBot(l *lang.Language, s report.Summary, bot string) {
	if s.StoppedBy != worker.ByBot {
		return
	}
	for _, command := range []*string{&do.left, &do.mend} {
		if named := quote("--bot=" + bot); strings.Contains(*command, named) {
			*command = strings.Replace(*command, named, "--bot=…", 1)
			do.hint = l.Say("The ID of the right bot goes in the place of the dots.")
		}
	}
}

// withoutHold are the flags that send what is held back too.
func withoutHold(flags []string) []string {
	return slices.DeleteFunc(slices.Clone(flags), func(w string) bool { return strings.HasPrefix(w, "--in-doubt=") })
}

// terminated reports whether a SIGTERM or SIGHUP stopped the run.
func terminated(stopped *worker.Stop) bool {
	signal, ok := errors.AsType[interrupted](stopped)
	return ok && signal.exitCode() == report.ExitTerminated
}

// source is what the reports are made from.
func (s *session) source() report.Source {
	return report.Source{
		Journal: s.journal, Input: s.input, Options: s.read, Bot: s.api.bot, Program: version(), HoldInDoubt: s.inDoubt == "hold", Say: s.lang.Named,
		Kept: func(file, as string) { s.warn(keptEdit(s.lang, file, as, s.sandbox)) },
	}
}
