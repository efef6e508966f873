package ingest

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Effect is what a rule does with a cell that it applies to.
type Effect string

const (
	Mends Effect = "mends" // the cell surely means something else, and is read as that
	Fails Effect = "fails" // the cell is surely damaged, and what it was cannot be known
	Warns Effect = "warns" // the cell looks odd, and is sent as it stands
)

// Rule is one kind of damage, or oddity, in the cell of an identifying column.
type Rule struct {
	ID       string // of its message
	Effect   Effect
	Fields   []string // where it applies
	Platform string   // it applies to ids of this platform only; "" to all
	Example  string   // a cell that it applies to
	Becomes  string   // what a rule that mends makes of the example

	find func(cell []byte) (becomes []byte, found bool)
}

var (
	everywhere = []string{"tagId", "clientId", "platform", "platformClientId", "botId"}
	anyID      = []string{"tagId", "clientId", "platformClientId", "botId"}
	notTags    = []string{"clientId", "platformClientId", "botId"}
	tags       = []string{"tagId"}
	contactIDs = []string{"platformClientId"}
)

// rules are applied in this order: what is mended is looked at again by those
// that follow. The table in docs/input.md is this one.
var rules = []Rule{
	{ID: "invisible", Effect: Mends, Fields: everywhere, Example: "c12\u200B34", Becomes: "c1234", find: invisible},
	{ID: "surrounding-space", Effect: Mends, Fields: everywhere, Example: "\u00A0c1234 ", Becomes: "c1234", find: surroundingSpace},
	{ID: "full-width", Effect: Mends, Fields: everywhere, Example: "Ｕ１２３４", Becomes: "U1234", find: fullWidth},
	{ID: "text-formula", Effect: Mends, Fields: everywhere, Example: `="00123"`, Becomes: "00123", find: textFormula},
	{ID: "apostrophe", Effect: Mends, Fields: everywhere, Example: "'00123", Becomes: "00123", find: apostrophe},
	{ID: "point-zero", Effect: Mends, Fields: anyID, Example: "12345.0", Becomes: "12345", find: pointZero},
	{ID: "thousands", Effect: Mends, Fields: notTags, Example: "1,234,567", Becomes: "1234567", find: thousands},

	{ID: "replaced", Effect: Fails, Fields: everywhere, Example: "c\uFFFD1", find: holds("\uFFFD")},
	{ID: "control", Effect: Fails, Fields: everywhere, Example: "c1\n2", find: control},
	{ID: "formula", Effect: Fails, Fields: anyID, Example: "=A1&B1", find: matches("=", `^\{?=`)},
	{ID: "quote-in-id", Effect: Fails, Fields: everywhere, Example: `c"1`, find: holds(`"`)},
	{ID: "error-value", Effect: Fails, Fields: anyID, Example: "#N/A", find: matches("#:",
		`^Err:\d{3}$`, // LibreOffice's
		`^#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|SPILL!|CALC!|FIELD!|BLOCKED!|CONNECT!|UNKNOWN!|GETTING_DATA)$`)},
	{ID: "too-narrow", Effect: Fails, Fields: anyID, Example: "########", find: matches("#", `^##+$`)},
	{ID: "no-value", Effect: Fails, Fields: anyID, Example: "NULL", find: noValue},
	{ID: "scientific", Effect: Fails, Fields: anyID, Example: "1.23457E+15", find: matches("eE", `^-?\d+([.,]\d+[eE][+-]?|[eE][+-])\d+$`)},
	{ID: "comma-in-tag", Effect: Fails, Fields: tags, Example: "123,456", find: commaInTag},
	{ID: "rounded", Effect: Fails, Fields: anyID, Example: "12345678901234500000", find: rounded},
	{ID: "odd-rounded", Effect: Warns, Fields: anyID, Example: "1234567890123450", find: maybeRounded},
	{ID: "dotted-thousands", Effect: Fails, Fields: anyID, Example: "1.234.567", find: matches(".", `^\d{1,3}(\.\d{3}){2,}$`)},
	{ID: "date", Effect: Fails, Fields: anyID, Example: "2026/3/1", find: dates},
	{ID: "long-id", Effect: Fails, Fields: anyID, Example: strings.Repeat("x", maxID+1), find: longID},

	{ID: "odd-fraction", Effect: Warns, Fields: anyID, Example: "12.5", find: matches(".,", `^\d+[.,]\d+$`)},
	{ID: "odd-number", Effect: Warns, Fields: anyID, Example: "NT$1,234", find: matches("-%$(,",
		`^-\d[\d,.]*$`,
		`^-?\d[\d,.]* ?%$`,
		`^[-(]?[A-Z]{0,3}\$ ?-?\d[\d,.]*\)?$`,
		`^\(\d[\d,.]*\)$`,
		`^\d{1,3}(,\d{3})+\.\d+$`)},
	{ID: "odd-truth", Effect: Warns, Fields: anyID, Example: "TRUE", find: truthValue},
	{ID: "odd-question", Effect: Warns, Fields: anyID, Example: "c?1", find: holds("?")},
	{ID: "odd-date", Effect: Warns, Fields: anyID, Example: "2026-03-01", find: matches("-", `^\d{4}-\d{1,2}-\d{1,2}([ T].*)?$`)},
	{ID: "odd-space", Effect: Warns, Fields: anyID, Example: "c1 c2", find: innerSpace},
	{ID: "odd-several", Effect: Warns, Fields: tags, Example: "vip;2026", find: several},
	{ID: "odd-letters", Effect: Warns, Fields: notTags, Example: "王小明", find: beyondASCIIOnly},
	{ID: "odd-line", Effect: Warns, Fields: contactIDs, Platform: "line", Example: "王小明", find: notLine},
	{ID: "odd-whatsapp", Effect: Warns, Fields: contactIDs, Platform: "whatsapp", Example: "U12", find: unless(`^\+?[0-9]{7,15}$`)},
	{ID: "odd-mobile", Effect: Warns, Fields: contactIDs, Platform: "whatsapp", Example: "912345678", find: matches("9", `^9\d{8}$`)},
	{ID: "odd-facebook", Effect: Warns, Fields: contactIDs, Platform: "facebook", Example: "王小明", find: unless(`^[0-9]{6,24}$`)},
	{ID: "odd-instagram", Effect: Warns, Fields: contactIDs, Platform: "instagram", Example: "@name", find: unless(`^[0-9]{6,24}$`)},
}

