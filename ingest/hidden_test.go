package ingest

import (
	"fmt"
	"strings"
	"testing"
)

// Hidden rows are counted however their element is written, and only those of
// which rows come.
func TestHiddenRows(t *testing.T) {
	const cells = `<c t="str"><v>c</v></c><c t="s"><v>0</v></c></row>`
	for _, c := range []struct {
		name, rows string
		want       int64
	}{
		{"none", `<row>` + cells + `<row hidden="0">` + cells + `<row hidden="false">` + cells, 0},
		{"by Excel", `<row r="2" spans="1:2" hidden="1" x14ac:dyDescent="0.25">` + cells, 1},
		{"by LibreOffice", `<row r="2" customFormat="false" ht="12.8" hidden="true" customHeight="false">` + cells, 1},
		{"as a boolean of other programs", `<row hidden="True">` + cells + `<row hidden='T'>` + cells + `<row hidden="TRUE">` + cells, 3},
		{"no boolean", `<row hidden="tiny">` + cells + `<row hidden="10">` + cells + `<row hidden="">` + cells, 0},
		{"other quotation marks and spaces", "<row\thidden = '1'\n>" + cells, 1},
		{"first or last of the attributes", `<row hidden="1" r="2">` + cells + `<row r="3" hidden="1">` + cells, 2},
		{"a text of its own", `<row hidden="1"><c t="inlineStr"><is><t>c</t></is></c><c t="s"><v>0</v></c></row>`, 1},
		{"texts of their own only", `<row hidden="1"><c t="inlineStr"><is><t>c</t></is></c><c t="inlineStr"><is><t>t</t></is></c></row>`, 1},
		{"nothing in it, before one that is not hidden", `<row hidden="1"/><row>` + cells, 0},
		{"nothing in it", `<row hidden="1"/><row hidden="1"></row><row hidden="1"><c r="A4" s="1"/></row><row>` + cells, 0},
		{"formulas that show nothing", strings.Repeat(`<row hidden="1"><c t="str"><f>IF(1,"")</f><v></v></c><c t="str"><f>A1</f><v/></c></row>`, 5) + `<row>` + cells, 0},
		{"a formula that shows nothing beside a value", `<row hidden="1"><c t="str"><v></v></c>` + cells, 1},
		{"prefixed names", `<x:row hidden="1"><x:c t="str"><x:v>c</x:v></x:c><x:c t="s"><x:v>0</x:v></x:c></x:row>`, 1},
		{"other attributes and texts", `<row xhidden="1" x:hidden="1"><c t="str"><v>hidden="1"</v></c><c t="s"><v>0</v></c></row>`, 0},
		{"columns", `<cols><col hidden="1"/></cols><row>` + cells, 0},
		{"many", strings.Repeat(`<row hidden="1">`+cells+`<row hidden="0">`+cells, 3000), 3000},
	} {
		_, l := readBook(t, writeParts(t, bookParts(bookHeader+c.rows, "<si><t>t</t></si>")), Options{})
		if l.Hidden != c.want {
			t.Errorf("%s: %d, not %d", c.name, l.Hidden, c.want)
		}
		// However the text is cut as it comes.
		for _, length := range []int{1, 2, 7, 64} {
			var h hiddenRows
			for rest := []byte(c.rows); len(rest) > 0; {
				n := min(length, len(rest))
				fmt.Fprintf(&h, "%s", rest[:n])
				rest = rest[n:]
			}
			if h.n != c.want {
				t.Errorf("%s, in pieces of %d: %d, not %d", c.name, length, h.n, c.want)
			}
		}
	}
	_, l := readBook(t, writeParts(t, bookParts(`<row hidden="1"><c t="str"><v>a title</v></c></row>`+bookHeader+`<row hidden="1">`+cells, "<si><t>t</t></si>")), Options{})
	if l.Hidden != 1 {
		t.Errorf("below a hidden title: %d", l.Hidden)
	}
}
