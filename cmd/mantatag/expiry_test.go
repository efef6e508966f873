package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"mantatag/cmd/mantatag/lang"
	"mantatag/worker/manta"
	"mantatag/worker/pace"
)

func jwt(payload string) string {
	b64 := base64.RawURLEncoding.EncodeToString
	return b64([]byte(`{"alg":"none"}`)) + "." + b64([]byte(payload)) + ".x"
}

func TestExpiry(t *testing.T) {
	for token, want := range map[string]int64{
		jwt(`{"exp":1790000000}`):              1790000000,
		jwt(`{"exp":1.79e9}`):                  1790000000,
		jwt(`{"iat":1}`):                       0,
		jwt(`{"exp":"tomorrow"}`):              0,
		jwt(`{"exp":-5}`):                      0,
		jwt(`{"exp":1e300}`):                   0,
		"a.b.c":                                0,
		"no JWT":                               0,
		"a." + strings.Repeat("=", 8) + ".b":   0,
		jwt(`{"exp":1790000000}`) + ".another": 0,
	} {
		got := expiry(token)
		if want == 0 && !got.IsZero() || want != 0 && got.Unix() != want {
			t.Errorf("%s: %v", token, got)
		}
	}
}

// TestExpiryWarning runs a job of 10,000 rows in virtual time, of which 10 a
// second are done, and counts the warnings and when they come.
func TestExpiryWarning(t *testing.T) {
	for _, tt := range []struct {
		name  string
		exp   time.Duration // from the start; 0: the token does not say
		rate  float64       // fixed or learned
		renew bool
		at    time.Duration // of the warning; -1: none
		later time.Duration // when the token that is in use after five seconds and a half expires; 0: there is none
	}{
		{"fixed rate, early", 10 * time.Minute, 10, false, 0, 0},
		{"measured rate", 10 * time.Minute, 0, false, rateOver, 0},
		{"long enough", 30 * time.Minute, 10, false, -1, 0},
		{"does not say", 0, 10, false, -1, 0},
		{"past, which is said elsewhere", -time.Hour, 10, false, -1, 0},
		{"renewed by the run", 10 * time.Minute, 10, true, -1, 0},
		{"exchanged", 10 * time.Minute, 0, false, -1, 30 * time.Minute},
		{"exchanged, and warned of", 0, 10, false, 6 * time.Second, 10 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			token := jwt(`{}`)
			if tt.exp != 0 {
				token = jwt(fmt.Sprintf(`{"exp":%d}`, time.Now().Add(tt.exp).Unix()))
			}
			english := lang.New(lang.English)
			var said bytes.Buffer
			var at time.Duration = -1
			start := time.Now()
			log := zerolog.New(writerFunc(func(b []byte) (int, error) {
				at = time.Since(start)
				return said.Write(b)
			}))
			s := &session{runOptions: &runOptions{renew: tt.renew, lang: english}, log: log,
				api: target{cred: manta.Credentials{Token: token}}}
			p := &progress{lang: english, log: log, pace: func() pace.Status { return pace.Status{Rate: tt.rate} }}
			p.total.Store(10_000)
			ctx, cancel := context.WithTimeout(t.Context(), 10_000/10*time.Second)
			defer cancel()
			var inUse atomic.Pointer[string]
			inUse.Store(&token)
			if tt.later != 0 {
				time.AfterFunc(5500*time.Millisecond, func() {
					other := jwt(fmt.Sprintf(`{"exp":%d}`, start.Add(tt.later).Unix()))
					inUse.Store(&other)
				})
			}
			go func() {
				for range 10_000 {
					time.Sleep(100 * time.Millisecond)
					p.settled.Add(1)
					p.done.Add(1)
				}
			}()
			s.watchExpiry(ctx, p, &inUse)
			if n := strings.Count(said.String(), "the token expires on"); n > 1 || (n == 1) != (tt.at >= 0) {
				t.Errorf("%s: %d warnings", tt.name, n)
			}
			if at.Round(time.Second) != tt.at.Round(time.Second) {
				t.Errorf("%s: said after %s", tt.name, at)
			}
			if strings.Contains(said.String(), token) {
				t.Errorf("%s: the token is in the warning", tt.name)
			}
			time.Sleep(time.Hour) // the rows' goroutine
		})
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
