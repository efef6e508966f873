package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"mantatag/worker/manta/sandbox"
)

// TestMain lets the test binary stand in for the program, so that tests drive
// what users run.
func TestMain(m *testing.M) {
	if os.Getenv("MANTATAG_TEST_MAIN") == "1" {
		main()
		return
	}
	testscript.Main(m, map[string]func(){"mantatag": main})
}

// TestScript runs testdata/script: the program as users type it, against the
// sandbox over a real socket. Beyond testscript's own commands there are
//
//	api [flags of mantatag sandbox]   starts an API; a run then speaks to it
//	exits CODE program args…          runs and requires that exit code
//	requests N                        the API has had N requests
//	tagged N                          it has made N mappings
//	once                              it has made none twice
//	arrive N                          waits until it has had N requests
//	renew / expire                    ends its token, with a new pair in token and secret, or not
func TestScript(t *testing.T) {
	scripts := filepath.Join("..", "..", "testdata", "script")
	if found, err := filepath.Glob(filepath.Join(scripts, "*.txtar")); err != nil || len(found) == 0 {
		t.Fatalf("no scripts in %s: %v", scripts, err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 scripts,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("MANTATAG_TOKEN", sandbox.Token)
			e.Setenv("MANTATAG_SECRET", sandbox.Secret)
			e.Setenv("MANTATAG_BOT_ID", sandbox.BotID)
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			e.Setenv("DEMO", mustAbs(filepath.Join("..", "..", "testdata")))
			e.Values["api"] = &api{arrived: make(chan struct{}, 1)}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"api":      startAPI,
			"exits":    exits,
			"requests": counts(func(a *api) int { return a.Account().Requests }),
			"tagged":   counts(func(a *api) int { return a.Mappings() }),
			"once": func(ts *testscript.TestScript, _ bool, _ []string) {
				if a := theAPI(ts).Account(); a.Repeated > 0 {
					ts.Fatalf("%d mappings were made twice", a.Repeated)
				}
			},
			"arrive": arrive,
			"renew": func(ts *testscript.TestScript, _ bool, _ []string) {
				token, secret := theAPI(ts).Renew()
				ts.Check(os.WriteFile(ts.MkAbs("token"), []byte(token+"\n"), 0o600))
				ts.Check(os.WriteFile(ts.MkAbs("secret"), []byte(secret+"\n"), 0o600))
			},
			"expire": func(ts *testscript.TestScript, _ bool, _ []string) { theAPI(ts).Expire() },
		},
	})
}

func mustAbs(p string) string {
	abs, err := filepath.Abs(p)
	if err != nil {
		panic(err)
	}
	return abs
}

// api is the sandbox of a script.
type api struct {
	*sandbox.Sandbox
	arrived chan struct{} // has a token when a request came
}

func theAPI(ts *testscript.TestScript) *api {
	a := ts.Value("api").(*api)
	if a.Sandbox == nil {
		ts.Fatalf("there is no API yet: begin with the command api")
	}
	return a
}

func startAPI(ts *testscript.TestScript, _ bool, args []string) {
	a := ts.Value("api").(*api)
	var flags sandboxFlags
	cmd := &cobra.Command{}
	flags.add(cmd.Flags())
	ts.Check(cmd.Flags().Parse(args))
	o, err := flags.parse()
	ts.Check(err)
	o.Record = func(sandbox.Record) {
		select {
		case a.arrived <- struct{}{}:
		default:
		}
	}
	a.Sandbox = sandbox.New(o)
	server, err := sandbox.Listen("127.0.0.1:0", a.Sandbox)
	ts.Check(err)
	ts.Defer(func() { _ = server.Close() })
	ts.Setenv("MANTATAG_API_URL", server.URL)
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE program args…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit := new(exec.ExitError)
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if code != want {
		ts.Fatalf("exit %d, not %d", code, want)
	}
}

func counts(of func(*api) int) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if got := fmt.Sprint(of(theAPI(ts))); (got == strings.Join(args, " ")) == neg {
			ts.Fatalf("%s", got)
		}
	}
}

func arrive(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	a := theAPI(ts)
	for a.Account().Requests < want {
		<-a.arrived
	}
}
