package report

import (
	"bufio"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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
	line := leftLine(of)
	if line == nil || s.Input != of.Input || of.Replaced() {
		return nil
	}
	l := &leftKeys{s.disk.reportFile(s.Journal.Dir(), leftName)}
	l.write(line)
	return l
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

// Left goes through what the rows ask for that the last run of a job left to be sent,
// by what its reports found, whether its input is still there or not. Some of it may
// have been done since. An error says that it is not known.
func Left(j *journal.Journal, each func(journal.Key)) error {
	line := leftLine(j.Last())
	f, err := os.Open(filepath.Join(j.Dir(), leftName))
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	if first, err := r.ReadBytes('\n'); err != nil || line == nil || string(first) != string(line) {
		return fs.ErrNotExist // it is of another input
	}
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
