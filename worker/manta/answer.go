package manta

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Class is what an answer means for the row that asked.
type Class uint8

const (
	TryAgain           Class = iota // a server error, no connection, or somebody else's answer: see Answer.InDoubt
	NoAnswer                        // the request was written and its answer did not come whole: in doubt
	Throttled                       // 429
	Tagged                          // the mapping is made
	RowRefused                      // the API refuses this row
	CredentialsRefused              // token, secret or plan refused: not the row's fault
	BotRefused                      // no such bot: not the row's fault
	Misdirected                     // a redirect, or a certificate that does not verify: nothing more is to be sent there
)

// Answer is what became of one request.
type Answer struct {
	Class   Class
	Status  int         // 0: there was no answer
	Code    int         // errResponse.code, or 0
	Message string      // what the server or the network said, one line; empty for a success
	Header  http.Header // of the answer; nil where there was none

	// InDoubt, of TryAgain, says that the mapping may be made all the same:
	// what came is not what the API says of a request that it did not do. A
	// gateway answers 502 or 504 also where it lost the API's answer.
	InDoubt bool

	// Received is when the head of the answer was there.
	Received time.Time
}

// Codes that concern every row of a run, not the one that met them
// (the vendor's list of error codes).
const (
	CodeExpired  = 1004   // token or secret expired
	codeDenied   = 1002   // wrong token or secret, or a plan without Open API
	codeReplaced = 120000 // the pair was renewed and this is the old one
	codeNoBot    = 5001   // no such bot
)

// classify is the whole table of what an answer means. body is nil where it
// was longer than the API's answers ever are.
func (c *Client) classify(status int, header http.Header, body []byte) Answer {
	a := Answer{Status: status, Header: header}
	b, ok := c.decode(body)
	if ok && b.ErrResponse != nil {
		a.Message = oneLine(b.ErrResponse.Message)
		if b.ErrResponse.Code != nil {
			a.Code = *b.ErrResponse.Code
		}
	}
	failed := ok && !*b.Success

	switch {
	case status >= 300 && status < 400:
		a.Class = Misdirected
		a.Message = c.say("the server redirects elsewhere, and redirects are never followed")
		if to := header.Get("Location"); to != "" {
			a.Message = c.say("the server redirects to %[1]q, and redirects are never followed", oneLine(to))
		}
	case status == http.StatusTooManyRequests:
		a.Class = Throttled
	case failed && a.Code == codeNoBot:
		a.Class = BotRefused
	case failed && (a.Code == CodeExpired || a.Code == codeDenied || a.Code == codeReplaced):
		a.Class = CredentialsRefused
	case !ok:
		a.Class, a.InDoubt = TryAgain, mayBeDone(status)
		a.Message = c.say("the answer (%[1]s) is not the API's: %[2]s", name(status), c.excerpt(body))
	case status == http.StatusUnauthorized && failed:
		a.Class = CredentialsRefused
	case status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooEarly:
		a.Class, a.InDoubt = TryAgain, !failed
		a.Message = cmp.Or(a.Message, name(status))
	case status >= 200 && status < 300 && *b.Success:
		a.Class = Tagged
	case failed && (status >= 400 || status == http.StatusOK):
		a.Class = RowRefused
		a.Message = c.plain(a.Code, cmp.Or(a.Message, name(status)))
	default:
		a.Class, a.InDoubt = TryAgain, !failed
		a.Message = c.say("the answer (%[1]s) contradicts its body", name(status))
	}
	return a
}

// Codes of a refused row whose meaning the vendor documents.
const (
	codeNoClient = 37011  // no client matches
	codeMissing  = 110000 // a required field is missing
)

// plain says why a row was refused in words that help to mend it, where the
// vendor documents the code; said is the API's own text, which stays visible.
func (c *Client) plain(code int, said string) string {
	switch code {
	case codeNoClient:
		return c.say("the bot has no such client: check the id and the platform (%[1]s)", said)
	case codeMissing:
		return c.say("the request lacks a field that the API requires (%[1]s)", said)
	}
	return said
}

// mayBeDone tells the statuses with which an answer that is not the API's may
// have come in the place of a success. With a 503 or a 4xx the request was
// turned away.
func mayBeDone(status int) bool {
	switch status {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	}
	return status >= 200 && status < 300
}

// name is a status as people say it: "502 Bad Gateway".
func name(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

// excerpt shows the beginning of a body that is not the API's.
func (c *Client) excerpt(body []byte) string {
	switch s := oneLine(string(body)); {
	case body == nil:
		return c.say("it is far longer than any answer of the API")
	case s == "":
		return c.say("it is empty")
	default:
		return c.say("it begins %[1]q", clip(s, 60))
	}
}

// oneLine folds white space and bounds a text that somebody else wrote.
// Characters that do not show, with which a text could drive a terminal or
// hide in a line, become ones that do.
func oneLine(s string) string {
	shown := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsGraphic(r):
			return r
		case r < ' ':
			return '\u2400' + r // the sign for it
		default:
			return '\uFFFD'
		}
	}, strings.Join(strings.Fields(s), " "))
	return clip(shown, 500)
}

// clip keeps at most n bytes of s, whole characters only.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