var dates = matches("/-:月",
	`^\d{1,4}/\d{1,2}(/\d{1,4})?( .*)?$`,
	`^\d{1,2}-\d{1,2}-\d{2}$`,
	`^\d{1,2}:\d{2}(:\d{2})?$`,
	`(?i)^\d{1,2}-(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-\d{2,4})?$`,
	`(?i)^(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)-\d{2,4}$`,
	`^(\d{2,4}年)?\d{1,2}月(\d{1,2}日)?$`)

// maxID is the most bytes that an id may have.
const maxID = 512

// Rules returns the rules for cells, in the order in which they are applied.
func Rules() []Rule { return slices.Clone(rules) }

// byField are the rules for the cells of each field, whatever the platform.
var byField = func() (by [fieldCount][]*Rule) {
	for i := range rules {
		for f, name := range fieldNames {
			if rules[i].Platform == "" && slices.Contains(rules[i].Fields, name) {
				by[f] = append(by[f], &rules[i])
			}
		}
	}
	return by
}()

// byPlatform are the rules for the platformClientIds of each platform.
var byPlatform = func() map[string][]*Rule {
	by := map[string][]*Rule{}
	for i := range rules {
		if platform := rules[i].Platform; platform != "" {
			by[platform] = append(by[platform], &rules[i])
		}
	}
	return by
}()

// Classes of bytes in an identifying cell.
const (
	digit = 1 << iota
	letter
	joint // - and _ and :
	other // everything else
)

var class = func() (t [256]byte) {
	for c := range t {
		switch {
		case c >= '0' && c <= '9':
			t[c] = digit
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			t[c] = letter
		case c == '-', c == '_', c == ':':
			t[c] = joint
		default:
			t[c] = other
		}
	}
	return t
}()

