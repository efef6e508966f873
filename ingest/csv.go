package ingest

import (
	"bytes"
	"encoding/csv"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gocarina/gocsv"
)

// records reads the records of a table.
type records interface {
	next(*record) error
}

// table reads rows from the records of a text with a header.
type table struct {
	records records
	found   Layout
	rec     record
	number  int64
	checker *checker
	decoder *decoder
	names   *names

	width  int             // cells of the header
	named  int             // cells of the header up to the last that has a name: a row needs so many
	own    []int           // the columns that are the user's
	titles map[string]bool // all names of the header, folded
	prefix int             // how many of them stand before any of mantatag's; -1 if they are not all in front
	at     layout
	ragged bool  // rows may leave off empty cells at their end
	digits bool  // a column's name may have digits, as ids do
	other  int64 // the line of a header with other columns, which the row stands below; 0: none

	joined []byte // backs Row.Own where that is not a part of the text
	extra  []byte // backs Row.Surplus likewise
}

func newTable(rs records, found Layout, c *checker, n *names) (*table, error) {
	t := &table{records: rs, found: found, checker: c, names: n}
	if err := t.readHeader(n); err != nil {
		return nil, err
	}
	return t, nil
}

// readHeader goes on to the first record whose columns are enough to make a
// mapping. The lines above it are titles.
func (t *table) readHeader(n *names) error {
	var widest []string // of those that will not do, for the message
	var line, broken int64
	lacks := 0
	for range headerWithin {
		err := t.records.next(&t.rec)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if t.rec.fault != nil || t.rec.blank() {
			if widest == nil && broken == 0 && t.rec.fault != nil && t.rec.fault.ID == "stray-quote" {
				broken = t.rec.line
			}
			t.found.Skipped++
			continue
		}
		header := readCells(&t.rec, t.found.Delimiter)
		at, two := n.match(header)
		f := n.lacks(at)
		switch {
		case f < 0 && two != nil:
			two.Line = t.rec.line
			return two
		case f < 0:
			return t.useHeader(header, at)
		case len(header) > len(widest):
			widest, line, lacks = slices.Clone(header), t.rec.line, f
		}
		t.found.Skipped++
	}
	switch {
	case broken > 0: // what stands below it are rows
		return &InputError{Line: broken, Message: say("header-quote"), Hint: say("hint-quote")}
	case widest == nil:
		return &InputError{Message: say("no-header")}
	}
	missing := n.noColumn(lacks, widest)
	missing.Line = line
	if at, _ := n.match(widest); missing.ID == "no-columns" && slices.Max(at[:]) < 0 {
		missing.Hint = say("hint-or-header", missing.Hint)
	}
	return missing
}

func (t *table) useHeader(header []string, at layout) error {
	t.at, t.width = at, len(header)
	for t.named = t.width; t.named > 0 && strings.TrimSpace(header[t.named-1]) == ""; {
		t.named--
	}
	if t.found.Outcomes = slices.ContainsFunc(header, isOurs); t.found.Outcomes {
		// A spreadsheet has padded the header, above what stands there to the
		// right of our columns because it fitted none of the user's.
		t.width = t.named
	}
	t.titles = map[string]bool{}
	for i, h := range header[:t.width] {
		if isOurs(h) {
			continue
		}
		t.own = append(t.own, i)
		if name := foldName(h); name != "" {
			t.titles[name] = true
		}
	}
	t.prefix = len(t.own)
	if t.prefix == 0 || t.own[t.prefix-1] != t.prefix-1 {
		t.prefix = -1
	}
	var raw [fieldCount][]byte
	for f, i := range at {
		if i < 0 {
			continue
		}
		raw[f] = t.rec.cell(i)
		t.checker.columns[f] = strings.TrimSpace(header[i])
		t.digits = t.digits || hasDigit([]byte(header[i]))
		if f != fieldOneTag {
			t.found.Columns = append(t.found.Columns, Column{Field: fieldNames[f], Name: t.checker.columns[f]})
		}
	}
	t.found.Tags = t.checker.split != "" || at[fieldOneTag] >= 0
	t.found.Header = bytes.Clone(t.ownText())
	var err error
	t.decoder, err = newDecoder(t.found.Delimiter, &raw)
	return err
}

// isOurs tells the name of a column that mantatag adds.
func isOurs(name string) bool {
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(name)), ownPrefix)
}

func (t *table) layout() Layout { return t.found }

