package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func newRequest(t *testing.T, ctx context.Context, base, path, token, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, "POST", base+path+"?botId="+BotID, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return req
}

// post sends a request in-process and reads all of the answer.
func post(t *testing.T, s *Sandbox, path, token, body string) (*http.Response, string, error) {
	t.Helper()
	res, err := s.Transport().RoundTrip(newRequest(t, t.Context(), "http://sandbox"+BasePath, path, token, body))
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res, string(text), err
}

func client(n int) string {
	return fmt.Sprintf(`{"secret":"%s","tagId":"vip","clientId":"c%d"}`, Secret, n)
}

const mappingPath, tokenPath = "/openapi/clientTagMapping", "/openapi/token"

func TestAnswers(t *testing.T) {
	ok := client(1)
	for name, c := range map[string]struct {
		token, body string
		bot         string
		status      int
		code        int
	}{
		"success":          {Token, ok, BotID, 200, 0},
		"all fields":       {Token, `{"secret":"sandbox-secret","tagId":"t","clientId":"c","platform":"line","platformClientId":"U1"}`, BotID, 200, 0},
		"by platform":      {Token, `{"secret":"sandbox-secret","tagId":"t","platform":"liveChat","platformClientId":"U1"}`, BotID, 200, 0},
		"no token":         {"", ok, BotID, 401, 1004},
		"wrong token":      {"x", ok, BotID, 403, 1002},
		"wrong secret":     {Token, `{"secret":"x","tagId":"t","clientId":"c"}`, BotID, 403, 1002},
		"wrong bot":        {Token, ok, "x", 404, 5001},
		"no tag":           {Token, `{"secret":"sandbox-secret","clientId":"c"}`, BotID, 404, 110000},
		"no client":        {Token, `{"secret":"sandbox-secret","tagId":"t","platform":"line"}`, BotID, 404, 110000},
		"no such platform": {Token, `{"secret":"sandbox-secret","tagId":"t","clientId":"c","platform":"LINE"}`, BotID, 404, 110000},
		"unknown client":   {Token, `{"secret":"sandbox-secret","tagId":"t","clientId":"c-unknown"}`, BotID, 404, 37011},
		"unknown tag":      {Token, `{"secret":"sandbox-secret","tagId":"t-unknown","clientId":"c"}`, BotID, 403, notCreated.code},
		"not JSON":         {Token, `{"secret":`, BotID, 400, notJSON.code},
		"too large":        {Token, `{"secret":"` + strings.Repeat("x", maxBody) + `"}`, BotID, 413, tooLarge.code},
	} {
		t.Run(name, func(t *testing.T) {
			var records []Record
			s := New(Options{Record: func(r Record) { records = append(records, r) }})
			server := httptest.NewServer(s)
			defer server.Close()
			req := newRequest(t, t.Context(), server.URL, mappingPath, c.token, c.body)
			req.URL.RawQuery = "botId=" + c.bot
			req.Header.Set("X-Request-Id", "r1")
			if c.token == "" {
				req.Header.Del("Authorization")
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			var body struct {
				Success     bool
				Message     string
				ErrResponse struct {
					Code    int
					Message string
				}
			}
			if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
				t.Fatal(err)
			}
			success := c.status == 200
			if res.StatusCode != c.status || body.Success != success || body.ErrResponse.Code != c.code ||
				(body.Message != "") != success || (body.ErrResponse.Message != "") == success {
				t.Errorf("got %d and %+v, want %d and code %d", res.StatusCode, body, c.status, c.code)
			}
			if len(records) != 1 || records[0].RequestID != "r1" || records[0].Status != c.status || records[0].Accepted != success {
				t.Errorf("recorded %+v", records)
			}
			if a := s.Account(); a.Requests != 1 || (a.Accepted == 1) != success || (a.Refused == 1) == success {
				t.Errorf("account: %v", a)
			}
		})
	}
}

func TestNoOtherPathAndMethod(t *testing.T) {
	server := httptest.NewServer(New(Options{}))
	defer server.Close()
	for path, want := range map[string]int{"/": 404, "/v1" + mappingPath: 404, mappingPath: 405, BasePath + mappingPath: 405} {
		res, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("GET %s: %d, want %d", path, res.StatusCode, want)
		}
	}
}

