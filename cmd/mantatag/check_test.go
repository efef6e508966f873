package main

import (
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"mantatag/worker/pace"
)

func tokenUntil(expires time.Time) string {
	payload := fmt.Sprintf(`{"exp":%d}`, expires.Unix())
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".x"
}

// How long a run takes is told by the rate that was given, or else by the one
// that was learned, and whether the token outlives it by both.
func TestEstimate(t *testing.T) {
	dir := t.TempDir()
	learned := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	if err := (pace.Store{Dir: dir, Host: "api.example.com", Bot: "b"}).Save(pace.Memory{Rate: 10.3, Settled: 10, At: learned}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		options   checkOptions
		host      string
		perSecond float64
		seconds   float64
		learned   bool
	}{
		{"nothing is known", checkOptions{stateDir: t.TempDir()}, "api.example.com", 0, 0, false},
		{"learned", checkOptions{stateDir: dir}, "api.example.com", 10, 360, true},
		{"learned of another host", checkOptions{stateDir: dir}, "other.example.com", 0, 0, false},
		{"learned, with a cap", checkOptions{stateDir: dir, maxRate: 5}, "api.example.com", 5, 720, true},
		{"given", checkOptions{stateDir: dir, rate: 100}, "api.example.com", 100, 36, false},
		{"the stand-in", checkOptions{stateDir: dir}, sandboxHost, 0, 0, false},
	} {
		for _, token := range []struct {
			lasts    time.Duration
			outlives bool
		}{{-time.Minute, false}, {time.Minute, c.seconds < 60}, {24 * time.Hour, true}} {
			r := &conclusion{BotID: "b", Rows: checkedRows{ToSend: 3600}}
			if err := c.options.estimate(r, c.host, tokenUntil(time.Now().Add(token.lasts))); err != nil {
				t.Fatal(err)
			}
			p := r.Pace
			if p.PerSecond != c.perSecond || p.Seconds != c.seconds || (p.Learned != nil) != c.learned {
				t.Errorf("%s: %+v", c.name, p)
			}
			if p.Learned != nil && !p.Learned.Equal(learned) {
				t.Errorf("%s: learned at %s, not %s", c.name, p.Learned, learned)
			}
			switch {
			case r.Token == nil:
				t.Errorf("%s: no token", c.name)
			case (r.Token.Outlives != nil) != (c.perSecond > 0):
				t.Errorf("%s: told whether the token outlives the run: %v", c.name, r.Token.Outlives)
			case r.Token.Outlives != nil && *r.Token.Outlives != token.outlives:
				t.Errorf("%s: a token of %s outlives %.0fs: %v", c.name, token.lasts, c.seconds, *r.Token.Outlives)
			}
		}
	}
	r := &conclusion{}
	if err := (&checkOptions{rate: 1}).estimate(r, sandboxHost, "opaque"); err != nil || r.Token != nil {
		t.Errorf("a token that does not say when it expires: %+v, %v", r.Token, err)
	}
}
