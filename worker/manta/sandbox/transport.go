package sandbox

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"syscall"
	"time"
)

// Transport calls s without a network, so that it works in a synctest bubble.
// The handler's goroutine ends before RoundTrip fails or the response's body,
// once read to its end or closed, is done with.
func (s *Sandbox) Transport() http.RoundTripper { return transport{s} }

type transport struct{ sandbox *Sandbox }

func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	body := req.Body
	if body == nil {
		body = http.NoBody
	}
	defer body.Close()
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if t.sandbox.refuse() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	if trace := httptrace.ContextClientTrace(req.Context()); trace != nil {
		if trace.WroteHeaders != nil {
			trace.WroteHeaders()
		}
		if trace.WroteRequest != nil {
			trace.WroteRequest(httptrace.WroteRequestInfo{})
		}
	}

	ctx, cancel := context.WithCancel(req.Context())
	served := req.Clone(ctx)
	served.Body = body
	served.RequestURI = req.URL.RequestURI()
	reader, writer := io.Pipe()
	w := &pipeWriter{header: http.Header{}, begun: make(chan struct{}), body: writer, left: -1}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer cancel()
		w.finish(serve(t.sandbox, w, served), req.Context())
	}()

	select {
	case <-w.begun:
	case <-ended:
	}
	res := &http.Response{
		Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, ContentLength: w.length, Request: req,
		Body: &pipeBody{reader, cancel, ended},
	}
	if w.status == 0 { // the handler has ended
		if err := req.Context().Err(); err != nil {
			return nil, err
		}
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	return res, nil
}

// refuse counts a request that finds no connection, and reports whether this is one.
func (s *Sandbox) refuse() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.began.IsZero() || s.outage(now) != Refused {
		return false
	}
	s.arrive(now)
	s.settle(Record{At: now, Fault: Refused})
	return true
}

// serve reports whether the handler ended in order, and did not abort.
func serve(h http.Handler, w http.ResponseWriter, r *http.Request) (orderly bool) {
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			panic(p)
		}
	}()
	h.ServeHTTP(w, r)
	return true
}

// pipeWriter is a ResponseWriter whose other end is a response's body.
type pipeWriter struct {
	header http.Header
	begun  chan struct{} // closed when status, sent and length are set
	status int
	sent   http.Header
	length int64 // -1: not announced
	left   int64 // of length
	body   *io.PipeWriter
}

func (w *pipeWriter) Header() http.Header { return w.header }
func (w *pipeWriter) Flush()              {}

func (w *pipeWriter) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	w.length = -1
	if n, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64); err == nil {
		w.length = n
	}
	w.status, w.sent, w.left = status, w.header.Clone(), w.length
	close(w.begun)
}

func (w *pipeWriter) Write(text []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.length < 0 {
		return w.body.Write(text)
	}
	if int64(len(text)) > w.left {
		return 0, http.ErrContentLength
	}
	w.left -= int64(len(text))
	return w.body.Write(text)
}

// finish ends the body as a connection would: short of what was announced, or
// aborted, it ends unexpectedly.
func (w *pipeWriter) finish(orderly bool, client context.Context) {
	if orderly && w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !orderly || w.left > 0 {
		w.body.CloseWithError(cmp.Or(client.Err(), io.ErrUnexpectedEOF))
		return
	}
	w.body.Close()
}

type pipeBody struct {
	*io.PipeReader
	cancel context.CancelFunc
	ended  chan struct{}
}

var errBodyClosed = errors.New("the response's body is closed")

// Close lets the handler know that the client has left, and waits for its end.
func (b *pipeBody) Close() error {
	b.cancel()
	b.CloseWithError(errBodyClosed)
	<-b.ended
	return nil
}
