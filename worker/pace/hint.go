package pace

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/dunglas/httpsfv"
)

// LongestPause is the longest pause believed at once. A server that asks for
// more gets a single request after it, and is believed again if it asks again:
// a figure in the wrong unit then costs an hour, not a week.
const LongestPause = time.Hour

// Hint is what the headers of an answer say of the limit. The zero Hint says
// nothing. Durations count from when the answer was received and lie between 0
// and LongestPause.
type Hint struct {
	RetryAfter time.Duration // 0: none asked for

	// Left is how many more requests are let in before Reset has passed.
	// It holds only where Reset is above 0.
	Left  int
	Reset time.Duration

	// Limit requests in each Window; 0: not told.
	Limit  int
	Window time.Duration
}

// ParseHint reads Retry-After, RateLimit and RateLimit-Policy (in the forms of
// the IETF drafts 7 to 10), RateLimit-Limit, -Remaining and -Reset (drafts 0 to
// 6), and the X-RateLimit- and X-Rate-Limit- headers that came before them, whose
// reset may be seconds to go or a time since 1970 in seconds or milliseconds.
// Where several are there, the newest kind counts. The values of a header come
// from its argument, such as [http.Header.Values].
//
// Times of day are held against the answer's Date rather than against received,
// so that the two clocks need not agree. Nonsense is as good as nothing.
func ParseHint(values func(name string) []string, received time.Time) Hint {
	get := func(name string) string {
		if v := values(name); len(v) > 0 {
			return strings.TrimSpace(v[0])
		}
		return ""
	}
	server := received
	if date, err := http.ParseTime(get("Date")); err == nil {
		server = date
	}

	var h Hint
	if h = structured(values("RateLimit"), values("RateLimit-Policy")); h == (Hint{}) {
		for _, prefix := range []string{"RateLimit-", "X-RateLimit-", "X-Rate-Limit-"} {
			if h = trio(get, prefix, server); h != (Hint{}) {
				break
			}
		}
	}
	after := get("Retry-After")
	if d, ok := seconds(after); ok {
		h.RetryAfter = d
	} else if t, err := http.ParseTime(after); err == nil {
		h.RetryAfter = bounded(t.Sub(server).Seconds())
	}
	return h
}

// pause is how long a refusal asks us to wait.
func (h Hint) pause() time.Duration {
	if h.RetryAfter > 0 {
		return h.RetryAfter
	}
	if h.Left == 0 {
		return h.Reset
	}
	return 0
}

// rate is the one that the quota comes to; 0: it is not told.
func (h Hint) rate() float64 {
	if h.Limit == 0 || h.Window == 0 {
		return 0
	}
	return float64(h.Limit) / h.Window.Seconds()
}

// trio reads the three headers that begin with prefix.
func trio(get func(string) string, prefix string, server time.Time) (h Hint) {
	// Limit may go on with its policies: "100, 100;w=60".
	limit, policy, _ := strings.Cut(get(prefix+"Limit"), ",")
	h.Limit, _ = count(limit)
	if policy != "" {
		if limit, window := policies([]string{policy}); limit == h.Limit {
			h.Window = window // else it is that of another limit
		}
	}

	left, ok := count(get(prefix + "Remaining"))
	if !ok {
		return h
	}
	text := get(prefix + "Reset")
	const (
		seconds2001 = 1e9  // below it, seconds to go
		millis1973  = 1e11 // from here on, milliseconds: in seconds it were the year 5138
	)
	at, err := strconv.ParseFloat(text, 64)
	if err != nil || !(at > 0) {
		return h
	}
	switch {
	case at >= millis1973:
		at = at/1000 - float64(server.UnixMilli())/1000
	case at >= seconds2001:
		at -= float64(server.UnixMilli()) / 1000
	}
	if h.Reset = bounded(at); h.Reset > 0 {
		h.Left = left
	}
	return h
}

// structured reads RateLimit and its policy. Of several limits it takes the one
// with the least left, then the one that lasts longest.
func structured(limits, policy []string) (h Hint) {
	if len(limits) == 0 {
		return Hint{}
	}
	h.Limit, h.Window = policies(policy)

	// Draft 7: limit=100, remaining=50, reset=30
	if d, err := httpsfv.UnmarshalDictionary(limits); err == nil {
		left, ok1 := integer(memberOf(d, "remaining"))
		reset, ok2 := integer(memberOf(d, "reset"))
		if ok1 && ok2 {
			if limit, ok := integer(memberOf(d, "limit")); ok && limit != h.Limit {
				h.Limit, h.Window = limit, 0 // the policy is that of another limit
			}
			if h.Reset = bounded(float64(reset)); h.Reset > 0 {
				h.Left = left
			}
			return h
		}
	}

	// From draft 8 on: "default";r=50;t=30
	list, err := httpsfv.UnmarshalList(limits)
	if err != nil {
		return Hint{}
	}
	found := false
	for _, m := range list {
		item, ok := m.(httpsfv.Item)
		if !ok {
			continue
		}
		left, ok1 := integer(param(item, "r"))
		t, ok2 := integer(param(item, "t"))
		reset := bounded(float64(t))
		if !ok1 || !ok2 || reset == 0 {
			continue
		}
		if !found || left < h.Left || left == h.Left && reset > h.Reset {
			h.Left, h.Reset, found = left, reset, true
		}
	}
	if !found && h.Window == 0 {
		return Hint{}
	}
	return h
}

// policies reads "default";q=100;w=60 (draft 8 on) or 100;w=60. Of several, or of
// one that lasts longer than any pause that is believed, it reads nothing: none of
// them alone says how many may leave when.
func policies(policy []string) (limit int, window time.Duration) {
	list, err := httpsfv.UnmarshalList(policy)
	if err != nil {
		return 0, 0
	}
	for _, m := range list {
		item, ok := m.(httpsfv.Item)
		if !ok {
			continue
		}
		q, ok := integer(param(item, "q"))
		if !ok {
			q, ok = integer(item.Value)
		}
		s, ok2 := integer(param(item, "w"))
		if !ok || !ok2 || q == 0 || s == 0 {
			continue
		}
		if window > 0 || float64(s) > LongestPause.Seconds() {
			return 0, 0
		}
		limit, window = q, bounded(float64(s))
	}
	return limit, window
}

func memberOf(d *httpsfv.Dictionary, name string) any {
	m, ok := d.Get(name)
	if !ok {
		return nil
	}
	item, ok := m.(httpsfv.Item)
	if !ok {
		return nil
	}
	return item.Value
}

func param(item httpsfv.Item, name string) any {
	if item.Params == nil {
		return nil
	}
	v, _ := item.Params.Get(name)
	return v
}

// mostCount bounds counts, so that no arithmetic on them overflows.
const mostCount = 1e9

func integer(v any) (int, bool) {
	n, ok := v.(int64)
	if !ok || n < 0 {
		return 0, false
	}
	return int(min(n, mostCount)), true
}

func count(s string) (int, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(n >= 0) {
		return 0, false
	}
	return int(min(n, mostCount)), true
}

// seconds reads a number of seconds, which some servers give with a fraction.
func seconds(s string) (time.Duration, bool) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(n) {
		return 0, false
	}
	return bounded(n), true
}

func bounded(seconds float64) time.Duration {
	if !(seconds > 0) {
		return 0
	}
	return time.Duration(min(seconds, LongestPause.Seconds()) * float64(time.Second))
}