// unsuspicious tells the cells, nearly all, to which no rule can apply: ASCII
// letters and digits, unless short enough for a word or a date or long enough
// for a rounded number, or one below zero.
func unsuspicious(cell []byte) bool {
	var classes byte
	for _, c := range cell {
		classes |= class[c]
	}
	switch {
	case classes&other != 0 || len(cell) > maxID:
		return false
	case classes == digit:
		return len(cell) <= 15
	case classes == letter:
		return len(cell) > 9
	case classes&joint != 0:
		return len(cell) > 11 && cell[0] != '-'
	}
	return true
}

func invisible(cell []byte) ([]byte, bool) {
	hidden := func(r rune) bool { return r == '\u00AD' || r != '\u3000' && unicode.Is(unicode.Cf, r) }
	if bytes.IndexFunc(cell, hidden) < 0 {
		return nil, false
	}
	return bytes.Map(func(r rune) rune {
		if hidden(r) {
			return -1
		}
		return r
	}, cell), true
}

func surroundingSpace(cell []byte) ([]byte, bool) {
	trimmed := bytes.TrimFunc(cell, unicode.IsSpace)
	return trimmed, len(trimmed) < len(cell)
}

// betweenTags is what usually stands between the tags of a cell.
const betweenTags = "|;,、｜；，\n\t"

// several tells a cell that looks like several tags, which is sent as one.
func several(cell []byte) ([]byte, bool) {
	cell = bytes.Trim(cell, betweenTags+" ")
	return nil, bytes.ContainsAny(cell, betweenTags)
}

// halfWidth is the ASCII character that a full-width form stands for, or r itself.
func halfWidth(r rune) rune {
	if r >= '！' && r <= '～' {
		return r - '！' + '!'
	}
	return r
}

// fullWidth mends a cell that would be ASCII but for full-width forms, and
// leaves text in Chinese alone.
func fullWidth(cell []byte) ([]byte, bool) {
	found, other := false, false
	mended := bytes.Map(func(r rune) rune {
		if half := halfWidth(r); half != r {
			found = true
			return half
		}
		other = other || r >= utf8.RuneSelf
		return r
	}, cell)
	return mended, found && !other
}

// textFormula is what a cell is written as to keep a spreadsheet from taking
// it for a number.
func textFormula(cell []byte) ([]byte, bool) {
	text, begins := bytes.CutPrefix(cell, []byte(`="`))
	text, ends := bytes.CutSuffix(text, []byte(`"`))
	return text, begins && ends && bytes.IndexByte(text, '"') < 0
}

// apostrophe is what marks a cell as text in a spreadsheet, and sometimes
// comes along into its export.
func apostrophe(cell []byte) ([]byte, bool) {
	text, begins := bytes.CutPrefix(cell, []byte("'"))
	return text, begins && len(text) > 0 && bytes.IndexByte(text, '\'') < 0
}

func pointZero(cell []byte) ([]byte, bool) {
	whole, fraction, point := bytes.Cut(cell, []byte("."))
	zeros := len(fraction) > 0 && len(bytes.Trim(fraction, "0")) == 0
	return whole, point && zeros && allDigits(whole) && len(whole) <= 15
}

// commaInTag tells what is one number or any number of tags.
func commaInTag(cell []byte) ([]byte, bool) {
	return nil, bytes.IndexByte(cell, ',') >= 0 && grouped.Match(cell)
}

func thousands(cell []byte) ([]byte, bool) {
	if bytes.IndexByte(cell, ',') < 0 || !grouped.Match(cell) {
		return nil, false
	}
	whole := bytes.ReplaceAll(cell, []byte(","), nil)
	return whole, len(whole) <= 15
}

var grouped = regexp.MustCompile(`^\d{1,3}(,\d{3})+$`)

func control(cell []byte) ([]byte, bool) {
	return nil, bytes.IndexFunc(cell, unicode.IsControl) >= 0
}

