package ingest

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	// guessWithin is how far a text is read for the first byte that is not
	// ASCII; one that has none by then is taken for UTF-8.
	guessWithin = 16 << 20
	// evidenceLength is how much of the text from there is weighed.
	evidenceLength = 256 << 10
	// sureBy is how much likelier the best guess must be than the next, as a
	// natural logarithm: a thousand times.
	sureBy = 7
	// sureFrom is how many characters beyond ASCII there have to be.
	sureFrom = 3
)

// verdict is what was found out about a text's encoding.
type verdict struct {
	charset *charset
	guessed bool   // from the likelihood of its bytes alone
	sample  string // some text beyond ASCII, decoded; "" if there is none
}

// judge finds out the encoding of a text. UTF-8 that decodes strictly is never
// doubted; anything else has to be clearly likelier than the alternatives, or
// the text is refused.
func judge(text io.Reader, n *names) (verdict, error) {
	head, err := readUpTo(text, sniffLength)
	if err != nil {
		return verdict{}, err
	}
	if c, err := containerOf(head); err != nil {
		return verdict{}, err
	} else if c != bare {
		return verdict{}, &InputError{Message: say("packed", c), Hint: say("hint-unpack-once")}
	}
	if c := byMark(head); c != nil {
		return verdict{charset: c}, nil
	}
	if c := byZeros(head); c != nil {
		return verdict{charset: c, guessed: true, sample: c.sample(head[:min(len(head), 400)&^1])}, nil
	}
	if isBinary(head) {
		return verdict{}, &InputError{Message: say("binary"), Hint: say("hint-formats")}
	}
	evidence, whole, err := beyondASCII(text, head)
	if err != nil || len(evidence) == 0 {
		return verdict{charset: utf8Text}, err
	}
	runes, invalid := countUTF8(evidence, whole)
	if runes >= 4*invalid { // a few bad bytes in UTF-8 cost their rows only
		return verdict{charset: utf8Text, sample: utf8Text.sample(firstBeyond(evidence))}, nil
	}
	return weigh(head, evidence, n)
}

// readUpTo reads n bytes, or fewer at the end of the text.
func readUpTo(text io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	got, err := io.ReadFull(text, b)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return b[:got], err
}

// beyondASCII gives the text from the line with the first byte beyond ASCII
// on, and whether that is all of the rest.
func beyondASCII(text io.Reader, head []byte) (evidence []byte, whole bool, err error) {
	for read := len(head); ; {
		if at := indexBeyond(head); at >= 0 {
			evidence = head[bytes.LastIndexByte(head[:at], '\n')+1:]
			break
		}
		if len(head) < sniffLength || read >= guessWithin {
			return nil, true, nil
		}
		if head, err = readUpTo(text, sniffLength); err != nil {
			return nil, false, err
		}
		read += len(head)
	}
	more, err := readUpTo(text, evidenceLength)
	return append(bytes.Clone(evidence), more...), len(more) < evidenceLength, err
}

// indexBeyond is where the first byte beyond ASCII stands, or -1.
func indexBeyond(b []byte) int {
	if n := asciiPrefix(b); n < len(b) {
		return n
	}
	return -1
}

// firstBeyond is the first line of the evidence, from shortly before the byte
// beyond ASCII.
func firstBeyond(evidence []byte) []byte {
	at := indexBeyond(evidence)
	from := max(0, at-40, bytes.LastIndexByte(evidence[:at], '\n')+1)
	line, _, _ := bytes.Cut(evidence[from:], []byte("\n"))
	return line[:min(len(line), 240)]
}

// byZeros recognises UTF-16 without a mark by the zero halves of its ASCII.
func byZeros(head []byte) *charset {
	var zeros [2]int
	for i, c := range head {
		if c == 0 {
			zeros[i%2]++
		}
	}
	c, half := utf16LE, 1
	if zeros[0] > zeros[1] {
		c, half = utf16BE, 0
	}
	if zeros[half] <= len(head)/20 || zeros[1-half] >= (zeros[half]+19)/20 {
		return nil
	}
	text, _ := c.coding.NewDecoder().Bytes(head[:len(head)&^1])
	if isBinary(text) || bytes.Count(text, []byte("\uFFFD")) > len(text)/100 {
		return nil
	}
	return c
}

