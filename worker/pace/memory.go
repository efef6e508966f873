package pace

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mantatag/report/journal"
)

// Memory is what a run learned of a limit, for the next one. The zero Memory is
// that of a limit never met.
type Memory struct {
	Rate     float64       `json:"rate_per_second"`     // 0: nothing is known
	Window   time.Duration `json:"window_ns,omitempty"` // the limit is Rate·Window requests in each; 0: an even rate
	Burst    int           `json:"burst,omitempty"`     // what it lets through at once after a rest, beyond Rate
	InFlight int           `json:"in_flight,omitempty"` // at most so many at once; 0: no such bound
	Patience int           `json:"patience,omitempty"`  // how sure the figure is: how many requests between trials of more
	Refusals int           `json:"refusals"`            // it took to find out
	At       time.Time     `json:"at"`                  // when that run ended

	// Ramp is how many were in flight at the end of a run that met no limit. Rate is 0
	// then.
	Ramp int `json:"ramp,omitempty"`

	// For words alone:

	Settled  float64       `json:"settled_per_second,omitempty"` // what can be told as the limit of the rate; 0: none can be yet
	Kept     float64       `json:"kept_per_second,omitempty"`    // accepted by that run outside its first burst; 0: it was too short to say
	Accepted int           `json:"accepted,omitempty"`           // by that run in all
	Refused  int           `json:"refused,omitempty"`
	Took     time.Duration `json:"took_ns,omitempty"`

	// Concurrency was the bound on those in flight of a run that met no limit, and
	// all that held it back. Rate is 0 then.
	Concurrency int `json:"concurrency,omitempty"`
}

// String says it in words, "" for the zero Memory.
func (m Memory) String() string {
	if m.Rate <= 0 {
		return ""
	}
	var s string
	switch {
	case m.InFlight > 0:
		s = fmt.Sprintf("at most %d requests at once", m.InFlight)
	case m.Window > 0:
		s = fmt.Sprintf("about %.0f requests in each %s", m.Rate*m.Window.Seconds(), plain(m.Window))
	case m.Rate < 1:
		s = fmt.Sprintf("about %.3g requests a minute", 60*m.Rate)
	default:
		s = fmt.Sprintf("about %.3g requests a second", m.Rate)
	}
	if m.Refusals == 1 {
		return s + "; 1 refusal while finding out"
	}
	return fmt.Sprintf("%s; %d refusals while finding out", s, m.Refusals)
}

// plain writes 1m0s as 1m.
func plain(d time.Duration) string {
	text := d.Round(time.Millisecond).String()
	if strings.HasSuffix(text, "m0s") {
		return strings.TrimSuffix(text, "0s")
	}
	return text
}

const (
	memoryVersion = 1

	// forgotten is when a memory says nothing any more: plans and limits
	// change, and to learn anew costs a dozen refusals.
	forgotten = 90 * 24 * time.Hour
)

// Store is where the Memory of one limit is kept: one of each API host and bot.
type Store struct {
	Dir  string // is made when needed
	Host string
	Bot  string
}

// file is named by a hash, since a bot's id may hold anything.
func (s Store) file() string {
	sum := sha256.Sum256([]byte(s.Host + "\x00" + s.Bot))
	return filepath.Join(s.Dir, "pace-"+hex.EncodeToString(sum[:8])+".json")
}

// stored is the file's content. Host and Bot are for the people who look.
type stored struct {
	Version int    `json:"version"`
	Host    string `json:"host"`
	Bot     string `json:"bot"`
	Memory
}

// Load reads what was learned. A file that is missing, damaged, of another
// version, older than 90 days, from the future or without sense is no memory
// and no error; only one that can't be read is.
func (s Store) Load(now time.Time) (Memory, error) {
	data, err := journal.ReadFile(s.file())
	if errors.Is(err, fs.ErrNotExist) {
		return Memory{}, nil
	}
	if err != nil {
		return Memory{}, err
	}
	var m stored
	if json.Unmarshal(data, &m) != nil || m.Version != memoryVersion || m.Host != s.Host || m.Bot != s.Bot {
		return Memory{}, nil
	}
	if age := now.Sub(m.At); age > forgotten || age < -24*time.Hour || !m.sensible() {
		return Memory{}, nil
	}
	return m.Memory, nil
}

// sensible keeps what a hand or a fault has written from stalling a run. A window
// of an hour may have been learned as up to two.
func (m Memory) sensible() bool {
	unlimited := m.Rate == 0 && (m.Ramp > 0 || m.Concurrency > 0 && m.Kept > 0)
	return (m.Rate >= 1.0/3600 || unlimited) && m.Rate <= 1e6 &&
		m.Settled >= 0 && m.Settled <= 1e6 && m.Kept >= 0 && m.Kept <= 1e6 &&
		m.Accepted >= 0 && m.Refused >= 0 && m.Took >= 0 && m.Concurrency >= 0 && m.Ramp >= 0 && m.Ramp <= mostCount &&
		m.Window >= 0 && m.Window <= 2*LongestPause &&
		m.Burst >= 0 && m.Burst <= mostCount && m.InFlight >= 0 &&
		m.Patience >= 0 && m.Patience <= mostCount && m.Refusals >= 0
}

// Save keeps m, unless it has nothing to say. It writes a new file and renames it, so that
// runs that save at the same time leave one whole memory, the last one's.
func (s Store) Save(m Memory) error {
	if m.Rate <= 0 && m.Concurrency == 0 && m.Ramp == 0 {
		return nil
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	data, err := json.MarshalIndent(stored{memoryVersion, s.Host, s.Bot, m}, "", "\t")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(s.Dir, ".pace-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = journal.Replace(f.Name(), s.file())
	}
	if err != nil {
		_ = journal.Remove(f.Name())
	}
	return err
}
