package pace

import (
	"cmp"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"mantatag/worker/manta/sandbox"
)

// scenario is one line of the table: a limiter, what it tells, and a job.
type scenario struct {
	group   string // the line of the figures that it belongs to
	name    string
	limiter func() sandbox.Limiter
	hint    hinting
	latency time.Duration
	rows    int
	copies  int
	rival   float64
	memory  bool
	rate    float64                         // of the limiter, for what can't tell its ideal; requests a second
	law     func(Options, time.Time) finder // nil: the program's

	time, refused float64 // the figures to keep; refused above 1 is a number, else a share
}

// outcome is what many seeds gave for a scenario.
type outcome struct {
	time, time90   float64 // over ideal
	share, share90 float64 // refused of sent
	refused        float64
	jain           float64
	disobeyed      int
}

func (c scenario) ideal(seed uint64, concurrency int) time.Duration {
	n := c.rows * max(1, c.copies)
	start := simulationStart(seed)
	mean := c.latency.Seconds() * math.Exp(0.3*0.3/2)
	atOnce := float64(concurrency * max(1, c.copies))
	if m, ok := c.limiter().(*sandbox.ConcurrencyCap); ok {
		atOnce = float64(m.Max)
	}
	least := float64(n) / atOnce * mean
	if c.rate > 0 {
		least = max(least, float64(n)/c.rate)
	} else {
		least = max(least, sandbox.Ideal(c.limiter(), start, n).Seconds())
	}
	return time.Duration(least*1e9) + c.latency
}

// tail is the most that the 90th percentile of the time is to be.
func (c scenario) tail() float64 {
	if strings.HasPrefix(c.group, "bucket") || strings.HasPrefix(c.group, "window") {
		return 1.15
	}
	return 1.5 * c.time
}

func (c scenario) run(seed uint64) (result, float64) {
	const concurrency = 128
	s := &simulation{limiter: c.limiter(), hint: c.hint, latency: c.latency, spread: 0.3,
		concurrency: concurrency, rows: c.rows, copies: c.copies, rival: c.rival, law: c.law}
	if c.memory {
		cold := c
		cold.memory = false
		r, _ := cold.run(seed + 1000)
		s.memory = r.learned
	}
	ideal := c.ideal(seed, concurrency)
	r := s.run(seed, 5*ideal+10*time.Minute)
	return r, r.elapsed.Seconds() / ideal.Seconds()
}

func (c scenario) measure(seeds []uint64) (o outcome) {
	var times, shares, counts, jains []float64
	for _, seed := range seeds {
		r, t := c.run(seed)
		times = append(times, t)
		shares = append(shares, float64(r.refused)/float64(r.sent))
		counts = append(counts, float64(r.refused))
		jains = append(jains, r.jain)
		o.disobeyed += r.disobeyed
	}
	o.time, o.time90 = quantile(times, 0.5), quantile(times, 0.9)
	o.share, o.share90 = quantile(shares, 0.5), quantile(shares, 0.9)
	o.refused = quantile(counts, 0.5)
	o.jain = quantile(jains, 0.5)
	return o
}

func quantile(v []float64, q float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[min(len(v)-1, int(q*float64(len(v))))]
}

