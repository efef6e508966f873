package sandbox

import (
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestHints(t *testing.T) {
	// 10 in 10 s, the clock 200 ms past a second, the server 1 min ahead.
	const skew = time.Minute
	for _, c := range []struct {
		hints   Hints
		granted map[string]string // headers of the first answer
		refused map[string]string // of the eleventh
		told    time.Duration     // until when, since the window's start
	}{
		{NoHints, nil, nil, 0},
		{RetryAfterSeconds, nil, map[string]string{"Retry-After": "10"}, 10200 * time.Millisecond},
		{RetryAfterDate, nil, map[string]string{"Retry-After": "Sat, 01 Jan 2000 00:01:10 GMT"}, 10 * time.Second},
		{RateLimitFields, map[string]string{"RateLimit-Policy": `"default";q=10;w=10`, "RateLimit": `"default";r=9;t=10`},
			map[string]string{"RateLimit": `"default";r=0;t=10`}, 10200 * time.Millisecond},
		{XRateLimitDelta, map[string]string{"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "9", "X-RateLimit-Reset": "10"},
			map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "10"}, 10200 * time.Millisecond},
		{XRateLimitEpoch, map[string]string{"X-RateLimit-Reset": "946684870"},
			map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "946684870"}, 10 * time.Second},
	} {
		t.Run(c.hints.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(Options{Limiter: &FixedWindow{Limit: 10, Window: 10 * time.Second}, Hints: c.hints, Skew: skew})
				begin := time.Now()
				time.Sleep(200 * time.Millisecond)
				send := func() *http.Response {
					res, _, err := post(t, s, mappingPath, Token, client(1))
					if err != nil {
						t.Fatal(err)
					}
					return res
				}
				first := send()
				for range 9 {
					send()
				}
				last := send()
				if first.StatusCode != 200 || last.StatusCode != 429 {
					t.Fatalf("got %d and %d", first.StatusCode, last.StatusCode)
				}
				for name, want := range c.granted {
					if got := first.Header.Get(name); got != want {
						t.Errorf("first %s: %q, want %q", name, got, want)
					}
				}
				for name, want := range c.refused {
					if got := last.Header.Get(name); got != want {
						t.Errorf("last %s: %q, want %q", name, got, want)
					}
				}
				if c.granted == nil && first.Header.Get("Retry-After") != "" {
					t.Error("a Retry-After on a success")
				}
				if got := last.Header.Get("Date"); got != "Sat, 01 Jan 2000 00:01:00 GMT" {
					t.Errorf("Date: %q", got)
				}

				// One comes just before the time told, one at it.
				if c.told > 0 {
					time.Sleep(time.Until(begin.Add(c.told - time.Millisecond)))
					send()
					time.Sleep(time.Until(begin.Add(c.told)))
					res := send()
					if a := s.Account(); a.Early != 1 || res.StatusCode != 200 {
						t.Errorf("%d, account: %v", res.StatusCode, a)
					}
				} else if a := s.Account(); a.Early != 0 {
					t.Errorf("account: %v", a)
				}
			})
		})
	}
}

// A limiter that knows no time still names a pause, a second.
func TestHintOfConcurrencyCap(t *testing.T) {
	header := http.Header{}
	c := &ConcurrencyCap{}
	told := RetryAfterSeconds.write(header, c.Take(t0), t0, 0)
	if header.Get("Retry-After") != "1" || !told.Equal(t0.Add(time.Second)) {
		t.Errorf("%v, told until %v", header, told)
	}
}

// No scheme, at any moment and skew, tells to come back too early, nor more
// than a second too late.
func TestHintsRoundUp(t *testing.T) {
	for h := RetryAfterSeconds; h < hintsCount; h++ {
		for ms := range 3000 {
			now := t0.Add(time.Duration(ms) * 7 * time.Millisecond)
			l := &TokenBucket{Rate: 0.7, Burst: 1}
			l.Take(t0)
			v := l.Take(now)
			if v.OK {
				continue
			}
			header := http.Header{}
			late := h.write(header, v, now, 13*time.Millisecond).Sub(now.Add(v.Wait))
			if late < 0 || late >= time.Second {
				t.Fatalf("%v: after %d ms told %v too late, in %v", h, ms, late, header)
			}
			if reset := header.Get("X-Ratelimit-Reset"); reset != "" {
				if _, err := strconv.Atoi(reset); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func TestHintsNames(t *testing.T) {
	for h := range hintsCount {
		var got Hints
		if text, _ := h.MarshalText(); got.UnmarshalText(text) != nil || got != h {
			t.Errorf("%s is read as %v", text, got)
		}
	}
}
