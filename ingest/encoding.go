package ingest

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// charset is an encoding that inputs come in.
type charset struct {
	name    string
	aliases []string
	coding  encoding.Encoding // nil for UTF-8
}

var utf8Text = &charset{name: "utf-8", aliases: []string{"utf8", "65001", "cp65001", "utf8bom", "utf8sig"}}

var (
	utf16LE = &charset{"utf-16le", []string{"1200", "utf16", "unicode", "ucs2"}, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)}
	utf16BE = &charset{"utf-16be", []string{"1201"}, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)}
	big5    = &charset{"big5", []string{"cp950", "950", "ms950", "windows950", "big5hkscs", "big5eten"}, traditionalchinese.Big5}
	gb18030 = &charset{"gb18030", []string{"gbk", "gb2312", "cp936", "936", "ms936", "windows936", "54936", "hzgb"}, simplifiedchinese.GB18030}
	western = &charset{"windows-1252", []string{"cp1252", "1252", "latin1", "iso88591", "ansi", "ascii"}, charmap.Windows1252}
)

var charsets = []*charset{utf8Text, utf16LE, utf16BE, big5, gb18030, western}

// charsetNamed finds a charset by the name that --encoding gives it.
func charsetNamed(name string) (*charset, error) {
	var all []string
	for _, c := range charsets {
		all = append(all, c.name)
		for _, n := range append(c.aliases, c.name) {
			if foldName(n) == foldName(name) {
				return c, nil
			}
		}
	}
	return nil, &InputError{Message: say("bad-encoding", name, strings.Join(all, ", "))}
}

// byMark finds the charset that a byte order mark names.
func byMark(begins []byte) *charset {
	switch {
	case bytes.HasPrefix(begins, []byte("\xEF\xBB\xBF")):
		return utf8Text
	case bytes.HasPrefix(begins, []byte("\xFF\xFE")):
		return utf16LE
	case bytes.HasPrefix(begins, []byte("\xFE\xFF")):
		return utf16BE
	}
	return nil
}

// decode gives the text in UTF-8. What cannot be decoded becomes U+FFFD, which
// the row in which it stands is failed for.
func (c *charset) decode(text io.Reader) io.Reader {
	switch c {
	case utf8Text:
		return text
	case utf16LE, utf16BE:
		return transform.NewReader(text, c.coding.NewDecoder())
	}
	return transform.NewReader(text, asciiRuns{c.coding.NewDecoder()})
}

// asciiRuns decodes a text that is mostly ASCII, as tables of ids are, by
// giving only the rest to a decoder. The decoder must keep no state between
// characters, and none of them may have a byte below '0' after its first.
type asciiRuns struct{ transform.Transformer }

func (a asciiRuns) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for {
		n := copy(dst[nDst:], src[nSrc:nSrc+asciiPrefix(src[nSrc:])])
		nDst, nSrc = nDst+n, nSrc+n
		if nSrc == len(src) {
			return nDst, nSrc, nil
		}
		if src[nSrc] < utf8.RuneSelf {
			return nDst, nSrc, transform.ErrShortDst
		}
		end := nSrc
		for end < len(src) && src[end] >= '0' {
			end++
		}
		d, s, err := a.Transformer.Transform(dst[nDst:], src[nSrc:end], atEOF || end < len(src))
		nDst, nSrc = nDst+d, nSrc+s
		if err != nil {
			return nDst, nSrc, err
		}
	}
}

// asciiPrefix is how many bytes are ASCII.
func asciiPrefix(b []byte) int {
	n := 0
	for len(b)-n >= 8 && binary.LittleEndian.Uint64(b[n:])&0x8080808080808080 == 0 {
		n += 8
	}
	for n < len(b) && b[n] < utf8.RuneSelf {
		n++
	}
	return n
}

// sample decodes some text for a person to look at.
func (c *charset) sample(text []byte) string {
	decoded := text
	if c.coding != nil {
		decoded, _ = c.coding.NewDecoder().Bytes(text)
	}
	s := strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(decoded), "\uFFFD"))
	if runes := []rune(s); len(runes) > 60 {
		s = string(runes[:60]) + "…"
	}
	return strings.TrimSpace(s)
}
