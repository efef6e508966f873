package ingest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// write puts text into a new file.
func write(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// readAll reads the rows of a text.
func readAll(t testing.TB, text string, o Options) ([]Row, Layout) {
	t.Helper()
	r, err := Open(write(t, text), o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var rows []Row
	for {
		row, err := r.Next()
		if err == io.EOF {
			return rows, r.Layout()
		}
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row.Clone())
	}
}

// show writes a row in one line: number, line, what it asks for or its fault,
// its own text and its surplus.
func show(r Row) string {
	what := strings.Join([]string{r.TagID, r.ClientID, r.Platform, r.PlatformClientID}, " ")
	var fault *Fault
	if errors.As(r.Err, &fault) {
		what = "!" + fault.ID
	}
	if r.Tag != "" {
		what += " #" + r.Tag
	}
	return fmt.Sprintf("%d@%d %s | %s | %s", r.Number, r.Line, what, r.Own, r.Surplus)
}

var csvCases = []struct {
	name string
	text string
	o    Options
	want []string
}{
	{"plain", "clientId,tagId\nc1,t1\nc2,t2\n", Options{}, []string{
		"1@2 t1 c1   | c1,t1 | ",
		"2@3 t2 c2   | c2,t2 | "}},
	{"no line end at the end", "clientId,tagId\nc1,t1", Options{}, []string{"1@2 t1 c1   | c1,t1 | "}},
	{"CR LF kept within a cell", "name,clientId,tagId\r\n\"a\r\nb\",c1,t1\r\nx,c2,t2\r\n", Options{}, []string{
		"1@2 t1 c1   | \"a\r\nb\",c1,t1 | ",
		"2@4 t2 c2   | x,c2,t2 | "}},
	{"names in any case and with _ and -", "Client_ID,TAG-id,Plat form,platform client id\nc,t,LiveChat,p\n", Options{}, []string{
		"1@2 t c liveChat p | c,t,LiveChat,p | "}},
	{"constants", "platformClientId\nU1\n", Options{Tag: "T", Platform: "LINE"}, []string{"1@2 T  line U1 | U1 | "}},
	{"constant platform not for a clientId", "clientId,tagId\nc,t\n", Options{Platform: "line"}, []string{"1@2 t c   | c,t | "}},
	{"outcome columns left out wherever they stand", "mantatag_row,clientId,Mantatag_Reason,tagId,mantatag_x\n1,c,why,t,z\n", Options{}, []string{
		"1@2 t c   | c,t | "}},
	{"few and many cells", "clientId,tagId,x\nc,t\nc,t,x,y,\"z\nz\"\nc,t,x,, \n", Options{}, []string{
		"1@2 !few-cells | c,t, | ,\"c,t\"",
		"2@3 !many-cells | c,t,x | ,y,\"z\nz\"",
		"3@5 t c   | c,t,x | ,, "}},
	{"stray quote costs its own line", "clientId,tagId\n\"c1,t1\nc2,t2\n\"c3\",t3\n", Options{}, []string{
		"1@2 !stray-quote | , | ,\"\"\"c1,t1\"",
		"2@3 t2 c2   | c2,t2 | ",
		"3@4 t3 c3   | \"c3\",t3 | "}},
	{"stray quote, no other", "clientId,tagId\n\"c1,t1\nc2,t2\n", Options{}, []string{
		"1@2 !stray-quote | , | ,\"\"\"c1,t1\"",
		"2@3 t2 c2   | c2,t2 | "}},
	{"undoubled quotes", "name,clientId,tagId\n\"the \"big\" one\",c1,t1\n5\" pipe,c2,t2\n", Options{}, []string{
		"1@2 t1 c1   | \"the \"big\" one\",c1,t1 | ",
		"2@3 t2 c2   | 5\" pipe,c2,t2 | "}},
	{"spaces around quotes", "clientId, tagId\n \"c\" , \" t \"\n", Options{}, []string{"1@2 t c   |  \"c\" , \" t \" | "}},
	{"semicolon", "name;clientId;tagId\na,b;c;t\n", Options{}, []string{"1@2 t c   | a,b;c;t | "}},
	{"tab", "name\tclientId\ttagId\na,b\tc\tt\n", Options{}, []string{"1@2 t c   | a,b\tc\tt | "}},
	{"title, blank lines, empty rows", "Export of May,,\n\nclientId,tagId,\n\nc,t,\n,,\n\"\",\"\",\"\"\nd,t\n", Options{}, []string{
		"1@5 t c   | c,t, | ",
		"2@8 t d   | d,t, | "}},
	{"BOM", "\xEF\xBB\xBFclientId,tagId\nc,t\n", Options{}, []string{"1@2 t c   | c,t | "}},
	{"CR alone", "clientId,tagId\rc1,\"t\n1\"\rc2,t2\r", Options{}, []string{
		"1@2 !control | c1,\"t\n1\" | ",
		"2@4 t2 c2   | c2,t2 | "}},
	{"map", "who,what\nc,t\n", Options{Map: map[string]string{"clientId": "who", "tagid": "What"}}, []string{"1@2 t c   | c,t | "}},
	{"map as the message proposes it", "客戶ID,\"標籤ID\n(必填)\"\nc,t\n", Options{Map: map[string]string{"tagId": "標籤ID (必填)"}}, []string{"1@3 t c   | c,t | "}},
	{"map of one of two told apart by a line break", "\"客戶\nID\",客戶ID,tagId\nc,d,t\n", Options{Map: map[string]string{"clientId": "客戶 ID"}}, []string{"1@3 t c   | c,d,t | "}},
	{"a broken quote in a title", "\"List of May\nclientId,tagId\nc,t\n", Options{}, []string{"1@3 t c   | c,t | "}},
	{"own name before alias", "客戶ID,clientId,tagId\nx,c,t\n", Options{}, []string{"1@2 t c   | x,c,t | "}},
	{"Chinese names", "姓名,客戶ID,標籤 ID\n王,c,t\n", Options{}, []string{"1@2 t c   | 王,c,t | "}},
	{"faults", "tagId,clientId,platform,platformClientId,botId\n,c,,,\nt,,,,\nt,,line,,\nt,,,U1,\nt,c,mail,,\nt,c,,,b2\nt,c,line,,b1\n",
		Options{BotID: "b1"}, []string{
			"1@2 !no-tag | ,c,,, | ",
			"2@3 !no-client | t,,,, | ",
			"3@4 !no-platform-client | t,,line,, | ",
			"4@5 !no-platform | t,,,U1, | ",
			"5@6 !unknown-platform | t,c,mail,, | ",
			"6@7 !other-bot | t,c,,,b2 | ",
			"7@8 t c line  | t,c,line,,b1 | "}},
	{"damage", "tagId,clientId\nt,1.23457E+15\nt,1234567890123450000\nt,123456789012345\nt,1E10\nt,a\x00b\nt,\"a\"\"b\"\nt,a\xffb\n", Options{Encoding: "UTF-8"}, []string{
		"1@2 !scientific | t,1.23457E+15 | ",
		"2@3 !rounded | t,1234567890123450000 | ",
		"3@4 t 123456789012345   | t,123456789012345 | ",
		"4@5 t 1E10   | t,1E10 | ",
		"5@6 !control | t,a\x00b | ",
		"6@7 !quote-in-id | t,\"a\"\"b\" | ",
		"7@8 !bad-text | t,a\xffb | "}},
	{"split tags", "tagId,clientId\nt1|t2, c \nt3,d\n|,e\n", Options{SplitTags: "|"}, []string{
		"1@2 t1 c   #t1 | t1|t2, c  | ",
		"1@2 t2 c   #t2 | t1|t2, c  | ",
		"2@3 t3 d   #t3 | t3,d | ",
		"3@4 !no-tag | |,e | "}},
	{"one tag with a separator in it, as from before that was known in full width", "tagId,clientId,mantatag_tag\n貴｜賓,c1,貴｜賓\n x|y ,c2, x|y\n貴｜賓,c3,\n", Options{SplitTags: "|"}, []string{
		"1@2 貴｜賓 c1   #貴｜賓 | 貴｜賓,c1 | ",
		"2@3 x|y c2   #x|y |  x|y ,c2 | ",
		"3@4 貴 c3   #貴 | 貴｜賓,c3 | ",
		"3@4 賓 c3   #賓 | 貴｜賓,c3 | "}},
	{"one of the tags", "tagId,clientId,mantatag_tag\nt1|t2,c,t2\nt1|t2,c,t3\n", Options{SplitTags: "|"}, []string{
		"1@2 t2 c   #t2 | t1|t2,c | ",
		"2@3 !tag-not-in-row #t3 | t1|t2,c | "}},
}

func TestCSV(t *testing.T) {
	for _, c := range csvCases {
		t.Run(c.name, func(t *testing.T) {
			rows, _ := readAll(t, c.text, c.o)
			compare(t, rows, c.want)
		})
	}
}

func compare(t *testing.T, rows []Row, want []string) {
	t.Helper()
	for i, row := range rows {
		if got := show(row); i >= len(want) || got != want[i] {
			w := "nothing"
			if i < len(want) {
				w = want[i]
			}
			t.Errorf("row %d\n got %q\nwant %q", i+1, got, w)
		}
	}
	if len(rows) < len(want) {
		t.Errorf("%d rows, want %d", len(rows), len(want))
	}
}

var ndjsonCases = []struct {
	name string
	text string
	o    Options
	want []string
}{
	{"numbers kept digit for digit", `{"clientId":12345678901234567891,"tagId":"t"}`, Options{}, []string{
		`1@1 t 12345678901234567891   | {"clientId":12345678901234567891,"tagId":"t"} | `}},
	{"other members kept", `{ "x":{"a":[1,"}"]}, "client_id":"c\u0041", "tagId":"t", "platform":null }`, Options{}, []string{
		`1@1 t cA   | { "x":{"a":[1,"}"]}, "client_id":"c\u0041", "tagId":"t", "platform":null } | `}},
	{"own member left out", `{"mantatag":1,"mantatag":{"a":","},"clientId":"c","mantatag":[2] , "tagId":"t" ,"mantatag":{}}`, Options{}, []string{
		`1@1 t c   | {"clientId":"c" , "tagId":"t" } | `}},
	{"blank lines and bad lines", "{\"clientId\":\"c\",\"tagId\":\"t\"}\n\n  \n[1]\n{\"a\":}\r\n{\"clientId\":{},\"tagId\":\"t\"}\n{\"clientId\":1.5,\"tagId\":\"t\"}", Options{}, []string{
		`1@1 t c   | {"clientId":"c","tagId":"t"} | `,
		`2@4 !not-object | {} | [1]`,
		`3@5 !not-object | {} | {"a":}`,
		`4@6 !nested | {"clientId":{},"tagId":"t"} | `,
		`5@7 !float-number | {"clientId":1.5,"tagId":"t"} | `}},
	{"twice", "{\"clientId\":\"c\",\"clientId\":\"c\",\"tagId\":\"t\"}\n{\"clientId\":\"c\",\"client_id\":\"d\",\"tagId\":\"t\"}", Options{}, []string{
		`1@1 t c   | {"clientId":"c","clientId":"c","tagId":"t"} | `,
		`2@2 !twice | {"clientId":"c","client_id":"d","tagId":"t"} | `}},
	{"a list of tags", `{"clientId":"c","tagId":["t1",2,""]}` + "\n" + `{"clientId":"c","tagId":["t1",["t2"]]}`, Options{SplitTags: "|"}, []string{
		`1@1 t1 c   #t1 | {"clientId":"c","tagId":["t1",2,""]} | `,
		`1@1 2 c   #2 | {"clientId":"c","tagId":["t1",2,""]} | `,
		`2@2 !nested | {"clientId":"c","tagId":["t1",["t2"]]} | `}},
	{"a list where none is asked for", `{"clientId":"c","tagId":["t1"]}`, Options{}, []string{`1@1 !tag-list | {"clientId":"c","tagId":["t1"]} | `}},
	{"one of the tags", `{"clientId":"c","tagId":["t1","t2"],"mantatag":{"tag":"t2"}}`, Options{SplitTags: "|"}, []string{
		`1@1 t2 c   #t2 | {"clientId":"c","tagId":["t1","t2"]} | `}},
	{"surplus found again", `{"mantatag":{"reason":"x","surplus":"[1]"}}`, Options{}, []string{`1@1 !not-object | {} | [1]`}},
}

func TestNDJSON(t *testing.T) {
	for _, c := range ndjsonCases {
		t.Run(c.name, func(t *testing.T) {
			rows, _ := readAll(t, c.text, c.o)
			compare(t, rows, c.want)
		})
	}
}

// What stands between tags is found in either width, as the cell's own text is,
// and a line break, which no shell lets everybody type, has a name.
func TestWhatStandsBetweenTags(t *testing.T) {
	for _, c := range []struct{ split, cell string }{
		{";", "a；b;c"},
		{"；", "a；b;c"},
		{"|", "a｜b|c"},
		{"，", "a，b,c"},
		{"::", "a::b：：c"},
		{`\n`, "a\nb\r\nc"},
		{`\t`, "a\tb\tc"},
		{`\\`, `a\b＼c`},
		{"、", "a、b、c"},
	} {
		rows, _ := readAll(t, "clientId,tagId\nc1,\""+c.cell+"\"\n", Options{SplitTags: c.split})
		var tags []string
		for _, row := range rows {
			if row.Err != nil {
				t.Errorf("%q in %q: %v", c.split, c.cell, row.Err)
			}
			tags = append(tags, row.TagID)
		}
		if want := []string{"a", "b", "c"}; !slices.Equal(tags, want) {
			t.Errorf("%q in %q: %q, not %q", c.split, c.cell, tags, want)
		}
	}
}
