package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mantatag/cmd/mantatag/lang"
	"mantatag/worker/manta/sandbox"
)

// sandboxFlags are the flags that say how a sandbox behaves. Their defaults are
// those of sandbox.Demo.
type sandboxFlags struct {
	limit      string
	rate       float64
	burst      int
	requests   int
	window     time.Duration
	inFlight   int
	ban        time.Duration
	changes    []string
	faults     []string
	outageAt   time.Duration
	outageFor  time.Duration
	outageWith sandbox.Fault
	options    sandbox.Options
}

func (f *sandboxFlags) add(flags *pflag.FlagSet) {
	f.options = sandbox.Demo()
	o := &f.options

	flags.StringVar(&f.limit, "limit", "bucket", "`KIND` of rate limit: "+strings.Join(limitNames(), ", "))
	flags.Float64Var(&f.rate, "rate", 50, "requests a second (bucket, leaky)")
	flags.IntVar(&f.burst, "burst", 20, "requests beyond the rate that may come at once (bucket, leaky)")
	flags.IntVar(&f.requests, "requests", 100, "requests in a window (fixed-window, first-window, sliding-log, sliding-counter, strict-counter)")
	flags.DurationVar(&f.window, "window", 10*time.Second, "length of the window")
	flags.IntVar(&f.inFlight, "in-flight", 8, "requests at once (concurrency)")
	flags.DurationVar(&f.ban, "ban", 0, "shut out who is refused for so long; each request meanwhile begins it anew")
	flags.StringSliceVar(&f.changes, "limit-change", nil, "change the limit by `TIME=FACTOR`, as 30s=0.25: to a quarter, 30s after the first request; repeatable")

	flags.TextVar(&o.Hints, "hints", o.Hints, "`SCHEME` by which answers tell of the limit: "+strings.Join(sandbox.HintsNames(), ", "))
	flags.DurationVar(&o.Skew, "clock-skew", 0, "how far the server's clock is ahead")
	flags.DurationVar(&o.Latency, "latency", o.Latency, "median time to an answer")
	flags.Float64Var(&o.LatencySpread, "latency-spread", o.LatencySpread, "sigma of the lognormal spread of that time")

	flags.Float64Var(&o.UnknownShare, "unknown", o.UnknownShare, "share of clients that do not exist; always the same ones, and every id that ends in -unknown")
	flags.BoolVar(&o.RefuseRepeats, "refuse-repeats", false, "refuse a mapping that is there already")
	flags.BoolVar(&o.ErrorsAs200, "errors-as-200", false, "send errors of the API with status 200")
	flags.IntVar(&o.ExpireAfter, "expire-after", 0, "requests after which a token expires; 0: never")
	flags.DurationVar(&o.ExpireIn, "expire-in", 0, "time after which a token expires; 0: never")

	flags.StringSliceVar(&f.faults, "fault", nil, "let requests go wrong by `KIND=SHARE`, as reset=0.01: one in a hundred; repeatable; kinds: "+
		strings.Join(sandbox.FaultNames()[1:], ", "))
	flags.DurationVar(&f.outageAt, "outage-after", 0, "when an outage begins, after the first request")
	flags.DurationVar(&f.outageFor, "outage-for", 0, "how long it lasts; 0: there is none")
	flags.TextVar(&f.outageWith, "outage-kind", sandbox.Unavailable, "`KIND` of fault that every request meets meanwhile")
	flags.Uint64Var(&o.Seed, "seed", 0, "seed of everything that is left to chance")
}

