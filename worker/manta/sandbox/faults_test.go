package sandbox

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// what each fault looks like to a client that gives up after 64 KiB.
var faultCases = map[Fault]struct {
	status int // 0: no answer
	body   string
	cut    bool // reading the body ends in an error
	done   bool
}{
	None:          {200, `{"success":true,"message":"Create client tag mapping successfully"}`, false, true},
	ServerError:   {500, `"code":500`, false, false},
	Unavailable:   {503, "<html>", false, false},
	BadGateway:    {502, "<html>", false, false},
	SignIn:        {200, "sign in", false, false},
	Redirected:    {307, "<html>", false, false},
	Closed:        {0, "", false, false},
	Refused:       {0, "", false, false},
	Reset:         {0, "", false, true},
	Truncated:     {200, `{"success":true`, true, true},
	ShortLength:   {200, `{"success":true`, false, true},
	EndlessBody:   {200, "    ", false, true},
	EndlessHeader: {0, "", false, true},
	BadJSON:       {200, `{"success":true,`, false, true},
	DeepJSON:      {200, `[[[[[[`, false, true},
}

func checkFault(t *testing.T, f Fault, client *http.Client, base string, s *Sandbox) {
	c := faultCases[f]
	res, err := client.Do(newRequest(t, t.Context(), base, mappingPath, Token, `{"secret":"`+Secret+`","tagId":"t","clientId":"c"}`))
	if (err != nil) != (c.status == 0) {
		t.Fatalf("got %v, %v; want status %d", res, err, c.status)
	}
	if err == nil {
		defer res.Body.Close()
		text, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
		if res.StatusCode != c.status || !strings.Contains(string(text), c.body) || (err != nil) != c.cut {
			t.Errorf("got %d, %.100q and %v; want %d, %q and an error: %v", res.StatusCode, text, err, c.status, c.body, c.cut)
		}
		if f == Redirected && res.Header.Get("Location") == "" {
			t.Error("a redirect to nowhere")
		}
	}
	if done := s.Accepts(Mapping{TagID: "t", ClientID: "c"}) == 1; done != c.done {
		t.Errorf("the mapping was made: %v, want %v", done, c.done)
	}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func TestFaultsOverSockets(t *testing.T) {
	for f := range faultCases {
		for _, http2 := range []bool{false, true} {
			t.Run(f.String()+map[bool]string{true: " over HTTP/2"}[http2], func(t *testing.T) {
				s := New(Options{Pick: func(Request) Fault { return f }})
				server := httptest.NewUnstartedServer(s)
				server.EnableHTTP2 = http2
				server.StartTLS()
				defer server.Close()
				client := server.Client()
				client.CheckRedirect = noRedirect
				checkFault(t, f, client, server.URL, s)
			})
		}
	}
}

func TestFaultsOverLoopback(t *testing.T) {
	for f := range faultCases {
		t.Run(f.String(), func(t *testing.T) {
			s := New(Options{Pick: func(Request) Fault { return f }})
			server, err := Listen("127.0.0.1:0", s)
			if err != nil {
				t.Fatal(err)
			}
			client := &http.Client{Transport: &http.Transport{}, CheckRedirect: noRedirect}
			checkFault(t, f, client, server.URL, s)
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A synctest bubble ends only when every goroutine in it has.
func TestFaultsInProcess(t *testing.T) {
	for f := range faultCases {
		t.Run(f.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(Options{Latency: time.Second, Pick: func(Request) Fault { return f }})
				checkFault(t, f, &http.Client{Transport: s.Transport(), CheckRedirect: noRedirect}, "http://sandbox"+BasePath, s)
			})
		})
	}
}

func TestStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Pick: func(Request) Fault { return Stalled }})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		_, err := s.Transport().RoundTrip(newRequest(t, ctx, "http://sandbox", mappingPath, Token, client(1)))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Hour {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestTrickled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Pick: func(Request) Fault { return Trickled }})
		start := time.Now()
		_, text, err := post(t, s, mappingPath, Token, client(1))
		if took := time.Since(start); err != nil || took != time.Duration(len(text))*time.Second || len(text) < 50 {
			t.Errorf("%q came within %v, %v", text, took, err)
		}

		// The client leaves in the middle.
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		res, err := s.Transport().RoundTrip(newRequest(t, ctx, "http://sandbox", mappingPath, Token, client(1)))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if _, err := io.ReadAll(res.Body); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// Close returns though requests hang in each of the ways they can.
func TestServerClose(t *testing.T) {
	for _, f := range []Fault{Stalled, Trickled, EndlessBody, EndlessHeader} {
		t.Run(f.String(), func(t *testing.T) {
			arrived := make(chan struct{})
			s := New(Options{Pick: func(Request) Fault { close(arrived); return f }})
			server, err := Listen("127.0.0.1:0", s)
			if err != nil {
				t.Fatal(err)
			}
			client := &http.Client{Transport: &http.Transport{MaxResponseHeaderBytes: 1 << 40}}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				req := newRequest(t, context.Background(), server.URL, mappingPath, Token, `{}`)
				if res, err := client.Do(req); err == nil {
					io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
			}()
			<-arrived
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			<-ended
		})
	}
}

func TestFaultNames(t *testing.T) {
	for f := range faultCount {
		var got Fault
		if text, _ := f.MarshalText(); got.UnmarshalText(text) != nil || got != f {
			t.Errorf("%s is read as %v", text, got)
		}
	}
	if new(Fault).UnmarshalText([]byte("fire")) == nil {
		t.Error("a fault called fire")
	}
}
