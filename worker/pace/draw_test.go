package pace

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"mantatag/worker/manta/sandbox"
)

var drawFlag = flag.String("draw", "", "draw a run into this SVG file")

// TestDraw draws, with -draw FILE, the picture of docs/pace.md: a token bucket
// of 20 a second that falls to 5 and rises to 40, and what the law makes of it.
func TestDraw(t *testing.T) {
	if *drawFlag == "" {
		return
	}
	const (
		rows  = 8000
		third = 150 * time.Second
	)
	bucket := func(rate float64) sandbox.Limiter { return &sandbox.TokenBucket{Rate: rate, Burst: 20} }
	s := &simulation{latency: 150 * time.Millisecond, spread: 0.3, concurrency: 32, rows: rows,
		limiter: &sandbox.Schedule{Steps: []sandbox.Step{
			{Limiter: bucket(20)}, {After: third, Limiter: bucket(5)}, {After: 2 * third, Limiter: bucket(40)},
		}}}
	start := simulationStart(1)
	var accepted []int // of each second
	var refused []time.Duration
	var rate []float64
	s.trace = func(_ int, now time.Time, kind ReplyKind, law *State) {
		at := now.Sub(start)
		for len(accepted) <= int(at.Seconds()) {
			accepted = append(accepted, 0)
			rate = append(rate, law.Rate)
		}
		if kind == Throttled {
			refused = append(refused, at)
		} else {
			accepted[len(accepted)-1]++
		}
	}
	s.run(1, time.Hour)

	const (
		left, top, width, height = 48.0, 24.0, 860.0, 260.0
		most                     = 60.0 // requests a second at the top
	)
	x := func(seconds float64) float64 { return left + width*seconds/float64(len(accepted)) }
	y := func(perSecond float64) float64 { return top + height*(1-min(perSecond, most)/most) }
	line := func(v []float64) string {
		var b strings.Builder
		for i, r := range v {
			fmt.Fprintf(&b, "%.1f,%.1f ", x(float64(i)+0.5), y(r))
		}
		return b.String()
	}

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="12">`+"\n", left+width+16, top+height+64)
	fmt.Fprintln(&b, `<rect width="100%" height="100%" fill="white"/>`)
	for r := 0.0; r <= most; r += 20 {
		fmt.Fprintf(&b, `<path d="M%.1f %.1fH%.1f" stroke="#ddd"/><text x="%.1f" y="%.1f" text-anchor="end">%.0f</text>`+"\n", left, y(r), left+width, left-6, y(r)+4, r)
	}
	for i, n := range accepted {
		fmt.Fprintf(&b, `<path d="M%.1f %.1fV%.1f" stroke="#9ecae1" stroke-width="%.1f"/>`+"\n", x(float64(i)+0.5), y(0), y(float64(n)), width/float64(len(accepted)))
	}
	var limit []float64
	for i := range accepted {
		switch at := time.Duration(i) * time.Second; {
		case at < third:
			limit = append(limit, 20)
		case at < 2*third:
			limit = append(limit, 5)
		default:
			limit = append(limit, 40)
		}
	}
	fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="#666" stroke-dasharray="4 3"/>`+"\n", line(limit))
	fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="#08519c" stroke-width="1.5"/>`+"\n", line(rate))
	for _, at := range refused {
		fmt.Fprintf(&b, `<path d="M%.1f %.1fv10" stroke="#cb181d"/>`+"\n", x(at.Seconds()), y(0)+4)
	}
	for i := 0; i <= len(accepted); i += 60 {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="middle">%d s</text>`+"\n", x(float64(i)), y(0)+30, i)
	}
	fmt.Fprintf(&b, `<text x="%.1f" y="%.1f">requests a second: <tspan fill="#08519c">the pacer's rate</tspan>, <tspan fill="#4292c6">accepted</tspan>, <tspan fill="#666">the limit (dashed)</tspan>; <tspan fill="#cb181d">each refusal a red tick: %d of %d</tspan></text>`+"\n",
		left, y(0)+50, len(refused), rows+len(refused))
	fmt.Fprintln(&b, `</svg>`)
	if err := os.WriteFile(*drawFlag, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
