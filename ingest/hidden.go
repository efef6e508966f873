package ingest

import "bytes"

// hiddenRows counts the hidden rows of a worksheet that have something in them,
// from its text as it comes by: parsing it would cost as much as reading the
// rows.
type hiddenRows struct {
	n      int64
	within bool   // a hidden row, of which no value has come yet
	value  bool   // within one, which may be empty
	rest   []byte // the beginning of what comes next
}

func (h *hiddenRows) Write(p []byte) (int, error) {
	h.rest = append(h.rest, p...)
	whole := bytes.LastIndexByte(h.rest, '>') + 1
	h.count(h.rest[:whole])
	h.rest = append(h.rest[:0], h.rest[whole:]...)
	if len(h.rest) > longestToken { // reading the rows will say so
		h.rest = h.rest[:0]
	}
	return len(p), nil
}

// count looks through text that ends with a tag.
func (h *hiddenRows) count(text []byte) {
	for {
		for h.within && len(text) > 0 {
			var before, tag []byte
			before, tag, text = nextTag(text)
			if h.value && len(bytes.TrimSpace(before)) > 0 {
				h.n++
				h.within, h.value = false, false
				break
			}
			name := tagName(tag)
			h.within = name != "/row"
			h.value = (name == "v" || name == "t") && tag[len(tag)-1] != '/'
		}
		at := bytes.Index(text, []byte("hidden"))
		if at < 0 {
			return
		}
		from := bytes.LastIndexByte(text[:at], '<')
		if from < 0 || !trueAttribute(text[at-1:]) { // LibreOffice writes a false one in each row
			text = text[at+1:]
			continue
		}
		var tag []byte
		_, tag, text = nextTag(text[from:])
		h.within = tagName(tag) == "row" && tag[len(tag)-1] != '/'
	}
}

// trueAttribute tells whether the white space at the beginning and the name
// after it are those of an attribute that is true.
func trueAttribute(text []byte) bool {
	const space = " \t\r\n"
	value, ok := bytes.CutPrefix(bytes.TrimLeft(text[len(" hidden"):], space), []byte("="))
	value = bytes.TrimLeft(value, space)
	if !ok || bytes.IndexByte([]byte(space), text[0]) < 0 || len(value) == 0 {
		return false
	}
	value, _, ok = bytes.Cut(value[1:], value[:1]) // of either quotation mark
	return ok && isTrue(string(value))
}

// nextTag is what stands between the next < and the > after it, and the text
// before and behind that.
func nextTag(text []byte) (before, tag, rest []byte) {
	before, text, _ = bytes.Cut(text, []byte("<"))
	tag, rest, _ = bytes.Cut(text, []byte(">"))
	return before, tag, rest
}

// tagName is the name of an element without its prefix, with a slash in front
// where it ends.
func tagName(tag []byte) string {
	slash, name := "", tag
	if bytes.HasPrefix(name, []byte("/")) {
		slash, name = "/", name[1:]
	}
	if end := bytes.IndexAny(name, " \t\r\n/"); end >= 0 {
		name = name[:end]
	}
	return slash + string(name[bytes.IndexByte(name, ':')+1:])
}
