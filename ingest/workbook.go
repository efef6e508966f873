package ingest

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	// smallPart is how large a part of a workbook may be that is no rows and no
	// texts, but says where those are and how they are shown.
	smallPart = 16 << 20
	// longestToken is how long a text or a tag of a part that is read as a
	// stream may be. A cell of Excel's has at most 32,767 characters.
	longestToken = 4 << 20
)

// book is an opened workbook: the parts of the archive by their names in
// small letters, and what its own part says.
type book struct {
	parts    map[string]*zip.File
	sheets   []namedSheet
	shared   *zip.File // the texts that cells share; nil: there are none
	styles   *zip.File // nil: there are none
	date1904 bool
}

type namedSheet struct {
	name   string
	part   *zip.File // nil: it is missing
	hidden bool
}

// openWorkbook finds out what a workbook has. Its parts that grow with its rows
// are only looked at by sheet and readTexts.
func openWorkbook(src *source) (*book, error) {
	z, err := zip.NewReader(src, src.size)
	if err != nil {
		return nil, &InputError{Message: say("cut-off", workbook), Hint: say("hint-get-again"), Err: err}
	}
	b := &book{parts: map[string]*zip.File{}}
	for _, part := range z.File {
		b.parts[partName(part.Name)] = part
	}
	if kind, err := b.read(b.parts["mimetype"]); err == nil && bytes.Contains(kind, []byte("opendocument.spreadsheet")) {
		return nil, &InputError{Message: say("foreign", say("a-sheet")), Hint: say("hint-save-sheet")}
	}
	if b.parts["xl/workbook.xml"] == nil {
		return nil, &InputError{Message: say("no-workbook-zip"), Hint: say("hint-formats")}
	}
	if err := b.readParts(); err != nil {
		return nil, damagedWorkbook(err)
	}
	return b, nil
}