func (t *table) next(u *unchecked) error {
	row, rec := &u.row, &t.rec
	for {
		if err := t.records.next(rec); err != nil {
			return err
		}
		if rec.fault != nil || !rec.blank() {
			break
		}
	}
	t.number++
	row.Number, row.Line = t.number, rec.line
	if rec.fault != nil {
		row.Err = rec.fault
		t.padOwn(0)
		row.Own = t.joined
		t.extra = quoteCell(append(t.extra[:0], t.found.Delimiter), rec.text)
		row.Surplus = t.extra
		return nil
	}
	if n := len(rec.cells); n > t.width {
		row.Surplus = rec.text[rec.cells[t.width].from-1:]
		if !rec.blankFrom(t.width) {
			row.Err = &Fault{Message: say("many-cells", n, t.width)}
			if t.found.Outcomes {
				row.Err = &Fault{Message: say("still-surplus")}
			}
		}
	} else if n < t.named && !t.ragged {
		// Padded, it would look whole when it comes back in an outcome file,
		// and may end in half an id.
		row.Err = &Fault{Message: say("few-cells", n, t.width)}
		t.extra = quoteCell(append(t.extra[:0], t.found.Delimiter), rec.text)
		row.Surplus = t.extra
	}
	row.Own = t.ownText()
	if !t.validText(row.Own) || !t.validText(row.Surplus) {
		row.Err = &Fault{Message: say("bad-text", t.found.Encoding)}
	}
	if rec.noResult > 0 && row.Err == nil {
		if f := slices.Index(t.at[:fieldOneTag], rec.noResult-1); f >= 0 {
			row.Err = t.checker.fault(f, say("no-result", t.checker.nameOf(f)))
		}
	}
	t.headerAgain(row)
	if row.Err != nil {
		return nil
	}
	if err := t.decode(rec, &u.cells); err != nil {
		row.Err = &Fault{Message: say("stray-quote")}
	}
	if rec.hidden {
		row.Notes = append(row.Notes, Note{Message: say("hidden-row")})
	}
	if rec.loose {
		row.Notes = append(row.Notes, Note{Message: say("undoubled"), Mended: true})
	}
	return nil
}

// validText tells whether all of a text could be decoded: a decoder leaves
// U+FFFD where it could not. In UTF-8 that is a character like others.
func (t *table) validText(text []byte) bool {
	switch t.found.Encoding {
	case utf8Text.name:
		return utf8.Valid(text)
	case "":
		return true
	}
	return !bytes.Contains(text, []byte("\uFFFD"))
}

// decode takes the identifying cells out of the record. A cell without
// quotation marks, or with none but around it, has nothing to decode; gocsv
// decodes the rest. Its reflection for each row would cost several times what
// reading the row does, see BenchmarkRead.
func (t *table) decode(rec *record, cells *[fieldCount][]byte) error {
	toDecode := false
	for f, i := range t.at {
		if i < 0 || i >= len(rec.cells) {
			continue
		}
		cells[f] = rec.cell(i)
		toDecode = toDecode || rec.cells[i].kind == escaped
	}
	if toDecode {
		return t.decoder.decode(cells)
	}
	for f, i := range t.at {
		if len(cells[f]) > 0 && rec.cells[i].kind == enclosed {
			cells[f] = cells[f][1 : len(cells[f])-1]
		}
	}
	return nil
}

// headerAgain fails a row that is a header once more, as tables have that were
// put together from several, and one below such a header whose columns are not
// those of the first: nobody knows which of its cells is which.
func (t *table) headerAgain(row *Row) {
	at, again := t.readsAsHeader()
	switch {
	case again && slices.Equal(at[:fieldOneTag], t.at[:fieldOneTag]):
		t.other, row.Err = 0, &Fault{Message: say("repeated-header")}
	case again:
		t.other, row.Err = t.rec.line, &Fault{Message: say("other-header")}
	case t.other > 0 && row.Err == nil:
		row.Err = &Fault{Message: say("below-header", t.other)}
	}
}

// readsAsHeader tells a record that has the needed columns, or the name of a
// column where an id should be, and which column is which in it. A name of --map
// may be any word, as a tag may: one of them alone is none, unless the header has no
// more. Most rows have a digit in an id, and cost no more than the look for it; few
// others have a cell that may be a column's name, and only those are read as a header.
func (t *table) readsAsHeader() (at layout, again bool) {
	ids := [...]int{t.at[fieldTag], t.at[fieldClient], t.at[fieldPlatformClient]}
	for _, i := range ids {
		if i >= 0 && i < len(t.rec.cells) && !t.digits && hasDigit(t.rec.cell(i)) {
			return at, false
		}
	}
	named := false
	for i := 0; i < len(t.rec.cells) && !named; i++ {
		named = t.names.mayName(t.rec.cell(i))
	}
	if !named {
		return at, false
	}
	cells := readCells(&t.rec, t.found.Delimiter)
	at, _ = t.names.match(cells)
	whole := t.names.lacks(at) < 0
	if whole && t.names.ownWord(at) {
		return at, true
	}
	for _, i := range ids {
		if i < 0 || i >= len(cells) {
			continue
		}
		switch f, _ := t.names.fieldOf(cells[i]); f {
		case fieldTag, fieldClient, fieldPlatformClient, fieldBot:
			if !t.names.mapped[f] {
				return at, true
			}
			whole = true
		}
	}
	return at, whole && t.namesIn(cells) >= min(2, len(t.titles))
}

