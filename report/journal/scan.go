package journal

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// line is a line about a mapping, taken apart without allocation: request and
// reason are JSON strings that still point into the text.
type line struct {
	Entry  // without Request and Reason
	synced int64

	request, reason []byte
}

// entry is the line as its writer gave it. The strings were checked by scan.
func (l *line) entry() Entry {
	e := l.Entry
	e.Request, _ = unquote(l.request)
	e.Reason, _ = unquote(l.reason)
	return e
}

// isEntry reports whether a line is about a mapping, rather than a header or
// a session.
func isEntry(body []byte) bool {
	const key = `","key":"`
	for i := len(`{"kind":"`); i < len(body) && i < 24; i++ {
		if body[i] == '"' {
			return len(body) > i+len(key) && string(body[i:i+len(key)]) == key
		}
	}
	return false
}

// scan takes a line about a mapping apart; body is the line without its
// checksum. It accepts exactly what appendEntry writes.
func scan(body []byte, l *line) bool {
	s := scanner{text: body}
	*l = line{}
	if !s.skip(`{"kind":"`) {
		return false
	}
	for k := Intent; k <= Retryable; k++ {
		if s.skip(kindNames[k]) {
			l.Kind = k
			break
		}
	}
	return l.Kind != None &&
		s.skip(`","key":"`) && s.key(&l.Key) &&
		s.skip(`","at":"`) && s.time(&l.At) && s.skip(`"`) &&
		s.number(`,"row":`, &l.Row) &&
		s.count(`,"attempts":`, &l.Attempts) &&
		s.count(`,"status":`, &l.Status) &&
		s.count(`,"code":`, &l.Code) &&
		s.string(`,"request":`, &l.request, maxRequest) &&
		s.string(`,"reason":`, &l.reason, maxReason) &&
		s.flag(inDoubtMember, &l.InDoubt) &&
		(l.Kind != Intent || s.number(`,"synced":`, &l.synced)) &&
		len(s.text) == 0
}

// scanner reads members in their order. A method that takes a member's name
// accepts that the member is not there.
type scanner struct{ text []byte }

func (s *scanner) skip(prefix string) bool {
	if len(s.text) < len(prefix) || string(s.text[:len(prefix)]) != prefix {
		return false
	}
	s.text = s.text[len(prefix):]
	return true
}

func (s *scanner) key(k *Key) bool {
	if len(s.text) < 2*len(k) {
		return false
	}
	text := s.text[:2*len(k)]
	var wrong byte
	for i := range k {
		hi, lo := unhex[text[2*i]], unhex[text[2*i+1]]
		wrong |= hi | lo
		k[i] = hi<<4 | lo
	}
	s.text = s.text[len(text):]
	return wrong&notHex == 0
}

// time reads a stamp of the fixed width of stampLayout.
func (s *scanner) time(t *time.Time) bool {
	if len(s.text) < len(stampLayout) {
		return false
	}
	b := s.text[:len(stampLayout)]
	s.text = s.text[len(b):]
	if b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' || b[19] != '.' || b[23] != 'Z' {
		return false
	}
	year, month, day := 100*pair(b, 0)+pair(b, 2), time.Month(pair(b, 5)), pair(b, 8)
	hour, minute, second := pair(b, 11), pair(b, 14), pair(b, 17)
	milli := 10*pair(b, 20) + int(b[22]-'0')
	if year|int(month)|day|hour|minute|second|milli < 0 || b[22] < '0' || '9' < b[22] ||
		month < 1 || 12 < month || day < 1 || 31 < day || hour > 23 || minute > 59 || second > 59 {
		return false
	}
	*t = time.Date(year, month, day, hour, minute, second, milli*int(time.Millisecond), time.UTC)
	return day <= 28 || t.Day() == day
}

// pair reads two digits; what is not digits comes out so far below zero that
// no sum hides it.
func pair(b []byte, at int) int {
	tens, ones := b[at]-'0', b[at+1]-'0'
	if tens > 9 || ones > 9 {
		return -1 << 20
	}
	return int(tens)*10 + int(ones)
}

func (s *scanner) number(member string, n *int64) bool {
	if !s.skip(member) {
		return true
	}
	end := 0
	if len(s.text) > 0 && s.text[0] == '-' {
		end++
	}
	first := end
	var v int64
	for end < len(s.text) && '0' <= s.text[end] && s.text[end] <= '9' {
		v = v*10 + int64(s.text[end]-'0')
		end++
	}
	if end == first || s.text[first] == '0' {
		return false // no digits, a zero that is not written, or a leading one
	}
	var err error
	if end > 18 { // v may have overflowed
		v, err = strconv.ParseInt(string(s.text[:end]), 10, 64)
	} else if first > 0 {
		v = -v
	}
	*n = v
	s.text = s.text[end:]
	return err == nil
}

func (s *scanner) count(member string, n *int) bool {
	var v int64
	ok := s.number(member, &v)
	*n = int(v)
	return ok && int64(*n) == v
}

func (s *scanner) flag(member string, b *bool) bool {
	*b = s.skip(member)
	return true
}

// string reads a JSON string of at most limit bytes when decoded.
func (s *scanner) string(member string, raw *[]byte, limit int) bool {
	if !s.skip(member) {
		return true
	}
	if len(s.text) == 0 || s.text[0] != '"' {
		return false
	}
	plain := true
	for i := 1; i < len(s.text); i++ {
		c := s.text[i]
		switch {
		case c == '\\':
			plain = false
			i++
		case c == '"':
			*raw, s.text = s.text[:i+1], s.text[i+1:]
			if plain {
				return 1 < i && i-1 <= limit
			}
			text, ok := unquote(*raw)
			return ok && text != "" && len(text) <= limit
		case c < ' ' || c > '~':
			plain = false
		}
	}
	return false
}

// unquote decodes a JSON string; no string at all is an empty one.
func unquote(raw []byte) (string, bool) {
	if len(raw) == 0 {
		return "", true
	}
	if body := raw[1 : len(raw)-1]; !slices.ContainsFunc(body, coded) {
		return string(body), true
	}
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err == nil
}

// coded reports whether a byte of a JSON string may stand for something else than
// itself.
func coded(c byte) bool { return c < ' ' || c > '~' || c == '\\' }
