package ingest

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/xuri/excelize/v2"
)

// openFault opens a file that cannot be used and gives the fault, wherever it
// shows: on opening or after some rows.
func openFault(t *testing.T, name string, o Options) *InputError {
	t.Helper()
	r, err := Open(name, o)
	for err == nil {
		_, err = r.Next()
	}
	if r != nil {
		r.Close()
	}
	var fault *InputError
	if !errors.As(err, &fault) {
		t.Fatalf("%v is no fault of the input", err)
	}
	if fault.File != name {
		t.Errorf("the fault names the file %q", fault.File)
	}
	return fault
}

func TestInputsThatCannotBeUsed(t *testing.T) {
	good := "clientId,tagId\nc,t\n"
	gz := string(pack(t, gzipped, []byte(strings.Repeat(good, 1000))))
	book := filepath.Join(t.TempDir(), "book.xlsx")
	writeWorkbook(t, book, "", sameTable(people["traditional"]))
	xlsx, err := os.ReadFile(book)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		o          Options
		id         string
		says       []string
	}{
		{"empty", "", Options{}, "empty", nil},
		{"white space", " \n\r\n\t\n", Options{}, "no-header", nil},
		{"no columns", "Name,Client Nr,Tag\na,b,c\n", Options{}, "no-columns", []string{"tagId", `"Name", "Client Nr", "Tag"`, `--map tagId="Tag"`, "--tag"}},
		{"neither column", "姓名,客戶\nA,1\n", Options{}, "no-columns", []string{"tagId", "--map tagId=COLUMN"}},
		{"neither column, and names like theirs", "會員編號,標籤名稱,tagName,客戶名称\nA,1,2,3\n", Options{}, "no-columns", []string{"name the column with --map tagId=COLUMN (and that of clientId, which is missing too, with --map clientId=COLUMN), or give one value for all rows with --tag"}},
		{"neither column, and one much like it", "klientId,tags\nA,1\n", Options{}, "no-columns", []string{`the nearest is "tags": name it with --map tagId="tags" (and that of clientId, which is missing too, perhaps "klientId", with --map clientId="klientId"), or give`}},
		{"a platform's name may be the platform", "tagId,platformClientId,platform name\n", Options{}, "no-columns", []string{`the nearest is "platform name"`}},
		{"no header", "vip,c1\nvip,c2\n", Options{}, "no-columns", []string{"or give one value for all rows with --tag; if this line is already a row of data, put a header line above it"}},
		{"no header, and a tag much like its column's name", "tag1,c1\ntag1,c2\n", Options{}, "no-columns", []string{"if this line is already a row of data"}},
		{"a header with a broken quote", "\n\"姓名,標籤ID,平台,平台客戶ID,備註\n王,t,line,U1,\"a, b\"\n李,t,line,U2,\n", Options{}, "header-quote", []string{":2: the header line opens a quotation mark that it does not close"}},
		{"the same, and nothing else", "clientId,\"tagId\n", Options{}, "header-quote", []string{":1: "}},
		{"a broken quote in a row below a header", "姓名,客戶\n\"A,1\nB,2\n", Options{}, "no-columns", []string{":1: "}},
		{"no client", "tagId,klientId\n", Options{}, "no-columns", []string{"clientId", `the nearest is "klientId"`}},
		{"no platform", "tagId,platformClientId\n", Options{}, "no-columns", []string{"platform", "--platform"}},
		{"two columns", "clientId,client_id,tagId\nc,d,t\n", Options{}, "two-columns", []string{`"clientId" and "client_id"`, "--map clientId="}},
		{"names on two lines", "客戶ID,\"標籤ID\n(必填)\",\"備 註\r\n\u3000(選填)\"\nc,t,n\n", Options{}, "no-columns", []string{`"客戶ID", "標籤ID (必填)", "備 註 (選填)"`, `--map tagId="標籤ID (必填)"`}},
		{"two columns, told apart by a line break", "\"客戶\nID\",客戶ID,tagId\nc,d,t\n", Options{}, "two-columns", []string{`"客戶 ID" and "客戶ID"`}},
		{"two columns of one name", "客戶ID, 客戶ID,tagId\nc,d,t\n", Options{}, "same-name", []string{`two columns are called "客戶ID", which stands for clientId; rename one`}},
		{"the same, with --map", "客戶ID,客戶ID,tagId\nc,d,t\n", Options{Map: map[string]string{"clientId": "客戶ID"}}, "same-name", nil},
		{"two columns of one name, to the eye", "id,id\u200B,tagId\nc,d,t\n", Options{Map: map[string]string{"clientId": "id"}}, "same-name", nil},
		{"mapped column not there", "clientId,tagId\nc,t\n", Options{Map: map[string]string{"clientId": "who"}}, "no-map-column", []string{`"who"`, `"tagId"`}},
		{"field not there", good, Options{Map: map[string]string{"client": "who"}}, "bad-map", nil},
		{"platform not there", good, Options{Platform: "sms"}, "bad-platform", nil},
		{"format not there", good, Options{Format: "xml"}, "bad-format", nil},
		{"delimiter of two", good, Options{Delimiter: "::"}, "bad-delimiter", nil},
		{"delimiter a letter", good, Options{Delimiter: "x"}, "bad-delimiter", nil},
		{"encoding not there", good, Options{Encoding: "klingon"}, "bad-encoding", []string{"big5", "gb18030"}},
		{"a JSON array", `[{"clientId":"c"}]`, Options{}, "json-array", []string{"jq"}},
		{"a JSON object over lines", "{\n \"clientId\": \"c\"\n}", Options{}, "json-pretty", nil},
		{"JSON without the fields", `{"client":"c","name":"n"}` + "\n", Options{}, "no-columns", []string{`"client", "name"`}},
		{"data", string(bytes.Repeat([]byte{0, 1, 2, 3, 200, 7}, 300)), Options{}, "binary", nil},
		{"an image", "\x89PNG\r\n\x1a\n\x00\x00", Options{}, "foreign", []string{"image"}},
		{"a document", "%PDF-1.7\n", Options{}, "foreign", nil},
		{"a sheet of LibreOffice", zipOf(t, "mimetype", "application/vnd.oasis.opendocument.spreadsheet"), Options{}, "foreign", []string{"LibreOffice (OpenDocument) sheet", "save it as .xlsx or as CSV"}},
		{"a text of LibreOffice", zipOf(t, "mimetype", "application/vnd.oasis.opendocument.text"), Options{}, "no-workbook-zip", nil},
		{"XML", "\xEF\xBB\xBF<?xml version=\"1.0\"?>\n<Workbook/>", Options{}, "foreign", []string{"an XML document"}},
		{"a page", "\n<!DOCTYPE html>\n<html></html>", Options{}, "foreign", []string{"a web page"}},
		{"another page", "<HTML><table>", Options{}, "foreign", []string{"a web page"}},
		{"a document type", "<!DOCTYPE svg>", Options{}, "foreign", []string{"an XML document"}},
		{"a page that begins with a remark", "<!-- by X -->\n<html>", Options{}, "foreign", []string{"a web page"}},
		{"a page that begins with a remark without spaces", "<!--X--><html>", Options{}, "foreign", []string{"a web page"}},
		{"a page that Excel wrote", "MIME-Version: 1.0\nX-Document-Type: Workbook\n", Options{}, "foreign", []string{"a web page"}},
		{"a page that another program wrote so", "Mime-Version:1.0\r\n", Options{}, "foreign", []string{"a web page"}},
		{"a table called a workbook by its program", "<meta http-equiv=\"Content-Type\"><table>", Options{}, "foreign", []string{"a web page"}},
		{"Chinese that was lost", "??,??ID,tag\n", Options{}, "no-columns", []string{`its columns are "??", "??ID"`, "question marks", "UTF-8"}},
		{"question marks of another column", "clientId,tags,Paid??\n", Options{}, "no-columns", []string{`the nearest is "tags"`}},
		{"the same, with --map", "??,??ID,tag\n", Options{Map: map[string]string{"clientId": "客戶"}}, "no-map-column", []string{"question marks"}},
		{"an old or protected workbook", "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" + strings.Repeat("\x00", 600), Options{}, "old-workbook", []string{"password", ".xlsx"}},
		{"text called a workbook", good, Options{Format: XLSX}, "no-workbook", nil},
		{"a truncated workbook", string(xlsx[:len(xlsx)/2]), Options{}, "cut-off", nil},
		{"a workbook with a wrong byte", flip(xlsx, t), Options{}, "damaged", nil},
		{"a zip of something else", zipOf(t, "rows.csv", good), Options{}, "no-workbook-zip", nil},
		{"no such sheet", string(xlsx), Options{Sheet: "Data"}, "no-sheet", []string{`"Sheet1"`}},
		{"a truncated gzip", gz[:len(gz)-6], Options{}, "cut-off", []string{"gzip"}},
		{"a gzip with a wrong byte", gz[:40] + "\x00\x00" + gz[42:], Options{}, "damaged", nil},
		{"nothing in a gzip", string(pack(t, gzipped, nil)), Options{}, "no-header", nil},
		{"a gzip in a gzip", string(pack(t, gzipped, []byte(gz))), Options{}, "packed", nil},
		{"another packer", "BZh91AY&SY", Options{}, "packed", []string{"bzip2"}},
		{"a doubtful encoding", "clientId,tagId,name\nc,t,\xA4\xFD\n", Options{}, "doubtful-encoding", []string{"--encoding", "王"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fault := openFault(t, write(t, c.text), c.o)
			if fault.ID != c.id {
				t.Errorf("%s, want %s", fault.ID, c.id)
			}
			said := fault.Error()
			for _, s := range c.says {
				if !strings.Contains(said, s) {
					t.Errorf("%q does not say %q", said, s)
				}
			}
			if strings.Contains(said, "%!") || strings.Contains(said, "\n") {
				t.Errorf("badly said: %q", said)
			}
		})
	}
	t.Run("a header, and no row of data", func(t *testing.T) {
		for _, text := range []string{"tagId,klientId\n", "姓名,客戶ID\nA,1\n", `{"client":"c","name":"n"}` + "\n"} {
			if f := openFault(t, write(t, text), Options{}); f.ID != "no-columns" || strings.Contains(f.Error(), "row of data") {
				t.Error(f)
			}
		}
	})
	t.Run("folder", func(t *testing.T) {
		if f := openFault(t, t.TempDir(), Options{}); f.ID != "folder" {
			t.Error(f)
		}
	})
	t.Run("missing", func(t *testing.T) {
		if f := openFault(t, filepath.Join(t.TempDir(), "x"), Options{}); f.ID != "missing" || !errors.Is(f, os.ErrNotExist) {
			t.Error(f)
		}
	})
}