func scenarios() (all []scenario) {
	add := func(c scenario, latencies ...time.Duration) {
		if len(latencies) == 0 {
			latencies = []time.Duration{20 * time.Millisecond, 150 * time.Millisecond}
		}
		for _, l := range latencies {
			c.latency = l
			all = append(all, c)
		}
	}
	bucket := func(rate float64, burst int) func() sandbox.Limiter {
		return func() sandbox.Limiter { return &sandbox.TokenBucket{Rate: rate, Burst: burst} }
	}
	leaky := func(rate float64, burst int) func() sandbox.Limiter {
		return func() sandbox.Limiter { return &sandbox.LeakyBucket{Rate: rate, Burst: burst} }
	}
	type size struct {
		rate  float64
		burst int
		rows  int
	}
	for _, b := range []size{{10, 10, 6000}, {50, 10, 6000}, {50, 100, 12000}, {200, 100, 30000}, {500, 500, 60000}} {
		add(scenario{group: "bucket N>=6000", name: fmt.Sprintf("token %v/s burst %d", b.rate, b.burst), limiter: bucket(b.rate, b.burst), rows: b.rows, time: 1.03, refused: 0.006})
		add(scenario{group: "bucket from memory", name: fmt.Sprintf("token %v/s burst %d", b.rate, b.burst), limiter: bucket(b.rate, b.burst), rows: b.rows, memory: true, time: 1.01, refused: 0.002})
	}
	for _, b := range []size{{10, 20, 6000}, {50, 50, 12000}, {200, 40, 30000}} {
		add(scenario{group: "bucket N>=6000", name: fmt.Sprintf("leaky %v/s burst %d", b.rate, b.burst), limiter: leaky(b.rate, b.burst), rows: b.rows, time: 1.03, refused: 0.006})
	}
	for _, b := range []size{{2, 10, 1000}, {5, 10, 1000}, {10, 20, 1000}, {10, 100, 3000}, {50, 50, 3000}} {
		add(scenario{group: "bucket N<=3000", name: fmt.Sprintf("token %v/s burst %d", b.rate, b.burst), limiter: bucket(b.rate, b.burst), rows: b.rows, time: 1.03, refused: 35})
	}
	for _, b := range []size{{10, 10, 6000}, {50, 50, 6000}, {50, 200, 12000}, {200, 400, 30000}} {
		add(scenario{group: "bucket, Retry-After", name: fmt.Sprintf("token %v/s burst %d", b.rate, b.burst), limiter: bucket(b.rate, b.burst), hint: retryAfter, rows: b.rows, time: 1.06, refused: 0.006})
	}
	type quota struct {
		limit  int
		window time.Duration
		rows   int
	}
	for _, h := range []hinting{retryAfter, silent} {
		most, refused, told := 1.05, 0.005, "Retry-After"
		if h == silent {
			most, refused, told = 1.08, 0.008, "no hint"
		}
		for _, w := range []quota{{50, time.Second, 12000}, {100, 10 * time.Second, 3000}, {500, 10 * time.Second, 12000}, {300, time.Minute, 3000}, {1000, time.Minute, 10500}} {
			for _, l := range []struct {
				name    string
				limiter func() sandbox.Limiter
			}{
				{"fixed", func() sandbox.Limiter { return &sandbox.FixedWindow{Limit: w.limit, Window: w.window} }},
				{"fixed first", func() sandbox.Limiter {
					return &sandbox.FixedWindow{Limit: w.limit, Window: w.window, FromFirst: true}
				}},
				{"sliding log", func() sandbox.Limiter { return &sandbox.SlidingLog{Limit: w.limit, Window: w.window} }},
			} {
				c := scenario{group: "window, " + told, name: fmt.Sprintf("%s %d in %v", l.name, w.limit, w.window), limiter: l.limiter, hint: h, rows: w.rows, time: most, refused: refused}
				add(c)
				c.group, c.memory, c.time, c.refused = "window from memory, "+told, true, 0, 0
				add(c)
			}
			for _, counts := range []bool{false, true} {
				group, most, refused, name := "counter", 1.09, 0.013, "counter"
				if counts {
					group, most, refused, name = "counter of refused", 1.20, 0.02, "counter+"
				}
				add(scenario{group: group + ", " + told, name: fmt.Sprintf("%s %d in %v", name, w.limit, w.window),
					limiter: func() sandbox.Limiter {
						return &sandbox.SlidingCounter{Limit: w.limit, Window: w.window, CountRefused: counts}
					}, hint: h, rows: w.rows, time: most, refused: refused})
			}
		}
	}
	for _, most := range []int{4, 10, 20} {
		for _, l := range []time.Duration{20 * time.Millisecond, 150 * time.Millisecond} {
			add(scenario{group: "concurrency cap", name: fmt.Sprintf("cap %d", most), limiter: func() sandbox.Limiter { return &sandbox.ConcurrencyCap{Max: most} },
				rows: int(120 * float64(most) / l.Seconds()), time: 1.30, refused: 0.003}, l)
			add(scenario{group: "concurrency cap from memory", name: fmt.Sprintf("cap %d", most), limiter: func() sandbox.Limiter { return &sandbox.ConcurrencyCap{Max: most} },
				rows: int(120 * float64(most) / l.Seconds()), memory: true}, l)
		}
	}
	for _, h := range []hinting{retryAfter, silent} {
		t, refused := 1.20, 0.005
		if h == silent {
			t, refused = 2.5, 0.012
		}
		for _, ban := range []time.Duration{10 * time.Second, 30 * time.Second} {
			add(scenario{group: "ban, " + h.String(), name: fmt.Sprintf("20/s burst 50, ban %v", ban), limiter: func() sandbox.Limiter {
				return &sandbox.Ban{Limiter: &sandbox.TokenBucket{Rate: 20, Burst: 50}, For: ban}
			}, hint: h, rows: 10000, time: t, refused: refused})
		}
		add(scenario{group: "short, ban, " + h.String(), name: "50/s burst 20, ban 10s", limiter: func() sandbox.Limiter {
			return &sandbox.Ban{Limiter: &sandbox.TokenBucket{Rate: 50, Burst: 20}, For: 10 * time.Second}
		}, hint: h, rows: 1500})
	}
	for _, b := range []size{{20, 20, 12000}, {100, 100, 60000}} {
		third := time.Duration(float64(b.rows) / b.rate / 3.25 * float64(time.Second))
		add(scenario{group: "R, R/4, 2R", name: fmt.Sprintf("token %v/s", b.rate), limiter: func() sandbox.Limiter {
			return &sandbox.Schedule{Steps: []sandbox.Step{
				{Limiter: bucket(b.rate, b.burst)()},
				{After: third, Limiter: bucket(b.rate/4, b.burst)()},
				{After: 2 * third, Limiter: bucket(b.rate*2, b.burst)()},
			}}
		}, rows: b.rows, time: 1.20, refused: 0.005})
	}
	for _, b := range []size{{20, 20, 6000}, {100, 100, 30000}} {
		add(scenario{group: "rival", name: fmt.Sprintf("token %v/s, a quarter gone", b.rate), limiter: bucket(b.rate, b.burst), rival: b.rate / 4, rate: 0.75 * b.rate, rows: b.rows, time: 1.02, refused: 0.005})
	}
	for _, b := range []size{{20, 20, 3000}, {100, 100, 10000}} {
		add(scenario{group: "four copies", name: fmt.Sprintf("token %v/s", b.rate), limiter: bucket(b.rate, b.burst), copies: 4, rows: b.rows, time: 1.20, refused: 0.02})
	}
	add(scenario{group: "four copies", name: "fixed 500 in 10s", limiter: func() sandbox.Limiter { return &sandbox.FixedWindow{Limit: 500, Window: 10 * time.Second} }, copies: 4, rows: 5000, time: 1.20, refused: 0.02})
	add(scenario{group: "four copies", name: "fixed 500 in 10s, told", hint: retryAfter, limiter: func() sandbox.Limiter { return &sandbox.FixedWindow{Limit: 500, Window: 10 * time.Second} }, copies: 4, rows: 5000, time: 1.20, refused: 0.02})
	for _, w := range []quota{{100, 10 * time.Second, 1500}, {300, time.Minute, 1500}, {1000, time.Minute, 5000}} {
		add(scenario{group: "copies, other windows", name: fmt.Sprintf("fixed %d in %v", w.limit, w.window),
			limiter: func() sandbox.Limiter { return &sandbox.FixedWindow{Limit: w.limit, Window: w.window} }, copies: 4, rows: w.rows})
	}
	add(scenario{group: "no limit", name: "no limit", limiter: func() sandbox.Limiter { return sandbox.Unlimited{} }, rows: 100_000, time: 1.03})
	for _, l := range []struct {
		name    string
		limiter func() sandbox.Limiter
		rows    int
	}{
		{"token 50/s burst 100", bucket(50, 100), 12000},
		{"fixed 500 in 10s", func() sandbox.Limiter { return &sandbox.FixedWindow{Limit: 500, Window: 10 * time.Second} }, 12000},
		{"counter 500 in 10s", func() sandbox.Limiter { return &sandbox.SlidingCounter{Limit: 500, Window: 10 * time.Second} }, 12000},
		{"fixed 1000 in 1m", func() sandbox.Limiter { return &sandbox.FixedWindow{Limit: 1000, Window: time.Minute} }, 10500},
	} {
		add(scenario{group: "RateLimit", name: l.name, limiter: l.limiter, hint: rateLimit, rows: l.rows, time: 1.06, refused: 0.006})
	}
	for _, b := range []size{{10, 1, 3000}, {50, 2, 6000}, {50, 5, 6000}} {
		add(scenario{group: "shallow bucket", name: fmt.Sprintf("token %v/s burst %d", b.rate, b.burst), limiter: bucket(b.rate, b.burst), rows: b.rows})
	}
	// Those of TestPaceOverSockets in cmd/mantatag, so that the two can be compared.
	window := func(n int, w time.Duration, fromFirst bool) func() sandbox.Limiter {
		return func() sandbox.Limiter { return &sandbox.FixedWindow{Limit: n, Window: w, FromFirst: fromFirst} }
	}
	for _, c := range []scenario{
		{name: "bucket 50/s, burst 100", limiter: bucket(50, 100)},
		{name: "bucket 50/s, burst 100, RateLimit", limiter: bucket(50, 100), hint: rateLimit},
		{name: "bucket 150/s, burst 5", limiter: bucket(150, 5)},
		{name: "leaky bucket 50/s, burst 50", limiter: leaky(50, 50), latency: 100 * time.Millisecond},
		{name: "window of the clock, 300 in 10s, Retry-After", limiter: window(300, 10*time.Second, false), hint: retryAfter},
		{name: "window of the clock, 50 in 1s", limiter: window(50, time.Second, false)},
		{name: "window from the first, 300 in 10s", limiter: window(300, 10*time.Second, true)},
		{name: "sliding log, 300 in 10s", limiter: func() sandbox.Limiter { return &sandbox.SlidingLog{Limit: 300, Window: 10 * time.Second} }},
		{name: "sliding counter, 300 in 10s", limiter: func() sandbox.Limiter { return &sandbox.SlidingCounter{Limit: 300, Window: 10 * time.Second} }},
		{name: "8 at once", limiter: func() sandbox.Limiter { return &sandbox.ConcurrencyCap{Max: 8} }, latency: 100 * time.Millisecond},
		{name: "bucket 50/s, burst 20, ban 10s", limiter: func() sandbox.Limiter {
			return &sandbox.Ban{Limiter: bucket(50, 20)(), For: 10 * time.Second}
		}},
		{name: "bucket 20/s, then 5/s, then 40/s", rows: 3500, limiter: func() sandbox.Limiter {
			return &sandbox.Schedule{Steps: []sandbox.Step{{Limiter: bucket(20, 20)()},
				{After: time.Minute, Limiter: bucket(5, 20)()}, {After: 2 * time.Minute, Limiter: bucket(40, 20)()}}}
		}},
		{name: "four runs on a bucket 50/s, burst 50", limiter: bucket(50, 50), rows: 2500, copies: 4},
	} {
		c.group, c.rows = "as over sockets", cmp.Or(c.rows, 6000)
		add(c, cmp.Or(c.latency, 20*time.Millisecond))
	}
	return all
}