// limits makes the limiter of each kind, with the limit times factor.
var limits = map[string]func(f *sandboxFlags, factor float64) sandbox.Limiter{
	"none": func(*sandboxFlags, float64) sandbox.Limiter { return sandbox.Unlimited{} },
	"bucket": func(f *sandboxFlags, factor float64) sandbox.Limiter {
		return &sandbox.TokenBucket{Rate: f.rate * factor, Burst: max(1, f.burst)}
	},
	"leaky": func(f *sandboxFlags, factor float64) sandbox.Limiter {
		return &sandbox.LeakyBucket{Rate: max(0.001, f.rate*factor), Burst: f.burst}
	},
	"fixed-window": func(f *sandboxFlags, factor float64) sandbox.Limiter {
		return &sandbox.FixedWindow{Limit: f.inWindow(factor), Window: f.window}
	},
	"first-window": func(f *sandboxFlags, factor float64) sandbox.Limiter {
		return &sandbox.FixedWindow{Limit: f.inWindow(factor), Window: f.window, FromFirst: true}
	},
	"sliding-log": func(f *sandboxFlags, factor float64) sandbox.Limiter {
		return &sandbox.SlidingLog{Limit: f.inWindow(factor), Window: f.window}
	},
	"sliding-counter": func(f *sandboxFlags, factor float64) sandbox.Limiter {
		return &sandbox.SlidingCounter{Limit: f.inWindow(factor), Window: f.window}
	},
	"strict-counter": func(f *sandboxFlags, factor float64) sandbox.Limiter {
		return &sandbox.SlidingCounter{Limit: f.inWindow(factor), Window: f.window, CountRefused: true}
	},
	"concurrency": func(f *sandboxFlags, _ float64) sandbox.Limiter {
		return &sandbox.ConcurrencyCap{Max: f.inFlight}
	},
}

