package manta

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

const success = `{"success":true,"message":"Create client tag mapping successfully"}`

func refusal(code int) string {
	return fmt.Sprintf(`{"success":false,"errResponse":{"message":"because","code":%d,"botId":"b"}}`, code)
}

// A refusal whose code the vendor documents is said in words that help to mend
// the row; the API's own text stays visible, and an undocumented one alone.
func TestRefusalsInPlainWords(t *testing.T) {
	for code, want := range map[int]string{
		37011:  "the bot has no such client: check the id and the platform (because)",
		110000: "the request lacks a field that the API requires (because)",
		37099:  "because",
		0:      "because",
	} {
		if a := new(Client).classify(404, http.Header{}, []byte(refusal(code))); a.Message != want || a.Code != code {
			t.Errorf("code %d: %q, code %d; want %q", code, a.Message, a.Code, want)
		}
	}
	if a := new(Client).classify(503, http.Header{}, []byte(refusal(37011))); a.Message != "because" {
		t.Errorf("a server error with a row's code says %q", a.Message)
	}
}

// TestClassify is the contract's table of answers, and the vendor's list of
// codes over every status that it could come with.
func TestClassify(t *testing.T) {
	type test struct {
		status int
		body   string
		want   Class
	}
	tests := []test{
		{200, success, Tagged},
		{201, success, Tagged},
		{200, `{"success":true}`, Tagged},
		{200, refusal(37011), RowRefused},
		{403, refusal(1), RowRefused},
		{403, refusal(110000), RowRefused},
		{404, refusal(37011), RowRefused},
		{400, refusal(0), RowRefused},
		{422, refusal(9), RowRefused},
		{401, refusal(0), CredentialsRefused},
		{408, refusal(0), TryAgain},
		{425, refusal(0), TryAgain},
		{500, refusal(0), TryAgain},
		{503, refusal(37011), TryAgain},
		{429, refusal(0), Throttled},
		{429, "<html>slow down", Throttled},
		{429, "", Throttled},
		{301, "", Misdirected},
		{302, success, Misdirected},
		{304, "", Misdirected},
		{308, refusal(1004), Misdirected},
		// Somebody else's answers: never a success, never a failed row.
		{200, "<html>sign in to the Wi-Fi</html>", TryAgain},
		{200, "", TryAgain},
		{200, "{}", TryAgain},
		{200, "[]", TryAgain},
		{200, "null", TryAgain},
		{200, `{"success":"true"}`, TryAgain},
		{200, `{"success":true`, TryAgain},
		{200, success + success, TryAgain},
		{200, `{"success":false,"message":"no"}`, TryAgain},
		{200, strings.Repeat("[", 20000), TryAgain},
		{401, "<html>proxy authentication", TryAgain},
		{403, "<html>forbidden by the proxy", TryAgain},
		{403, `{"success":false}`, TryAgain},
		{404, "404 page not found\n", TryAgain},
		{502, "<html>bad gateway", TryAgain},
		// A status and a body that contradict each other prove nothing.
		{500, `{"success":true,"errResponse":{"message":"because","code":7}}`, TryAgain},
		{403, success, TryAgain},
		{500, success, TryAgain},
		{204, "", TryAgain},
		{201, refusal(1), TryAgain},
	}
	for _, status := range []int{200, 400, 401, 403, 404, 500, 503} {
		for _, code := range []int{1002, 1004, 120000} {
			tests = append(tests, test{status, refusal(code), CredentialsRefused})
		}
		tests = append(tests, test{status, refusal(5001), BotRefused})
	}
	c := new(Client)
	for _, tt := range tests {
		a := c.classify(tt.status, http.Header{}, []byte(tt.body))
		if again := c.classify(tt.status, http.Header{}, []byte(tt.body)); !reflect.DeepEqual(again, a) {
			t.Errorf("%d %.60s: the second time %+v, the first %+v", tt.status, tt.body, again, a)
		}
		if a.Class != tt.want {
			t.Errorf("%d %.60s: class %d, want %d (%s)", tt.status, tt.body, a.Class, tt.want, a.Message)
		}
		if a.Class != Tagged && a.Class != Throttled && a.Message == "" {
			t.Errorf("%d %.60s: nothing to tell the user", tt.status, tt.body)
		}
	}
}

// TestInDoubt: which answers leave it open whether the mapping was made.
func TestInDoubt(t *testing.T) {
	page := "<html>"
	for _, tt := range []struct {
		status int
		body   string
		want   bool
	}{
		{200, page, true},
		{204, "", true},
		{500, page, true},
		{502, page, true},
		{504, page, true},
		{500, success, true},
		{403, success, true},
		{500, refusal(0), false},
		{502, refusal(0), false},
		{201, refusal(1), false},
		{503, page, false},
		{408, page, false},
		{403, page, false},
		{404, page, false},
		{429, page, false},
		{200, success, false},
		{200, refusal(1), false},
	} {
		if a := new(Client).classify(tt.status, http.Header{}, []byte(tt.body)); a.InDoubt != tt.want {
			t.Errorf("%d %s: in doubt %v", tt.status, tt.body, a.InDoubt)
		}
	}
	if a := new(Client).classify(200, http.Header{}, nil); !a.InDoubt {
		t.Error("a body that is too long is in no doubt")
	}
}

func TestMessagesAreOneBoundedLine(t *testing.T) {
	body, _ := json.Marshal(map[string]any{"success": false, "errResponse": map[string]any{"code": 7, "message": "one\r\ntwo\x00" + strings.Repeat("標", 1000)}})
	a := new(Client).classify(403, http.Header{}, body)
	if strings.ContainsAny(a.Message, "\r\n") || len(a.Message) > 520 {
		t.Errorf("message of %d bytes: %q", len(a.Message), a.Message)
	}
	if !json.Valid([]byte(fmt.Sprintf("%q", "x"))) || strings.Contains(a.Message, "\uFFFD") {
		t.Errorf("a character was cut: %q", a.Message)
	}
}

// FuzzClassify: whatever a server says, an answer that is not a whole success
// of the API's shape is never taken for one.
func FuzzClassify(f *testing.F) {
	for _, s := range []string{success, refusal(1004), refusal(37011), "", "<html>", `{"success":true,"errResponse":{"code":1}}`, `{"success":null}`} {
		for _, status := range []int{200, 302, 401, 403, 429, 500} {
			f.Add(status, []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		a := new(Client).classify(status, http.Header{}, body)
		switch a.Class {
		case Tagged:
			var b struct{ Success bool }
			if status < 200 || status > 299 || json.Unmarshal(body, &b) != nil || !b.Success {
				t.Errorf("%d %q was taken for a success", status, body)
			}
		case RowRefused, CredentialsRefused, BotRefused:
			if !json.Valid(body) {
				t.Errorf("%d %q was taken for the API's", status, body)
			}
		}
		if strings.ContainsAny(a.Message, "\r\n") || len(a.Message) > 700 {
			t.Errorf("message %q", a.Message)
		}
	})
}

func TestCredentialsNeverPrint(t *testing.T) {
	c := Credentials{Token: "tok-en", Secret: "sec-ret"}
	j, err := json.Marshal(struct{ C Credentials }{c})
	if err != nil {
		t.Fatal(err)
	}
	all := string(j)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		all += fmt.Sprintf(verb, c) + fmt.Sprintf(verb, &c) + fmt.Sprintf(verb, []Credentials{c})
	}
	if strings.Contains(all, "tok-en") || strings.Contains(all, "sec-ret") || strings.Contains(all, fmt.Sprintf("%x", "tok-en")) {
		t.Error("credentials print themselves:", all)
	}
}
