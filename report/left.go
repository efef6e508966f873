package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mantatag/report/journal"
)

// leftName is the file with what those rows ask for that a run left to be sent: the
// keys of their mappings after a line that says of which input, or that line alone
// where none was left. The journal has none of a row that was never sent, and the
// input may be another when the next run begins.
const leftName = "left.keys"

// leftOf says of which rows the keys are.
type leftOf struct {
	Input    string         `json:"input"`
	Size     int64          `json:"size"`
	Modified time.Time      `json:"modified"`
	Bot      string         `json:"bot"`
	Params   journal.Params `json:"params"`
}

// leftLine is the first line of the file for the input of a run; nil if nothing is
// known of what that was.
func leftLine(of journal.Session) []byte {
	if of.InputModified.IsZero() {
		return nil
	}
	of.Params.HoldInDoubt = false // what is held back is left too
	text, err := json.Marshal(leftOf{of.Input, of.InputSize, of.InputModified, of.Bot, of.Params})
	if err != nil {
		return nil
	}
	return append(text, '\n')
}

// leftKeys is that file while the reports are made; nil where the input is not what
// the last run was given.
type leftKeys struct{ *file }

func newLeftKeys(s Source, of journal.Session) *leftKeys {
	line := leftOver(s, of)
	if line == nil {
		return nil
	}
	l := &leftKeys{s.disk.reportFile(s.Journal.Dir(), leftName)}
	l.write(line)
	return l
}

// leftOver is the first line of the file that reports of a run write; nil if they
// write none. What the run before one with a wrong bot left stays known.
func leftOver(s Source, of journal.Session) []byte {
	if s.Input != of.Input || of.Replaced() || refused(of) && of.Totals.Succeeded == 0 {
		return nil
	}
	return leftLine(of)
}

// leftStands reports whether the file is of the last run, where nothing that the
// reports were made from has changed: the input may be there anew as it was, and its
// time is another then. Where no row is left, that is put right at once.
func leftStands(s Source, rows Rows) bool {
	of := s.Journal.Last()
	line := leftOver(s, of)
	if line == nil {
		return true
	}
	if f, err := openLeft(s.Journal.Dir(), line); err == nil {
		_ = f.Close()
		return true
	}
	if rows.Pending+rows.Retryable > 0 {
		return false
	}
	newLeftKeys(s, of).keep()
	return true
}

func (l *leftKeys) add(k journal.Key) {
	if l != nil {
		l.write(k[:])
	}
}

// keep puts the file in its place. Without it the next run knows less, and says so.
func (l *leftKeys) keep() {
	if l != nil {
		_ = l.commit()
	}
}

func (l *leftKeys) abandon() {
	if l != nil {
		l.abort()
	}
}

// refused reports whether the API refused the bot of a run.
func refused(s journal.Session) bool { return s.StoppedBy == "bot" }

// LastTaken is the last run of a job that may have left something for bot, be it of
// another: one whose bot the API refused is none, unless it is bot itself. The zero
// one: there is none.
func LastTaken(j *journal.Journal, bot string) journal.Session {
	for _, s := range slices.Backward(j.Sessions()) {
		if !refused(s) || s.Bot == bot {
			return s
		}
	}
	return journal.Session{}
}

// Left goes through what the rows ask for that a run of a job left to be sent, by
// what its reports found, whether its input is still there or not. Some of it may have
// been done since. An error says that it is not known.
func Left(j *journal.Journal, of journal.Session, each func(journal.Key)) error {
	f, err := openLeft(j.Dir(), leftLine(of))
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	var k journal.Key
	for {
		switch _, err := io.ReadFull(r, k[:]); err {
		case nil:
			each(k)
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}

// openLeft opens the file at its keys; an error says that it is none with that line.
func openLeft(dir string, line []byte) (*os.File, error) {
	f, err := os.Open(filepath.Join(dir, leftName))
	if err != nil {
		return nil, err
	}
	first := make([]byte, len(line))
	if _, err := io.ReadFull(f, first); err != nil || line == nil || !bytes.Equal(first, line) {
		_ = f.Close()
		return nil, fs.ErrNotExist // it is of another input
	}
	return f, nil
}
