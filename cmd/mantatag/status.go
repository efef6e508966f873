package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"mantatag/cmd/mantatag/lang"
	"mantatag/ingest"
	"mantatag/report"
	"mantatag/report/journal"
)

func newStatusCommand(l *lang.Language) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:               "status JOB",
		Short:             "Show a job on one screen, also while it runs",
		Args:              one("JOB"),
		ValidArgsFunction: completeFolders,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, last, err := viewJob(l, args[0])
			if err != nil {
				return err
			}
			defer s.Journal.Close()
			summary, err := report.Fold(cmd.Context(), s)
			unread := ""
			if fault, ok := errors.AsType[*ingest.InputError](err); ok {
				unread = l.Say("only what the journal holds can be told, since the input cannot be read: %[1]s", l.Error(fault))
				if gone(err) {
					unread = l.Say("the input %[1]s is not there, so that only what the journal holds can be told; put it back, or run the same command with the file where it is now and with %[2]s", s.Input, "--job="+quote(args[0]))
				}
				summary, err = report.Recorded(cmd.Context(), s)
			}
			if err != nil {
				return err
			}
			head := l.Say("%[1]s, of %[2]s", summary.Job, s.Input) + "\n" +
				l.Say("run %[1]d, begun %[2]s, %[3]s", last.Number, last.Begin.Local().Format(time.DateTime), howItStands(l, args[0], last)) + "\n\n"
			now := standingOf(args[0], summary, last)
			now.unwritten = now.Running || !hasReports(args[0])
			switch {
			case unread == "" && last.Replaced() && !triedAll(last):
				head += l.Say("%[1]s was replaced or changed after the last run had begun: these are the rows that are in it now, and the next run says whether it lacks some that are still to be sent", s.Input) + "\n\n"
			case unread == "":
			case last.Message != "":
				head += unread + "\n"
			default:
				now.Message = unread
			}
			if last.End.IsZero() && !now.unwritten { // they may have been made since
				_, made := report.Unchanged(s)
				now.unwritten = !made
			}
			if asJSON {
				return written(printJSON(os.Stdout, now))
			}
			do := next{}
			if unread == "" {
				do = goOnWith(l, args[0], now, last)
			}
			return show(l, head, now, do)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write it as summary.json has it, and whether a run goes on")
	return cmd
}

func newReportCommand(l *lang.Language) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:               "report JOB",
		Short:             "Write the reports of a job again from its journal and input, also while it runs",
		Args:              one("JOB"),
		ValidArgsFunction: completeFolders,
		RunE: func(cmd *cobra.Command, args []string) error {
			summary, last, err := remake(cmd.Context(), l, args[0])
			for errors.Is(err, report.ErrOutdated) {
				summary, last, err = remake(cmd.Context(), l, args[0])
			}
			if err != nil {
				return err
			}
			if asJSON {
				return written(printJSON(os.Stdout, summary))
			}
			now := standingOf(args[0], summary, last)
			return show(l, "", now, goOnWith(l, args[0], now, last))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write summary.json to standard output too")
	return cmd
}

// standing is a job as it is seen from outside a run.
type standing struct {
	report.Summary
	Running  bool  `json:"running"`   // a run has the job
	InFlight int64 `json:"in_flight"` // rows whose request was sent by that run and has no answer yet

	unwritten bool  // the files of the job are not of these rows
	behind    int64 // rows of the run before that the last one lacked; -1: there may be some
}

// standingOf is how a job stands.
func standingOf(dir string, summary report.Summary, last journal.Session) standing {
	return standing{Summary: summary, Running: journal.Running(dir), InFlight: summary.InFlight, behind: last.Behind}
}

// sayPending says what pending rows are: those that were sent are not untried.
func sayPending(l *lang.Language, s standing) string {
	switch doubt, flying := s.PendingDoubt, s.PendingFlight; {
	case doubt == s.Rows.Pending:
		return l.Say("sent, or about to be, without an answer of the API's own")
	case doubt > 0:
		return l.Say("%[1]d of them sent, or about to be, without an answer of the API's own, the others still to be sent", doubt)
	case flying == s.Rows.Pending:
		return l.Say("on their way")
	case flying > 0:
		return l.Say("%[1]d of them on their way, the others still to be sent", flying)
	}
	return l.Say("still to be sent")
}

