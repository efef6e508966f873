package sandbox

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Hints is the scheme by which a server tells of its limit. All but the
// Retry-After ones speak on successful answers as well.
type Hints uint8

const (
	NoHints           Hints = iota
	RetryAfterSeconds       // Retry-After: 3, rounded up
	RetryAfterDate          // Retry-After: an HTTP date, rounded up to a second
	RateLimitFields         // RateLimit and RateLimit-Policy, as in draft-ietf-httpapi-ratelimit-headers-10
	XRateLimitDelta         // X-RateLimit-Limit, -Remaining, -Reset in seconds from now
	XRateLimitEpoch         // the same with Reset in seconds since 1970
	hintsCount
)

var hintsNames = [hintsCount]string{"none", "retry-after", "retry-after-date", "ratelimit", "x-ratelimit-delta", "x-ratelimit-epoch"}

// HintsNames are the texts of all schemes.
func HintsNames() []string { return hintsNames[:] }

func (h Hints) String() string               { return hintsNames[h] }
func (h Hints) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

func (h *Hints) UnmarshalText(text []byte) error {
	for i, name := range hintsNames {
		if name == string(text) {
			*h = Hints(i)
			return nil
		}
	}
	return sentencef("no scheme of hints is called %[1]q: choose one of %[2]s", string(text), strings.Join(hintsNames[:], ", "))
}

// write adds what v gives to tell, and returns until when it has told a refused
// client to wait: the zero time if it has not.
func (h Hints) write(header http.Header, v Verdict, now time.Time, skew time.Duration) (told time.Time) {
	clock := now.Add(skew)
	wait := v.Wait
	if !v.OK && wait == 0 { // the limiter knows no time; "at once" would be a lie
		wait = time.Second
	}
	reset := v.Reset
	if v.Remaining == 0 {
		reset = wait
	}

	var until time.Time // by the server's clock
	switch h {
	case RetryAfterSeconds:
		if !v.OK {
			header.Set("Retry-After", strconv.FormatInt(seconds(wait), 10))
			until = clock.Add(time.Duration(seconds(wait)) * time.Second)
		}
	case RetryAfterDate:
		if !v.OK {
			until = wholeSecond(clock.Add(wait))
			header.Set("Retry-After", until.UTC().Format(http.TimeFormat))
		}
	case RateLimitFields:
		if v.Window == 0 && v.OK {
			return time.Time{}
		}
		if v.Limit > 0 && v.Window > 0 {
			header.Set("RateLimit-Policy", fmt.Sprintf(`"default";q=%d;w=%d`, v.Limit, seconds(v.Window)))
		}
		header.Set("RateLimit", fmt.Sprintf(`"default";r=%d;t=%d`, v.Remaining, seconds(reset)))
		until = clock.Add(time.Duration(seconds(reset)) * time.Second)
	case XRateLimitDelta, XRateLimitEpoch:
		if v.Window == 0 && v.OK {
			return time.Time{}
		}
		until = clock.Add(time.Duration(seconds(reset)) * time.Second)
		at := seconds(reset)
		if h == XRateLimitEpoch {
			until = wholeSecond(clock.Add(reset))
			at = until.Unix()
		}
		if v.Limit > 0 {
			header.Set("X-RateLimit-Limit", strconv.Itoa(v.Limit))
		}
		header.Set("X-RateLimit-Remaining", strconv.Itoa(v.Remaining))
		header.Set("X-RateLimit-Reset", strconv.FormatInt(at, 10))
	}
	if v.OK || until.IsZero() {
		return time.Time{}
	}
	return until.Add(-skew)
}

// seconds rounds up: a client must not be told to come too early.
func seconds(d time.Duration) int64 {
	return int64((d + time.Second - 1) / time.Second)
}

func wholeSecond(t time.Time) time.Time {
	return time.Unix(t.Add(time.Second-1).Unix(), 0)
}
