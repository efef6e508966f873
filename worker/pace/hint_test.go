package pace_test

import (
	"net/http"
	"testing"
	"time"

	"mantatag/worker/pace"
)

func TestParseHint(t *testing.T) {
	received := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return received.Add(d).Format(http.TimeFormat) }
	for name, c := range map[string]struct {
		header map[string]string
		want   pace.Hint
	}{
		"nothing":            {nil, pace.Hint{}},
		"seconds":            {map[string]string{"Retry-After": "12"}, pace.Hint{RetryAfter: 12 * time.Second}},
		"half a second":      {map[string]string{"Retry-After": "0.5"}, pace.Hint{RetryAfter: 500 * time.Millisecond}},
		"date":               {map[string]string{"Retry-After": at(90 * time.Second)}, pace.Hint{RetryAfter: 90 * time.Second}},
		"date, clocks apart": {map[string]string{"Retry-After": at(90*time.Second - 5*time.Hour), "Date": at(-5 * time.Hour)}, pace.Hint{RetryAfter: 90 * time.Second}},
		"date past":          {map[string]string{"Retry-After": at(-time.Minute)}, pace.Hint{}},
		"a week":             {map[string]string{"Retry-After": "604800"}, pace.Hint{RetryAfter: pace.LongestPause}},
		"negative":           {map[string]string{"Retry-After": "-3"}, pace.Hint{}},
		"not a number":       {map[string]string{"Retry-After": "NaN"}, pace.Hint{}},
		"infinity":           {map[string]string{"Retry-After": "Inf"}, pace.Hint{RetryAfter: pace.LongestPause}},
		"words":              {map[string]string{"Retry-After": "soon"}, pace.Hint{}},
		"draft 10": {map[string]string{"RateLimit": `"default";r=50;t=30`, "RateLimit-Policy": `"default";q=100;w=60`},
			pace.Hint{Left: 50, Reset: 30 * time.Second, Limit: 100, Window: time.Minute}},
		"draft 10, two limits": {map[string]string{"RateLimit": `"hour";r=900;t=1800, "minute";r=3;t=20`, "RateLimit-Policy": `"hour";q=1000;w=3600, "minute";q=100;w=60`},
			pace.Hint{Left: 3, Reset: 20 * time.Second}},
		"draft 10, a day": {map[string]string{"RateLimit": `"day";r=900;t=1800`, "RateLimit-Policy": `"day";q=1000;w=86400`},
			pace.Hint{Left: 900, Reset: 30 * time.Minute}},
		"draft 7": {map[string]string{"RateLimit": "limit=100, remaining=0, reset=7", "RateLimit-Policy": "100;w=10"},
			pace.Hint{Left: 0, Reset: 7 * time.Second, Limit: 100, Window: 10 * time.Second}},
		"draft 7, two limits": {map[string]string{"RateLimit": "limit=10, remaining=0, reset=1", "RateLimit-Policy": "10;w=1, 1000;w=3600"},
			pace.Hint{Left: 0, Reset: time.Second, Limit: 10}},
		"draft 6": {map[string]string{"RateLimit-Limit": "100, 100;w=60", "RateLimit-Remaining": "8", "RateLimit-Reset": "40"},
			pace.Hint{Left: 8, Reset: 40 * time.Second, Limit: 100, Window: time.Minute}},
		"X, to go":        {map[string]string{"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "25"}, pace.Hint{Limit: 60, Reset: 25 * time.Second}},
		"X, epoch":        {map[string]string{"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "1795514425"}, pace.Hint{Left: 5, Reset: 25 * time.Second}},
		"X, milliseconds": {map[string]string{"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "1795514425500"}, pace.Hint{Left: 5, Reset: 25500 * time.Millisecond}},
		"X, epoch by the server's clock": {map[string]string{"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "1795514425", "Date": at(-time.Minute)},
			pace.Hint{Left: 5, Reset: 85 * time.Second}},
		"X, reset past":  {map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1000000001"}, pace.Hint{}},
		"torn structure": {map[string]string{"RateLimit": `"default;r=50`}, pace.Hint{}},
		"both": {map[string]string{"Retry-After": "3", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "25"},
			pace.Hint{RetryAfter: 3 * time.Second, Reset: 25 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			for k, v := range c.header {
				h.Set(k, v)
			}
			if got := pace.ParseHint(h.Values, received); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// Whatever a server sends, a hint stays within its bounds.
func FuzzParseHint(f *testing.F) {
	f.Add("12", `"default";r=50;t=30`, `"default";q=100;w=60`, "100", "5", "1795514425", "Tue, 24 Nov 2026 10:00:00 GMT")
	f.Add("Tue, 24 Nov 2026 10:00:30 GMT", "limit=100, remaining=0, reset=7", "100;w=10", "100, 100;w=60", "-1", "1e300", "")
	f.Fuzz(func(t *testing.T, after, limit, policy, xlimit, left, reset, date string) {
		h := http.Header{}
		for k, v := range map[string]string{"Retry-After": after, "RateLimit": limit, "RateLimit-Policy": policy,
			"X-RateLimit-Limit": xlimit, "X-RateLimit-Remaining": left, "X-RateLimit-Reset": reset, "Date": date} {
			h.Set(k, v)
		}
		got := pace.ParseHint(h.Values, time.Unix(1_795_514_400, 0))
		for _, d := range []time.Duration{got.RetryAfter, got.Reset, got.Window} {
			if d < 0 || d > pace.LongestPause {
				t.Errorf("%+v", got)
			}
		}
		if got.Left < 0 || got.Limit < 0 || got.Left > 0 && got.Reset == 0 {
			t.Errorf("%+v", got)
		}
	})
}
