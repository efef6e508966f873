package ingest

import (
	"archive/zip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// bookParts are the parts of a small workbook; rows and texts go into its first
// worksheet and its shared texts.
func bookParts(rows, texts string) map[string]string {
	const main = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	const related = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	return map[string]string{
		"xl/workbook.xml": `<workbook ` + main + ` xmlns:r="` + related + `"><sheets><sheet name="Data" sheetId="1" r:id="rId1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
			`<Relationship Id="rId1" Type="` + related + `/worksheet" Target="worksheets/sheet1.xml"/>` +
			`<Relationship Id="rId2" Type="` + related + `/sharedStrings" Target="sharedStrings.xml"/>` +
			`<Relationship Id="rId3" Type="` + related + `/styles" Target="styles.xml"/></Relationships>`,
		"xl/worksheets/sheet1.xml": `<worksheet ` + main + `><sheetData>` + rows + `</sheetData></worksheet>`,
		"xl/sharedStrings.xml":     `<sst ` + main + `>` + texts + `</sst>`,
		"xl/styles.xml": `<styleSheet ` + main + `><numFmts count="1"><numFmt numFmtId="164" formatCode="0000000000"/></numFmts>` +
			`<cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="1" applyNumberFormat="1"/><xf numFmtId="164" applyNumberFormat="1"/></cellXfs></styleSheet>`,
	}
}

// writeParts writes an archive of the parts. Those in huge are said to unpack to
// 100 MiB.
func writeParts(tb testing.TB, parts map[string]string, huge ...string) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "book.xlsx")
	file, err := os.Create(name)
	if err != nil {
		tb.Fatal(err)
	}
	z := zip.NewWriter(file)
	for part, text := range parts {
		create := z.Create
		if slices.Contains(huge, part) {
			create = func(name string) (io.Writer, error) {
				return z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate, UncompressedSize64: 100 << 20, CompressedSize64: uint64(len(text))})
			}
		}
		out, err := create(part)
		if err == nil {
			_, err = io.WriteString(out, text)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), file.Close()); err != nil {
		tb.Fatal(err)
	}
	return name
}

const bookHeader = `<row r="1"><c r="A1" t="inlineStr"><is><t>clientId</t></is></c><c r="B1" t="str"><v>tagId</v></c></row>`

// What writers of workbooks do that Excel itself seldom does.
func TestOddWorkbooks(t *testing.T) {
	const texts = `<si><t>t</t></si>` +
		`<si><r><rPr><b/></rPr><t>王</t></r><r><t xml:space="preserve"> 小明</t></r><rPh sb="0" eb="1"><t>ㄨㄤ</t></rPh><phoneticPr fontId="1"/></si>` +
		`<si><t>a_x000D_b _x005F_x000D_ _x00zz_</t></si><si/><si><t><![CDATA[c<1>]]></t></si>`
	plain := func(rows string) map[string]string { return bookParts(bookHeader+rows, texts) }
	changed := func(parts map[string]string, part string, replace ...string) map[string]string {
		parts[part] = strings.NewReplacer(replace...).Replace(parts[part])
		return parts
	}
	named := func(rows, part, name string) map[string]string {
		parts := plain(rows)
		parts[name] = parts[part]
		delete(parts, part)
		return parts
	}
	const one = `<row r="2"><c r="A2" t="str"><v>c1</v></c><c r="B2" t="s"><v>0</v></c></row>`
	oneRow := []string{"1@2 t c1   | c1,t | "}
	for _, c := range []struct {
		name  string
		parts map[string]string
		want  []string
	}{
		{"no places given", plain(`<row><c t="str"><v>c1</v></c><c t="s"><v>0</v></c></row>`), oneRow},
		{"an empty cell without a place", plain(`<row><c/><c t="s"><v>0</v></c></row>`), []string{"1@2 !no-client | ,t | "}},
		{"runs and how they are spoken", plain(`<row r="2"><c r="A2" t="s"><v>1</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 t 王 小明   | 王 小明,t | "}},
		{"escaped characters", plain(`<row r="2"><c r="A2" t="s"><v>2</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 !control | \"a\rb _x000D_ _x00zz_\",t | "}},
		{"character data", plain(`<row r="2"><c r="A2" t="s"><v>4</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 t c<1>   | c<1>,t | "}},
		{"rows of white space", plain(`<row r="2"><c r="A2" t="str"><v>  </v></c><c r="B2" t="str"><v>` + "\u3000" + `</v></c></row>` + strings.ReplaceAll(one, "2", "3")), []string{"1@3 t c1   | c1,t | "}},
		{"an empty text", plain(`<row r="2"><c r="A2" t="s"><v>3</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 !no-client | ,t | "}},
		{"a formula's text", plain(`<row r="2"><c r="A2" t="str"><f>"c"&amp;1</f><v>c1</v></c><c r="B2" t="s"><v>0</v></c></row>`), oneRow},
		{"a formula's error", plain(`<row r="2"><c r="A2" t="e"><f>1/0</f><v>#DIV/0!</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 !error-value | #DIV/0!,t | "}},
		{"a formula without a result", plain(`<row r="2"><c r="A2"><f>"c"&amp;1</f></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 !no-result | #N/A,t | "}},
		{"one with an empty value", plain(`<row r="2"><c r="A2"><f>"c"&amp;1</f><v/></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 !no-result | #N/A,t | "}},
		{"one that is to be a text", plain(`<row r="2"><c r="A2" t="str"><f t="shared" si="0"/></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 !no-result | #N/A,t | "}},
		{"rows of nothing else", plain(`<row r="2"><c r="A2"><f>C2</f></c><c r="B2"><f>C2</f></c></row>` + strings.ReplaceAll(one, "2", "3")), []string{"1@2 !no-result | #N/A,#N/A | ", "2@3 t c1   | c1,t | "}},
		{"a formula with an empty text for its result", plain(`<row r="2"><c r="A2" t="str"><f>IF(1,"")</f><v></v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 !no-client | ,t | "}},
		{"rows of nothing but those", plain(`<row r="2"><c r="A2" t="str"><f>IF(1,"")</f><v></v></c></row>` + strings.ReplaceAll(one, "2", "3")), []string{"1@3 t c1   | c1,t | "}},
		{"a formula without a result in no column of ours", plain(`<row r="2"><c r="A2" t="str"><v>c1</v></c><c r="B2" t="s"><v>0</v></c><c r="C2"><f>NOW()</f></c></row>`), oneRow},
		{"rows of nothing but such", plain(`<row r="2"><c r="C2"><f>NOW()</f></c></row>` + strings.ReplaceAll(one, "2", "3")), []string{"1@3 t c1   | c1,t | "}},
		{"a truth value", plain(`<row r="2"><c r="A2" t="b"><v>1</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 t TRUE   | TRUE,t | "}},
		{"a date of the strict kind", plain(`<row r="2"><c r="A2" t="d"><v>2026-03-01T00:00:00</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 !date | 2026/03/01 00:00:00,t | "}},
		{"a number", plain(`<row r="2"><c r="A2"><v>886912345678</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 t 886912345678   | 886912345678,t | "}},
		{"a number with an exponent", plain(`<row r="2"><c r="A2"><v>8.8691234567800002E11</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 t 886912345678   | 886912345678,t | "}},
		{"a number of 15 digits", plain(`<row r="2"><c r="A2" s="1"><v>123456789012340</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 t 123456789012340   | 123456789012340,t | "}},
		{"a number of 16 digits", plain(`<row r="2"><c r="A2"><v>1234567890123450</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 !lost-digits | 1.23456789012345E+15,t | "}},
		{"one in a format that shows all digits", plain(`<row r="2"><c r="A2" s="1"><v>1234567890123450</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 !lost-digits | 1.23456789012345E+15,t | "}},
		{"one of 17 digits written by a program", plain(`<row r="2"><c r="A2" s="1"><v>12345678901234567</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 !lost-digits | 1.23456789012346E+16,t | "}},
		{"one below zero", plain(`<row r="2"><c r="A2"><v>-1234567890123456</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 !lost-digits | -1.23456789012346E+15,t | "}},
		{"a text in scientific notation that may have all its digits", plain(`<row r="2"><c r="A2" t="str"><v>8.87E+11</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 !scientific | 8.87E+11,t | "}},
		{"a text that was a number of 20 digits", plain(`<row r="2"><c r="A2" t="str"><v>12345678901234500000</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 !lost-digits | 12345678901234500000,t | "}},
		{"a text that was a number with commas", plain(`<row r="2"><c r="A2" t="str"><v>1,234,567,890,123,450</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 !lost-digits | \"1,234,567,890,123,450\",t | "}},
		{"a text of 16 digits", plain(`<row r="2"><c r="A2" t="str"><v>1234567890123450</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 t 1234567890123450   | 1234567890123450,t | "}},
		{"a format with zeros in front", plain(`<row r="2"><c r="A2" s="2"><v>912345678</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 t 0912345678   | 0912345678,t | "}},
		{"a style that is not there", plain(`<row r="2"><c r="A2" s="77"><v>12</v></c><c r="B2" t="s"><v>0</v></c></row>`), []string{"1@2 t 12   | 12,t | "}},
		{"columns beyond Z", plain(`<row r="2"><c r="A2" t="str"><v>c1</v></c><c r="B2" t="s"><v>0</v></c><c r="AB2" t="str"><v>x</v></c></row>`), []string{"1@2 !many-cells | c1,t | ,,,,,,,,,,,,,,,,,,,,,,,,,,x"}},
		{"a row that ends itself", plain(`<row r="2"/>` + strings.ReplaceAll(one, "2", "3")), []string{"1@3 t c1   | c1,t | "}},
		{"prefixed names", changed(plain(one), "xl/worksheets/sheet1.xml", "<row", "<x:row", "</row", "</x:row", "<c ", "<x:c ", "</c>", "</x:c>", "<v>", "<x:v>", "</v>", "</x:v>",
			"<worksheet xmlns=", "<x:worksheet xmlns:x=", "</worksheet", "</x:worksheet", "sheetData>", "x:sheetData>", "</x:", "</x:"), oneRow},
		{"places from the root", changed(plain(one), "xl/_rels/workbook.xml.rels", "worksheets/sheet1", "/xl/worksheets/sheet1"), oneRow},
		{"a strict workbook", changed(changed(plain(one), "xl/workbook.xml", "schemas.openxmlformats.org/officeDocument/2006", "purl.oclc.org/ooxml/officeDocument"),
			"xl/_rels/workbook.xml.rels", "schemas.openxmlformats.org/officeDocument/2006", "purl.oclc.org/ooxml/officeDocument"), oneRow},
		{"a chart before the sheet", changed(changed(plain(one), "xl/workbook.xml", "<sheets>", `<sheets><sheet name="Chart" sheetId="2" r:id="rId9"/>`),
			"xl/_rels/workbook.xml.rels", "</Relationships>", `<Relationship Id="rId9" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/chartsheet" Target="worksheets/sheet1.xml"/></Relationships>`), oneRow},
		{"names with backslashes", named(one, "xl/worksheets/sheet1.xml", `xl\worksheets\Sheet1.xml`), oneRow},
		{"no styles", named(one+`<row r="3"><c r="A3" s="1"><v>7</v></c><c r="B3" t="s"><v>0</v></c></row>`, "xl/styles.xml", "xl/other.xml"), []string{oneRow[0], "2@3 t 7   | 7,t | "}},
		{"100 MiB of pictures", named(one, "xl/nothing", "xl/media/image1.emf"), oneRow},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, _ := readBook(t, writeParts(t, c.parts, "xl/media/image1.emf"), Options{})
			compare(t, rows, c.want)
		})
	}
}

// Damage that no checksum shows ends the reading at its place, with what the
// rows before it asked for.
func TestWorkbookWrittenWrongly(t *testing.T) {
	const one = `<row r="2"><c r="A2" t="str"><v>c1</v></c><c r="B2" t="s"><v>0</v></c></row>`
	cut := func(part, at string) map[string]string {
		parts := bookParts(bookHeader+one, `<si><t>t</t></si>`)
		parts[part], _, _ = strings.Cut(parts[part], at)
		return parts
	}
	for _, c := range []struct {
		name  string
		parts map[string]string
		rows  int // before it; -1: nothing can be read
		says  string
	}{
		{"a sheet that breaks off", cut("xl/worksheets/sheet1.xml", "</sheetData>"), 1, "unexpected EOF"},
		{"a sheet that breaks off in a row", cut("xl/worksheets/sheet1.xml", `<v>0`), 0, "unexpected EOF"},
		{"texts that break off", cut("xl/sharedStrings.xml", "</sst>"), -1, "unexpected EOF"},
		{"no such text", bookParts(bookHeader+one+`<row r="3"><c t="s"><v>7</v></c></row>`, `<si><t>t</t></si>`), 1, `in row 3 a cell has the text "7", and there are only 1`},
		{"a cell before the one before", bookParts(bookHeader+one+`<row r="3"><c r="B3"><v>7</v></c><c r="A3"><v>7</v></c></row>`, `<si><t>t</t></si>`), 1, `in row 3 a cell is called "A3", after column 2`},
		{"a cell of no column", bookParts(bookHeader+one+`<row r="3"><c r="ZZZZ3"><v>7</v></c></row>`, `<si><t>t</t></si>`), 1, `a cell is called "ZZZZ3"`},
		{"no row", bookParts(bookHeader+one+`<row r="x"/>`, `<si><t>t</t></si>`), 1, `a row is called "x", after row 2`},
		{"no sheet", cut("xl/workbook.xml", "<sheets>"), -1, "xl/workbook.xml"},
		{"the first sheet is missing, and not the second", func() map[string]string {
			parts := bookParts(bookHeader+one, `<si><t>t</t></si>`)
			parts["xl/worksheets/sheet2.xml"] = parts["xl/worksheets/sheet1.xml"]
			delete(parts, "xl/worksheets/sheet1.xml")
			parts["xl/workbook.xml"] = strings.Replace(parts["xl/workbook.xml"], "</sheets>", `<sheet name="Old" sheetId="2" r:id="rId4"/></sheets>`, 1)
			parts["xl/_rels/workbook.xml.rels"] = strings.Replace(parts["xl/_rels/workbook.xml.rels"], "</Relationships>", `<Relationship Id="rId4" Type="/worksheet" Target="worksheets/sheet2.xml"/></Relationships>`, 1)
			return parts
		}(), -1, "Data: it is missing"},
		{"nothing but a sheet", map[string]string{"xl/workbook.xml": "<workbook/>"}, -1, "xl/_rels/workbook.xml.rels: it is missing"},
		{"styles that break off", func() map[string]string {
			parts := bookParts(bookHeader+one+`<row r="3"><c r="A3" s="1"><v>7</v></c></row>`, `<si><t>t</t></si>`)
			parts["xl/styles.xml"] = parts["xl/styles.xml"][:200]
			return parts
		}(), 1, "xl/styles.xml"},
		{"a text of 5 MiB", bookParts(bookHeader+one+`<row r="3"><c t="str"><v>`+strings.Repeat("王", 5<<20/3)+`</v></c></row>`, `<si><t>t</t></si>`), 1, "a text or tag of more than 4 MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, err := readUntil(writeParts(t, c.parts))
			fault, ok := errors.AsType[*InputError](err)
			if !ok || fault.ID != "damaged" || !strings.Contains(fault.Error(), c.says) {
				t.Errorf("%v does not say %q", err, c.says)
			}
			if rows != c.rows {
				t.Errorf("%d rows before it, not %d", rows, c.rows)
			}
		})
	}
}

// readUntil reads rows up to an error and says how many there were, -1 if the
// input could not be opened.
func readUntil(name string) (int, error) {
	r, err := Open(name, Options{})
	if err != nil {
		return -1, err
	}
	defer r.Close()
	for n := 0; ; n++ {
		if _, err := r.Next(); err != nil {
			return n, err
		}
	}
}

// The memory that a workbook takes does not depend on how many different texts
// its cells have, and the file that they are in can be read by nobody else.
func TestWorkbookOfManyTexts(t *testing.T) {
	const rows, most = 60_000, 4 << 20
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	t.Setenv("TMP", folder)
	name := filepath.Join(t.TempDir(), "book.xlsx")
	writeTexts(t, name, rows)
	before := heap()
	r, err := Open(name, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for n := range rows {
		row, err := r.Next()
		if err != nil || row.Err != nil {
			t.Fatal(n, err, row.Err)
		}
		if n == rows-1 && row.ClientID != "client000059999" {
			t.Errorf("the last client is %s", row.ClientID)
		}
	}
	if now := heap(); now > before+most {
		t.Errorf("%d different texts take %d bytes of memory", 2*rows, now-before)
	}
	file := r.rows.(*table).records.(*sheet).texts.file
	if file == nil {
		t.Fatal("the texts are in no file")
	}
	if info, err := file.Stat(); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("the file of the texts: %v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(folder); err != nil || runtime.GOOS != "windows" && len(left) > 0 {
		t.Errorf("a kill would leave %v, %v", left, err)
	}
	r.Close()
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Texts are found again wherever they are: in blocks that are kept, in one with
// a text of unusual length, in the file or before there is one.
func TestTexts(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	of := func(i int) string {
		switch {
		case i%1000 == 7:
			return strings.Repeat(string(rune('a'+i%26)), 40_000+i)
		case i%3 == 0:
			return ""
		}
		return strings.Repeat("文", i%50) + string(rune('a'+i%26))
	}
	for _, n := range []int{1, 100, 20_000} {
		var all texts
		for i := range n {
			if err := all.add([]byte(of(i))); err != nil {
				t.Fatal(err)
			}
		}
		if err := all.built(); err != nil {
			t.Fatal(err)
		}
		if inFile := all.file != nil; inFile != (n == 20_000) {
			t.Errorf("%d texts are in a file: %v", n, inFile)
		}
		for i := range 3 * n {
			k := []int{i % n, i * 7919 % n, n - 1 - i%n}[i%3]
			if got, err := all.at(k); err != nil || string(got) != of(k) {
				t.Fatalf("text %d of %d: %d bytes, not %d, %v", k, n, len(got), len(of(k)), err)
			}
		}
		all.close()
	}
}

// Without room for them nothing is read, in a sentence that says what to do.
func TestNoRoomForTexts(t *testing.T) {
	name := filepath.Join(t.TempDir(), "book.xlsx")
	writeTexts(t, name, 40_000)
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("TMPDIR", none)
	t.Setenv("TMP", none)
	fault := openFault(t, name, Options{})
	if fault.ID != "no-temporary" || !errors.Is(fault, os.ErrNotExist) {
		t.Error(fault)
	}
}
