package ingest

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The fields that a column can stand for, in the order in which they are
// asked for everywhere in this package.
const (
	fieldTag = iota
	fieldClient
	fieldPlatform
	fieldPlatformClient
	fieldBot
	fieldOneTag // mantatag_tag: which tag of a row that asks for several
	fieldCount
)

var fieldNames = [fieldCount]string{"tagId", "clientId", "platform", "platformClientId", "botId", "mantatag_tag"}

// ownPrefix begins the names of the columns that mantatag adds to the outcome
// files. They are left out when such a file is read again.
const ownPrefix = "mantatag_"

// aliases are other names that people give these columns. They count only
// where no column has the field's own name.
var aliases = [fieldCount][]string{
	fieldTag: {"clientTagId", "標籤ID", "標籤編號", "標籤代碼", "標籤代號", "手動標籤ID", "客戶標籤ID", "好友標籤ID",
		"标签ID", "标签编号", "手动标签ID", "客户标签ID"},
	fieldClient: {"客戶ID", "客戶編號", "客戶代碼", "客戶代號", "顧客ID", "顧客編號", "好友ID",
		"客户ID", "客户编号", "顾客ID"},
	fieldPlatform: {"channel", "平台", "平臺", "社群平台", "社群平臺", "訊息平台", "渠道", "通路"},
	fieldPlatformClient: {"platformUserId", "平台客戶ID", "平臺客戶ID", "平台客戶編號", "平台用戶ID", "平台使用者ID", "平台會員ID",
		"社群ID", "平台客户ID", "平台用户ID"},
	fieldBot: {"機器人ID", "機器人編號", "机器人ID"},
}

// foldName reduces the name of a column to what counts for matching: letters
// and digits, in lower case and of ordinary width.
func foldName(s string) string {
	return strings.Map(func(r rune) rune {
		if r = halfWidth(r); r == '_' || r == '-' || unicode.IsSpace(r) || unicode.In(r, unicode.Cf) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// OneLine is the name of a column as it is shown: on one line, with one space
// for any white space, and without what cannot be seen. --map takes it for the
// name itself.
func OneLine(name string) string {
	seen := strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cf) {
			return -1
		}
		return r
	}, name)
	return strings.Join(strings.Fields(seen), " ")
}

// names matches columns to fields.
type names struct {
	fields  [fieldCount]string          // names of --map, or those of the fields themselves, folded
	mapped  [fieldCount]bool            // whether --map named it
	columns map[string]string           // --map as given, for messages
	aliases [fieldCount]map[string]bool // folded
	given   [fieldCount]bool            // a value for all rows stands in for the column

	known   map[string]bool // all that may stand for a field, folded and without quotation marks
	longest int             // of them, in bytes
}

func newNames(o Options) (*names, error) {
	n := &names{columns: o.Map}
	for f, name := range fieldNames {
		n.fields[f] = foldName(name)
		n.aliases[f] = map[string]bool{}
		for _, a := range aliases[f] {
			n.aliases[f][foldName(a)] = true
		}
	}
	for field, column := range o.Map {
		f := slices.IndexFunc(fieldNames[:fieldOneTag], func(name string) bool { return foldName(name) == foldName(field) })
		if f < 0 {
			return nil, &InputError{Message: say("bad-map", field)}
		}
		n.fields[f], n.mapped[f] = OneLine(column), true
	}
	n.given[fieldTag] = o.Tag != ""
	n.given[fieldPlatform] = o.Platform != ""
	n.know()
	return n, nil
}

// know collects what mayName looks for.
func (n *names) know() {
	n.known = map[string]bool{}
	add := func(name string) {
		name = strings.ReplaceAll(foldName(name), `"`, "")
		n.known[name], n.longest = true, max(n.longest, len(name))
	}
	for f := range fieldCount {
		add(n.fields[f])
		if !n.mapped[f] {
			for _, a := range aliases[f] {
				add(a)
			}
		}
	}
}

