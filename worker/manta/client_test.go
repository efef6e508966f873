package manta

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

func newClient(t *testing.T, server *httptest.Server) *Client {
	t.Helper()
	u, err := url.Parse(server.URL + "/api")
	if err != nil {
		t.Fatal(err)
	}
	transport := NewHTTP(4)
	t.Cleanup(transport.CloseIdleConnections)
	return &Client{HTTP: transport, API: u, Bot: "bot 1", UserAgent: "mantatag/test", Timeout: 10 * time.Second}
}

// newTLSClient starts a server that was not started, and trusts it.
func newTLSClient(t *testing.T, server *httptest.Server, h2 bool) *Client {
	t.Helper()
	server.EnableHTTP2 = h2
	server.StartTLS()
	c := newClient(t, server)
	c.HTTP.(*http.Transport).TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	return c
}

func TestRequestIsAsDocumented(t *testing.T) {
	var got *http.Request
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		fmt.Fprint(w, success)
	}))
	defer server.Close()
	a := newClient(t, server).Sender(t.Context()).Tag(Credentials{"tok", "sec"}, "id-7", Mapping{TagID: "t<1>", Platform: "line", PlatformClientID: "U1"})
	if a.Class != Tagged || a.Status != 200 {
		t.Fatalf("answer %+v", a)
	}
	if got.Method != "POST" || got.URL.Path != "/api/openapi/clientTagMapping" || got.URL.RawQuery != "botId=bot+1" {
		t.Errorf("%s %s", got.Method, got.URL)
	}
	for k, want := range map[string]string{"Authorization": "Bearer tok", "X-Request-Id": "id-7", "User-Agent": "mantatag/test", "Content-Type": "application/json"} {
		if got.Header.Get(k) != want {
			t.Errorf("%s: %q", k, got.Header.Get(k))
		}
	}
	if want := `{"secret":"sec","tagId":"t<1>","platform":"line","platformClientId":"U1"}`; string(body) != want {
		t.Errorf("body %s, want %s", body, want)
	}
}

// TestAddress: an API may have no path.
func TestAddress(t *testing.T) {
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.RequestURI
		fmt.Fprint(w, success)
	}))
	defer server.Close()
	for path, want := range map[string]string{"": "", "/": "", "/api": "/api", "/api/": "/api", "/a%2Fb": "/a%2Fb"} {
		c := newClient(t, server)
		c.API, _ = url.Parse(server.URL + path)
		if a := c.Sender(t.Context()).Tag(Credentials{}, "", Mapping{}); a.Class != Tagged || asked != want+"/openapi/clientTagMapping?botId=bot+1" {
			t.Errorf("%q: asked for %s, answer %+v", path, asked, a)
		}
	}
}

// TestEmptyPort: the Host that is sent has no colon without a port.
func TestEmptyPort(t *testing.T) {
	c := &Client{API: &url.URL{Scheme: "http", Host: "localhost:", Path: "/api"}, Bot: "b"}
	if to := c.endpoint(tagPath); to.Host != "localhost" || c.API.Host != "localhost:" {
		t.Errorf("sent to %q, and the API is %q", to.Host, c.API.Host)
	}
}

// TestNoTLS: an address with https, of a server without TLS, is a common slip.
func TestNoTLS(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	c := newClient(t, server)
	c.API.Scheme = "https"
	if a := c.Sender(t.Context()).Tag(Credentials{}, "", Mapping{}); a.Class != TryAgain || !strings.Contains(a.Message, "without TLS") {
		t.Errorf("answer %+v", a)
	}
}

// TestBodyIsReadToItsEnd: what is closed before is a stream reset in HTTP/2, for
// which servers shut clients out.
func TestBodyIsReadToItsEnd(t *testing.T) {
	for _, text := range []string{"", success, strings.Repeat("x", maxBody)} {
		for _, length := range []int64{int64(len(text)), -1} {
			b := &endOf{r: strings.NewReader(text)}
			got, err := readBody(&http.Response{ContentLength: length, Body: b})
			if string(got) != text || err != nil || !b.reached {
				t.Errorf("%d bytes, said to be %d: read %d, to the end: %v, %v", len(text), length, len(got), b.reached, err)
			}
		}
	}
	broken := io.MultiReader(strings.NewReader(success), iotest.ErrReader(errors.New("reset")))
	if got, err := readBody(&http.Response{ContentLength: int64(len(success)), Body: io.NopCloser(broken)}); string(got) != success || err != nil {
		t.Errorf("a whole body, and then a fault: %q, %v", got, err)
	}
	if _, err := readBody(&http.Response{ContentLength: 3, Body: io.NopCloser(strings.NewReader("ab"))}); err == nil {
		t.Error("two bytes of three are a whole body")
	}
}