func TestRepeats(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		s := New(Options{RefuseRepeats: refuse})
		want := []int{200, 200, 200}
		if refuse {
			want = []int{200, 403, 403}
		}
		for _, status := range want {
			if res, text, err := post(t, s, mappingPath, Token, client(1)); err != nil || res.StatusCode != status {
				t.Fatalf("refuse %v: got %v %q %v, want %d", refuse, res, text, err, status)
			}
		}
		accepts := 3
		if refuse {
			accepts = 1
		}
		if got := s.Accepts(Mapping{TagID: "vip", ClientID: "c1"}); got != accepts || s.Mappings() != 1 || s.Account().Repeated != accepts-1 {
			t.Errorf("refuse %v: accepted %d times, %d mappings, %v", refuse, got, s.Mappings(), s.Account())
		}
	}
}

func TestErrorsAs200(t *testing.T) {
	s := New(Options{ErrorsAs200: true})
	res, text, err := post(t, s, mappingPath, "wrong", client(1))
	if err != nil || res.StatusCode != 200 || !strings.Contains(text, `"success":false`) || !strings.Contains(text, "1002") {
		t.Errorf("got %v %q %v", res, text, err)
	}
}

func TestUnknownShare(t *testing.T) {
	unknown := 0
	for _, seed := range []uint64{1, 2} { // the same clients, whatever the seed
		s := New(Options{UnknownShare: 0.1, Seed: seed})
		for n := range 2000 {
			post(t, s, mappingPath, Token, client(n))
		}
		refused := s.Account().Refused
		if refused < 150 || refused > 250 || unknown != 0 && unknown != refused {
			t.Errorf("seed %d: %d of 2000 clients are unknown, before %d", seed, refused, unknown)
		}
		unknown = refused
	}
}

func TestRenewal(t *testing.T) {
	s := New(Options{ExpireAfter: 1})
	status := func(path, token, secret string) (int, string) {
		res, text, err := post(t, s, path, token, fmt.Sprintf(`{"secret":"%s","tagId":"vip","clientId":"c1"}`, secret))
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, text
	}
	for _, want := range []int{200, 401, 401} {
		if got, text := status(mappingPath, Token, Secret); got != want {
			t.Fatalf("got %d %s, want %d", got, text, want)
		}
	}
	if got, text := status(tokenPath, Token, "x"); got != 403 {
		t.Fatalf("a renewal with a wrong secret: %d %s", got, text)
	}
	_, text := status(tokenPath, Token, Secret)
	var pair struct{ APIToken, APISecret string }
	if err := json.Unmarshal([]byte(text), &pair); err != nil || pair.APIToken == "" || pair.APISecret == "" {
		t.Fatalf("the renewal answered %s", text)
	}
	if token, secret := s.Pair(); token != pair.APIToken || secret != pair.APISecret {
		t.Errorf("the valid pair is %q, %q; the answer was %s", token, secret, text)
	}
	if got, text := status(mappingPath, Token, Secret); got != 404 || !strings.Contains(text, "120000") {
		t.Errorf("the old pair: %d %s", got, text)
	}
	if got, text := status(mappingPath, pair.APIToken, pair.APISecret); got != 200 {
		t.Errorf("the new pair: %d %s", got, text)
	}
	if got, _ := status(mappingPath, pair.APIToken, pair.APISecret); got != 401 {
		t.Errorf("the new pair, expired: %d", got)
	}
}

func TestExpiryInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{ExpireIn: time.Hour})
		for i, want := range []int{200, 200, 401} {
			res, _, err := post(t, s, mappingPath, Token, client(i))
			if err != nil || res.StatusCode != want {
				t.Errorf("request %d: %v, %v", i, res, err)
			}
			time.Sleep(30 * time.Minute)
		}
	})
	s := New(Options{})
	s.Expire()
	if res, _, _ := post(t, s, mappingPath, Token, client(1)); res.StatusCode != 401 {
		t.Errorf("after Expire: %d", res.StatusCode)
	}
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Latency: 20 * time.Millisecond, LatencySpread: 0.3, Seed: 7})
		below := 0
		for n := range 1000 {
			start := time.Now()
			post(t, s, mappingPath, Token, client(n))
			if time.Since(start) < 20*time.Millisecond {
				below++
			}
		}
		if below < 450 || below > 550 {
			t.Errorf("%d of 1000 latencies were below the median", below)
		}
	})
}

func TestClientLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Latency: time.Minute, Limiter: &ConcurrencyCap{Max: 1}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.Transport().RoundTrip(newRequest(t, ctx, "http://sandbox", mappingPath, Token, client(1)))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if n := s.Accepts(Mapping{TagID: "vip", ClientID: "c1"}); n != 1 {
			t.Errorf("a request that arrived was accepted %d times", n)
		}
		if res, _, err := post(t, s, mappingPath, Token, client(2)); err != nil || res.StatusCode != 200 {
			t.Errorf("the place in flight was not given back: %v, %v", res, err)
		}
	})
}

func TestOutages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Outages: []Outage{
			{After: 10 * time.Second, For: 10 * time.Second},
			{After: 30 * time.Second, For: 10 * time.Second, Fault: Refused},
			{After: 50 * time.Second, For: 10 * time.Second, Fault: Closed}}})
		for i := range 7 {
			wrote := false
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
				WroteRequest: func(httptrace.WroteRequestInfo) { wrote = true }})
			res, err := s.Transport().RoundTrip(newRequest(t, ctx, "http://sandbox", mappingPath, Token, client(i)))
			var got string
			switch {
			case err == nil:
				got = fmt.Sprint(res.StatusCode)
				res.Body.Close()
			case errors.Is(err, syscall.ECONNREFUSED):
				got = "refused"
			case errors.Is(err, syscall.ECONNRESET):
				got = "reset"
			}
			if want := []string{"200", "503", "200", "refused", "200", "reset", "200"}[i]; got != want {
				t.Errorf("after %ds: %s, %v; want %s", i*10, got, err, want)
			}
			if wrote == (got == "refused") {
				t.Errorf("after %ds: the request was written: %v", i*10, wrote)
			}
			time.Sleep(10 * time.Second)
		}
		if a := s.Account(); a != (Account{Requests: 7, Accepted: 4, Faults: 3}) {
			t.Errorf("account: %+v", a)
		}
	})
}

func TestFaultShares(t *testing.T) {
	count := func(seed uint64) map[Fault]int {
		got := map[Fault]int{}
		s := New(Options{Seed: seed, Faults: map[Fault]float64{ServerError: 0.2, Reset: 0.1},
			Record: func(r Record) { got[r.Fault]++ }})
		for n := range 2000 {
			post(t, s, mappingPath, Token, client(n))
		}
		return got
	}
	got := count(1)
	if got[ServerError] < 300 || got[ServerError] > 500 || got[Reset] < 130 || got[Reset] > 270 || len(got) != 3 {
		t.Errorf("of 2000 requests: %v", got)
	}
	if again := count(1); !maps.Equal(got, again) {
		t.Errorf("the same seed gave %v and then %v", got, again)
	}
}

func TestManyAtOnce(t *testing.T) {
	seen := 0
	s := New(Options{Limiter: &ConcurrencyCap{Max: 8}, Faults: map[Fault]float64{ServerError: 0.1, Reset: 0.1, Truncated: 0.1},
		Latency: time.Millisecond, Record: func(Record) { seen++ }})
	server, err := Listen("127.0.0.1:0", s)
	if err != nil {
		t.Fatal(err)
	}
	atOnce := &http.Client{Transport: &http.Transport{}}
	var running sync.WaitGroup
	for worker := range 16 {
		running.Go(func() {
			for n := range 25 {
				req := newRequest(t, t.Context(), server.URL, mappingPath, Token, client(worker*25+n))
				if res, err := atOnce.Do(req); err == nil {
					io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
			}
		})
	}
	running.Wait()
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	a := s.Account()
	if a.Requests != 400 || seen != 400 || a.Accepted != s.Mappings()+a.Repeated {
		t.Errorf("%d records, %d mappings, account: %v", seen, s.Mappings(), a)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if left := s.options.Limiter.(*ConcurrencyCap).inFlight; left != 0 {
		t.Errorf("%d places in flight were never given back", left)
	}
}

// TestStandsAlone: what stands in for the API shares no code with what it tests.
func TestStandsAlone(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			if strings.HasPrefix(i.Path.Value, `"mantatag/`) {
				t.Errorf("%s imports %s", name, i.Path.Value)
			}
		}
	}
}
