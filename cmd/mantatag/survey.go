package main

import (
	"context"
	"errors"
	"io"
	"slices"

	"mantatag/ingest"
	"mantatag/report"
	"mantatag/report/journal"
)

// shownExamples is how many rows of each kind of finding are kept.
const shownExamples = 3

// previews is how many requests are shown.
const previews = 3

// survey is what there is to say of an input after all of it was read. It
// counts mappings, of which a row may ask for several with --split-tags.
type survey struct {
	layout ingest.Layout
	rows   int64 // of the input

	read       int64
	failed     int64 // cannot be sent
	duplicates int64 // ask for the same as one before them
	done       int64 // made by earlier runs of the job
	refused    int64 // failed in an earlier run of the job, and not sent again
	mended     int64 // cells

	problems, mends, odd findings
	repeats              []repeat
	preview              []ingest.Mapping
}

// toSend is how many requests a run would have to make.
func (s *survey) toSend() int64 { return s.read - s.failed - s.duplicates - s.done - s.refused }

// finding is one kind of thing to say of rows.
type finding struct {
	id, column string
	count      int64
	examples   []example
}

// example is a row with what there is to say of it.
type example struct {
	row, line int64
	message   ingest.Message
}

// repeat is a row that asks for what the row first has asked for already.
type repeat struct{ row, line, first int64 }

// findings groups what there is to say, in the order in which it was first met.
type findings []*finding

func (fs *findings) add(row *ingest.Row, column string, m ingest.Message) {
	i := slices.IndexFunc(*fs, func(f *finding) bool { return f.id == m.ID && f.column == column })
	if i < 0 {
		i = len(*fs)
		*fs = append(*fs, &finding{id: m.ID, column: column})
	}
	f := (*fs)[i]
	f.count++
	if len(f.examples) < shownExamples {
		f.examples = append(f.examples, example{row.Number, row.Line, m})
	}
}

// most are the findings, the most frequent first.
func (fs findings) most() findings {
	slices.SortStableFunc(fs, func(a, b *finding) int { return int(b.count - a.count) })
	return fs
}

// surveyor takes a survey.
type surveyor struct {
	host, bot string
	job       *journal.Journal // nil: none
	rejects   *report.Rejects  // nil: nobody wants them
	firsts    firsts
	survey
}

// take reads the whole input.
func (s *surveyor) take(ctx context.Context, in *ingest.Reader) error {
	s.layout = in.Layout()
	last := int64(0)
	for {
		row, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if s.read%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if row.Number != last {
			s.rows, last = s.rows+1, row.Number
		}
		s.note(&row)
	}
}

// note takes one row into account.
func (s *surveyor) note(row *ingest.Row) {
	s.read++
	for _, n := range row.Notes {
		if n.Mended {
			s.mended++
			s.mends.add(row, n.Column, n.Message)
		} else {
			s.odd.add(row, n.Column, n.Message)
		}
	}
	if row.Err != nil {
		s.failed++
		if f, ok := errors.AsType[*ingest.Fault](row.Err); ok {
			s.problems.add(row, f.Column, f.Message)
		}
		if s.rejects != nil {
			s.rejects.Write(*row)
		}
		return
	}
	key := journal.NewKey(s.host, s.bot, row.TagID, row.ClientID, row.Platform, row.PlatformClientID)
	if first := s.firsts.find(key, row.Number); first != row.Number {
		s.duplicates++
		if len(s.repeats) < shownExamples {
			s.repeats = append(s.repeats, repeat{row.Number, row.Line, first})
		}
		return
	}
	if s.job != nil {
		switch s.job.Lookup(key).State {
		case journal.Succeeded:
			s.done++
			return
		case journal.Failed:
			s.refused++
			return
		}
	}
	if len(s.preview) < previews {
		s.preview = append(s.preview, row.Mapping)
	}
}