// isBinary tells data from text, which has hardly any control characters.
func isBinary(head []byte) bool {
	controls := 0
	for _, c := range head {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1A && c != 0x1B {
			controls++
		}
	}
	return controls > 3 && controls > len(head)/100
}

// countUTF8 counts the characters beyond ASCII and the bytes that are not
// UTF-8. The last character may be cut off unless this is the whole.
func countUTF8(text []byte, whole bool) (runes, invalid int) {
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		switch {
		case r != utf8.RuneError || n > 1:
			runes++
		case !whole && !utf8.FullRune(text[i:]):
			return runes, invalid
		default:
			invalid++
		}
		i += n
	}
	return runes, invalid
}

// weigh finds the likeliest of the older encodings.
func weigh(head, evidence []byte, n *names) (verdict, error) {
	type guess struct {
		charset *charset
		score
	}
	var best, second guess
	fits := hasWestern(evidence)
	for i, c := range []struct {
		charset *charset
		weigh   func([]byte) score
	}{{big5, weighBig5}, {gb18030, weighGB}, {western, weighWestern}} {
		g := guess{c.charset, c.weigh(evidence)}
		fits = fits || c.charset != western && g.invalid < g.chars
		if c.charset != western && headerSpeaks(c.charset, head, n) {
			g.likelihood += 2 * sureBy
		}
		switch {
		case i == 0 || g.likelihood > best.likelihood:
			best, second = g, best
		case second.charset == nil || g.likelihood > second.likelihood:
			second = g
		}
	}
	if !fits { // bytes of no encoding that is known cost their rows only
		return verdict{charset: utf8Text}, nil
	}
	line := firstBeyond(evidence)
	sample := best.charset.sample(line)
	if best.chars < sureFrom || best.likelihood-second.likelihood < sureBy || best.invalid*50 > best.chars || best.rare*4 > best.chars {
		return verdict{}, &InputError{
			Message: say("doubtful-encoding", best.charset.name, sample, second.charset.name, second.charset.sample(line)),
			Hint:    say("hint-encoding"),
		}
	}
	return verdict{charset: best.charset, guessed: true, sample: sample}, nil
}

// hasWestern reports whether any byte beyond ASCII may be Windows-1252's: five are
// none of its characters, and the last of them, ÿ, stands in names beside letters
// only, such as L'Haÿ. Nearly all others may be a letter or a sign.
func hasWestern(text []byte) bool {
	isLetter := func(i int) bool {
		return i >= 0 && i < len(text) && (text[i]|0x20 >= 'a' && text[i]|0x20 <= 'z')
	}
	for i, c := range text {
		switch {
		case c < 0x80, c == 0x81, c == 0x8D, c == 0x8F, c == 0x90, c == 0x9D:
		case c == 0xFF && !isLetter(i-1) && !isLetter(i+1):
		default:
			return true
		}
	}
	return false
}

// headerSpeaks tells whether the beginning, decoded so, has a Chinese name of
// a column that is looked for.
func headerSpeaks(c *charset, head []byte, n *names) bool {
	lines := head[:min(len(head), 2000)]
	text, _ := c.coding.NewDecoder().Bytes(lines)
	for cell := range strings.FieldsFuncSeq(string(text), func(r rune) bool { return strings.ContainsRune(",;\t|\"\r\n", r) }) {
		if f, _ := n.fieldOf(cell); f >= 0 && indexBeyond([]byte(cell)) >= 0 {
			return true
		}
	}
	return false
}

// score is how well a text fits an encoding.
type score struct {
	likelihood float64 // natural logarithm
	chars      int     // beyond ASCII, of which
	invalid    int     // do not decode, and
	rare       int     // are of a kind that hardly occurs
}

// The logarithms of how likely a character of each kind is in a table of
// names and ids: the share of the kind over the number of its characters.
const (
	asciiChar   = -4.2  // 1 of 64
	invalidByte = -25.0 // next to never
)