var (
	tableFlag = flag.Bool("table", false, "print the whole table of the simulation")
	onlyFlag  = flag.String("only", "", "print only scenarios whose group or name contains this")
	seedsFlag = flag.Int("seeds", 21, "seeds of the table")
	firstFlag = flag.Int("seed", 100, "the first seed")
	lawFlag   = flag.String("law", "", "the law of the table: the program's, or simple")
)

// TestTable prints, with -table, how the law does everywhere.
func TestTable(t *testing.T) {
	if !*tableFlag {
		return
	}
	law, ok := laws[*lawFlag]
	if !ok {
		t.Fatalf("there is no law %q", *lawFlag)
	}
	var seeds []uint64
	for i := range *seedsFlag {
		seeds = append(seeds, uint64(*firstFlag+i))
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 1, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "group\tlimiter\tlatency\trows\ttime\tp90\t429 %\tp90\t429s\tJain\tdisobeyed\t\t")
	var chosen []scenario
	for _, c := range scenarios() {
		if strings.Contains(c.group+" | "+c.name, *onlyFlag) {
			chosen = append(chosen, c)
		}
	}
	for _, c := range chosen {
		c.law = law
		o := c.measure(seeds)
		note := ""
		if c.time > 0 && o.time > c.time {
			note += " time"
		}
		if c.time > 0 && o.time90 > c.tail() {
			note += " tail"
		}
		if c.refused > 1 && o.refused > c.refused || c.refused < 1 && c.time > 0 && o.share > c.refused {
			note += " 429"
		}
		if c.copies > 1 && c.time > 0 && o.jain < 0.95 {
			note += " Jain"
		}
		if o.disobeyed > 0 {
			note += " disobeyed"
		}
		fmt.Fprintf(w, "%s\t%s\t%v\t%d\t%.3f\t%.3f\t%.2f\t%.2f\t%.0f\t%.2f\t%d\t%s\t\n", c.group, c.name, c.latency, c.rows,
			o.time, o.time90, 100*o.share, 100*o.share90, o.refused, o.jain, o.disobeyed, note)
		if *onlyFlag == "" {
			fmt.Fprint(os.Stderr, ".")
		}
	}
	w.Flush()
}