// partName is how a part is called, however its writer has spelt it.
func partName(name string) string {
	return strings.ToLower(strings.TrimPrefix(strings.ReplaceAll(name, `\`, "/"), "/"))
}

// readParts reads the list of sheets and where everything is.
func (b *book) readParts() error {
	var main struct {
		Properties struct {
			Date1904 string `xml:"date1904,attr"`
		} `xml:"workbookPr"`
		Sheets []struct {
			Name  string `xml:"name,attr"`
			State string `xml:"state,attr"`
			ID    string `xml:"http://schemas.openxmlformats.org/officeDocument/2006/relationships id,attr"`
			// Strict workbooks have another name for the same.
			Strict string `xml:"http://purl.oclc.org/ooxml/officeDocument/relationships id,attr"`
		} `xml:"sheets>sheet"`
	}
	var rels struct {
		All []struct {
			ID     string `xml:"Id,attr"`
			Type   string `xml:"Type,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	if err := b.decode("xl/workbook.xml", &main); err != nil {
		return err
	}
	if err := b.decode("xl/_rels/workbook.xml.rels", &rels); err != nil {
		return err
	}
	b.date1904 = isTrue(main.Properties.Date1904)
	worksheets := map[string]*zip.File{}
	for _, rel := range rels.All {
		target := rel.Target
		if !strings.HasPrefix(target, "/") {
			target = path.Join("xl", target)
		}
		part := b.parts[partName(target)]
		switch path.Base(rel.Type) {
		case "worksheet": // and not a sheet that is a chart
			worksheets[rel.ID] = part
		case "sharedStrings":
			b.shared = part
		case "styles":
			b.styles = part
		}
	}
	for _, s := range main.Sheets {
		if part, ok := worksheets[s.ID+s.Strict]; ok {
			b.sheets = append(b.sheets, namedSheet{s.Name, part, s.State == "hidden" || s.State == "veryHidden"})
		}
	}
	return nil
}

// decode reads a small part.
func (b *book) decode(name string, into any) error {
	text, err := b.read(b.parts[name])
	if err == nil {
		err = xml.Unmarshal(text, into)
	}
	if err != nil {
		return inPart(name, err)
	}
	return nil
}

// read is the content of a small part.
func (b *book) read(part *zip.File) ([]byte, error) {
	if part == nil {
		return nil, &Fault{Message: say("no-part")}
	}
	if part.UncompressedSize64 > smallPart {
		return nil, &Fault{Message: say("large-part", int(part.UncompressedSize64>>20), smallPart>>20)}
	}
	in, err := part.Open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(in)
}

// sheet is the worksheet with that name, or the first that a person sees: one
// that is hidden is often last month's. Where all are hidden, it is the first.
func (b *book) sheet(name string) (namedSheet, error) {
	first := max(0, slices.IndexFunc(b.sheets, func(s namedSheet) bool { return !s.hidden }))
	var all []string
	for i, s := range b.sheets {
		if name == "" && i == first || name != "" && strings.EqualFold(s.name, strings.TrimSpace(name)) {
			if s.part == nil {
				return s, damagedWorkbook(inPart(s.name, &Fault{Message: say("no-part")}))
			}
			return s, nil
		}
		all = append(all, s.name)
	}
	if name == "" {
		return namedSheet{}, damagedWorkbook(inPart("xl/workbook.xml", &Fault{Message: say("no-sheets")}))
	}
	return namedSheet{}, &InputError{Message: say("no-sheet", name, quoteNames(all))}
}

// beside are the other sheets that a person sees.
func (b *book) beside(chosen namedSheet) []string {
	var others []string
	for _, s := range b.sheets {
		if s != chosen && !s.hidden {
			others = append(others, s.name)
		}
	}
	return others
}

// elsewhere adds to an error of the header of a sheet that the table may be in
// another one.
func (b *book) elsewhere(err error, chosen string) error {
	var others []string
	for _, s := range b.sheets {
		if s.name != chosen {
			others = append(others, s.name)
		}
	}
	e, ok := errors.AsType[*InputError](err)
	if !ok || len(others) == 0 {
		return err
	}
	switch e.ID {
	case "no-header":
		e.Hint = say("hint-sheet", chosen, quoteNames(others))
	case "no-columns", "no-map-column":
		if e.Hint.ID == "" {
			e.Hint = say("hint-sheet", chosen, quoteNames(others))
		} else {
			e.Hint = say("hint-or-sheet", chosen, quoteNames(others), e.Hint)
		}
	}
	return err
}

// check reads a part to its end, where its checksum is compared, so that what the
// way here has damaged is found before anything is sent; and so is a part that is
// made to fill memory or disk. Its text comes by to.
func (b *book) check(part *zip.File, to io.Writer) error {
	if size := part.UncompressedSize64; size > expandFree && size/expandMost > part.CompressedSize64 {
		return &InputError{Message: say("bomb", expandMost)}
	}
	in, err := part.Open()
	if err == nil {
		_, err = io.Copy(to, in)
		in.Close()
	}
	if err != nil {
		return damagedWorkbook(inPart(part.Name, err))
	}
	return nil
}

// readTexts reads the texts that cells share.
func (b *book) readTexts(into *texts) error {
	if b.shared == nil {
		return nil
	}
	if err := b.check(b.shared, io.Discard); err != nil {
		return err
	}
	part, err := b.shared.Open()
	if err != nil {
		return damagedWorkbook(err)
	}
	defer part.Close()
	in := newTokens(part)
	var text []byte
	for {
		token, err := in.next()
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local == "si" {
				if text, err = in.text(text[:0], "si"); err == nil {
					if failed := into.add(unescaped(text)); failed != nil {
						return noTemporary(failed)
					}
				}
			}
		case xml.EndElement:
			if e.Name.Local == "sst" {
				if err := into.built(); err != nil {
					return noTemporary(err)
				}
				return nil
			}
		}
		if err != nil {
			return damagedWorkbook(inPart(b.shared.Name, err))
		}
	}
}

// tokens reads a part of a workbook as a stream of XML.
type tokens struct {
	xml   *xml.Decoder
	part  io.Reader
	since int // the last token: how many bytes were read

	formula, valued bool // the element whose text was read last has a formula, a value
}

func newTokens(part io.Reader) *tokens {
	t := &tokens{part: part}
	t.xml = xml.NewDecoder(t)
	return t
}

var errLongToken = &Fault{Message: say("long-text", longestToken>>20)}

// Read keeps the decoder, which holds a token whole, from holding too much.
func (t *tokens) Read(p []byte) (int, error) {
	if t.since > longestToken {
		return 0, errLongToken
	}
	n, err := t.part.Read(p)
	t.since += n
	return n, err
}

// next is the next token. A part ends with an element of its own, so that its
// end before that is an error.
func (t *tokens) next() (xml.Token, error) {
	t.since = 0
	token, err := t.xml.RawToken()
	switch {
	case err != nil && t.since > longestToken:
		err = errLongToken // the decoder may complain of half a character instead
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return token, err
}

// text appends the text within the element that has begun: its value, or the
// runs of its text, but not how the text is pronounced.
func (t *tokens) text(to []byte, element string) ([]byte, error) {
	wanted, spoken := false, false
	t.formula, t.valued = false, false
	for {
		token, err := t.next()
		if err != nil {
			return to, err
		}
		switch e := token.(type) {
		case xml.StartElement:
			switch e.Name.Local {
			case "rPh":
				spoken = true
			case "f":
				t.formula = true
			case "v", "t":
				wanted, t.valued = !spoken, true
			}
		case xml.CharData:
			if wanted && len(to) <= MaxRow {
				to = append(to, e...)
			}
		case xml.EndElement:
			switch e.Name.Local {
			case "rPh":
				spoken = false
			case "v", "t":
				wanted = false
			case element:
				return to, nil
			}
		}
	}
}

func attribute(e *xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

func isTrue(text string) bool {
	yes, _ := strconv.ParseBool(text)
	return yes
}

// unescaped turns _x000D_ into the character with that number: so workbooks
// write what XML cannot hold, and _ where it might be taken for the beginning
// of such.
func unescaped(text []byte) []byte {
	if !bytes.Contains(text, []byte("_x")) {
		return text
	}
	return escapedCharacter.ReplaceAllFunc(text, func(found []byte) []byte {
		n, _ := strconv.ParseUint(string(found[2:6]), 16, 16)
		return []byte(string(rune(n)))
	})
}

var escapedCharacter = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)

// inPart says in which part of a workbook the fault is.
func inPart(name string, err error) error {
	if _, ok := errors.AsType[*InputError](err); ok {
		return err
	}
	return &Fault{Message: say("in-part", name, err)}
}

func damagedWorkbook(err error) error {
	if _, ok := errors.AsType[*InputError](err); ok {
		return err
	}
	return &InputError{Message: say("damaged", workbook, err), Hint: say("hint-get-again"), Err: err}
}

// noTemporary is a fault of the disk that the texts of a workbook are put on.
func noTemporary(err error) error {
	return &InputError{Message: say("no-temporary", cause(err)), Hint: say("hint-temporary"), Err: err}
}
