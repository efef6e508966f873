package ingest

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// platforms are the API's spellings.
var platforms = [...]string{"line", "facebook", "instagram", "liveChat", "whatsapp"}

// platformOf finds the API's spelling of a platform, or "".
func platformOf(cell []byte) string {
	for _, p := range platforms {
		if len(cell) == len(p) && strings.EqualFold(string(cell), p) {
			return p
		}
	}
	return ""
}

// checker turns the cells of a row into a mapping, or a fault.
type checker struct {
	tag, platform, bot string
	workbook           bool   // the cells are those of a workbook
	split, wide        string // stands between the tags of a cell, and its full-width form; "" for one tag a cell
	long               [fieldCount]roundness
	doubtful           bool               // the last row has an id that rows after it tell more of
	late               *Fault             // of the present row: an id that is one but for what the rows around it tell
	columns            [fieldCount]string // names for messages; empty where there is no column

	text strings.Builder // holds the ids of a run of rows: see ids

	tags    [][]byte           // of the present row, those still to come
	given   map[string]bool    // and those that it has asked for
	wants   Mapping            // what each of them is for
	lastTag string             // of the row before, which usually has the same
	sound   [fieldCount]string // the last tag, platform and bot to which no rule applied, likewise
}

// check fills in what the row asks for from its cells, indexed by field, but
// for a tag where it may have several: see nextTag. A row that has a fault
// already keeps it.
func (c *checker) check(row *Row, cells *[fieldCount][]byte) {
	c.doubtful, c.late, c.tags = false, nil, c.tags[:0] // it may be a row that was looked at ahead
	if row.Err != nil {
		return
	}
	several := c.split != ""
	switch one := bytes.TrimSpace(cells[fieldOneTag]); {
	case len(one) > 0:
		row.Tag, several = string(one), true
	case c.columns[fieldOneTag] != "" && !several:
		row.Err = c.fault(fieldTag, say("needs-split"))
		return
	}
	lineID := isLineID(cells[fieldPlatformClient]) // nearly all are, and sound in every other way
	for f := fieldTag; f <= fieldBot; f++ {
		if len(cells[f]) == 0 || f == fieldTag && several || f == fieldPlatformClient && lineID {
			continue
		}
		if cells[f] = c.clean(row, f, cells[f]); row.Err != nil {
			return
		}
	}
	if bot := cells[fieldBot]; len(bot) > 0 && c.bot != "" && string(bot) != c.bot {
		row.Err = c.fault(fieldBot, say("other-bot", string(bot), c.bot))
		return
	}
	var m Mapping
	m.ClientID, m.PlatformClientID = c.ids(cells[fieldClient], cells[fieldPlatformClient])
	if platform := cells[fieldPlatform]; len(platform) > 0 {
		if m.Platform = platformOf(platform); m.Platform == "" {
			row.Err = c.fault(fieldPlatform, say("unknown-platform", string(platform)))
			return
		}
	} else if m.PlatformClientID != "" {
		m.Platform = c.platform
	}
	tag := cells[fieldTag]
	if several {
		tag = bytes.TrimSpace(tag)
	}
	switch {
	case len(tag) == 0 && c.tag == "":
		row.Err = c.fault(fieldTag, say("no-tag", c.nameOf(fieldTag)))
	case m.PlatformClientID != "" && m.Platform == "":
		row.Err = c.fault(fieldPlatform, say("no-platform"))
	case m.ClientID == "" && m.PlatformClientID == "" && m.Platform != "":
		row.Err = c.fault(fieldPlatformClient, say("no-platform-client"))
	case m.ClientID == "" && m.PlatformClientID == "":
		row.Err = c.fault(fieldClient, say("no-client"))
	case len(tag) == 0:
		m.TagID = c.tag
	case several:
		c.wants = m
		c.splitTags(row, tag, cells[fieldOneTag])
	default:
		m.TagID = c.tagOf(tag)
	}
	if row.Err != nil {
		return
	}
	if !several || m.TagID != "" {
		row.Mapping = m
	}
	if c.late != nil {
		row.Err, c.tags = c.late, c.tags[:0]
		return
	}
	if m.PlatformClientID != "" && !(lineID && m.Platform == "line") {
		c.oddID(row, m.Platform, cells[fieldPlatformClient])
	}
}

