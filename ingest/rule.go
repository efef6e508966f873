package ingest

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// Classes of bytes in an identifying cell. Most cells are of plain ones only
// and need no closer look.
const (
	digit = 1 << iota
	letter
	dash  // - _ : @ ~
	other // everything else
)

var class = func() (t [256]byte) {
	for c := range t {
		switch {
		case c >= '0' && c <= '9':
			t[c] = digit
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			t[c] = letter
		case c == '-', c == '_', c == ':', c == '@', c == '~':
			t[c] = dash
		default:
			t[c] = other
		}
	}
	return t
}()

// checkCell looks for damage in the cell of field f. It returns the cell as it
// is meant, or a message that says why that cannot be known. What it mends or
// finds odd it notes in the row.
func checkCell(f int, cell []byte, row *Row, column string) ([]byte, Message) {
	var classes byte
	for _, c := range cell {
		classes |= class[c]
	}
	name := column
	if name == "" {
		name = fieldNames[f]
	}
	if classes&other != 0 {
		cell = bytes.TrimFunc(cell, unicode.IsSpace)
		for rest := cell; len(rest) > 0; {
			r, n := utf8.DecodeRune(rest)
			switch {
			case r == utf8.RuneError:
				return nil, say("replaced", name)
			case unicode.IsControl(r):
				return nil, say("control", name)
			case r == '"':
				return nil, say("quote-in-id", name, string(cell))
			}
			rest = rest[n:]
		}
	}
	if f == fieldPlatform || len(cell) == 0 {
		return cell, Message{}
	}
	switch {
	case class[cell[0]] == digit && isScientific(cell):
		return nil, say("scientific", name, string(cell))
	case classes == digit && isRounded(cell):
		return nil, say("rounded", name, string(cell))
	}
	return cell, Message{}
}

// isScientific tells a number such as 1.23457E+15. Without a point or a sign,
// as in 1E10, it may as well be an id.
func isScientific(cell []byte) bool {
	e := bytes.IndexAny(cell, "eE")
	if e < 0 {
		return false
	}
	mantissa, exponent := cell[:e], cell[e+1:]
	whole, fraction, point := bytes.Cut(mantissa, []byte("."))
	sign := len(exponent) > 0 && (exponent[0] == '+' || exponent[0] == '-')
	if sign {
		exponent = exponent[1:]
	}
	return (point || sign) && allDigits(whole) && (!point || allDigits(fraction)) && allDigits(exponent)
}

// isRounded tells digits of which only the first fifteen, all that a
// spreadsheet's numbers hold, are not zero.
func isRounded(cell []byte) bool {
	return len(cell) > 15 && len(bytes.TrimRight(cell[15:], "0")) == 0
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if class[c] != digit {
			return false
		}
	}
	return len(b) > 0
}
