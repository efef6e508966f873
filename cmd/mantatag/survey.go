package main

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"io"

	"mantatag/ingest"
	"mantatag/report"
	"mantatag/report/journal"
)

// shownExamples is how many rows of each kind of finding are kept.
const shownExamples = 3

// previews is how many requests are shown.
const previews = 3

// survey is what there is to say of an input after all of it was read.
type survey struct {
	layout ingest.Layout
	found  ingest.Findings

	// Of the mappings that can be sent:
	duplicates int64 // ask for the same as one before them
	done       int64 // made by earlier runs of the job
	refused    int64 // failed in an earlier run of the job, and not sent again

	repeats []repeat // the first
	preview []ingest.Mapping
}

// toSend is how many requests a run would have to make.
func (s *survey) toSend() int64 { return s.found.Sendable - s.duplicates - s.done - s.refused }

// repeat is a row that asks for what the row first has asked for already.
type repeat struct{ row, line, first int64 }

// surveyor takes a survey.
type surveyor struct {
	host, bot string
	job       *journal.Journal // nil: none
	rejects   *report.Rejects  // nil: nobody wants them
	firsts    firsts
	seeds     [2]maphash.Seed
	keys      [batch]journal.Key
	survey
}

// batch is how many mappings are handed on at once.
const batch = 1024

// asked is a row that can be sent, with what it asks for.
type asked struct {
	ingest.Mapping
	row, line int64
}

// take reads the whole input. What rows ask for is compared beside the reading,
// since it takes about as long.
func (s *surveyor) take(ctx context.Context, in *ingest.Reader) error {
	full, empty := make(chan []asked, 2), make(chan []asked, 4)
	for range cap(empty) {
		empty <- make([]asked, 0, batch)
	}
	compared := make(chan struct{})
	go func() {
		defer close(compared)
		for mappings := range full {
			s.compare(mappings)
			empty <- mappings[:0]
		}
	}()
	err := s.read(ctx, in, full, empty)
	close(full)
	<-compared
	s.layout = in.Layout() // of NDJSON, the keys are known by now
	return err
}

// read notes what there is to say of each row by itself, and hands on what the
// rows ask for.
func (s *surveyor) read(ctx context.Context, in *ingest.Reader, full chan<- []asked, empty <-chan []asked) error {
	next := <-empty
	for {
		row, err := in.Next()
		if errors.Is(err, io.EOF) {
			full <- next
			return nil
		}
		if err != nil {
			return err
		}
		s.found.Add(&row)
		if row.Err != nil {
			if s.rejects != nil {
				s.rejects.Write(row)
			}
			continue
		}
		if next = append(next, asked{row.Mapping, row.Number, row.Line}); len(next) == batch {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			full <- next
			next = <-empty
		}
	}
}

// key names a mapping. Where there is no job to look it up in, a name that holds
// for this survey alone will do, and costs less than the journal's.
func (s *surveyor) key(m *ingest.Mapping) (k journal.Key) {
	if s.job != nil {
		return journal.NewKey(s.host, s.bot, m.TagID, m.ClientID, m.Platform, m.PlatformClientID)
	}
	var buf [256]byte
	b := buf[:0]
	for _, f := range [...]string{m.TagID, m.ClientID, m.Platform, m.PlatformClientID} {
		b = binary.AppendUvarint(b, uint64(len(f)))
		b = append(b, f...)
	}
	binary.LittleEndian.PutUint64(k[:8], maphash.Bytes(s.seeds[0], b))
	binary.LittleEndian.PutUint64(k[8:], maphash.Bytes(s.seeds[1], b))
	return k
}

// compare finds out which of the mappings are asked for already, or done.
func (s *surveyor) compare(mappings []asked) {
	keys := s.keys[:len(mappings)]
	for i := range mappings {
		keys[i] = s.key(&mappings[i].Mapping)
	}
	s.firsts.touch(keys)
	for i := range mappings {
		key, m := &keys[i], &mappings[i]
		if first := s.firsts.find(key, m.row); first != m.row {
			s.duplicates++
			if len(s.repeats) < shownExamples {
				s.repeats = append(s.repeats, repeat{m.row, m.line, first})
			}
			continue
		}
		state := journal.None
		if s.job != nil {
			state = s.job.Lookup(*key).State
		}
		switch {
		case state == journal.Succeeded:
			s.done++
		case state == journal.Failed:
			s.refused++
		case len(s.preview) < previews:
			s.preview = append(s.preview, m.Mapping)
		}
	}
}
