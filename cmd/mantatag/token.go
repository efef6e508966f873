package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"mantatag/cmd/mantatag/lang"
	"mantatag/worker/manta"
)

func newTokenCommand(l *lang.Language) *cobra.Command {
	var bot, api string
	var from login
	renew := &cobra.Command{
		Use:   "renew",
		Short: "Renew the bot's token and secret by the vendor's endpoint, into the files given",
		Long: `Renew the bot's token and secret by the vendor's endpoint, into the files given.

The old pair is dead from then on: everything else that uses it needs the new
one. An expired token can still be renewed.`,
		Args:              none,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from.say = l.Say
			if err := from.checkFiles(); err != nil {
				return err
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
				_, err = fmt.Fprintln(os.Stdout, l.Say("An earlier renewal had been interrupted: its new pair is in place now, and nothing was asked of the API."))
			default:
				_, err = fmt.Fprintln(os.Stdout, l.Say("The new pair is in place, and the old one is dead."))
			}
			return err
		},
	}
	f := renew.Flags()
	f.StringVar(&from.tokenFile, "token-file", "", "the `file` with the API token")
	f.StringVar(&from.secretFile, "secret-file", "", "the `file` with the secret key")
	f.StringVar(&bot, "bot", "", "the bot's `ID` (default: $MANTATAG_BOT_ID)")
	f.StringVar(&api, "api-url", "", "the API's base `URL` (default: $MANTATAG_API_URL, else "+defaultAPI+")")

	token := &cobra.Command{Use: "token", Short: "Look after the bot's API token", Args: cobra.ArbitraryArgs, RunE: group}
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
	transport := manta.NewHTTP(1)
	defer transport.CloseIdleConnections()
	client := &manta.Client{HTTP: transport, API: api, Bot: bot, UserAgent: "mantatag/" + version(), Timeout: renewalTakes / 2, Say: l.say}
	// Once asked, the answer must be had: a signal does not cut it off.
	return false, files.renew(func() (manta.Credentials, error) {
		fresh, err := client.Renew(context.WithoutCancel(ctx), cred)
		if err != nil && !errors.Is(err, manta.ErrRenewalRefused) && !errors.Is(err, manta.ErrRenewalLost) {
			err = usageError{err} // no connection: the request never left
		}
		if refused, ok := errors.AsType[*manta.RenewalError](err); ok && (refused.Answer.Class == manta.BotRefused || refused.Answer.Class == manta.CredentialsRefused) {
			l.renewal = "" // it has been tried
			err = errors.Join(l.refused(refused.Answer), manta.ErrRenewalRefused)
		}
		return fresh, err
	})
}

// renewOnce makes a run renew the pair in its files, when the API says that it
// has expired, once.
func (l *login) renewOnce(api *url.URL, bot string) {
	files, asked := *l, false
	l.ask = func(ctx context.Context) error {
		if asked {
			return sayf("the pair has been renewed in this run already, and a run renews it once; run the same command again to go on with a new one")
		}
		asked = true
		_, err := files.renewFiles(ctx, api, bot)
		return err
	}
}

// checkFiles refuses files that cannot take a new pair.
func (l login) checkFiles() error {
	switch {
	case l.tokenFile == "" || l.secretFile == "":
		return usagef("a new pair needs files to go into: give those of the present pair with --token-file and --secret-file")
	case filepath.Clean(l.tokenFile) == filepath.Clean(l.secretFile), sameFile(l.tokenFile, l.secretFile):
		return usagef("--token-file and --secret-file name the same file, %s; token and secret need one each", l.tokenFile)
	}
	return nil
}
