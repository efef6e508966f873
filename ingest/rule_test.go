package ingest

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every rule does with its example what it says, in each field that it is for.
func TestRules(t *testing.T) {
	for _, rule := range rules {
		for _, field := range rule.Fields {
			f := slices.Index(fieldNames[:], field)
			c := &checker{platform: "line"}
			cells := [fieldCount][]byte{fieldTag: []byte("vip-2026-tag"), fieldClient: []byte("client-00001")}
			cells[f] = []byte(rule.Example)
			if rule.Platform != "" {
				cells[fieldPlatform] = []byte(rule.Platform)
			}
			if f == fieldPlatform && rule.Effect == Mends {
				cells[f] = []byte(strings.NewReplacer("c1234", "line", "c12\u200B34", "li\u200Bne", "Ｕ１２３４", "ｌｉｎｅ", "00123", "line").Replace(rule.Example))
			}
			var row Row
			c.check(&row, &cells)
			var fault *Fault
			errors.As(row.Err, &fault)
			switch rule.Effect {
			case Fails:
				if fault == nil || fault.ID != rule.ID || fault.Field != field {
					t.Errorf("%s does not fail %q as %s: %v", rule.ID, rule.Example, field, row.Err)
				}
			default:
				at := slices.IndexFunc(row.Notes, func(n Note) bool { return n.ID == rule.ID })
				if row.Err != nil || at < 0 || row.Notes[at].Field != field || row.Notes[at].Mended != (rule.Effect == Mends) {
					t.Errorf("%s does not note %q as %s: %v, %v", rule.ID, rule.Example, field, row.Err, row.Notes)
				}
			}
			if rule.Effect == Mends && f == fieldClient && row.ClientID != rule.Becomes {
				t.Errorf("%s makes %q of %q, not %q", rule.ID, row.ClientID, rule.Example, rule.Becomes)
			}
		}
	}
}

// Cells that look like damage and are none.
func TestSoundIDs(t *testing.T) {
	for _, id := range []string{
		"c1", "007", "123456789012345", "12345678901234567", "1E10", "12e5", "5f3e2a10-1234-4abc-9def-0123456789ab",
		"507f1f77bcf86cd799439011", "a.b", "v1.2.3", "user@example.com", "nullable", "marble", "1-2", "2026-03-01a", "x#1", "+886912345678",
		"U" + strings.Repeat("0a", 16), strings.Repeat("9", 40), "c_1:2", "a=b", "tag+1", "Ab/cd==",
	} {
		c := &checker{}
		var row Row
		cells := [fieldCount][]byte{fieldTag: []byte("t"), fieldClient: []byte(id)}
		c.check(&row, &cells)
		if row.Err != nil || row.Notes != nil || row.ClientID != id {
			t.Errorf("%q: %v, %v", id, row.Err, row.Notes)
		}
	}
}

func TestPlatformIDs(t *testing.T) {
	for _, c := range []struct {
		platform, id string
		odd          bool
	}{
		{"line", "U" + strings.Repeat("0a", 16), false},
		{"line", "U" + strings.Repeat("0A", 16), true},
		{"line", "C" + strings.Repeat("0a", 16), true},
		{"whatsapp", "886912345678", false},
		{"whatsapp", "+886912345678", false},
		{"whatsapp", "0912-345-678", true},
		{"facebook", "6432109876543211", false},
		{"facebook", "wang.xiaoming", true},
		{"instagram", "17841400000000001", false},
		{"liveChat", "whatever it is", true}, // for its spaces
		{"liveChat", "whatever", false},
	} {
		ch := &checker{}
		var row Row
		cells := [fieldCount][]byte{fieldTag: []byte("t"), fieldPlatform: []byte(c.platform), fieldPlatformClient: []byte(c.id)}
		ch.check(&row, &cells)
		if row.Err != nil || (len(row.Notes) > 0) != c.odd {
			t.Errorf("%s %q: %v, %v", c.platform, c.id, row.Err, row.Notes)
		}
	}
}

