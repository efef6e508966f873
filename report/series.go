package report

import (
	"time"

	"mantatag/report/journal"
)

const (
	// buckets is how many there are at most: even, and about as many points as
	// a chart shows well.
	buckets = 120

	// finest is the width of a bucket to begin with.
	finest = 250 * time.Millisecond
)

// series counts what happened over time, in memory that does not grow with it:
// when the buckets are used up, each two become one of double width.
type series struct {
	start  time.Time
	latest time.Time
	width  time.Duration
	counts [buckets]count
}

type count struct {
	settled     int64 // rows that got their outcome
	rateLimited int64 // answers 429
}

func (s *series) add(e journal.Entry) {
	var c count
	switch {
	case e.Kind == journal.Refused && e.Status == 429:
		c.rateLimited = 1
	case e.Kind == journal.Succeeded, e.Kind == journal.Failed, e.Kind == journal.Retryable:
		c.settled = 1
	default:
		return
	}
	if s.width == 0 {
		s.width = finest
	}
	since := max(0, e.At.Sub(s.start)) // a clock may have been set back
	for since >= buckets*s.width {
		s.double()
	}
	if e.At.After(s.latest) {
		s.latest = e.At
	}
	b := &s.counts[since/s.width]
	b.settled += c.settled
	b.rateLimited += c.rateLimited
}

func (s *series) double() {
	s.width *= 2
	for i := range buckets / 2 {
		a, b := s.counts[2*i], s.counts[2*i+1]
		s.counts[i] = count{a.settled + b.settled, a.rateLimited + b.rateLimited}
	}
	clear(s.counts[buckets/2:])
}

// point is what happened in a second, on the average of a bucket.
type point struct {
	at                   time.Time // when the bucket begins
	settled, rateLimited float64
}

// points are the buckets up to the last in which anything happened. That one
// is only partly over: less than half of it counts with the one before.
func (s *series) points() []point {
	if s.width == 0 {
		return nil
	}
	lasted := max(0, s.latest.Sub(s.start))
	n := int(lasted/s.width) + 1
	counts := s.counts                           // a copy
	width := lasted - time.Duration(n-1)*s.width // of the last
	if n > 1 && width < s.width/2 {
		n--
		width += s.width
		counts[n-1].settled += counts[n].settled
		counts[n-1].rateLimited += counts[n].rateLimited
	}
	points := make([]point, n)
	for i := range points {
		seconds := s.width.Seconds()
		if i == n-1 {
			seconds = max(width, s.width/2).Seconds()
		}
		points[i] = point{
			s.start.Add(time.Duration(i) * s.width),
			float64(counts[i].settled) / seconds,
			float64(counts[i].rateLimited) / seconds,
		}
	}
	return points
}
