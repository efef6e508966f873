package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"mantatag/cmd/mantatag/lang"
	"mantatag/worker/manta/sandbox"
)

func parseSandbox(t *testing.T, args ...string) (sandbox.Options, error) {
	t.Helper()
	var f sandboxFlags
	set := pflag.NewFlagSet("sandbox", pflag.ContinueOnError)
	set.SetOutput(io.Discard)
	f.add(set)
	if err := set.Parse(args); err != nil {
		return sandbox.Options{}, usageError{err}
	}
	return f.parse()
}

func TestSandboxLimits(t *testing.T) {
	for args, want := range map[string]sandbox.Limiter{
		"":                        &sandbox.TokenBucket{Rate: 50, Burst: 20},
		"--limit none":            sandbox.Unlimited{},
		"--limit leaky --burst 0": &sandbox.LeakyBucket{Rate: 50},
		"--limit concurrency":     &sandbox.ConcurrencyCap{Max: 8},
		"--limit sliding-log":     &sandbox.SlidingLog{Limit: 100, Window: 10 * time.Second},
		"--limit sliding-counter": &sandbox.SlidingCounter{Limit: 100, Window: 10 * time.Second},
		"--limit strict-counter":  &sandbox.SlidingCounter{Limit: 100, Window: 10 * time.Second, CountRefused: true},
		"--limit first-window":    &sandbox.FixedWindow{Limit: 100, Window: 10 * time.Second, FromFirst: true},
		"--rate 5 --ban 1m":       &sandbox.Ban{Limiter: &sandbox.TokenBucket{Rate: 5, Burst: 20}, For: time.Minute},
		"--limit fixed-window --window 1s --requests 8 --limit-change 60s=2,30s=0.25": &sandbox.Schedule{Steps: []sandbox.Step{
			{Limiter: &sandbox.FixedWindow{Limit: 8, Window: time.Second}},
			{After: 30 * time.Second, Limiter: &sandbox.FixedWindow{Limit: 2, Window: time.Second}},
			{After: time.Minute, Limiter: &sandbox.FixedWindow{Limit: 16, Window: time.Second}}}},
	} {
		o, err := parseSandbox(t, strings.Fields(args)...)
		if err != nil || !reflect.DeepEqual(o.Limiter, want) {
			t.Errorf("%q: %+v, %v; want %+v", args, o.Limiter, err, want)
		}
	}
}

func TestSandboxFlags(t *testing.T) {
	o, err := parseSandbox(t, strings.Fields("--hints ratelimit --fault reset=0.1 --fault stall=0.2,reset=0.1 "+
		"--outage-after 5s --outage-for 10s --outage-kind close --unknown 0 --latency 0s")...)
	if err != nil {
		t.Fatal(err)
	}
	if want := map[sandbox.Fault]float64{sandbox.Reset: 0.2, sandbox.Stalled: 0.2}; !reflect.DeepEqual(o.Faults, want) {
		t.Errorf("faults: %v", o.Faults)
	}
	if want := []sandbox.Outage{{After: 5 * time.Second, For: 10 * time.Second, Fault: sandbox.Closed}}; !reflect.DeepEqual(o.Outages, want) {
		t.Errorf("outages: %v", o.Outages)
	}
	if o.Hints != sandbox.RateLimitFields || o.UnknownShare != 0 || o.Latency != 0 {
		t.Errorf("got %+v", o)
	}
}

func TestSandboxRefusesFlags(t *testing.T) {
	for _, args := range []string{
		"--limit sometimes", "--rate 0", "--rate NaN", "--burst -1", "--requests 0", "--window 0s", "--in-flight 0",
		"--limit-change 30s", "--limit-change 30s=0", "--limit concurrency --limit-change 30s=2",
		"--fault fire=0.1", "--fault reset", "--fault reset=2", "--fault reset=0.6,stall=0.6", "--hints loud",
		"--unknown 1.5", "--unknown NaN", "--latency -1s", "--outage-kind fire",
	} {
		_, err := parseSandbox(t, strings.Fields(args)...)
		var usage usageError
		if !errors.As(err, &usage) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestSandboxServes(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := newSandboxCommand(lang.New(lang.English))
	c.SetArgs([]string{"--listen", "127.0.0.1:0", "--unknown", "0"})
	reader, writer := io.Pipe()
	c.SetOut(writer)
	result := make(chan error, 1)
	go func() {
		err := c.ExecuteContext(ctx)
		writer.Close()
		result <- err
	}()

	out := bufio.NewScanner(reader)
	out.Scan()
	var url string
	if _, err := fmt.Sscanf(out.Text(), "The sandbox answers at %s", &url); err != nil {
		t.Fatalf("it began with %q: %v", out.Text(), err)
	}
	var text strings.Builder
	for out.Scan() && out.Text() != "Ctrl-C stops it." {
		text.WriteString(out.Text())
	}
	for _, want := range []string{url, sandbox.Token, sandbox.Secret, sandbox.BotID} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	req, err := http.NewRequest("POST", url+"/openapi/clientTagMapping?botId="+sandbox.BotID,
		strings.NewReader(`{"secret":"`+sandbox.Secret+`","tagId":"vip","clientId":"c1"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+sandbox.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("a request with what it printed: %s", res.Status)
	}

	cancel()
	out.Scan()
	if !strings.HasPrefix(out.Text(), "requests: 1; accepted: 1 ") {
		t.Errorf("it ended with %q", out.Text())
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestSandboxStaysLocal(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0", "nonsense"} {
		c := newSandboxCommand(lang.New(lang.English))
		c.SetArgs([]string{"--listen", addr})
		c.SetOut(io.Discard)
		c.SilenceErrors, c.SilenceUsage = true, true
		var usage usageError
		if err := c.ExecuteContext(t.Context()); !errors.As(err, &usage) {
			t.Errorf("--listen %s: %v", addr, err)
		}
	}
}
