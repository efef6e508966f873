package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"mantatag/cmd/mantatag/lang"
	"mantatag/worker/manta"
	"mantatag/worker/manta/sandbox"
)

// killed is what a step of a faultyDisk panics with in place of the process
// being killed there.
type killed struct{}

// faultyDisk is a real disk on which one step is the last, or fails.
type faultyDisk struct {
	pairDisk
	steps  []string // so far
	open   pairFile // left by a kill, until the process ends
	killAt int      // the process is killed before this step, from 1; 0: never
	failAt int      // this step fails …
	rest   bool     // … and all after it
	err    error
}

func (d *faultyDisk) step(what string) error {
	d.steps = append(d.steps, what)
	n := len(d.steps)
	if n == d.killAt {
		panic(killed{})
	}
	if d.failAt > 0 && (n == d.failAt || d.rest && n > d.failAt) {
		return d.err
	}
	return nil
}

type faultyFile struct {
	pairFile
	*faultyDisk
}

func (f faultyFile) WriteAt(b []byte, at int64) (int, error) {
	what := "pair to recovery file"
	if strings.TrimSpace(string(b)) == "" {
		what = "room in recovery file"
	}
	if err := f.step(what); err != nil {
		return 0, err
	}
	return f.pairFile.WriteAt(b, at)
}

func (f faultyFile) Sync() error {
	if err := f.step("sync"); err != nil {
		return err
	}
	return f.pairFile.Sync()
}

// on puts the faults between files and the disk.
func (d *faultyDisk) on(files *pairFiles) {
	d.pairDisk = files.disk
	files.disk = pairDisk{
		create: func(name string) (pairFile, error) {
			if err := d.step("create recovery file"); err != nil {
				return nil, err
			}
			f, err := d.pairDisk.create(name)
			d.open = f
			return faultyFile{f, d}, err
		},
		syncDir: func(dir string) error {
			if err := d.step("sync folder"); err != nil {
				return err
			}
			return d.pairDisk.syncDir(dir)
		},
		replace: func(name string, text []byte) error {
			if err := d.step("replace " + filepath.Base(name)); err != nil {
				return err
			}
			return d.pairDisk.replace(name, text)
		},
		remove: func(name string) error {
			if err := d.step("remove recovery file"); err != nil {
				return err
			}
			return d.pairDisk.remove(name)
		},
	}
}

// renewal is a bot's pair in files, and the API that can renew it.
type renewal struct {
	api   *sandbox.Sandbox
	url   *url.URL
	login login
}

func newRenewal(t *testing.T, o sandbox.Options) *renewal {
	t.Helper()
	r := &renewal{api: sandbox.New(o)}
	server, err := sandbox.Listen("127.0.0.1:0", r.api)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	if r.url, err = url.Parse(server.URL); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	r.login = login{tokenFile: filepath.Join(dir, "token"), secretFile: filepath.Join(dir, "secret"), say: fmt.Sprintf}
	for name, text := range map[string]string{r.login.tokenFile: sandbox.Token, r.login.secretFile: sandbox.Secret} {
		if err := os.WriteFile(name, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// on renews on a disk with faults and reports whether it was killed.
func (r *renewal) on(t *testing.T, d *faultyDisk) (err error, wasKilled bool) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			if _, wasKilled = p.(killed); !wasKilled {
				panic(p)
			}
			if d.open != nil {
				_ = d.open.Close() // as the system does
			}
		}
	}()
	files := newPairFiles(r.login.tokenFile, r.login.secretFile)
	d.on(files)
	return files.renew(func() (manta.Credentials, error) {
		cred, err := r.login.read()
		if err != nil {
			t.Fatal(err)
		}
		d.steps = append(d.steps, "API")
		transport := manta.NewHTTP(1)
		defer transport.CloseIdleConnections()
		client := &manta.Client{HTTP: transport, API: r.url, Bot: sandbox.BotID, Timeout: 10 * time.Second}
		return client.Renew(t.Context(), cred)
	}), false
}

// alive reports whether the files hold the pair that the API knows.
func (r *renewal) alive(t *testing.T) bool {
	t.Helper()
	cred, err := r.login.read()
	if err != nil {
		t.Fatal(err)
	}
	token, secret := r.api.Pair()
	return cred == manta.Credentials{Token: token, Secret: secret}
}

