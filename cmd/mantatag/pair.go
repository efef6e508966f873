package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mantatag/report"
	"mantatag/report/journal"
	"mantatag/worker/manta"
)

// A renewal kills the old pair at the moment in which the API answers, so the
// new one must never be in memory alone for longer than a write takes. The
// order is: a recovery file is made and filled up beside the token file before
// the API is asked, so that there is room for the pair; the pair is written
// over it and made durable; only then are token and secret file replaced; the
// recovery file goes last. Whatever is interrupted, the next renewal finds the
// recovery file and finishes.

const (
	// recoverySuffix follows the token file's name, without links.
	recoverySuffix = ".recovery"

	// recoverySize is room for any pair; a JWT is one or two kilobytes.
	recoverySize = 64 << 10

	// renewalTakes is longer than any renewal. A recovery file that is younger
	// may be of one that is under way, an older one is left from a crash.
	renewalTakes = time.Minute
)

var errRenewing = sayf("another renewal of this pair may be under way; wait a minute and run the same command again")

// pairFiles keeps a pair of credentials in two files.
type pairFiles struct {
	token, secret string
	disk          pairDisk
}

// pairDisk is where faults enter in tests.
type pairDisk struct {
	create  func(name string) (pairFile, error) // fails if the file is there
	syncDir func(dir string) error
	replace func(name string, text []byte) error
	remove  func(name string) error
}

type pairFile interface {
	io.WriterAt
	Sync() error
	Close() error
}

func newPairFiles(token, secret string) *pairFiles {
	return &pairFiles{linked(token), linked(secret), pairDisk{
		create: func(name string) (pairFile, error) {
			return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		},
		syncDir: journal.SyncDir,
		replace: func(name string, text []byte) error { return report.WriteFile(name, text) },
		remove:  journal.Remove,
	}}
}

// linked is the file that a name leads to. A link has to stay one: in its place
// the new pair would leave the dead one to everybody else who uses the file.
func linked(name string) string {
	info, err := os.Lstat(name)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return name
	}
	if file, err := filepath.EvalSymlinks(name); err == nil {
		return file
	}
	return name
}

func (p *pairFiles) recovery() string { return p.token + recoverySuffix }

// renew puts a new pair into the files. ask gets it from the API.
func (p *pairFiles) renew(ask func() (manta.Credentials, error)) error {
	f, err := p.reserve()
	if errors.Is(err, fs.ErrExist) {
		return errRenewing
	}
	if err != nil {
		return usagef("nothing was asked of the API, since there is no room to keep a new pair: %w", err)
	}
	fresh, err := ask()
	if err != nil {
		_ = f.Close()
		return errors.Join(err, p.remove())
	}
	if err := keep(f, fresh); err != nil {
		// The pair is alive in memory only; the files themselves are the
		// last place to try.
		if p.install(fresh) == nil {
			return p.remove()
		}
		return usagef("the API gave a new pair and it could not be written to %s: %w; the old pair is dead: look the new one up in MantaGO", p.recovery(), err)
	}
	return p.finish(fresh)
}

// reserve makes the recovery file, as large as any pair, and its name durable.
func (p *pairFiles) reserve() (pairFile, error) {
	f, err := p.disk.create(p.recovery())
	if err != nil {
		return nil, err
	}
	_, err = f.WriteAt([]byte(strings.Repeat(" ", recoverySize)), 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = p.disk.syncDir(filepath.Dir(p.recovery()))
	}
	if err != nil {
		_ = f.Close()
		return nil, errors.Join(err, p.remove())
	}
	return f, nil
}

// keep writes the pair over the room that was made for it. What is left of the
// spaces behind it is white space to JSON.
func keep(f pairFile, c manta.Credentials) error {
	text, err := json.Marshal(recoveredPair{c.Token, c.Secret})
	if err == nil {
		_, err = f.WriteAt(text, 0)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// recoveredPair is the content of a recovery file.
type recoveredPair struct {
	Token  string `json:"token"`
	Secret string `json:"secret"`
}

// finish replaces the files by the pair, which the recovery file holds.
func (p *pairFiles) finish(c manta.Credentials) error {
	if err := p.install(c); err != nil {
		return usagef("the new pair is safe in %s but could not be put in place: %w; mend that and run mantatag token renew again, which then asks nothing of the API", p.recovery(), err)
	}
	return p.remove()
}

func (p *pairFiles) install(c manta.Credentials) error {
	if err := p.disk.replace(p.token, []byte(c.Token+"\n")); err != nil {
		return err
	}
	return p.disk.replace(p.secret, []byte(c.Secret+"\n"))
}

func (p *pairFiles) remove() error {
	if err := p.disk.remove(p.recovery()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return usagef("%s could not be removed: %w; it is no longer needed", p.recovery(), err)
	}
	return nil
}

// recover finishes a renewal that was interrupted, and reports whether there
// was one. A recovery file without a pair is of one that never got an answer.
func (p *pairFiles) recover() (bool, error) {
	text, err := journal.ReadFile(p.recovery())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		if _, err := os.Stat(p.recovery()); err != nil && !errors.Is(err, fs.ErrPermission) {
			return false, nil // a token was given for its file, whose name would be too long
		}
		return false, usagef("%s, left from an interrupted renewal, cannot be read: %w", p.recovery(), err)
	}
	var pair recoveredPair
	switch {
	case json.Unmarshal(text, &pair) == nil && pair.Token != "" && pair.Secret != "":
		return true, p.finish(manta.Credentials{Token: pair.Token, Secret: pair.Secret})
	case p.underWay():
		return false, errRenewing
	case len(strings.TrimSpace(string(text))) == 0:
		return false, p.remove()
	}
	return false, usagef("%s is left from an interrupted renewal and cannot be read; look the pair up in MantaGO, put it into the files and remove that file", p.recovery())
}

// underWay reports whether another process may be renewing the pair just now.
func (p *pairFiles) underWay() bool {
	info, err := os.Stat(p.recovery())
	return err == nil && time.Since(info.ModTime()) < renewalTakes
}
