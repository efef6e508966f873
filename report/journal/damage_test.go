package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sample is a small journal of some runs, the last of them cut off.
func sample(t testing.TB, runs int) []byte {
	t.Helper()
	dir := t.TempDir()
	for run := range runs {
		j, err := Open(dir, Options{Host: host})
		if err != nil {
			t.Fatal(err)
		}
		err = j.Begin(Session{Begin: noon, Program: "v1", Input: "/in.csv"})
		for i := range 3 {
			k := key(3*run + i)
			err = errors.Join(err,
				put(j, Entry{Kind: Intent, Key: k, At: noon, Row: int64(i), Attempts: 1, Request: "r-7f"}),
				put(j, Entry{Kind: Succeeded + Kind(i), Key: k, At: noon, Row: int64(i), Status: 200 + i, Reason: "not found, sorry"}))
		}
		if run < runs-1 {
			err = errors.Join(err, j.End(Session{End: noon}))
		}
		if err := errors.Join(err, j.Close()); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, journalName))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// read replays a text, without a folder.
func read(text []byte) (*replay, error) {
	r := &replay{name: "journal", file: memory{bytes.NewReader(text)}, index: &index{}}
	return r, r.run()
}

type memory struct{ *bytes.Reader }

func (memory) WriteAt([]byte, int64) (int, error) { return 0, errors.ErrUnsupported }
func (memory) Truncate(int64) error               { return errors.ErrUnsupported }
func (memory) Sync() error                        { return errors.ErrUnsupported }
func (memory) Close() error                       { return nil }

// outcomes is how many mappings have an outcome.
func (r *replay) outcomes() int {
	n := 0
	for i := range r.index.n {
		if r.index.slot(i).state() >= Succeeded {
			n++
		}
	}
	return n
}

// wholeOutcomes counts the outcome lines in a text, whatever the last one ends in.
func wholeOutcomes(text []byte) int {
	n := 0
	for part := range bytes.SplitSeq(text, []byte{'\n'}) {
		if bytes.HasSuffix(part, []byte(`"}`)) && bytes.Contains(part, []byte(crcMember)) &&
			len(part)-bytes.Index(part, []byte(crcMember)) == crcTail &&
			(bytes.HasPrefix(part, []byte(`{"kind":"succeeded`)) || bytes.HasPrefix(part, []byte(`{"kind":"failed`)) || bytes.HasPrefix(part, []byte(`{"kind":"retryable`))) {
			n++
		}
	}
	return n
}

// TestCutAtEveryByte cuts a journal at each byte: every whole outcome line
// counts, and the journal can be gone on with.
func TestCutAtEveryByte(t *testing.T) {
	text := sample(t, 2)
	dir := t.TempDir()
	name := filepath.Join(dir, journalName)
	for n := range len(text) + 1 {
		cut := text[:n]
		r, err := read(cut)
		if err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		if want := wholeOutcomes(cut); r.outcomes() != want {
			t.Fatalf("cut at %d: %d outcomes, want %d", n, r.outcomes(), want)
		}
		if n%31 != 0 && n < len(text)-100 { // the way through the disk is slow
			continue
		}
		if err := os.WriteFile(name, cut, 0o600); err != nil {
			t.Fatal(err)
		}
		j := open(t, dir)
		add(t, j, Entry{Kind: Intent, Key: key(99)})
		closed(t, j)
		again, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r, err = read(again)
		if err != nil || r.outcomes() != wholeOutcomes(cut) || r.size != r.end {
			t.Fatalf("cut at %d and gone on with: %d outcomes, %v", n, r.outcomes(), err)
		}
		if s, _ := r.index.find(key(99)); s == nil || s.state() != Intent {
			t.Fatalf("cut at %d: the new line is not there", n)
		}
	}
}

// TestFlipEveryBit: a journal with one bit changed is refused with the place,
// or says all that it said before.
func TestFlipEveryBit(t *testing.T) {
	text := sample(t, 1)
	sound, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(text) {
		text[bit/8] ^= 1 << (bit % 8)
		r, err := read(text)
		switch {
		case errors.Is(err, ErrCorrupt):
			line := 1 + bytes.Count(text[:bit/8], []byte{'\n'})
			if !strings.Contains(err.Error(), fmt.Sprintf("line %d ", line)) {
				t.Fatalf("bit %d is in line %d: %v", bit, line, err)
			}
		case err != nil:
			t.Fatalf("bit %d: %v", bit, err)
		case r.end != sound.end || r.lines != sound.lines || r.outcomes() != sound.outcomes():
			t.Fatalf("bit %d: accepted with %d lines and %d outcomes", bit, r.lines, r.outcomes())
		}
		text[bit/8] ^= 1 << (bit % 8)
	}
}

