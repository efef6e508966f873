package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/term"

	"mantatag/cmd/mantatag/lang"
)

// The rules of what a person sees: the result, and nothing else, goes to
// standard output; progress and log go to standard error. A message is a
// sentence that says what happened, where, and what to do. run.log has
// everything, whatever the terminal shows.

// terminal is where a person is told things while a command runs.
type terminal struct {
	mu  sync.Mutex
	out io.Writer
	// clear wipes the progress bar, so that a line can be written in its
	// place; nil where there is no bar.
	clear func()
	drawn int // columns of the line that is there now
}

// line writes a line in the place of the one that is there, without ending it.
// The lock is held.
func (t *terminal) line(text string) {
	width := lang.Width(text)
	// Whatever else is there, such as the ^C that a terminal writes: but for
	// the last column, where some terminals wrap.
	wiped := 0
	if t.drawn > 0 {
		wiped = max(t.columns()-1, width)
	}
	fmt.Fprintf(t.out, "\r%s%s", lang.Pad("", wiped), "\r"+text)
	t.drawn = width
}

// columns is the terminal's width.
func (t *terminal) columns() int {
	if f, ok := t.out.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return 80
}

// Write writes whole lines, wiping the progress bar first.
func (t *terminal) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.clear != nil {
		t.clear()
	}
	return t.out.Write(b)
}

// lossyLog is a log that nothing depends on: its first error is told, and then
// it keeps silent.
type lossyLog struct {
	out  io.Writer
	tell func(error)
	once sync.Once
}

func (l *lossyLog) Write(b []byte) (int, error) {
	if _, err := l.out.Write(b); err != nil {
		l.once.Do(func() { l.tell(err) })
	}
	return len(b), nil
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// newLog logs to run.log from level on and to the terminal from shown on.
func newLog(file io.Writer, t *terminal, format string, level, shown zerolog.Level) zerolog.Logger {
	zerolog.TimeFieldFormat = time.RFC3339
	zerolog.TimestampFunc = func() time.Time { return time.Now().UTC() }
	onTerminal := isTerminal(os.Stderr)
	var out io.Writer = t
	if format == "console" || format == "auto" && onTerminal {
		// The classic console of Windows shows the codes of colours as they are.
		console := zerolog.ConsoleWriter{Out: t, NoColor: !onTerminal || runtime.GOOS == "windows", TimeFormat: time.TimeOnly}
		if onTerminal { // who sits before it knows the time
			console.PartsExclude = []string{zerolog.TimestampFieldName}
		}
		out = console
	}
	return zerolog.New(zerolog.MultiLevelWriter(
		&zerolog.FilteredLevelWriter{Writer: zerolog.LevelWriterAdapter{Writer: file}, Level: level},
		&zerolog.FilteredLevelWriter{Writer: zerolog.LevelWriterAdapter{Writer: out}, Level: shown},
	)).Level(min(level, shown)).With().Timestamp().Logger()
}
