package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"mantatag/worker/manta/sandbox"
)

// api is the sandbox of a script over a real socket, and what the script has
// happen to single answers.
type api struct {
	*sandbox.Sandbox

	mu       sync.Mutex
	changed  *sync.Cond
	arrived  int
	held     bool
	behave   []func(*sandbox.Sandbox, http.ResponseWriter, *http.Request) // of the next requests, in order
	shutDown bool
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.arrived++
	a.changed.Broadcast()
	behave := (*sandbox.Sandbox).ServeHTTP
	if len(a.behave) > 0 {
		behave, a.behave = a.behave[0], a.behave[1:]
	}
	for a.held && !a.shutDown {
		a.changed.Wait()
	}
	a.mu.Unlock()
	behave(a.Sandbox, w, r)
}

func (a *api) requests() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.arrived
}

func (a *api) arrive(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.arrived < n {
		a.changed.Wait()
	}
}

func (a *api) hold() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held = true
}

func (a *api) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held = false
	a.changed.Broadcast()
}

func (a *api) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shutDown = true
	a.changed.Broadcast()
}

func (a *api) next(n int, behave func(*sandbox.Sandbox, http.ResponseWriter, *http.Request)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range n {
		a.behave = append(a.behave, behave)
	}
}

// loseAnswer does what is asked and breaks the connection off.
func loseAnswer(s *sandbox.Sandbox, _ http.ResponseWriter, r *http.Request) {
	s.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

func answerWith(status int, body string) func(*sandbox.Sandbox, http.ResponseWriter, *http.Request) {
	return func(_ *sandbox.Sandbox, w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if status >= 300 && status < 400 {
			w.Header().Set("Location", "https://elsewhere.invalid/")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func theAPI(ts *testscript.TestScript) *api {
	a := *ts.Value("api").(**api)
	if a == nil {
		ts.Fatalf("there is no API yet: begin with the command api")
	}
	return a
}

func startAPI(ts *testscript.TestScript, _ bool, args []string) {
	var flags sandboxFlags
	cmd := &cobra.Command{}
	flags.add(cmd.Flags())
	ts.Check(cmd.Flags().Parse(args))
	o, err := flags.parse()
	ts.Check(err)
	a := &api{Sandbox: sandbox.New(o)}
	a.changed = sync.NewCond(&a.mu)
	server := httptest.NewUnstartedServer(a)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // a client that breaks off is no event here
	server.Start()
	ts.Defer(func() {
		a.close()
		server.CloseClientConnections()
		server.Close()
	})
	*ts.Value("api").(**api) = a
	ts.Setenv("MANTATAG_API_URL", server.URL+sandbox.BasePath)
}
