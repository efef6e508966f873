package ingest

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
)

// formatted is a workbook of one row, whose cells A2 and C2 hold a number in a
// format: an id and a note.
func formatted(t *testing.T, number string, id int, code string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(code))
	header := strings.Replace(bookHeader, "</row>", `<c t="str"><v>note</v></c></row>`, 1)
	parts := bookParts(header+fmt.Sprintf(`<row r="2"><c s="1"><v>%s</v></c><c t="s"><v>0</v></c><c s="1"><v>%[1]s</v></c></row>`, number), "<si><t>t</t></si>")
	own := ""
	if code != "" {
		own = fmt.Sprintf(`<numFmts count="1"><numFmt numFmtId="%d" formatCode="%s"/></numFmts>`, id, b.String())
	}
	parts["xl/styles.xml"] = fmt.Sprintf(`<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">%s<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="%d" applyNumberFormat="1"/></cellXfs></styleSheet>`, own, id)
	return writeParts(t, parts)
}

// A date or a time is no id in any format, and any other number is as it is shown.
func TestDatesByTheirFormat(t *testing.T) {
	for _, c := range []struct {
		number string
		id     int // of the format
		code   string
		want   string // the fault and how the cell comes out, or the id
	}{
		{"46082", 14, "", "!date 03-01-26"},
		{"46082.7", 22, "", "!date 3/1/26 16:48"},
		{"0.7", 18, "", "!date 16:48:00"},
		{"0.7", 21, "", "!date 16:48:00"},
		{"46082", 31, "", "!date 2026/03/01 00:00:00"},
		{"0.7", 32, "", "!date 16:48:00"},
		{"46082", 57, "", "!date 2026/03/01 00:00:00"},
		{"46082", 31, `yyyy"年"m"月"d"日"`, "!date 2026年3月1日"},
		{"1.5", 46, "", "!date 36:00:00"},
		{"46082", 164, "yyyy-mm-dd", "!date 2026/03/01 00:00:00"},
		{"46082.7", 164, `yyyy\-mm\-dd\Thh:mm:ss`, "!date 2026/03/01 16:48:00"},
		{"0.7", 164, "h:mm AM/PM", "!date 16:48:00"},
		{"0.7", 164, `[$-404]AM/PM hh"時"mm"分"`, "!date 16:48:00"},
		{"46082", 164, `[$-404]e"年"m"月"d"日"`, "!date 115年3月1日"},
		{"46082", 164, "[$-404]e/m/d", "!date 115/3/1"},
		{"46082", 164, "[h]:mm", "!date 2026/03/01 00:00:00"},
		{"46082", 164, "mmmm yyyy", "!date 2026/03/01 00:00:00"},
		{"46082", 164, "dddd", "!date 2026/03/01 00:00:00"},
		{"46082", 164, "e", "!date 2026/03/01 00:00:00"},
		{"46082", 164, `[$-404]e"年"`, "!date 2026/03/01 00:00:00"},
		{"46082", 164, "[$-404]ge", "!date 2026/03/01 00:00:00"},
		{"46082", 164, "aaaa", "!date 2026/03/01 00:00:00"},
		{"-5", 164, "yyyy-mm-dd", "!too-narrow ##########"},
		{"9999999", 164, "yyyy-mm-dd", "!too-narrow ##########"},

		{"46082", 0, "", "46082"},
		{"46082", 1, "", "46082"},
		{"46082", 49, "", "46082"},
		{"46082", 164, "0000000000", "0000046082"},
		{"46082", 14, "0", "46082"},
		{"46082", 164, `"C"0000`, "C46082"},
		{"46082", 164, `"yymmdd"0`, "yymmdd46082"},
		{"46082", 164, `\D0`, "D46082"},
		{"46082", 164, "[Red]0", "46082"},
		{"46082", 164, "[DBNum1]0", "四六○八二"},
		{"46082", 164, "[$-404]0", "46082"},
		{"46082", 164, "[$EUR]0", "EUR46082"},
		{"912345678", 164, "[<=9999999]###-####;0000-000-000", "91234-5678"},
		{"46082", 164, "_-* #,##0_-", "46082"},
		{"46082", 164, "0_);[Red](0)", "46082"},
		{"46082", 164, `General" days"`, "46082"},
		{"46082", 164, "##0.0E+0", "46082"},
		{"46082", 164, "G/通用格式", "46082"},
		{"46082", 164, `G/通用格式"號"`, "46082"},
		{"46082", 164, "G/標準", "46082"},
		// Where there are places for digits, letters are text, quoted or not.
		{"46082", 164, "0 EUR", "46082 EUR"},
		{"46082", 164, "E0", "E46082"},
		{"46082", 164, `[Red]MOP 0;-0 "d"EUR`, "MOP 46082"},
		{"-46082", 164, `0;-#"y" SEK`, "-46082y SEK"},
		{"46082", 164, `yyyy-mm-dd;0 EUR`, "!date 2026/03/01 00:00:00"},
		{"46082.7", 164, "[h]:mm:ss.00", "!date 2026/03/01 16:48:00"},
		{"46082.7", 164, "[ss].00", "!date 2026/03/01 16:48:00"},
		{"46082", 164, "G/표준", "46082"},
	} {
		rows, _ := readBook(t, formatted(t, c.number, c.id, c.code), Options{})
		got := rows[0].ClientID
		cells := strings.Split(string(rows[0].Own), ",")
		if fault, failed := rows[0].Err.(*Fault); failed {
			got = "!" + fault.ID + " " + cells[0]
		}
		if got != c.want {
			t.Errorf("%s in format %d %q: %q, not %q", c.number, c.id, c.code, got, c.want)
		}
		if strings.HasPrefix(c.want, "!") { // what is written of it fails again
			if rows, _ := readAll(t, "clientId,tagId\n"+cells[0]+",t\n", Options{}); rows[0].Err == nil {
				t.Errorf("%q is an id", cells[0])
			}
		}
		if c.code == "yyyy-mm-dd" && c.number == "46082" && cells[2] != "2026-03-01" {
			t.Errorf("the note is %q", cells[2])
		}
	}
}
