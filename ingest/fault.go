package ingest

import (
	"fmt"
	"maps"
	"slices"
)

// Message is a sentence by its name and arguments, so that it can be said in
// any language that has a catalogue; Error and String say it in English.
type Message struct {
	ID   string // stable, such as "no-tag"
	Args []any  // strings, integers, Messages and errors
}

func (m Message) String() string {
	if m.ID == "" {
		return ""
	}
	return fmt.Sprintf(english[m.ID], m.Args...)
}

// English returns the catalogue of all messages of this package: a format for
// each ID, its verbs numbered (%[1]s), for a translation to stand beside.
func English() map[string]string { return maps.Clone(english) }

// Fault is the reason for which a row cannot be sent.
type Fault struct {
	Message
	Field  string // the identifying field at fault, such as tagId; empty for the row as a whole
	Column string // that field's column or key in the input, where it has one
}

func (f *Fault) Error() string { return f.Message.String() }

// Note is something about a row that does not keep it from being sent.
type Note struct {
	Message
	Field  string
	Column string
	Mended bool // a cell was read as what it surely meant; otherwise it is only odd
}

// InputError is a fault of the input as a whole, or of how it was to be read:
// the run cannot go on until the user has changed something.
type InputError struct {
	File string
	Line int64 // 0 where the fault has no line
	Message
	Hint Message // what to do; may be empty
	Err  error   // the cause, where there is one
}

