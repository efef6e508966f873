package ingest

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Where all ids of 16 and 17 digits end in zeros, wherever they begin, and they
// are too many for chance, a spreadsheet has rounded their column.
func TestRoundedColumn(t *testing.T) {
	ids := func(format string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format+",t,facebook\n", 123456789012340+i)
		}
		return b.String()
	}
	many := strings.Repeat("c1,t,line\n", 95)
	var two strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&two, "%d0,tag%d,facebook\n", 123456789012340+i%2, i)
	}
	for _, c := range []struct {
		name, rows     string
		o              Options
		rounded, noted int
	}{
		{"five of 16 digits", ids("%d0", 5), Options{}, 5, 0},
		{"four of 16 digits", ids("%d0", 4), Options{}, 0, 4},
		{"three of 17 digits", ids("%d00", 3), Options{}, 3, 0},
		{"two of 17 digits", ids("%d00", 2), Options{}, 0, 2},
		{"one five times", strings.Repeat(ids("%d0", 1), 5), Options{}, 0, 5},
		{"beside one that is not so", ids("%d0", 8) + ids("%d3", 1), Options{}, 0, 8},
		{"before one that is not so", ids("%d3", 1) + ids("%d0", 8), Options{}, 0, 8},
		{"beside short ids and others", "U1,t,line\n12345,t,facebook\n" + ids("%d0", 5), Options{}, 5, 0},
		{"more than were looked at", ids("%d0", 300), Options{}, 300, 0},
		{"one beyond what was looked at is not so", ids("%d0", 100) + ids("%d3", 1), Options{}, 100, 0},
		{"far down", many + many + ids("%d0", 60), Options{}, 60, 0},
		{"far down, beside one that is not so", many + many + ids("%d0", 60) + ids("%d3", 1), Options{}, 0, 60},
		{"far down, after one that is not so", ids("%d3", 1) + many + many + ids("%d0", 60), Options{}, 0, 60},
		{"too far apart to be told before the last", many + ids("%d0", 4) + many + ids("%d0", 9), Options{}, 9, 4},
		{"one at a time", strings.Join(strings.SplitAfter(ids("%d0", 7), "\n"), many+many), Options{}, 3, 4},
		{"rounded for good", ids("%d0", 5) + many + many + ids("%d3", 1) + ids("%d0", 9), Options{}, 14, 0},
		{"not rounded for good", ids("%d0", 4) + ids("%d3", 1) + many + many + ids("%d0", 9), Options{}, 0, 13},
		{"several tags a row", strings.ReplaceAll(ids("%d0", 5), ",t,", ",t|u,"), Options{SplitTags: "|"}, 5, 0},
		{"two again and again, in a long file", two.String(), Options{}, 0, 20_000},
		{"several such tags a row", strings.ReplaceAll(strings.Repeat("c1,t,line\n", 2), ",t,", ",1234567890123450|1234567890123460|1234567890123470|1234567890123480|1234567890123490,"), Options{SplitTags: "|"}, 10, 0},
		{"several such tags a row, as text", strings.ReplaceAll(strings.Repeat("c1,t,line\n", 2), ",t,", ",'1234567890123450|'1234567890123460|\u200B1234567890123470|'1234567890123480|'1234567890123490,"), Options{SplitTags: "|"}, 10, 0},
		{"one tag of such digits for all", strings.ReplaceAll(strings.Repeat("c1,t,line\n", 9), ",t,", ",1234567890123450,"), Options{}, 0, 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, text := range map[string]string{
				"a table":  "platformClientId,tagId,platform\n" + c.rows,
				"NDJSON":   regexp.MustCompile(`(?m)^(.*),(.*),(.*)$`).ReplaceAllString(c.rows, `{"platformClientId":"$1","tagId":"$2","platform":"$3"}`),
				"a number": regexp.MustCompile(`(?m)^(.*),(.*),(.*)$`).ReplaceAllString(strings.NewReplacer("U1", "1", "c1", "1").Replace(c.rows), `{"platformClientId":$1,"tagId":"$2","platform":"$3"}`),
			} {
				rows, _ := readAll(t, text, c.o)
				lines := strings.Split(c.rows, "\n")
				rounded, noted := 0, 0
				for i, row := range rows {
					var fault *Fault
					if errors.As(row.Err, &fault) && fault.ID == "rounded" && (row.TagID != "" || c.o.SplitTags != "") {
						rounded++
					}
					if slices.ContainsFunc(row.Notes, func(n Note) bool { return n.ID == "odd-rounded" }) {
						noted++
					}
					if line := lines[row.Number-1]; name == "a table" && string(row.Own) != line {
						t.Fatalf("row %d is %s, not %s", row.Number, row.Own, line)
					}
					if i > 0 && row.Number < rows[i-1].Number {
						t.Fatalf("%s: row %d after row %d", name, row.Number, rows[i-1].Number)
					}
				}
				if rounded != c.rounded || noted != c.noted {
					t.Errorf("%s: %d rounded, want %d; %d noted, want %d", name, rounded, c.rounded, noted, c.noted)
				}
			}
		})
	}
}