// mayName tells a cell, as it stands in a record, that may be a name that stands
// for a field: all that fieldOf knows are among them. It allocates nothing, and
// reads no more of the cell than of the longest name.
func (n *names) mayName(cell []byte) bool {
	var room [128]byte
	name := room[:0]
	for i := 0; i < len(cell); {
		r, size := rune(cell[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(cell[i:])
		}
		i += size
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			name = append(name, byte(r))
		case r >= 'A' && r <= 'Z':
			name = append(name, byte(r)|0x20)
		default:
			if r = halfWidth(r); r == '"' || r == '_' || r == '-' || unicode.IsSpace(r) || unicode.In(r, unicode.Cf) {
				continue
			}
			name = utf8.AppendRune(name, unicode.ToLower(r))
		}
		if len(name) > n.longest {
			return false
		}
	}
	return n.known[string(name)]
}

// layout is which column stands for which field: an index, or -1.
type layout [fieldCount]int

// How well a name stands for a field. A better one hides the lesser ones.
const (
	exactly = iota // as --map spells it, and messages show it
	folded         // but for case, spaces, _ and -
	byAlias
	grades
)

// fieldOf is the field that a column's name stands for, and how well; -1 if
// there is none.
func (n *names) fieldOf(column string) (field, grade int) {
	name := foldName(column)
	for f := range fieldCount {
		switch {
		case n.mapped[f] && OneLine(column) == n.fields[f]:
			return f, exactly
		case n.mapped[f] && name == foldName(n.fields[f]), !n.mapped[f] && name == n.fields[f]:
			return f, folded
		}
	}
	for f := range fieldCount {
		if !n.mapped[f] && n.aliases[f][name] {
			return f, byAlias
		}
	}
	return -1, 0
}

// match finds the columns of a header. Two columns for one field are a fault.
func (n *names) match(header []string) (l layout, two *InputError) {
	var found [fieldCount][grades][]int
	for i, h := range header {
		if f, grade := n.fieldOf(h); f >= 0 {
			found[f][grade] = append(found[f][grade], i)
		}
	}
	for f := range l {
		l[f] = -1
		for _, at := range found[f] {
			if len(at) > 1 && two == nil {
				two = twoColumns(f, OneLine(header[at[0]]), OneLine(header[at[1]]))
			}
			if len(at) > 0 {
				l[f] = at[0]
				break
			}
		}
	}
	return l, two
}

// twoColumns is the fault of two columns for one field. --map cannot tell them
// apart if they have the same name.
func twoColumns(f int, one, other string) *InputError {
	if one == other {
		return &InputError{Message: say("same-name", one, fieldNames[f]), Hint: say("hint-rename")}
	}
	return &InputError{Message: say("two-columns", one, other, fieldNames[f]), Hint: say("hint-map", fieldNames[f])}
}

// lacks says which field a row could never have with these columns: -1 if
// they are enough to make a mapping.
func (n *names) lacks(l layout) int {
	for f, mapped := range n.mapped {
		if mapped && l[f] < 0 {
			return f
		}
	}
	return n.needs(l)
}

// needs is lacks for an input whose rows need not all have the same columns.
func (n *names) needs(l layout) int {
	has := func(f int) bool { return l[f] >= 0 || n.given[f] }
	switch {
	case !has(fieldTag):
		return fieldTag
	case !has(fieldClient) && !has(fieldPlatformClient):
		return fieldClient
	case !has(fieldClient) && !has(fieldPlatform):
		return fieldPlatform
	}
	return -1
}

// ownWord tells whether any of the columns found has a name that is not one of
// --map.
func (n *names) ownWord(l layout) bool {
	for f, mapped := range n.mapped {
		if l[f] >= 0 && !mapped {
			return true
		}
	}
	return false
}

