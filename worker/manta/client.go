// Package manta speaks to the MantaGO API: one tagging request and what its
// answer means. It never retries and never waits; that is the pool's.
package manta

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxBody is the longest answer that is read. The API's are a few hundred
	// bytes; what is longer is not the API's.
	maxBody = 64 << 10
	// maxHeader bounds the head of an answer likewise.
	maxHeader = 64 << 10
)

// tagPath is where a client is tagged.
const tagPath = "/openapi/clientTagMapping"

// Client sends tagging requests for one bot.
type Client struct {
	HTTP      http.RoundTripper // which follows no redirect: see NewHTTP
	API       *url.URL          // for instance https://mantago.cc/api
	Bot       string
	UserAgent string
	Timeout   time.Duration // of one attempt, from connecting to the last byte of the answer

	// Say says a sentence, a format of fmt, in the user's language. nil: in
	// English.
	Say func(format string, args ...any) string

	once  sync.Once
	to    *url.URL               // see tagURL
	usual atomic.Pointer[string] // see decode
}

// NewHTTP is a transport fit for the API: it keeps up to conns connections alive,
// speaks HTTP/2 where the server does and verifies certificates. Without an
// http.Client around it nothing follows a redirect or keeps a cookie.
func NewHTTP(conns int) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConnsPerHost:    conns,
		MaxResponseHeaderBytes: maxHeader,
		IdleConnTimeout:        90 * time.Second,
		DisableCompression:     true, // an answer is a few dozen bytes
		// A dead HTTP/2 connection would otherwise take every request
		// of the pool through a whole time-out.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 10 * time.Second},
	}
}

// tag sends one request, and reports whether its answer came whole.
func (c *Client) tag(ctx context.Context, written *atomic.Bool, head http.Header, cred Credentials, body []byte) (_ Answer, whole bool) {
	res, err := c.HTTP.RoundTrip(c.request(ctx, c.tagURL(), head, body))
	if err != nil {
		return c.unanswered(whyEnded(ctx, err), written.Load()), false
	}
	defer res.Body.Close()
	received := time.Now()
	text, err := readBody(res)
	whole = err == nil
	if len(text) > maxBody {
		text, whole = nil, false
	} else if err != nil && res.StatusCode != http.StatusTooManyRequests {
		// Of a 429 the head says all; any other answer that broke off may have been a success.
		a := c.unanswered(whyEnded(ctx, err), true)
		a.Received, a.Status, a.Header = received, res.StatusCode, res.Header
		return a, false
	}
	a := c.masked(cred, res, text)
	a.Received = received
	return a, whole
}

// masked is what an answer means, without the credentials that it may repeat.
func (c *Client) masked(cred Credentials, res *http.Response, body []byte) Answer {
	if to := res.Header.Get("Location"); to != "" {
		res.Header.Set("Location", string(cred.mask([]byte(to))))
	}
	a := c.classify(res.StatusCode, res.Header, body)
	if a.Message == "" {
		return a // nor does it repeat anything of the body
	}
	a = c.classify(res.StatusCode, res.Header, cred.mask(body))
	a.Message = string(cred.mask([]byte(a.Message))) // once more, since JSON can spell it in other ways
	return a
}

// readBody reads an answer's body to its end, but at most one byte more than maxBody.
// To close a body that was not read to its end resets an HTTP/2 stream.
func readBody(res *http.Response) ([]byte, error) {
	n := res.ContentLength
	if n < 0 || n > maxBody {
		return io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	}
	body := make([]byte, n+1)
	read, err := io.ReadFull(res.Body, body)
	if int64(read) >= n { // whatever comes after it
		err = nil
	}
	return body[:read], err
}

// blank is what a request is a copy of: only a copy can be given a context.
var blank http.Request

// request is a POST with everything that the API asks of one. The body is of a kind
// that net/http knows not to block, and so sends together with the head.
func (c *Client) request(ctx context.Context, to *url.URL, head http.Header, body []byte) *http.Request {
	req := blank.WithContext(ctx)
	req.Method, req.URL, req.Header = http.MethodPost, to, head
	// A connection that was closed before anything was written is not the end.
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, _ = req.GetBody()
	req.ContentLength = int64(len(body))
	return req
}

// head is that of a request, but for its id.
func (c *Client) head(cred Credentials) http.Header {
	return http.Header{
		"Authorization": {"Bearer " + cred.Token},
		"Content-Type":  {"application/json"},
		"Accept":        {"application/json"},
		"User-Agent":    {c.UserAgent},
	}
}

// traceWritten is a context in which a request says whether it left: from the
// end of its head on, the server may have understood it.
func traceWritten(ctx context.Context) (context.Context, *atomic.Bool) {
	var written atomic.Bool
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { written.Store(true) },
	}), &written
}

// tagURL is made once: each request asks for it.
func (c *Client) tagURL() *url.URL {
	c.once.Do(func() { c.to = c.endpoint(tagPath) })
	return c.to
}

func (c *Client) endpoint(path string) *url.URL {
	u := c.API.JoinPath(path)
	u.Path = "/" + strings.TrimPrefix(u.Path, "/") // JoinPath leaves it out where the API has no path
	u.Host = strings.TrimSuffix(u.Host, ":")
	u.RawQuery = url.Values{"botId": {c.Bot}}.Encode()
	return u
}

// unanswered is the Answer to a request that got none, or not a whole one.
func (c *Client) unanswered(err error, written bool) Answer {
	if cert := (*tls.CertificateVerificationError)(nil); errors.As(err, &cert) {
		return Answer{Class: Misdirected, Message: c.say("the certificate of %[1]s does not verify: %[2]s", c.API.Host, oneLine(cert.Err.Error()))}
	}
	a := Answer{Class: TryAgain, Message: c.reason(err)}
	if written {
		a.Class = NoAnswer
	}
	return a
}

// whyEnded is err, with which a request in ctx ended, or that its time was up: over
// HTTP/2 err says only that it was given up.
func whyEnded(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return err
}

// say says a sentence in the user's language.
func (c *Client) say(format string, args ...any) string {
	if c.Say == nil {
		return fmt.Sprintf(format, args...)
	}
	return c.Say(format, args...)
}

// reason says in words what went wrong on the way.
func (c *Client) reason(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	var head tls.RecordHeaderError
	switch {
	case errors.Is(err, context.DeadlineExceeded), os.IsTimeout(err):
		return c.say("no answer within %[1]s", c.Timeout)
	case errors.Is(err, context.Canceled):
		return c.say("the request was given up")
	case errors.As(err, &dns):
		return c.say("the host name %[1]s does not resolve", dns.Name)
	case errors.As(err, &op) && op.Op == "dial":
		return c.say("no connection to %[1]s: %[2]s", c.API.Host, oneLine(op.Err.Error()))
	case errors.As(err, &head) && string(head.RecordHeader[:]) == "HTTP/":
		return c.say("%[1]s answers without TLS: the address of the API should begin with http, or have another port", c.API.Host)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return c.say("the connection was closed before the whole answer came")
	}
	return c.say("the connection was lost: %[1]s", oneLine(strings.TrimPrefix(err.Error(), "net/http: ")))
}
