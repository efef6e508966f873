package pace

import (
	"context"
	"time"
)

// Pacer decides when requests leave. It is safe for concurrent use.
type Pacer struct{}

// Ticket is the leave to send one request. Its holder calls Send just before
// sending and then Done, or Cancel if nothing is sent.
type Ticket struct{}

// Wait returns when one more request may leave: there is room in flight, the
// bucket has a token and no pause is on. It fails only with the context's error.
func (p *Pacer) Wait(ctx context.Context) (*Ticket, error) { return &Ticket{}, nil }

// Send reports whether the request may still leave now. False means that the
// server asked for a pause since Wait: the ticket is spent, Wait again.
func (t *Ticket) Send() bool { return true }

// Reply is what became of a request, as far as pacing cares.
type Reply struct {
	Kind ReplyKind
	Hint Hint
}

type ReplyKind uint8

const (
	Accepted ReplyKind = iota // not refused for the rate, whatever else the answer was
	Throttled                 // 429
	Lost                      // no answer
)

// Hint is what the headers of an answer say of the limit.
type Hint struct {
	RetryAfter time.Duration // 0: none
}

// Done reports the reply.
func (t *Ticket) Done(r Reply) {}

// Cancel gives the ticket back, nothing having been sent.
func (t *Ticket) Cancel() {}