func (e *InputError) Error() string {
	place := e.File
	if e.Line > 0 {
		place = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	if hint := e.Hint.String(); hint != "" {
		return fmt.Sprintf("%s: %s; %s", place, e.Message, hint)
	}
	return fmt.Sprintf("%s: %s", place, e.Message)
}

func (e *InputError) Unwrap() error { return e.Err }

func say(id string, args ...any) Message { return Message{ID: id, Args: args} }

// IDs returns the names of all messages in order.
func IDs() []string { return slices.Sorted(maps.Keys(english)) }

// english says each message. Arguments are numbered, so that another language
// can put them in its own order.
var english = map[string]string{
	// Rows.
	"no-tag":             "the row has no tag: its %[1]s is empty",
	"no-client":          "the row names no client: it needs clientId, or platform with platformClientId",
	"no-platform":        "the row has a platformClientId and no platform: fill the cell, or give --platform for all such rows",
	"no-platform-client": "the row has a platform and no platformClientId: fill the cell, or give a clientId",
	"unknown-platform":   "the platform %[1]q is not one of line, facebook, instagram, liveChat, whatsapp",
	"other-bot":          "the row belongs to bot %[1]q, and this run is for bot %[2]q, whose token reaches only its own clients",
	"few-cells":          "the row has %[1]d cells where the header has %[2]d: mend it and delete what then stands to the right of mantatag's own cells",
	"still-surplus":      "to the right of mantatag's columns still stands what did not fit the columns: mend the row, and delete that cell",
	"many-cells":         "the row has %[1]d cells where the header has %[2]d: mend it and delete what then stands to the right of mantatag's own cells",
	"repeated-header":    "the row is the header once more",
	"other-header":       "the row is a header with other columns than the first, or in another order, so the rows below it are not sent: put their cells into the order of the first header and delete this row, or move it with them into a file of its own",
	"below-header":       "the row stands below the header on line %[1]d, which has other columns than the first, or in another order: put its cells into the order of the first header and delete that one, or move both into a file of their own",
	"stray-quote":        "a quotation mark opens a cell and does not close it properly",
	"long-row":           "the row is longer than %[1]d bytes, of which the first %[2]d are kept here: shorten its longest cell, or leave that column out",
	"bad-text":           "the row is not valid %[1]s text",
	"not-object":         "the line is not a JSON object",
	"tag-list":           "tagId is a list: give --split-tags to ask for each tag in it",
	"nested":             "%[1]s is not a string or a number",
	"twice":              "the object has %[1]s twice, with different values",
	"float-number":       "%[1]s is the JSON number %[2]s, which is no id: write ids as strings",
	"needs-split":        "the file was written by a run with --split-tags, and the row may ask for several tags: give that flag again",
	"tag-in-part":        "mantatag_tag names %[1]q, which is only a part of the tag cell %[2]q: write the mended tag into both; if the cell holds several tags, say with --split-tags what stands between them",
	"tag-not-in-row":     "mantatag_tag names %[1]q, which the row's tag cell does not hold: write the mended tag into both, or clear mantatag_tag to send all tags of the cell",

	// Cells, by the rules; the arguments are the column, the cell, and what it became.
	"invisible":         "%[1]s: invisible characters were taken out of %[2]q",
	"surrounding-space": "%[1]s: white space around %[3]q was taken off",
	"full-width":        "%[1]s: the full-width %[2]q was read as %[3]q",
	"text-formula":      "%[1]s: the formula %[2]s was read as the text in it",
	"apostrophe":        "%[1]s: the apostrophe that marks %[2]q as text was taken off",
	"point-zero":        "%[1]s: %[2]q was read as %[3]q",
	"thousands":         "%[1]s: %[2]q was read without its commas, as %[3]q",
	"replaced":          "%[1]s is %[2]q, where a replacement character shows that text was lost in an earlier conversion",
	"control":           "%[1]s is %[2]q, with a line break or control character in it",
	"quote-in-id":       "%[1]s is %[2]q, with a stray quotation mark in it",
	"formula":           "%[1]s is the formula %[2]q instead of its result: paste it as values and export again",
	"no-result":         "%[1]s holds a formula without a saved result: open the workbook in Excel or LibreOffice, save it, and run again",
	"error-value":       "%[1]s is %[2]q, an error of the spreadsheet's formula: correct it there and export again",
	"too-narrow":        "%[1]s is %[2]q, a number that its column was too narrow to show: widen the column and export again",
	"no-value":          "%[1]s is %[2]q, a word for no value: leave the cell empty",
	"scientific":        "%[1]s is %[2]q, a long number that a spreadsheet has shortened: format the column as text in the original and export again",
	"rounded":           "%[1]s is %[2]q, which a spreadsheet has rounded past its 15th digit: format the column as text before the ids go in, and export again",
	"lost-digits":       "%[1]s is %[2]q, a number whose digits beyond the 15th are lost in this workbook: enter the id anew in a cell whose format is text",
	"odd-rounded":       "%[1]s is %[2]q, which a spreadsheet may have rounded past its 15th digit: see whether this is the id",
	"dotted-thousands":  "%[1]s is %[2]q, a number with points between its thousands: format the column as text and export again",
	"comma-in-tag":      "%[1]s is %[2]q, which is either one number with a comma or several tags: write it without commas, or use --split-tags",
	"date":              "%[1]s is %[2]q, which a spreadsheet has turned into a date or time: format the column as text in the original and export again",
	"long-id":           "%[1]s is longer than any id: %[2]q",
	"odd-fraction":      "%[1]s is %[2]q, a number with a fraction",
	"odd-number":        "%[1]s is %[2]q, a number written in a way that ids are not",
	"odd-truth":         "%[1]s is %[2]q, which a spreadsheet writes for true or false",
	"odd-question":      "%[1]s is %[2]q, in which a question mark may stand for a character that an earlier conversion lost",
	"odd-mobile":        "%[1]s is %[2]q, a mobile number of Taiwan without its 0, and a WhatsApp id begins with the country's 886",
	"odd-date":          "%[1]s is %[2]q, which looks like a date",
	"odd-several":       "%[1]s is %[2]q, sent as one tag; if it is several, say with --split-tags what stands between them",
	"odd-space":         "%[1]s is %[2]q, with white space in it",
	"odd-letters":       "%[1]s is %[2]q, which has letters that ids do not have",
	"odd-line":          "%[1]s is %[2]q, and a LINE id is U and 32 of 0-9 and a-f",
	"odd-whatsapp":      "%[1]s is %[2]q, and a WhatsApp id is a phone number of 7 to 15 digits",
	"odd-facebook":      "%[1]s is %[2]q, and a Facebook id is a number",
	"odd-instagram":     "%[1]s is %[2]q, and an Instagram id is a number",
	"undoubled":         "quotation marks within a cell are not doubled; the row could be read nevertheless",
	"hidden-row":        "the row is hidden in the workbook, and counts all the same: copy the visible rows into a sheet of their own if only they are meant",

	// The input as a whole.
	"folder":        "it is a folder, not a file",
	"missing":       "there is no such file",
	"unreadable":    "it cannot be read: %[1]s",
	"irregular":     "it is not a regular file",
	"empty":         "the file is empty",
	"no-header":     "there is no header and no row in it",
	"header-quote":  "the header line opens a quotation mark that it does not close",
	"changed":       "the file was changed while it was read",
	"no-columns":    "the header has no column for %[1]s; its columns are %[2]s",
	"two-columns":   "the columns %[1]q and %[2]q both stand for %[3]s",
	"same-name":     "two columns are called %[1]q, which stands for %[2]s",
	"no-map-column": "there is no column %[1]q for %[2]s; the columns are %[3]s",
	"bad-map":       "there is no field %[1]q to map: the fields are tagId, clientId, platform, platformClientId, botId",
	"bad-platform":  "the platform %[1]q given for all rows is not one of line, facebook, instagram, liveChat, whatsapp",
	"bad-format":    "there is no format %[1]q: it is one of auto, csv, tsv, ndjson, xlsx",
	"json-array":    "it is one JSON array, not one object a line",
	"json-pretty":   "it is a JSON object over several lines, not one object a line",

	"binary":            "it holds data, not text",
	"foreign":           "it is %[1]s",
	"an-empty-zip":      "an empty zip archive",
	"a-pdf":             "a PDF document",
	"an-image":          "an image",
	"a-database":        "a database",
	"a-program":         "a program",
	"utf-32-text":       "text in UTF-32",
	"an-xml":            "an XML document",
	"a-page":            "a web page (HTML)",
	"a-sheet":           "a LibreOffice (OpenDocument) sheet",
	"packed":            "it is packed by %[1]s",
	"old-workbook":      "it is a workbook in the old .xls format, or one protected by a password",
	"no-workbook":       "it is not an .xlsx workbook",
	"lock-file":         "it is the lock file of a workbook that is open in Excel",
	"no-workbook-zip":   "it is a zip archive, and not an .xlsx workbook",
	"no-sheet":          "there is no sheet %[1]q in it; its sheets are %[2]s",
	"no-temporary":      "the folder for temporary files cannot take the texts of its cells: %[1]s",
	"cut-off":           "its %[1]s data end too early: the file was not copied whole",
	"damaged":           "its %[1]s data are damaged: %[2]v",
	"in-part":           "%[1]s: %[2]v",
	"no-part":           "it is missing",
	"large-part":        "it has %[1]d MiB, and should have at most %[2]d",
	"no-sheets":         "it has no sheet",
	"long-text":         "a text or tag of more than %[1]d MiB",
	"bad-row":           "a row is called %[1]q, after row %[2]s",
	"bad-cell":          "in row %[1]s a cell is called %[2]q, after column %[3]d",
	"no-text":           "in row %[1]s a cell has the text %[2]q, and there are only %[3]d",
	"bomb":              "it unpacks to more than %[1]d times its size, which no table does",
	"bad-encoding":      "there is no encoding %[1]q: it is one of %[2]s",
	"bad-delimiter":     "the delimiter %[1]q is not one character such as , or ; or | or the word tab",
	"doubtful-encoding": "its encoding is doubtful: as %[1]s it reads %[2]q, as %[3]s %[4]q",

	// What to do about it.
	"hint-formats":         "export it as CSV, TSV, NDJSON or .xlsx",
	"hint-unpack":          "unpack it first; gzip and zstd are read as they are",
	"hint-unpack-once":     "unpack it once before",
	"hint-save-xlsx":       "save it as .xlsx without a password",
	"hint-save-sheet":      "save it as .xlsx or as CSV",
	"hint-question-marks":  "their question marks stand for characters that were lost when it was saved: save it once more, as UTF-8",
	"hint-lock-file":       "give the workbook itself, %[1]s",
	"hint-get-again":       "get it again from where it came",
	"hint-temporary":       "make room there, name another folder in TMPDIR (on Windows TMP), or save the sheet as CSV",
	"hint-encoding":        "say which is right with --encoding",
	"hint-map":             "name the column with --map %[1]s=COLUMN",
	"hint-rename":          "rename one of them",
	"hint-nearest":         "the nearest is %[2]q: name it with --map %[1]s",
	"hint-map-or-give":     "name the column with --map %[1]s=COLUMN%[3]v, or give one value for all rows with %[2]s",
	"hint-nearest-or-give": "the nearest is %[2]q: name it with --map %[1]s%[4]v, or give one value for all rows with %[3]s",
	"also-map":             " (and that of %[1]s, which is missing too, with --map %[1]s=COLUMN)",
	"also-nearest":         " (and that of %[1]s, which is missing too, perhaps %[2]q, with --map %[3]s)",
	"hint-or-header":       "%[1]v; if this line is already a row of data, put a header line above it",
	"hint-sheet":           "that is the sheet %[1]q; --sheet reads another: there is %[2]s",
	"hint-or-sheet":        "that is the sheet %[1]q; --sheet reads another: there is %[2]s; if that is the right one, %[3]v",
	"hint-quote":           "close it, or take it out",
	"hint-stdin":           "what a program writes is given through standard input: its command | mantatag run -",
	"hint-again":           "run the same command again when nothing writes to it: what is done will not be sent again",
	"hint-jq":              "turn it into one object a line, for example with jq -c",
}
