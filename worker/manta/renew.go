package manta

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// ErrRenewalRefused says that the API refused to give a new pair; the old one is
// what it was.
var ErrRenewalRefused = errors.New("the API refused to renew the pair")

// ErrRenewalLost says that the request for a new pair was sent and its answer
// did not come: the old pair may be dead and the new one unknown.
var ErrRenewalLost = errors.New("the answer to the renewal was lost")

// RenewalError is why there is no new pair, said in the user's language.
type RenewalError struct {
	Answer  Answer // of a refusal
	kind    error  // one of the two; nil if the request never left
	message string
}

func (e *RenewalError) Error() string { return e.message }
func (e *RenewalError) Unwrap() error { return e.kind }

// lost says what became of the answer to a renewal.
func (c *Client) lost(what string) error {
	return &RenewalError{kind: ErrRenewalLost, message: c.say("%[1]s: the answer to the renewal was lost, so the old pair may be dead and the new one unknown: look the pair up in MantaGO before anything else is tried", what)}
}

// Renew asks for a new pair (POST /openapi/token; the bearer may have expired).
// From its success on the old pair is dead, so the caller must have a place
// ready to keep the new one.
func (c *Client) Renew(ctx context.Context, cred Credentials) (Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	body, err := json.Marshal(map[string]string{"secret": cred.Secret})
	if err != nil {
		return Credentials{}, err
	}
	ctx, written := traceWritten(ctx)
	res, err := c.HTTP.RoundTrip(c.request(ctx, c.endpoint("/openapi/token"), c.head(cred), body))
	if err != nil {
		if written.Load() {
			return Credentials{}, c.lost(c.reason(err))
		}
		return Credentials{}, &RenewalError{message: c.unanswered(err, false).Message}
	}
	defer res.Body.Close()
	text, err := readBody(res)
	var pair struct {
		Success   bool   `json:"success"`
		APIToken  string `json:"apiToken"`
		APISecret string `json:"apiSecret"`
	}
	if err == nil && res.StatusCode == http.StatusOK && json.Unmarshal(text, &pair) == nil && pair.Success && pair.APIToken != "" && pair.APISecret != "" {
		return Credentials{Token: pair.APIToken, Secret: pair.APISecret}, nil
	}
	a := c.masked(cred, res, text)
	if a.Code != 0 || a.Class == Throttled || a.Class == Misdirected {
		return Credentials{}, &RenewalError{Answer: a, kind: ErrRenewalRefused,
			message: c.say("the API refused to renew the pair (%[1]s: %[2]s, code %[3]s)", name(res.StatusCode), a.Message, strconv.Itoa(a.Code))}
	}
	// It says success, or said it before it broke off, or comes from somebody
	// on the way who does not know what the API did.
	return Credentials{}, c.lost(c.say("the answer (%[1]s) holds no new pair", name(res.StatusCode)))
}