// endOf tells whether a reader's end was met. Like an HTTP/2 stream's, it comes after
// the last byte, not with it.
type endOf struct {
	r       io.Reader
	reached bool
}

func (e *endOf) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.reached = e.reached || err == io.EOF
	return n, err
}

func (e *endOf) Close() error { return nil }

func TestHTTP2(t *testing.T) {
	var proto atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proto.Store(int32(r.ProtoMajor))
		fmt.Fprint(w, success)
	}))
	defer server.Close()
	c := newTLSClient(t, server, true)
	if a := c.Sender(t.Context()).Tag(Credentials{}, "", Mapping{}); a.Class != Tagged {
		t.Fatalf("answer %+v", a)
	}
	if proto.Load() != 2 {
		t.Errorf("spoke HTTP/%d", proto.Load())
	}
}

// TestNoAnswerByHTTP2: it is told as over HTTP/1, and the sender goes on after it.
func TestNoAnswerByHTTP2(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 2 {
			<-r.Context().Done()
			return
		}
		fmt.Fprint(w, success)
	}))
	defer server.Close()
	c := newTLSClient(t, server, true)
	c.Timeout = time.Second
	s := c.Sender(t.Context())
	defer s.Close()
	for i, want := range []string{"", "no answer within 1s", ""} {
		if a := s.Tag(Credentials{}, "", Mapping{}); (a.Class == Tagged) != (want == "") || a.Message != want {
			t.Errorf("answer %d: %+v", i, a)
		}
	}
}

func TestCertificateThatDoesNotVerify(t *testing.T) {
	var reached atomic.Bool
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	server.Config.ErrorLog = nil
	defer server.Close()
	a := newClient(t, server).Sender(t.Context()).Tag(Credentials{"tok", "sec"}, "", Mapping{})
	if a.Class != Misdirected || !strings.Contains(a.Message, "does not verify") {
		t.Errorf("answer %+v", a)
	}
	if reached.Load() {
		t.Error("credentials were sent to a server that was not verified")
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	var elsewhere atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Store(true) }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := httptest.NewServer(http.RedirectHandler(other.URL, status))
		a := newClient(t, server).Sender(t.Context()).Tag(Credentials{"tok", "sec"}, "", Mapping{})
		server.Close()
		if a.Class != Misdirected || !strings.Contains(a.Message, other.URL) {
			t.Errorf("%d: answer %+v", status, a)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://a b%zz/")
		w.WriteHeader(http.StatusFound)
	}))
	defer server.Close()
	if a := newClient(t, server).Sender(t.Context()).Tag(Credentials{"tok", "sec"}, "", Mapping{}); a.Class != Misdirected {
		t.Errorf("to nowhere that can be read: %+v", a)
	}
	if elsewhere.Load() {
		t.Error("a redirect was followed")
	}
}

