package manta

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

// Sender sends tagging requests, one after the other and for one goroutine. What
// they have in common it makes once: a context with its time-out alone takes as
// long to make as a request takes to be written.
type Sender struct {
	client *Client
	ctx    context.Context
	body   *encoder

	// What one request leaves for the next, unless it went wrong: then the
	// transport may not have let go of it.
	request context.Context // nil: is to be made
	cancel  context.CancelCauseFunc
	timeout *time.Timer
	written *atomic.Bool
	head    http.Header
	cred    Credentials // in head
}

// Sender is a new one, whose requests are given up when ctx ends. It is to be
// closed.
func (c *Client) Sender(ctx context.Context) *Sender {
	return &Sender{client: c, ctx: ctx, body: newEncoder()}
}

// Close frees what the sender holds. It may still be used after it.
func (s *Sender) Close() {
	if s.request != nil {
		s.timeout.Stop()
		s.cancel(nil)
		s.request = nil
	}
}

// Tag asks for m. requestID goes along as X-Request-Id, for the vendor's
// support. Every failure is an Answer; none is an error.
func (s *Sender) Tag(cred Credentials, requestID string, m Mapping) Answer {
	s.begin(cred)
	s.head["X-Request-Id"] = []string{requestID}
	a, whole := s.client.tag(s.request, s.written, s.head, cred, s.body.encode(cred.Secret, m))
	if !s.timeout.Stop() || !whole {
		s.Close()
	}
	return a
}

// begin starts the time of one request.
func (s *Sender) begin(cred Credentials) {
	if s.request != nil && s.cred != cred {
		s.Close()
	}
	if s.request != nil {
		s.written.Store(false)
		s.timeout.Reset(s.client.Timeout)
		return
	}
	ctx, cancel := context.WithCancelCause(s.ctx)
	s.request, s.written = traceWritten(ctx)
	s.cancel, s.cred, s.head = cancel, cred, s.client.head(cred)
	s.timeout = time.AfterFunc(s.client.Timeout, func() { cancel(context.DeadlineExceeded) })
}
