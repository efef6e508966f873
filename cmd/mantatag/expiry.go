package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync/atomic"
	"time"
)

// expiry is the time at which a JWT expires (RFC 7519, "exp"), or zero for a
// token that does not say.
func expiry(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		Exp float64 `json:"exp"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Exp <= 0 || claims.Exp > 1e11 {
		return time.Time{}
	}
	return time.Unix(int64(claims.Exp), 0)
}

// watchExpiry warns, once of each token that is in use and as soon as it can be
// known, that it expires before the run is likely to end.
func (s *session) watchExpiry(ctx context.Context, p *progress, inUse *atomic.Pointer[string]) {
	if s.renew {
		return
	}
	look := time.NewTicker(time.Second)
	defer look.Stop()
	var done *string // there is nothing to say, or no more, of this one
	for began := time.Now(); ; {
		now, token := time.Now(), inUse.Load()
		exp := expiry(*token)
		if exp.Before(now) {
			done = token // it does not say, or greet has said it
		}
		if end := p.end(now, now.Sub(began)); end.After(exp) && token != done {
			done = token
			s.log.Warn().Time("exp", exp).Time("expected_end", end).Msg(s.lang.Say(
				"the token expires on %[1]s and the run is likely to take until %[2]s: put a new pair into place before that, or the run stops there and goes on when it is run again",
				clock(exp), clock(end)))
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

// end is when the last row is likely to have its outcome, by the rate that is
// fixed or learned or, with neither, that of the first ran of the run; zero
// while nothing can be told.
func (p *progress) end(now time.Time, ran time.Duration) time.Time {
	perSecond := p.pace().Rate
	if perSecond == 0 && ran >= rateOver {
		perSecond = float64(p.settled.Load()) / ran.Seconds()
	}
	left := p.total.Load() - p.done.Load()
	if perSecond <= 0 || left <= 0 {
		return time.Time{}
	}
	seconds := min(float64(left)/perSecond, 1e9)
	return now.Add(time.Duration(seconds * float64(time.Second)))
}
