package sandbox

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The one account that a sandbox knows unless its Options say otherwise. The
// token looks like a JWT that never expires.
const (
	Token  = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJtYW50YXRhZyBzYW5kYm94In0.sandbox"
	Secret = "sandbox-secret"
	BotID  = "sandbox-bot"
)

// BasePath is where a served sandbox has its API. The handler itself answers
// at the API's paths, under BasePath or under nothing.
const BasePath = "/api"

// Options say how a sandbox behaves. The zero value knows no limit, answers at
// once and never fails.
type Options struct {
	Token, Secret, BotID string // empty: the package's constants

	Limiter Limiter // nil: none. It belongs to the sandbox from then on
	Hints   Hints
	Skew    time.Duration // how far the server's clock is ahead of time.Now

	Latency       time.Duration // median, of answers other than 429s and outages
	LatencySpread float64       // sigma of its lognormal distribution; 0: all alike

	// UnknownShare of all clients, chosen by a hash of their ids and so the
	// same ones each time, are answered "Get client failed". Whatever it is,
	// a clientId or platformClientId that ends in "-unknown" is such a client,
	// and for a tagId that ends in "-unknown" the creation fails with a 403.
	UnknownShare  float64
	RefuseRepeats bool // a mapping that is there already is refused with a 403
	ErrorsAs200   bool // errors of the API come with status 200 and success false

	Faults   map[Fault]float64   // the share of the mapping requests that meet each
	Pick     func(Request) Fault // instead of Faults: chooses for each request let in
	Outages  []Outage
	Redirect string // Location of the fault of that name; empty: a host that does not exist

	ExpireAfter int           // requests let in with a token before it expires; 0: any number
	ExpireIn    time.Duration // from the first request let in with it; 0: never

	// EarlyGrace: a request counts as [Account.Early] only if it comes later
	// than that after the answer that told to wait. Over sockets, requests
	// are under way when that answer leaves.
	EarlyGrace time.Duration

	Seed uint64

	// Record is told of each request, one at a time, when it is known what
	// will be answered and before it is. It must not call the sandbox.
	Record func(Record)
}

// Demo are the options for a first look: a limit to run into, some latency, a
// few clients that do not exist.
func Demo() Options {
	return Options{
		Limiter:       &TokenBucket{Rate: 50, Burst: 20},
		Latency:       20 * time.Millisecond,
		LatencySpread: 0.3,
		UnknownShare:  0.02,
		EarlyGrace:    100 * time.Millisecond,
	}
}

// Outage is a time during which every request meets Fault, before any limit.
type Outage struct {
	After time.Duration // since the first request
	For   time.Duration
	Fault Fault // None: Unavailable
}

// Sandbox is an [http.Handler] that stands in for the API. It may be called
// from any number of goroutines; each request ends in the one that brought it.
type Sandbox struct {
	options Options

	mu      sync.Mutex
	random  *rand.Rand
	began   time.Time // the first request
	pair    pair
	dead    map[string]bool // tokens and secrets of the pairs before
	account Account
	tags    map[key]uint32 // how often each mapping was accepted
	told    waiting
}

// waiting is a time in which the server asked for silence.
type waiting struct{ from, until time.Time }

// New is a sandbox in which nothing has happened.
func New(o Options) *Sandbox {
	if o.Limiter == nil {
		o.Limiter = Unlimited{}
	}
	first := pair{token: o.Token, secret: o.Secret}
	if first.token == "" {
		first.token = Token
	}
	if first.secret == "" {
		first.secret = Secret
	}
	if o.BotID == "" {
		o.BotID = BotID
	}
	return &Sandbox{options: o, random: rand.New(rand.NewPCG(o.Seed, 1)), pair: first,
		dead: map[string]bool{}, tags: map[key]uint32{}}
}

// Request is what is known of a request when its fault is chosen.
type Request struct {
	Number  int // from 1, of all that came
	At      time.Time
	Renewal bool // it asks for a new pair, not for a mapping
	Mapping Mapping
}

// call is a request as it was read.
type call struct {
	bot, token, requestID string
	renewal               bool
	body                  body
	unread                *answer // why the body could not be read
}

type body struct {
	Secret           string `json:"secret"`
	TagID            string `json:"tagId"`
	ClientID         string `json:"clientId"`
	Platform         string `json:"platform"`
	PlatformClientID string `json:"platformClientId"`
}

