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
		{"whatsapp", "912345678", true},
		{"whatsapp", "9123456789", false},
		{"whatsapp", "812345678", false},
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

// What spreadsheets make of cells, and what is told of it: the first fault or
// note. What is only mended becomes the id after the arrow.
func TestWhatSpreadsheetsWrite(t *testing.T) {
	for cell, want := range map[string]string{
		"12,345,678,901,234,600":    "rounded",
		"1,234,567,890,123,456":     "rounded",
		"12,345,678,901,234,600.00": "rounded",
		"-12,345,678,901,234,600":   "rounded",
		"12345678901234600.0":       "rounded",
		"12345678901234567.00":      "rounded",
		"12345678901234600,00":      "rounded",
		"-123456789012345000":       "rounded",
		"-12345678901234500.0":      "rounded",
		"-12345678901234500":        "odd-rounded",
		"123,456,789,012,345":       "thousands → 123456789012345",
		"123456789012345.0":         "point-zero → 123456789012345",
		"12,34,567,890,123,456,789": "",
		"12345678901234567.5":       "odd-fraction",
		"-1.2E+05":                  "scientific",
		"-12345678E+10":             "scientific",
		"-5":                        "odd-number",
		"-12345678901234":           "odd-number",
		"-1,234.5":                  "odd-number",
		"25%":                       "odd-number",
		"12.5 %":                    "odd-number",
		"NT$1,234,567":              "odd-number",
		"$123":                      "odd-number",
		"-US$5.00":                  "odd-number",
		"(123)":                     "odd-number",
		"($1,234)":                  "odd-number",
		"1,234,567.00":              "odd-number",
		"-a5":                       "",
		"(a)":                       "",
		"c$1":                       "",
		"100%a":                     "",
		"TRUE":                      "odd-truth",
		"False":                     "odd-truth",
		"真":                         "odd-truth",
		"假":                         "odd-truth",
		"TRUE1":                     "",
		"?c109":                     "odd-question",
		"c1?10":                     "odd-question",
		"Err:522":                   "error-value",
		"Err:52":                    "",
		"xErr:522":                  "",
		"{=SUM(1)}":                 "formula",
		`{="c"&1}`:                  "formula",
		`="c"&"x1"`:                 "formula",
		`="00123"`:                  "text-formula → 00123",
		"{a=b}":                     "",
	} {
		c := &checker{}
		var row Row
		cells := [fieldCount][]byte{fieldTag: []byte("t"), fieldClient: []byte(cell)}
		c.check(&row, &cells)
		got := ""
		switch fault, failed := row.Err.(*Fault); {
		case failed:
			got = fault.ID
		case len(row.Notes) > 0 && row.Notes[0].Mended:
			got = row.Notes[0].ID + " → " + row.ClientID
		case len(row.Notes) > 0:
			got = row.Notes[0].ID
		}
		if got != want {
			t.Errorf("%q: %q, not %q", cell, got, want)
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
	said := regexp.MustCompile(`say\("([a-z-]+)"|"(hint-[a-z-]+)"|"", "([a-z-]+)", ""|"foreign", "([a-z0-9-]+)"|"<[^"]*", "([a-z-]+)"`)
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") || file.Name() == "fault.go" {
			continue
		}
		text, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range said.FindAllStringSubmatch(string(text), -1) {
			used[m[1]+m[2]+m[3]+m[4]+m[5]] = true
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
