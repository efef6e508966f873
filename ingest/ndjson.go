package ingest

import (
	"bytes"
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// ownMember is the member that mantatag adds to the objects of its outcome
// files.
const ownMember = "mantatag"

// maxKeys bounds how many different keys are remembered.
const maxKeys = 1024

// objects reads rows from NDJSON.
type objects struct {
	lines   *framer
	found   Layout
	rec     record
	number  int64
	checker *checker
	names   *names
	keys    map[string]key // by their text between the quotation marks

	joined []byte
	extra  []byte
	cells  [fieldCount][]byte
}

// key is what a key stands for.
type key struct {
	field, grade int // field is -1 for none
	own          bool
}

func newObjects(f *framer, found Layout, c *checker, n *names) (*objects, error) {
	text := bytes.TrimSpace(f.data())
	if len(text) > 0 && text[0] == '[' {
		return nil, &InputError{Message: say("json-array"), Hint: say("hint-jq")}
	}
	if first, _, _ := bytes.Cut(text, []byte("\n")); string(bytes.TrimSpace(first)) == "{" {
		return nil, &InputError{Message: say("json-pretty"), Hint: say("hint-jq")}
	}
	if len(text) == 0 && f.err != nil {
		return nil, &InputError{Message: say("no-header")}
	}
	ob := &objects{lines: f, found: found, checker: c, names: n, keys: map[string]key{}}
	ob.found.Format, ob.found.CRLF = NDJSON, endsInCRLF(text)
	return ob, ob.look(f.data())
}

// look wants some object at the beginning of the text to have what a row
// needs, or the keys are called otherwise.
func (ob *objects) look(text []byte) error {
	var keys []string
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] != '{' || !json.Valid(line) {
			continue
		}
		for m := range members(line) {
			key := unquote(line[m.key:m.keyEnd])
			if key == ownMember { // an outcome file, whose lines may be empty objects
				return nil
			}
			if len(keys) < 100 && !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	at, _ := ob.names.match(keys)
	if f := ob.names.needs(at); f >= 0 && len(keys) > 0 {
		return ob.names.noColumn(f, keys)
	}
	return nil
}

func (ob *objects) layout() Layout { return ob.found }

func (ob *objects) next(u *unchecked) error {
	row, rec := &u.row, &ob.rec
	for {
		if err := ob.lines.nextLine(rec); err != nil {
			return err
		}
		if len(bytes.TrimSpace(rec.text)) > 0 {
			break
		}
	}
	ob.number++
	row.Number, row.Line = ob.number, rec.line
	if rec.fault != nil {
		row.Own, row.Surplus, row.Err = []byte("{}"), rec.text, rec.fault
		return nil
	}
	text := bytes.TrimSpace(rec.text)
	if text[0] != '{' || !json.Valid(text) {
		row.Own, row.Surplus = []byte("{}"), rec.text
		row.Err = &Fault{Message: say("not-object")}
		if !utf8.Valid(text) {
			row.Err = &Fault{Message: say("bad-text", ob.found.Encoding)}
		}
		return nil
	}
	ob.read(row, text)
	// What stands in mantatag's own member is not the row's.
	if row.Err == nil && !utf8.Valid(row.Own) {
		row.Err = &Fault{Message: say("bad-text", ob.found.Encoding)}
	}
	u.cells = ob.cells
	return nil
}

// read takes the identifying members out of a valid object and leaves
// mantatag's own out of the row's text.
func (ob *objects) read(row *Row, text []byte) {
	row.Own = text
	var grade [fieldCount]int
	ob.cells = [fieldCount][]byte{}
	ob.joined = ob.joined[:0]
	kept := 0 // text up to here is in joined, where anything is left out
	for m := range members(text) {
		k := ob.keyOf(text[m.key+1 : m.keyEnd-1])
		if k.own {
			ob.found.Outcomes = true
			var added struct{ Tag, Surplus string }
			_ = json.Unmarshal(text[m.from:m.to], &added) // what is not so written is not ours to read
			if added.Surplus != "" {
				ob.extra = append(ob.extra[:0], added.Surplus...)
				row.Surplus, row.Err = ob.extra, &Fault{Message: say("not-object")}
			}
			if added.Tag != "" {
				ob.cells[fieldOneTag] = []byte(added.Tag)
				ob.found.Tags = true
			}
			from, to := m.before, m.to
			if text[from] != ',' || from < kept { // no member before it is kept: the comma after it goes
				from, to = m.key, m.next
			}
			ob.joined = append(ob.joined, text[kept:from]...)
			kept = to
			continue
		}
		if k.field < 0 {
			continue
		}
		value, fault := ob.value(k.field, text[m.from:m.to], text[m.key:m.keyEnd])
		if fault != nil {
			row.Err = fault
			continue
		}
		if len(value) == 0 {
			continue
		}
		switch old := ob.cells[k.field]; {
		case old == nil || k.grade < grade[k.field]:
			ob.cells[k.field], grade[k.field] = value, k.grade
			ob.note(k.field, text[m.key:m.keyEnd])
		case k.grade == grade[k.field] && !bytes.Equal(old, value):
			row.Err = &Fault{Message: say("twice", fieldNames[k.field]), Field: fieldNames[k.field]}
		}
	}
	if kept > 0 {
		ob.joined = append(ob.joined, text[kept:]...)
		row.Own = ob.joined
	}
}

// note remembers the key that held a field first.
func (ob *objects) note(field int, quoted []byte) {
	if field == fieldOneTag || ob.checker.columns[field] != "" {
		return
	}
	ob.checker.columns[field] = unquote(quoted)
	ob.found.Columns = append(ob.found.Columns, Column{Field: fieldNames[field], Name: ob.checker.columns[field]})
}

func (ob *objects) keyOf(text []byte) key {
	if k, ok := ob.keys[string(text)]; ok {
		return k
	}
	name := unquote([]byte(`"` + string(text) + `"`))
	k := key{own: name == ownMember}
	k.field, k.grade = ob.names.fieldOf(name)
	if k.field == fieldOneTag {
		k.field = -1
	}
	if len(ob.keys) < maxKeys {
		ob.keys[string(text)] = k
	}
	return k
}

// value is the text of an identifying value; that of a number is its digits as
// they stand.
func (ob *objects) value(field int, raw, key []byte) ([]byte, *Fault) {
	switch c := raw[0]; {
	case c == '"' && bytes.IndexByte(raw, '\\') < 0:
		return raw[1 : len(raw)-1], nil
	case c == '"':
		return []byte(unquote(raw)), nil
	case c == 'n':
		return nil, nil
	case c == '[' && field == fieldTag:
		return ob.list(raw, key)
	case c == '-', class[c] == digit:
		if bytes.ContainsAny(raw, ".eE") {
			return nil, &Fault{Message: say("float-number", fieldNames[field], string(raw)), Field: fieldNames[field], Column: unquote(key)}
		}
		return raw, nil
	}
	return nil, &Fault{Message: say("nested", fieldNames[field]), Field: fieldNames[field], Column: unquote(key)}
}

// list is a list of tags, written as a cell that holds several.
func (ob *objects) list(raw, key []byte) ([]byte, *Fault) {
	if ob.checker.split == "" {
		return nil, &Fault{Message: say("tag-list"), Field: fieldNames[fieldTag], Column: unquote(key)}
	}
	var elements []json.RawMessage
	_ = json.Unmarshal(raw, &elements) // the text is valid JSON already
	var tags [][]byte
	for _, e := range elements {
		if e[0] == '[' {
			return nil, &Fault{Message: say("nested", fieldNames[fieldTag]), Field: fieldNames[fieldTag], Column: unquote(key)}
		}
		tag, fault := ob.value(fieldTag, e, key)
		if fault != nil {
			return nil, fault
		}
		tags = append(tags, tag)
	}
	return bytes.Join(tags, []byte(ob.checker.split)), nil
}

func unquote(quoted []byte) string {
	var s string
	_ = json.Unmarshal(quoted, &s) // the text is valid JSON already
	return s
}
