package ingest

import (
	"strings"
	"testing"
)

// oddities are what exports are found to contain: facts gathered from public
// collections of awkward CSV and from the trackers of programs that read it.
var oddities = []struct {
	name string
	text string
	o    Options
	want []string
}{
	{"a comma in a quoted cell", "name,clientId,tagId\n\"Wang, M\",c,t\n", Options{}, []string{`1@2 t c   | "Wang, M",c,t | `}},
	{"a doubled quotation mark", "name,clientId,tagId\n\"5\"\" pipe\",c,t\n", Options{}, []string{`1@2 t c   | "5"" pipe",c,t | `}},
	{"an empty quoted cell", "name,clientId,tagId\n\"\",c,t\n", Options{}, []string{`1@2 t c   | "",c,t | `}},
	{"JSON in a cell", "clientId,tagId,data\nc,t,\"{\"\"a\"\": [1,2]}\"\n", Options{}, []string{`1@2 t c   | c,t,"{""a"": [1,2]}" | `}},
	{"undoubled JSON in a cell", "clientId,tagId,data\nc,t,\"{\"a\": \"b\"}\"\n", Options{}, []string{`1@2 t c   | c,t,"{"a": "b"}" | `}},
	{"a line break in a cell", "clientId,note,tagId\nc,\"a\nb\",t\nd,x,t\n", Options{}, []string{"1@2 t c   | c,\"a\nb\",t | ", "2@4 t d   | d,x,t | "}},
	{"a line break in the header", "clientId,\"the\nnote\",tagId\nc,a,t\n", Options{}, []string{"1@3 t c   | c,a,t | "}},
	{"line ends of both kinds", "clientId,tagId\r\nc,t\nd,t\r\n", Options{}, []string{"1@2 t c   | c,t | ", "2@3 t d   | d,t | "}},
	{"CR CR LF", "clientId,tagId\r\r\nc,t\r\r\n", Options{}, []string{"1@2 t c   | c,t | "}},
	{"CR alone", "clientId,tagId\rc,t\rd,t", Options{}, []string{"1@2 t c   | c,t | ", "2@3 t d   | d,t | "}},
	{"a CR within an unquoted cell", "clientId,note,tagId\nc,a\rb,t\n", Options{}, []string{"1@2 t c   | c,a\rb,t | "}},
	{"no line end at the end", "clientId,tagId\nc,t", Options{}, []string{"1@2 t c   | c,t | "}},
	{"blank lines all over", "\n\nclientId,tagId\n\nc,t\n\n\nd,t\n\n", Options{}, []string{"1@5 t c   | c,t | ", "2@8 t d   | d,t | "}},
	{"rows of nothing but commas", "clientId,tagId,x\n,,\nc,t,\n,,\n", Options{}, []string{"1@3 t c   | c,t, | "}},
	{"rows of white space, quoted or not", "clientId,tagId,x\n\"   \",,\n\"\u3000\",\" \u00A0\",\"\n\"\n  ,\t,\nc,t,\n", Options{}, []string{"1@6 t c   | c,t, | "}},
	{"white space past the header", "clientId,tagId\nc,t,\" \",\n", Options{}, []string{"1@2 t c   | c,t | ,\" \","}},
	{"a header alone", "clientId,tagId\n", Options{}, nil},
	{"^Z at the end", "clientId,tagId\r\nc,t\r\n\x1A", Options{}, []string{"1@2 t c   | c,t | "}},
	{"a byte order mark", "\xEF\xBB\xBFclientId,tagId\nc,t\n", Options{}, []string{"1@2 t c   | c,t | "}},
	{"a byte order mark and a quoted header", "\xEF\xBB\xBF\"clientId\",\"tagId\"\nc,t\n", Options{}, []string{"1@2 t c   | c,t | "}},
	{"a byte order mark twice", "\xEF\xBB\xBF\xEF\xBB\xBFclientId,tagId\nc,t\n", Options{}, []string{"1@2 t c   | c,t | "}},
	{"sep= on the first line", "sep=;\nclientId;tagId\nc;t\n", Options{}, []string{"1@3 t c   | c;t | "}},
	{"a title above", "客戶名單 2026/11\n\nclientId,tagId\nc,t\n", Options{}, []string{"1@4 t c   | c,t | "}},
	{"a title with a comma above", "List, of May\nclientId,tagId,x\nc,t,1\n", Options{}, []string{"1@3 t c   | c,t,1 | "}},
	{"trailing commas", "clientId,tagId,,,\nc,t,,,\nd,t\n", Options{}, []string{"1@2 t c   | c,t,,, | ", "2@3 t d   | d,t,,, | "}},
	{"commas past the header", "clientId,tagId\nc,t,,\n", Options{}, []string{"1@2 t c   | c,t | ,,"}},
	{"text past the header", "clientId,tagId\nc,t,what\n", Options{}, []string{"1@2 !many-cells | c,t | ,what"}},
	{"the same, padded by a spreadsheet", "clientId,tagId,note,mantatag_reason,,\nc,t,,few,\"c,t\",\nd,t,,few,,\n", Options{}, []string{"1@2 !still-surplus | c,t, | ,\"c,t\",", "2@3 t d   | d,t, | ,,"}},
	{"more cells than the header, come back padded", "clientId;tagId;mantatag_reason;;\nc;t;many;x;y\n", Options{}, []string{"1@2 !still-surplus | c;t | ;x;y"}},
	{"a row cut short, come back", "clientId,tagId,note,mantatag_reason\nc,t,,few,\"c,t\"\n", Options{}, []string{"1@2 !still-surplus | c,t, | ,\"c,t\""}},
	{"a row cut short", "clientId,tagId,note\nc,t\nd,t,x\n", Options{}, []string{"1@2 !few-cells | c,t, | ,\"c,t\"", "2@3 t d   | d,t,x | "}},
	{"an unnamed column", "clientId,,tagId\nc,x,t\n", Options{}, []string{"1@2 t c   | c,x,t | "}},
	{"the same name twice, of no interest", "note,clientId,note,tagId\na,c,b,t\n", Options{}, []string{"1@2 t c   | a,c,b,t | "}},
	{"the header again in the middle", "clientId,tagId\nc,t\nclientId,tagId\nd,t\n", Options{}, []string{"1@2 t c   | c,t | ", "2@3 !repeated-header | clientId,tagId | ", "3@4 t d   | d,t | "}},
	{"the header again in another order", "tagId,clientId\nt,c2\nclientId,tagId\nc4,t\ntagId,clientId\nt,c6\n", Options{}, []string{"1@2 t c2   | t,c2 | ", "2@3 !other-header | clientId,tagId | ", "3@4 !below-header | c4,t | ", "4@5 !repeated-header | tagId,clientId | ", "5@6 t c6   | t,c6 | "}},
	{"the header again by other names", "tagId,clientId\n標籤ID,客戶 ID\nt,c\n", Options{}, []string{"1@2 !repeated-header | 標籤ID,客戶 ID | ", "2@3 t c   | t,c | "}},
	{"the header again with other columns", "note,x,tagId,clientId\ntagId,clientId,note,x\nt,c,,\n", Options{}, []string{"1@2 !other-header | tagId,clientId,note,x | ", "2@3 !below-header | t,c,, | "}},
	{"a header without a column that is needed", "tagId,clientId\nclientId,標籤\nc,t\n", Options{}, []string{"1@2 !other-header | clientId,標籤 | ", "2@3 !below-header | c,t | "}},
	{"a wider header further down", "tagId,clientId\nname,clientId,tagId\nx,c\n", Options{}, []string{"1@2 !other-header | name,clientId | ,tagId", "2@3 !below-header | x,c | "}},
	{"a header further down, of mapped names with digits", "K1,T1\nT1,K1\nt,c\n", Options{Map: map[string]string{"clientId": "K1", "tagId": "T1"}}, []string{"1@2 !other-header | T1,K1 | ", "2@3 !below-header | t,c | "}},
	{"a tag that is called as the mapped column", "tag,client\ngold,alice\ntag,bob\nvip,carol\n", Options{Map: map[string]string{"tagId": "tag", "clientId": "client"}}, []string{"1@2 gold alice   | gold,alice | ", "2@3 tag bob   | tag,bob | ", "3@4 vip carol   | vip,carol | "}},
	{"a client that is called as the mapped column, and a tag for all", "client,note\nalice,x\nbob,client\ncarol,y\n", Options{Tag: "T", Map: map[string]string{"clientId": "client"}}, []string{"1@2 T alice   | alice,x | ", "2@3 T bob   | bob,client | ", "3@4 T carol   | carol,y | "}},
	{"the mapped header again", "tag,client\nvip,carol\nTag,Client\nvip,dan\nclient,tag\nerin,vip\n", Options{Map: map[string]string{"tagId": "tag", "clientId": "client"}}, []string{"1@2 vip carol   | vip,carol | ", "2@3 !repeated-header | Tag,Client | ", "3@4 vip dan   | vip,dan | ", "4@5 !other-header | client,tag | ", "5@6 !below-header | erin,vip | "}},
	{"the mapped header in another order, one of a field", "member,note\nalice,x\nnote,member\ny,bob\n", Options{Tag: "T", Map: map[string]string{"clientId": "member"}}, []string{"1@2 T alice   | alice,x | ", "2@3 !other-header | note,member | ", "3@4 !below-header | y,bob | "}},
	{"the mapped header again, of one column", "member\nalice\nmember\nbob\n", Options{Tag: "T", Map: map[string]string{"clientId": "member"}}, []string{"1@2 T alice   | alice | ", "2@3 !repeated-header | member | ", "3@4 T bob   | bob | "}},
	{"a tag that is called as a column may be", "tagId,clientId\nchannel,c\nt,line\n", Options{}, []string{"1@2 channel c   | channel,c | ", "2@3 t line   | t,line | "}},
	{"the header again, come back", "tagId,clientId,mantatag_row,mantatag_reason\nclientId,tagId,2,the row is a header\nc,t,3,x\n", Options{}, []string{"1@2 !other-header | clientId,tagId | ", "2@3 !below-header | c,t | "}},
	{"spaces around names and cells", " clientId , tagId \n c , t \n", Options{}, []string{"1@2 t c   |  c , t  | "}},
	{"spaces before a quoted cell", "clientId, \"tagId\"\n\"c\", \"t\"\n", Options{}, []string{`1@2 t c   | "c", "t" | `}},
	{"spaces within a quoted id", "clientId,tagId\n\" c \",\"t\t\"\n", Options{}, []string{"1@2 t c   | \" c \",\"t\t\" | "}},
	{"a no-break space", "clientId,tagId\n\u00A0c,t\u3000\n", Options{}, []string{"1@2 t c   | \u00A0c,t\u3000 | "}},
	{"a zero-width space", "client\u200BId,tagId\nc\u200B,t\n", Options{}, []string{"1@2 t c   | c\u200B,t | "}},
	{"a quotation mark in an unquoted cell", "clientId,note,tagId\nc,5\" x 3\",t\n", Options{}, []string{`1@2 t c   | c,5" x 3",t | `}},
	{"a quotation mark never closed", "clientId,note,tagId\nc,\"a,t\nd,b,t\ne,c,t\n", Options{}, []string{`1@2 !stray-quote | ,, | ,"c,""a,t"`, "2@3 t d   | d,b,t | ", "3@4 t e   | e,c,t | "}},
	{"text after a closing mark", "clientId,note,tagId\nc,\"a\"b,t\n", Options{}, []string{`1@2 !stray-quote | ,, | ,"c,""a""b,t"`}},
	{"marks escaped by backslash", "clientId,note,tagId\nc,\"say \\\"hi\\\"\",t\n", Options{}, []string{`1@2 t c   | c,"say \"hi\"",t | `}},
	{"single quotation marks", "clientId,note,tagId\n'c',it's,t\n", Options{}, []string{"1@2 t 'c'   | 'c',it's,t | "}},
	{"a semicolon and decimal commas", "clientId;price;tagId\nc;1,5;t\n", Options{}, []string{"1@2 t c   | c;1,5;t | "}},
	{"a pipe", "clientId|tagId\nc|t\n", Options{}, []string{"1@2 t c   | c|t | "}},
	{"tabs, with commas in the cells", "clientId\tnote\ttagId\nc\ta,b,c\tt\n", Options{}, []string{"1@2 t c   | c\ta,b,c\tt | "}},
	{"tabs with empty cells", "clientId\tnote\ttagId\nc\t\tt\n", Options{}, []string{"1@2 t c   | c\t\tt | "}},
	{"another delimiter, given", "clientId^tagId\nc^t\n", Options{Delimiter: "^"}, []string{"1@2 t c   | c^t | "}},
	{"one column", "clientId\nc\nd\n", Options{Tag: "T"}, []string{"1@2 T c   | c | ", "2@3 T d   | d | "}},
	{"all cells quoted", "\"clientId\",\"tagId\"\r\n\"c\",\"t\"\r\n", Options{}, []string{`1@2 t c   | "c","t" | `}},
	{"a formula that keeps zeros", "clientId,tagId\n=\"00123\",t\n\"=\"\"00124\"\"\",t\n", Options{}, []string{`1@2 t 00123   | ="00123",t | `, `2@3 t 00124   | "=""00124""",t | `}},
	{"an apostrophe that keeps zeros", "clientId,tagId\n'00123,t\n", Options{}, []string{"1@2 t 00123   | '00123,t | "}},
	{"leading zeros", "clientId,tagId\n00123,007\n", Options{}, []string{"1@2 007 00123   | 00123,007 | "}},
	{"a number with .0", "clientId,tagId\n12345.0,t\n", Options{}, []string{"1@2 t 12345   | 12345.0,t | "}},
	{"many tags that look like one number", "clientId,tagId\nc,\"101,102,103,104,105,106\"\n", Options{}, []string{`1@2 !comma-in-tag | c,"101,102,103,104,105,106" | `}},
	{"more tags than a number ever has digits", "clientId,tagId\nc,\"101" + strings.Repeat(",102", 200) + "\"\n", Options{}, []string{`1@2 !comma-in-tag | c,"101` + strings.Repeat(",102", 200) + `" | `}},
	{"names that look like a page", "<heading>,clientId,tagId\nx,c,t\n", Options{}, []string{`1@2 t c   | x,c,t | `}},
	{"the same, where it is said that it is none", "<table>,clientId,tagId\nx,c,t\n", Options{Format: CSV}, []string{`1@2 t c   | x,c,t | `}},
	{"thousands", "clientId,tagId\n\"1,234,567\",t\nc,\"123,456\"\n", Options{}, []string{`1@2 t 1234567   | "1,234,567",t | `, `2@3 !comma-in-tag | c,"123,456" | `}},
	{"scientific notation", "clientId,tagId\n8.86912E+11,t\n\"1,23E+15\",t\n", Options{}, []string{"1@2 !scientific | 8.86912E+11,t | ", `2@3 !scientific | "1,23E+15",t | `}},
	{"a long number rounded", "clientId,tagId\n12345678901234500000,t\n12345678901234567890,t\n", Options{}, []string{"1@2 !rounded | 12345678901234500000,t | ", "2@3 t 12345678901234567890   | 12345678901234567890,t | "}},
	{"a date", "clientId,tagId\n2026/3/1,t\n1-Mar,t\n3月1日,t\n", Options{}, []string{"1@2 !date | 2026/3/1,t | ", "2@3 !date | 1-Mar,t | ", "3@4 !date | 3月1日,t | "}},
	{"an error of a formula", "clientId,tagId\n#N/A,t\nc,#REF!\n#######,t\n", Options{}, []string{"1@2 !error-value | #N/A,t | ", "2@3 !error-value | c,#REF! | ", "3@4 !too-narrow | #######,t | "}},
	{"NULL", "clientId,tagId\nNULL,t\n\\N,t\n", Options{}, []string{"1@2 !no-value | NULL,t | ", "2@3 !no-value | \\N,t | "}},
	{"full-width ids", "clientId,tagId,platform\nＵ１２３,ｔ１,ＬＩＮＥ\n", Options{}, []string{"1@2 t1 U123 line  | Ｕ１２３,ｔ１,ＬＩＮＥ | "}},
	{"full-width and Chinese names of columns", "客戶ＩＤ,標籤　編號\nc,t\n", Options{}, []string{"1@2 t c   | c,t | "}},
	{"a NUL", "clientId,tagId\nc\x00,t\nd,t\n", Options{}, []string{"1@2 !control | c\x00,t | ", "2@3 t d   | d,t | "}},
	{"a line break in an id", "clientId,tagId\n\"c\nd\",t\n", Options{}, []string{"1@2 !control | \"c\nd\",t | "}},
	{"a byte that is not UTF-8", "clientId,名字,tagId\nc,王\xFF,t\nd,李,t\n", Options{}, []string{"1@2 !bad-text | c,王\xFF,t | ", "2@3 t d   | d,李,t | "}},
	{"a replacement character in an id", "clientId,tagId\nc\uFFFD,t\n", Options{}, []string{"1@2 !replaced | c\uFFFD,t | "}},
	{"Big5, with a backslash in a character", "客戶ID,姓名,標籤ID\nc,許功蓋,t\n", Options{}, nil}, // encoded below
}

func TestOddities(t *testing.T) {
	if len(oddities) < 40 {
		t.Fatal("the list has lost cases")
	}
	for _, c := range oddities {
		t.Run(c.name, func(t *testing.T) {
			if strings.HasPrefix(c.name, "Big5") {
				rows, l := readAll(t, string(encode(t, big5, c.text)), c.o)
				compare(t, rows, []string{"1@2 t c   | c,許功蓋,t | "})
				if l.Encoding != "big5" {
					t.Error(l.Encoding)
				}
				return
			}
			rows, _ := readAll(t, c.text, c.o)
			compare(t, rows, c.want)
		})
	}
}
