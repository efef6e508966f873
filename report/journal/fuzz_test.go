package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// FuzzReplay reads any bytes as a journal: it must not panic, and what it
// accepts says, line for line, what mantatag would write.
func FuzzReplay(f *testing.F) {
	text := sample(f, 2)
	f.Add(text)
	f.Add(text[:len(text)-1])
	f.Add(text[:len(text)/2])
	f.Add(append(bytes.Clone(text), "\x00\x00\x00"...))
	f.Add(bytes.Replace(text, []byte("intent"), []byte("\x00\x00tent"), 3))
	f.Add([]byte{})
	// A fuzzer cannot guess checksums: the second half of the targets' work
	// is done on lines whose sums are put right.
	for line := range bytes.Lines(text) {
		f.Add(line[:len(line)-crcTail-1])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		checkReplay(t, b)
		var summed []byte
		for line := range bytes.Lines(b) {
			start := len(summed)
			line = bytes.TrimSuffix(line, []byte{'\n'})
			if _, ok := checkSum(line); ok {
				line = line[:len(line)-crcTail]
			}
			summed = appendSum(append(summed, line...), start)
		}
		checkReplay(t, summed)
		header, err := appendJSON(nil, header{Kind: "journal", Version: version, API: host, Created: noon})
		if err != nil {
			t.Fatal(err)
		}
		checkReplay(t, append(header, summed...))
	})
}

func checkReplay(t *testing.T, b []byte) {
	r, err := read(b)
	if err != nil {
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
			t.Fatal(err)
		}
		return
	}
	accepted := b[:min(int(r.end), len(b))]
	n := 0
	for text := range bytes.Lines(accepted) {
		n++
		text = bytes.TrimSuffix(text, []byte{'\n'})
		text = text[:wholePrefix(text)]
		body, ok := checkSum(text)
		if !ok {
			t.Fatalf("line %d was accepted with a wrong checksum", n)
		}
		if !isEntry(body) {
			continue // the rare lines are read by encoding/json
		}
		var l line
		if !scan(body, &l) {
			t.Fatalf("line %d was accepted, though not scanned", n)
		}
		again := appendEntry(nil, l.entry(), l.synced)
		body, ok = checkSum(again[:len(again)-1])
		var m line
		if !ok || !scan(body, &m) || m.entry() != l.entry() || m.synced != l.synced {
			t.Fatalf("line %d is written again as another\n%s\n%s", n, text, again)
		}
	}
	if int64(n) != r.lines {
		t.Fatalf("%d lines, counted %d", r.lines, n)
	}
}

// FuzzEntry writes any entry and reads it back.
func FuzzEntry(f *testing.F) {
	f.Add(uint8(Intent), []byte("0123456789abcdef"), int64(1795000000000), int64(1), 1, 0, 0, "r-1", "", false, int64(77))
	f.Add(uint8(Failed), []byte{}, int64(0), int64(-1), -1, 403, 1001, "", "a\x00\xff\u2028\"\\😀\U000e0001", true, int64(0))
	f.Add(uint8(Lost), []byte{}, int64(1)<<62, int64(1)<<62, 1<<40, 1, 1, strings.Repeat("é", 100), strings.Repeat("語", 2000), true, int64(0))
	f.Fuzz(func(t *testing.T, kind uint8, k []byte, at, row int64, attempts, status, code int, request, reason string, inDoubt bool, synced int64) {
		e := Entry{
			Kind: Intent + Kind(kind)%Retryable, At: time.UnixMilli(at).UTC(), Row: row,
			Attempts: attempts, Status: status, Code: code, Request: request, Reason: reason, InDoubt: inDoubt,
		}
		copy(e.Key[:], k)
		text := appendEntry(nil, e, synced)
		body, ok := checkSum(bytes.TrimSuffix(text, []byte{'\n'}))
		var l line
		if !ok || bytes.Count(text, []byte{'\n'}) != 1 || !isEntry(body) || !scan(body, &l) {
			t.Fatalf("not read back: %s", text)
		}
		e.At, e.Request, e.Reason = stamp(e.At), clip(e.Request, maxRequest), clip(e.Reason, maxReason)
		if l.entry() != e {
			t.Errorf("wrote %+v, read %+v", e, l.entry())
		}
		// The general parser agrees with the scanner.
		var g struct {
			Kind, Key, Request, Reason, CRC string
			At                              time.Time
			Row, Synced                     int64
			Attempts, Status, Code          int
			InDoubt                         bool `json:"in_doubt"`
		}
		if err := unmarshalStrict(text, &g); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if g.Kind != e.Kind.String() || g.Key != e.Key.String() || !g.At.Equal(e.At) || g.Row != e.Row ||
			g.Attempts != e.Attempts || g.Status != e.Status || g.Code != e.Code ||
			g.Request != e.Request || g.Reason != e.Reason || g.InDoubt != e.InDoubt || g.Synced != l.synced {
			t.Errorf("encoding/json reads %+v", g)
		}
	})
}

func unmarshalStrict(text []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}