// TestHostileServers drives the client against raw sockets: each ends in
// bounded time and memory and in the right class.
func TestHostileServers(t *testing.T) {
	endless := func(c net.Conn, head, piece string) {
		_, _ = io.WriteString(c, head)
		for {
			if _, err := io.WriteString(c, piece); err != nil {
				return
			}
		}
	}
	kilobyte := strings.Repeat("x", 1024)
	for _, tt := range []struct {
		name  string
		serve func(net.Conn)
		want  Class
		says  string
	}{
		{"closed at once", func(net.Conn) {}, NoAnswer, "closed before"},
		{"reset", func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, NoAnswer, ""},
		{"no answer", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, NoAnswer, "no answer within"},
		{"one byte a while", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
			_, _ = io.Copy(io.Discard, c)
		}, NoAnswer, "no answer within"},
		{"truncated body", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"+success)
		}, NoAnswer, "closed before"},
		{"body shorter than its text", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n"+success)
		}, TryAgain, "not the API's"},
		{"body without end", func(c net.Conn) { endless(c, "HTTP/1.1 200 OK\r\n\r\n", kilobyte) }, TryAgain, "far longer"},
		{"header without end", func(c net.Conn) { endless(c, "HTTP/1.1 200 OK\r\nX: ", kilobyte) }, NoAnswer, ""},
		{"headers without end", func(c net.Conn) { endless(c, "HTTP/1.1 200 OK\r\n", "X: y\r\n") }, NoAnswer, ""},
		{"not HTTP", func(c net.Conn) { _, _ = io.WriteString(c, "220 smtp ready\r\n") }, NoAnswer, ""},
		{"429 that breaks off", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 500\r\n\r\n{")
		}, Throttled, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					go func() {
						defer conn.Close()
						// The whole request first, so that it was written in any case.
						head := make([]byte, 0, 4096)
						for !bytes.HasSuffix(head, []byte(`"}`)) {
							b := make([]byte, 1024)
							n, err := conn.Read(b)
							if err != nil {
								return
							}
							head = append(head, b[:n]...)
						}
						tt.serve(conn)
					}()
				}
			}()
			transport := NewHTTP(1)
			defer transport.CloseIdleConnections()
			c := &Client{HTTP: transport, API: &url.URL{Scheme: "http", Host: l.Addr().String()}, Bot: "b", Timeout: 300 * time.Millisecond}
			if tt.want != NoAnswer || tt.says != "no answer within" {
				c.Timeout = 20 * time.Second
			}
			a := c.Sender(t.Context()).Tag(Credentials{"tok", "sec"}, "", Mapping{TagID: "t"})
			if a.Class != tt.want || !strings.Contains(a.Message, tt.says) || a.Class == Tagged {
				t.Errorf("answer %+v, want class %d", a, tt.want)
			}
			if strings.Contains(a.Message, "tok") || strings.Contains(a.Message, "sec") {
				t.Errorf("a credential is in the message: %s", a.Message)
			}
		})
	}
}

func TestNothingListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	c := &Client{HTTP: NewHTTP(1), API: &url.URL{Scheme: "http", Host: addr}, Bot: "b", Timeout: 5 * time.Second}
	if a := c.Sender(t.Context()).Tag(Credentials{}, "", Mapping{}); a.Class != TryAgain || !strings.Contains(a.Message, "no connection to "+addr) {
		t.Errorf("answer %+v", a)
	}
}

func TestBodyRoundTrip(t *testing.T) {
	for _, m := range []Mapping{{}, {TagID: "標籤 \"1\"", ClientID: "c\u2028\\"}, {TagID: "t", Platform: "line", PlatformClientID: "U1"}} {
		var back requestBody
		if err := json.Unmarshal(newEncoder().encode("s", m), &back); err != nil || back.Mapping != m || back.Secret != "s" {
			t.Errorf("%+v came back as %+v, %v", m, back, err)
		}
	}
}

// TestAnswersThatRepeatTheCredentials: a server may say what it was sent, in
// its own words or as a page, and none of it may reach a log or a report.
func TestAnswersThatRepeatTheCredentials(t *testing.T) {
	cred := Credentials{"the-token-<of>-a-bot", "the-secret-of-a-bot"}
	for _, body := range []string{
		`{"success":false,"errResponse":{"message":"no: the-token-<of>-a-bot, the-secret-of-a-bot","code":7}}`,
		`{"success":false,"errResponse":{"message":"no: the-token-\u003cof\u003e-a-bot","code":7}}`,
		`{"success":false,"errResponse":{"message":"` + strings.Repeat("x", 490) + `the-secret-of-a-bot","code":7}}`,
		`<html>the-secret-of-a-bot was not found, nor was it elsewhere`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, body)
		}))
		a := newClient(t, server).Sender(t.Context()).Tag(cred, "id", Mapping{TagID: "t", ClientID: "c"})
		server.Close()
		if strings.Contains(a.Message, "the-token") || strings.Contains(a.Message, "the-secr") || !strings.Contains(a.Message, "(cred") {
			t.Errorf("%s: %s", body, a.Message)
		}
	}
}

// TestAnswersThatComeEarly: what a sender has for all its requests is its own again
// after an answer that came before its request was read. The race detector looks on.
func TestAnswersThatComeEarly(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Was", r.Header.Get("X-Request-Id"))
			w.WriteHeader(http.StatusTooManyRequests)
		}))
		c := newTLSClient(t, server, h2)
		s := c.Sender(t.Context())
		for i := range 300 {
			cred := Credentials{"tok" + strconv.Itoa(i/100), "sec"} // which are renewed twice
			id := strconv.Itoa(i)
			if a := s.Tag(cred, id, Mapping{TagID: strings.Repeat("t", 20_000)}); a.Class != Throttled || a.Header.Get("X-Was") != id {
				t.Fatalf("HTTP/2 %t, answer %d: %+v", h2, i, a)
			}
		}
		s.Close()
		server.Close()
	}
}
