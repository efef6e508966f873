package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mantatag/report"
	"mantatag/worker/manta"
)

// A renewal kills the old pair at the moment in which the API answers, so the
// new one must never be in memory alone for longer than a write takes. The
// order is: a recovery file is made and filled up beside the token file before
// the API is asked, so that there is room for the pair; the pair is written
// over it and made durable; only then are token and secret file replaced; the
// recovery file goes last. Whatever is interrupted, the next renewal finds the
// recovery file and finishes.

// recoverySuffix follows the token file's name.
const recoverySuffix = ".recovery"

// recoverySize is room for any pair; a JWT is one or two kilobytes.
const recoverySize = 64 << 10

// pairFiles keeps a pair of credentials in two files.
type pairFiles struct {
	token, secret string
	disk          pairDisk
}

// pairDisk is where faults enter in tests.
type pairDisk struct {
	open    func(name string, flag int) (pairFile, error)
	replace func(name string, text []byte) error
	remove  func(name string) error
}

type pairFile interface {
	io.WriterAt
	Sync() error
	Close() error
}

func newPairFiles(token, secret string) *pairFiles {
	return &pairFiles{token, secret, pairDisk{
		open:    func(name string, flag int) (pairFile, error) { return os.OpenFile(name, flag, 0o600) },
		replace: func(name string, text []byte) error { return report.WriteFile(name, text) },
		remove:  os.Remove,
	}}
}

func (p *pairFiles) recovery() string { return p.token + recoverySuffix }

// renew puts a new pair into the files. ask gets it from the API.
func (p *pairFiles) renew(ask func() (manta.Credentials, error)) error {
	f, err := p.reserve()
	if err != nil {
		return fmt.Errorf("nothing was asked of the API, since there is no room to keep a new pair: %w", err)
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
		return fmt.Errorf("the API gave a new pair and it could not be written to %s: %w; the old pair is dead: look the new one up in MantaGO", p.recovery(), err)
	}
	return p.finish(fresh)
}

// reserve makes the recovery file, as large as any pair.
func (p *pairFiles) reserve() (pairFile, error) {
	f, err := p.disk.open(p.recovery(), os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteAt([]byte(strings.Repeat(" ", recoverySize)), 0)
	if err := errors.Join(err, f.Sync()); err != nil {
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
	return errors.Join(err, f.Sync(), f.Close())
}

// recoveredPair is the content of a recovery file.
type recoveredPair struct {
	Token  string `json:"token"`
	Secret string `json:"secret"`
}

// finish replaces the files by the pair, which the recovery file holds.
func (p *pairFiles) finish(c manta.Credentials) error {
	if err := p.install(c); err != nil {
		return fmt.Errorf("the new pair is safe in %s but could not be put in place: %w; mend that and run mantatag token renew again, which then asks nothing of the API", p.recovery(), err)
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
		return err
	}
	return nil
}

// recover finishes a renewal that was interrupted, and reports whether there
// was one. A recovery file without a pair is of one that never got an answer.
func (p *pairFiles) recover() (bool, error) {
	text, err := os.ReadFile(p.recovery())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if len(strings.TrimSpace(string(text))) == 0 {
		return false, p.remove()
	}
	var pair recoveredPair
	if err := json.Unmarshal(text, &pair); err != nil || pair.Token == "" || pair.Secret == "" {
		return false, usagef("%s is left from an interrupted renewal and cannot be read; look the pair up in MantaGO, put it into the files and remove that file", p.recovery())
	}
	return true, p.finish(manta.Credentials{Token: pair.Token, Secret: pair.Secret})
}

func newTokenCommand() *cobra.Command {
	var bot, api string
	var from login
	renew := &cobra.Command{
		Use:   "renew",
		Short: "Renew the bot's token and secret by the vendor's endpoint, into the files given",
		Long: `Renew the bot's token and secret by the vendor's endpoint, into the files given.

The old pair is dead from then on: everything else that uses it needs the new
one. An expired token can still be renewed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from.tokenFile == "" || from.secretFile == "" {
				return usagef("give the files of the present pair, which take the new one, with --token-file and --secret-file")
			}
			bot = strings.TrimSpace(envOr(bot, "MANTATAG_BOT_ID"))
			if bot == "" {
				return usagef("no bot: give its ID with --bot or in MANTATAG_BOT_ID")
			}
			u, err := apiURL(orDefault(envOr(api, "MANTATAG_API_URL"), defaultAPI))
			if err != nil {
				return err
			}
			finished, err := from.renewFiles(cmd.Context(), u, bot)
			switch {
			case err != nil:
				return err
			case finished:
				_, err = fmt.Fprintln(os.Stdout, "An earlier renewal had been interrupted: its new pair is in place now, and nothing was asked of the API.")
			default:
				_, err = fmt.Fprintln(os.Stdout, "The new pair is in place, and the old one is dead.")
			}
			return err
		},
	}
	f := renew.Flags()
	f.StringVar(&from.tokenFile, "token-file", "", "the `file` with the API token")
	f.StringVar(&from.secretFile, "secret-file", "", "the `file` with the secret key")
	f.StringVar(&bot, "bot", "", "the bot's `ID` (default: $MANTATAG_BOT_ID)")
	f.StringVar(&api, "api-url", "", "the API's base `URL` (default: $MANTATAG_API_URL, else "+defaultAPI+")")

	token := &cobra.Command{Use: "token", Short: "Look after the bot's API token", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	token.AddCommand(renew)
	return token
}

// renewFiles renews the pair in the files of l, or finishes a renewal that was
// interrupted.
func (l login) renewFiles(ctx context.Context, api *url.URL, bot string) (finished bool, err error) {
	files := newPairFiles(l.tokenFile, l.secretFile)
	if finished, err = files.recover(); finished || err != nil {
		return finished, err
	}
	cred, err := l.read()
	if err != nil {
		return false, err
	}
	client := &manta.Client{HTTP: manta.NewHTTP(1), API: api, Bot: bot, UserAgent: "mantatag/" + version(), Timeout: 30 * time.Second}
	defer client.HTTP.CloseIdleConnections()
	// Once asked, the answer must be had: a signal does not cut it off.
	return false, files.renew(func() (manta.Credentials, error) {
		return client.Renew(context.WithoutCancel(ctx), cred)
	})
}