// namesIn counts the names of columns among the cells of a record: those that
// stand for a field, and all that the header has.
func (t *table) namesIn(cells []string) int {
	found := map[string]bool{}
	for _, cell := range cells {
		name := foldName(cell)
		if f, _ := t.names.fieldOf(cell); f >= 0 || t.titles[name] {
			found[name] = true
		}
	}
	return len(found)
}

func hasDigit(cell []byte) bool {
	return slices.ContainsFunc(cell, func(c byte) bool { return class[c] == digit })
}

// ownText is the text of the record in the user's columns, padded to the width
// of the header.
func (t *table) ownText() []byte {
	rec := &t.rec
	if n := t.prefix; n > 0 && len(rec.cells) >= n {
		return rec.text[:rec.cells[n-1].to]
	}
	t.padOwn(len(rec.cells))
	return t.joined
}

// padOwn joins those of the first n cells that are the user's, with empty
// cells for the rest.
func (t *table) padOwn(n int) {
	t.joined = t.joined[:0]
	for k, i := range t.own {
		if k > 0 {
			t.joined = append(t.joined, t.found.Delimiter)
		}
		if i < n {
			t.joined = append(t.joined, t.rec.cell(i)...)
		}
	}
}

// blank tells a record without any text in its cells, or nothing but white space,
// which spreadsheets write for an empty row.
func (r *record) blank() bool { return r.blankFrom(0) }

func (r *record) blankFrom(i int) bool {
	for ; i < len(r.cells); i++ {
		cell := bytes.TrimSpace(r.cell(i))
		if len(cell) > 1 && cell[0] == '"' && cell[len(cell)-1] == '"' {
			cell = bytes.TrimSpace(cell[1 : len(cell)-1])
		}
		if len(cell) > 0 {
			return false
		}
	}
	return true
}

// feed hands one record at a time to a csv.Reader, so that the reader never
// sees further than the record.
type feed struct{ bytes.Buffer }

// readCells decodes all cells of a record.
func readCells(r *record, delim byte) []string {
	var in feed
	for i := range r.cells {
		in.add(r.cell(i), delim, i == 0)
	}
	in.WriteByte('\n')
	cells, err := newCSVReader(&in, delim).Read()
	if err != nil { // one empty cell makes an empty line, which csv skips
		return make([]string, len(r.cells))
	}
	return cells
}

func (in *feed) add(cell []byte, delim byte, first bool) {
	if !first {
		in.WriteByte(delim)
	}
	if quoted := bytes.Trim(cell, " "); len(quoted) > 0 && quoted[0] == '"' {
		cell = quoted // csv would take the space for the beginning of an unquoted cell
	}
	in.Write(cell)
}

func newCSVReader(in *feed, delim byte) *csv.Reader {
	r := csv.NewReader(in)
	r.Comma = rune(delim)
	r.LazyQuotes = true // the framer has judged the quotation marks already
	r.ReuseRecord = true
	return r
}

// idCells are the cells that matter, as gocsv decodes them.
type idCells struct {
	Tag            string `csv:"tagId"`
	Client         string `csv:"clientId"`
	Platform       string `csv:"platform"`
	PlatformClient string `csv:"platformClientId"`
	Bot            string `csv:"botId"`
	OneTag         string `csv:"mantatag_tag"`
}

// decoder decodes the identifying cells of a record by gocsv.
type decoder struct {
	in    feed
	delim byte
	csv   *gocsv.Unmarshaller
}

// newDecoder takes the cells of the header, indexed by field; there is none
// for a field without a column.
func newDecoder(delim byte, header *[fieldCount][]byte) (*decoder, error) {
	d := &decoder{delim: delim}
	d.write(header)
	var err error
	if d.csv, err = gocsv.NewUnmarshaller(newCSVReader(&d.in, delim), idCells{}); err != nil {
		return nil, err
	}
	err = d.csv.RenormalizeHeaders(func([]string) []string { return slices.Clone(fieldNames[:]) })
	return d, err
}

func (d *decoder) write(cells *[fieldCount][]byte) {
	d.in.Reset()
	for f, cell := range cells {
		d.in.add(cell, d.delim, f == 0)
	}
	d.in.WriteByte('\n')
}

// decode replaces the raw cells by their values.
func (d *decoder) decode(cells *[fieldCount][]byte) error {
	d.write(cells)
	v, err := d.csv.Read()
	if err != nil {
		return err
	}
	c := v.(idCells)
	*cells = [fieldCount][]byte{[]byte(c.Tag), []byte(c.Client), []byte(c.Platform), []byte(c.PlatformClient), []byte(c.Bot), []byte(c.OneTag)}
	return nil
}