// clean is the cell as it is meant, by the rules for its field. A fault goes
// to the row, and so do notes.
func (c *checker) clean(row *Row, f int, cell []byte) []byte {
	if string(cell) == c.sound[f] || unsuspicious(cell) {
		return cell
	}
	raw, notes := cell, len(row.Notes)
	for _, rule := range byField[f] {
		becomes, found := rule.find(cell)
		if !found {
			continue
		}
		id, effect := rule.ID, rule.Effect
		if id == "odd-rounded" && c.long[f].rounded {
			id, effect = "rounded", Fails
		}
		message := say(id, c.nameOf(f), excerpt(cell))
		if c.workbook && (id == "rounded" || id == "scientific" && moreThan15(cell)) {
			message = say("lost-digits", message.Args...)
		}
		switch {
		case effect != rule.Effect:
			c.late = c.fault(f, message)
			continue
		case effect == Fails:
			row.Err = c.fault(f, message)
			return cell
		case effect == Mends:
			if cell = becomes; len(cell) == 0 {
				return nil // it was empty all along
			}
			message.Args = append(message.Args, excerpt(becomes))
		}
		c.note(row, f, message, effect)
	}
	if len(row.Notes) == notes && c.late == nil && (f == fieldTag || f == fieldPlatform || f == fieldBot) {
		c.sound[f] = string(raw)
	}
	c.see(f, cell)
	return cell
}

// mended is the cell as the rules that mend leave it.
func mended(f int, cell []byte) []byte {
	if unsuspicious(cell) {
		return cell
	}
	for _, rule := range byField[f] {
		if becomes, found := rule.find(cell); found && rule.Effect == Mends {
			cell = becomes
		}
	}
	return cell
}

// moreThan15 tells whether a number in scientific notation has more digits than
// a workbook keeps.
func moreThan15(number []byte) bool {
	x, _ := strconv.ParseFloat(string(number), 64)
	return math.Abs(x) >= 1e15
}

// see takes an id into account that may tell whether its column was rounded.
func (c *checker) see(f int, id []byte) {
	if f != fieldPlatform && c.long[f].see(id) {
		c.doubtful = true
	}
}

// judge settles which columns were rounded.
func (c *checker) judge() {
	for f := range c.long {
		c.long[f].judge()
	}
}

func (c *checker) note(row *Row, f int, m Message, e Effect) {
	row.Notes = append(row.Notes, Note{Message: m, Field: fieldNames[f], Column: c.columns[f], Mended: e == Mends})
}

// oddID notes an id that does not look like those of its platform.
func (c *checker) oddID(row *Row, platform string, id []byte) {
	for _, rule := range byPlatform[platform] {
		if _, odd := rule.find(id); odd {
			c.note(row, fieldPlatformClient, say(rule.ID, c.nameOf(fieldPlatformClient), excerpt(id)), rule.Effect)
		}
	}
}

// excerpt is a cell for a message, cut short.
func excerpt(cell []byte) string {
	if len(cell) > 60 {
		return strings.ToValidUTF8(string(cell[:60]), "") + "…"
	}
	return string(cell)
}

// ids makes strings of both ids. They are parts of one long string, together
// with those of the rows around, which saves allocating for each row.
func (c *checker) ids(client, platformClient []byte) (string, string) {
	if n := len(client) + len(platformClient); c.text.Cap()-c.text.Len() < n {
		c.text = strings.Builder{}
		c.text.Grow(max(4<<10, n))
	}
	c.text.Write(client)
	c.text.Write(platformClient)
	s := c.text.String()
	s = s[len(s)-len(client)-len(platformClient):]
	return s[:len(client)], s[len(client):]
}

// tagOf is the tag as a string, which is that of the row before if it can be.
func (c *checker) tagOf(tag []byte) string {
	if string(tag) != c.lastTag {
		c.lastTag = string(tag)
	}
	return c.lastTag
}

