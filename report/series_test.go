package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"mantatag/ingest"
	"mantatag/report/journal"
)

// However long a run lasts, nothing is lost and there are points enough.
func TestSeries(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, lasts := range []time.Duration{time.Second, time.Minute, 31 * time.Second, 9 * time.Hour, 90 * 24 * time.Hour} {
		s := series{start: began}
		const n = 5000
		for i := range n {
			e := journal.Entry{Kind: journal.Succeeded, At: began.Add(time.Duration(float64(lasts) * float64(i) / (n - 1)))}
			if rnd.IntN(10) == 0 {
				e = journal.Entry{Kind: journal.Refused, Status: 429, At: e.At}
			}
			s.add(e)
			s.add(journal.Entry{Kind: journal.Intent, At: e.At})
		}
		var sum int64
		for _, c := range s.counts {
			sum += c.settled + c.rateLimited
		}
		if sum != n {
			t.Errorf("%s: %d of %d entries are counted", lasts, sum, n)
		}
		points := s.points()
		if len(points) > buckets || len(points) < int(min(buckets/2, lasts/finest)) {
			t.Errorf("%s: %d points", lasts, len(points))
		}
		rate := n / lasts.Seconds()
		for _, p := range points[:len(points)-1] {
			if got := p.settled + p.rateLimited; math.Abs(got-rate) > 0.2*rate {
				t.Errorf("%s: %.3f a second at %s, want about %.3f", lasts, got, p.at, rate)
			}
		}
	}
}

// Memory for kinds of error is bounded, and no row is left out of the counts.
func TestKinds(t *testing.T) {
	var ks kinds
	const n = 10_000
	for i := range n {
		letters := fmt.Sprintf("%c%c%c", 'a'+i%26, 'a'+i/26%26, 'a'+i/676)
		ks.add(&ingest.Row{Number: int64(i + 1)}, &outcome{kind: journal.Failed, status: 404, reason: "no client " + letters}, "")
		ks.add(&ingest.Row{Number: int64(i + 1)}, &outcome{kind: journal.Failed, status: 403, reason: fmt.Sprintf("no client U%d in bot", i)}, "")
	}
	var sum int64
	for _, k := range ks.list() {
		sum += k.count
	}
	if len(ks.byKey) > maxKinds+1 || sum != 2*n {
		t.Errorf("%d kinds, %d of %d rows", len(ks.byKey), sum, 2*n)
	}
	if first := ks.list()[0]; first.status != 403 || first.count != n {
		t.Errorf("the most frequent kind is %+v", first)
	}
}
