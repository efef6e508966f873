package main

import (
	"net/url"
	"strings"
	"testing"

	"mantatag/cmd/mantatag/lang"
)

// A panic is a fault of the program, whose code is 1; Go's own is 2.
func TestPanicIsAFault(t *testing.T) {
	var said strings.Builder
	fail := func() (code int) {
		defer catch(&said, lang.New(lang.English), &code)
		panic("no such case")
	}
	if code := fail(); code != 1 || !strings.Contains(said.String(), "no such case") || !strings.Contains(said.String(), "exit_test.go") {
		t.Errorf("exit %d, said:\n%s", code, said.String())
	}
}

func TestAPIHost(t *testing.T) {
	for given, want := range map[string]string{
		"https://API.example.com/api":      "api.example.com",
		"https://api.example.com:443/":     "api.example.com",
		"https://api.example.com.:443/":    "api.example.com",
		"https://api.example.com:8443/api": "api.example.com:8443",
		"http://127.0.0.1:80":              "127.0.0.1",
		"http://127.0.0.1:443":             "127.0.0.1:443",
		"https://[::1]:443":                "[::1]",
		"https://[::1]:8443":               "[::1]:8443",
	} {
		u, err := url.Parse(given)
		if err != nil {
			t.Fatal(err)
		}
		if got := apiHost(u); got != want {
			t.Errorf("%s: %s, want %s", given, got, want)
		}
	}
}

// A password in the URL is not repeated.
func TestAPIURLKeepsSecrets(t *testing.T) {
	for _, given := range []string{"https://user:hunter2@example.com", "ftp://user:hunter2@example.com", "https://user:hunter2@exa mple.com/%zz", "http://user:hunter2@@example.com"} {
		if _, err := apiURL(given); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", given, err)
		}
	}
}