// Few ids of 16 and 17 digits may end in zeros by chance.
func TestRoundedOrNot(t *testing.T) {
	for id, want := range map[string]string{
		"1234567890123451":    "",
		"1234567890123450":    "odd-rounded",
		"12345678901234500":   "odd-rounded",
		"123456789012345000":  "rounded",
		"123456789012345001":  "",
		"1234567890123450000": "rounded",
	} {
		for _, beside := range []string{"", "6432109876543211,t,facebook\n", "6432109876543270,t,facebook\n"} {
			rows, _ := readAll(t, "platformClientId,tagId,platform\n"+id+",t,facebook\n"+beside, Options{})
			got := ""
			var fault *Fault
			if errors.As(rows[0].Err, &fault) {
				got = fault.ID
			} else if len(rows[0].Notes) > 0 {
				got = rows[0].Notes[0].ID
			}
			if got != want || (rows[0].Err != nil) != (want == "rounded") {
				t.Errorf("%s beside %q: %q, want %q", id, beside, got, want)
			}
		}
	}
}

// Two columns are judged each by itself.
func TestRoundedColumns(t *testing.T) {
	var b strings.Builder
	b.WriteString("clientId,tagId\n")
	for i := range 200 {
		fmt.Fprintf(&b, "c%d,t\n", i)
	}
	for i := range 9 {
		fmt.Fprintf(&b, "%d7,%d0\n", 123456789012340+i, 123456789012340+i)
	}
	fmt.Fprint(&b, "1234567890123410,t\n")
	rows, _ := readAll(t, b.String(), Options{})
	for i, row := range rows[200:] {
		fault, ok := errors.AsType[*Fault](row.Err)
		if tag := i < 9; ok != tag || ok && (fault.ID != "rounded" || fault.Field != "tagId") || !ok && len(row.Notes) != 1 {
			t.Errorf("%s: %v, %v", row.Own, row.Err, row.Notes)
		}
	}
}

// What is read ahead is bounded, and nothing is where nothing has to be told.
func TestLooksAheadOnlySoFar(t *testing.T) {
	note := strings.Repeat("x", 30_000)
	for _, c := range []struct {
		name, id, note string
		most           int
	}{
		{"short ids", "c1", "", 0},
		{"an id that is no rounding", "1234567890123457", "", 0},
		{"one id again and again", "1234567890123450", "", lookedAt - 1},
		{"the same, in long rows", "1234567890123450", note, lookedAtBytes/len(note) + 1},
	} {
		r, err := Open(write(t, "clientId,tagId,note\n"+strings.Repeat(c.id+",t,"+c.note+"\n", 300)), Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		most := 0
		for n := range int64(300) {
			row, err := r.Next()
			if err != nil || row.Err != nil || row.Number != n+1 || row.ClientID != c.id {
				t.Fatalf("%s: row %d: %v, %v", c.name, n, err, row.Err)
			}
			most = max(most, len(r.ahead))
		}
		if _, err := r.Next(); err != io.EOF {
			t.Error(err)
		}
		if most != c.most || r.aheadBytes != 0 {
			t.Errorf("%s: %d rows were read ahead, not %d; %d bytes are left", c.name, most, c.most, r.aheadBytes)
		}
	}
}

// The rows after an id that comes again and again are looked at once.
func TestLooksAheadOnce(t *testing.T) {
	r, err := Open(write(t, "clientId,tagId\n"+strings.Repeat("1234567890123450,t\n", 300)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for n := range 300 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if n >= lookedAt && len(r.ahead) > 0 {
			t.Fatalf("%d rows were read ahead at row %d", len(r.ahead), n)
		}
	}
}

// The text of an outcome file's own cells counts as well.
func TestLooksAheadInOutcomes(t *testing.T) {
	tag := strings.Repeat("x", 30_000)
	r, err := Open(write(t, strings.Repeat(`{"clientId":"1234567890123450","tagId":"`+tag+`","mantatag":{"tag":"`+tag+`"}}`+"\n", 100)), Options{SplitTags: "|"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if n := len(r.ahead); n == 0 || n*2*len(tag) > lookedAtBytes+4*len(tag) {
		t.Errorf("%d rows were read ahead", n)
	}
}

// A fault that is met while looking ahead comes after the rows before it.
func TestFaultAfterRowsLookedAt(t *testing.T) {
	const row = `<row><c t="str"><v>123456789012345%d</v></c><c t="s"><v>0</v></c></row>`
	name := writeParts(t, bookParts(bookHeader+fmt.Sprintf(row, 10)+fmt.Sprintf(row, 20)+`<row><c t="s"><v>7</v></c></row>`, `<si><t>t</t></si>`))
	rows, err := readUntil(name)
	if fault, ok := errors.AsType[*InputError](err); !ok || fault.ID != "damaged" || rows != 2 {
		t.Errorf("%v after %d rows", err, rows)
	}
}
