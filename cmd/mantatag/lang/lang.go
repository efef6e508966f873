// Package lang says what a user reads in the language that the user reads.
//
// Sentences of ingest and report go by a name, and their English texts stand in
// those packages; everywhere else an English sentence is its own key. The
// Traditional Chinese texts of all of them are in the files of this package. Names
// of fields, JSON keys and exit codes are no sentences and are the same in every
// language; so is what the API, the network, the operating system and other
// people's decoders say, and so are the debug lines of run.log.
package lang

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"
	"golang.org/x/text/width"

	"mantatag/ingest"
	"mantatag/report"
	"mantatag/report/journal"
)

// The languages, as --lang takes them.
const (
	English            = "en"
	TraditionalChinese = "zh-TW"
)

// StandardInput is the name that an [ingest.InputError] has for it.
const StandardInput = "standard input"

// Language is one that sentences are said in. It is the value of a flag.
type Language struct {
	name    string
	printer *message.Printer
	texts   map[string]string // those of help, and all others too
}

// FromEnv is the language of an environment: the first of LC_ALL, LC_MESSAGES
// and LANG that is set decides, as it does for the C library, or else system, the
// setting of the operating system, if it is given. Every kind of Chinese is
// answered in the one that there is.
func FromEnv(getenv func(string) string, system func() string) *Language {
	locale := cmp.Or(getenv("LC_ALL"), getenv("LC_MESSAGES"), getenv("LANG"))
	if locale == "" && system != nil {
		locale = system()
	}
	if strings.HasPrefix(strings.ToLower(locale), "zh") {
		return New(TraditionalChinese)
	}
	return New(English)
}

// OfUser is the language of the user who runs the program.
func OfUser() *Language { return FromEnv(os.Getenv, setting) }

// New is the language with that name, which is one of the constants.
func New(name string) *Language {
	tag, texts := language.English, catalogue()
	plain := map[string]string{}
	if name == TraditionalChinese {
		tag, texts = language.TraditionalChinese, traditionalChinese()
		plain = maps.Clone(texts)
		maps.Copy(plain, zhHelp)
	}
	b := catalog.NewBuilder()
	for key, text := range texts {
		if err := b.SetString(tag, key, text); err != nil {
			panic(fmt.Sprintf("%s: %v", key, err)) // a text of ours that is no format
		}
	}
	if name == English {
		for key, one := range singular {
			if err := b.Set(tag, key, plural.Selectf(1, "", plural.One, one, plural.Other, key)); err != nil {
				panic(fmt.Sprintf("%s: %v", key, err))
			}
		}
	}
	return &Language{name, message.NewPrinter(tag, message.Catalog(b)), plain}
}

// String is the name of the language.
func (l *Language) String() string { return l.name }

// Type is what the help says of the flag.
func (l *Language) Type() string { return English + "|" + TraditionalChinese }

// Set changes the language.
func (l *Language) Set(name string) error {
	for _, known := range []string{English, TraditionalChinese} {
		if strings.EqualFold(strings.ReplaceAll(name, "_", "-"), known) {
			*l = *New(known)
			return nil
		}
	}
	return noLanguage{}
}

// noLanguage is the error of a name that is none of a language.
type noLanguage struct{}

func (noLanguage) Error() string { return "give one of " + names }

// Sentence implements [Sentence].
func (noLanguage) Sentence() (string, []any) { return "give one of %s", []any{names} }

const names = English + ", " + TraditionalChinese

// Named says the sentence of ingest or report with that name, as Say does.
func (l *Language) Named(id string, args ...any) string { return l.Say(named+id, args...) }

// Say says an English sentence, a format, in the language. Integers are written
// with thousands separators; arguments that are words, messages or errors are
// said as well.
func (l *Language) Say(key string, args ...any) string {
	for i, a := range args {
		switch a := a.(type) {
		case Word:
			args[i] = l.printer.Sprintf(string(a))
		case ingest.Message:
			args[i] = l.Message(a)
		case error:
			args[i] = l.Error(a)
		}
	}
	return l.printer.Sprintf(key, args...)
}