// Excel's lock file has the name of the workbook that it lies beside, and the
// user's, padded, in bytes and in UTF-16.
func TestLockFile(t *testing.T) {
	lock := "\x03Wei" + strings.Repeat(" ", 51) + "\x03\x00W\x00e\x00i\x00" + strings.Repeat(" \x00", 51)
	for _, c := range []struct{ name, text, id string }{
		{"~$list.xlsx", lock, "lock-file"},
		{"~$list.xlsx", lock[:3], "no-columns"},
		{"~$list.xlsx", strings.Repeat(lock, 10), "binary"},
		{"~$list.csv", "name,client\n", "no-columns"},
		{"list.xlsx", lock, "no-columns"},
	} {
		name := filepath.Join(t.TempDir(), c.name)
		if err := os.WriteFile(name, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		f := openFault(t, name, Options{})
		if f.ID != c.id || c.id == "lock-file" && !strings.HasSuffix(f.Error(), ": it is the lock file of a workbook that is open in Excel; give the workbook itself, list.xlsx") {
			t.Errorf("%s: %v", c.name, f)
		}
	}
	if f := openFault(t, filepath.Join(t.TempDir(), "~$none.xlsx"), Options{}); f.ID != "missing" {
		t.Error(f)
	}
	readable := filepath.Join(t.TempDir(), "~$list.csv")
	if err := os.WriteFile(readable, []byte("clientId,tagId\nc,t\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if rows, _ := readBook(t, readable, Options{}); len(rows) != 1 || rows[0].Err != nil {
		t.Errorf("a table of that name: %v", rows)
	}
}

// flip changes a byte in the packed text of the first worksheet.
func flip(xlsx []byte, t *testing.T) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(xlsx), int64(len(xlsx)))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range z.File {
		if part.Name == "xl/worksheets/sheet1.xml" {
			at, err := part.DataOffset()
			if err != nil {
				t.Fatal(err)
			}
			damaged := bytes.Clone(xlsx)
			damaged[at+int64(part.CompressedSize64)/2] ^= 0x10
			return string(damaged)
		}
	}
	t.Fatal("no worksheet")
	return ""
}