// later makes what a crash left old enough for the next renewal to take it up.
func (r *renewal) later(t *testing.T) {
	t.Helper()
	past := time.Now().Add(-2 * renewalTakes)
	err := os.Chtimes(r.login.tokenFile+recoverySuffix, past, past)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

var renewalSteps = []string{
	"create recovery file", "room in recovery file", "sync", "sync folder",
	"API",
	"pair to recovery file", "sync", "replace token", "replace secret", "remove recovery file",
}

func TestRenewalOrder(t *testing.T) {
	r := newRenewal(t, sandbox.Options{})
	var d faultyDisk
	if err, _ := r.on(t, &d); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(d.steps, ", "), strings.Join(renewalSteps, ", "); got != want {
		t.Errorf("the steps were\n%s, not\n%s", got, want)
	}
	if !r.alive(t) || r.api.Account().Renewals != 1 {
		t.Error("the files do not hold the new pair")
	}
	if runtime.GOOS != "windows" {
		for _, name := range []string{r.login.tokenFile, r.login.secretFile} {
			if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 {
				t.Errorf("%s: %v, %v", name, info.Mode(), err)
			}
		}
	}
	if _, err := os.Stat(r.login.tokenFile + recoverySuffix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the recovery file is left: %v", err)
	}
}

// TestRenewalIsKilled before each of its steps. The next renewal brings a live
// pair, and where the first had been answered it asks nothing. Only between the
// answer and the write that follows it is there nothing on disk to be found.
func TestRenewalIsKilled(t *testing.T) {
	for n, step := range renewalSteps {
		if step == "API" {
			continue // nothing of the disk
		}
		r := newRenewal(t, sandbox.Options{})
		if _, wasKilled := r.on(t, &faultyDisk{killAt: n + 1}); !wasKilled {
			t.Fatalf("not killed before step %d", n+1)
		}
		asked := r.api.Account().Renewals
		if answered := n > 4; answered != (asked == 1) {
			t.Errorf("killed before %q: %d renewals", step, asked)
		}
		r.later(t)
		finished, err := r.login.renewFiles(t.Context(), r.url, sandbox.BotID)
		if step == "pair to recovery file" {
			if !errors.Is(err, manta.ErrRenewalRefused) {
				t.Errorf("killed before %q: the next renewal says %v", step, err)
			}
			continue
		}
		if err != nil || !r.alive(t) || finished != (asked == 1) || r.api.Account().Renewals != 1 {
			t.Errorf("killed before %q: the next renewal: finished %v, %v, %d renewals", step, finished, err, r.api.Account().Renewals)
		}
		if _, err := os.Stat(r.login.tokenFile + recoverySuffix); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("killed before %q: the recovery file is left: %v", step, err)
		}
	}
}

// TestRenewalOnABadDisk lets each step fail, alone and with all that follow. If
// the API was asked, the new pair is in the files or will be with the next
// renewal; or the error says that it is lost, where every write failed.
func TestRenewalOnABadDisk(t *testing.T) {
	for n, step := range renewalSteps {
		if step == "API" {
			continue
		}
		for _, rest := range []bool{false, true} {
			r := newRenewal(t, sandbox.Options{})
			err, _ := r.on(t, &faultyDisk{failAt: n + 1, rest: rest, err: syscall.ENOSPC})
			asked := r.api.Account().Renewals == 1
			if asked != (n > 4) {
				t.Errorf("%q failed: %d renewals", step, r.api.Account().Renewals)
			}
			if err == nil && !r.alive(t) {
				t.Errorf("%q failed: success was reported, and the files do not hold the live pair", step)
			}
			if err != nil && exitCode(new(strings.Builder), lang.New(lang.English), err) != 2 {
				t.Errorf("%q failed: %v is no exit 2", step, err)
			}
			r.later(t)
			_, again := r.login.renewFiles(t.Context(), r.url, sandbox.BotID)
			switch {
			case step == "pair to recovery file" && rest:
				if err == nil || !strings.Contains(err.Error(), "look the new one up in MantaGO") {
					t.Errorf("every write failed: %v", err)
				}
			case again != nil || !r.alive(t):
				t.Errorf("%q failed, rest %v: %v; the next renewal: %v", step, rest, err, again)
			}
		}
	}
}

func TestRenewalIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		o      sandbox.Options
		before func(*testing.T, *renewal)
		want   error
	}{
		{"wrong secret", sandbox.Options{Secret: "another"}, nil, manta.ErrRenewalRefused},
		{"the pair was renewed elsewhere", sandbox.Options{}, func(_ *testing.T, r *renewal) { r.api.Renew() }, manta.ErrRenewalRefused},
		{"lost answer", sandbox.Options{Pick: func(sandbox.Request) sandbox.Fault { return sandbox.Reset }}, nil, manta.ErrRenewalLost},
		{"half an answer", sandbox.Options{Pick: func(sandbox.Request) sandbox.Fault { return sandbox.Truncated }}, nil, manta.ErrRenewalLost},
		{"the page of a proxy", sandbox.Options{Pick: func(sandbox.Request) sandbox.Fault { return sandbox.BadGateway }}, nil, manta.ErrRenewalLost},
		{"another renewal", sandbox.Options{}, func(t *testing.T, r *renewal) {
			if err := os.WriteFile(r.login.tokenFile+recoverySuffix, []byte("  "), 0o600); err != nil {
				t.Fatal(err)
			}
		}, errRenewing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRenewal(t, tt.o)
			if tt.before != nil {
				tt.before(t, r)
			}
			_, err := r.login.renewFiles(t.Context(), r.url, sandbox.BotID)
			if !errors.Is(err, tt.want) {
				t.Errorf("%v", err)
			}
			if cred, err := r.login.read(); err != nil || cred != (manta.Credentials{Token: sandbox.Token, Secret: sandbox.Secret}) {
				t.Errorf("the old pair is gone: %v", err)
			}
			if _, err := os.Stat(r.login.tokenFile + recoverySuffix); errors.Is(err, os.ErrNotExist) == (tt.want == errRenewing) {
				t.Errorf("recovery file: %v", err)
			}
		})
	}
}
