package main

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError is a fault of a flag in our words, where there are any for it.
func flagError(cmd *cobra.Command, err error) error {
	var (
		bad     *pflag.InvalidValueError
		unknown *pflag.NotExistError
		empty   *pflag.ValueRequiredError
		written *pflag.InvalidSyntaxError
	)
	switch {
	case errors.As(err, &bad):
		return usagef("--%s %q: %w", bad.GetFlag().Name, bad.GetValue(), valueError(bad))
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return usagef("there is no flag %s: see %s --help", "-"+unknown.GetSpecifiedName(), cmd.CommandPath())
	case errors.As(err, &unknown):
		return usagef("there is no flag %s: see %s --help", "--"+unknown.GetSpecifiedName(), cmd.CommandPath())
	case errors.As(err, &empty):
		return usagef("--%s needs a value: see %s --help", empty.GetFlag().Name, cmd.CommandPath())
	case errors.As(err, &written):
		return usagef("there is no flag %s: see %s --help", written.GetSpecifiedFlag(), cmd.CommandPath())
	}
	return usageError{err}
}

// valueError says what a flag takes. Flags of our own say it themselves.
func valueError(bad *pflag.InvalidValueError) error {
	switch bad.GetFlag().Value.Type() {
	case "int", "uint64":
		return sayf("give a whole number")
	case "float64":
		return sayf("give a number")
	case "duration":
		return sayf("give a time, such as 30s, 10m or 4h")
	case "bool":
		return sayf("give true or false, or nothing")
	}
	return errors.Unwrap(bad)
}

// rateFlag is a number of requests in a time: "50/s", "3000/m", or "auto".
// What its String gives, Set takes as the same rate.
// Its zero value is auto.
type rateFlag float64

// perUnit is how many seconds a rate's unit has.
var perUnit = map[string]float64{"s": 1, "m": 60, "h": 3600}

func (r *rateFlag) Type() string { return "rate" }

func (r *rateFlag) String() string {
	if *r == 0 {
		return "auto"
	}
	shortest := strconv.FormatFloat(float64(*r), 'g', -1, 64) + "/s"
	for _, unit := range []string{"/m", "/h"} {
		n := float64(*r) * perUnit[unit[1:]]
		text := strconv.FormatFloat(n, 'g', -1, 64) + unit
		if n/perUnit[unit[1:]] == float64(*r) && len(text) < len(shortest) {
			shortest = text
		}
	}
	return shortest
}

func (r *rateFlag) Set(s string) error {
	if s == "auto" {
		*r = 0
		return nil
	}
	number, unit, found := strings.Cut(s, "/")
	per, ok := perUnit[unit]
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if !found || !ok || err != nil || !(n > 0) || n/per > 1e6 {
		return sayf("give a number of requests per second, minute or hour, such as 50/s or 3000/m")
	}
	*r = rateFlag(n / per)
	return nil
}

// choice is a flag that takes one of a few words.
type choice struct {
	value   *string
	allowed []string
}

func newChoice(value *string, def string, allowed ...string) pflag.Value {
	*value = def
	return choice{value, allowed}
}

func (c choice) Type() string   { return strings.Join(c.allowed, "|") }
func (c choice) String() string { return *c.value }
func (c choice) Set(s string) error {
	if !slices.Contains(c.allowed, s) {
		return sayf("give one of %s", strings.Join(c.allowed, ", "))
	}
	*c.value = s
	return nil
}

// columnMap is --map FIELD=COLUMN, given once a field.
type columnMap map[string]string

func (m *columnMap) Type() string { return "FIELD=COLUMN" }

func (m *columnMap) String() string { return strings.Join(m.pairs(), ",") }

// pairs are what was given, each as one --map.
func (m *columnMap) pairs() []string {
	var pairs []string
	for _, f := range slices.Sorted(maps.Keys(*m)) {
		pairs = append(pairs, f+"="+(*m)[f])
	}
	return pairs
}

func (m *columnMap) Set(s string) error {
	fields := []string{"tagId", "clientId", "platform", "platformClientId", "botId"}
	field, column, ok := strings.Cut(s, "=")
	i := slices.IndexFunc(fields, func(f string) bool { return strings.EqualFold(f, strings.TrimSpace(field)) })
	if !ok || i < 0 || column == "" {
		return sayf("give FIELD=COLUMN, where FIELD is one of %s", strings.Join(fields, ", "))
	}
	if old, twice := (*m)[fields[i]]; twice {
		return sayf("%s is mapped twice, to %q and to %q", fields[i], old, column)
	}
	if *m == nil {
		*m = columnMap{}
	}
	(*m)[fields[i]] = column
	return nil
}

// clockTime is --stop-at 06:00: the next time that the local clock shows it.
type clockTime struct {
	set          bool
	hour, minute int
}

func (c *clockTime) Type() string { return "HH:MM" }

func (c *clockTime) String() string {
	if !c.set {
		return ""
	}
	return fmt.Sprintf("%02d:%02d", c.hour, c.minute)
}

func (c *clockTime) Set(s string) error {
	t, err := time.Parse("15:04", s)
	if err != nil {
		return sayf("give a time of day, such as 06:00")
	}
	*c = clockTime{true, t.Hour(), t.Minute()}
	return nil
}

// next is the first such time after now, on now's clock.
func (c *clockTime) next(now time.Time) time.Time {
	y, m, d := now.Date()
	t := time.Date(y, m, d, c.hour, c.minute, 0, 0, now.Location())
	if !t.After(now) {
		t = time.Date(y, m, d+1, c.hour, c.minute, 0, 0, now.Location())
	}
	return t
}

// one is for a command that takes one argument, called what in its usage.
func one(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("%s takes one %s and was given %d: see %s --help", cmd.CommandPath(), what, len(args), cmd.CommandPath())
		}
		return nil
	}
}

// envOr is a flag's value, or the environment's where the flag was not given.
func envOr(flag, name string) string {
	if flag != "" {
		return flag
	}
	return os.Getenv(name)
}

// apiURL reads the API's base URL. Plain http would show token and secret to
// anyone on the way, so it is for loopback only.
func apiURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		s = "…" + s[i:] // there may be a password before it
	}
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, usagef("--api-url %q is not a base URL; give one such as %s", s, defaultAPI)
	case u.Scheme == "https", u.Scheme == "http" && isLoopbackHost(u.Hostname()):
		return u, nil
	case u.Scheme == "http":
		return nil, usagef("--api-url %s would send token and secret in clear; use https (plain http is for a loopback host only)", s)
	}
	return nil, usagef("--api-url %s: only https is spoken", s)
}

// apiHost is the host of an API's base URL as the journal and what was learned
// of rate limits know it, however the URL is written.
func apiHost(u *url.URL) string {
	host, port := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), u.Port()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == "" || u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		return host
	}
	return host + ":" + port
}

func isLoopbackHost(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