func limitNames() []string {
	var names []string
	for name := range limits {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (f *sandboxFlags) inWindow(factor float64) int {
	return max(1, int(float64(f.requests)*factor))
}

// parse is the options that the flags ask for. Its errors are the user's.
func (f *sandboxFlags) parse() (sandbox.Options, error) {
	o := f.options
	for _, v := range []struct {
		name string
		ok   bool
		must lang.Word
	}{
		{"rate", f.rate >= 0.001, lang.Word("be at least 0.001")},
		{"burst", f.burst >= 0, lang.Word("not be negative")},
		{"requests", f.requests >= 1, lang.Word("be at least 1")},
		{"window", f.window >= time.Millisecond, lang.Word("be at least 1ms")},
		{"in-flight", f.inFlight >= 1, lang.Word("be at least 1")},
		{"ban", f.ban >= 0, lang.Word("not be negative")},
		{"latency", o.Latency >= 0, lang.Word("not be negative")},
		{"latency-spread", o.LatencySpread >= 0, lang.Word("not be negative")},
		{"unknown", o.UnknownShare >= 0 && o.UnknownShare <= 1, lang.Word("be between 0 and 1")},
	} {
		if !v.ok {
			return o, usagef("--%s must %s", v.name, v.must)
		}
	}

	newLimiter, ok := limits[f.limit]
	if !ok {
		return o, usagef("--limit %s is no kind of limit: choose one of %s", f.limit, strings.Join(limitNames(), ", "))
	}
	o.Limiter = newLimiter(f, 1)
	if len(f.changes) > 0 {
		if f.limit == "concurrency" {
			return o, usagef("--limit-change does not go with --limit concurrency: choose another limit")
		}
		steps := []sandbox.Step{{Limiter: o.Limiter}}
		for _, change := range f.changes {
			at, factor, err := parseChange(change)
			if err != nil {
				return o, err
			}
			steps = append(steps, sandbox.Step{After: at, Limiter: newLimiter(f, factor)})
		}
		slices.SortStableFunc(steps, func(a, b sandbox.Step) int { return cmp.Compare(a.After, b.After) })
		o.Limiter = &sandbox.Schedule{Steps: steps}
	}
	if f.ban > 0 {
		o.Limiter = &sandbox.Ban{Limiter: o.Limiter, For: f.ban}
	}

	var sum float64
	o.Faults = map[sandbox.Fault]float64{}
	for _, text := range f.faults {
		kind, share, err := parseFault(text)
		if err != nil {
			return o, err
		}
		o.Faults[kind] += share
		sum += share
	}
	if sum > 1 {
		return o, usagef("the shares of --fault add up to %g, which is more than all requests", sum)
	}
	if f.outageFor > 0 {
		o.Outages = []sandbox.Outage{{After: f.outageAt, For: f.outageFor, Fault: f.outageWith}}
	}
	return o, nil
}

func parseChange(text string) (at time.Duration, factor float64, err error) {
	before, after, _ := strings.Cut(text, "=")
	at, err = time.ParseDuration(before)
	if err == nil {
		factor, err = strconv.ParseFloat(after, 64)
	}
	if err != nil || at < 0 || !(factor > 0) {
		return 0, 0, usagef("--limit-change %s is no TIME=FACTOR: write for instance 30s=0.25", text)
	}
	return at, factor, nil
}

func parseFault(text string) (kind sandbox.Fault, share float64, err error) {
	before, after, _ := strings.Cut(text, "=")
	if err := kind.UnmarshalText([]byte(before)); err != nil {
		return 0, 0, usagef("--fault %s: %w", text, err)
	}
	share, err = strconv.ParseFloat(after, 64)
	if err != nil || !(share >= 0 && share <= 1) {
		return 0, 0, usagef("--fault %s is no KIND=SHARE with a share between 0 and 1: write for instance reset=0.01", text)
	}
	return kind, share, nil
}

func newSandboxCommand(l *lang.Language) *cobra.Command {
	var flags sandboxFlags
	var listen string
	var remote bool
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "Serve a local stand-in for the API, for trying things out",
		Long: `Serve a local stand-in for the API, for trying things out.

It keeps tags in memory only, knows one bot, and prints the settings with which
mantatag run uses it. As it stands it lets 50 requests a second through after a
first 20, takes about 20 ms for an answer and does not know 2 % of the clients.

Kinds of rate limit (--limit):
  none             lets everything through
  bucket           a token bucket: --rate a second, --burst at first
  leaky            a leaky bucket, as nginx limit_req with burst and nodelay
  fixed-window     --requests in each --window of the clock
  first-window     the same, each window beginning with a request
  sliding-log      --requests in any time as long as --window
  sliding-counter  the same, reckoned from two windows
  strict-counter   the same, refused requests counting too
  concurrency      --in-flight requests at once
With --ban, who is refused is shut out for a time.`,
		Args:              none,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, _ []string) error {
			options, err := flags.parse()
			if err != nil {
				return err
			}
			if !remote && !isLoopback(listen) {
				return usagef("--listen %s can be reached from other machines: give --remote if that is meant", listen)
			}
			return serveSandbox(c.Context(), c.OutOrStdout(), l, listen, options)
		},
	}
	c.Flags().SortFlags = false
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8787", "address to listen on; port 0: any free one")
	c.Flags().BoolVar(&remote, "remote", false, "allow an address that other machines can reach")
	flags.add(c.Flags())
	return c
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return true // listening will say what is wrong with it
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// serveSandbox serves until ctx ends, and then says what happened.
func serveSandbox(ctx context.Context, out io.Writer, l *lang.Language, listen string, options sandbox.Options) error {
	s := sandbox.New(options)
	server, err := sandbox.Listen(listen, s)
	if err != nil {
		return usageError{err}
	}
	fmt.Fprintf(out, "%s\n\n%s\n\n", l.Say("The sandbox answers at %[1]s", server.URL), l.Say("To try it, in another terminal:"))
	set := "  export %s=%s\n"
	if runtime.GOOS == "windows" {
		set = "  $env:%s = \"%s\"\n"
	}
	for _, v := range [][2]string{
		{"MANTATAG_API_URL", server.URL}, {"MANTATAG_TOKEN", sandbox.Token},
		{"MANTATAG_SECRET", sandbox.Secret}, {"MANTATAG_BOT_ID", sandbox.BotID},
	} {
		fmt.Fprintf(out, set, v[0], v[1])
	}
	fmt.Fprintf(out, "  %s run INPUT\n\n%s\n", commandLine(), l.Say("Ctrl-C stops it."))

	<-ctx.Done()
	if err := server.Close(); err != nil {
		return err
	}
	key, args := s.Account().Sentence()
	_, err = fmt.Fprintln(out, l.Say(key, args...))
	return err
}
