package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"

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
//	exits CODE program args…          runs and requires that exit code
//	adds-up JOB                       its counts agree with each other and with its files
//	private JOB                       only its owner can read it, and it holds no token and no secret
//	terminate                         sends SIGTERM to what runs in the background
//	paste CODE                        runs the command that the last run said to go on with
//	lines FILE FROM COUNT TEXT        writes COUNT lines of TEXT, in which # is the number, from FROM on
//	encode ENCODING FROM TO           writes the text of FROM in big5 or utf-16
//	workbook TO SHEET=FROM…           writes a workbook, each sheet from a table; =… is a formula, without its result
//	hide BOOK SHEET [ROW…]            hides rows of a sheet or, without any, the sheet
//
// and, of the API,
//
//	api [flags of mantatag sandbox]   starts one; a run then speaks to it
//	requests N                        it has had N requests
//	tagged N                          it has made N mappings
//	once                              it has made none twice
//	arrive N                          waits until it has had N requests
//	hold / release                    lets it answer no request until the release
//	lose N                            lets it do what the next N requests ask, and loses the answers
//	say N STATUS FILE                 lets it answer the next N requests with FILE, and do nothing
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
			e.Setenv("LANG", "C") // whatever Windows' own setting is
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			e.Setenv("DEMO", mustAbs(filepath.Join("..", "..", "testdata")))
			e.Values["api"] = new(*api)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"adds-up": addsUp,
			"private": private,
			"paste":   paste,
			"terminate": func(ts *testscript.TestScript, _ bool, _ []string) {
				for _, cmd := range ts.BackgroundCmds() {
					ts.Check(cmd.Process.Signal(syscall.SIGTERM))
				}
			},
			"lines":    lines,
			"encode":   encodeFile,
			"workbook": workbook,
			"hide":     hide,
			"api":      startAPI,
			"requests": counts(func(a *api) int { return a.requests() }),
			"tagged":   counts(func(a *api) int { return a.Mappings() }),
			"once": func(ts *testscript.TestScript, _ bool, _ []string) {
				if a := theAPI(ts).Account(); a.Repeated > 0 {
					ts.Fatalf("%d mappings were made twice", a.Repeated)
				}
			},
			"arrive":  func(ts *testscript.TestScript, _ bool, args []string) { theAPI(ts).arrive(number(ts, args, 0)) },
			"hold":    func(ts *testscript.TestScript, _ bool, _ []string) { theAPI(ts).hold() },
			"release": func(ts *testscript.TestScript, _ bool, _ []string) { theAPI(ts).release() },
			"lose": func(ts *testscript.TestScript, _ bool, args []string) {
				theAPI(ts).next(number(ts, args, 0), loseAnswer)
			},
			"say": func(ts *testscript.TestScript, _ bool, args []string) {
				n, status := number(ts, args, 0), number(ts, args, 1)
				theAPI(ts).next(n, answerWith(status, ts.ReadFile(args[2])))
			},
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

func number(ts *testscript.TestScript, args []string, i int) int {
	if i >= len(args) {
		ts.Fatalf("a number is missing after %q", args)
	}
	n, err := strconv.Atoi(args[i])
	ts.Check(err)
	return n
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

// paste runs the command that the last run said to go on with, as a shell reads it.
func paste(ts *testscript.TestScript, _ bool, args []string) {
	_, command, ok := strings.Cut(ts.ReadFile("stdout"), "Go on with:\n\n")
	if !ok {
		ts.Fatalf("no command to go on with was printed")
	}
	command, _, _ = strings.Cut(command, "\n")
	shell, flag := "sh", "-c"
	if _, err := exec.LookPath(shell); err != nil {
		shell, flag = "cmd", "/c"
	}
	exits(ts, false, append(args, shell, flag, strings.TrimSpace(command)))
}

func lines(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 4 {
		ts.Fatalf("usage: lines FILE FROM COUNT TEXT")
	}
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	ts.Check(err)
	from := number(ts, args, 1)
	for i := range number(ts, args, 2) {
		_, err := fmt.Fprintln(f, strings.ReplaceAll(args[3], "#", strconv.Itoa(from+i)))
		ts.Check(err)
	}
	ts.Check(f.Close())
}

func encodeFile(ts *testscript.TestScript, _ bool, args []string) {
	encodings := map[string]encoding.Encoding{"big5": traditionalchinese.Big5, "utf-16": unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)}
	text, err := encodings[args[0]].NewEncoder().String(ts.ReadFile(args[1]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(text), 0o600))
}

func workbook(ts *testscript.TestScript, _ bool, args []string) {
	f := excelize.NewFile()
	for i, arg := range args[1:] {
		sheet, from, _ := strings.Cut(arg, "=")
		if i == 0 {
			ts.Check(f.SetSheetName("Sheet1", sheet))
		} else {
			_, err := f.NewSheet(sheet)
			ts.Check(err)
		}
		table, err := csv.NewReader(strings.NewReader(ts.ReadFile(from))).ReadAll()
		ts.Check(err)
		for row, cells := range table {
			for column, text := range cells {
				cell, err := excelize.CoordinatesToCellName(column+1, row+1)
				ts.Check(err)
				if strings.HasPrefix(text, "=") {
					ts.Check(f.SetCellFormula(sheet, cell, text))
				} else {
					ts.Check(f.SetCellStr(sheet, cell, text))
				}
			}
		}
	}
	ts.Check(errors.Join(f.SaveAs(ts.MkAbs(args[0])), f.Close()))
}

func hide(ts *testscript.TestScript, _ bool, args []string) {
	f, err := excelize.OpenFile(ts.MkAbs(args[0]))
	ts.Check(err)
	for i := range args[2:] {
		ts.Check(f.SetRowVisible(args[1], number(ts, args, 2+i), false))
	}
	if len(args) == 2 {
		f.SetActiveSheet(f.SheetCount - 1) // the active one cannot be hidden
		ts.Check(f.SetSheetVisible(args[1], false))
	}
	ts.Check(errors.Join(f.Save(), f.Close()))
}

func counts(of func(*api) int) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if got := of(theAPI(ts)); (got == number(ts, args, 0)) == neg {
			ts.Fatalf("%d", got)
		}
	}
}