// noColumn says that there is no column for a field, and what there is.
func (n *names) noColumn(f int, header []string) *InputError {
	columns, marks := make([]string, len(header)), 0
	for i, h := range header {
		columns[i] = OneLine(h)
		if strings.Contains(h, "??") {
			marks++
		}
	}
	lost := marks > 0 && 2*marks >= len(header)
	if n.mapped[f] {
		e := &InputError{Message: say("no-map-column", n.fields[f], fieldNames[f], quoteNames(columns))}
		if lost {
			e.Hint = say("hint-question-marks")
		}
		return e
	}
	e := &InputError{
		Message: say("no-columns", fieldNames[f], quoteNames(columns)),
		Hint:    say("hint-map", fieldNames[f]),
	}
	if lost {
		e.Hint = say("hint-question-marks")
		return e
	}
	if near := n.nearest(f, header); near != "" {
		e.Hint = say("hint-nearest", proposed(f, near), near)
	}
	if f == fieldTag || f == fieldPlatform {
		e.Hint.ID += "-or-give"
		e.Hint.Args = append(e.Hint.Args, map[int]string{fieldTag: "--tag", fieldPlatform: "--platform"}[f], n.missingToo(f, header))
	}
	return e
}

// proposed is the word after --map that names a column, as any shell reads it; but
// within these quotes sh reads something into some characters, and only it has others
// that suit them all.
func proposed(f int, column string) string {
	if strings.ContainsAny(column, "\"\\$`!") {
		return fieldNames[f] + "='" + strings.ReplaceAll(column, "'", `'\''`) + "'"
	}
	return fieldNames[f] + `="` + column + `"`
}

// missingToo says which column is missing besides that of a field, if one is.
func (n *names) missingToo(f int, header []string) Message {
	at, _ := n.match(header)
	at[f] = 0
	also := n.needs(at)
	if also < 0 {
		return Message{}
	}
	if near := n.nearest(also, header); near != "" {
		return say("also-nearest", fieldNames[also], near, proposed(also, near))
	}
	return say("also-map", fieldNames[also])
}

// ofNames are parts of the folded names of columns that hold names, and so no ids.
var ofNames = []string{"name", "名稱", "名称", "姓名", "名字", "暱稱", "昵称"}

// nearest is the column, of those that stand for nothing, whose name is most
// like the field's and like no other's as much, if any is, and may hold what the
// field does.
func (n *names) nearest(f int, header []string) string {
	best, at := "", 1<<30
	for _, h := range header {
		name := foldName(h)
		if name == "" || len(name) > 100 || strings.HasPrefix(name, foldName(ownPrefix)) {
			continue
		}
		if other, _ := n.fieldOf(h); other >= 0 {
			continue
		}
		if f != fieldPlatform && slices.ContainsFunc(ofNames, func(part string) bool { return strings.Contains(name, part) }) {
			continue
		}
		d := n.unlike(f, name)
		if d >= at {
			continue
		}
		for other := range fieldOneTag {
			if other != f && n.unlike(other, name) <= d {
				d = at
			}
		}
		if d < at {
			best, at = h, d
		}
	}
	return OneLine(best)
}

// unlike is how far a column's folded name is from that of a field; 1<<30: it is
// not like it at all.
func (n *names) unlike(f int, name string) int {
	least := 1 << 30
	for _, want := range append([]string{n.fields[f]}, aliases[f]...) {
		want = foldName(want)
		d := distance([]rune(name), []rune(want))
		if strings.Contains(want, name) || strings.Contains(name, want) {
			d = min(d, 2)
		}
		if d <= max(2, len([]rune(want))/2) {
			least = min(least, d)
		}
	}
	return least
}

// distance is Levenshtein's.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range b {
			cost := 1
			if x == y {
				cost = 0
			}
			row[j+1], diagonal = min(row[j]+1, row[j+1]+1, diagonal+cost), row[j+1]
		}
	}
	return row[len(b)]
}

// quoteNames lists at most twenty columns or sheets for a message.
func quoteNames(header []string) string {
	var b strings.Builder
	for i, h := range header {
		if i == 20 {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		h = strings.TrimSpace(h)
		if runes := []rune(h); len(runes) > 40 {
			h = string(runes[:40]) + "…"
		}
		b.WriteString(`"` + strings.ToValidUTF8(h, "\uFFFD") + `"`)
	}
	return b.String()
}