// Text is a text that is no format, such as help's, in the language.
func (l *Language) Text(english string) string {
	if text, ok := l.texts[english]; ok {
		return text
	}
	return english
}

// Help returns the texts that help has in Traditional Chinese, by the English.
func Help() map[string]string { return maps.Clone(zhHelp) }

// Word is an argument that is said in the language of its sentence.
type Word string

// Sentence is an error that can be said in any language.
type Sentence interface {
	error
	Sentence() (key string, args []any)
}

// Error says an error. One whose text is no sentence of ours says what it says.
func (l *Language) Error(err error) string {
	var (
		sentence Sentence
		input    *ingest.InputError
		fault    *ingest.Fault
		disk     *journal.DiskError
		host     *journal.HostError
		locked   *journal.LockedError
	)
	switch {
	case errors.As(err, &sentence):
		key, args := sentence.Sentence()
		return l.Say(key, append([]any(nil), args...)...)
	case errors.As(err, &input):
		return l.inputError(input)
	case errors.As(err, &fault):
		return l.Message(fault.Message)
	case errors.As(err, &host):
		return l.Say("the job %[1]s belongs to the API host %[2]s, not %[3]s; give another --job, or --fresh to start over", host.Dir, host.Job, host.Host)
	case errors.As(err, &disk):
		return l.Say("the job's file %[1]s cannot be used: %[2]v; nothing that was recorded is lost: mend the cause and run the same command again", disk.File, disk.Err)
	case errors.As(err, &locked):
		return l.Say("the job in %[1]s is already running; wait for that run to end, or stop it", locked.Dir)
	case errors.Is(err, journal.ErrVersion):
		return l.Say("the journal was written by a newer mantatag; update mantatag and run the same command again")
	}
	return l.Text(err.Error())
}

// Message says a message of ingest.
func (l *Language) Message(m ingest.Message) string {
	if m.ID == "" {
		return ""
	}
	return l.Named(m.ID, append([]any(nil), m.Args...)...)
}

func (l *Language) inputError(e *ingest.InputError) string {
	place := e.File
	switch {
	case place == StandardInput:
		place = l.Say("standard input")
	case e.Line > 0:
		place = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	if e.Hint.ID == "" {
		return l.Say("%[1]s: %[2]s", place, e.Message)
	}
	return l.Say("%[1]s: %[2]s; %[3]s", place, e.Message, e.Hint)
}

// Duration is a time as people say it: "45s", "3m 20s", "7h 5m".
func (l *Language) Duration(d time.Duration) string {
	d = d.Round(time.Second)
	switch h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60; {
	case h > 0:
		return l.Say("%[1]dh %[2]dm", h, m)
	case m > 0:
		return l.Say("%[1]dm %[2]ds", m, s)
	default:
		return l.Say("%[1]ds", s)
	}
}

// Number writes 12345 as 12,345.
func (l *Language) Number(n int64) string { return l.printer.Sprint(n) }

// named begins the keys of sentences that go by a name, so that no sentence is
// taken for one.
const named = "#"

// catalogue is the English texts of the sentences that go by a name.
func catalogue() map[string]string { return keyed(ingest.English(), report.English()) }

func traditionalChinese() map[string]string {
	all := keyed(zhIngest, zhReport)
	maps.Copy(all, zhCommand)
	maps.Copy(all, zhWorker)
	return all
}

func keyed(texts ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range texts {
		for id, text := range m {
			all[named+id] = text
		}
	}
	return all
}

// Pad fills s up with spaces to a number of columns of a terminal.
func Pad(s string, columns int) string {
	return s + strings.Repeat(" ", max(columns-Width(s), 0))
}

// Width is how many columns of a terminal s takes: a Chinese character two.
func Width(s string) (columns int) {
	for _, r := range s {
		columns++
		if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
			columns++
		}
	}
	return columns
}
