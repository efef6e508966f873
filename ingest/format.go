package ingest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
	"github.com/xuri/nfp"
)

// numberFormats says how the number of a cell is shown.
type numberFormats struct {
	book  *book
	file  *excelize.File // has one cell, which takes the number and its style
	style int            // that the cell has
	dates map[int]bool   // the formats met so far: whether they are of dates or times
}

// shown is a number as a person sees it. One that needs more than fifteen
// digits, all that a spreadsheet's numbers have, comes in scientific notation,
// whatever its format: the others have been lost, or would be if it were
// touched. A date or a time where an id should be comes as one that is known for
// such, in whatever format it is.
func (f *numberFormats) shown(number []byte, style string, id bool) (shown []byte, err error) {
	defer caught(&err)
	x, err := strconv.ParseFloat(strings.TrimSpace(string(number)), 64)
	if err != nil {
		return number, nil // no number, and no rule for it either
	}
	if x >= 1e15 || x <= -1e15 {
		return strconv.AppendFloat(nil, x, 'G', 15, 64), nil
	}
	plain := strconv.FormatFloat(x, 'f', -1, 64)
	if len(strings.Trim(plain, "-0.")) > 16 {
		plain = strconv.FormatFloat(x, 'G', 15, 64)
	}
	n, _ := strconv.Atoi(style)
	if n <= 0 {
		return []byte(plain), nil
	}
	if f.file == nil {
		if err := f.open(); err != nil {
			return nil, err
		}
	}
	formats := f.file.Styles.CellXfs
	if formats == nil || n >= len(formats.Xf) || formats.Xf[n].NumFmtID == nil || *formats.Xf[n].NumFmtID == 0 {
		return []byte(plain), nil
	}
	const sheet, cell = "Sheet1", "A1"
	if f.style != n {
		if err := f.file.SetCellStyle(sheet, cell, cell, n); err != nil {
			return nil, err
		}
		f.style = n
	}
	if err := f.file.SetCellDefault(sheet, cell, plain); err != nil {
		return nil, err
	}
	text, err := f.file.GetCellValue(sheet, cell)
	if err == nil && id && f.isDate(*formats.Xf[n].NumFmtID) {
		if _, known := dates([]byte(text)); !known {
			return f.date(x), nil
		}
	}
	return []byte(text), err
}

// date is the date or time that a number stands for.
func (f *numberFormats) date(x float64) []byte {
	t, err := excelize.ExcelDateToTime(x, f.book.date1904)
	switch {
	case err != nil || t.Year() > 9999:
		return []byte("##########") // so Excel shows it
	case x < 1:
		return []byte(t.Format("15:04:05"))
	}
	return []byte(t.Format("2006/01/02 15:04:05"))
}

// isDate tells whether a format is that of a date or a time: one of the workbook's
// own, or one that every program knows by its number.
func (f *numberFormats) isDate(id int) bool {
	if is, met := f.dates[id]; met {
		return is
	}
	is := id >= 14 && id <= 22 || id >= 27 && id <= 36 || id >= 45 && id <= 47 || id >= 50 && id <= 58
	if own := f.file.Styles.NumFmts; own != nil {
		for _, format := range own.NumFmt {
			if format.NumFmtID == id {
				is = isDateCode(format.FormatCode)
			}
		}
	}
	if f.dates == nil {
		f.dates = map[int]bool{}
	}
	f.dates[id] = is
	return is
}

// isDateCode tells whether the code of a format, such as yyyy/m/d, has a part of
// a date or a time.
func isDateCode(code string) bool {
	parser := nfp.NumberFormatParser()
	return slices.ContainsFunc(parser.Parse(code), func(s nfp.Section) bool {
		return slices.ContainsFunc(s.Items, func(t nfp.Token) bool {
			return t.TType == nfp.TokenTypeDateTimes || t.TType == nfp.TokenTypeElapsedDateTimes
		})
	})
}

// open gives the library, which knows the formats of numbers, the workbook's
// styles and nothing else of it.
func (f *numberFormats) open() error {
	f.file = excelize.NewFile()
	if f.book.styles != nil {
		text, err := f.book.read(f.book.styles)
		if err != nil {
			return inPart(f.book.styles.Name, err)
		}
		// So Excel calls General in Chinese, Japanese and Korean, which the library takes for an era.
		for _, general := range []string{"G/通用格式", "G/標準", "G/표준"} {
			text = bytes.ReplaceAll(text, []byte(general), []byte("General"))
		}
		f.file.Pkg.Store("xl/styles.xml", text)
		f.file.Styles = nil
	}
	// This has it read them. That there may be no style 0 is no fault.
	_, err := f.file.GetStyle(0)
	if syntax, ok := errors.AsType[*xml.SyntaxError](err); ok {
		return inPart(f.book.styles.Name, syntax)
	}
	if own := f.file.Styles.NumFmts; own != nil {
		for _, format := range own.NumFmt {
			format.FormatCode = quoteLetters(format.FormatCode)
		}
	}
	return f.file.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &f.book.date1904})
}

// quoteLetters quotes the letters of the parts of a format that have places for
// digits. There a letter is text, though its writer did not say so, as in 0 EUR, and
// stands for no date. Fractions of a second have such places too.
func quoteLetters(code string) string {
	tokens := formatTokens.FindAllString(code, -1)
	for from := 0; from < len(tokens); {
		part := tokens[from:]
		if end := slices.Index(part, ";"); end >= 0 {
			part = part[:end+1]
		}
		if slices.ContainsFunc(part, func(t string) bool { return t == "0" || t == "#" || t == "?" }) {
			for i, t := range part {
				if len(t) == 1 && (t[0]|0x20 >= 'a' && t[0]|0x20 <= 'z') {
					part[i] = `\` + t
				}
			}
		}
		from += len(part)
	}
	return strings.Join(tokens, "")
}

// formatTokens are the parts of a format: fractions of a second, quoted text, colours
// and the like, an exponent, General, and characters.
var formatTokens = regexp.MustCompile(`(?s)(?i:\[s+\]|s)\.0+|"[^"]*"?|[\\_*].|\[[^\]]*\]|[Ee][+-]|(?i:General)|.`)

func (f *numberFormats) close() {
	if f.file != nil {
		f.file.Close()
	}
}

// caught turns a panic of the library, which meets styles of any making, into
// an error.
func caught(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%v", p)
	}
}