// noValue tells the words by which programs write that there is nothing.
func noValue(cell []byte) ([]byte, bool) {
	if len(cell) > 11 {
		return nil, false
	}
	switch strings.ToLower(string(cell)) {
	case "null", "(null)", "<null>", `\n`, "nil", "none", "nan", "n/a", "undefined", "(blank)", "(empty)", "-", "--", "無", "(空白)", "空白":
		return nil, true
	}
	return nil, false
}

// maybeRound is how many digits an id may have and still end in zeros past
// the 15th by chance: one of ten of 16 digits does, as Facebook's ids have.
const maybeRound = 17

// rounded tells digits of which only the first fifteen, all that a
// spreadsheet's numbers hold, are not zero, and so many that this is no chance;
// and more than fifteen of any kind in a format that only numbers have.
func rounded(cell []byte) ([]byte, bool) {
	digits, formatted := longNumber(cell)
	return nil, formatted || len(digits) > maybeRound && zerosFrom16th(digits)
}

// maybeRounded tells such digits where it may be chance.
func maybeRounded(cell []byte) ([]byte, bool) {
	digits, formatted := longNumber(cell)
	return nil, !formatted && len(digits) <= maybeRound && zerosFrom16th(digits)
}

// longNumber is the digits of a whole number of more than 15, and whether it is
// written with commas between its thousands or with a fraction.
func longNumber(cell []byte) (digits []byte, formatted bool) {
	if len(cell) <= 15 || allDigits(cell) {
		return cell, false
	}
	parts := longNumberForm.FindSubmatch(cell)
	if parts == nil {
		return nil, false
	}
	digits = bytes.ReplaceAll(parts[1], []byte(","), nil)
	return digits, len(digits) > 15 && len(digits) < len(parts[1])+len(parts[2])
}

var longNumberForm = regexp.MustCompile(`^-?(\d{1,3}(?:,\d{3})+|\d+)([.,]0+)?$`)

// zerosFrom16th tells more than 15 digits that are all zero from the 16th on.
func zerosFrom16th(digits []byte) bool {
	return len(digits) > 15 && len(bytes.TrimRight(digits[15:], "0")) == 0
}

// truthValue tells what spreadsheets write for true and false.
func truthValue(cell []byte) ([]byte, bool) {
	switch strings.ToUpper(string(cell[:min(len(cell), 6)])) {
	case "TRUE", "FALSE", "真", "假":
		return nil, true
	}
	return nil, false
}

func longID(cell []byte) ([]byte, bool) { return nil, len(cell) > maxID }

func innerSpace(cell []byte) ([]byte, bool) {
	return nil, bytes.IndexFunc(cell, unicode.IsSpace) >= 0
}

func beyondASCIIOnly(cell []byte) ([]byte, bool) { return nil, indexBeyond(cell) >= 0 }

func notLine(cell []byte) ([]byte, bool) { return nil, !isLineID(cell) }

// isLineID tells LINE's ids: U and 32 hexadecimal digits.
func isLineID(cell []byte) bool {
	if len(cell) != 33 || cell[0] != 'U' {
		return false
	}
	for _, c := range cell[1:] {
		if class[c] != digit && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func holds(part string) func([]byte) ([]byte, bool) {
	return func(cell []byte) ([]byte, bool) { return nil, bytes.Contains(cell, []byte(part)) }
}

// matches finds a pattern in a cell that has one of some characters. Looking
// for those first is what makes most cells cheap.
func matches(some string, patterns ...string) func([]byte) ([]byte, bool) {
	match := regexp.MustCompile(strings.Join(patterns, "|"))
	return func(cell []byte) ([]byte, bool) {
		return nil, len(cell) < 64 && bytes.ContainsAny(cell, some) && match.Match(cell)
	}
}

func unless(pattern string) func([]byte) ([]byte, bool) {
	match := regexp.MustCompile(pattern)
	return func(cell []byte) ([]byte, bool) { return nil, !match.Match(cell) }
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if class[c] != digit {
			return false
		}
	}
	return len(b) > 0
}
