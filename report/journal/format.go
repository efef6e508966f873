package journal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A line is a JSON object whose last member is the CRC32C of the bytes before
// it, and then a line feed:
//
//	{"kind":"failed","key":"<32 hex>","at":"2026-11-23T20:00:00.000Z","row":7,"status":403,"crc":"<8 hex>"}
//
// A line about a mapping has one spelling only: members in a fixed order, those
// that are zero left out, no white space. So a reader that knows the order
// needs no general JSON parser, and what it accepts it would also write. The
// few lines about the job and its sessions are read by encoding/json.

const (
	version = 1

	maxLine    = 1 << 20 // bytes of a line, its line feed included
	maxReason  = 4096
	maxRequest = 128

	crcMember = `,"crc":"`
	crcTail   = len(crcMember) + 8 + len(`"}`)

	hexDigits = "0123456789abcdef"

	stampLayout = "2006-01-02T15:04:05.000Z"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var kindNames = [...]string{
	Intent:    "intent",
	Unsent:    "unsent",
	Refused:   "refused",
	Lost:      "lost",
	Succeeded: "succeeded",
	Failed:    "failed",
	Retryable: "retryable",
}

// String is the kind as the journal spells it.
func (k Kind) String() string {
	if k > None && int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "none"
}

// header is the first line. Its form is the same in every version, so that an
// older program can tell that the journal is too new for it.
type header struct {
	Kind    string    `json:"kind"` // "journal"
	Version int       `json:"version"`
	API     string    `json:"api"` // host
	Created time.Time `json:"created"`
}

// sessionLine is written when a session begins and again when it ends.
type sessionLine struct {
	Kind    string  `json:"kind"` // "session"
	Synced  int64   `json:"synced"`
	Session Session `json:"session"`
}

// appendSum ends the line that begins at start with its checksum.
func appendSum(b []byte, start int) []byte {
	sum := crc32.Checksum(b[start:], castagnoli)
	b = append(b, crcMember...)
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[sum>>shift&15])
	}
	return append(b, '"', '}', '\n')
}

// checkSum returns the part of a line (without its line feed) that the
// checksum covers, and whether the checksum is right.
func checkSum(line []byte) ([]byte, bool) {
	n := len(line) - crcTail
	if n < 1 {
		return nil, false
	}
	tail := line[n:]
	if string(tail[:len(crcMember)]) != crcMember || string(tail[crcTail-2:]) != `"}` {
		return nil, false
	}
	var sum uint32
	for _, c := range tail[len(crcMember) : crcTail-2] {
		if unhex[c] == notHex {
			return nil, false
		}
		sum = sum<<4 | uint32(unhex[c])
	}
	return line[:n], crc32.Checksum(line[:n], castagnoli) == sum
}

// wholePrefix is the length of the whole valid line, without line feed, that b
// begins with, or 0.
func wholePrefix(b []byte) int {
	for from := 0; ; {
		i := bytes.Index(b[from:], []byte(crcMember))
		if i < 0 || from+i+crcTail > len(b) {
			return 0
		}
		end := from + i + crcTail
		if _, ok := checkSum(b[:end]); ok {
			return end
		}
		from += i + 1
	}
}

// notHex marks in unhex what is not a digit; mantatag writes small letters only.
const notHex = 0x80

var unhex = func() (t [256]byte) {
	for i := range t {
		t[i] = notHex
	}
	for i, c := range hexDigits {
		t[c] = byte(i)
	}
	return t
}()

// appendJSON appends one of the rare lines: header or session.
func appendJSON(b []byte, v any) ([]byte, error) {
	start := len(b)
	buf := bytes.NewBuffer(b)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return b[:start], err
	}
	b = buf.Bytes()
	b = appendSum(b[:len(b)-len("}\n")], start)
	if n := len(b) - start; n > maxLine {
		return b[:start], errors.New("an entry is longer than a line of the journal may be")
	}
	return b, nil
}

// decodeJSON decodes one of the rare lines into v; body is the line without
// its checksum.
func decodeJSON(body []byte, v any) error {
	return json.Unmarshal(append(bytes.Clone(body), '}'), v)
}

// appendEntry appends the line of e. For an intent, synced is the number of
// bytes of the journal that were known to be durable when it was written.
func appendEntry(b []byte, e Entry, synced int64) []byte {
	start := len(b)
	b = append(b, `{"kind":"`...)
	b = append(b, kindNames[e.Kind]...)
	b = append(b, `","key":"`...)
	b = hex.AppendEncode(b, e.Key[:])
	b = append(b, `","at":"`...)
	b = stamp(e.At).AppendFormat(b, stampLayout)
	b = append(b, '"')
	b = appendInt(b, `,"row":`, e.Row)
	b = appendInt(b, `,"attempts":`, int64(e.Attempts))
	b = appendInt(b, `,"status":`, int64(e.Status))
	b = appendInt(b, `,"code":`, int64(e.Code))
	b = appendText(b, `,"request":`, e.Request, maxRequest)
	b = appendText(b, `,"reason":`, e.Reason, maxReason)
	if e.InDoubt {
		b = append(b, inDoubtMember...)
	}
	if e.Kind == Intent {
		b = appendInt(b, `,"synced":`, synced)
	}
	return appendSum(b, start)
}

const inDoubtMember = `,"in_doubt":true`

// stamp is t as the journal keeps it.
func stamp(t time.Time) time.Time {
	t = t.UTC().Truncate(time.Millisecond)
	if t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

func appendInt(b []byte, member string, n int64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(append(b, member...), n, 10)
}

func appendText(b []byte, member, s string, limit int) []byte {
	if s == "" {
		return b
	}
	return appendString(append(b, member...), clip(s, limit))
}

// clip makes s valid UTF-8 and cuts it to limit bytes between two characters.
func clip(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	for !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// appendString appends s, which is valid UTF-8, as a JSON string. What does
// not print is escaped, so that a terminal may show the journal.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case unicode.IsPrint(r):
			b = utf8.AppendRune(b, r)
		case r < 0x10000:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			high := 0xd800 + (r-0x10000)>>10
			low := 0xdc00 + (r-0x10000)&0x3ff
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		}
	}
	return append(b, '"')
}
