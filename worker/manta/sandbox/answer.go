package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// answer is what the API says to one request. code is 0 and done true where it
// did what was asked.
type answer struct {
	status  int
	code    int
	message string
	done    bool

	apiToken, apiSecret string // of a renewal

	page string // an HTML page instead of the API's body
}

// The answers that the vendor documents. Its pages do not say which status each
// code comes with; these follow the descriptions of the statuses.
var (
	expired       = answer{status: http.StatusUnauthorized, code: 1004, message: "Token is invalid or expired"}
	denied        = answer{status: http.StatusForbidden, code: 1002, message: "permission denied"}
	renewedAway   = answer{status: http.StatusNotFound, code: 120000, message: "Get open api failed"}
	noSuchBot     = answer{status: http.StatusNotFound, code: 5001, message: "尋找Bot資訊失敗,無此botId"}
	noSuchClient  = answer{status: http.StatusNotFound, code: 37011, message: "Get client failed"}
	missingFields = answer{status: http.StatusNotFound, code: 110000, message: "Get correct request variables failed"}
	rateLimited   = answer{status: http.StatusTooManyRequests, code: 429, message: "Rate limit exceeded"}
	tagged        = answer{status: http.StatusOK, message: "Create client tag mapping successfully", done: true}
)

// Answers for which no code is documented: the codes are the sandbox's own.
var (
	notCreated  = answer{status: http.StatusForbidden, code: 37099, message: "Create client tag mapping failed"}
	alreadyMade = answer{status: http.StatusForbidden, code: 37098, message: "Client tag mapping already exists"}
	notJSON     = answer{status: http.StatusBadRequest, code: 110001, message: "The body is not JSON"}
	tooLarge    = answer{status: http.StatusRequestEntityTooLarge, code: 110002, message: "The body is too large"}
)

// body is the answer's JSON, or its page.
func (a answer) body() (text []byte, contentType string) {
	if a.page != "" {
		return []byte(a.page), "text/html; charset=utf-8"
	}
	type failure struct {
		Message string `json:"message"`
		Code    int    `json:"code"`
	}
	out := struct {
		Success     bool     `json:"success"`
		Message     string   `json:"message,omitempty"`
		APIToken    string   `json:"apiToken,omitempty"`
		APISecret   string   `json:"apiSecret,omitempty"`
		ErrResponse *failure `json:"errResponse,omitempty"`
	}{Success: a.done, APIToken: a.apiToken, APISecret: a.apiSecret}
	if a.done {
		out.Message = a.message
	} else {
		out.ErrResponse = &failure{a.message, a.code}
	}
	text, err := json.Marshal(out)
	if err != nil {
		panic(err) // strings and numbers only
	}
	return text, "application/json; charset=utf-8"
}

// pair is a token and its secret.
type pair struct {
	token, secret string
	uses          int       // requests that it was let in with
	began         time.Time // the first of them
	expired       bool
}

// authenticate is the answer to a call with the wrong credentials, nil if they
// are right. A renewal may come with an expired token. The caller holds the lock.
func (s *Sandbox) authenticate(c call, now time.Time) *answer {
	switch {
	case c.unread != nil:
		return c.unread
	case c.token == "":
		return &expired
	case s.dead[c.token] || s.dead[c.body.Secret]:
		return &renewedAway
	case c.token != s.pair.token || c.body.Secret != s.pair.secret:
		return &denied
	case c.bot != s.options.BotID:
		return &noSuchBot
	case c.renewal:
		return nil
	}
	p := &s.pair
	if p.began.IsZero() {
		p.began = now
	}
	n, d := s.options.ExpireAfter, s.options.ExpireIn
	if p.expired || n > 0 && p.uses >= n || d > 0 && now.Sub(p.began) >= d {
		return &expired
	}
	p.uses++
	return nil
}

// tag answers a request for a mapping. The caller holds the lock.
func (s *Sandbox) tag(c call, m Mapping, now time.Time) answer {
	a := s.mapping(c, m, now)
	if s.options.ErrorsAs200 {
		a.status = http.StatusOK
	}
	return a
}

func (s *Sandbox) mapping(c call, m Mapping, now time.Time) answer {
	if a := s.authenticate(c, now); a != nil {
		return *a
	}
	switch {
	case !m.complete():
		return missingFields
	case s.unknown(m):
		return noSuchClient
	case strings.HasSuffix(m.TagID, unknownSuffix):
		return notCreated
	}
	k := m.key()
	if s.options.RefuseRepeats && s.tags[k] > 0 {
		return alreadyMade
	}
	s.tags[k]++
	if s.tags[k] > 1 {
		s.account.Repeated++
	}
	return tagged
}

const unknownSuffix = "-unknown"

func (s *Sandbox) unknown(m Mapping) bool {
	return strings.HasSuffix(m.ClientID, unknownSuffix) || strings.HasSuffix(m.PlatformClientID, unknownSuffix) ||
		s.options.UnknownShare > 0 && m.lot() < s.options.UnknownShare
}

// renew answers a request for a new pair, from which moment the old one is
// dead. The caller holds the lock.
func (s *Sandbox) renew(c call, now time.Time) answer {
	if a := s.authenticate(c, now); a != nil {
		return *a
	}
	s.newPair(now)
	return answer{status: http.StatusOK, message: "Renew token successfully", done: true,
		apiToken: s.pair.token, apiSecret: s.pair.secret}
}

func (s *Sandbox) newPair(now time.Time) {
	s.dead[s.pair.token], s.dead[s.pair.secret] = true, true
	s.account.Renewals++
	s.pair = pair{
		token:  newToken(s.account.Renewals, now),
		secret: fmt.Sprintf("%s-%d", Secret, s.account.Renewals+1),
	}
}

// newToken is a JWT that says it is valid for 30 days, as the vendor's are.
func newToken(n int, now time.Time) string {
	b64 := base64.RawURLEncoding.EncodeToString
	claims := fmt.Sprintf(`{"sub":"mantatag sandbox","jti":"%d","iat":%d,"exp":%d}`,
		n, now.Unix(), now.AddDate(0, 0, 30).Unix())
	return b64([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + b64([]byte(claims)) + ".sandbox"
}

// Pair is the token and secret that are valid now.
func (s *Sandbox) Pair() (token, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pair.token, s.pair.secret
}

// Renew gives out a new pair, as if somebody else had asked for it.
func (s *Sandbox) Renew() (token, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newPair(time.Now())
	return s.pair.token, s.pair.secret
}

// Expire lets the present token expire.
func (s *Sandbox) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pair.expired = true
}
