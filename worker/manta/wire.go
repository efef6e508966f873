package manta

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
)

// Mapping asks for one tag on one client. Empty fields are not sent.
type Mapping struct {
	TagID            string `json:"tagId"`
	ClientID         string `json:"clientId,omitempty"`
	Platform         string `json:"platform,omitempty"`
	PlatformClientID string `json:"platformClientId,omitempty"`
}

// Credentials are the one pair that a bot has. They print as a mask, whatever
// the verb, so that no log or error can show them.
type Credentials struct {
	Token  string // a JWT, sent as the bearer
	Secret string // sent in every body
}

// Format implements [fmt.Formatter].
func (Credentials) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("(credentials)")) }

// MarshalJSON implements [json.Marshaler].
func (Credentials) MarshalJSON() ([]byte, error) { return []byte(`"(credentials)"`), nil }

// mask takes token and secret out of a text that somebody else wrote, who may
// have been told them: as they stand, and in the ways in which JSON, URLs and
// HTML spell them. One so short that it may be a word is left.
func (c Credentials) mask(text []byte) []byte {
	for _, s := range []string{c.Token, c.Secret} {
		if len(s) < 8 {
			continue
		}
		for _, spelt := range []string{s, inJSON(s, false), inJSON(s, true), url.QueryEscape(s), url.PathEscape(s), html.EscapeString(s)} {
			if bytes.Contains(text, []byte(spelt)) {
				text = bytes.ReplaceAll(text, []byte(spelt), []byte("(credentials)"))
			}
		}
	}
	return text
}

// inJSON is how a JSON string spells s.
func inJSON(s string, escapeHTML bool) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(escapeHTML)
	_ = enc.Encode(s) // a string cannot fail to encode, and a buffer takes every write
	return strings.Trim(b.String(), "\"\n")
}

// requestBody is the body of POST /openapi/clientTagMapping
// (ClientTagMappingRequest in the vendor's OpenAPI document).
type requestBody struct {
	Secret string `json:"secret"`
	Mapping
}

// encoder writes request bodies, one after the other.
type encoder struct {
	json *json.Encoder
	text bytes.Buffer
	body requestBody
}

func newEncoder() *encoder {
	e := &encoder{}
	e.json = json.NewEncoder(&e.text)
	e.json.SetEscapeHTML(false)
	return e
}

// encode returns a body that is the caller's.
func (e *encoder) encode(secret string, m Mapping) []byte {
	e.text.Reset()
	e.body = requestBody{secret, m}
	// Strings cannot fail to encode, and a buffer takes every write.
	_ = e.json.Encode(&e.body)
	return bytes.Clone(bytes.TrimSuffix(e.text.Bytes(), []byte("\n")))
}

// answerBody is BasicSuccessResponse and ErrorResponse in one.
type answerBody struct {
	Success     *bool  `json:"success"`
	Message     string `json:"message"`
	ErrResponse *struct {
		Message string `json:"message"`
		Code    *int   `json:"code"`
	} `json:"errResponse"`
}

// decode is parse, which it spares a success that is the same bytes as the one
// before it: nearly all are.
func (c *Client) decode(body []byte) (a answerBody, ok bool) {
	if usual := c.usual.Load(); usual != nil && string(body) == *usual {
		success := true
		return answerBody{Success: &success}, true
	}
	if a, ok = parse(body); ok && *a.Success && a.ErrResponse == nil {
		text := string(body)
		c.usual.Store(&text)
	}
	return a, ok
}

// parse reads a body as one of the API's two shapes. A body of any other
// shape, a proxy's page for instance, is not ok.
func parse(body []byte) (a answerBody, ok bool) {
	if json.Unmarshal(body, &a) != nil || a.Success == nil {
		return answerBody{}, false
	}
	if !*a.Success && (a.ErrResponse == nil || a.ErrResponse.Code == nil) {
		return answerBody{}, false
	}
	return a, true
}