func hasReports(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "report.html"))
	return err == nil
}

// show writes how a job stands to standard output, under head, and what to do next.
func show(l *lang.Language, head string, s standing, do next) error {
	b := bytes.NewBufferString(head)
	printStanding(b, l, s, do)
	_, err := b.WriteTo(os.Stdout)
	return written(err)
}

// remake writes the reports of a job from what its journal holds now, and returns
// its last run too.
func remake(ctx context.Context, l *lang.Language, dir string) (report.Summary, journal.Session, error) {
	s, last, err := viewJob(l, dir)
	if err != nil {
		return report.Summary{}, last, err
	}
	defer s.Journal.Close()
	s.Kept = func(file, as string) {
		sentence := keptEdit(l, file, as, s.Journal.Host() == sandboxHost)
		fmt.Fprintln(os.Stderr, "mantatag:", sentence)
		if f, err := openLog(dir); err == nil { // it was told already
			log := newLog(f, &terminal{out: io.Discard}, "json", zerolog.WarnLevel, zerolog.Disabled)
			log.Warn().Msg(sentence)
			_ = f.Close()
		}
	}
	summary, err := report.Write(ctx, s)
	if fault, ok := errors.AsType[*ingest.InputError](err); ok && fault.ID == "no-sheet" {
		err = usagef("%w; the reports are made from that sheet: give it its name back, or run the same command again with its new name in --sheet", err)
	}
	if gone(err) {
		err = usagef("the input %[1]s is not there, and the reports are made from it; put it back, or run the same command with the file where it is now and with %[2]s", s.Input, "--job="+quote(dir))
	}
	return summary, last, err
}

// gone reports whether an error of reports is that their input is not there.
func gone(err error) bool {
	_, ok := errors.AsType[*ingest.InputError](err)
	return ok && errors.Is(err, fs.ErrNotExist)
}

// keptEdit says that the reports did not write over what a person wrote. Where some
// of that has been sent, the job that did it sends the rest.
func keptEdit(l *lang.Language, file, as string, sandbox bool) string {
	if command := goOnWithEdited(jobFolder(file, sandbox), as); command != "" {
		return l.Say("%[1]s was edited after mantatag wrote it; since it is written anew, your version is kept in %[2]s, and this sends what of it is still to be sent: %[3]s", file, as, command)
	}
	return l.Say("%[1]s was edited after mantatag wrote it; since it is written anew, your version is kept in %[2]s: give that file to mantatag run, unless you did before", file, as)
}

// viewJob opens a job as its last run left it, for reading.
func viewJob(l *lang.Language, dir string) (report.Source, journal.Session, error) {
	if err := existingJob(dir); err != nil {
		if lost := journalLost(dir); lost != nil {
			err = lost
		}
		return report.Source{}, journal.Session{}, err
	}
	j, err := journal.View(dir)
	if err != nil {
		return report.Source{}, journal.Session{}, err
	}
	sessions := j.Sessions()
	if len(sessions) == 0 {
		_ = j.Close()
		if err := journalLost(dir); err != nil {
			return report.Source{}, journal.Session{}, err
		}
		return report.Source{}, journal.Session{}, usagef("no run of the job %s has begun yet", dir)
	}
	last := sessions[len(sessions)-1]
	return report.Source{
		Journal: j, Input: last.Input, Bot: last.Bot, Program: version(), HoldInDoubt: last.Params.HoldInDoubt,
		Options: optionsOf(last.Params, last.Bot), Say: l.Named, Running: last.End.IsZero() && journal.Running(dir),
	}, last, nil
}

// howItStands tells a run that ended from one that goes on and one that was
// cut off, which look alike in the journal but for the lock.
func howItStands(l *lang.Language, dir string, last journal.Session) string {
	switch {
	case !last.End.IsZero():
		return l.Say("ended %[1]s", last.End.Local().Format(time.DateTime))
	case journal.Running(dir):
		return l.Say("still going on")
	default:
		return l.Say("cut off; run the same command again to go on")
	}
}