// splitOf is what stands between tags, in either width: who types in Chinese
// hardly sees which one a cell has.
func splitOf(o Options) (split, wide string) {
	split = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t").Replace(o.SplitTags)
	return strings.Map(halfWidth, split), strings.Map(func(r rune) rune {
		if r >= '!' && r <= '~' {
			r += '！' - '!'
		}
		return r
	}, split)
}

// splitTags finds the tags that a row asks for. If it comes from an outcome
// file, one names the only one that it speaks of.
func (c *checker) splitTags(row *Row, cell, one []byte) {
	parts := [][]byte{cell}
	one = bytes.TrimSpace(one)
	if c.split != "" && !bytes.Equal(cell, one) { // else it was one tag then, whatever it has in it
		parts = bytes.Split(bytes.ReplaceAll(cell, []byte(c.wide), []byte(c.split)), []byte(c.split))
	}
	c.tags, c.given = c.tags[:0], map[string]bool{}
	for _, part := range parts {
		part = bytes.TrimSpace(part)
		if len(part) > 0 && (len(one) == 0 || bytes.Equal(part, one) || c.split == "" && holdsWhole(part, one)) {
			c.tags = append(c.tags, part)
			c.see(fieldTag, mended(fieldTag, part))
		}
	}
	switch {
	case len(one) > 0 && len(c.tags) == 0 && c.split == "" && bytes.Contains(cell, one):
		row.Err = c.fault(fieldTag, say("tag-in-part", string(one), excerpt(cell)))
	case len(one) > 0 && len(c.tags) == 0:
		row.Err = c.fault(fieldTag, say("tag-not-in-row", string(one)))
	case len(one) > 0:
		c.tags = append(c.tags[:0], one)
	case len(c.tags) == 0:
		row.Err = c.fault(fieldTag, say("no-tag", c.nameOf(fieldTag)))
	}
}

// holdsWhole tells whether a tag stands in a cell by itself, between what usually
// stands between tags: vip is not in vipGold, which is another tag.
func holdsWhole(cell, tag []byte) bool {
	for from := 0; ; {
		i := bytes.Index(cell[from:], tag)
		if i < 0 {
			return false
		}
		at := from + i
		before, after := bytes.TrimRight(cell[:at], " "), bytes.TrimLeft(cell[at+len(tag):], " ")
		last, _ := utf8.DecodeLastRune(before)
		first, _ := utf8.DecodeRune(after)
		if (len(before) == 0 || strings.ContainsRune(betweenTags, last)) && (len(after) == 0 || strings.ContainsRune(betweenTags, first)) {
			return true
		}
		from = at + 1
	}
}

// nextTag turns the row to the next of the tags that it asks for, and says
// whether there was one.
func (c *checker) nextTag(row *Row) bool {
	for len(c.tags) > 0 {
		tag := c.tags[0]
		c.tags = c.tags[1:]
		if len(c.given) > 0 {
			row.Notes = nil // of the row as a whole, they came with its first tag
		}
		row.Err, row.Tag, row.Mapping, c.late = nil, string(tag), Mapping{}, nil
		tag = c.clean(row, fieldTag, tag)
		switch {
		case row.Err != nil:
		case len(tag) == 0:
			row.Err = c.fault(fieldTag, say("no-tag", c.nameOf(fieldTag)))
		case c.given[string(tag)]:
			continue // a row asks for a tag or does not: twice is once
		default:
			row.Mapping, row.TagID = c.wants, c.tagOf(tag)
			if c.late != nil {
				row.Err = c.late
			}
		}
		c.given[row.TagID] = true
		return true
	}
	return false
}

func (c *checker) fault(f int, m Message) *Fault {
	return &Fault{Message: m, Field: fieldNames[f], Column: c.columns[f]}
}

// nameOf is what the user calls a field: its column, or its own name.
func (c *checker) nameOf(f int) string {
	if c.columns[f] != "" {
		return OneLine(c.columns[f])
	}
	return fieldNames[f]
}
