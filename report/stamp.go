package report

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mantatag/ingest"
	"mantatag/report/journal"
)

const stampName = "reports.json"

// stamp says what the reports in a job's folder were made from, so that a run
// that has nothing to do need not make a million lines again. It holds only if
// all of the following are the same byte for byte: the input and the way it is
// read, what the journal has recorded, and the files as they were left. In any
// doubt there is no stamp, and reports are made.
//
// It also tells an outcome file that somebody edited from those of ours. So it is
// replaced twice, before the first report is put in its place and after the last:
// in between it lists what the files were and what they are about to be, and
// holds for nothing. Whenever the program is killed, each file is one of those
// that are listed, unless it was edited. One that was edited is listed with the
// name under which it is kept, and known for as long as that is there.
type stamp struct {
	From  string     `json:"from"` // SHA-256 of the origin; "": it holds for nothing
	Files []leftFile `json:"files"`
	Tally tally      `json:"tally"`
}

// leftFile is how a report was left; one that was edited since is made again.
type leftFile struct {
	Name     string    `json:"name"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`

	// Sum tells a file that was edited from one that only has another time,
	// such as that of a copy of the job.
	Sum uint32 `json:"crc32c"`

	// Kept is the name under which a version that is not ours is kept; "": it is ours.
	Kept string `json:"kept,omitempty"`
}

// origin is everything that the rows of the reports depend on.
type origin struct {
	Program     string // another one may read rows in another way
	Input       string // SHA-256 of the file
	Path        string
	Options     ingest.Options
	Host, Bot   string
	Language    string
	HoldInDoubt bool
	Running     bool
	StoppedBy   string
	Ended       bool

	// Recorded are the sessions that recorded anything, with what they counted.
	// An entry of the journal counts in its session, and none is ever changed
	// but by adding another; so equal counts mean equal outcomes.
	Recorded []recorded
}

type recorded struct {
	Session int
	Begin   time.Time
	Totals  journal.Totals
}

// Unchanged returns the summary of the reports in the job's folder if nothing
// that they were made from has changed since: then a job that was complete is
// so still, and its rows need not be looked at one by one.
func Unchanged(s Source) (Summary, bool) {
	st := newState(s)
	made, ok := readStamp(s, st.digest(s))
	if !ok {
		return Summary{}, false
	}
	return st.summary(s, made.Tally), true
}

// readStamp returns the stamp if it holds for an origin with the digest from.
func readStamp(s Source, from string) (stamp, bool) {
	made, err := lastStamp(s)
	if err != nil || from == "" || made.From != from {
		return stamp{}, false
	}
	for _, f := range made.Files {
		if now, err := stat(s, f.Name); err != nil || !now.sameTime(f) {
			return stamp{}, false
		}
	}
	return made, true
}

// lastStamp is the stamp as it was written last, whether it still holds or not;
// the zero one if there is none, or a damaged one.
func lastStamp(s Source) (made stamp, err error) {
	path := filepath.Join(s.Journal.Dir(), stampName)
	text, err := journal.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission): // another user may have made the reports
		return stamp{}, nil
	case err != nil:
		return stamp{}, &journal.DiskError{File: path, Err: err}
	case json.Unmarshal(text, &made) != nil:
		return stamp{}, nil
	}
	return made, nil
}

func writeStamp(s Source, made stamp) error {
	text, err := json.Marshal(made)
	if err != nil {
		return err
	}
	return s.disk.writeFile(filepath.Join(s.Journal.Dir(), stampName), append(text, '\n'))
}

// leftFiles are the files of a stamp by their names. While one is replaced it is
// there twice.
type leftFiles map[string][]leftFile

func (l leftFiles) list() (files []leftFile) {
	for _, name := range slices.Sorted(maps.Keys(l)) {
		files = append(files, l[name]...)
	}
	return files
}