// TestZeros puts zeros in the place of text, as file systems do for a write
// that a power cut overtook.
func TestZeros(t *testing.T) {
	text := sample(t, 2)
	sound, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	ends := []int{0}
	for i, c := range text {
		if c == '\n' {
			ends = append(ends, i+1)
		}
	}
	zero := func(from, to int) []byte {
		b := bytes.Clone(text)
		clear(b[from:to])
		return b
	}
	for n, from := range ends[:len(ends)-1] {
		for _, to := range []int{from + 1, from + 2, ends[n+1] - 1, ends[n+1], min(ends[n+1]+9, len(text)), len(text)} {
			r, err := read(zero(from, to))
			switch {
			case to == len(text):
				if err != nil || r.end != int64(from) {
					t.Errorf("zeros from line %d to the end: %v", n+1, err)
				}
			case int64(from) < sound.proven:
				if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), fmt.Sprintf("line %d ", n+1)) {
					t.Errorf("zeros at %d to %d, line %d, which was durable: %v", from, to, n+1, err)
				}
			case err != nil || r.end != int64(from):
				t.Errorf("zeros at %d to %d, line %d, which was not durable: %v", from, to, n+1, err)
			}
		}
	}
	if int(sound.proven) <= ends[2] || int(sound.proven) > ends[len(ends)-2] {
		t.Errorf("%d of %d bytes are proven: the test shows nothing", sound.proven, len(text))
	}
}

// TestDamage is what else can be wrong with a journal.
func TestDamage(t *testing.T) {
	text := string(sample(t, 2))
	lines := strings.SplitAfter(text, "\n")
	sum := func(s string) string { return string(appendSum([]byte(s), 0)) }
	long := strings.Repeat("x", 3*maxLine)
	for _, c := range []struct {
		name, text string
		want       string // in the error; "": accepted
	}{
		{"an empty file", "", ""},
		{"only zeros", strings.Repeat("\x00", 5000), ""},
		{"zeros at the end", text + strings.Repeat("\x00", 5000), ""},
		{"a long unfinished line at the end", text + long, ""},
		{"a long line of zeros", text + strings.Repeat("\x00", 3*maxLine) + "\n", ""},
		{"no header", strings.Join(lines[1:], ""), "line 1 (byte 0)"},
		{"two headers", lines[0] + text, "line 2 "},
		{"another file", "tagId,clientId\n1,2\n", "line 1 "},
		{"an empty line", lines[0] + "\n" + lines[1], "line 2 "},
		{"a long line", lines[0] + long + "\n" + lines[1], "line 2 "},
		{"a line twice is harmless", text + lines[len(lines)-2], ""},
		{"a session backwards", lines[0] + lines[len(lines)-8] + lines[1], "line 3 "},
		{"a right sum over wrong JSON", lines[0] + sum("{"), "line 2 "},
		{"a right sum over other JSON", lines[0] + sum(`{"kind":"session"`), "line 2 "},
		{"a right sum over an unknown kind", lines[0] + sum(`{"kind":"whatever","key":"00"`), "line 2 "},
		{"an older version", sum(`{"kind":"journal","version":0`), "line 1 "},
	} {
		_, err := read([]byte(c.text))
		if c.want == "" && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.want != "" && (!errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestDamagedIsRefused goes the way through the disk.
func TestDamagedIsRefused(t *testing.T) {
	dir := t.TempDir()
	text := sample(t, 2)
	text[len(text)/2] ^= 4
	name := filepath.Join(dir, journalName)
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range []func() (*Journal, error){
		func() (*Journal, error) { return Open(dir, Options{Host: host, CompactSize: 1}) },
		func() (*Journal, error) { return View(dir) },
	} {
		if _, err := f(); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), name) {
			t.Error(err)
		}
	}
	if now, _ := os.ReadFile(name); !bytes.Equal(now, text) {
		t.Error("the refused journal was changed")
	}
}

// TestTornTailIsTold: what was left out is said, by View and by Open, once.
func TestTornTailIsTold(t *testing.T) {
	dir := t.TempDir()
	text := sample(t, 2)
	name := filepath.Join(dir, journalName)
	if err := os.WriteFile(name, text[:len(text)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, j := range []*Journal{view(t, dir), open(t, dir)} {
		if notes := j.Notes(); len(notes) != 1 || !strings.Contains(notes[0].String(), "unfinished bytes") {
			t.Errorf("%q", notes)
		}
		closed(t, j)
	}
	if notes := open(t, dir).Notes(); len(notes) != 0 {
		t.Errorf("%q", notes)
	}
}

// TestUnprovenTailIsWrittenAgain: what a failed fsync may have left in memory
// only, though it can be read, is written once more before it is built upon.
func TestUnprovenTailIsWrittenAgain(t *testing.T) {
	dir := t.TempDir()
	text := sample(t, 2)
	r, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, journalName), text, 0o600); err != nil {
		t.Fatal(err)
	}
	disk := &rewrittenFile{}
	j, err := Open(dir, Options{Host: host, OpenFile: disk.open})
	if err != nil {
		t.Fatal(err)
	}
	closed(t, j)
	if want := text[r.proven:]; !bytes.Equal(disk.synced, want) || len(want) < 100 {
		t.Errorf("wrote again %q, want %q", disk.synced, want)
	}
}

// rewrittenFile keeps what is written and then synced.
type rewrittenFile struct {
	File
	written, synced []byte
}

func (f *rewrittenFile) open(name string, flag int, perm os.FileMode) (_ File, err error) {
	f.File, err = openOSFile(name, flag, perm)
	return f, err
}

func (f *rewrittenFile) WriteAt(b []byte, at int64) (int, error) {
	f.written = append(f.written, b...)
	return f.File.WriteAt(b, at)
}

func (f *rewrittenFile) Sync() error {
	f.synced = f.written
	return f.File.Sync()
}