func zipOf(t *testing.T, name, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A file that someone writes to while it is read ends in an error, and the
// half row at its end is never a row.
func TestChangedWhileRead(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(name string) error
	}{
		{"grown", func(name string) error {
			f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("9999,t\n")
			return errors.Join(err, f.Close())
		}},
		{"shrunk", func(name string) error { return os.Truncate(name, 450_000) }},
		{"touched", func(name string) error { return os.Chtimes(name, time.Time{}, time.Now().Add(time.Hour)) }},
		{"overwritten", func(name string) error {
			return os.WriteFile(name, []byte("clientId,tagId\n"+strings.Repeat("another,t\n", 60_000)), 0o600)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := write(t, "clientId,tagId\n"+strings.Repeat("client,t\n", 60_000)+"clie")
			r, err := Open(name, Options{Encoding: "utf-8", Tag: "t"})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
			if err := c.change(name); err != nil {
				t.Fatal(err)
			}
			for err == nil {
				var row Row
				if row, err = r.Next(); err == nil && row.ClientID != "client" {
					t.Fatalf("half a row: %v", row)
				}
			}
			var fault *InputError
			if !errors.As(err, &fault) || fault.ID != "changed" {
				t.Errorf("%v", err)
			}
			if _, again := r.Next(); again != err {
				t.Errorf("then %v", again)
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		return // permissions do not keep this user from reading
	}
	name := write(t, "x")
	if err := os.Chmod(name, 0); err != nil {
		t.Fatal(err)
	}
	if f := openFault(t, name, Options{}); f.ID != "unreadable" || !strings.Contains(f.Error(), "permission") {
		t.Error(f)
	}
}

// Rows of whatever length cost bounded memory, and are told from those that
// follow.
func TestLongRows(t *testing.T) {
	long := strings.Repeat("x", MaxRow)
	line := strings.Repeat("a", 99) + "\n"
	text := "clientId,tagId,note\n" +
		"c1,t,\"" + long[:MaxRow-9] + "\"\n" + // 6 + 2 + length: just below
		"c2,t," + long + "\n" +
		"c3,t,ok\n" +
		"c4,t,\"" + strings.Repeat(line, MaxRow/100+1) + "\"\n"
	rows, _ := readAll(t, text, Options{})
	if len(rows) < 4 || rows[0].Err != nil || len(rows[0].Own) != MaxRow-2 {
		t.Fatalf("%d rows, the first with %v", len(rows), rows[0].Err)
	}
	if got := show(rows[1]); !strings.HasPrefix(got, "2@3 !long-row | ,, | ,\"c2,t,xxx") || len(rows[1].Surplus) > 5000 {
		t.Errorf("%.100s", got)
	}
	if got := show(rows[2]); got != "3@4 t c3   | c3,t,ok | " {
		t.Errorf("%.100s", got)
	}
	if got := show(rows[3]); got != "4@5 !stray-quote | ,, | ,\"c4,t,\"\""+line[:99]+"\"" {
		t.Errorf("%.100s", got)
	}
	if got, want := rows[len(rows)-1].Line, int64(5+MaxRow/100+1); got != want {
		t.Errorf("the last row is at line %d, not %d", got, want)
	}
}

func TestBombs(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, "clientId,tagId\n")
	zeros := bytes.Repeat([]byte{'0'}, 1<<20)
	for range expandFree>>20 + 40 {
		w.Write(zeros)
	}
	w.Close()
	if f := openFault(t, write(t, b.String()), Options{}); f.ID != "bomb" {
		t.Error(f)
	}
	for part, want := range map[string]string{"xl/worksheets/sheet1.xml": "bomb", "xl/sharedStrings.xml": "bomb", "xl/workbook.xml": "damaged"} {
		f := openFault(t, writeParts(t, bookParts(bookHeader, "<si><t>t</t></si>"), part), Options{})
		if f.ID != want || want == "damaged" && !strings.Contains(f.Error(), "it has 100 MiB, and should have at most 16") {
			t.Errorf("%s: %v", part, f)
		}
	}
}

// A workbook that is protected by a password is no archive.
func TestProtectedWorkbook(t *testing.T) {
	f := excelize.NewFile()
	name := filepath.Join(t.TempDir(), "book.xlsx")
	if err := errors.Join(f.SaveAs(name, excelize.Options{Password: "secret"}), f.Close()); err != nil {
		t.Fatal(err)
	}
	if f := openFault(t, name, Options{}); f.ID != "old-workbook" {
		t.Error(f)
	}
}

func TestWorkbookChangedWhileRead(t *testing.T) {
	name := writeParts(t, bookParts(bookHeader+strings.Repeat(`<row><c t="str"><v>c</v></c><c t="s"><v>0</v></c></row>`, 200), "<si><t>t</t></si>"))
	r, err := Open(name, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.Chtimes(name, time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = r.Next()
	}
	if f, ok := errors.AsType[*InputError](err); !ok || f.ID != "changed" {
		t.Error(err)
	}
}

// A stray quotation mark on each line must not make reading quadratic.
func TestManyStrayQuotes(t *testing.T) {
	var b strings.Builder
	b.WriteString("clientId,tagId\n")
	for range 50_000 {
		b.WriteString("\"c,t\ny\"\"y,t\n")
	}
	rows, _ := readAll(t, b.String(), Options{})
	if len(rows) != 100_000 {
		t.Errorf("%d rows", len(rows))
	}
}

// Nor must many tags in one cell.
func TestManyTags(t *testing.T) {
	var b strings.Builder
	b.WriteString("clientId,tagId\nc,")
	for i := range 100_000 {
		fmt.Fprintf(&b, "t%d|", i)
	}
	r, err := Open(write(t, b.String()+"t7\n"), Options{SplitTags: "|"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := 0
	for ; err == nil; n++ {
		_, err = r.Next()
	}
	if n != 100_001 || err != io.EOF {
		t.Errorf("%d rows, %v", n-1, err)
	}
}

// What gocsv and encoding/csv make of a row is what this package does, for
// every text that both take as well-formed.
func TestSameAsCSV(t *testing.T) {
	for _, c := range csvCases {
		r := csv.NewReader(strings.NewReader(c.text))
		records, err := r.ReadAll()
		if err != nil || len(c.o.Map) > 0 || c.o.SplitTags != "" || strings.Contains(c.text, "\x00") {
			continue
		}
		rows, _ := readAll(t, c.text, Options{Delimiter: ",", Tag: "T", Platform: "line"})
		if len(rows) != len(records)-1 {
			t.Errorf("%s: %d rows, and csv has %d", c.name, len(rows), len(records)-1)
		}
	}
}

// TestLongRowIsCutBetweenCharacters: the outcome files stay UTF-8.
func TestLongRowIsCutBetweenCharacters(t *testing.T) {
	for n := range 3 {
		text := []byte(strings.Repeat("x", n) + strings.Repeat("標", keptOfLongRow))
		if got := beginning(text); !utf8.Valid(got) || len(got) <= keptOfLongRow-utf8.UTFMax || len(got) > keptOfLongRow {
			t.Errorf("after %d bytes: %d bytes, valid UTF-8: %v", n, len(got), utf8.Valid(got))
		}
	}
	odd := bytes.Repeat([]byte{0x80}, MaxRow) // no character begins there
	if got := beginning(odd); len(got) < keptOfLongRow-utf8.UTFMax {
		t.Errorf("only %d bytes are kept", len(got))
	}
}