// spare gives the outcome file with that name, if it is none of known, a name that
// no report has: what somebody wrote there is nowhere else. It returns the file
// as it is, which may be written over from then on, if it is not ours as long as
// it is kept; nil if there is none.
func spare(s Source, name string, known []leftFile) ([]leftFile, error) {
	path := filepath.Join(s.Journal.Dir(), name)
	known = slices.DeleteFunc(slices.Clone(known), func(f leftFile) bool { return f.Kept != "" && !f.sameAs(s, f.Kept) })
	now, err := stat(s, name)
	if err == nil { // an edit may have left size and time as they were
		if now.Sum, err = checksum(path); errors.Is(err, fs.ErrPermission) {
			known, err = nil, nil // what cannot be looked at is kept
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, journal.ReportError(path, err)
	}
	if i := slices.IndexFunc(known, func(f leftFile) bool { return f.Size == now.Size && f.Sum == now.Sum }); i >= 0 {
		now.Kept = known[i].Kept
		return []leftFile{now}, nil
	}
	as, err := keep(s, now)
	if err != nil {
		return nil, journal.ReportError(path, err)
	}
	if s.Kept != nil {
		s.Kept(path, as)
	}
	now.Kept = filepath.Base(as)
	return []leftFile{now}, nil
}

// keep gives a file another name that no report has, and returns its path; or one
// that holds the same already, as where a full disk or a kill let nobody know of it.
func keep(s Source, f leftFile) (string, error) {
	ext := filepath.Ext(f.Name)
	stem := strings.TrimSuffix(f.Name, ext) + "-edited"
	entries, err := os.ReadDir(s.Journal.Dir())
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), stem) && strings.HasSuffix(e.Name(), ext) && f.sameAs(s, e.Name()) {
			return filepath.Join(s.Journal.Dir(), e.Name()), nil
		}
	}
	return s.disk.setAside(filepath.Join(s.Journal.Dir(), f.Name), stem, ext)
}

// sameAs reports whether the file with that name holds the same. Of one that cannot
// be read its time says so, which another name leaves as it is.
func (f leftFile) sameAs(s Source, name string) bool {
	now, err := stat(s, name)
	if err != nil || now.Size != f.Size {
		return false
	}
	if now.Sum, err = checksum(filepath.Join(s.Journal.Dir(), name)); errors.Is(err, fs.ErrPermission) {
		return now.sameTime(f)
	}
	return err == nil && now.Sum == f.Sum
}

var errIrregular = errors.New("it is not a regular file")

// stat is a file as it is now, but for its sum.
func stat(s Source, name string) (leftFile, error) {
	info, err := os.Stat(filepath.Join(s.Journal.Dir(), name))
	if err == nil && !info.Mode().IsRegular() {
		err = errIrregular
	}
	if err != nil {
		return leftFile{}, err
	}
	return leftFile{Name: name, Size: info.Size(), Modified: info.ModTime().UTC()}, nil
}

func (f leftFile) sameTime(g leftFile) bool {
	return f.Size == g.Size && f.Modified.Equal(g.Modified)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(path string) (uint32, error) {
	f, err := journal.OpenToRead(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	h := crc32.New(castagnoli)
	_, err = io.Copy(h, f)
	return h.Sum32(), err
}

// digest is that of the origin as it is now, or "" if the input cannot be
// read.
func (st *state) digest(s Source) string {
	f, err := os.Open(s.Input)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	o := origin{
		Program:     s.Program,
		Input:       hex.EncodeToString(h.Sum(nil)),
		Path:        s.Input,
		Options:     s.Options,
		Host:        s.Journal.Host(),
		Bot:         s.Bot,
		Language:    st.words.say("lang"),
		HoldInDoubt: s.HoldInDoubt,
		Running:     s.Running,
		StoppedBy:   st.last.StoppedBy,
		Ended:       !st.last.End.IsZero(),
	}
	for _, session := range st.sessions {
		if session.Totals != (journal.Totals{}) {
			o.Recorded = append(o.Recorded, recorded{session.Number, session.Begin, session.Totals})
		}
	}
	h.Reset()
	if err := json.NewEncoder(h).Encode(o); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}