// maxBody is far above any real mapping.
const maxBody = 64 << 10

func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, BasePath)
	renewal := path == "/openapi/token"
	if !renewal && path != "/openapi/clientTagMapping" {
		http.Error(w, "Cannot "+r.Method+" "+r.URL.Path, http.StatusNotFound)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "Cannot "+r.Method+" "+r.URL.Path, http.StatusMethodNotAllowed)
		return
	}

	reply, letIn := s.decide(read(w, r, renewal))
	if letIn {
		defer s.release()
	}
	if !sleep(r.Context(), reply.latency) {
		panic(http.ErrAbortHandler)
	}
	for name, values := range reply.header {
		w.Header()[name] = values
	}
	reply.deliver(w, r, s.options.Redirect)
}

func read(w http.ResponseWriter, r *http.Request, renewal bool) call {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	c := call{bot: r.URL.Query().Get("botId"), token: token,
		requestID: r.Header.Get("X-Request-Id"), renewal: renewal}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		c.unread = &tooLarge
	} else if json.Unmarshal(text, &c.body) != nil {
		c.unread = &notJSON
	}
	return c
}

// reply is what a request gets, and how.
type reply struct {
	answer
	header  http.Header
	fault   Fault
	latency time.Duration
}

// decide settles what becomes of a request at the moment of its arrival, the
// storing of the tag included: from then on a client that leaves has lost the
// answer and no more. It reports whether the limiter let the request in.
func (s *Sandbox) decide(c call) (rep reply, letIn bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.arrive(now)

	m := Mapping{c.body.TagID, c.body.ClientID, c.body.Platform, c.body.PlatformClientID}
	record := Record{At: now, RequestID: c.requestID, Renewal: c.renewal, Mapping: m}
	rep.header = http.Header{"Date": {now.Add(s.options.Skew).UTC().Format(http.TimeFormat)}}
	defer func() {
		record.Fault = rep.fault
		record.Status, record.Code = rep.status, rep.code
		s.settle(record)
	}()
	if now.After(s.told.from.Add(s.options.EarlyGrace)) && now.Before(s.told.until) {
		record.Early = true
	}

	if f := s.outage(now); f != None {
		rep.fault, rep.answer = f, f.answer()
		return rep, false
	}
	v := s.options.Limiter.Take(now)
	told := s.options.Hints.write(rep.header, v, now, s.options.Skew)
	if !v.OK {
		rep.answer = rateLimited
		if told.After(s.told.until) {
			s.told = waiting{now, told}
		}
		return rep, false
	}

	rep.latency = s.latency()
	rep.fault = s.fault(Request{s.account.Requests, now, c.renewal, m})
	switch {
	case rep.fault.undone():
		rep.answer = rep.fault.answer()
	case c.renewal:
		rep.answer = s.renew(c, now)
	default:
		rep.answer = s.tag(c, m, now)
		record.Accepted = rep.done
	}
	return rep, true
}

// arrive counts a request. The caller holds the lock.
func (s *Sandbox) arrive(now time.Time) {
	if s.began.IsZero() {
		s.began = now
	}
	s.account.Requests++
}

// outage is the fault of the outage that is on, if any. The caller holds the lock.
func (s *Sandbox) outage(now time.Time) Fault {
	for _, o := range s.options.Outages {
		since := now.Sub(s.began)
		if since >= o.After && since < o.After+o.For {
			if o.Fault == None {
				return Unavailable
			}
			return o.Fault
		}
	}
	return None
}

func (s *Sandbox) fault(r Request) Fault {
	if s.options.Pick != nil {
		return s.options.Pick(r)
	}
	if r.Renewal || len(s.options.Faults) == 0 {
		return None
	}
	u := s.random.Float64()
	for f := range faultCount { // in a fixed order, so that a seed repeats
		if u -= s.options.Faults[f]; u < 0 {
			return f
		}
	}
	return None
}

func (s *Sandbox) latency() time.Duration {
	if s.options.LatencySpread == 0 {
		return s.options.Latency
	}
	return time.Duration(float64(s.options.Latency) * math.Exp(s.options.LatencySpread*s.random.NormFloat64()))
}

func (s *Sandbox) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	release(s.options.Limiter)
}

// sleep reports whether d passed before the client left.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