// The catalogue has a message for each name in the code, and each is said
// without a mistake.
func TestCatalogue(t *testing.T) {
	used := map[string]bool{}
	for _, rule := range rules {
		used[rule.ID] = true
	}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`say\("([a-z-]+)"|"(hint-[a-z-]+)"|"", "([a-z-]+)", ""|"foreign", "([a-z0-9-]+)"`)
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") || file.Name() == "fault.go" {
			continue
		}
		text, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range said.FindAllStringSubmatch(string(text), -1) {
			used[m[1]+m[2]+m[3]+m[4]] = true
		}
	}
	for id := range used {
		if english[id] == "" {
			t.Errorf("no message %q", id)
		}
	}
	for id, format := range english {
		if !used[id] && !strings.HasSuffix(id, "-or-give") && !slices.Contains([]string{"old-workbook"}, id) {
			t.Errorf("message %q is never said", id)
		}
		for _, verb := range regexp.MustCompile(`%[^%]`).FindAllString(format, -1) {
			if verb != "%[" {
				t.Errorf("message %q has the verb %s without a number", id, verb)
			}
		}
	}
}

// ruleTable is the table of rules as the documentation has it.
func ruleTable() string {
	var b strings.Builder
	b.WriteString("| rule | does | in | for example |\n| --- | --- | --- | --- |\n")
	visible := strings.NewReplacer("\u200B", "[U+200B]", "\u00A0", "[U+00A0]", "\n", "[line break]", "|", `\|`)
	for _, r := range Rules() {
		in := strings.Join(r.Fields, ", ")
		switch len(r.Fields) {
		case len(everywhere):
			in = "all fields"
		case len(anyID):
			in = "all ids"
		}
		if r.Platform != "" {
			in += " of " + r.Platform
		}
		example := fmt.Sprintf("`%s`", visible.Replace(excerpt([]byte(r.Example))))
		if r.Effect == Mends {
			example += fmt.Sprintf(" → `%s`", r.Becomes)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.ID, r.Effect, in, example)
	}
	return b.String()
}

// columnTable is the table of names of columns likewise.
func columnTable() string {
	var b strings.Builder
	b.WriteString("| field | other names of its column |\n| --- | --- |\n")
	for f, name := range fieldNames[:fieldOneTag] {
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, strings.Join(aliases[f], ", "))
	}
	return b.String()
}

// The tables in the documentation are those in the code.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/input.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{columnTable(), ruleTable()} {
		if !strings.Contains(strings.ReplaceAll(string(doc), "\r\n", "\n"), table) {
			t.Errorf("docs/input.md does not have this table:\n%s", table)
		}
	}
}

// Where all ids of 16 and 17 digits among the first rows end in zeros, and they
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
		{"beyond what was looked at", many + ids("%d0", 4) + many + ids("%d0", 9), Options{}, 0, 13},
		{"several tags a row", strings.ReplaceAll(ids("%d0", 5), ",t,", ",t|u,"), Options{SplitTags: "|"}, 5, 0},
		{"one tag of such digits for all", strings.ReplaceAll(strings.Repeat("c1,t,line\n", 9), ",t,", ",1234567890123450,"), Options{}, 0, 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, text := range map[string]string{
				"a table":  "platformClientId,tagId,platform\n" + c.rows,
				"NDJSON":   regexp.MustCompile(`(?m)^(.*),(.*),(.*)$`).ReplaceAllString(c.rows, `{"platformClientId":"$1","tagId":"$2","platform":"$3"}`),
				"a number": regexp.MustCompile(`(?m)^(.*),(.*),(.*)$`).ReplaceAllString(strings.NewReplacer("U1", "1", "c1", "1").Replace(c.rows), `{"platformClientId":$1,"tagId":"$2","platform":"$3"}`),
			} {
				rows, _ := readAll(t, text, c.o)
				rounded, noted := 0, 0
				for i, row := range rows {
					var fault *Fault
					if errors.As(row.Err, &fault) && fault.ID == "rounded" && row.Mapping == (Mapping{}) {
						rounded++
					}
					if slices.ContainsFunc(row.Notes, func(n Note) bool { return n.ID == "odd-rounded" }) {
						noted++
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
