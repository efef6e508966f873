package sandbox

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// Mapping is what a request asks for.
type Mapping struct {
	TagID            string
	ClientID         string
	Platform         string
	PlatformClientID string
}

var platforms = []string{"line", "facebook", "instagram", "liveChat", "whatsapp"}

func (m Mapping) complete() bool {
	if m.Platform != "" && !slices.Contains(platforms, m.Platform) {
		return false
	}
	return m.TagID != "" && (m.ClientID != "" || m.Platform != "" && m.PlatformClientID != "")
}

// key is a hash of a mapping: a million of them take a few dozen megabytes,
// where the texts would take hundreds.
type key [16]byte

func (m Mapping) key() key {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q%q%q%q", m.TagID, m.ClientID, m.Platform, m.PlatformClientID))
	return key(sum[:16])
}

// lot is a number in [0, 1) that depends on the client alone.
func (m Mapping) lot() float64 {
	m.TagID = ""
	k := m.key()
	return float64(binary.BigEndian.Uint64(k[:])>>11) / (1 << 53)
}

// Account is the sum of what happened to a sandbox.
type Account struct {
	Requests    int // all that came
	Accepted    int // mappings made, whether or not the answer arrived
	Repeated    int // of these, mappings that were there already
	RateLimited int // 429
	Refused     int // errors of the API other than 429
	Faults      int // requests that met a fault or an outage; some were accepted first
	Early       int // requests that came while the server had told to wait
	Renewals    int // pairs given out
}

func (a Account) String() string {
	key, args := a.Sentence()
	return fmt.Sprintf(key, args...)
}

// Sentence is the format of String and its arguments, for other languages.
func (a Account) Sentence() (string, []any) {
	return "requests: %[1]d; accepted: %[2]d (again: %[3]d); over the limit: %[4]d (too early: %[5]d); refused: %[6]d; met a fault: %[7]d",
		[]any{a.Requests, a.Accepted, a.Repeated, a.RateLimited, a.Early, a.Refused, a.Faults}
}

// Record is what became of one request.
type Record struct {
	At        time.Time
	RequestID string // its X-Request-Id
	Renewal   bool
	Mapping   Mapping
	Accepted  bool // the mapping was made
	Status    int  // 0: no answer was made
	Code      int
	Fault     Fault
	Early     bool // it came while the server had told to wait
}

// settle adds a request to the account. The caller holds the lock.
func (s *Sandbox) settle(r Record) {
	a := &s.account
	switch {
	case r.Accepted:
		a.Accepted++
	case r.Status == rateLimited.status:
		a.RateLimited++
	case r.Code != 0 && r.Fault == None:
		a.Refused++
	}
	if r.Fault != None {
		a.Faults++
	}
	if r.Early {
		a.Early++
	}
	if s.options.Record != nil {
		s.options.Record(r)
	}
}

// Account is the account so far.
func (s *Sandbox) Account() Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.account
}

// Accepts is how often the mapping was accepted.
func (s *Sandbox) Accepts(m Mapping) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.tags[m.key()])
}

// Mappings is how many different mappings are there.
func (s *Sandbox) Mappings() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tags)
}