func (s *score) add(likelihood float64) { s.likelihood += likelihood; s.chars++ }
func (s *score) odd(likelihood float64) { s.add(likelihood); s.rare++ }
func (s *score) bad()                   { s.add(invalidByte); s.invalid++ }

// weighBig5 knows the frequent characters, 5,401 in rows A4 to C6, from the
// rarer ones, 7,652 in rows C9 to F9.
func weighBig5(text []byte) (s score) {
	for i := 0; i < len(text); i++ {
		lead := text[i]
		if lead < 0x80 {
			s.likelihood += asciiChar
			continue
		}
		if i+1 == len(text) {
			break
		}
		trail := text[i+1]
		if lead == 0x80 || lead == 0xFF || trail < 0x40 || trail > 0x7E && trail < 0xA1 || trail == 0xFF {
			s.bad()
			continue
		}
		i++
		switch {
		case lead >= 0xA4 && lead <= 0xC5, lead == 0xC6 && trail <= 0x7E:
			s.add(-8.7) // 0.9 over 5,401
		case lead >= 0xC9 && lead <= 0xF9:
			s.add(-12.2) // 0.04 over 7,652
		case lead >= 0xA1 && lead <= 0xA3:
			s.add(-9.1) // 0.05 over 440
		default:
			s.odd(-15.6) // 0.001 over 6,000
		}
	}
	return s
}

// weighGB knows the 3,755 frequent characters of GB 2312, rows B0 to D7, its
// 3,008 rarer ones, and what GBK and GB18030 added.
func weighGB(text []byte) (s score) {
	for i := 0; i < len(text); i++ {
		lead := text[i]
		if lead < 0x80 {
			s.likelihood += asciiChar
			continue
		}
		if i+1 == len(text) {
			break
		}
		trail := text[i+1]
		switch {
		case lead == 0x80 || lead == 0xFF:
			s.bad()
			continue
		case trail >= '0' && trail <= '9':
			if i+3 < len(text) && text[i+2] > 0x80 && text[i+2] < 0xFF && text[i+3] >= '0' && text[i+3] <= '9' {
				s.odd(-21) // 0.0005 over 1,000,000
				i += 3
			} else {
				s.bad()
			}
			continue
		case trail < 0x40 || trail == 0x7F || trail == 0xFF:
			s.bad()
			continue
		}
		i++
		switch {
		case trail >= 0xA1 && lead >= 0xB0 && lead <= 0xD7:
			s.add(-8.3) // 0.9 over 3,755
		case trail >= 0xA1 && lead >= 0xD8 && lead <= 0xF7:
			s.add(-11.5) // 0.03 over 3,008
		case trail >= 0xA1 && lead >= 0xA1 && lead <= 0xA9:
			s.add(-9.5) // 0.05 over 700
		default:
			s.odd(-14.1) // 0.01 over 14,000
		}
	}
	return s
}

// weighWestern knows that letters with accents stand one at a time among
// ASCII letters.
func weighWestern(text []byte) (s score) {
	for i, c := range text {
		if c < 0x80 {
			s.likelihood += asciiChar
			continue
		}
		switch {
		case c == 0x81 || c == 0x8D || c == 0x8F || c == 0x90 || c == 0x9D:
			s.bad()
		case c >= 0xDF && c != 0xF7:
			s.add(-4.0) // small letters: 0.6 over 32
		case c >= 0xC0 && c != 0xD7:
			s.add(-5.7) // capitals: 0.1 over 31
		case bytes.IndexByte([]byte("\x80\x85\x91\x92\x93\x94\x96\x97\x99\xA0\xA1\xA3\xA9\xAA\xAB\xAE\xB0\xB4\xB7\xBA\xBB\xBF"), c) >= 0:
			s.add(-4.5) // punctuation: 0.25 over 22
		default:
			s.odd(-8.3) // 0.01 over 40
		}
		if i > 0 && text[i-1] >= 0x80 {
			s.likelihood -= 3
		}
	}
	return s
}