// TestRareRuns prints, with -table, the single runs of which the table's percentiles say
// nothing: those of one copy with a goal that took more than 1.7 of the ideal time, or
// the goal and half of it if that is more, or had more than 6 % refused.
func TestRareRuns(t *testing.T) {
	if !*tableFlag {
		return
	}
	runs, rare := 0, 0
	for _, c := range scenarios() {
		if c.copies > 1 || c.time == 0 || c.rows > 12_000 || !strings.Contains(c.group+" | "+c.name, *onlyFlag) {
			continue
		}
		for i := range *seedsFlag {
			seed := uint64(*firstFlag + i)
			r, over := c.run(seed)
			runs++
			if over <= max(1.7, 1.5*c.time) && 100*r.refused <= 6*r.sent {
				continue
			}
			rare++
			fmt.Printf("%s | %s, %v, seed %d: %.2f of the ideal, %d of %d refused\n", c.group, c.name, c.latency, seed, over, r.refused, r.sent)
		}
	}
	fmt.Printf("%d of %d runs\n", rare, runs)
}

// TestTrace prints, with -decisions, each decision of one run of the first scenario chosen.
func TestTrace(t *testing.T) {
	if !*traceFlag {
		return
	}
	for _, c := range scenarios() {
		if !strings.Contains(c.group+" | "+c.name+" "+c.latency.String(), *onlyFlag) {
			continue
		}
		s := &simulation{limiter: c.limiter(), hint: c.hint, latency: c.latency, spread: 0.3,
			concurrency: 128, rows: c.rows, copies: c.copies, rival: c.rival}
		if c.memory {
			c.memory = false
			r, _ := c.run(uint64(*firstFlag) + 1000)
			s.memory = r.learned
		}
		start := simulationStart(uint64(*firstFlag))
		refused := 0
		var last State
		s.trace = func(i int, now time.Time, kind ReplyKind, law *State) {
			if i != 0 {
				return
			}
			if kind == Throttled {
				refused++
			}
			if law.windows != last.windows && testing.Verbose() || law.Stops != last.Stops || last.probing != law.probing || law.Window != last.Window {
				fmt.Printf("%8.3f acc %d left %d ref %d | rate %.2f adm %d got %d q %d W %v room %d pat %d probing %v until +%.2f | %s\n", now.Sub(start).Seconds(), s.copy[0].accepted, s.copy[0].left, refused, law.Rate, law.admitted, law.got, law.quota, law.Window, law.room, law.patience, law.probing, law.Until.Sub(now).Seconds(), law.Reason)
			}
			last = *law
		}
		fmt.Println(c.group, c.name, c.latency)
		r := s.run(uint64(*firstFlag), 20*time.Hour)
		fmt.Println(r.elapsed.Seconds()/c.ideal(uint64(*firstFlag), 128).Seconds(), r)
		return
	}
}

var traceFlag = flag.Bool("decisions", false, "print the decisions of one run of the first scenario chosen by -only")
