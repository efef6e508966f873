package main

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"mantatag/cmd/mantatag/lang"
	"mantatag/report/journal"
	"mantatag/worker"
	"mantatag/worker/manta"
)

// login is where token and secret come from: files, or else the environment.
type login struct {
	tokenFile, secretFile string
	ask                   func(context.Context) error // renews the files by the API; nil: not to be done
	renewal               string                      // the command that renews the files; "": they cannot be renewed
	say                   func(format string, args ...any) string
}

// read gives the credentials as they are now. Its errors name the source and
// never the content.
func (l login) read() (manta.Credentials, error) {
	token, err := readCredential(lang.Word("token"), l.tokenFile, "--token-file", "MANTATAG_TOKEN")
	if err != nil {
		return manta.Credentials{}, err
	}
	secret, err := readCredential(lang.Word("secret key"), l.secretFile, "--secret-file", "MANTATAG_SECRET")
	return manta.Credentials{Token: token, Secret: secret}, err
}

// shortestSecret is how long a credential must be to be masked wherever an
// answer repeats it; anything shorter would also occur by chance.
const shortestSecret = 8

func readCredential(what lang.Word, file, flag, env string) (string, error) {
	value, from := os.Getenv(env), env
	if file != "" {
		b, err := journal.ReadFile(file)
		if err != nil {
			return "", unreadable(what, file, flag, err)
		}
		if text, _, err := transform.Bytes(unicode.BOMOverride(transform.Nop), b); err == nil {
			b = text // PowerShell 5.1 writes UTF-16
		}
		value, from = string(b), file
	}
	value = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(value), "\uFEFF"))
	switch {
	case value == "" && file == "":
		return "", usagef("no %s: put it into %s, or into a file named by %s", what, env, flag)
	case value == "":
		return "", usagef("no %s: %s is empty", what, from)
	case inQuotes(value):
		return "", usagef("the %s in %s is in quotation marks; take them out", what, from)
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return "", usagef("the %s in %s has a space or a line break inside it; it must be one word", what, from)
	case len(value) < shortestSecret:
		return "", usagef("the %s in %s is shorter than %d characters, so it cannot be a real one; copy it again from MantaGO", what, from, shortestSecret)
	}
	return value, nil
}

// inQuotes tells a value in quotation marks, as one from a script or a table is.
func inQuotes(value string) bool {
	const marks = "\"'`“”‘’「」"
	first, _ := utf8.DecodeRuneInString(value)
	last, _ := utf8.DecodeLastRuneInString(value)
	return strings.ContainsRune(marks, first) && strings.ContainsRune(marks, last)
}

// unreadable says why a file with a credential could not be read.
func unreadable(what lang.Word, file, flag string, err error) error {
	info, statErr := os.Stat(file)
	switch {
	case statErr != nil && !errors.Is(err, fs.ErrPermission) && !inFolder(file):
		return usagef("%[1]s: there is no such file to take the %[2]s from; give the name of a file that holds it (what was given is not repeated here, since it may be the %[2]s itself)", flag, what)
	case errors.Is(err, fs.ErrNotExist):
		return usagef("%s %s: there is no such file to take the %s from", flag, file, what)
	case errors.Is(err, fs.ErrPermission):
		return usagef("%s %s: you may not read this file, so there is no %s", flag, file, what)
	case statErr == nil && info.IsDir():
		return usagef("%s %s: this is a folder, not a file with the %s", flag, file, what)
	}
	return usagef("%s %s: the %s could not be read: %w", flag, file, what, err)
}

// inFolder tells the path of a file in a folder that is there, which no token or
// secret key looks like by chance.
func inFolder(file string) bool {
	folder := filepath.Dir(file)
	info, err := os.Stat(folder)
	return err == nil && info.IsDir() && folder != filepath.Dir(folder)
}

// exposed are those of some files with credentials that others than their owner
// may read or write. Windows has no such modes.
func exposed(files ...string) []string {
	if runtime.GOOS == "windows" {
		return nil
	}
	var open []string
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
			open = append(open, f)
		}
	}
	return open
}

// sayExposed is a warning of each such file.
func sayExposed(l *lang.Language, files ...string) []string {
	var said []string
	for _, f := range exposed(files...) {
		said = append(said, l.Say("others on this machine may read or change %[1]s; keep it to yourself: chmod 600 %[2]s", f, quote(f)))
	}
	return said
}

// renew finds other credentials after the API refused used with answer a: those
// that the files hold by now or, where ask is set and they have expired, those
// that ask puts there.
func (l login) renew(ctx context.Context, used manta.Credentials, a manta.Answer) (manta.Credentials, error) {
	if a.Class == manta.BotRefused {
		return used, &worker.Stop{By: worker.ByBot, Err: l.refused(a)}
	}
	if l.tokenFile != "" || l.secretFile != "" {
		if fresh, ok := l.reread(ctx, used); ok {
			return fresh, nil
		}
	}
	if l.ask != nil && expired(a) {
		if err := l.ask(ctx); err != nil {
			return used, &worker.Stop{By: worker.ByCredentials, Err: sayf("the token has expired and --renew did not help: %w", err)}
		}
		if fresh, ok := l.reread(ctx, used); ok {
			return fresh, nil
		}
	}
	return used, &worker.Stop{By: worker.ByCredentials, Err: l.refused(a)}
}

// expired tells an answer that may mean that the token is older than it may be.
func expired(a manta.Answer) bool {
	return a.Code == manta.CodeExpired || a.Status == http.StatusUnauthorized
}

// refused says what to do about a bot or a pair that the API refused with answer
// a. A pair that is wrong cannot be renewed.
func (l login) refused(a manta.Answer) error {
	said := a.Message
	if a.Code != 0 {
		said = l.say("%[1]s, code %[2]s", a.Message, strconv.Itoa(a.Code))
	}
	token, secret := orDefault(l.tokenFile, "MANTATAG_TOKEN"), orDefault(l.secretFile, "MANTATAG_SECRET")
	switch {
	case a.Class == manta.BotRefused:
		return sayf("the API knows no such bot (%s); check --bot or MANTATAG_BOT_ID", said)
	case expired(a) && l.renewal != "":
		return sayf("the API refused the token or the secret key (%s); if the token is older than 30 days, renew the pair (which ends the old one) with %s; else see that %s and %s are what MantaGO shows for the bot; then run the same command again", said, l.renewal, token, secret)
	case expired(a):
		return sayf("the API refused the token or the secret key (%s); if the token is older than 30 days, renew the pair in MantaGO (which ends the old one); see that %s and %s are what MantaGO shows for the bot, and run the same command again", said, token, secret)
	}
	return sayf("the API refused the token or the secret key (%s); see that %s and %s are what MantaGO shows for the bot, and that its plan has the Open API; then run the same command again", said, token, secret)
}

// reread gives the credentials of the files if they have changed since used was
// read. While somebody renews them it waits.
func (l login) reread(ctx context.Context, used manta.Credentials) (manta.Credentials, bool) {
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		underWay := newPairFiles(l.tokenFile, l.secretFile).underWay()
		if fresh, err := l.read(); err == nil && fresh != used {
			return fresh, true
		}
		if !underWay {
			return used, false
		}
		select {
		case <-ctx.Done():
			return used, false
		case <-look.C:
		}
	}
}
